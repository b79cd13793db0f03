"""Extents: which runs of memo-shaped functions are open on each thread, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from sys import _getframe
from types import FrameType

from testcache.recording.recorder import Flooded, Left, Looked, Passed, Place, Sink

LIMIT = 200
"""Extents of one function reported in a period: each costs two callbacks (about 5 us with a take in
each), so a function called in a tight loop would slow its test down many times over."""

ROUNDS = 10_000
"""Rounds of loops looked at in one period, for each function: 3 us each."""

Ends = Mapping[Place, Callable[[FrameType], None]]
"""Watched functions whose runs are not bracketed, and what to call at each end and each round instead."""

NO_ENDS: Ends = {}

_Key = tuple[int, int]


def _key(frame: FrameType) -> _Key:
    return id(frame), id(frame.f_code)


class _Thread(threading.local):
    def __init__(self) -> None:
        self.open: list[tuple[_Key, Place]] = []
        self.telling = False


class Extents:
    """Stacks of open extents, one a thread, keyed by the ids of the frame and its code.

    Only ids are kept: a reference would keep the locals of tested functions alive. An id stays the
    frame's own while the frame is on the stack. If a later frame of the same function gets the id
    of one that ended by an exception, the stale extent is noticed later: too long, never too short.

    Does not see: a switch of greenlets. The frames of the greenlet that was left look stale.
    """

    def __init__(
        self,
        entered: Sink,
        left: Left,
        flooded: Flooded | None = None,
        passed: Passed | None = None,
        ends: Ends = NO_ENDS,
    ) -> None:
        self._entered = entered
        self._left = left
        self._flooded = flooded
        self._passed = passed
        self._ends = ends
        self._passing: set[Place] = set()
        self._threads = _Thread()
        self._watched: dict[str, set[int]] = {}
        self._looked: dict[Place, set[int]] = {}
        self._counts: dict[Place, int] = {}
        self._rounds: dict[Place, int] = {}
        self.failure = ""

    def watch(self, filename: str, lines: Collection[int]) -> None:
        if lines:
            self._watched.setdefault(filename, set()).update(lines)

    def look(self, filename: str, looked: Looked) -> None:
        """For these functions each round of a loop is told as well, and each coming to some lines."""
        for function, lines in looked.items():
            self._looked.setdefault((filename, function), set()).update(lines)

    def looked(self, place: Place) -> set[int] | None:
        """The lines of a function that are told, besides rounds of loops; None if nothing is."""
        return self._looked.get(place)

    def round(self, frame: FrameType) -> bool:
        """A round of a loop in the function of `frame` is over, or one of its lines is about to be executed.

        False: do not report its rounds any more.
        """
        place = (frame.f_code.co_filename, frame.f_code.co_firstlineno)
        passed, end = self._passed, self._ends.get(place)
        if end is None and not (self.is_open(frame) or place in self._passing):
            return True
        if passed is None or self._threads.telling:
            return True
        count = self._rounds.get(place, 0) + 1
        self._rounds[place] = count
        if end is not None and count <= ROUNDS:
            self._end(end, frame)
            return True
        known = frame if count <= ROUNDS else None
        self._tell(lambda place: passed(place, known), place)
        return known is not None

    def watches(self, place: Place) -> bool:
        lines = self._watched.get(place[0])
        return lines is not None and place[1] in lines

    def is_open(self, frame: FrameType) -> bool:
        key = _key(frame)
        return any(opened == key for opened, _ in self._threads.open)

    def enter(self, place: Place, frame: FrameType) -> bool:
        """The function of `frame` begins or goes on. False: do not report this one any more."""
        threads = self._threads
        if threads.telling:
            return True
        if threads.open:
            self._drop_stale(frame)
            if threads.open and threads.open[-1][0] == _key(frame):
                return True
        count = self._counts.get(place, 0) + 1
        self._counts[place] = count
        if count > LIMIT:
            if count == LIMIT + 1:
                self.flood(place)
            return False
        threads.open.append((_key(frame), place))
        self._tell(self._entered, place)
        return True

    def leave(self, frame: FrameType) -> None:
        """The function of `frame` ends or pauses; extents opened inside it end first."""
        threads = self._threads
        if threads.telling:
            return
        if not threads.open or not self.is_open(frame):
            passed = self._passed
            place = (frame.f_code.co_filename, frame.f_code.co_firstlineno)
            end = self._ends.get(place)
            if end is not None:
                self._end(end, frame)
            elif passed is not None and place in self._passing:
                self._tell(lambda place: passed(place, frame), place)
            return
        opened, wanted = self._threads.open, _key(frame)
        while True:
            key, place = opened.pop()
            self._tell_left(place, frame if key == wanted else None)
            if key == wanted:
                return

    def flood(self, place: Place) -> None:
        """Say that runs of this function are not bracketed from here on; once in a period."""
        self._counts[place] = LIMIT + 1
        if self._flooded is not None:
            self._tell(self._flood, place)

    def _flood(self, place: Place) -> None:
        if self._flooded is not None and self._flooded(place):
            self._passing.add(place)
        else:
            self._passing.discard(place)

    def is_flooded(self, place: Place) -> bool:
        return place in self._ends or self._counts.get(place, 0) > LIMIT

    def is_passing(self, place: Place) -> bool:
        """Whether the ends of a flooded function are still told."""
        return place in self._passing or place in self._ends

    def settle(self) -> None:
        """End the extents of this thread whose functions are no longer on its stack."""
        if self._threads.open and not self._threads.telling:
            self._drop_stale(_getframe(1))

    def next_period(self) -> bool:
        """Count anew, unless called from inside a callback (the caller flushes an outer context)."""
        if self._threads.telling:
            return False
        self._counts.clear()
        self._rounds.clear()
        return True

    def guard(self, call: Callable[[Place], None], place: Place) -> None:
        """Call something of ours in the midst of tested code: its errors are kept, not raised there."""
        try:
            call(place)
        except Exception as error:  # the caller finds it in `failure` and does not store the test
            self._keep(error)

    def _end(self, end: Callable[[FrameType], None], frame: FrameType) -> None:
        try:
            end(frame)
        except Exception as error:
            self._keep(error)

    def _keep(self, error: Exception) -> None:
        self.failure = self.failure or f"{type(error).__name__}: {error}"

    def _drop_stale(self, frame: FrameType | None) -> None:
        opened = self._threads.open
        alive: set[_Key] = set()
        while opened:
            while frame is not None and opened[-1][0] not in alive:
                alive.add(_key(frame))
                frame = frame.f_back
            if opened[-1][0] in alive:
                return
            self._tell_left(opened.pop()[1], None)

    def _tell_left(self, place: Place, frame: FrameType | None) -> None:
        self._tell(lambda place: self._left(place, frame), place)

    def _tell(self, call: Sink, place: Place) -> None:
        self._threads.telling = True
        try:
            self.guard(call, place)
        finally:
            self._threads.telling = False
