"""Leaks that later runs have to know of: what tests left in memory for the first time, and when.

    leak / environment + "all"      rows, oldest first
    leak / environment + "taken"    node ids of tests whose results came from elsewhere: what is new is not known

A run may end before all tests have been compared with what another one has leaked, or leave them out. A run of all
under one environment says nothing of the results that are recorded under another.
Damaged rows count as none, as if the store were lost with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from testcache.errors import BadRecord
from testcache.model import STEP, Access, Digest, Found, Leftover, Manifest, NodeId
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Change, Store

KEPT_LEAKS = 10_000
"""The latest ones: 2 MB at most."""

_SPACE, _ALL, _TAKEN = "leak", b"all", b"taken"


class Leak(NamedTuple):
    """Something that a test has left for the first time.

    Attributes:
        left: the ways in which later tests may know of it: its value, or the step that led to it.
        access: how code comes upon it.
        at: seconds since the epoch.
    """

    left: tuple[Found, ...]
    access: Access
    at: float

    @property
    def place(self) -> str:
        """Where it is."""
        return self.left[0].place.removesuffix(STEP)

    @property
    def node(self) -> NodeId:
        """The test that has left it."""
        return self.left[0].filler


ALWAYS = math.inf
"""The time of what counts for whoever was recorded without it, whenever that was."""


def leaks_of(node: NodeId, left: Iterable[Leftover], access: Mapping[str, Access]) -> list[Leak]:
    """What a test that is replayed has left, if it is known how code comes upon that."""
    return [Leak((Found(node, *one),), access[one.place], ALWAYS) for one in left if one.place in access]


class _Row(NamedTuple):
    node: str
    left: list[tuple[str, bytes]]
    names: list[str]
    files: list[str]
    added: bool
    wide: bool
    at: float


def load_leaks(store: Store, environment: bytes) -> list[Leak]:
    """All that are known. Cost: one read, 2 us a leak. Raises StoreError."""
    return _decoded(store.get(_SPACE, environment + _ALL))


def save_leaks(store: Store, environment: bytes, leaks: Mapping[NodeId, Sequence[Leak]]) -> None:
    """Take over what these tests leak, in place of what was known of them. Raises StoreError."""
    fresh = [leak for each in leaks.values() for leak in each]

    def change(old: bytes | None) -> bytes:
        kept = [leak for leak in _decoded(old) if leak.node not in leaks]
        return encode_value([_row(leak) for leak in [*kept, *fresh][-KEPT_LEAKS:]])

    if fresh or any(leak.node in leaks for leak in load_leaks(store, environment)):
        store.update_many([(_SPACE, environment + _ALL, change)])


def load_taken(store: Store, environment: bytes) -> set[NodeId]:
    """The tests with results from elsewhere that left something. Raises StoreError."""
    return set(map(NodeId, _nodes(store.get(_SPACE, environment + _TAKEN))))


def forget_taken(store: Store, environment: bytes) -> None:
    """All of them have been compared with all tests. Raises StoreError."""
    if store.get(_SPACE, environment + _TAKEN) is not None:
        store.delete(_SPACE, [environment + _TAKEN])


def marking(environment: bytes, nodes: Set[NodeId]) -> tuple[str, bytes, Change]:
    """Space, key and change that note such tests; `nodes` is only looked at when the change is made."""
    return _SPACE, environment + _TAKEN, lambda old: encode_value(sorted({*_nodes(old), *nodes}))


def leaving(known: Manifest, new: Manifest) -> set[NodeId]:
    """The tests of which a manifest has a result that left something, and that is not known yet."""
    return {
        node
        for node, traces in new.traces.items()
        if any(trace.left and trace not in known.traces.get(node, ()) for trace in traces)
    }


def _nodes(data: bytes | None) -> list[str]:
    try:
        return [] if data is None else decode_value(data, list[str])
    except BadRecord:
        return []


def _row(leak: Leak) -> _Row:
    access = leak.access
    left = [(one.place, bytes(one.value)) for one in leak.left]
    return _Row(leak.node, left, sorted(access.names), sorted(access.files), access.added, access.wide, leak.at)


def _decoded(data: bytes | None) -> list[Leak]:
    try:
        rows = [] if data is None else decode_value(data, list[_Row])
    except BadRecord:
        return []
    return [
        Leak(
            tuple(Found(NodeId(row.node), place, Digest(value)) for place, value in row.left),
            Access(frozenset(row.names), frozenset(row.files), row.added, row.wide),
            row.at,
        )
        for row in rows
        if row.left
    ]
