"""What collecting a file shows besides its tests: that it was skipped as a whole, and warnings.

Where a file is not imported, because all of its tests can be replayed, that is shown again.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable
from typing import Any

import pytest

from testcache.inputs.roots import Roots
from testcache.session.warned import is_warning, restored, stored

SKIPPED = "CollectReport"


class Shown:
    """A pytest plugin that notes what is shown while files and folders are collected."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._by_path: dict[str, list[dict[str, Any]]] = {}
        self._unknown: set[str] = set()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        path, log = str(collector.path), _log()
        before = len(log)
        report = yield
        shown = [stored(message, self._roots) for message in log[before:]]
        if report.outcome == "skipped" and isinstance(report.longrepr, tuple):
            where, line, reason = report.longrepr
            told = [self._roots.name(str(where)), line, reason]
            shown.append({"$report_type": SKIPPED, "nodeid": report.nodeid, "longrepr": told})
        elif report.outcome != "passed":
            self._unknown.add(path)
        if shown:
            self._by_path.setdefault(path, []).extend(shown)
        return report

    def by_folders(self, files: Iterable[str]) -> list[dict[str, Any]]:
        """What was shown for anything but these files."""
        known = {*files}
        return [one for path, shown in self._by_path.items() if path not in known for one in shown]

    def of(self, path: str) -> list[dict[str, Any]] | None:
        """What was shown for one path; None if that cannot be shown again."""
        return None if path in self._unknown else self._by_path.get(path, [])


def _log() -> list[warnings.WarningMessage]:
    """The list in which pytest gathers warnings just now: it tells of them when the whole collection is over."""
    log = getattr(getattr(warnings, "_showwarnmsg_impl", None), "__self__", None)
    return log if isinstance(log, list) else []


def show(config: pytest.Config, shown: Iterable[dict[str, Any]], roots: Roots) -> None:
    """Show again what was shown when files were collected."""
    for one in shown:
        if is_warning(one):
            told = {"warning_message": restored(one, roots), "nodeid": "", "when": "collect", "location": None}
            config.hook.pytest_warning_recorded.call_historic(kwargs=told)
        else:
            where, line, reason = one["longrepr"]
            report = pytest.CollectReport(one["nodeid"], "skipped", (roots.path(where), line, reason), [])
            config.hook.pytest_collectreport(report=report)
