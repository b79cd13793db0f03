"""Versions of dicts: CPython up to 3.12 numbers every change of every dict (PEP 509), and the number can be read.

Whether one of many dicts has changed is told for 50 ns each, however much it holds. To compare what the garbage
collector tells of them takes ten times as long: it touches each object in each of them.
"""

from __future__ import annotations

import sys
from ctypes import c_ssize_t, c_uint64, sizeof
from typing import Final

from testcache.recording.keepers import Keeper

_OFFSET: Final = object.__basicsize__ + sizeof(c_ssize_t)
"""Where the number stands: behind what every object begins with, and how many entries there are."""

_FORMAT: Final = "Q"
"""That of a number, in the manner of `struct`."""

SIZE: Final = 256
"""Dicts whose numbers are compared at once; where one differs, it is searched for in 10 us."""


def _number_of(held: object) -> c_uint64:
    """The number of a dict that is alive, as it is whenever it is looked at."""
    return c_uint64.from_address(id(held) + _OFFSET)


def _are_there() -> bool:
    """Whether this interpreter numbers changes, and in this place."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 13):
        return False
    probe: dict[str, object] = {}
    number = _number_of(probe)
    seen = [number.value]
    for change in (("a", 1), ("a", 2), ("b", 1)):
        probe.update([change])
        seen.append(number.value)
    del probe["a"]
    return len({*seen, number.value}) == len(seen) + 1 and probe.get("b") == 1 and number.value not in seen


AVAILABLE: Final = _are_there()


def has_version(keeper: Keeper) -> bool:
    """Whether all that a keeper refers to is in one dict, with a number."""
    return AVAILABLE and keeper.bearer is None and issubclass(type(keeper.thing), dict)


class Versions:
    """Keepers of dicts, and the number that each dict had at the last look."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []

    def add(self, keeper: Keeper) -> None:
        """Watch a keeper as it is now."""
        if not self._groups or len(self._groups[-1].keepers) >= SIZE:
            self._groups.append(_Group())
        self._groups[-1].add(keeper)

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        for group in self._groups:
            group.drop(gone)

    def changed(self) -> list[Keeper]:
        """The keepers of dicts that have been written to since the last look, which this one is now.

        They may hold the same as before.
        """
        return [keeper for group in self._groups for keeper in group.changed()]


class _Group:
    __slots__ = ("_numbers", "_seen", "keepers")

    def __init__(self) -> None:
        self.keepers: list[Keeper] = []
        self._numbers: list[c_uint64] = []
        self._seen = b""

    def add(self, keeper: Keeper) -> None:
        number = _number_of(keeper.thing)
        self.keepers.append(keeper)
        self._numbers.append(number)
        self._seen += bytes(number)

    def drop(self, gone: frozenset[Keeper]) -> None:
        if not gone.isdisjoint(self.keepers):
            kept = [at for at, keeper in enumerate(self.keepers) if keeper not in gone]
            self._seen = b"".join(self._seen[_slice(at)] for at in kept)
            self.keepers = [self.keepers[at] for at in kept]
            self._numbers = [self._numbers[at] for at in kept]

    def changed(self) -> list[Keeper]:
        now, seen = b"".join(self._numbers), self._seen
        if now == seen:
            return []
        self._seen = now
        pairs = zip(memoryview(now).cast(_FORMAT), memoryview(seen).cast(_FORMAT), strict=True)
        return [keeper for keeper, (new, old) in zip(self.keepers, pairs, strict=True) if new != old]


def _slice(at: int) -> slice:
    width = sizeof(c_uint64)
    return slice(at * width, (at + 1) * width)
