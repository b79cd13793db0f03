"""What a run has recorded but not yet stored, in a file that survives the death of its process.

    journal = frame*
    frame   = magic(4) length(4, big-endian) checksum(16, xxh3-128 of the payload) payload

Each living writer holds the lock of its own file; the kernel releases it when the process dies, by
whatever cause, so a journal whose lock can be taken is an orphan. Process ids would not do: they are
used again. There is no fsync: a killed process loses nothing, a power failure may lose the last frames.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from testcache import digest
from testcache.errors import StoreError
from testcache.storage import folder as layout
from testcache.storage.lock import try_lock

MAGIC = b"tcj1"
HEADER_BYTES = len(MAGIC) + 4 + 16
MAX_PAYLOAD_BYTES = 64 << 20
MAX_JOURNAL_BYTES = 512 << 20
"""A run of 100,000 tests at 1 KiB each writes a fifth of it; more is not read into memory."""

_SUFFIX = ".journal"


class Journal:
    """The open journal of this process. For one thread; a forked child must not use it.

    A child that was forked from the writer and outlives it keeps the lock: the journal is then
    recovered after the child has ended.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._bytes = 0

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make an empty journal in the store's folder and lock it.

        Raises:
            StoreError: it cannot be made there.
        """
        try:
            layout.prepare(folder)
            journals = folder / layout.JOURNALS
            journals.mkdir(mode=0o700, exist_ok=True)
            layout.check(journals)
            while True:
                path = journals / f"{os.getpid()}-{os.urandom(8).hex()}{_SUFFIX}"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                descriptor = os.open(path, flags, 0o600)
                # Race: (1) we create the file, (2) a recoverer locks it, takes it for an orphan and
                # removes it, (3) we get the lock of a file that has no name. Hence the second look.
                if try_lock(descriptor) and _is_at(descriptor, path):
                    return cls(path, descriptor)
                os.close(descriptor)
        except OSError as error:
            raise StoreError(f"no journal can be kept in {folder}: {error}") from error

    def append(self, payload: bytes) -> None:
        """Add one frame; once this returns, a killed process does not lose it. Cost: about 10 us.

        Raises:
            StoreError: too large, or the disk is full; what was appended before stays readable.
        """
        if len(payload) > MAX_PAYLOAD_BYTES or self._bytes + HEADER_BYTES + len(payload) > MAX_JOURNAL_BYTES:
            raise StoreError(f"the journal {self.path} cannot take {len(payload)} more bytes")
        frame = _frame(payload)
        try:
            written = os.write(self._descriptor, frame)
            if written != len(frame):
                os.ftruncate(self._descriptor, self._bytes)
                raise StoreError(f"the journal {self.path} took {written} of {len(frame)} bytes: disk full?")
        except OSError as error:
            raise StoreError(f"the journal {self.path} cannot be written: {error}") from error
        self._bytes += len(frame)

    def close_and_remove(self) -> None:
        """End the journal after its contents were stored."""
        try:
            self.path.unlink(missing_ok=True)  # before the lock is released, so that nobody recovers it
        except OSError as error:
            raise StoreError(f"the journal {self.path} cannot be removed: {error}") from error
        finally:
            os.close(self._descriptor)


def recover(folder: Path) -> Iterator[tuple[Path, list[bytes]]]:
    """Yield (path, payloads) of each journal whose writer is dead, up to its first damaged frame.

    Each journal stays locked while the caller has it, so of two recoverers only one gets it. It is
    removed when the caller asks for the next one, and kept if the caller stops or fails before: then
    a later recovery yields it again. Storing its payloads twice must therefore be harmless.

    Damaged, foreign or unreadable files never raise. Links and other users' files are left alone.
    """
    for path in _orphans(folder):
        with _claimed(path) as descriptor:
            if descriptor is None:
                continue
            payloads = list(_payloads(descriptor))
            if payloads:
                yield path, payloads
            with contextlib.suppress(OSError):  # a folder that became read-only: yielded again next time
                path.unlink()


def discard(folder: Path) -> None:
    """Remove the journals of dead processes without reading them."""
    for path in _orphans(folder):
        with _claimed(path) as descriptor:
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    path.unlink()


def _frame(payload: bytes) -> bytes:
    return MAGIC + len(payload).to_bytes(4, "big") + digest.of_bytes(payload) + payload


def _orphans(folder: Path) -> list[Path]:
    journals = folder / layout.JOURNALS
    try:
        layout.check(journals)
        return sorted(path for path in journals.iterdir() if path.name.endswith(_SUFFIX))
    except (OSError, StoreError):
        return []


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[int | None]:
    """Open and lock a journal, or give None: its writer or another recoverer has it, or it is not ours."""
    try:
        # O_NONBLOCK: opening a FIFO of that name must not wait for somebody to write to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        status = os.fstat(descriptor)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        # The second look at the name: another recoverer may have removed it before we had the lock.
        free = ours and _locked(descriptor) and _is_at(descriptor, path)
        yield descriptor if free else None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:  # a file system without locks: nobody can tell whether the writer lives
        return False


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def _payloads(descriptor: int) -> Iterator[bytes]:
    left = min(os.fstat(descriptor).st_size, MAX_JOURNAL_BYTES)
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        while left >= HEADER_BYTES:
            try:
                header = stream.read(HEADER_BYTES)
                length = int.from_bytes(header[4:8], "big")
                left -= HEADER_BYTES + length
                if header[:4] != MAGIC or length > MAX_PAYLOAD_BYTES or left < 0:
                    return
                payload = stream.read(length)
            except OSError:
                return
            if digest.of_bytes(payload) != header[8:]:
                return
            yield payload
