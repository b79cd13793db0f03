"""The same work for many keys in a few threads, which nobody waits for longer than agreed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from testcache.clock import clock
from testcache.remote.backend import RemoteError, RemoteSlow

T = TypeVar("T")
THREADS = 24
"""At 20 ms a request, 1,200 files a second; servers serve more connections than this from one address."""

FAILURES = 3
"""A request may fail by accident; after this many nothing else is tried."""


def spread(work: Callable[[T], None], items: Iterable[T], until: float) -> None:
    """Do the work for all items, in no order.

    Raises RemoteError: the first failure, after all others had their turn or `FAILURES` of them failed.
    RemoteSlow: it is later than `until`; a thread that still waits for an answer is left behind.
    """
    pending = deque(items)
    problems: list[RemoteError] = []

    def run() -> None:
        while len(problems) < FAILURES and clock.monotonic() < until:
            try:
                item = pending.popleft()
            except IndexError:
                return
            try:
                work(item)
            except RemoteError as problem:
                problems.append(problem)
            except Exception as error:  # a thread's exception would end up in somebody's test
                problems.append(RemoteError(f"it fails with {type(error).__name__}"))

    count = min(THREADS, len(pending))
    threads = [threading.Thread(target=run, name=f"testcache-remote-{n}", daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - clock.monotonic()))
    if problems:
        raise problems[0]
    left = len(pending) + sum(thread.is_alive() for thread in threads)
    if left:
        raise RemoteSlow(f"{left} answers did not come in time")
