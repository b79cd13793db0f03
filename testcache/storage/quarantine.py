"""Recorded results that were seen to be wrong, and files whose tests need one another.

    quarantine / environment + node id   digests of 16 bytes of the reads of traces that lied, newest first
    neighbours / environment + path      a mark: if one test of the file runs, all do

Removing a trace that lied is not enough: the next pass records the same reads again.
"""

from __future__ import annotations

from testcache import digest
from testcache.model import TRACES_PER_TEST, Digest, EnvironmentKey, NodeId, Trace
from testcache.storage.index import SPACE as INDEX
from testcache.storage.store import Store

QUARANTINE = "quarantine"
NEIGHBOURS = "neighbours"
_DIGEST_BYTES = 16


def fingerprint(trace: Trace) -> Digest:
    """One digest over all that a trace read, in whatever parts. Cost: a sort of the reads."""
    return digest.of_fields(*((int(kind), name, bytes(value)) for (kind, name), value in sorted(trace.reads)))


class Quarantine:
    """What is known of one environment; loaded at once, as there are few. Raises StoreError."""

    def __init__(self, store: Store, environment: EnvironmentKey) -> None:
        self._store = store
        self._environment = environment
        self._lies: dict[NodeId, bytes] = {}
        self._told: set[NodeId] = set()
        own = [key for key in store.keys(QUARANTINE) if key.startswith(environment)]
        for key, value in store.get_many(QUARANTINE, own).items():
            self._lies[NodeId(_name(key, environment))] = value
        self._files = {_name(key, environment) for key in store.keys(NEIGHBOURS) if key.startswith(environment)}
        self._joined: set[str] = set()
        self._lied = False

    def holds(self, node: NodeId, trace: Trace) -> bool:
        """Whether a trace with these reads has lied. Cost: nothing for a test that never did."""
        value = self._lies.get(node)
        if value is None:
            return False
        self._told.add(node)
        known = fingerprint(trace)
        return any(value[at : at + _DIGEST_BYTES] == known for at in range(0, len(value), _DIGEST_BYTES))

    def add(self, node: NodeId, trace: Trace) -> None:
        """A trace with these reads has lied."""
        if not self.holds(node, trace):
            value = fingerprint(trace) + self._lies.get(node, b"")
            self._lies[node] = value[: _DIGEST_BYTES * TRACES_PER_TEST]
            self._lied = True
        self._told.add(node)

    def is_joined(self, path: str) -> bool:
        """Whether the tests of a file run together or not at all."""
        return path in self._files

    def join(self, path: str) -> None:
        """From now on the tests of this file run together."""
        self._files.add(path)
        self._joined.add(path)

    def save(self) -> None:
        """Write what was added, and again what was asked for: pruning takes what was written long ago.

        No index may replay a test that has just lied, whatever command line the index is of.
        """
        key = self._environment
        self._store.put_many(
            [
                *((QUARANTINE, key + _bytes(node), self._lies[node]) for node in sorted(self._told)),
                *((NEIGHBOURS, key + _bytes(path), b"1") for path in sorted(self._joined)),
            ]
        )
        if self._lied or self._joined:
            self._store.delete(INDEX, list(self._store.keys(INDEX)))


def node_of(key: bytes) -> NodeId:
    """The node id in a key of `QUARANTINE`."""
    return NodeId(_name(key, key[:_DIGEST_BYTES]))


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _name(key: bytes, environment: bytes) -> str:
    return key[len(environment) :].decode("utf-8", "surrogatepass")
