"""Manifests in the store: their keys, reading many at once, and how a newer one joins an older one.

key = environment key (16 bytes) path of the test file, as in its node ids (UTF-8, surrogates kept)
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from testcache.errors import BadRecord
from testcache.garbage import no_garbage
from testcache.model import TRACES_PER_TEST, EnvironmentKey, Manifest
from testcache.storage.codec import decode_manifest, encode_manifest
from testcache.storage.merge import merge_manifests
from testcache.storage.store import Store

MANIFEST = "manifest"
"""The space of manifests in the store."""

KEY_BYTES = 16


def manifest_key(environment: bytes, path: str) -> bytes:
    """Return the key of a test file's manifest under one environment."""
    return environment + path.encode("utf-8", "surrogatepass")


def known_files(store: Store) -> Iterator[tuple[EnvironmentKey, str]]:
    """Yield (environment, path) of every manifest in the store, in no order. Cost: no decoding."""
    for key in store.keys(MANIFEST):
        try:
            yield EnvironmentKey(key[:KEY_BYTES]), key[KEY_BYTES:].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            continue  # a damaged key; no test file has this name


@no_garbage()
def load_manifests(store: Store, environment: bytes, paths: Iterable[str]) -> tuple[dict[str, Manifest], int]:
    """Return the manifests of these test files by path, and how many did not decode.

    A file without a manifest, or with one that does not decode, gets an empty one. Cost: about 50 us a file.
    """
    wanted = {manifest_key(environment, path): path for path in paths}
    found = store.get_many(MANIFEST, list(wanted))
    manifests, corrupt = {}, 0
    for key, path in wanted.items():
        manifests[path] = Manifest()
        if key in found:
            try:
                manifests[path] = decode_manifest(found[key])
            except BadRecord:
                corrupt += 1
    return manifests, corrupt


def merged(old: bytes | None, *, new: Manifest, limit: int = TRACES_PER_TEST) -> bytes:
    """Return the bytes of an old manifest joined by a new one; a damaged old one is replaced."""
    if old is not None:
        with contextlib.suppress(BadRecord):
            new = merge_manifests(decode_manifest(old), new, limit=limit)
    return encode_manifest(new)
