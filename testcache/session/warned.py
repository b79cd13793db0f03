"""Warnings that tests gave: stored with their results, and shown again by each replay.

pytest tells of them when a test is over and its result is already on its way; from a worker they come behind it.
"""

from __future__ import annotations

import builtins
import os
import warnings
from typing import Any

from testcache.inputs.roots import Roots
from testcache.model import NodeId, Result
from testcache.structs import replace

WARNING = "Warning"
"""What stands in place of a report's type where a warning is stored among reports."""

_AS_IT_IS = "="
"""In front of what is no path, such as `<string>`."""


class Warned:
    """The warnings of the tests that have run in this session."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._of: dict[NodeId, tuple[float, list[dict[str, Any]]]] = {}

    def note(self, result: Result, message: warnings.WarningMessage) -> Result:
        """The result of a test, once it is known that it has given this warning, too."""
        at, noted = self._of.get(result.node_id, (0.0, []))
        if at != result.recorded_at:  # it has run again
            noted = []
        noted.append(stored(message, self._roots))
        self._of[result.node_id] = result.recorded_at, noted
        return self.onto(result)

    def onto(self, result: Result) -> Result:
        """A result with all warnings that are known of it."""
        at, noted = self._of.get(result.node_id, (0.0, []))
        if not noted or result.trace is None or at != result.recorded_at:
            return result
        reports = [report for report in result.trace.reports if not is_warning(report)]
        return replace(result, trace=replace(result.trace, reports=(*reports, *noted)))


def is_warning(stored: dict[str, Any]) -> bool:
    """Whether this is a warning among the reports of a test."""
    return stored.get("$report_type") == WARNING


def stored(message: warnings.WarningMessage, roots: Roots) -> dict[str, Any]:
    """A warning as plain data."""
    return {
        "$report_type": WARNING,
        "category": message.category.__name__,
        "text": str(message.message),
        "path": roots.name(message.filename) if os.path.isabs(message.filename) else _AS_IT_IS + message.filename,
        "line": message.lineno,
    }


def restored(stored: dict[str, Any], roots: Roots) -> warnings.WarningMessage:
    """The warning as pytest would tell of it; only of what Python itself defines it has the very class."""
    name, text = stored["category"], stored["text"]
    known = getattr(builtins, name, None)
    category = known if isinstance(known, type) and issubclass(known, Warning) else type(name, (Warning,), {})
    path = stored["path"]
    path = path[1:] if path.startswith(_AS_IT_IS) else roots.path(path)
    return warnings.WarningMessage(category(text), category, path, stored["line"])
