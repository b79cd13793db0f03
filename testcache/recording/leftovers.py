"""Leftovers: what each test left in long-lived objects, and which of it the later ones may have come upon.

1. Test A ends: the census says which places hold something else now, and A is their *filler*.
2. Test B begins: everything that is in another state than at first, and who filled it, is noted.
3. B ends: what of that its code mentions by name is *found* by B; its result rests on it.

A place that holds again what it held at first is in nobody's way. The inputs of A do not count for B: a later
run compares what A leaves then with what B found (`testcache.trace`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from testcache.model import ABSENT, EVERY, Digest, Found, Leftover, NodeId
from testcache.recording.anatomy import MISSING
from testcache.recording.census import Census
from testcache.recording.context import Place
from testcache.recording.keepers import Names
from testcache.recording.portrait import portrait

Mentions = Callable[[Place], Names]
"""The names that the code at a place mentions."""

NOTHING: frozenset[Leftover] = frozenset()
_STEPS = ".[(<{~"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One place that is not as it was at first."""

    found: Found
    names: Names
    files: Names


class State:
    """All places that are not as they were at first, at one moment; never changes."""

    def __init__(self, entries: Mapping[str, _Entry]) -> None:
        self.entries = entries
        self._by_name: dict[str, list[_Entry]] = {}
        for entry in entries.values():
            for name in entry.names:
                self._by_name.setdefault(name, []).append(entry)
        self._at: dict[Place, frozenset[_Entry]] = {}

    def reached(self, places: Iterable[Place], mentions: Mentions, files: Names) -> frozenset[Found]:
        """What code at these places may have come upon, if it rests on these modules. Cost: 50 ns a place."""
        if not self.entries:
            return frozenset()
        reached: set[_Entry] = set()
        for place in places:
            known = self._at.get(place)
            if known is None:
                known = self._at[place] = self._mentioned(mentions(place))
            if known:
                reached |= known
        return frozenset(entry.found for entry in reached if not entry.files.isdisjoint(files))

    def _mentioned(self, names: Names) -> frozenset[_Entry]:
        if EVERY in names:
            return frozenset(self.entries.values())
        return frozenset(entry for name in self._by_name.keys() & names for entry in self._by_name[name])


AT_FIRST = State({})


class Leftovers:
    """Follows the state of one process from test to test.

    Attributes:
        state: what is not as it was at first, after the last test.
    """

    def __init__(self, census: Census) -> None:
        self._census = census
        self.state = AT_FIRST

    def of(self, test: NodeId) -> frozenset[Leftover]:
        """What a test that has just ended left. Cost: a look of the census; about 1 us an object it filled."""
        changes = self._census.changes()
        if not changes:
            return NOTHING
        entries = dict(self.state.entries)
        left = {}
        for change in changes:
            entries = {place: entry for place, entry in entries.items() if not _is_within(place, change.place)}
            if change.restored:
                left.pop(change.place, None)
                continue
            value = ABSENT if change.value is MISSING else portrait(change.value)
            left[change.place] = value
            entries[change.place] = _Entry(Found(test, change.place, value), change.names, change.files)
        self.state = State(entries)
        return frozenset(Leftover(place, Digest(value)) for place, value in left.items())


def _is_within(place: str, other: str) -> bool:
    """Whether a place is this one, or lies in what this one held."""
    return place.startswith(other) and (len(place) == len(other) or place[len(other)] in _STEPS)
