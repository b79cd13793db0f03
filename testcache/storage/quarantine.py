"""Recorded results that were seen to be wrong, and files whose tests need one another.

    quarantine / environment + node id   a manifest of the traces that lied, newest first, without reports
    neighbours / environment + path      a mark: if one test of the file runs, all do

Removing a trace that lied is not enough: the next pass records the same reads again.
"""

from __future__ import annotations

from testcache.errors import BadRecord
from testcache.model import TRACES_PER_TEST, EnvironmentKey, Manifest, NodeId, Trace
from testcache.storage.codec import decode_manifest, encode_manifest
from testcache.storage.index import SPACE as INDEX
from testcache.storage.store import Store
from testcache.structs import replace
from testcache.trace import DigestOf, Refine, Verifier, all_matter

QUARANTINE = "quarantine"
NEIGHBOURS = "neighbours"
_KEY_BYTES = 16


class Quarantine:
    """What is known of one environment; loaded at once, as there are few. Raises StoreError."""

    def __init__(
        self, store: Store, environment: EnvironmentKey, digest_of: DigestOf, refine: Refine = all_matter
    ) -> None:
        self._store = store
        self._environment = environment
        self._verifier = Verifier(digest_of, refine)
        self._lies: dict[NodeId, list[Trace]] = {}
        self._told: set[NodeId] = set()
        own = [key for key in store.keys(QUARANTINE) if key.startswith(environment)]
        for value in store.get_many(QUARANTINE, own).values():
            self._lies |= _decoded(value)
        self._files = {_name(key, environment) for key in store.keys(NEIGHBOURS) if key.startswith(environment)}
        self._joined: set[str] = set()
        self._lied = False

    def holds(self, node: NodeId) -> bool:
        """Whether all that a trace read which has lied is unchanged. Cost: nothing for a test that never did.

        The same reads are not asked for: two runs of one test may differ in a listing or a look-up that
        has nothing to do with the lie.
        """
        if node not in self._lies:
            return False
        self._told.add(node)
        return any(self._verifier.verify(trace) is None for trace in self._lies[node])

    def add(self, node: NodeId, trace: Trace) -> None:
        """This trace has lied."""
        if not self.holds(node):
            kept = replace(trace, reports=(), lines=b"")
            self._lies[node] = [kept, *self._lies.get(node, ())][:TRACES_PER_TEST]
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
                *(
                    (QUARANTINE, key + _bytes(node), encode_manifest(Manifest({node: self._lies[node]})))
                    for node in sorted(self._told)
                ),
                *((NEIGHBOURS, key + _bytes(path), b"1") for path in sorted(self._joined)),
            ]
        )
        if self._lied or self._joined:
            self._store.delete(INDEX, list(self._store.keys(INDEX)))


def node_of(key: bytes) -> NodeId:
    """The node id in a key of `QUARANTINE`."""
    return NodeId(_name(key, key[:_KEY_BYTES]))


def _decoded(value: bytes) -> dict[NodeId, list[Trace]]:
    try:
        return decode_manifest(value).traces
    except BadRecord:  # the rows that do not decode are reported when tests are looked up
        return {}


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _name(key: bytes, environment: bytes) -> str:
    return key[len(environment) :].decode("utf-8", "surrogatepass")
