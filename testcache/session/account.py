"""What a run stores of itself at its end, besides the results of its tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testcache.model import Trace
from testcache.session.indexing import Indexer
from testcache.session.setups import longest
from testcache.session.warm import held_file
from testcache.storage.history import save_collected, save_run
from testcache.storage.index import SPACE, encode_index
from testcache.storage.store import Store
from testcache.storage.timings import save_timings
from testcache.structs import replace

if TYPE_CHECKING:
    from testcache.session.runner import Runner


def save_account(run: Runner, store: Store) -> None:
    """Keep that there was a run, what it collected, and how long its tests took. Raises StoreError."""
    save_run(store, run.summary.facts(), run.notes.facts, run.results.values())
    save_collected(store, run.environment, run.notes.files)
    took = {r.node_id: r.duration_s for r in run.results.values() if r.duration_s}
    setups = longest(run.distribution.setups, run.recording.charges.setups.seconds())
    save_timings(store, took, setups, run.distribution.crashed)


def save_index(run: Runner, store: Store, invocation: bytes) -> None:
    """Keep what a run like this one need not find out again; only after a complete run. Raises StoreError."""
    traces = {node: hit for node, hit in run.hits.items() if isinstance(hit, Trace)}
    assert run.cache is not None
    indexer = Indexer(run.world, run.environment, run.cache.fillers, traces.values())
    traces |= {node: result.trace for node, result in run.results.items() if result.trace is not None}
    traces = {n: trace for n, trace in traces.items() if run.proof.may_index(n, trace) and run.rounds.may_index(n)}
    empty = (module.file for module in run.left_out if not module.file.tests)
    left_out = [*map(held_file, run.collected), *empty]
    held = {file.path: file for file in left_out if file is not None}
    for file in run.recording.collected(run.collected, traces):
        if file.path not in held:
            indexer.add(replace(file, deselected=run.notes.deselected[file.path]))
    shown = run.recording.shown.by_folders(run.recording.charges.files())
    if run.warm is not None:
        for kept in held.values():
            indexer.keep(kept, run.warm.index)
    index = indexer.index(shown, derives=run.importing.derives)
    store.put_many([(SPACE, invocation, encode_index(index))])
