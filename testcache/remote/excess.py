"""Which entries of a remote have to go: what was written too long ago, then the oldest down to a size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from testcache.structs import Struct


class Stored(Struct, frozen=True, order=True):
    """An entry as an engine lists it: seconds since the epoch when it was written, its bytes, its name there."""

    written_at: float
    bytes: int
    name: str


class Pruned(Struct, frozen=True):
    """How many entries had to go and how many stay, and their bytes."""

    entries: int
    bytes: int
    left: int
    left_bytes: int


class Limits(Struct, frozen=True):
    """What may stay: so many bytes in all, and nothing that was written before a moment (seconds since the epoch)."""

    bytes: int
    not_before_s: float

    def divide(self, entries: Iterable[Stored]) -> tuple[list[Stored], Pruned]:
        """Those that have to go, oldest first, and what that comes to."""
        ranked = sorted(entries)
        total = sum(entry.bytes for entry in ranked)
        doomed = list(self._doomed(ranked, total))
        freed = sum(entry.bytes for entry in doomed)
        return doomed, Pruned(len(doomed), freed, len(ranked) - len(doomed), total - freed)

    def _doomed(self, ranked: list[Stored], total: int) -> Iterator[Stored]:
        for entry in ranked:
            if entry.written_at >= self.not_before_s and total <= self.bytes:
                return
            total -= entry.bytes
            yield entry
