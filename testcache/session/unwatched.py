"""A run that cannot be watched: its tests run as they would without us, and it says why."""

from __future__ import annotations

import os
import traceback

import pytest

from testcache.reasons import Reason


class Unwatched:
    """Stands for the run's plugin.

    Args:
        problem: what was raised when watching was to begin; by then a project's plugins may have changed anything.
    """

    def __init__(self, problem: Exception) -> None:
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        self._place = f"{os.path.basename(frame.filename)}:{frame.lineno}"
        self._what = f"{type(problem).__name__}: {problem}"

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(
            f"testcache: this run: could not be watched: {self._what} [{Reason.NOT_WATCHED.slug}]", yellow=True
        )
        terminalreporter.write_line(f"    at {self._place}; all tests have run as without --cached. Please report it.")
