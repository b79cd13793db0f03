"""What a run recorded and could not give to the remote, noted until a later run can.

    owed / environment key (16 bytes) digest of scope (16) path = [{test: [recorded at, ...]}, {test: at}]

Who is replayed is not given again, so without this a remote that was down or slow would never get it. Results are
named only: what is given is what the store still holds of them, and nothing that was forgotten, or taken back,
meanwhile. The second table names tests whose shared results are of no use: a lie must not outlive a server's restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from testcache.digest import of_text
from testcache.errors import BadRecord
from testcache.model import Manifest, NodeId
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.manifests import load_manifests
from testcache.storage.merge import merge_manifests
from testcache.storage.store import Store

SPACE = "owed"
_HEAD_BYTES = 32

_MOST_A_TEST = 64
"""More than a store holds of a test: a remote may refuse what is given for ever."""


class _Row(NamedTuple):
    recorded: dict[str, list[float]]
    failed: dict[str, float]


def load_owed(store: Store, environment: bytes, scope: str, most: int) -> dict[str, Manifest]:
    """What is owed of some test files of an environment to a scope, as `Share.give` takes it. Raises StoreError.

    Cost: one look for keys if nothing is; about 1 ms per 25 tests.
    """
    head = _head(environment, scope)
    keys = sorted(islice((key for key in store.keys(SPACE) if key.startswith(head)), most))
    found = store.get_many(SPACE, keys)
    rows = {key[_HEAD_BYTES:].decode("utf-8", "surrogatepass"): _decoded(found[key]) for key in keys if key in found}
    held, _ = load_manifests(store, environment, rows)
    return {path: _chosen(held[path], *row) for path, row in rows.items()}


def count_owed(store: Store) -> int:
    """How many test files have something that is yet to be given, to any scope. Raises StoreError."""
    return store.count(SPACE)


def note_owed(store: Store, environment: bytes, scope: str, fresh: Mapping[str, Manifest]) -> None:
    """Note what could not be given. Raises StoreError."""
    store.update_many(
        (SPACE, _head(environment, scope) + path.encode("utf-8", "surrogatepass"), partial(_added, fresh=manifest))
        for path, manifest in fresh.items()
    )


def forget_owed(store: Store, environment: bytes, scope: str, paths: Iterable[str]) -> None:
    """It was given. Raises StoreError.

    Race: another run in this checkout notes more of a test file between `load_owed` and now; that is forgotten, too.
    """
    head = _head(environment, scope)
    store.delete(SPACE, [head + path.encode("utf-8", "surrogatepass") for path in paths])


def both(older: Mapping[str, Manifest], newer: Mapping[str, Manifest]) -> dict[str, Manifest]:
    """What two runs had to give, that of the newer one first."""
    joined = {**newer, **older}
    for path in older.keys() & newer.keys():
        one, two = older[path], newer[path]
        traces = {node: traces for node, traces in one.traces.items() if node not in two.failed}
        merged = merge_manifests(Manifest(traces), Manifest(two.traces))
        joined[path] = Manifest(merged.traces, {**one.failed, **two.failed})
    return joined


def _head(environment: bytes, scope: str) -> bytes:
    return environment + of_text(scope)


def _chosen(held: Manifest, recorded: Mapping[str, list[float]], failed: Mapping[str, float]) -> Manifest:
    chosen = Manifest(failed={NodeId(node): at for node, at in failed.items()})
    for node, moments in recorded.items():
        traces = [trace for trace in held.traces.get(NodeId(node), ()) if trace.recorded_at in moments]
        if traces and node not in held.failed:
            chosen.traces[NodeId(node)] = traces
    return chosen


def _added(old: bytes | None, *, fresh: Manifest) -> bytes:
    recorded, failed = _decoded(old)
    for node in fresh.failed:
        recorded.pop(node, None)
    for node, traces in fresh.traces.items():
        moments = {*recorded.get(node, ()), *(trace.recorded_at for trace in traces)}
        recorded[node] = sorted(moments)[-_MOST_A_TEST:]
    failed |= {str(node): at for node, at in fresh.failed.items()}
    return encode_value(_Row(recorded, failed))


def _decoded(data: bytes | None) -> _Row:
    try:
        return _Row({}, {}) if data is None else decode_value(data, _Row)
    except BadRecord:
        return _Row({}, {})
