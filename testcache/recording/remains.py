"""Remains: all places in memory that are not as they were at first, and as they were when the present test began."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Set

from testcache.code.looks import ANY, EVERYWHERE
from testcache.model import Access, Digest, Found
from testcache.recording.context import Context, Place
from testcache.recording.homes import Home
from testcache.recording.keepers import Names
from testcache.structs import Struct, replace

STEPS = ".[(<{~"
"""Characters with which the name of a place goes on to one inside it."""


class Entry(Struct, frozen=True, eq=False):
    """One place that is not as it was at first.

    Attributes:
        found: what those rest on who come upon it.
        value: fingerprint of what it holds.
        holder: the place of the object that has it.
        names: those by which code may reach it.
        files: modules in which one of the names stands.
        fixture: the context in which that happened, if any.
        homes: where the modules, classes and functions are defined that it leads to, and the classes of its objects.
    """

    found: frozenset[Found]
    value: Digest
    holder: str
    names: Names
    files: Names
    fixture: Context | None
    homes: frozenset[Home] = frozenset()


class _Group:
    """The places of one holder that code may reach by the same names; itself its key: to hash these takes longer."""

    __slots__ = ("entries", "holder", "names")

    def __init__(self, holder: str, names: Names) -> None:
        self.holder = holder
        self.names = names
        self.entries: dict[str, Entry] = {}


_NONE: frozenset[str] = frozenset()


class Remains:
    """Follows one process through its tests.

    A test adds to a table in which a thousand others have left something: what a change costs does not depend
    on how much there is, and what a test may have come upon is told by table.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._before: dict[str, Entry | None] = {}  # of the places that have changed since the test began
        self._groups: dict[tuple[str, Names], _Group] = {}
        self._by_name: dict[str, set[_Group]] = {}  # and by the mentions of their modules
        self._by_holder: dict[str, set[_Group]] = {}
        self._at: dict[Place, frozenset[str]] = {}  # which of these names code mentions

    @property
    def are_none(self) -> bool:
        """Whether all places were as at first when the test began, and are so now."""
        return not self.entries and not self._before

    def begin(self) -> None:
        """A test begins: what there is now is what there is before it."""
        self._before.clear()

    def put(self, place: str, entry: Entry | None) -> None:
        """A place holds something else, or what it held at first."""
        old = self.entries.pop(place, None)
        self._before.setdefault(place, old)
        if old is not None:
            self._leave(place, old)
        if entry is not None:
            self.entries[place] = entry
            key = (entry.holder, entry.names)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(*key)
                self._by_holder.setdefault(entry.holder, set()).add(group)
                for name in mentions_of(entry):
                    if name not in self._by_name:
                        self._by_name[name] = set()
                        self._at.clear()
                    self._by_name[name].add(group)
            group.entries[place] = entry

    def _leave(self, place: str, entry: Entry) -> None:
        group = self._groups[entry.holder, entry.names]
        del group.entries[place]
        if not group.entries:
            del self._groups[entry.holder, entry.names]
            _discard(self._by_holder, entry.holder, group)
            for name in mentions_of(entry):
                _discard(self._by_name, name, group)

    def drop(self, holders: Iterable[str]) -> None:
        """Forget what lies in objects that nothing leads to any more."""
        for holder in holders:
            for group in [*self._by_holder.get(holder, ())]:
                for place in [*group.entries]:
                    self.put(place, None)

    def widen(self, names: Names) -> None:
        """Code comes in that mentions names which may lead anywhere in what libraries keep."""
        before = {
            place: None if entry is None else replace(entry, names=entry.names | names)
            for place, entry in self._before.items()
        }
        for place, entry in [*self.entries.items()]:
            self.put(place, replace(entry, names=entry.names | names))
        self._before = before

    def accesses(self, places: Iterable[str], added: Collection[str]) -> dict[str, Access]:
        """How code comes upon what is left in some places; these are `added` ones of tables."""
        found = ((place, self.entries.get(place)) for place in places)
        return {
            place: Access(one.names, one.files, place in added, one.fixture is not None)
            for place, one in found
            if one is not None
        }

    # -- before the present test

    def before(self, place: str) -> Entry | None:
        """What a place was when the test began, None if it was as at first."""
        return self._before[place] if place in self._before else self.entries.get(place)

    def all_before(self) -> Iterator[Entry]:
        """All that there was when the test began."""
        yield from (entry for place, entry in self.entries.items() if place not in self._before)
        yield from (entry for entry in self._before.values() if entry is not None)

    def holders(self) -> Set[str]:
        """The places of all objects that have something now."""
        return self._by_holder.keys()

    def reached(
        self,
        places: Iterable[Place],
        mentions: Callable[[Place], Names],
        names: Iterable[str] = (),
        silent: Collection[str] = (),
    ) -> set[Entry]:
        """What code at these places, or who asks for these names, may have come upon when the test began.

        Nobody comes upon what `silent` holders have. Cost: 50 ns a place, and 100 ns for what is found.
        """
        if self.are_none:
            return set()
        asked = frozenset(names)
        places = [*places]
        found = [*map(self._at.get, places)]
        at = [self._known(mentions(place)) if one is None else one for place, one in zip(places, found, strict=True)]
        if None in found:  # an import in another thread may have emptied the table meanwhile
            self._at.update(zip(places, at, strict=True))
        known: set[str] = set(self._known(asked)).union(*{*at})
        reached: set[Entry] = set()
        for group in self._groups_of(known):
            if group.holder not in silent:
                reached.update(group.entries.values())
        reached.difference_update(entry for entry in map(self.entries.get, self._before) if entry is not None)
        olds = [old for old in self._before.values() if old is not None and old.holder not in silent]
        if olds:
            everywhere = [asked, *map(mentions, places)]
            reached.update(old for old in olds if may_reach(everywhere, old))
        return reached

    def _known(self, names: Names) -> frozenset[str]:
        """Which of these names lead to anything; one object for none at all, which is what most code mentions."""
        return EVERYWHERE if not EVERYWHERE.isdisjoint(names) else frozenset(self._by_name.keys() & names) or _NONE

    def _groups_of(self, known: Set[str]) -> Iterable[_Group]:
        if not EVERYWHERE.isdisjoint(known):
            return self._groups.values()
        return set[_Group]().union(*(self._by_name[name] for name in known if name in self._by_name))


@functools.lru_cache(4096)
def modules_of(place: str) -> frozenset[str]:
    """The mentions of the module that a place lies in, by whose code any name may be looked up: `*tax`.

    See `testcache.code.reflection`.
    """
    return frozenset(ANY + part for part in place.partition("::")[0].removesuffix(".py").split("/"))


def is_within(place: str, other: str) -> bool:
    """Whether a place is this one, or lies in what this one holds."""
    return place.startswith(other) and (len(place) == len(other) or place[len(other)] in STEPS)


def mentions_of(entry: Entry) -> Names:
    """What code mentions that may come upon a place, but for what leads everywhere."""
    return entry.names | modules_of(entry.holder)


def may_reach(code: Iterable[Names], entry: Entry) -> bool:
    """Whether any code, of which it is given what it mentions, may come upon a place."""
    leading = mentions_of(entry) | EVERYWHERE
    return not all(map(leading.isdisjoint, code))


def _discard(index: dict[str, set[_Group]], key: str, group: _Group) -> None:
    index[key].discard(group)
    if not index[key]:
        del index[key]
