"""Bearers: objects of the test runner on which code of the project sets attributes of its own, for later tests.

`item.parent._previousfailed = item` in a hook, `request.config.server = ...` in a test: whoever mentions such a name
comes upon what is there. What pytest keeps for itself under other names is nobody's business.
Does not see: what lies in the value of such an attribute, but for the elements of a list, dict or set; stashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any, Final

from testcache.recording import anatomy
from testcache.recording.anatomy import MISSING, same
from testcache.recording.borrowed import content
from testcache.recording.change import Change

_OF_THE_RUNNER: Final = frozenset({
    "args", "cache", "config", "exitstatus", "extra_keyword_matches", "fspath", "hook", "items", "keywords", "name",
    "obj", "option", "own_markers", "parent", "path", "pluginmanager", "session", "shouldfail", "shouldstop",
    "startpath", "stash", "testscollected", "testsfailed", "trace", "workerinput", "workeroutput",
})  # fmt: skip
"""Attributes of pytest's own, by names that code may mention."""

Bearer = tuple[str, object]
"""An object and its name, such as the node id of a class."""


class Bearers:
    """Compares what such objects have with what they had.

    Attributes:
        words: the names that code of the project mentions.
    """

    def __init__(self) -> None:
        self.words: Set[str] = frozenset()
        self._present: Sequence[Bearer] = ()
        self._held: list[tuple[str, dict[str, Any]]] = []
        self._quiet: dict[str, tuple[Set[str], int]] = {}  # all attributes that it had, and how many words there were
        self._base: dict[str, dict[str, object]] = {}
        self._last: dict[str, dict[str, object]] = {}

    def carry(self, bearers: Sequence[Bearer]) -> None:
        """A test begins whose code may reach these. Cost: 1 us each, if they are others than before."""
        if bearers is self._present:
            return
        self._present = bearers
        self._held = [(name, anatomy.dict_of(thing) or {}) for name, thing in bearers]
        for name, held in self._held:
            if name not in self._base:
                self._base[name] = self._last[name] = self._look(held)

    def _look(self, held: dict[str, Any]) -> dict[str, object]:
        values = ((name, held[name]) for name in self.words & held.keys() if name not in _OF_THE_RUNNER)
        return {name: value if (inside := content(value)) is None else inside for name, value in values}

    def changes(self) -> Iterator[Change]:
        """What has changed since the last look. Cost: 0.5 us for each object that the test may reach."""
        count = len(self.words)
        for name, held in self._held:
            known = self._quiet.get(name)
            if known is not None and known[1] == count and held.keys() == known[0]:
                continue
            now, last, base = self._look(held), self._last[name], self._base[name]
            if not now and not last:
                self._quiet[name] = frozenset(held), count
                continue
            self._quiet.pop(name, None)
            if now.keys() == last.keys() and all(now[key] is last[key] for key in now):
                continue
            self._last[name] = now
            for key in sorted(now.keys() | last.keys()):
                value, before = now.get(key, MISSING), last.get(key, MISSING)
                if not same(value, before):
                    holder = f"<{name}>"
                    restored = same(value, base.get(key, MISSING))
                    yield Change(
                        holder, f"{holder}.{key}", before, value, frozenset((key,)), frozenset(), restored, added=False
                    )
