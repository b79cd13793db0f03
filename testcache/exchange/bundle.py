"""The file that results travel in: written in one stream, and read only after all of it was verified.

    bundle = magic(8) format(2) header length(4) header block* end(4 zeros) sha256(32) mac length(1) mac
    block  = length(4, never 0) bytes      together: entries one after another, as one Zstandard frame
    mac    = HMAC-SHA256 of everything before `sha256`, or nothing without a key
    header = msgpack of `Header`

Entries stand in ascending order of what they are about, each once, and nothing in a bundle says when or
where it was written: the same content gives the same bytes (with the same key and libzstd).

Reading copies the file into a nameless one first, so that nobody can change it between the check and
the use. Nothing of it is decoded or decompressed before its digest and its signature fit.

Format history: 1 (first).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from testcache.errors import BadRecord
from testcache.exchange import entry as entries
from testcache.exchange.compression import NotCompressed, Packer, unpacked
from testcache.exchange.entry import Entry
from testcache.exchange.keyring import MAC_BYTES, Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.printable import printable
from testcache.exchange.refusals import (
    Damaged,
    Forged,
    Newer,
    Oversized,
    Partial,
    Replayed,
    Unreadable,
    Unsigned,
    Unverified,
)
from testcache.storage.codec import decode_value, encode_value
from testcache.structs import Struct

MAGIC = b"\x89tcb\r\n\x1a\n"  # as PNG does: a transfer that changes line ends or drops bit 7 shows at once
FORMAT = 1
MAX_HEADER_BYTES = 1 << 20
MAX_BLOCK_BYTES = 1 << 20
SALT_BYTES = 32
_DIGEST_BYTES = 32
_HEAD_BYTES = len(MAGIC) + 2 + 4
_COPY_BYTES = 1 << 20


class Header(Struct, frozen=True):
    """What a bundle says of itself, under its signature.

    Attributes:
        project: whose results they are; "" for a project without a name.
        salts: (id, bytes) of each salt that its variables are keyed with; hidden if the bundle is signed.
        environments: (environment key in hexadecimal, interpreter and platform in words).
        files: how many test files have results in it.
        entries: how many entries there are.
        unpacked_bytes: of all entries.
        content: SHA-256 of all entries, in hexadecimal.
    """

    project: str
    salts: list[tuple[str, bytes]]
    environments: list[tuple[str, str]]
    files: int
    entries: int
    unpacked_bytes: int
    content: str


class Writer:
    """Packs entries into a spool file as they come; `finish` puts the head before them and the seal after."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self._packer = Packer()
        self._content = hashlib.sha256()
        self._last: tuple[int, bytes, bytes] | None = None
        self._count = self._files = self._unpacked = 0

    def add(self, entry: Entry) -> None:
        """Add the next entry. Raises ValueError: not in ascending order, or too long."""
        if self._last is not None and entry.about <= self._last:
            raise ValueError(f"entries must ascend: {entry.about} after {self._last}")
        self._last = entry.about
        data = entries.pack(entry)
        self._count += 1
        self._files += entry.kind is entries.Kind.MANIFEST
        self._unpacked += len(data)
        self._content.update(data)
        self._put(self._packer.pack(data))

    def finish(
        self,
        target: IO[bytes],
        *,
        project: str,
        salts: list[tuple[str, bytes]],
        environments: list[tuple[str, str]],
        keyring: Keyring,
    ) -> Header:
        """Write the whole bundle and return its header. `salts` are hidden under the current key."""
        self._put(self._packer.finish())
        hidden = [(name, keyring.hide(name, salt) if keyring else salt) for name, salt in salts]
        content = self._content.hexdigest()
        header = Header(project, hidden, environments, self._files, self._count, self._unpacked, content)
        body = encode_value(header)
        if len(body) > MAX_HEADER_BYTES:
            raise Oversized(f"the header takes {len(body)} bytes: too many environments or salts at once")
        digest = hashlib.sha256()
        macs = keyring.bundle_macs()[:1]

        def put(data: bytes) -> None:
            digest.update(data)
            for mac in macs:
                mac.update(data)
            target.write(data)

        put(MAGIC + FORMAT.to_bytes(2, "big") + len(body).to_bytes(4, "big") + body)
        self._spool.seek(0)
        while piece := self._spool.read(_COPY_BYTES):
            put(piece)
        put(bytes(4))
        target.write(digest.digest())
        target.write(bytes([MAC_BYTES]) + macs[0].digest() if macs else b"\0")
        return header

    def _put(self, packed: bytes) -> None:
        for start in range(0, len(packed), MAX_BLOCK_BYTES):
            block = packed[start : start + MAX_BLOCK_BYTES]
            self._spool.write(len(block).to_bytes(4, "big") + block)


