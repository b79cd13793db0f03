"""The look at a database before anything of it is trusted: ours, this format, and nothing else in it.

diskcache copies the rows of `Settings` into attributes of its objects and into PRAGMA statements, and
runs whatever triggers the file holds. So a file is opened read-only first and must hold exactly the
tables, indexes and triggers of a fresh store, and exactly the settings that we write.

Format history: 1 (first).
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from testcache.errors import StoreDamaged, StoreError, StoreNewer
from testcache.storage.faults import REMEDY

FORMAT = 1
"""`user_version` of the database; raised when rows change their meaning."""

APPLICATION_ID = 0x74636368
"""`application_id` of the database: "tcch"."""

SCHEMA_SHA256 = "2a1f39b1fab9d55a5493ee47fc94bebf67b04ba615d78ba0ce581d02d350bef3"
"""Of the schema that diskcache 5.6 creates (see `schema_digest`); a test compares it with a fresh file."""

SETTINGS: dict[str, int | str] = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",  # entries would vanish in the middle of a run otherwise
    "size_limit": 1 << 40,  # unused: `Store.prune` keeps the size
    "cull_limit": 0,  # 27 us a set with diskcache's own culling, 14 us without
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 8192,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,  # a file that is truncated while mapped ends the process with SIGBUS
    "sqlite_synchronous": 1,
    "disk_min_file_size": 1 << 40,  # no value is large enough to become a file
    "disk_pickle_protocol": 0,  # never used: BytesDisk reaches no pickle
}
COUNTERS = frozenset({"count", "size", "hits", "misses"})


def examine(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreNewer or StoreError unless the database is a store of this format and nothing else.

    The connection must be read-only and have `text_factory = bytes`. sqlite3.Error passes through.
    Cost: about 0.2 ms.
    """
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    if not pages:  # a full disk cuts files to nothing; ours are moved into place when they are complete
        raise StoreDamaged(path, "it is empty")
    ((application,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    if application != APPLICATION_ID:
        raise StoreError(f"{path} was not made by testcache; {REMEDY}")
    if version > FORMAT:
        raise StoreNewer(
            f"the store {path} was written by a newer testcache (format {version}, this one knows {FORMAT});"
            f" update testcache, or {REMEDY}"
        )
    if version != FORMAT:
        raise StoreError(f"the store {path} has the unknown format {version}; {REMEDY}")
    if schema_digest(connection) != SCHEMA_SHA256:
        raise StoreError(f"the store {path} holds foreign tables, triggers or views; {REMEDY}")
    foreign = _foreign_setting(connection)
    if foreign is not None:
        raise StoreError(f"the store {path} holds the foreign setting {foreign}; {REMEDY}")


def schema_digest(connection: sqlite3.Connection) -> str:
    """SHA-256 of all of `sqlite_master` but page numbers, in a fixed order.

    Not xxh3: two texts with the same digest must be infeasible to make, not just unlikely.
    """
    rows = connection.execute(
        "SELECT coalesce(type, ''), coalesce(name, ''), coalesce(tbl_name, ''), coalesce(sql, '') FROM sqlite_master"
    ).fetchall()
    return hashlib.sha256(repr(sorted(rows, key=repr)).encode()).hexdigest()


def _foreign_setting(connection: sqlite3.Connection) -> str | None:
    seen = set()
    for key, value in connection.execute("SELECT key, value FROM Settings").fetchall():
        name = key.decode("ascii", "backslashreplace") if isinstance(key, bytes) else repr(key)
        text = value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else value
        known = type(text) is int if name in COUNTERS else name in SETTINGS and _same(text, SETTINGS[name])
        if not known:
            return f"{name} = {text!r:.80}"
        seen.add(name)
    missing = (SETTINGS.keys() | COUNTERS) - seen
    return f"(none for {min(missing)})" if missing else None


def _same(value: object, expected: object) -> bool:
    return type(value) is type(expected) and value == expected
