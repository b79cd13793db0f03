"""The database file as a whole: made elsewhere and moved into place, locked for writing, set aside, removed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from testcache.storage import faults, lock
from testcache.storage import folder as layout

Identity = tuple[int, int]
"""Device and number of a file: another one under the same name has others."""

LOCK_SHARE = 0.8
"""Of the whole wait; the rest is for programs that lock the database without knowing our lock."""

_SUFFIXES = ("-wal", "-shm", "-journal", "")
"""Of the names of SQLite's files, the database last."""


def path_in(folder: Path) -> Path:
    """Return where the database of a store folder is."""
    return folder / layout.VERSION_FOLDER / layout.DATABASE


def aside_in(folder: Path) -> Path:
    """Return where a damaged database of a store folder is kept."""
    return folder / layout.VERSION_FOLDER / layout.DAMAGED


def identity(path: Path) -> Identity | None:
    """Return which file is there, None if there is none. Cost: 2 us."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def is_writable(path: Path) -> bool:
    """May this process write the database and make SQLite's files beside it?"""
    return os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)


def log_is_empty(path: Path) -> bool:
    """Is there nothing in the write-ahead log that the database itself lacks?"""
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or log.stat().st_size == 0


@contextlib.contextmanager
def exclusive(folder: Path, wait_s: float) -> Iterator[None]:
    """Keep other testcache processes from writing, so that none of them meets a locked database.

    Raises:
        StoreLocked: another process was writing for the whole wait.
    """
    try:
        with lock.held(path_in(folder).with_name(layout.LOCK), wait_s=wait_s * LOCK_SHARE):
            yield
    except lock.Busy as error:
        raise faults.locked(folder) from error


def make(folder: Path, items: Iterable[tuple[bytes, bytes]], wait_s: float, *, damaged: Identity | None = None) -> bool:
    """Make a database with these rows unless there is one other than `damaged`; nobody ever sees half of one.

    The damaged one is set aside when the new one is complete, so a full disk changes nothing. Who has
    it open reads on in it, and meets the new one with its next write. False: there was one.

    Cost: 60 ms, most of it the import of diskcache.
    """
    path = path_in(folder)
    if identity(path) != damaged:
        return False
    layout.check(path.parent)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with exclusive(folder, wait_s):
        if identity(path) != damaged:  # another process was faster
            return False
        from testcache.storage.disk import make_database

        fresh = path.with_name(f"new-{os.urandom(8).hex()}")
        fresh.mkdir(mode=0o700)
        try:
            made = make_database(fresh, items, wait_s=wait_s)
            if damaged is not None:
                _set_aside(path, aside_in(folder))
            _remove_files(path)  # a log that lost its database would be read into the new one
            os.rename(made, path)
            return True
        finally:
            _remove_files(fresh / path.name)
            fresh.rmdir()


def remove(folder: Path, wait_s: float) -> None:
    """Remove the database and SQLite's files beside it, whatever is in them.

    Raises:
        StoreLocked, StoreError: another process is writing, or the folder is not ours.
    """
    path = path_in(folder)
    layout.check(folder)
    layout.check(path.parent)
    with faults.named(path), exclusive(folder, wait_s):
        _remove_files(path)


def forget_aside(folder: Path, wait_s: float) -> None:
    """Remove what was set aside. Raises StoreLocked, StoreError."""
    aside = aside_in(folder)
    with faults.named(aside), exclusive(folder, wait_s):
        _remove_files(aside)


def _set_aside(path: Path, aside: Path) -> None:
    """Rename the database, and then what belongs to it: nobody may open it without its log."""
    _remove_files(aside)
    for suffix in reversed(_SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")


def _remove_files(path: Path) -> None:
    for suffix in _SUFFIXES:
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
