"""Reading a store through SQLite itself, read-only: a warm run saves the 43 ms of loading diskcache."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from testcache.storage import faults, frame, gate

MAX_VALUE_BYTES = 64 << 20
"""Longer values are not ours (a manifest of 25 tests takes about 20 KB) and are not loaded."""

_PER_QUERY = 500  # below the 999 parameters that old SQLite builds allow
_BYTES_ONLY = "CASE WHEN mode = 1 AND filename IS NULL AND typeof(value) = 'blob' THEN value END"  # mode 1: raw


class Rows:
    """A read-only connection to one store; keys are database keys, `space NUL key`.

    A row that SQLite cannot read, that is not plain bytes or whose checksum is wrong counts in
    `corrupt` and is as if it were not there. For one thread; a forked child opens its own connection.

    Raises:
        sqlite3.Error: the database as a whole cannot be read.
        StoreError, StoreNewer: it is not a store of this format.
    """

    def __init__(self, path: Path, *, immutable: bool, wait_s: float) -> None:
        self.corrupt = 0
        self._path = path
        self._immutable = immutable
        self._wait_s = wait_s
        self._left_to_parent: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._connection = self._connect()

    def examine(self) -> None:
        """Look again: between two looks another process may have replaced the file."""
        with faults.decoded():
            gate.examine(self._live(), self._path)

    def get(self, key: bytes) -> bytes | None:
        return self.get_many([key]).get(key)

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there and whole. Cost: about 2 us a key."""
        found: dict[bytes, bytes] = {}
        pending = iter(keys)
        while chunk := list(islice(pending, _PER_QUERY)):
            found.update(self._chunk(chunk))
        return found

    def keys(self, prefix: bytes) -> list[bytes]:
        """Return all keys with a prefix that ends in NUL. They carry no checksum of their own."""
        sql = "SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1 AND typeof(key) = 'blob'"
        return [key for (key,) in self._query(sql, [prefix, prefix[:-1] + b"\x01"])]

    def oldest_first(self) -> Iterator[tuple[bytes, int, float]]:
        """Yield key, bytes of the value and time of storing of every row that a store wrote."""
        sql = (
            "SELECT key, coalesce(length(value), 0), store_time FROM Cache WHERE raw = 1"
            " AND typeof(key) = 'blob' AND typeof(store_time) = 'real' ORDER BY store_time, key"
        )
        yield from self._query(sql)

    def volume(self) -> int:
        """Bytes of all pages, those in the write-ahead log included once."""
        ((pages,),) = self._query("PRAGMA page_count")
        ((size,),) = self._query("PRAGMA page_size")
        return int(pages) * int(size)

    def is_whole(self) -> bool:
        """Does SQLite find all pages and indexes in order? Cost: a read of the whole file."""
        try:
            return self._query("PRAGMA quick_check(1)") == [(b"ok",)]
        except sqlite3.Error as error:
            if not faults.is_damage(error):
                raise
            return False

    def close(self) -> None:
        if self._pid == os.getpid():
            self._connection.close()

    def _chunk(self, keys: list[bytes]) -> dict[bytes, bytes]:
        marks = ",".join("?" * len(keys))
        sql = f"SELECT key, {_BYTES_ONLY} FROM Cache WHERE raw = 1 AND key IN ({marks})"  # noqa: S608  # question marks only
        try:
            rows = self._query(sql, keys)
        except sqlite3.Error as error:
            if not faults.is_damage(error):
                raise
            return self._one_by_one(keys)
        found = {}
        for key, framed in rows:
            value = frame.unseal(key, framed) if isinstance(framed, bytes) else None
            if value is None or key not in keys:
                self.corrupt += 1
            else:
                found[key] = value
        return found

    def _one_by_one(self, keys: list[bytes]) -> dict[bytes, bytes]:
        """One bad page spoils a whole query; ask for each key so that only its own rows are lost."""
        if len(keys) == 1:
            self.corrupt += 1
            return {}
        found: dict[bytes, bytes] = {}
        for key in keys:
            found.update(self._chunk([key]))
        return found

    def _query(self, sql: str, parameters: Sequence[bytes] = ()) -> list[tuple[Any, ...]]:
        with faults.decoded():
            return self._live().execute(sql, parameters).fetchall()

    def _live(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            # After a fork the connection is the parent's: using or closing it here would confuse
            # its locks, and so would the collector, hence the reference.
            self._left_to_parent.append(self._connection)
            self._connection = self._connect()
            self._pid = os.getpid()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri(self._path, immutable=self._immutable),
            timeout=self._wait_s,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            connection.text_factory = bytes  # a damaged text must not fail to decode
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES + frame.OVERHEAD_BYTES)
            with faults.decoded():
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA cell_size_check = ON")
                gate.examine(connection, self._path)
        except BaseException:
            connection.close()
            raise
        return connection


def uri(path: Path, *, immutable: bool) -> str:
    """Return SQLite's read-only URI of a file; `immutable` also tells it that nobody writes."""
    text = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{text}?mode=ro" + ("&immutable=1" if immutable else "")
