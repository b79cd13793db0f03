"""A pytest plugin that notes which tests really ran and what was reported, one JSON line an event."""

from __future__ import annotations

import json
import os

import pytest

_file: int | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Open the notes once: an open during a test would look like something that the test did."""
    global _file
    _file = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Reports())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Note that a test's body starts, in whichever process that is."""
    _note(event="ran", nodeid=item.nodeid)


class _Reports:
    """Only where results are shown: the controller under xdist, else the one process."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase's report, replayed or real."""
        outcome: str = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = {"skipped": "xfailed", "passed": "xpassed"}.get(outcome, outcome)
        _note(event="report", nodeid=report.nodeid, when=report.when, outcome=outcome)


def _note(**event: object) -> None:
    assert _file is not None
    os.write(_file, json.dumps(event).encode() + b"\n")  # one write of one line: whole, also from workers
