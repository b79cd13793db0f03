"""`testcache verify`: run all tests and compare with what is recorded, together or each alone."""

from __future__ import annotations

import os
import sys


def run(tests: list[str], *, isolated: bool) -> int:
    """Become pytest with the option for it; its exit code is 1 if a test ended otherwise than recorded."""
    option = "--cached-isolated" if isolated else "--cached=verify"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", option, *tests])  # noqa: S606  # no shell, our own words
