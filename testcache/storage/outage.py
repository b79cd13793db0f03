"""That a remote was of no use lately, noted beside the database: for a while nothing is asked of it again.

    outage = seconds since the epoch, a blank, the address without what may be secret in it

Each run would wait for its deadline, twice, for as long as a server is down or a line is slow.
"""

from __future__ import annotations

import contextlib
import math
import os

NAME = "outage"
"""Of the file below the store's folder."""

PAUSE_S = 60
"""Long enough that edit after edit does not wait each time, short enough that nobody notices a server's return late."""

_BYTES = 4096


def note(folder: str | os.PathLike[str], address: str, now_s: float) -> None:
    """Begin a pause; a folder that cannot be written is left alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        descriptor = os.open(os.path.join(folder, NAME), flags, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{now_s} {address}")


def left_s(folder: str | os.PathLike[str], address: str, now_s: float) -> float:
    """Seconds that are left of the pause of this remote, 0.0 if there is none."""
    try:
        with open(os.path.join(folder, NAME), encoding="utf-8", errors="surrogateescape") as file:
            began, _, noted = file.read(_BYTES).partition(" ")
        passed = now_s - float(began)
    except (OSError, ValueError):
        return 0.0
    # A clock that was set back must not make it last.
    return PAUSE_S - passed if noted == address and math.isfinite(passed) and 0 <= passed < PAUSE_S else 0.0


def end(folder: str | os.PathLike[str]) -> None:
    """The remote answered: forget the pause."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, NAME))
