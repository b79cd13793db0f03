"""The README's table of settings is the table of settings."""

from __future__ import annotations

import re
from pathlib import Path

from testcache.schema import key_of
from testcache.settings import Network, Parallel, Processes, Remote, Settings
from testcache.structs import Struct, fields

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_names_every_setting() -> None:
    """Each key has its row in the README, and no row names a key that does not exist."""
    section = README.read_text(encoding="utf-8").partition("## Settings")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {key for row in rows for key in re.findall(r"`([a-z.-]+)`", row)}
    tables: dict[str, type[Struct]] = {
        "network": Network,
        "processes": Processes,
        "parallel": Parallel,
        "remote": Remote,
    }
    known = {key_of(entry.name) for entry in fields(Settings)} - set(tables)
    known |= {f"{table}.{key_of(entry.name)}" for table, cls in tables.items() for entry in fields(cls)}
    assert named == known
