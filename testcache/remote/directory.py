"""Which environments a scope has results of: one small entry, so that `doctor` can say why nothing is replayed.

    key     = SHA-256 of format, project, scope, in hexadecimal
    parcel  = sealed entry (see `exchange.entry`) whose value is: nonce(8) Zstandard of a list of `Known`

Names of entries are digests, so nobody could say otherwise that there are results, but of another Python. Deciding
does not look at it. Facts that may hold secrets are in it as digests, and only where the remote has a key.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

from testcache.errors import BadRecord
from testcache.exchange.compression import NotCompressed, Packer
from testcache.exchange.entry import ENVIRONMENT_BYTES, Entry, Kind, seal, unseal
from testcache.exchange.keyring import MAC_BYTES, Keyring
from testcache.exchange.refusals import Damaged, Unverified
from testcache.remote.parcel import digest_of, unpacked_whole
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.history import MAYBE_SECRET
from testcache.structs import Struct

FORMAT = "testcache directory 1"
KEPT = 16
AGAIN_S = 86_400.0
"""An environment in use is written anew once a day, so that it does not expire before its results do."""

_NONCE_BYTES = 8
_ABOUT = (Kind.FACTS, bytes(ENVIRONMENT_BYTES), b"")


class Known(Struct, frozen=True):
    """An environment that results were recorded under.

    Attributes:
        environment: its key, in hexadecimal.
        at: when results of it were written, to within a day.
        facts: what is behind the key, as a store keeps it.
    """

    environment: str
    at: float
    facts: dict[str, str]


def key_of(project: str, scope: str) -> str:
    """The name under which an engine keeps it: 64 hexadecimal digits, which no entry of a test file can have."""
    return digest_of((FORMAT, project, scope))


def opened(parcel: bytes, project: str, scope: str, keyring: Keyring, *, unverified: bool) -> list[Known]:
    """What `joined` wrote for this place, newest first; see `parcel.unwrap`. Raises Refused."""
    if not keyring and not unverified and any(parcel[:MAC_BYTES]):
        raise Unverified("the directory is signed, and TESTCACHE_KEY is not set to check it")
    value = unseal(parcel, _ABOUT, key_of(project, scope), keyring).value
    try:
        known = decode_value(unpacked_whole(value[_NONCE_BYTES:]), list[Known])
    except (BadRecord, NotCompressed) as error:
        raise Damaged("the directory does not decode") from error
    if not all(math.isfinite(one.at) for one in known):
        raise Damaged("an environment has no time")
    return known


def joined(known: list[Known], own: Known, project: str, scope: str, keyring: Keyring) -> bytes | None:
    """The parcel with one more environment; None if it is in it already. Without a key nothing that may be secret."""
    before = next((one for one in known if one.environment == own.environment), None)
    if before is not None and own.at - before.at < AGAIN_S:
        return None
    if not keyring:
        own = Known(own.environment, own.at, _open(own.facts))
    others = [one for one in known if one.environment != own.environment]
    kept = sorted([own, *others], key=lambda one: -one.at)[:KEPT]
    packer = Packer()
    value = os.urandom(_NONCE_BYTES) + packer.pack(encode_value(kept)) + packer.finish()
    kind, environment, path = _ABOUT
    return seal(Entry(kind, environment, path, value), key_of(project, scope), keyring)


def _open(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if not name.startswith(MAYBE_SECRET)}
