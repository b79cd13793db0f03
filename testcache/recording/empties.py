"""Empties: what was empty at the last look, as most of what is watched is, such as the attributes of functions."""

from __future__ import annotations

from collections import deque
from ctypes import c_ssize_t
from typing import Any, Final

from testcache.recording import words
from testcache.recording.identity import identity
from testcache.recording.keepers import Keeper
from testcache.recording.words import WIDTH, Words

_HEAD: Final = object.__basicsize__
_PLACES: Final[tuple[tuple[type[Any], int], ...]] = ((dict, _HEAD), (list, _HEAD), (deque, _HEAD), (set, _HEAD + WIDTH))
"""Where in an object of these types it stands how many elements it has; in a set, behind how many it has had."""


def _says(kind: type[Any], place: int) -> bool:
    """Whether this interpreter has the number in this place."""
    held: Any = kind(zip("abcde", "abcde", strict=True))
    held.pop(*["a"][: kind is dict])
    return c_ssize_t.from_address(id(held) + place).value == len(held) == 4


_SIZES: Final = {identity(kind): place for kind, place in _PLACES if words.AVAILABLE and _says(kind, place)}


class Empties:
    """Keepers of what is empty, by how many elements it has: 5 ns an object, and none of its own code is asked."""

    def __init__(self) -> None:
        self._keepers: list[Keeper] = []
        self._sizes = Words()

    def add(self, keeper: Keeper) -> bool:
        """Watch a keeper if it is one of something empty."""
        thing: Any = keeper.thing
        place = _SIZES.get(identity(type(thing)))
        if place is None or keeper.bearer is not None or thing:
            return False
        self._keepers.append(keeper)
        self._sizes.add(range(id(thing) + place, id(thing) + place + WIDTH, WIDTH))
        return True

    def filled(self) -> list[Keeper]:
        """Those that are empty no more; they are not watched here any longer."""
        keepers = self._keepers  # held while their memory is looked at
        found = [keepers[at] for at in self._sizes.changed()]
        if found:
            self.drop(frozenset(found))
        return found

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        if not gone.isdisjoint(self._keepers):
            kept = [at for at, keeper in enumerate(self._keepers) if keeper not in gone]
            self._keepers = [self._keepers[at] for at in kept]
            self._sizes.keep(kept)
