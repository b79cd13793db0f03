"""Where objects lie: whether two rows hold the very same ones, without asking any of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from ctypes import string_at
from operator import is_, is_not
from typing import Final

from testcache.recording.words import WIDTH

_SHORT: Final = 64
"""So many objects are compared one by one in less time than it takes to ask where they lie."""


def addresses(objects: Iterable[object]) -> bytes:
    """Where objects lie, one after the other: 2 ns an object, where to compare two with `is` takes 17.

    A tuple holds them behind its own fields. Two lists whose objects are alive and lie at the same addresses hold
    the same objects; to compare the lists themselves would call `__eq__` of a project.
    """
    held = tuple(objects)
    return _addresses_in(held, len(held))


def numbered(objects: Iterable[object]) -> list[int]:
    """The same as numbers: 10 ns an object, where `testcache.recording.identity` takes 40."""
    return array("Q", addresses(objects)).tolist()


def begins_with(row: tuple[object, ...], start: tuple[object, ...]) -> bool:
    """Whether the very same objects come first. Cost: 0.5 ns each, and 20 ns each of a few."""
    count = len(start)
    if count > len(row):
        return False
    return all(map(is_, start, row)) if count <= _SHORT else addresses(start) == _addresses_in(row, count)


def _addresses_in(row: tuple[object, ...], count: int) -> bytes:
    return string_at(id(row) + tuple.__basicsize__, WIDTH * count)


def differ(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether two rows hold other objects."""
    return len(one) != len(other) or any(map(is_not, one, other))
