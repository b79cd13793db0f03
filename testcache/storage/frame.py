"""Stored values framed with a checksum over key and value, so that damage is a miss, never a wrong value.

Grammar: `frame = mark(1) checksum(16) value`, with `checksum = xxh3-128(length(key)[4] key value)`.

The key takes part because a damaged index can lead SQLite to the row of another key: the page is
well-formed, the value is whole, and it is not the value that was asked for.
"""

from __future__ import annotations

from testcache import digest

MARK = b"\x01"
CHECKSUM_BYTES = 16
OVERHEAD_BYTES = len(MARK) + CHECKSUM_BYTES


def checksum(key: bytes, value: bytes) -> bytes:
    """Return 16 bytes that change when key or value change (by accident, not by intent)."""
    return digest.of_bytes(len(key).to_bytes(4, "big") + key + value)


def seal(key: bytes, value: bytes) -> bytes:
    """Frame `value` for being stored under `key`. Cost: one copy and about 20 GB/s."""
    return MARK + checksum(key, value) + value


def unseal(key: bytes, framed: bytes) -> bytes | None:
    """Return the value that `seal` framed for this very key, or None if anything differs."""
    value = framed[OVERHEAD_BYTES:]
    if framed[:OVERHEAD_BYTES] != MARK + checksum(key, value):
        return None
    return value
