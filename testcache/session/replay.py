"""Reports to plain data and back: what makes a replayed test a real result."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import pytest

from testcache.clock import clock
from testcache.inputs.roots import Roots
from testcache.model import NodeId, Trace
from testcache.session.names import node_id
from testcache.session.warned import is_warning, restored
from testcache.storage.index import IndexedTest

_KNOWN_TO_THE_ITEM = ("nodeid", "location", "keywords", "start", "stop")
_DEFAULTS: dict[str, Any] = {"longrepr": None, "sections": [], "user_properties": [], "outcome": "passed"}
_OURS = "testcache"
_PLAIN = frozenset({"$report_type", "when", "duration"})
_CALLS_ALONE = frozenset("terminal terminalreporter runner skipping subtests lfplugin logging-plugin session".split())  # noqa: SIM905
"""Plugins of pytest that are told of reports, and of a set-up or teardown that passed show and keep nothing."""

_CONTEXT = "_subtest.context"
"""In a report of a sub-test: its message and its values."""

PHASES: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
_ATTRIBUTES = frozenset(
    {"nodeid", "_id", "location", "keywords", "outcome", "longrepr", "when", "user_properties", "sections", "duration",
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

    def __init__(self, hits: Collection[NodeId], replay: Callable[[pytest.Item], None]) -> None:
        self._hits = hits
        self._replay = replay

    def pytest_runtest_protocol(self, item: pytest.Item) -> object:
        if not self._hits or node_id(item) not in self._hits:
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


class Replayer:
    """Tells of tests what would be told if they ran and ended just now. Cost: 30 us each, if they have just passed."""

    def __init__(self, config: pytest.Config, roots: Roots) -> None:
        self._config = config
        self._roots = roots

    def __call__(self, item: pytest.Item, hit: Trace | IndexedTest) -> None:
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._restored(item, hit):
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if self._shows_warnings:
            for stored in filter(is_warning, hit.reports):
                message = restored(stored, self._roots)
                told = {"warning_message": message, "nodeid": item.nodeid, "when": "runtest", "location": None}
                self._config.hook.pytest_warning_recorded.call_historic(kwargs=told)

    @cached_property
    def _shows_warnings(self) -> bool:
        return self._config.pluginmanager.has_plugin("warnings")

    @cached_property
    def _is_brief(self) -> bool:
        """Whether nobody can tell that of three plain passes only the one in the middle is told."""
        hook = self._config.hook
        listeners = (*hook.pytest_runtest_logreport.get_hookimpls(), *hook.pytest_report_teststatus.get_hookimpls())
        names = (one.plugin_name for one in listeners)
        return self._config.option.durations is None and all(
            name in _CALLS_ALONE or name.startswith(_OURS) for name in names
        )

    def _restored(self, item: pytest.Item, hit: Trace | IndexedTest) -> list[pytest.TestReport]:
        """Make the real reports of a recorded run again."""
        if isinstance(hit, IndexedTest):
            durations_s = hit.durations_s if not hit.reports else None
        else:
            durations_s = durations_of(hit.reports) if are_plain(hit.reports) else None
        if durations_s is not None:
            return [plain_pass(item, when, s) for when, s in zip(PHASES, durations_s, strict=True)
                    if when == "call" or not self._is_brief]  # fmt: skip
        return [self._report(item, stored) for stored in hit.reports if not is_warning(stored)]

    def _report(self, item: pytest.Item, stored: dict[str, Any]) -> pytest.TestReport:
        stop = clock.time()
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
            data["longrepr"] = (self._roots.path(longrepr[0]), longrepr[1], longrepr[2])
        made = self._config.hook.pytest_report_from_serializable(config=self._config, data=data)
        report = as_shown(made, data)
        setattr(report, HIT, True)
        if report.when == "teardown":
            report.user_properties.append(HIT_PROPERTY)
        return report


def as_shown(report: Any, data: Mapping[str, Any]) -> pytest.TestReport:
    """A report made of plain data, with the values of a sub-test as they were shown."""
    context = data.get(_CONTEXT)
    if context is not None:  # since 9.1 pytest keeps the text of each value, and makes one of the text once more
        object.__setattr__(report.context, "kwargs", dict(context["kwargs"]))
    shown: pytest.TestReport = report
    return shown


def are_plain(reports: Sequence[Mapping[str, Any]]) -> bool:
    """Whether stored reports say no more than that each phase has passed, and how long that took."""
    return [one.get("when") for one in reports] == [*PHASES] and all(one.keys() <= _PLAIN for one in reports)


def durations_of(reports: Sequence[Mapping[str, Any]]) -> list[float]:
    """The seconds that each stored report says."""
    return [float(one.get("duration", 0.0)) for one in reports]


def plain_pass(item: pytest.Item, when: Literal["setup", "call", "teardown"], duration_s: float) -> pytest.TestReport:
    """The report of a phase that passed and left nothing to show, made without any detour."""
    now = clock.time()
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
