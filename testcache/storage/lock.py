"""A lock between processes that the kernel releases when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from testcache.clock import clock

_PAUSE_S = 0.005
"""A transaction of 25 manifests takes 2 to 5 ms."""


class Busy(Exception):
    """Somebody else held the lock all the time."""


@contextlib.contextmanager
def held(path: Path, *, wait_s: float) -> Iterator[None]:
    """Hold the lock file `path`, made if missing and never removed, for the length of the block.

    Removing it would be a race: (1) A opens it, (2) B, its holder, removes it, (3) C makes and locks
    a new one, (4) A locks the old one: both hold "the" lock.

    Raises:
        Busy: not to be had within `wait_s` seconds.
        OSError: the file cannot be made, or the file system knows no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = clock.monotonic() + wait_s
        while not try_lock(descriptor):
            if clock.monotonic() >= deadline:
                raise Busy(path)
            clock.sleep(_PAUSE_S)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file without waiting; False if another open file holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
