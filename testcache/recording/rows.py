"""Rows: the elements of lists, compared in one call, 2 ns an element: a lexer has 10,000 lists with 100,000 of them."""

from __future__ import annotations

from array import array
from collections import defaultdict
from operator import ne
from typing import Any, Final, TypeAlias

from testcache.recording import words
from testcache.recording.addresses import addresses, differ
from testcache.recording.keepers import Keeper
from testcache.recording.words import WIDTH, show

SIZE: Final = 256
"""Lists that are compared at once; where one differs, all are looked at for 0.1 ms."""

_LENGTH: Final = object.__basicsize__
_ELEMENTS: Final = _LENGTH + WIDTH
"""Where a list says how many elements it has, and where they lie."""


class Rows:
    """Keepers of lists that are not empty."""

    def __init__(self) -> None:
        self._groups: defaultdict[int, list[_Group]] = defaultdict(list)

    def add(self, keeper: Keeper) -> bool:
        """Watch a keeper as it is now, if it is one of such a list."""
        thing: Any = keeper.thing
        held = tuple(thing) if AVAILABLE and type(thing) is list else ()  # once: another thread may go on filling it
        if not held:
            return False
        groups = self._groups[len(held)]
        if not groups or len(groups[-1].keepers) >= SIZE:
            groups.append(_Group(len(held)))
        groups[-1].add(keeper, held)
        return True

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        for groups in self._groups.values():
            for group in groups:
                group.drop(gone)

    def changed(self) -> list[Keeper]:
        """Those that hold something else than they did; they are not watched here any longer."""
        return [keeper for groups in self._groups.values() for group in groups for keeper in group.changed()]


_Views: TypeAlias = "tuple[array[int], tuple[memoryview, ...], tuple[memoryview, ...]]"
"""Where the lists are, what they hold, and what they held."""


class _Group:
    """Some lists of one length."""

    __slots__ = ("_held", "_length", "_lists", "_seen", "_views", "keepers")

    def __init__(self, length: int) -> None:
        self._length = length
        self.keepers: list[Keeper] = []
        self._held: list[tuple[object, ...]] = []
        self._lists = array("Q")
        self._seen = b""
        self._views: _Views | None = None

    def add(self, keeper: Keeper, held: tuple[object, ...]) -> None:
        self.keepers.append(keeper)
        self._held.append(held)
        lists, seen = self._lists + array("Q", [id(keeper.thing)]), self._seen + addresses(held)
        self._lists, self._seen, self._views = lists, seen, None  # another thread may be looking at those before

    def drop(self, gone: frozenset[Keeper]) -> None:
        if not gone.isdisjoint(self.keepers):
            kept = [at for at, keeper in enumerate(self.keepers) if keeper not in gone]
            self.keepers = [self.keepers[at] for at in kept]
            self._held = [self._held[at] for at in kept]
            self._lists = array("Q", [self._lists[at] for at in kept])
            self._seen = b"".join(map(addresses, self._held))
            self._views = None

    def changed(self) -> list[Keeper]:
        if not self.keepers:
            return []
        # 1. A list is found to be as long as it was, 2. another thread or a finaliser clears it, 3. we read elements
        # that are gone. Nobody else runs within this one call, which reads none if any length has changed.
        keepers, rows = self.keepers, self._held
        _, now, seen = self._views or self._look()
        if not any(map(ne, now, seen)):
            return []
        pairs = zip(keepers, rows, strict=False)
        found = [keeper for keeper, held in pairs if differ(tuple(keeper.thing), held)]  # type: ignore[arg-type]
        self.drop(frozenset(found))
        return found

    def _look(self) -> _Views:
        lists, seen, length = self._lists, self._seen, self._length
        lengths = memoryview(array("Q", [length]) * len(lists))
        elements = memoryview(seen).cast("Q", [len(lists), 1, length])
        views = self._views = lists, (_lengths(lists), _elements(lists, length)), (lengths, elements)
        return views


def _lengths(lists: array[int]) -> memoryview:
    return show(lists, (len(lists), WIDTH, _LENGTH))


def _elements(lists: array[int], length: int) -> memoryview:
    """Through the pointer to a list, and the one in it."""
    return show(lists, (len(lists), WIDTH, _ELEMENTS), (1, 0, 0), (length, WIDTH, -1))


def _are_there() -> bool:
    """Whether this interpreter has the elements of a list in this place."""
    if not words.AVAILABLE:
        return False
    held = [object(), object(), object()]
    lists = array("Q", [id(held)])
    return _lengths(lists).tolist() == [3] and _elements(lists, 3).tobytes() == addresses(held)


AVAILABLE: Final = _are_there()
