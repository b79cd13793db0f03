"""Whether traces that came from elsewhere are what a run records: decoding only checked their types."""

from __future__ import annotations

import math
from typing import Any

from testcache.errors import BadRecord
from testcache.exchange.refusals import Damaged, Replayed
from testcache.model import Manifest, Trace, is_import
from testcache.storage.codec import decode_value

CLOCK_SKEW_S = 86_400.0
"""Machines disagree about the time by minutes; a day also covers a clock set to local time."""

_PHASES = frozenset({"setup", "call", "teardown"})
_OUTCOMES = frozenset({"passed", "skipped", "xfailed"})
_TYPES: dict[str, type | tuple[type, ...]] = {
    "duration": (int, float),
    "when": str,
    "outcome": str,
    "sections": list,
    "user_properties": list,
    "$report_type": str,
    "wasxfail": str,
}
_OF_WARNING = {"$report_type": str, "category": str, "text": str, "path": str, "line": int}


def examine(manifest: Manifest, path: str, *, now_s: float) -> None:
    """Check what replaying relies on. Raises Damaged, or Replayed for records of the future."""
    moments = [trace.recorded_at for traces in manifest.traces.values() for trace in traces]
    for moment in [*moments, *manifest.failed.values()]:
        if not math.isfinite(moment) or moment < 0:
            raise Damaged("a result has no time")
        if moment > now_s + CLOCK_SKEW_S:
            raise Replayed("it holds results of the future: is a clock wrong, here or where it was made?")
    for node, traces in manifest.traces.items():
        if node.partition("::")[0] != path:
            raise Damaged("a result is filed under another test file")
        for trace in traces:
            if not _is_plausible(trace) if not is_import(node) else trace.reports or trace.lines:
                raise Damaged("a result is none that a run would have recorded")


def _is_plausible(trace: Trace) -> bool:
    numbers = (trace.duration_s, trace.max_age_s, trace.since)
    if trace.outcome not in _OUTCOMES or not all(math.isfinite(n) and n >= 0 for n in numbers):
        return False
    phases = [report.get("when") for report in trace.reports]
    if phases.count("setup") != 1 or phases.count("teardown") != 1:
        return False
    return all(_is_warning(one) or _is_report(one) for one in trace.reports) and _are_lines(trace.lines)


def _is_warning(report: dict[str, Any]) -> bool:
    """Whether a report is none, but a warning that the test gave."""
    if report.keys() != _OF_WARNING.keys() or report["$report_type"] != "Warning":
        return False
    return (
        all(isinstance(report[name], kind) for name, kind in _OF_WARNING.items()) and report["category"].isidentifier()
    )


def _is_report(report: dict[str, Any]) -> bool:
    if report.get("when") not in _PHASES or report.get("outcome", "passed") not in ("passed", "skipped"):
        return False
    if not all(isinstance(report[name], kind) for name, kind in _TYPES.items() if name in report):
        return False
    pairs = [*report.get("sections", ()), *report.get("user_properties", ())]
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return False
    longrepr = report.get("longrepr")
    if isinstance(longrepr, list):
        return len(longrepr) == 3 and isinstance(longrepr[0], str)
    return longrepr is None or isinstance(longrepr, (str, dict))


def _are_lines(lines: bytes) -> bool:
    if not lines:
        return True
    try:
        how, files = decode_value(lines, tuple[bytes, dict[str, tuple[bytes, list[Any]]]])  # as the session packs them
    except BadRecord:
        return False
    return bool(how) and all(_is_line(line) for _, found in files.values() for line in found)


def _is_line(line: object) -> bool:
    if isinstance(line, list):
        return len(line) == 2 and all(type(number) is int for number in line)
    return type(line) is int
