"""Asking for entries in the background, so that they come while tests are being collected."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from testcache.clock import clock
from testcache.remote.backend import Backend, Held, RemoteError, RemoteSlow

PER_BATCH = 256
"""Each batch has the whole deadline: a large suite may take minutes to collect, and its entries as long to come."""


class Pull:
    """Keys go in one by one, and are asked for in as few requests as the engine needs.

    The thread moves bytes only; it decodes nothing, and it ends with the process.

    Attributes:
        problem: why nothing more is asked for, None if all is well.
        asked: how many keys were asked for.
    """

    def __init__(self, backend: Backend, deadline_s: float) -> None:
        self._backend = backend
        self._deadline_s = deadline_s
        self._changed = threading.Condition()
        self._queue: list[str] = []
        self._known: set[str] = set()
        self._found: dict[str, Held | None] = {}
        self._thread: threading.Thread | None = None
        self._ended = False
        self.problem: RemoteError | None = None

    @property
    def asked(self) -> int:
        return len(self._known)

    def want(self, keys: Iterable[str]) -> None:
        """Begin to ask for these keys; those that were asked for before are not asked for again."""
        with self._changed:
            fresh = [key for key in keys if key not in self._known]
            self._known.update(fresh)
            self._queue += fresh
            if self._thread is None and fresh:
                self._thread = threading.Thread(target=self._run, name="testcache-remote", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def take(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What there is under these keys, after waiting for at most the deadline."""
        wanted = list(keys)
        self.want(wanted)
        with self._changed:
            done = self._changed.wait_for(
                lambda: self.problem is not None or all(key in self._found for key in wanted), self._deadline_s
            )
            if not done:
                missing = sum(key not in self._found for key in wanted)
                self.problem = RemoteSlow(f"{missing} of {len(wanted)} answers did not come in time")
            found = {key: self._found.pop(key) for key in wanted if key in self._found}
        return {key: held.value for key, held in found.items() if held is not None}

    def end(self) -> None:
        """Ask for nothing more, and wait for the thread unless it waits for an answer.

        A thread beside the tests would make Python 3.12 warn whoever forks.
        """
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None and self.problem is None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ended or self.problem is not None)
                if self._ended or self.problem is not None:
                    return
                batch, self._queue = self._queue[:PER_BATCH], self._queue[PER_BATCH:]
            try:
                self._backend.get_many(batch, clock.monotonic() + self._deadline_s, self._put)
            except RemoteError as problem:
                self._give_up(problem)
            except Exception as error:  # a thread's exception would end up in somebody's test
                self._give_up(RemoteError(f"it fails with {type(error).__name__}"))

    def _give_up(self, problem: RemoteError) -> None:
        with self._changed:
            self.problem = problem
            self._changed.notify_all()

    def _put(self, key: str, held: Held | None) -> None:
        with self._changed:
            self._found[key] = held
            self._changed.notify_all()
