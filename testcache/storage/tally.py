"""Runs in which nothing changed, counted beside the database, which would cost too much to open.

    tally = (at: float64, tests: uint32, saved_s: float64)*   little-endian, 20 bytes a run, oldest first

Nothing is decided by it. Of two runs that end while it is shortened one may not be counted.
"""

from __future__ import annotations

import os
import struct

NAME = "tally"
"""Of the file below the store's folder."""

KEPT = 2_000
"""Runs; a year of eight a working day, in 40 KB."""

_ROW = struct.Struct("<dId")


Replayed = tuple[float, int, float]
"""A run that replayed all its tests: when (seconds since the epoch), how many, and how many seconds that saved."""


def count(folder: str | os.PathLike[str], run: Replayed) -> None:
    """Add a run to the tally of a store; a folder that cannot be written is left alone. Cost: 30 us."""
    path = os.path.join(folder, NAME)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, _ROW.pack(*run))
            full = os.fstat(descriptor).st_size >= 2 * KEPT * _ROW.size
        finally:
            os.close(descriptor)
        if full:
            fresh = f"{path}-{os.getpid()}"
            with open(fresh, "wb") as file:
                file.write(b"".join(_ROW.pack(*kept) for kept in replayed(folder)[-KEPT:]))
            os.replace(fresh, path)
    except OSError:
        return


def replayed(folder: str | os.PathLike[str]) -> list[Replayed]:
    """The runs of the tally, oldest first; a torn or foreign end is left out."""
    try:
        with open(os.path.join(folder, NAME), "rb") as file:
            data = file.read(4 * KEPT * _ROW.size)
    except OSError:
        return []
    return [*_ROW.iter_unpack(data[: len(data) // _ROW.size * _ROW.size])]


def forget(folder: str | os.PathLike[str]) -> None:
    """Remove the tally. Raises OSError if that cannot be done."""
    path = os.path.join(folder, NAME)
    if os.path.lexists(path):
        os.unlink(path)
