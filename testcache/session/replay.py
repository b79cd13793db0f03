"""Reports to plain data and back: what makes a replayed test a real result."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Container
from typing import Any, Literal

import pytest

from testcache.inputs.roots import Roots
from testcache.model import NodeId, Trace
from testcache.session.names import node_id
from testcache.session.warned import is_warning, restored
from testcache.storage.index import IndexedTest

_KNOWN_TO_THE_ITEM = ("nodeid", "location", "keywords", "start", "stop")
_DEFAULTS: dict[str, Any] = {"longrepr": None, "sections": [], "user_properties": [], "outcome": "passed"}
_OURS = "testcache"
PHASES: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
_ATTRIBUTES = frozenset(
    {"nodeid", "location", "keywords", "outcome", "longrepr", "when", "user_properties", "sections", "duration",
     "start", "stop", "testcache"}
)  # fmt: skip
HIT = "testcache_hit"
"""The attribute by which a replayed report is told from one just made."""
HIT_PROPERTY = ("testcache", "hit")
"""In the properties of the teardown report: the only place from which junitxml writes a <property>."""


class Replays:
    """A plugin that replays hits; registered when all others are.

    So it stands before conftest files that run tests in their own way (a rerun, a sandbox), which would
    run a hit for real and unrecorded, and still behind whoever asks to be first.
    """

    def __init__(self, hits: Container[NodeId], replay: Callable[[pytest.Item], None]) -> None:
        self._hits = hits
        self._replay = replay

    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        if node_id(item) not in self._hits:
            return None
        self._replay(item)
        return True


def serialise(config: pytest.Config, report: pytest.TestReport, roots: Roots) -> dict[str, Any]:
    """Turn a report into plain data, without what the item knows and without defaults."""
    if _is_plain(report):
        return {"$report_type": "TestReport", "when": report.when, "duration": report.duration}
    data: dict[str, Any] = config.hook.pytest_report_to_serializable(config=config, report=report)
    data = {key: value for key, value in data.items() if key not in _KNOWN_TO_THE_ITEM and not key.startswith(_OURS)}
    data = {key: value for key, value in data.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}
    longrepr = data.get("longrepr")
    if isinstance(longrepr, (tuple, list)) and len(longrepr) == 3:  # a skip: path, line, reason
        data["longrepr"] = [roots.name(str(longrepr[0])), longrepr[1], longrepr[2]]
    data.pop("worker_id", None)
    data.pop("testrun_uid", None)
    data.pop("node", None)
    data.pop("item_index", None)
    return data


def _is_plain(report: pytest.TestReport) -> bool:
    """Whether a phase passed and left nothing but its duration: then the detour by hooks changes nothing."""
    return (
        type(report) is pytest.TestReport
        and report.outcome == "passed"
        and not (report.longrepr or report.sections or report.user_properties)
        and report.__dict__.keys() <= _ATTRIBUTES
    )


def replay(config: pytest.Config, item: pytest.Item, hit: Trace | IndexedTest, roots: Roots) -> None:
    """Tell of a test what would be told if it ran and ended just now."""
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _restored(config, item, hit, roots):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if config.pluginmanager.has_plugin("warnings"):
        for stored in filter(is_warning, hit.reports):
            message = restored(stored, roots)
            told = {"warning_message": message, "nodeid": item.nodeid, "when": "runtest", "location": None}
            hook.pytest_warning_recorded.call_historic(kwargs=told)


def _restored(
    config: pytest.Config, item: pytest.Item, hit: Trace | IndexedTest, roots: Roots
) -> list[pytest.TestReport]:
    """Make the real reports of a recorded run again."""
    if isinstance(hit, IndexedTest) and not hit.reports:
        return [plain_pass(item, when, s) for when, s in zip(PHASES, hit.durations_s, strict=True)]
    reports = []
    for stored in hit.reports:
        if is_warning(stored):
            continue
        stop = time.time()
        data = {
            **_DEFAULTS,
            **stored,
            "nodeid": item.nodeid,
            "location": item.location,
            "keywords": dict.fromkeys(item.keywords, 1),
            "start": stop - float(stored.get("duration", 0.0)),
            "stop": stop,
        }
        data["sections"] = [tuple(section) for section in data["sections"]]
        data["user_properties"] = [tuple(pair) for pair in data["user_properties"]]
        longrepr = data["longrepr"]
        if isinstance(longrepr, dict):
            data["longrepr"] = copy.deepcopy(longrepr)  # pytest rebuilds it in place, and the index keeps it
        if isinstance(longrepr, list) and len(longrepr) == 3:
            data["longrepr"] = (roots.path(longrepr[0]), longrepr[1], longrepr[2])
        report = config.hook.pytest_report_from_serializable(config=config, data=data)
        setattr(report, HIT, True)
        if report.when == "teardown":
            report.user_properties.append(HIT_PROPERTY)
        reports.append(report)
    return reports


def plain_pass(item: pytest.Item, when: Literal["setup", "call", "teardown"], duration_s: float) -> pytest.TestReport:
    """The report of a phase that passed and left nothing to show, made without any detour."""
    now = time.time()
    properties = [HIT_PROPERTY] if when == "teardown" else []
    report = pytest.TestReport(
        item.nodeid,
        item.location,
        {item.name: 1},
        "passed",
        None,
        when,
        (),
        duration_s,
        now - duration_s,
        now,
        properties,
    )
    setattr(report, HIT, True)
    return report
