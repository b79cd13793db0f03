"""diskcache, held to plain bytes in one SQLite file; the only module that knows it.

diskcache pickles what is not a plain value, unpickles any row that says so (CVE-2025-69872), reads and
deletes whatever file a row names. `BytesDisk` closes each of these doors, and `storage.gate` has looked
at the file before it gets here.
"""

from __future__ import annotations

import contextlib
import os.path
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from diskcache import UNKNOWN, Cache, Disk, Timeout
from diskcache.core import DBNAME, MODE_RAW

from testcache.errors import StoreError
from testcache.storage import faults, frame, gate


class NotBytes(Exception):
    """A row that a store never writes: another mode, a file name, a key or value that is not bytes."""


class BytesDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """Keys and values are bytes and nothing else; no row leads to a pickle or to a file."""

    def put(self, key: object) -> tuple[bytes, bool]:
        if type(key) is not bytes:
            raise NotBytes(f"a key of type {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> bytes:
        if raw != 1 or type(key) is not bytes:
            raise NotBytes("a key that is not bytes")
        return key

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> tuple[int, int, None, bytes]:
        if read or type(value) is not bytes:
            raise NotBytes(f"a value of type {type(value).__name__}")
        return 0, MODE_RAW, None, value  # size 0: diskcache adds it to the page count

    def fetch(self, mode: object, filename: object, value: object, read: bool) -> bytes:
        if read or mode != MODE_RAW or filename is not None or type(value) is not bytes:
            raise NotBytes("a row that is not plain bytes")
        return value

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> NoReturn:
        raise NotBytes("a value that wants a file")

    def remove(self, file_path: object) -> None:
        """Leave files alone: a forged row may name any file there is."""


class _ClosedOnFailure(Cache):  # type: ignore[misc]  # diskcache has no types
    """A cache that does not leave its connection open when it cannot be set up."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        try:
            super().__init__(*arguments, **settings)
        except BaseException:
            self.close()
            raise


class Writer:
    """The one connection of a process that writes; keys are database keys, `space NUL key`.

    Raises:
        sqlite3.Error: locked for longer than `wait_s`, damaged, disk full...
        StoreError: diskcache would not use the folder as it is named.
    """

    def __init__(self, folder: Path, *, wait_s: float) -> None:
        if os.path.expandvars(os.path.expanduser(folder)) != str(folder):
            raise StoreError(f"the store cannot be in a folder that looks like a variable: {folder}")
        self.corrupt = 0
        with faults.decoded():
            self._cache = _ClosedOnFailure(str(folder), timeout=wait_s, disk=BytesDisk, **gate.SETTINGS)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; other writers wait, readers do not."""
        try:
            with self._cache.transact():
                yield
        except Timeout as error:
            # diskcache says Timeout for whatever keeps a transaction from starting.
            cause = error.__context__
            if not isinstance(cause, sqlite3.Error):
                cause = sqlite3.OperationalError("no transaction could be started")
            raise cause from error
        except sqlite3.OperationalError as error:
            # After some faults SQLite rolls back by itself: that diskcache cannot do so again hides which it was.
            cause = error.__context__
            raise cause if "no transaction" in str(error) and isinstance(cause, sqlite3.Error) else error from None

    def get(self, key: bytes) -> bytes | None:
        """Return a whole value; a damaged row is None and counted in `corrupt`."""
        try:
            with faults.decoded():
                framed = self._cache.get(key)
        except NotBytes:
            self.corrupt += 1
            return None
        if framed is None:
            return None
        value = frame.unseal(key, framed)
        self.corrupt += value is None
        return value

    def set(self, key: bytes, value: bytes) -> None:
        with faults.decoded():
            self._cache.set(key, frame.seal(key, value))

    def delete(self, key: bytes) -> bool:
        with faults.decoded():
            return bool(self._cache.delete(key))

    def close(self) -> None:
        self._cache.close()


def wait_for_lock(path: Path, wait_s: float) -> None:
    """Raise sqlite3.OperationalError if a foreign program keeps the database locked for longer.

    diskcache itself would try for 60 seconds before it opens.
    """
    connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
    try:
        with faults.decoded():
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    finally:
        connection.close()


def make_database(folder: Path, items: Iterable[tuple[bytes, bytes]], *, wait_s: float) -> Path:
    """Make a fresh database of ours in an empty folder and return it, closed, without a write-ahead log."""
    writer = Writer(folder, wait_s=wait_s)
    try:
        with writer.transaction():
            for key, value in items:
                writer.set(key, value)
    finally:
        writer.close()
    path = folder / str(DBNAME)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA application_id = {gate.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {gate.FORMAT}")
    finally:
        connection.close()
    return path
