"""Runs in which nothing changed, counted beside the database, which would cost too much to open.

    tally = (at: float64, tests: uint32, saved_s: float64)*   little-endian, 20 bytes a run, oldest first

Nothing is decided by it. Of two runs that end while it is shortened one may not be counted.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from testcache.storage import folder as layout

KEPT = 2_000
"""Runs; a year of eight a working day, in 40 KB."""

_ROW = struct.Struct("<dId")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run that replayed all its tests: when (seconds since the epoch), how many, and what that saved."""

    at: float
    tests: int
    saved_s: float


def count(folder: Path, run: Replayed) -> None:
    """Add a run to the tally of a store; a folder that cannot be written is left alone. Cost: 30 us."""
    path = folder / layout.TALLY
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, _ROW.pack(run.at, run.tests, run.saved_s))
            full = os.fstat(descriptor).st_size >= 2 * KEPT * _ROW.size
        finally:
            os.close(descriptor)
        if full:
            rows = b"".join(_ROW.pack(kept.at, kept.tests, kept.saved_s) for kept in replayed(folder)[-KEPT:])
            fresh = path.with_name(f"{layout.TALLY}-{os.getpid()}")
            fresh.write_bytes(rows)
            os.replace(fresh, path)


def replayed(folder: Path) -> list[Replayed]:
    """The runs of the tally, oldest first; a torn or foreign end is left out."""
    try:
        with (folder / layout.TALLY).open("rb") as file:
            data = file.read(4 * KEPT * _ROW.size)
    except OSError:
        return []
    return [Replayed(*row) for row in _ROW.iter_unpack(data[: len(data) // _ROW.size * _ROW.size])]


def forget(folder: Path) -> None:
    """Remove the tally."""
    with contextlib.suppress(OSError):
        (folder / layout.TALLY).unlink()
