"""Salts of other stores, so that digests of environment variables recorded elsewhere can be compared here.

    meta / salts = {salt id: 32 bytes}

A store keys the values of variables with a salt of its own. Traces that came from another store keep the
digests they came with, and name the salt: the input `HOME=9c1e04ab51d2f7c0` is the variable HOME, keyed
with that salt (no variable has "=" in its name). A salt that is not known here never matches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from testcache.errors import BadRecord, StoreError
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import META, Change, Store

KEPT_SALTS = 256
"""Of each parallel job that started without results there is one."""

SALTS = b"salts"


def salt_id(salt: bytes) -> str:
    """The name of a salt: 16 hexadecimal digits that do not tell it."""
    return hashlib.sha256(b"testcache salt id" + salt).hexdigest()[:16]


def foreign_salts(store: Store) -> dict[str, bytes]:
    """All salts of other stores that this one has taken in, by id; none if it cannot say. Cost: one read."""
    try:
        return _decoded(store.get(META, SALTS))
    except StoreError:  # who looks the tests up says so
        return {}


def adding(new: Mapping[str, bytes]) -> Change:
    """A change of the stored table that adds salts, and lets the first ones go if there are too many."""

    def change(old: bytes | None) -> bytes:
        table = _decoded(old)
        kept = [(name, salt) for name, salt in table.items() if name not in new]
        kept = kept[max(0, len(kept) + len(new) - KEPT_SALTS) :]
        return encode_value(dict([*kept, *sorted(new.items())]))

    return change


def _decoded(data: bytes | None) -> dict[str, bytes]:
    try:
        return {} if data is None else decode_value(data, dict[str, bytes])
    except BadRecord:
        return {}  # variables recorded elsewhere no longer match: their tests run
