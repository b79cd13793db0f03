"""The database file as a whole: made elsewhere and moved into place, locked for writing, removed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from testcache.storage import faults, lock
from testcache.storage import folder as layout

LOCK_SHARE = 0.8
"""Of the whole wait; the rest is for programs that lock the database without knowing our lock."""


def path_in(folder: Path) -> Path:
    """Return where the database of a store folder is."""
    return folder / layout.VERSION_FOLDER / layout.DATABASE


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


def make(folder: Path, items: Iterable[tuple[bytes, bytes]], wait_s: float) -> None:
    """Make a database with these rows unless there is one; nobody ever sees half of one.

    Cost: 60 ms, most of it the import of diskcache.
    """
    path = path_in(folder)
    if path.exists():
        return
    layout.check(path.parent)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with exclusive(folder, wait_s):
        if path.exists():  # another process was faster
            return
        from testcache.storage.disk import make_database

        _remove_files(path)  # a log that lost its database would be read into the new one
        fresh = path.with_name(f"new-{os.urandom(8).hex()}")
        fresh.mkdir(mode=0o700)
        try:
            os.rename(make_database(fresh, items, wait_s=wait_s), path)
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


def _remove_files(path: Path) -> None:
    for suffix in ("-wal", "-shm", "-journal", ""):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
