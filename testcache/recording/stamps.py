"""Stamps: a few bytes of memory that tell whether an object refers to anything else than at the last look.

Of a dict that is its number, where there is one; of a cell or an object with slots, the addresses in it: an address
is another object's only when the first one is gone, and what was there at the last look is kept alive. A suite may
make seven thousand functions, each with its own data: 20 ns an object. To compare what the garbage collector tells
takes five times as long, and touches all that they refer to.
"""

from __future__ import annotations

import sys
from ctypes import Array, c_char, c_uint64, sizeof
from types import CellType
from typing import Final

from testcache.recording import anatomy, versions
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import SLOTS

Stamp = c_uint64 | Array[c_char]

SIZE: Final = 256
"""Objects whose stamps are compared at once; where one differs, it is searched for in 10 to 40 us."""

_BEGIN: Final = object.__basicsize__
"""Where that of an object stands which is no dict: behind what every object begins with."""


def _are_there() -> bool:
    """Whether this interpreter has a cell and the slots of an object in this place."""
    if sys.implementation.name != "cpython":
        return False

    class Probe:
        __slots__ = ("a", "b")

    one, other = object(), object()
    cell, thing = CellType(one), Probe()
    thing.a, thing.b = one, other  # type: ignore[attr-defined]
    seen = bytes(_of_slots(thing))
    addresses = {int.from_bytes(seen[at : at + 8], sys.byteorder) for at in range(0, len(seen), 8)}
    return _word(cell).value == id(one) and addresses == {id(one), id(other)}


def _word(thing: object) -> c_uint64:
    return c_uint64.from_address(id(thing) + _BEGIN)


def _of_slots(thing: object) -> Array[c_char]:
    return (c_char * (type(thing).__basicsize__ - _BEGIN)).from_address(id(thing) + _BEGIN)


AVAILABLE: Final = _are_there()


def stamp_of(keeper: Keeper) -> Stamp | None:
    """The stamp of an object that is alive, as it is whenever it is looked at; None if there is none."""
    thing = keeper.thing
    kind = type(thing)
    if keeper.bearer is not None:
        return None
    if issubclass(kind, dict):
        return versions.number_of(thing) if versions.AVAILABLE else None
    if AVAILABLE and kind is CellType:
        return _word(thing)
    if AVAILABLE and keeper.kind is SLOTS and not kind.__itemsize__ and anatomy.is_transparent(kind):
        return _of_slots(thing)
    return None


class Stamps:
    """Keepers of objects, and the stamp that each had at the last look."""

    def __init__(self) -> None:
        self._groups: dict[int, list[_Group]] = {}

    def add(self, keeper: Keeper, stamp: Stamp) -> None:
        """Watch a keeper as it is now."""
        groups = self._groups.setdefault(sizeof(stamp), [])
        if not groups or len(groups[-1].keepers) >= SIZE:
            groups.append(_Group(sizeof(stamp)))
        groups[-1].add(keeper, stamp)

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        for groups in self._groups.values():
            for group in groups:
                group.drop(gone)

    def changed(self) -> list[Keeper]:
        """The keepers of objects that have been written to since the last look, which this one is now.

        They may hold the same as before.
        """
        return [keeper for groups in self._groups.values() for group in groups for keeper in group.changed()]


class _Group:
    __slots__ = ("_seen", "_stamps", "_width", "keepers")

    def __init__(self, width: int) -> None:
        self._width = width
        self.keepers: list[Keeper] = []
        self._stamps: list[Stamp] = []
        self._seen = b""

    def add(self, keeper: Keeper, stamp: Stamp) -> None:
        self.keepers.append(keeper)
        self._stamps.append(stamp)
        self._seen += bytes(stamp)

    def drop(self, gone: frozenset[Keeper]) -> None:
        if not gone.isdisjoint(self.keepers):
            kept = [at for at, keeper in enumerate(self.keepers) if keeper not in gone]
            self._seen = b"".join(self._seen[self._width * at : self._width * (at + 1)] for at in kept)
            self.keepers = [self.keepers[at] for at in kept]
            self._stamps = [self._stamps[at] for at in kept]

    def changed(self) -> list[Keeper]:
        now, seen, width = b"".join(self._stamps), self._seen, self._width
        if now == seen:
            return []
        self._seen = now
        places = range(0, len(now), width)
        pairs = ((now[at : at + width], seen[at : at + width]) for at in places)
        return [keeper for keeper, (new, old) in zip(self.keepers, pairs, strict=True) if new != old]
