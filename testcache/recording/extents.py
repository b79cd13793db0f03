"""Extents: which runs of memo-shaped functions are open on each thread, and who is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from sys import _getframe
from types import FrameType

from testcache.recording.identity import identity
from testcache.recording.recorder import Flooded, Left, Looked, Passed, Place, Sink

LIMIT = 200
"""Extents of one function reported in a period: each costs two callbacks (about 5 us with a take in
each), so a function called in a tight loop would slow its test down many times over."""

ROUNDS = 10_000
"""Rounds of loops looked at in one period, for each function: 3 us each."""

Ends = Mapping[Place, Callable[[FrameType], None]]
"""Watched functions whose runs are not bracketed, and what to call at each end and each round instead."""

NO_ENDS: Ends = {}

_Open = tuple[int, Place]
"""The identity of a frame, and its function."""


class _Thread(threading.local):
    def __init__(self) -> None:
        self.open: list[_Open] = []
        self.telling = False


class Extents:
    """Stacks of open extents, one a thread, keyed by the identity of the frame and its function.

    No frames are kept: a reference would keep the locals of tested functions alive. An identity stays
    the frame's own while the frame is on the stack. If a later frame of the same function gets that of
    one that ended by an exception, the stale extent is noticed later: too long, never too short.

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

    def round(self, place: Place, frame: FrameType) -> bool:
        """A round of a loop in a function is over, or one of its lines is about to be executed.

        False: do not report its rounds any more.
        """
        passed, end = self._passed, self._ends.get(place)
        if end is None and not (self.is_open(place, frame) or place in self._passing):
            return True
        if passed is None or self._threads.telling:
            return True
        count = self._rounds.get(place, 0) + 1
        self._rounds[place] = count
        if end is not None and count <= ROUNDS:
            self.guard(end, frame)
            return True
        known = frame if count <= ROUNDS else None
        self._tell(passed, place, known)
        return known is not None

    def watches(self, place: Place) -> bool:
        lines = self._watched.get(place[0])
        return lines is not None and place[1] in lines

    def is_open(self, place: Place, frame: FrameType) -> bool:
        opened = self._threads.open
        return bool(opened) and (identity(frame), place) in opened

    def enter(self, place: Place, frame: FrameType) -> bool:
        """A function begins or goes on. False: do not report this one any more."""
        threads = self._threads
        if threads.telling:
            return True
        opened = (identity(frame), place)
        if threads.open:
            self._drop_stale(frame)
            if threads.open and threads.open[-1] == opened:
                return True
        count = self._counts.get(place, 0) + 1
        self._counts[place] = count
        if count > LIMIT:
            if count == LIMIT + 1:
                self.flood(place)
            return False
        threads.open.append(opened)
        self._tell(self._entered, place)
        return True

    def leave(self, place: Place, frame: FrameType) -> None:
        """A function ends or pauses; extents opened inside it end first."""
        threads = self._threads
        if threads.telling:
            return
        if self.is_open(place, frame):
            opened, wanted = threads.open, (identity(frame), place)
            ended = None
            while ended != wanted:
                ended = opened.pop()
                self._tell(self._left, ended[1], frame if ended == wanted else None)
            return
        end = self._ends.get(place)
        if end is not None:
            self.guard(end, frame)
        elif self._passed is not None and place in self._passing:
            self._tell(self._passed, place, frame)

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

    def guard(self, call: Callable[..., object], *arguments: object) -> None:
        """Call something of ours in the midst of tested code: its errors are kept, not raised there."""
        try:
            call(*arguments)
        except Exception as error:  # the caller finds it in `failure` and does not store the test
            self.failure = self.failure or f"{type(error).__name__}: {error}"

    def _drop_stale(self, frame: FrameType | None) -> None:
        opened = self._threads.open
        alive: dict[int, FrameType] = {}
        while opened:
            number, place = opened[-1]
            while frame is not None and number not in alive:
                alive[identity(frame)] = frame
                frame = frame.f_back
            if number in alive and _place_of(alive[number]) == place:
                return
            self._tell(self._left, opened.pop()[1], None)

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        self._threads.telling = True
        try:
            self.guard(call, *arguments)
        finally:
            self._threads.telling = False


def _place_of(frame: FrameType) -> Place:
    code = frame.f_code
    return code.co_filename, code.co_firstlineno
