"""Manifests in the store: reading many of them."""

from __future__ import annotations

import gc
from pathlib import Path

from testcache.model import Digest, EnvironmentKey, Found, Leftover, Manifest, NodeId, Trace
from testcache.storage.codec import encode_manifest
from testcache.storage.manifests import MANIFEST, load_manifests, manifest_key
from testcache.storage.store import Store

ENVIRONMENT = EnvironmentKey(b"e" * 16)


def test_nobody_looks_for_garbage_while_many_are_read(tmp_path: Path) -> None:
    """All that is made stays, and each look goes through it and through all other objects of the run."""
    manifest = Manifest()
    for number in range(2000):
        node, place = NodeId(f"t.py::test_{number}"), f"m.py::TABLE[{number}]"
        value = Digest(number.to_bytes(16, "big"))
        found = frozenset((Found(node, place, value),))
        left = frozenset((Leftover(place, value),))
        manifest.traces[node] = [Trace((), "passed", (), 0.1, 1.0, left=left, found=found)]
    looks: list[str] = []
    with Store.open(tmp_path / "cache") as store:
        store.put_many([(MANIFEST, manifest_key(ENVIRONMENT, "t.py"), encode_manifest(manifest))])
        gc.callbacks.append(lambda phase, _: looks.append(phase))
        try:
            loaded, corrupt = load_manifests(store, ENVIRONMENT, ["t.py"])
        finally:
            gc.callbacks.pop()
    assert (loaded["t.py"], corrupt) == (manifest, 0)
    assert looks.count("start") <= 1  # when it may again
    assert gc.isenabled()
