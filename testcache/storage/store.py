"""Bytes under bytes in one SQLite file, for several processes at once; every failure is a StoreError.

A store belongs to one user on one machine. Several processes may read and write it at the same time;
several machines may not (network file systems are refused, see `storage.folder`). A database that came
from elsewhere must never be put in its place: results travel as bundles.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from testcache.errors import StoreDamaged, StoreError, StoreLocked
from testcache.storage import database, faults, journal
from testcache.storage import folder as layout
from testcache.storage.rows import MAX_VALUE_BYTES, Rows
from testcache.storage.surplus import Pruned, surplus

if TYPE_CHECKING:
    from testcache.storage.disk import Writer

Change = Callable[[bytes | None], bytes]
"""What the value becomes, given what it is (None: not there, or damaged). Must not use the store."""

SIZE_LIMIT_BYTES = 1 << 30
META = "meta"
"""The space of what belongs to the store itself: never pruned, never cleared with the rest."""

_META_PREFIX = META.encode() + b"\0"
SALT = b"salt"
_SALT_KEY = _META_PREFIX + SALT
_SALT_BYTES = 32
_WAIT_S = 10.0


class Store:
    """An open store; see `open`. All methods raise StoreError (StoreLocked when that is the cause).

    Attributes:
        folder: the store's folder, absolute.
        salt: 32 random bytes made with the store; keys the digests of environment variables.
        readonly: only `get`, `get_many`, `keys`, `count` and `volume` work.
        size_limit_bytes: what the owner wants `prune` to keep to; nothing happens by itself.
    """

    def __init__(self, folder: Path, *, readonly: bool, size_limit_bytes: int, wait_s: float) -> None:
        self.folder = folder
        self.readonly = readonly
        self.size_limit_bytes = size_limit_bytes
        self._path = database.path_in(folder)
        self._wait_s = wait_s
        self._file = database.identity(self._path)  # first: of another one that comes now, nothing is set aside
        self._rows: Rows | None = self._open_rows()
        self._writer: Writer | None = None
        self._writer_corrupt = 0
        try:
            self.salt = self._load_salt()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        readonly: bool = False,
        size_limit_bytes: int = SIZE_LIMIT_BYTES,
        wait_s: float = _WAIT_S,
    ) -> Self:
        """Open the store in `folder`, made if missing (not if `readonly`).

        Cost: about 1 ms if it exists, 60 ms to make one. A folder that cannot be written makes the
        store readonly. `wait_s` bounds how long a write waits for other processes.

        Raises:
            StoreError: there is none to read, or it is foreign or not ours to use.
            StoreDamaged: its bytes are wrong.
            StoreNewer: a newer testcache wrote it.
            StoreLocked: another process locked it.
        """
        folder = folder.absolute()
        path = database.path_in(folder)
        with faults.named(path):
            readonly = readonly or (path.exists() and not database.is_writable(path))
            layout.check(folder)
            if not readonly:
                layout.prepare(folder)
                database.make(folder, [(_SALT_KEY, os.urandom(_SALT_BYTES))], wait_s)
            elif not path.exists():
                raise StoreError(f"there is no store at {folder}")
            layout.check(path.parent)
            layout.check(path)
            return cls(folder, readonly=readonly, size_limit_bytes=size_limit_bytes, wait_s=wait_s)

    @classmethod
    def open_or_renew(
        cls, folder: Path, *, size_limit_bytes: int = SIZE_LIMIT_BYTES, wait_s: float = _WAIT_S
    ) -> tuple[Self, str]:
        """`open` for writing; a damaged database is set aside first. Also what is to be said of that, or ""."""
        folder = folder.absolute()
        path = database.path_in(folder)
        with faults.named(path):
            file = database.identity(path)
        try:
            return cls.open(folder, size_limit_bytes=size_limit_bytes, wait_s=wait_s), ""
        except StoreDamaged as damage:
            if file is None or not database.is_writable(path):
                raise
            moved = _begin_anew(folder, os.urandom(_SALT_BYTES), file, wait_s)
            store = cls.open(folder, size_limit_bytes=size_limit_bytes, wait_s=wait_s)
            return store, _renewed(folder, damage) if moved else ""

    def renew(self, damage: StoreDamaged) -> str:
        """Set the damaged database aside and go on with a new one of the same salt. Returns what is to be said.

        Another process may have done so before: then this one goes on with what that has made.

        Raises StoreError: it is open for reading only, or no new one can be made.
        """
        if self.readonly or self._file is None:
            raise damage
        self.close()
        _begin_anew(self.folder, self.salt, self._file, self._wait_s)
        self._take_over()
        return _renewed(self.folder, damage)

    @property
    def corrupt(self) -> int:
        """How many rows were asked for, were there, and could not be used."""
        return self._writer_corrupt + (self._rows.corrupt if self._rows else 0)

    def get(self, space: str, key: bytes) -> bytes | None:
        """Return a value, or None if it is not there or damaged. Cost: about 10 us."""
        with self._reading() as rows:
            return rows.get(_database_key(space, key))

    def get_many(self, space: str, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are there and whole. Cost: about 3 us a key."""
        start = len(space) + 1
        with self._reading() as rows:
            found = rows.get_many(_database_key(space, key) for key in keys)
            return {key[start:]: value for key, value in found.items()}

    def keys(self, space: str) -> Iterator[bytes]:
        """Yield the keys of a space as of now. A damaged key may be among them: `get` then says None."""
        prefix = _database_key(space, b"")
        with self._reading() as rows:
            found = rows.keys(prefix)
        return (key[len(prefix) :] for key in found)

    def count(self, space: str) -> int:
        """How many keys a space has."""
        return sum(1 for _ in self.keys(space))

    def volume(self) -> int:
        """Bytes of the database on disk."""
        with self._reading() as rows:
            return rows.volume()

    def put_many(self, items: Iterable[tuple[str, bytes, bytes]]) -> None:
        """Store (space, key, value) of all items or of none. Cost: one transaction, 15 us an item."""
        with self._writing() as writer:
            for space, key, value in items:
                writer.set(_database_key(space, key), _bounded(value))

    def update(self, space: str, key: bytes, change: Change) -> None:
        """Read, change and write one value so that no other process writes in between.

        The row counts as newly stored even if the value stays the same (see `prune`).
        """
        self.update_many([(space, key, change)])

    def update_many(self, items: Iterable[tuple[str, bytes, Change]]) -> None:
        """`update` each (space, key, change), all in one transaction; an exception undoes all."""
        with self._writing() as writer:
            for space, key, change in items:
                database_key = _database_key(space, key)
                writer.set(database_key, _bounded(change(writer.get(database_key))))

    def delete(self, space: str, keys: Iterable[bytes]) -> None:
        """Remove keys; those that are not there are no error."""
        with self._writing() as writer:
            for key in keys:
                writer.delete(_database_key(space, key))

    def prune(self, *, max_bytes: int | None, max_age_s: float | None, now: float) -> Pruned:
        """Remove what was stored more than `max_age_s` before `now`, then the oldest down to `max_bytes`.

        Args:
            max_bytes: wanted `volume`, or None. Met to within some pages: rows share them.
            max_age_s: seconds, or None.
            now: seconds since the epoch.
        """
        entries = freed = 0
        with self._writing() as writer, self._reading() as rows:
            stored_before = None if max_age_s is None else now - max_age_s
            for key, size in surplus(rows, max_bytes=max_bytes, stored_before=stored_before, keep_prefix=_META_PREFIX):
                if writer.delete(key):
                    entries += 1
                    freed += size
        return Pruned(entries, freed, self.volume())

    def clear(self) -> None:
        """Remove every entry and every journal of a dead process; the store stays usable.

        A store that is damaged is removed and made anew, with a new salt; so is what was set aside. Only
        files that a store made are removed. Who still has a removed database open reads on in it, and
        writes into the new one.
        """
        try:
            with self._writing() as writer, self._reading() as rows:
                for key, _, _ in rows.oldest_first():
                    if not key.startswith(_META_PREFIX):
                        writer.delete(key)
            with self._reading() as rows:
                whole = rows.is_whole()
        except StoreLocked:
            raise
        except StoreError:
            whole = False
        if not whole:
            self._remake()
        journal.discard(self.folder)
        database.forget_aside(self.folder, self._wait_s)

    @classmethod
    def clear_folder(cls, folder: Path, *, wait_s: float = _WAIT_S) -> None:
        """`clear` for a store that may be too damaged, too new or too old to be opened.

        Raises:
            StoreLocked: another process uses it.
            StoreError: it is not ours to clear.
        """
        folder = folder.absolute()
        if not folder.exists():
            return
        with faults.named(folder):
            layout.prepare(folder)
        try:
            store = cls.open(folder, wait_s=wait_s)
        except StoreLocked:
            raise
        except StoreError:
            database.remove(folder, wait_s)
            store = cls.open(folder, wait_s=wait_s)
        with store:
            store.clear()

    def close(self) -> None:
        """Close both connections; the last one of all processes folds the write-ahead log in."""
        with faults.named(self._path):
            if self._rows is not None:
                self._writer_corrupt += self._rows.corrupt
                self._rows.close()
                self._rows = None
            self._drop_writer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_rows(self) -> Rows:
        # Without write permission SQLite cannot make the index of its write-ahead log; it need not
        # as long as that log is empty and the file is declared unchanging.
        immutable = not database.is_writable(self._path) and database.log_is_empty(self._path)
        return Rows(self._path, immutable=immutable, wait_s=self._wait_s)

    def _load_salt(self) -> bytes:
        salt = self.get(META, SALT)
        if salt is not None and len(salt) == _SALT_BYTES:
            return salt
        fresh = os.urandom(_SALT_BYTES)
        if self.readonly:
            return fresh  # the salt is damaged: no recorded variable will match, so their tests run

        def keep(now: bytes | None) -> bytes:
            return now if now is not None and len(now) == _SALT_BYTES else fresh

        self.update(META, SALT, keep)
        return self.get(META, SALT) or fresh

    def _remake(self) -> None:
        if self.readonly:
            raise StoreError(f"the store {self._path} is open for reading only")
        self.close()
        database.remove(self.folder, self._wait_s)
        self.salt = self._take_over()

    def _take_over(self) -> bytes:
        """Go on with the database that is there now; returns its salt."""
        fresh = type(self).open(self.folder, size_limit_bytes=self.size_limit_bytes, wait_s=self._wait_s)
        self._rows, self._file, self._writer_corrupt = fresh._rows, fresh._file, 0
        return fresh.salt

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Rows]:
        if self._rows is None:
            raise StoreError(f"the store {self._path} is closed")
        with faults.named(self._path):
            yield self._rows

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Writer]:
        if self.readonly:
            raise StoreError(f"the store {self._path} is open for reading only")
        with faults.named(self._path), database.exclusive(self.folder, self._wait_s):
            try:
                writer = self._open_writer()
                with writer.transaction():
                    yield writer
                self._writer_corrupt, writer.corrupt = self._writer_corrupt + writer.corrupt, 0
            except BaseException as error:
                self._drop_writer()  # it may be left inside a transaction that could not be ended
                if isinstance(error, sqlite3.Error) and self._is_damage(error):
                    raise StoreDamaged(self._path, error) from error
                raise

    def _is_damage(self, error: sqlite3.Error) -> bool:
        """Whether the stored bytes are wrong; damaged pages can make SQLite say that the disk is full."""
        if faults.is_damage(error) or faults.is_busy(error) or self._rows is None:
            return faults.is_damage(error)
        with contextlib.suppress(sqlite3.Error):
            return not self._rows.is_whole()
        return False

    def _open_writer(self) -> Writer:
        from testcache.storage.disk import Writer, wait_for_lock  # 43 ms, needed by the first write only

        now = database.identity(self._path)
        if now != self._file:  # another process set ours aside or cleared it: what is written there is lost
            self.close()
            self._file, self._rows = now, self._open_rows()
        if self._writer is None:
            with self._reading() as rows:
                rows.examine()
            wait_s = self._wait_s * (1 - database.LOCK_SHARE)
            wait_for_lock(self._path, wait_s)
            self._writer = Writer(self._path.parent, wait_s=wait_s)
        return self._writer

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._writer_corrupt += writer.corrupt
            writer.close()


def _begin_anew(folder: Path, salt: bytes, damaged: database.Identity, wait_s: float) -> bool:
    with faults.named(database.path_in(folder)):
        return database.make(folder, [(_SALT_KEY, salt)], wait_s, damaged=damaged)


def _renewed(folder: Path, damage: StoreDamaged) -> str:
    return (
        f"testcache: the store {database.path_in(folder)} was damaged ({damage.why}); it is set aside, and "
        f"a new one is begun [{damage.slug}]\n"
        f"    the damaged one is {database.aside_in(folder)} now: nothing reads it, and the next one takes its place"
    )


def _database_key(space: str, key: bytes) -> bytes:
    if "\0" in space or not space.isascii():
        raise ValueError(f"a space is ASCII without NUL: {space!r}")
    return space.encode("ascii") + b"\0" + key


def _bounded(value: bytes) -> bytes:
    if len(value) > MAX_VALUE_BYTES:
        raise StoreError(f"a value of {len(value)} bytes is longer than {MAX_VALUE_BYTES}")
    return value
