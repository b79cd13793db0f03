"""Remains: all places in memory that are not as they were at first, and as they were when the present test began."""

from __future__ import annotations

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


_Group = tuple[str, Names]
"""A holder, and the names by which code may reach some of its places."""

_NOWHERE: frozenset[_Group] = frozenset()


class Remains:
    """Follows one process through its tests.

    A test adds to a table in which a thousand others have left something: what a change costs does not depend
    on how much there is, and what a test may have come upon is told by table.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._before: dict[str, Entry | None] = {}  # of the places that have changed since the test began
        self._groups: dict[_Group, dict[str, Entry]] = {}
        self._by_name: dict[str, set[_Group]] = {}
        self._by_module: dict[str, set[_Group]] = {}
        self._by_holder: dict[str, set[_Group]] = {}
        self._at: dict[Place, frozenset[_Group]] = {}

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
            group = (entry.holder, entry.names)
            if group not in self._groups:
                self._groups[group] = {}
                self._by_holder.setdefault(entry.holder, set()).add(group)
                for name in entry.names:
                    self._by_name.setdefault(name, set()).add(group)
                for name in modules_of(entry.holder):
                    self._by_module.setdefault(name, set()).add(group)
                self._at.clear()
            self._groups[group][place] = entry

    def _leave(self, place: str, entry: Entry) -> None:
        group = (entry.holder, entry.names)
        del self._groups[group][place]
        if not self._groups[group]:
            del self._groups[group]
            _discard(self._by_holder, entry.holder, group)
            for name in entry.names:
                _discard(self._by_name, name, group)
            for name in modules_of(entry.holder):
                _discard(self._by_module, name, group)
            self._at.clear()

    def drop(self, holders: Iterable[str]) -> None:
        """Forget what lies in objects that nothing leads to any more."""
        for holder in holders:
            for group in [*self._by_holder.get(holder, ())]:
                for place in [*self._groups[group]]:
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

        Nobody comes upon what `silent` holders have. Cost: 50 ns a place, and 50 ns for what is found.
        """
        if not self.entries and not self._before:
            return set()
        wanted = frozenset(names)
        groups = set(self._mentioned(wanted))
        places = [*places]
        for place in places:
            known = self._at.get(place)
            if known is None:
                known = self._at[place] = frozenset(self._mentioned(mentions(place))) or _NOWHERE
            groups |= known
        reached: set[Entry] = set()
        for group in groups:
            if group[0] not in silent:
                reached.update(self._groups[group].values())
        reached.difference_update(entry for entry in map(self.entries.get, self._before) if entry is not None)
        olds = [old for old in self._before.values() if old is not None and old.holder not in silent]
        if olds:
            everywhere = [wanted, *map(mentions, places)]
            reached.update(old for old in olds if any(may_reach(names, old) for names in everywhere))
        return reached

    def _mentioned(self, names: Names) -> Iterable[_Group]:
        if not EVERYWHERE.isdisjoint(names):
            return self._groups.keys()
        found: set[_Group] = set()
        for name in self._by_name.keys() & names:
            found |= self._by_name[name]
        for name in self._by_module.keys() & names:
            found |= self._by_module[name]
        return found


def modules_of(place: str) -> frozenset[str]:
    """The mentions of the module that a place lies in, by whose code any name may be looked up: `*tax`.

    See `testcache.code.reflection`.
    """
    return frozenset(ANY + part for part in place.partition("::")[0].removesuffix(".py").split("/"))


def is_within(place: str, other: str) -> bool:
    """Whether a place is this one, or lies in what this one holds."""
    return place.startswith(other) and (len(place) == len(other) or place[len(other)] in STEPS)


def may_reach(names: Names, entry: Entry) -> bool:
    """Whether code that mentions these names may come upon a place."""
    return not EVERYWHERE.isdisjoint(names) or not (
        entry.names.isdisjoint(names) and modules_of(entry.holder).isdisjoint(names)
    )


def _discard(index: dict[str, set[_Group]], key: str, group: _Group) -> None:
    index[key].discard(group)
    if not index[key]:
        del index[key]
