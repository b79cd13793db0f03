"""Runs of tests of which nobody is told: their reports are handed back, with those of their sub-tests."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from _pytest.subtests import failed_subtests_key

_HOOK = "pytest_runtest_logreport"
_NAME = "testcache-unheard"
_TOLD = frozenset({_NAME, "testcache-recording"})
"""Plugins that are told of sub-tests all the same: what is stored of a test has them in it."""


class Unheard:
    """A plugin that takes what sub-tests report: they do so while their test runs, and not with it.

    pytest counts those that have failed when they end, and has a test of such fail when that is reported. What counts
    here is the run that is reported.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._reports: list[pytest.TestReport] = []
        self._listens = False
        config.pluginmanager.register(self, _NAME)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if self._listens:
            self._reports.append(report)

    def run(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        """Run a test; what would be reported, in that order."""
        failed: Any = self._config.stash.get(failed_subtests_key, {})
        before = dict(failed)
        try:
            with self._silence(), self._listening() as sub_tests:
                reports = runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            failed.clear()
            failed.update(before)
        return [*reports[:1], *sub_tests, *reports[1:]]

    def run_aloud(self, item: pytest.Item, nextitem: pytest.Item | None) -> tuple[list[pytest.TestReport], bool]:
        """Run a test of which the sub-tests report at once; the reports of the test itself, and whether it has some."""
        with self._listening() as sub_tests:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        return reports, bool(sub_tests)

    def tell(self, item: pytest.Item, reports: Sequence[pytest.TestReport]) -> None:
        """Report a test that was run."""
        failed: Any = self._config.stash.get(failed_subtests_key, {})
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in reports:
            if type(report) is not pytest.TestReport and report.failed:
                key = getattr(report, "id", report.nodeid)  # before pytest 9.2 the node id
                failed[key] = failed.get(key, 0) + 1
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    @contextmanager
    def _listening(self) -> Generator[list[pytest.TestReport], None, None]:
        self._listens, self._reports = True, []
        try:
            yield self._reports
        finally:
            self._listens = False

    @contextmanager
    def _silence(self) -> Generator[None, None, None]:
        """For its length the hook has no other listeners.

        Below all callers of the hook, as pluggy's own tracing is: those for the conftest files of a folder are made
        anew for each test, and a test may register a plugin.
        """
        manager: Any = self._config.pluginmanager
        execute = manager._inner_hookexec

        def silent(name: str, listeners: Sequence[Any], values: Any, firstresult: bool) -> object:
            if name == _HOOK:
                listeners = [one for one in listeners if one.plugin_name in _TOLD]
            return execute(name, listeners, values, firstresult)

        manager._inner_hookexec = silent
        try:
            yield
        finally:
            manager._inner_hookexec = execute


def took_s(reports: Sequence[pytest.TestReport]) -> float:
    """Seconds that a test took; without its call where a sub-test failed, as pytest describes that within the call."""
    own = [report for report in reports if type(report) is pytest.TestReport]
    sub_tests = [report for report in reports if type(report) is not pytest.TestReport]
    if any(report.failed for report in sub_tests):
        own = [report for report in own if report.when != "call"] + sub_tests
    return sum(report.duration for report in own)
