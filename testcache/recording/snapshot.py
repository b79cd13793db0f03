"""Snapshots: what long-lived objects referred to at the last look, compared in bulk with what they refer to now.

The garbage collector tells the references of many objects in one call, 12 ns each and more if they are far apart, and
whether two rows hold the same objects is told by their addresses. Where memory itself tells as much, it is looked at:
`testcache.recording.rows`, `testcache.recording.stamps`, and `testcache.recording.empties`, which most objects are.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable
from itertools import chain
from typing import Final

from testcache.recording.addresses import addresses, differ
from testcache.recording.empties import Empties
from testcache.recording.keepers import Keeper
from testcache.recording.rows import Rows
from testcache.recording.stamps import Stamps, stamp_of

SIZE: Final = 256
"""Objects that are compared at once; where something has changed, these are looked at one by one for 0.7 ms."""

FEW: Final = 16
"""The same, for objects that have changed before: a registry may grow with every test."""

_BORDER: Final = (object(),)
"""Stands around containers, so that what moves from the end of one to the begin of the next is seen."""


class Snapshots:
    """All keepers that may refer to something else at the next look; those that have done so stay by themselves."""

    def __init__(self) -> None:
        self._empties = Empties()
        self._quiet: list[_Snapshot] = []
        self._lively: list[_Snapshot] = []
        self._stamps = Stamps()
        self._rows = Rows()
        self._long: list[Keeper] = []

    def add(self, keeper: Keeper) -> None:
        """Watch a keeper as it is now."""
        if self._empties.add(keeper) or self._rows.add(keeper):
            return
        stamp = stamp_of(keeper)
        if stamp:
            self._stamps.add(keeper, stamp)
        else:
            _room(self._quiet, SIZE).add(keeper)

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        self._empties.drop(gone)
        self._stamps.drop(gone)
        self._rows.drop(gone)
        self._long = [keeper for keeper in self._long if keeper not in gone]
        for snapshot in (*self._quiet, *self._lively):
            snapshot.drop(gone)

    def changed(self) -> list[Keeper]:
        """The keepers that may refer to something else than at the last look, which this one is now."""
        found = self._empties.filled()
        for keeper in found:
            self.add(keeper)
        found += self._stamps.changed()
        found += self._long
        for snapshot in self._lively:
            changed = snapshot.changed()
            found += changed
            long = frozenset(filter(_is_long, changed))
            snapshot.drop(long)
            self._long += long
        awake = self._rows.changed()
        for snapshot in self._quiet:
            changed = snapshot.changed()
            if changed:
                snapshot.drop(frozenset(changed))
                awake += changed
        for keeper in awake:
            if _is_long(keeper):
                self._long.append(keeper)
            else:
                _room(self._lively, FEW).add(keeper)
        return found + awake


class _Snapshot:
    """Some keepers, and all that they referred to at the last look; the keys of tables are not told by all of them."""

    __slots__ = ("_keys", "_references", "_seen", "_tables", "_things", "keepers")

    def __init__(self) -> None:
        self.keepers: list[Keeper] = []
        self._things: list[object] = []
        self._tables: list[Iterable[object]] = []
        self._references: list[list[object]] = []
        self._keys: list[list[object]] = []
        self._seen: bytes | None = None

    def add(self, keeper: Keeper) -> None:
        """Watch a keeper as it is now."""
        self.keepers.append(keeper)
        self._references.append(gc.get_referents(*_asked(keeper)))
        self._keys.append(_keys_of(keeper))
        self._ask_about(keeper)

    def _ask_about(self, keeper: Keeper) -> None:
        self._things += _asked(keeper)
        if _is_table(keeper):
            self._tables.append(dict.keys(keeper.thing))  # type: ignore[arg-type]
        self._seen = None

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these no longer."""
        if not gone.isdisjoint(self.keepers):
            kept = [at for at, keeper in enumerate(self.keepers) if keeper not in gone]
            self.keepers = [self.keepers[at] for at in kept]
            self._references = [self._references[at] for at in kept]
            self._keys = [self._keys[at] for at in kept]
            self._things, self._tables, self._seen = [], [], None
            for keeper in self.keepers:
                self._ask_about(keeper)

    def changed(self) -> list[Keeper]:
        """The keepers that refer to something else than at the last look, which this one is now."""
        if self._seen is None:
            self._seen = addresses(chain(*self._references)) + addresses(chain(*self._keys))
        if addresses(gc.get_referents(*self._things)) + addresses(chain.from_iterable(self._tables)) == self._seen:
            return []
        self._seen = None
        found = []
        for at, keeper in enumerate(self.keepers):
            references, keys = gc.get_referents(*_asked(keeper)), _keys_of(keeper)
            if differ(references, self._references[at]) or differ(keys, self._keys[at]):
                self._references[at], self._keys[at] = references, keys
                found.append(keeper)
        return found


def _room(snapshots: list[_Snapshot], size: int) -> _Snapshot:
    """The one to which a keeper may be added."""
    if not snapshots or len(snapshots[-1].keepers) >= size:
        snapshots.append(_Snapshot())
    return snapshots[-1]


def _is_long(keeper: Keeper) -> bool:
    """Whether to copy it, which a look does, costs less than to ask what it refers to."""
    return type(keeper.thing) is list and len(keeper.thing) > SIZE


def _asked(keeper: Keeper) -> tuple[object, ...]:
    """What the garbage collector is asked about."""
    border = () if keeper.kind.named else (_BORDER,)
    return (*border, keeper.thing) if keeper.bearer is None else (*border, keeper.thing, keeper.bearer)


def _keys_of(keeper: Keeper) -> list[object]:
    return [*dict.keys(keeper.thing)] if _is_table(keeper) else []  # type: ignore[arg-type]


def _is_table(keeper: Keeper) -> bool:
    return not keeper.kind.named and issubclass(type(keeper.thing), dict)
