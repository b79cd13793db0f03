"""What a recorder is: it tells which functions ran; three techniques, one interface, one choice."""

from __future__ import annotations

import contextlib
import sys
from _thread import get_ident
from collections.abc import Callable
from inspect import CO_OPTIMIZED
from types import CodeType, FrameType
from typing import Protocol

from testcache.errors import TestcacheError

Place = tuple[str, int]
"""(co_filename, line): a line of the block that ran, mostly the first one of its code object."""

BODY_LINE = 0
"""The line reported for module level code: no function spans it, so it can only mean the body."""

Sink = Callable[[Place], None]
Wanted = Callable[[str], bool]


class RecorderUnavailable(TestcacheError):
    """The technique cannot be used in this process; the text says why."""

    slug = "recorder"


class Recorder(Protocol):
    """Collects which first-party functions ran, in any thread.

    Attributes:
        name: "monitoring", "probes" or "coverage".
        reason: why this one although another was preferred, or "".
        streams: whether `streamed` works.
    """

    name: str
    reason: str
    streams: bool

    def start(self) -> None:
        """Begin to record. Raises `RecorderUnavailable`, with nothing left behind."""

    def take(self) -> set[Place]:
        """Everything that began to run or was resumed since the last take; then start afresh.

        What merely keeps running across two takes is reported only in the first one: add `running`.
        Cost: a few microseconds, and about 1 us for each place.
        """

    def stop(self) -> None:
        """Stop recording and undo what can be undone. May be called twice."""

    def streamed(self, sink: Sink | None) -> None:
        """While set, whatever fires also goes to `sink` at once, again and again: the sink drops repeats.

        What already fired since the last take is passed immediately. Made for child processes,
        which may be killed at any time and may serve one test after the other.
        """


class Recognised:
    """Remembers the answer of `wanted` for each file name. Cost: one dict lookup."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: dict[str, bool] = {}

    def __call__(self, filename: str) -> bool:
        answer = self._known.get(filename)
        if answer is None:
            try:
                answer = self._wanted(filename)
            except Exception:  # we stand in tested code, which must not see it; unknown counts as first-party
                answer = True
            self._known[filename] = answer
        return answer


def pass_on(sink: Sink, place: Place) -> None:
    """Tell a sink from the midst of tested code, which must not see that a spool is full or gone."""
    with contextlib.suppress(Exception):
        sink(place)


def place_of(code: CodeType) -> Place:
    """Where a code object begins, as recorders report it: code that runs with the statements of a module is its body.

    Such is the body of a class, a comprehension there, and what makes the type variables of `def first[T]`. Each has
    the line of a `class` or `def`, but it runs when that statement does, and not when a method or the function does.
    """
    name = code.co_name
    runs_with_it = not code.co_flags & CO_OPTIMIZED or (name[0] == "<" and name != "<lambda>")
    if runs_with_it and "<locals>" not in code.co_qualname:
        return code.co_filename, BODY_LINE
    return code.co_filename, code.co_firstlineno


def running(wanted: Wanted, floor: FrameType | None = None) -> set[Place]:
    """First-party functions on the stack of any thread right now, down to the frame `floor`.

    To be added at the start of a test: a worker thread's loop or a conftest's wrapper that began
    earlier does not fire again. Cost: about 1 µs a frame, for what looks at one raises an audit event.
    """
    found: set[Place] = set()
    # Does not see: suspended generators (reported when resumed) and greenlets that are switched out.
    tops = sys._current_frames()
    # A frame that held itself would keep alive all that called it, and their tests, until the next look for garbage.
    tops[get_ident()] = sys._getframe(1)
    for top in tops.values():
        frame: FrameType | None = top
        while frame is not None and frame is not floor:
            code = frame.f_code
            if wanted(code.co_filename):
                found.add(place_of(code))
            frame = frame.f_back
    return found


def choose(name: str, *, wanted: Wanted) -> Recorder:
    """Pick a recorder.

    Args:
        name: "auto", "monitoring", "probes" or "coverage". auto is monitoring where the
            interpreter has it (3.12), else probes, else coverage.
        wanted: says whether a file name (a code object's co_filename) is first-party; its answers are kept.

    Raises:
        RecorderUnavailable: a technique was asked for by name and cannot be used.
    """
    recognised = Recognised(wanted)
    refused: list[str] = []
    for candidate in ("monitoring", "probes", "coverage") if name == "auto" else (name,):
        try:
            found = _build(candidate, recognised)
        except RecorderUnavailable as error:
            if name != "auto":
                raise
            refused.append(f"{candidate}: {error}")
        else:
            found.reason = "; ".join(refused)
            return found
    raise RecorderUnavailable("; ".join(refused))


def _build(name: str, wanted: Recognised) -> Recorder:
    # Imported here: each technique costs an import of its own, and only one of them is needed.
    if name == "monitoring":
        if sys.version_info < (3, 12):
            raise RecorderUnavailable("sys.monitoring needs Python 3.12")
        else:
            from testcache.recording.monitoring import Monitoring

            return Monitoring(wanted)
    if name == "probes":
        from testcache.recording.probes import Probes

        return Probes(wanted)
    if name == "coverage":
        from testcache.recording.measured import Measured

        return Measured(wanted)
    raise RecorderUnavailable(f"no recorder is called {name!r}")
