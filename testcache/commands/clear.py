"""`testcache clear`: forget every recorded result, or those of some tests."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from testcache.errors import BadRecord, UnknownTest
from testcache.model import Manifest, NodeId
from testcache.project import Project
from testcache.quantities import TestPattern
from testcache.report import number, size
from testcache.storage import tally
from testcache.storage.codec import decode_manifest, encode_manifest
from testcache.storage.index import SPACE as INDEX
from testcache.storage.manifests import MANIFEST, known_files, manifest_key
from testcache.storage.quarantine import QUARANTINE, node_of
from testcache.storage.store import Store
from testcache.terminal import say


def run(project: Project, tests: list[str]) -> int:
    """Clear the whole store, damaged or not, or forget single tests under every environment.

    Raises:
        UnknownTest: one of the names stands for no recorded test; nothing is forgotten then.
        StoreError: the store is locked or not ours; or, for single tests, it is damaged.
    """
    if tests:
        return _forget(project, tests)
    folder = project.store_folder
    if not folder.exists():
        say(f"testcache: {project.store_name}: nothing to clear, nothing is recorded")
        return 0
    before = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    Store.clear_folder(folder)
    tally.forget(folder)
    say(f"testcache: {project.store_name}: cleared ({size(before)}); the next run records everything anew")
    return 0


def _forget(project: Project, tests: list[str]) -> int:
    store = project.store(readonly=False)
    if store is None:
        raise UnknownTest(f"{tests[0]}: nothing is recorded in {project.store_name}")
    with store:
        patterns = [TestPattern(text) for text in tests]
        found = dict(_matching(store, patterns))
        forgotten = {node for nodes in found.values() for node in nodes}
        for text in tests:
            if not any(TestPattern(text).covers(node) for node in forgotten):
                raise UnknownTest(f"{text}: no such test is recorded; nothing was forgotten")
        store.update_many((MANIFEST, key, partial(_without, nodes=nodes)) for key, nodes in found.items())
        lied = [key for key in store.keys(QUARANTINE) if any(p.covers(node_of(key)) for p in patterns)]
        store.delete(QUARANTINE, lied)
        store.delete(INDEX, store.keys(INDEX))  # it would replay them without a look at a manifest
    count = number(len(forgotten), "test")
    say(f"testcache: {project.store_name}: {count} forgotten; the next run records anew")
    return 0


def _matching(store: Store, patterns: list[TestPattern]) -> Iterable[tuple[bytes, set[NodeId]]]:
    """Yield the key of each manifest that holds some of these tests, and which."""
    for environment, path in known_files(store):
        key = manifest_key(environment, path)
        manifest = _decoded(store.get(MANIFEST, key))
        nodes = {
            node for node in {*manifest.traces, *manifest.failed} if any(pattern.covers(node) for pattern in patterns)
        }
        if nodes:
            yield key, nodes


def _without(old: bytes | None, *, nodes: set[NodeId]) -> bytes:
    manifest = _decoded(old)
    for node in nodes:
        manifest.traces.pop(node, None)
        manifest.failed.pop(node, None)
    return encode_manifest(manifest)


def _decoded(data: bytes | None) -> Manifest:
    try:
        return Manifest() if data is None else decode_manifest(data)
    except BadRecord:
        return Manifest()  # whatever it held is forgotten already
