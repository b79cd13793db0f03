"""The run's view of the store: manifests of the files at hand, decisions, and one commit at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from testcache.clock import clock
from testcache.code.source import Source
from testcache.errors import BadRecord, StoreError
from testcache.garbage import no_garbage
from testcache.model import (
    TRACES_PER_TEST,
    Decision,
    EnvironmentKey,
    Found,
    Hit,
    Manifest,
    NodeId,
    Read,
    Result,
    Trace,
)
from testcache.session.names import path_of
from testcache.session.waiting import Carried
from testcache.storage.codec import decode_manifest, encode_manifest, encode_source
from testcache.storage.definitions import save_definitions
from testcache.storage.history import collected
from testcache.storage.journal import Journal, recover
from testcache.storage.leaks import leaving
from testcache.storage.manifests import MANIFEST, load_manifests, manifest_key, merged
from testcache.storage.merge import merge_manifests
from testcache.storage.store import Store
from testcache.storage.wire import Packer, Unpacker
from testcache.structs import replace
from testcache.trace import DigestOf, Refine, Verifier

if TYPE_CHECKING:
    from testcache.session.shared import Shared


class Cache:
    """Reads before the run, journals during it, writes once after it. Only the controller has one.

    Attributes:
        taken: tests of which a result came from the remote that left something.
        corrupt: how many manifests did not decode.
    """

    def __init__(
        self,
        store: Store,
        environment: EnvironmentKey,
        digest_of: DigestOf,
        reach: Refine,
        *,
        traces_per_test: int = TRACES_PER_TEST,
        learns: bool = False,
        shared: Shared | None = None,
        required: Collection[Read] = (),
    ) -> None:
        self._store = store
        self._environment = environment
        self._verifier = Verifier(digest_of, reach, self._traces_of, learns=learns)
        self._after = Verifier(digest_of, reach, self._traces_of, learns=learns)  # knows what this run has recorded
        self._verifier.required = tuple(required)
        self._traces_per_test = traces_per_test
        self._shared = shared
        self._taken: dict[str, Manifest] = {}
        self._manifests: dict[str, Manifest] = {}
        self._journal: Journal | None = None
        self._packer = Packer()
        self._results: dict[NodeId, Result] = {}
        self._kept: dict[NodeId, Trace] = {}
        self._carried: dict[NodeId, Carried] = {}
        self._distrusted: dict[bytes, set[NodeId]] = {}
        self._began = clock.time()
        self.taken: set[NodeId] = set()
        self.corrupt = 0
        self._imported: Mapping[NodeId, Trace] = {}

    # -- before

    def take_imports(self, traces: Mapping[NodeId, Trace]) -> None:
        """What the imports of this process have left: nothing else that is recorded of them counts."""
        self._imported = traces
        self._verifier.forget_fillers()

    def load(self, nodes: Iterable[NodeId]) -> None:
        """Fetch the manifests of these tests' files, once; from the remote, too, if a test is no hit without it.

        Cost: about 50 µs a file.
        """
        by_path: dict[str, list[NodeId]] = {}
        for node in nodes:
            by_path.setdefault(path_of(node), []).append(node)
        fresh = [path for path in by_path if path not in self._manifests]
        manifests, corrupt = load_manifests(self._store, self._environment, fresh)
        self._manifests.update(manifests)
        self.corrupt += corrupt
        if self._shared is None:
            return
        misses = [
            path
            for path, tests in by_path.items()
            if not all(isinstance(self.decide(path, node), Hit) for node in tests)
        ]
        taken = self._shared.take(misses)
        self._taken.update(taken)
        for path, manifest in taken.items():
            known = self._manifests[path]
            self.taken |= leaving(known, manifest)
            limit = self._traces_per_test
            self._manifests[path] = merge_manifests(known, manifest, limit=limit) if known.traces else manifest

    def manifest(self, path: str) -> Manifest:
        """A loaded manifest; empty if there is none."""
        return self._manifests.get(path) or Manifest()

    def traces(self, node: NodeId) -> Sequence[Trace]:
        """The recorded traces of a test, newest first."""
        return self.manifest(path_of(node)).traces.get(node, ())

    def earlier(self, nodes: Iterable[NodeId]) -> Iterable[list[NodeId]]:
        """The tests of the files of these in the order in which they were collected the last time."""
        return collected(self._store, self._environment, {path_of(node) for node in nodes}).values()

    def decide(self, path: str, node: NodeId, *, everything: bool = False) -> Decision:
        """Hit or miss for one test, with the reason."""
        return self._verifier.decide_test(self.manifest(path), node, now_s=clock.time(), everything=everything)

    def holds(self, trace: Trace) -> bool:
        """Whether all that a trace has read is as it was."""
        return self._verifier.verify(trace) is None

    def decide_by(self, node: NodeId, traces: Sequence[Trace]) -> Decision:
        """The same by some of its traces."""
        return self._verifier.decide(traces, now_s=clock.time(), recorded=self.traces(node))

    def indifferent_to(self, node: NodeId, trace: Trace) -> frozenset[str]:
        """The interiors that do not matter to a trace of a test."""
        return self._verifier.indifferent_to(trace, self.traces(node))

    def _traces_of(self, node: NodeId) -> list[Trace]:
        """What is recorded of any test: one that left something may lie in a file that is not at hand."""
        if node in self._imported:
            return [self._imported[node]]
        path = path_of(node)
        if path not in self._manifests:
            found, corrupt = load_manifests(self._store, self._environment, [path])
            self._manifests.update(found)
            self.corrupt += corrupt
        result, kept = self._results.get(node), self._kept.get(node)
        fresh = [*self._recorded(result)] if result is not None else [] if kept is None else [kept]
        failed = result is not None and result.trace is None and not result.problems  # it may have left anything
        return fresh if failed else fresh + self._manifests[path].traces.get(node, [])

    def is_left(self, found: Found) -> bool:
        """Whether a test that is replayed has left this."""
        return self._verifier.is_left(found, clock.time())

    def fillers(self, traces: Mapping[NodeId, Trace]) -> tuple[Trace, ...] | None:
        """After the run: the traces that left what these tests found, and so on; None if one is not known."""
        return self._after.fillers(traces)

    # -- during

    def add(self, results: list[Result], *, journal: bool = True) -> None:
        """Take results; they survive a killed run from here on."""
        for result in results:
            self._results[result.node_id] = result
        if journal and not self._store.readonly:
            if self._journal is None:
                self._journal = Journal.create(self._store.folder)
            self._journal.append(self._environment + self._packer.pack(results))

    def keep(self, traces: Mapping[NodeId, Trace], carried: Mapping[NodeId, Carried]) -> None:
        """Take traces that hold in another form than the stored ones, and those of tests that ran that do so, too."""
        self._kept.update(traces)
        self._carried.update(carried)

    def _recorded(self, result: Result) -> Iterator[Trace]:
        """The traces that come of a result: a teardown of a wide fixture may still change them."""
        if result.trace is not None:
            yield result.trace
            carried = self._carried.get(result.node_id)
            if carried is not None:
                yield carried.of(result.trace)

    # -- after

    def distrust(self, results: Iterable[Result]) -> None:
        """Forget what is stored for these tests: all inputs unchanged, they did not end as recorded."""
        for result in results:
            key = manifest_key(self._environment, result.path)
            self._distrusted.setdefault(key, set()).add(result.node_id)

    @no_garbage()
    def commit(
        self,
        sources: Iterable[tuple[bytes, Source]] = (),
        source_of: Callable[[str], Source | None] = lambda _: None,
    ) -> None:
        """Merge the results into the store, in one transaction, and drop the journal.

        `sources` are new ones; `source_of` gives those behind the results by the stored name of the file.
        """
        if self._store.readonly:
            return
        if self._distrusted:
            wrong = self._distrusted.items()
            self._store.update_many((MANIFEST, key, partial(_without, nodes=nodes)) for key, nodes in wrong)
        _date(self._results, self._began)
        limit = self._traces_per_test
        taken = ((manifest_key(self._environment, path), manifest) for path, manifest in self._taken.items())
        if self._taken:
            self._store.update_many((MANIFEST, key, partial(merged, new=new, limit=limit)) for key, new in taken)
        kept = ((node, trace) for node, trace in self._kept.items() if node not in self._results)
        carried = ((r.node_id, trace) for r in self._results.values() for trace in [*self._recorded(r)][1:])
        others = (Result(path_of(node), node, trace) for node, trace in (*kept, *carried))
        self._merge(self._environment, (*others, *self._results.values()))
        self._store.put_many(("source", key, encode_source(source)) for key, source in sources)
        traces = (result.trace for result in self._results.values() if result.trace is not None)
        save_definitions(self._store, traces, source_of)
        if self._store.volume() > self._store.size_limit_bytes:
            room = int(self._store.size_limit_bytes * 0.9)  # so that not every run has to prune
            self._store.prune(max_bytes=room, max_age_s=None, now=clock.time())
        if self._journal is not None:
            self._journal.close_and_remove()
            self._journal = None

    def share(self, may_share: Callable[[NodeId, Trace], bool]) -> None:
        """Give away what this run has recorded, but not results of tests that are known to lie."""
        if self._shared is None or self._store.readonly:
            return
        fresh: dict[str, Manifest] = {}
        for result in self._results.values():
            if result.trace is not None and may_share(result.node_id, result.trace):
                fresh.setdefault(result.path, Manifest()).traces[result.node_id] = [*self._recorded(result)]
        for result in self._results.values():
            nodes = self._distrusted.get(manifest_key(self._environment, result.path), ())
            if result.node_id in nodes and not result.problems:
                fresh.setdefault(result.path, Manifest()).failed[result.node_id] = result.recorded_at
        self._shared.offer(fresh)

    def _merge(self, environment: bytes, results: Iterable[Result]) -> None:
        fresh: dict[bytes, Manifest] = {}
        for result in results:
            manifest = fresh.setdefault(manifest_key(environment, result.path), Manifest())
            if result.trace is not None:
                manifest.traces.setdefault(result.node_id, []).insert(0, result.trace)
            elif not result.problems:
                manifest.failed[result.node_id] = result.recorded_at
        if fresh:
            limit = self._traces_per_test
            changes = ((MANIFEST, key, partial(merged, new=new, limit=limit)) for key, new in fresh.items())
            self._store.update_many(changes)

    def recover(self) -> list[Result]:
        """Take over what killed runs had finished; those of their results that belong to this environment."""
        own: list[Result] = []
        if self._store.readonly:
            return own
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
                _date(by_node)
                self._merge(environment, by_node.values())
                if environment == self._environment:
                    own += by_node.values()
        if own:
            self._manifests.clear()
        return own


def _date(results: dict[NodeId, Result], began: float = math.inf) -> None:
    """Note when the run began; no later than its first result was recorded, by whatever clock."""
    since = min([began, *(result.recorded_at for result in results.values())])
    for node, result in results.items():
        if result.trace is not None:
            results[node] = replace(result, trace=replace(result.trace, since=since))


def _without(old: bytes | None, *, nodes: set[NodeId]) -> bytes:
    try:
        manifest = decode_manifest(old) if old is not None else Manifest()
    except BadRecord:
        manifest = Manifest()
    manifest.traces = {node: traces for node, traces in manifest.traces.items() if node not in nodes}
    return encode_manifest(manifest)


__all__ = ["Cache", "StoreError"]
