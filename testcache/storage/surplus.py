"""What a store has too much of: which rows go first when it is pruned."""

from __future__ import annotations

from collections.abc import Iterator

from testcache.storage.rows import Rows
from testcache.structs import Struct

_COLUMNS_BYTES = 60  # of a row beside its key and value


class Pruned(Struct, frozen=True):
    """What one pruning removed: entries, bytes of their values, and bytes of the store afterwards."""

    entries: int
    bytes: int
    left_bytes: int


def surplus(
    rows: Rows, *, max_bytes: int | None, stored_before: float | None, keep_prefix: bytes
) -> Iterator[tuple[bytes, int]]:
    """Yield key and value bytes of what has to go, oldest stored first.

    Args:
        max_bytes: wanted volume of the database, or None. Met to within some pages, since rows share them.
        stored_before: seconds since the epoch; what is older goes in any case. Or None.
        keep_prefix: rows whose keys begin with it stay.
    """
    candidates = [row for row in rows.oldest_first() if not row[0].startswith(keep_prefix)]
    volume = rows.volume()
    total = sum(_bytes(key, size) for key, size, _ in candidates)
    volume_per_byte = volume / total if total else 1.0
    excess = 0.0 if max_bytes is None else float(volume - max_bytes)
    for key, size, stored_at in candidates:
        if excess <= 0 and (stored_before is None or stored_at >= stored_before):
            return
        excess -= _bytes(key, size) * volume_per_byte
        yield key, size


def _bytes(key: bytes, size: int) -> int:
    return size + 2 * len(key) + _COLUMNS_BYTES  # the key is in the table and in its index