class Bundle:
    """A bundle whose digest and signature fit; its entries are checked as they are read.

    Attributes:
        signed: its signature was verified.
        salts: the salts it came with, readable; none if they are hidden and there is no key.
    """

    def __init__(self, spool: IO[bytes], header: Header, blocks_at: int, limits: Limits) -> None:
        self.header = header
        self.signed = False
        self.salts: dict[str, bytes] = {}
        self._spool = spool
        self._blocks_at = blocks_at
        self._limits = limits

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, from the first; may be called again. Raises Damaged, Oversized."""
        content, count, total = hashlib.sha256(), 0, 0
        last: tuple[int, bytes, bytes] | None = None
        for data in self._packed_entries():
            count, total = count + 1, total + len(data)
            if count > self._limits.entries or total > self._limits.unpacked_bytes:
                raise Oversized(f"it holds more than {self._limits.entries} entries or unpacks to too much")
            content.update(data)
            entry = entries.unpack(data)
            if last is not None and entry.about <= last:
                raise Damaged("its entries are out of order")
            last = entry.about
            yield entry
        if (count, total, content.hexdigest()) != (
            self.header.entries, self.header.unpacked_bytes, self.header.content,
        ):  # fmt: skip
            raise Damaged("its entries are not those that its header counts")

    def _packed_entries(self) -> Iterator[bytes]:
        buffer = bytearray()
        try:
            for piece in unpacked(self._blocks()):
                buffer += piece
                start = 0
                while len(buffer) - start >= entries.HEAD_BYTES:
                    size = entries.size_of(bytes(buffer[start : start + entries.HEAD_BYTES]))
                    if len(buffer) - start < size:
                        break
                    yield bytes(buffer[start : start + size])
                    start += size
                del buffer[:start]
        except NotCompressed as error:
            raise Damaged(f"it does not unpack: {error}") from error
        if buffer:
            raise Damaged("its last entry is cut off")

    def _blocks(self) -> Iterator[bytes]:
        position = self._blocks_at
        while True:
            self._spool.seek(position)
            length = int.from_bytes(self._spool.read(4), "big")
            if not length:
                return
            yield self._spool.read(length)
            position += 4 + length


@contextlib.contextmanager
def opened(path: Path, *, project: str, keyring: Keyring, limits: Limits, unverified: bool = False) -> Iterator[Bundle]:
    """Verify a bundle as a whole and give it, for the length of the block.

    `unverified` takes a signed bundle also where there is no key to check it with. Raises Refused, as
    the subclass that names the reason. Cost: a copy of the file and about 1 GB/s for the digests.
    """
    with tempfile.TemporaryFile() as spool:
        _copy(path, spool, limits)
        yield _verified(spool, project, keyring, limits, unverified)


def _copy(path: Path, spool: IO[bytes], limits: Limits) -> None:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable("it is not a file")
            left = limits.packed_bytes
            while piece := file.read(_COPY_BYTES):
                left -= len(piece)
                if left < 0:
                    raise Oversized(f"it takes more than {limits.packed_bytes} bytes")
                spool.write(piece)
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from error


def _verified(spool: IO[bytes], project: str, keyring: Keyring, limits: Limits, unverified: bool) -> Bundle:
    header_bytes, blocks_at, mac, signer = _sealed(spool, keyring)
    if keyring and not mac:
        raise Unsigned("it is not signed, and TESTCACHE_KEY is set")
    if keyring and signer is None:
        raise Forged("its signature was made with no key known here, or it was changed since")
    if mac and not keyring and not unverified:
        raise Unverified("it is signed, and TESTCACHE_KEY is not set to check it")
    try:
        header = decode_value(header_bytes, Header)
    except BadRecord as error:
        raise Damaged("its header does not decode") from error
    if header.project != project:
        raise Replayed(f'it was made for project "{printable(header.project)}", and this is "{project}"')
    if header.entries > limits.entries or header.unpacked_bytes > limits.unpacked_bytes:
        raise Oversized(
            f"it unpacks to {header.entries} entries of {header.unpacked_bytes} bytes; "
            f"at most {limits.entries} and {limits.unpacked_bytes} are taken in"
        )
    bundle = Bundle(spool, header, blocks_at, limits)
    bundle.signed = signer is not None
    if any(len(salt) != SALT_BYTES for _, salt in header.salts):
        raise Damaged("a salt has the wrong length")
    if signer is not None:
        bundle.salts = {name: keyring.hide(name, salt, signer=signer) for name, salt in header.salts}
    elif not mac:
        bundle.salts = dict(header.salts)
    return bundle


def _sealed(spool: IO[bytes], keyring: Keyring) -> tuple[bytes, int, bytes, int | None]:
    """Walk over the whole file: header bytes, place of the first block, mac, and the key that made it."""
    spool.seek(0)
    digest = hashlib.sha256()
    macs = keyring.bundle_macs()

    def take(count: int) -> bytes:
        data = spool.read(count)
        if len(data) != count:
            raise Partial("it ends too early: it was not copied or written to its end")
        digest.update(data)
        for own in macs:
            own.update(data)
        return data

    head = take(_HEAD_BYTES)
    if head[:8] != MAGIC:
        raise Damaged("it is not a bundle of testcache")
    version = int.from_bytes(head[8:10], "big")
    if version > FORMAT:
        raise Newer(f"it was written by a newer testcache (format {version}, this one knows {FORMAT})")
    header_length = int.from_bytes(head[10:14], "big")
    if version != FORMAT or header_length > MAX_HEADER_BYTES:
        raise Damaged("its head makes no sense")
    header = take(header_length)
    blocks_at = spool.tell()
    while length := int.from_bytes(take(4), "big"):
        if length > MAX_BLOCK_BYTES:
            raise Damaged("a block is longer than any that is written")
        take(length)
    tail = spool.read(_DIGEST_BYTES + 1 + MAC_BYTES + 1)
    if len(tail) <= _DIGEST_BYTES or len(tail) < _DIGEST_BYTES + 1 + tail[_DIGEST_BYTES]:
        raise Partial("it ends too early: it was not copied or written to its end")
    mac = tail[_DIGEST_BYTES + 1 :]
    if tail[_DIGEST_BYTES] != len(mac) or len(mac) not in (0, MAC_BYTES):
        raise Damaged("something follows its end")
    if tail[:_DIGEST_BYTES] != digest.digest():
        raise Damaged("its digest is wrong: bytes were changed on the way")
    signers = [place for place, own in enumerate(macs) if hmac.compare_digest(own.digest(), mac)]
    return header, blocks_at, mac, signers[0] if signers else None
