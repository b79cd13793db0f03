"""The frontier: objects on their way into the census, in the order in which they were come upon."""

from __future__ import annotations

from collections.abc import Iterable

from testcache.recording.identity import identity
from testcache.recording.keepers import Found, both, covers
from testcache.structs import replace


class Frontier:
    """A queue in which an object waits once, with all names by which it has been come upon meanwhile.

    Everything in a library leads to everything else: one by one, each new name would go round all of it.
    """

    def __init__(self, start: Iterable[Found]) -> None:
        self._waiting: dict[tuple[int, object], Found] = {}
        self.add(start)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, more: Iterable[Found]) -> None:
        """These have been come upon."""
        for found in more:
            key = (identity(found.thing), found.kind)
            known = self._waiting.get(key)
            self._waiting[key] = found if known is None else _joined(known, found)

    def pop(self) -> Found:
        """The object that has waited longest."""
        return self._waiting.pop(next(iter(self._waiting)))


def _joined(one: Found, other: Found) -> Found:
    """The same object, come upon in two ways; a place of its own goes before one in an interior."""
    if other.inside or not one.inside:
        one, other = other, one
    if one.names <= other.names and covers(other.files, one.files):
        return other
    return replace(other, names=one.names | other.names, files=both(one.files, other.files))
