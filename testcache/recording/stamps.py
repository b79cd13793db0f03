"""Stamps: a few words of memory that tell whether an object refers to anything else than at the last look.

Of a dict that is its number (`testcache.recording.versions`); of a cell or an object with slots, the addresses in it:
an address is another object's only when the first one is gone, and what was there at the last look is kept alive. A
suite may make seven thousand functions, each with its own data: 5 ns an object. To compare what the garbage collector
tells takes twenty times as long, and touches all that they refer to.
"""

from __future__ import annotations

from collections import OrderedDict
from ctypes import c_uint64
from types import CellType
from typing import Final

from testcache.recording import anatomy, versions, words
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import SLOTS
from testcache.recording.words import WIDTH, Words

Stamp = tuple[range, ...]
"""Addresses, in stretches."""

SIZE: Final = 1024
"""Objects whose stamps are compared at once; where one differs, it is searched for in 10 us."""

_BEGIN: Final = object.__basicsize__
"""Where that of an object stands which is no dict: behind what every object begins with."""


def _are_there() -> bool:
    """Whether this interpreter has a cell and the slots of an object in this place."""
    if not words.AVAILABLE:
        return False

    class Probe:
        __slots__ = ("a", "b")

    one, other = object(), object()
    cell, thing = CellType(one), Probe()
    thing.a, thing.b = one, other  # type: ignore[attr-defined]
    there = [c_uint64.from_address(at).value for held in (cell, thing) for at in _inside(held, type(held))]
    return there[0] == id(one) and {*there[1:]} == {id(one), id(other)}


def _inside(thing: object, kind: type) -> range:
    return range(id(thing) + _BEGIN, id(thing) + kind.__basicsize__, WIDTH)


AVAILABLE: Final = _are_there()


def stamp_of(keeper: Keeper) -> Stamp:
    """Where the stamp of an object lies that is alive, whenever it is looked at; empty if it has none."""
    thing = keeper.thing
    kind = type(thing)
    if not AVAILABLE:
        return ()
    if issubclass(kind, dict):
        return versions.places_of(thing, keeper.bearer) if versions.AVAILABLE else ()
    if kind is CellType or (keeper.kind is SLOTS and not kind.__itemsize__ and anatomy.is_transparent(kind)):
        return (_inside(thing, kind),)
    return ()


def is_told(keeper: Keeper) -> bool:
    """Whether anything but a look at a keeper tells that it holds something else."""
    is_table = keeper.kind.told and issubclass(type(keeper.thing), dict)
    if is_table and issubclass(type(keeper.thing), OrderedDict):  # keeps the order of its keys for itself
        return False
    return versions.is_told(keeper.thing, keeper.bearer) if is_table else keeper.kind.told


class Stamps:
    """Keepers of objects, and the stamp that each had at the last look."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []

    def add(self, keeper: Keeper, stamp: Stamp) -> None:
        """Watch a keeper as it is now."""
        if not self._groups or self._groups[-1].count >= SIZE:
            self._groups.append(_Group())
        self._groups[-1].add(keeper, stamp)

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        for group in self._groups:
            group.drop(gone)

    def changed(self) -> list[Keeper]:
        """The keepers of objects that have been written to since the last look, which this one is now.

        They may hold the same as before.
        """
        return [keeper for group in self._groups for keeper in group.changed()]


class _Group:
    """Some keepers; each stands in a row as often as it has words."""

    __slots__ = ("_row", "_words", "count")

    def __init__(self) -> None:
        self.count = 0
        self._row: list[Keeper] = []
        self._words = Words()

    def add(self, keeper: Keeper, stamp: Stamp) -> None:
        self.count += 1
        for stretch in stamp:
            self._row += [keeper] * len(stretch)
            self._words.add(stretch)

    def drop(self, gone: frozenset[Keeper]) -> None:
        if not gone.isdisjoint(self._row):
            kept = [at for at, keeper in enumerate(self._row) if keeper not in gone]
            self._row = [self._row[at] for at in kept]
            self._words.keep(kept)
            self.count = len({*self._row})

    def changed(self) -> list[Keeper]:
        row = self._row  # held while their memory is looked at
        changed = self._words.changed()
        return [*dict.fromkeys(row[at] for at in changed)] if changed else []
