"""The run's view of the store: manifests of the files at hand, decisions, and one commit at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from testcache.errors import BadRecord, StoreError
from testcache.model import Decision, EnvironmentKey, Manifest, Miss, NodeId, Result
from testcache.reasons import Reason
from testcache.source import Source
from testcache.storage.codec import decode_manifest, encode_manifest, encode_source
from testcache.storage.merge import merge_manifests
from testcache.storage.journal import Journal, recover
from testcache.storage.store import Store
from testcache.storage.wire import Packer, Unpacker
from testcache.trace import Verifier

MANIFEST = "manifest"


class Cache:
    """Reads before the run, journals during it, writes once after it. Only the controller has one."""

    def __init__(self, store: Store, environment: EnvironmentKey, verifier: Verifier) -> None:
        self._store = store
        self._environment = environment
        self._verifier = verifier
        self._manifests: dict[str, Manifest] = {}
        self._journal: Journal | None = None
        self._packer = Packer()
        self._results: dict[NodeId, Result] = {}
        self.corrupt = 0

    def key(self, path: str) -> bytes:
        """The key of a test file's manifest."""
        return self._environment + path.encode("utf-8", "surrogatepass")

    # -- before

    def load(self, paths: Iterable[str]) -> None:
        """Fetch the manifests of these test files. Cost: about 50 µs a file."""
        wanted = {self.key(path): path for path in paths if path not in self._manifests}
        found = self._store.get_many(MANIFEST, list(wanted))
        for key, path in wanted.items():
            manifest = Manifest()
            if key in found:
                try:
                    manifest = decode_manifest(found[key])
                except BadRecord:
                    self.corrupt += 1
            self._manifests[path] = manifest

    def manifest(self, path: str) -> Manifest:
        """A loaded manifest; empty if there is none."""
        return self._manifests.get(path) or Manifest()

    def decide(self, path: str, node: NodeId, *, everything: bool = False) -> Decision:
        """Hit or miss for one test, with the reason."""
        manifest = self.manifest(path)
        decision = self._verifier.decide(manifest.traces.get(node, ()), now_s=time.time(), everything=everything)
        if isinstance(decision, Miss) and node in manifest.failed:
            return Miss(Reason.NOT_PASSED, decision.changes, decision.nearest)
        return decision

    # -- during

    def add(self, results: list[Result], *, journal: bool = True) -> None:
        """Take results; they survive a killed run from here on."""
        for result in results:
            self._results[result.node_id] = result
        if journal and not self._store.readonly:
            if self._journal is None:
                self._journal = Journal.create(self._store.folder)
            self._journal.append(self._environment + self._packer.pack(results))

    # -- after

    def commit(self, sources: Iterable[tuple[bytes, Source]] = ()) -> None:
        """Merge the results into the store, in one transaction, and drop the journal."""
        if self._store.readonly:
            return
        self._merge(self._environment, self._results.values())
        self._store.put_many(("source", key, encode_source(source)) for key, source in sources)
        if self._journal is not None:
            self._journal.close_and_remove()
            self._journal = None

    def _merge(self, environment: bytes, results: Iterable[Result]) -> None:
        fresh: dict[bytes, Manifest] = {}
        for result in results:
            key = environment + result.path.encode("utf-8", "surrogatepass")
            manifest = fresh.setdefault(key, Manifest())
            if result.trace is not None:
                manifest.traces.setdefault(result.node_id, []).insert(0, result.trace)
            elif not result.problems:
                manifest.failed[result.node_id] = result.recorded_at
        if fresh:
            self._store.update_many((MANIFEST, key, partial(_merged, new=new)) for key, new in fresh.items())

    def recover(self) -> int:
        """Take over what killed runs had finished; the number of their results."""
        count = 0
        if self._store.readonly:
            return count
        for _, payloads in recover(self._store.folder):
            unpacker = Unpacker()
            results: dict[bytes, dict[NodeId, Result]] = {}
            for payload in payloads:
                try:
                    batch = unpacker.unpack(payload[16:])
                except BadRecord:
                    break
                for result in batch:
                    results.setdefault(payload[:16], {})[result.node_id] = result
            for environment, by_node in results.items():
                self._merge(environment, by_node.values())
                count += len(by_node)
        return count


def _merged(old: bytes | None, *, new: Manifest) -> bytes:
    if old is not None:
        try:
            new = merge_manifests(decode_manifest(old), new)
        except BadRecord:
            pass  # a damaged manifest is replaced by what is known now
    return encode_manifest(new)


__all__ = ["MANIFEST", "Cache", "StoreError"]
