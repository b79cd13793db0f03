"""One entry of the remote: the manifest of a test file, packed, sealed, and bound to where it belongs.

    key     = SHA-256 of format, project, scope, environment, path, in hexadecimal
    parcel  = sealed entry (see `exchange.entry`) whose value is: salt id(16) nonce(8) Zstandard of a manifest

The environment is named by SHA-256 of all its facts, so that nobody can craft two that collide. Project,
scope and environment are signed with the entry, as is the path: no parcel can be put in another's place.
The nonce tells two writings of the same results apart (see `push`).

Format history: 1 (first).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from testcache.errors import BadRecord
from testcache.exchange.compression import NotCompressed, Packer, unpacked
from testcache.exchange.entry import MAX_VALUE_BYTES, Entry, Kind, seal, unseal
from testcache.exchange.keyring import MAC_BYTES, Keyring
from testcache.exchange.plausible import examine
from testcache.exchange.refusals import Damaged, Oversized, Unverified
from testcache.exchange.variables import marked, unmarked
from testcache.model import Manifest
from testcache.remote import backend
from testcache.storage.codec import decode_manifest, encode_manifest
from testcache.structs import Struct

FORMAT = "testcache remote 1"
_SALT_CHARS, _NONCE_BYTES = 16, 8
_HEAD_BYTES = _SALT_CHARS + _NONCE_BYTES


class Label(Struct, frozen=True):
    """Where an entry belongs.

    Attributes:
        project: whose results.
        scope: see `remote.scope`.
        environment: the environment key, which results are kept under here.
        strong: 32 bytes of SHA-256 of the same facts, in hexadecimal.
        path: of the test file, as in its node ids.
    """

    project: str
    scope: str
    environment: bytes
    strong: str
    path: str

    @property
    def key(self) -> str:
        """The name under which an engine keeps it: 64 hexadecimal digits."""
        return digest_of((FORMAT, self.project, self.scope, self.strong, self.path))

    @property
    def context(self) -> str:
        """What is signed beside environment and path; no part can run into the next."""
        return digest_of((FORMAT, self.project, self.scope, self.strong))

    @property
    def about(self) -> tuple[Kind, bytes, bytes]:
        return Kind.MANIFEST, self.environment, self.path.encode("utf-8", "surrogatepass")


def digest_of(fields: Iterable[str]) -> str:
    """SHA-256 of some texts, told apart, in hexadecimal."""
    whole = hashlib.sha256()
    for text in fields:
        data = text.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


def wrap(manifest: Manifest, label: Label, keyring: Keyring, salt_id: str) -> bytes:
    """Pack and seal a manifest whose variables are keyed with this salt. Cost: 1 ms per 25 tests.

    Raises BadRecord, Oversized: it cannot be sent.
    """
    packer = Packer()
    packed = packer.pack(encode_manifest(manifest)) + packer.finish()
    value = salt_id.encode("ascii") + os.urandom(_NONCE_BYTES) + packed
    kind, environment, path = label.about
    parcel = seal(Entry(kind, environment, path, value), label.context, keyring)
    if len(parcel) > backend.MAX_VALUE_BYTES:
        raise Oversized(f"the results of {label.path} take {len(parcel)} bytes")
    return parcel


def unwrap(parcel: bytes, label: Label, keyring: Keyring, own: str, *, now_s: float, unverified: bool) -> Manifest:
    """The manifest of a parcel that was made for just this place; variables keyed with `own` are unmarked.

    Nothing is decompressed before signature and digest fit, nor decoded before it is decompressed, and
    never more than fits into an entry. `unverified` takes a signed one also where there is no key.
    Raises Refused. Cost: 1 ms per 25 tests.
    """
    if not keyring and not unverified and any(parcel[:MAC_BYTES]):
        raise Unverified("the entry is signed, and TESTCACHE_KEY is not set to check it")
    value = unseal(parcel, label.about, label.context, keyring).value
    if len(value) < _HEAD_BYTES:
        raise Damaged("the entry is too short")
    try:
        salt_id = value[:_SALT_CHARS].decode("ascii")
        manifest = decode_manifest(unpacked_whole(value[_HEAD_BYTES:]))
    except (BadRecord, UnicodeDecodeError, NotCompressed) as error:
        raise Damaged("the entry does not decode") from error
    examine(manifest, label.path, now_s=now_s)
    if salt_id == own:
        return manifest
    return unmarked(marked(manifest, salt_id)[0], own)


def unpacked_whole(packed: bytes) -> bytes:
    """What one Zstandard frame holds. Raises NotCompressed, and Oversized before it fills the memory."""
    data = bytearray()
    for piece in unpacked([packed]):
        data += piece
        if len(data) > MAX_VALUE_BYTES:
            raise Oversized("the entry unpacks to too much")
    return bytes(data)
