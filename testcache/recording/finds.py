"""Finds: what code has come upon of that which tests have left, one set for all that have found the same."""

from __future__ import annotations

from collections.abc import Iterable, Set

from testcache.model import Found, NodeId
from testcache.recording.context import Context
from testcache.recording.remains import Entry, Remains

_NOTHING: frozenset[Found] = frozenset()


class Finds:
    """Makes such sets, of what `remains`."""

    def __init__(self, remains: Remains) -> None:
        self._remains = remains
        self._known: dict[frozenset[Found], frozenset[Found]] = {}
        self._dated: dict[tuple[frozenset[Found], NodeId], frozenset[Found]] = {}

    def among(
        self, entries: Iterable[Entry], files: Set[str], own: Set[Context], steps: Iterable[Entry] = ()
    ) -> frozenset[Found]:
        """What there is in these places, but for what fixtures of one's own have set; the `steps` lie in any file."""
        if self._remains.are_none:
            return _NOTHING
        near = (entry for entry in entries if not entry.files or not entry.files.isdisjoint(files))
        return _NOTHING.union(*(entry.found for entry in (*near, *steps) if entry.fixture not in own))

    def dated(self, found: frozenset[Found], at: NodeId) -> frozenset[Found]:
        """What was found in the time of a test. Cost: once for all who rest on it."""
        known = self._dated.get((found, at))
        if known is None:
            known = self._dated[found, at] = frozenset(one._replace(at=at) for one in found)
        return known

    def shared(self, found: Iterable[Found]) -> frozenset[Found]:
        """All that a test has found, as a set."""
        whole = frozenset(found)
        return self._known.setdefault(whole, whole)
