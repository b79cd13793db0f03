"""`testcache run`: the tests, by pytest."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def run(arguments: list[str]) -> NoReturn:
    """Become `pytest --cached` with these arguments; its exit code is that of the command."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", "--cached", *arguments])  # noqa: S606  # a shell would be one more thing between
