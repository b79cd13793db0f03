"""What one step of a CI job tells the next: `name=value`, in the form that GitHub reads back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence


def put(values: Mapping[str, str | Sequence[str]]) -> None:
    """Append values to the file that `GITHUB_OUTPUT` names; nothing elsewhere.

    A sequence is written line by line. The delimiter is random, so that no value can end itself and go
    on as another output.
    """
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        return
    with open(path, "a", encoding="utf-8") as file:
        for name, value in values.items():
            delimiter = f"end-{os.urandom(8).hex()}"
            lines = [value] if isinstance(value, str) else value
            file.write(f"{name}<<{delimiter}\n" + "".join(f"{line}\n" for line in lines) + f"{delimiter}\n")


def warning(text: str) -> str:
    """A line that GitHub shows as a warning of the job; the line itself elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return text
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::warning title=testcache::{escaped}"
