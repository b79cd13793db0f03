"""The salt that all who share a remote key the values of variables with, so that results can be compared.

It is derived from the key, so that who has none cannot guess at values. Without a key it is no secret:
who can read an unsigned remote can guess at the values of variables, as with an unsigned bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from testcache.errors import BadRecord
from testcache.exchange.keyring import Keyring
from testcache.exchange.variables import marked, unmarked
from testcache.storage.codec import decode_manifest, encode_manifest
from testcache.storage.index import SPACE as INDEX
from testcache.storage.manifests import MANIFEST
from testcache.storage.salts import SALTS, adding, salt_id
from testcache.storage.store import META, SALT, Change, Store


def adopt(store: Store, keyring: Keyring, project: str) -> None:
    """Make the shared salt the store's own; results that are keyed with the one before keep their meaning.

    Race: (1) a run reads the salt, (2) we replace it, (3) that run stores what it has recorded:
    its variables no longer match, and its tests run again.

    Cost: nothing from the second time on; 1 ms per 25 tests the first time. Raises StoreError.
    """
    salt, *older = keyring.shared_salts(project)
    if store.salt == salt or store.readonly:
        return
    before, own = salt_id(store.salt), salt_id(salt)

    def items() -> Iterator[tuple[str, bytes, Change]]:
        yield META, SALT, lambda _: salt
        yield META, SALTS, adding({before: store.salt, **{salt_id(old): old for old in older}})
        for key in list(store.keys(MANIFEST)):
            yield MANIFEST, key, partial(_renamed, before=before, own=own)

    store.update_many(items())
    store.delete(INDEX, list(store.keys(INDEX)))
    store.salt = salt


def _renamed(old: bytes | None, *, before: str, own: str) -> bytes:
    try:
        manifest = decode_manifest(old) if old is not None else None
    except BadRecord:
        manifest = None
    if manifest is None:
        return old or b""  # damaged as it was
    return encode_manifest(unmarked(marked(manifest, before)[0], own))
