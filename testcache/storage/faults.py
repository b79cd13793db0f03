"""What SQLite and the file system report, turned into the store's own errors with what to do about it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from testcache.errors import StoreDamaged, StoreError, StoreLocked

REMEDY = "`testcache clear` removes it"

_BUSY, _LOCKED, _CORRUPT, _TOO_BIG, _NOT_A_DATABASE = 5, 6, 11, 18, 26


class Garbled(sqlite3.DatabaseError):
    """SQLite's own message quoted damaged bytes, and Python could not decode the message."""

    sqlite_errorcode = _CORRUPT


@contextlib.contextmanager
def decoded() -> Iterator[None]:
    """Turn the UnicodeDecodeError that calls of the sqlite3 module may raise into a sqlite3.Error.

    "malformed database schema (<name>)" holds the name as it is in the file; with some bits flipped
    in it the module cannot make its exception, and raises this one (seen in 12 of 2,000 damaged stores).
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise Garbled(f"undecodable message of SQLite: {error.object!r:.200}") from error


def is_busy(error: sqlite3.Error) -> bool:
    """Did another process hold the lock for longer than the connection waits?"""
    return _primary_code(error) in (_BUSY, _LOCKED)


def is_damage(error: sqlite3.Error) -> bool:
    """Is it the stored bytes that are wrong, so that asking for another row may still work?"""
    return _primary_code(error) in (_CORRUPT, _TOO_BIG, _NOT_A_DATABASE)


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn sqlite3.Error and OSError of the block into StoreError or StoreLocked that names `path`."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    except OSError as error:
        raise StoreError(f"the store {path} cannot be used: {error}") from error


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """Say in one line what happened to the store at `path`."""
    if is_busy(error):
        return locked(path)
    if is_damage(error):
        return StoreDamaged(path, error)
    return StoreError(f"the store {path} cannot be used: {error}")


def locked(path: Path) -> StoreLocked:
    return StoreLocked(f"the store {path} is locked by another process; try again when it has ended")


def _primary_code(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", 0)  # absent when the sqlite3 module itself complains
    return int(code) & 0xFF
