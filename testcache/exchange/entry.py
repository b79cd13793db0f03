"""One thing that travels: a value with what it is about, checked by its own SHA-256, in a bundle or alone.

    entry  = kind(1) environment(16) path length(4) value length(4) path value sha256(32 of all before)
    sealed = mac(32) entry        for an entry alone: HMAC-SHA256 of its project and the entry

What it is about is inside of what is signed, so an entry cannot be moved to another test file, another
environment or another project. Kinds are stored and never reused.
"""

from __future__ import annotations

import enum
import hashlib

from testcache.exchange.keyring import MAC_BYTES, Keyring
from testcache.exchange.refusals import Damaged, Forged, Unsigned
from testcache.structs import Struct

ENVIRONMENT_BYTES = 16
HEAD_BYTES = 1 + ENVIRONMENT_BYTES + 4 + 4
DIGEST_BYTES = 32
MAX_PATH_BYTES = 1 << 16
MAX_VALUE_BYTES = 64 << 20
"""As in the store: a manifest of 25 tests takes about 20 KB."""


class Kind(enum.IntEnum):
    """What an entry holds; the first two have no path."""

    FACTS = 1  # names and values behind the environment key
    RUN = 2  # what commands need to know of a run, to look without pytest
    COLLECTED = 3  # the tests of a file that was collected in full
    MANIFEST = 4  # the traces of a file's tests


class Entry(Struct, frozen=True, order=True):
    """A value and what it is about; entries are ordered by what they are about."""

    kind: Kind
    environment: bytes
    path: bytes
    value: bytes

    @property
    def about(self) -> tuple[Kind, bytes, bytes]:
        """What tells it apart from every other entry of a project."""
        return self.kind, self.environment, self.path


def pack(entry: Entry) -> bytes:
    """The bytes of an entry. Raises ValueError: longer than may ever be taken in."""
    if len(entry.path) > MAX_PATH_BYTES or len(entry.value) > MAX_VALUE_BYTES:
        raise ValueError(f"an entry of {len(entry.value)} bytes is too long")
    sizes = len(entry.path).to_bytes(4, "big") + len(entry.value).to_bytes(4, "big")
    data = bytes([entry.kind]) + entry.environment + sizes + entry.path + entry.value
    return data + hashlib.sha256(data).digest()


def size_of(head: bytes) -> int:
    """Bytes of the whole entry that begins with these `HEAD_BYTES`. Raises Damaged: more than allowed."""
    path, value = _sizes(head)
    if path > MAX_PATH_BYTES or value > MAX_VALUE_BYTES:
        raise Damaged(f"an entry claims to take {path} and {value} bytes")
    return HEAD_BYTES + path + value + DIGEST_BYTES


def unpack(data: bytes) -> Entry:
    """The entry that `pack` wrote. Raises Damaged: anything else."""
    if len(data) < HEAD_BYTES + DIGEST_BYTES or len(data) != size_of(data[:HEAD_BYTES]):
        raise Damaged("an entry is shorter or longer than it says")
    if hashlib.sha256(data[:-DIGEST_BYTES]).digest() != data[-DIGEST_BYTES:]:
        raise Damaged("the digest of an entry is wrong")
    path, _ = _sizes(data)
    try:
        kind = Kind(data[0])
    except ValueError:
        raise Damaged(f"an entry is of the unknown kind {data[0]}") from None
    value_at = HEAD_BYTES + path
    return Entry(kind, data[1:17], data[HEAD_BYTES:value_at], data[value_at:-DIGEST_BYTES])


def seal(entry: Entry, project: str, keyring: Keyring) -> bytes:
    """The bytes of an entry that travels alone; without a key its mac is zeros."""
    data = pack(entry)
    mac = keyring.entry_mac(project.encode(), data) if keyring else bytes(MAC_BYTES)
    return mac + data


def unseal(sealed: bytes, about: tuple[Kind, bytes, bytes], project: str, keyring: Keyring) -> Entry:
    """The entry that `seal` wrote about just this, for this project.

    Raises:
        Unsigned, Forged: there is a key, and it does not fit.
        Damaged: not an entry, or one about something else.
    """
    mac, data = sealed[:MAC_BYTES], sealed[MAC_BYTES:]
    if keyring and mac == bytes(MAC_BYTES):
        raise Unsigned("the entry is not signed, and there is a key")
    if keyring and not keyring.verifies(project.encode(), data, mac):
        raise Forged("the signature of the entry was made with no key known here, or for another project")
    entry = unpack(data)
    if entry.about != about:
        raise Damaged("the entry is about something else than was asked for")
    return entry


def _sizes(head: bytes) -> tuple[int, int]:
    return int.from_bytes(head[17:21], "big"), int.from_bytes(head[21:25], "big")
