"""The recorder that uses sys.monitoring: nearly free, because what runs often fires only a few times in a period."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType

from testcache.recording.identity import identity
from testcache.recording.recorder import Place, Recognised, RecorderUnavailable, Sink, pass_on, place_of

assert sys.version_info >= (3, 12), "choose() does not come here"
from sys import monitoring  # noqa: E402

EVENTS = monitoring.events
DISABLE = monitoring.DISABLE
RAN = EVENTS.PY_START | EVENTS.PY_RESUME

OFTEN = 16
"""Runs of a function in a period after which it is disabled: to arm a function of 30 lines again costs 1.4 us,
one of 150 lines 5 us, and to be told of one more run 0.1 us."""

TOOL_IDS = (4, 5, 3, 0, 2, 1)
"""4 and 5 have no customary user; 3 is hypothesis, 0 debuggers, 2 cProfile, 1 coverage (it searches too)."""

Began = Callable[[CodeType, int], object]
"""Told that a run of a code object starts or goes on, and where in it."""


def _free_ids() -> list[int]:
    return [tool for tool in TOOL_IDS if monitoring.get_tool(tool) is None]


class Monitoring:
    """Two tools: one discovers code objects, one records those that are first-party.

    Discovery has global PY_START and PY_RESUME and disables each location for good. It must not be
    the recording tool: a location disabled under global events stays disabled when the same tool
    sets local events. Recording has local events; a location that fired often is disabled, and
    `take` arms again exactly the code objects that were, by setting their events to 0 and back
    (the same value again would do nothing; restart_events would make every other tool pay too).

    Code objects are only ever looked up by identity, with a reference kept so that it stays theirs:
    equality ignores co_filename, and hashing one costs time in proportion to its length.

    Does not see: functions called by a finaliser that the garbage collector runs inside a callback;
    the part of a function after a take in which the function keeps running (see `running`).
    """

    name = "monitoring"
    streams = True

    def __init__(self, wanted: Recognised) -> None:
        if len(_free_ids()) < 2:
            raise RecorderUnavailable("fewer than two sys.monitoring tool ids are free")
        self.reason = ""
        self._wanted = wanted
        self._codes: dict[int, CodeType] = {}
        self._places: dict[int, Place] = {}
        self._fired: dict[int, int] = {}  # how often
        self._disabled: dict[int, CodeType] = {}
        self._began: Began = self._counting()
        self._tools: tuple[int, int] | None = None

    def start(self) -> None:
        if self._tools is not None:
            return
        free = _free_ids()
        if len(free) < 2:
            raise RecorderUnavailable("fewer than two sys.monitoring tool ids are free")
        discovery, recording = self._tools = (free[1], free[0])
        monitoring.use_tool_id(recording, "testcache")
        monitoring.use_tool_id(discovery, "testcache discovery")
        for event in (EVENTS.PY_START, EVENTS.PY_RESUME):
            monitoring.register_callback(recording, event, self._began)
            monitoring.register_callback(discovery, event, self._discovered)
        # It exists only as a global event, and is rare; without it the except and finally parts of a
        # suspended generator would run unseen.
        monitoring.register_callback(recording, EVENTS.PY_THROW, self._thrown)
        monitoring.set_events(recording, EVENTS.PY_THROW)
        monitoring.set_events(discovery, RAN)
        # An earlier user of the ids may have left locations disabled. Costs other tools one round.
        monitoring.restart_events()

    def stop(self) -> None:
        if self._tools is None:
            return
        discovery, recording = self._tools
        self._tools = None
        monitoring.set_events(discovery, 0)
        monitoring.set_events(recording, 0)
        for code in list(self._codes.values()):
            monitoring.set_local_events(recording, code, 0)
        for event in (EVENTS.PY_START, EVENTS.PY_RESUME):
            monitoring.register_callback(recording, event, None)
            monitoring.register_callback(discovery, event, None)
        monitoring.register_callback(recording, EVENTS.PY_THROW, None)
        monitoring.free_tool_id(discovery)
        monitoring.free_tool_id(recording)
        # Not the places: another thread may be in a callback, which would raise in tested code.
        for kept in (self._codes, self._fired, self._disabled):
            kept.clear()

    def take(self) -> set[Place]:
        found: set[Place] = set()
        fired, disabled, places = self._fired, self._disabled, self._places
        for _ in range(len(fired)):  # counted: another thread may go on firing
            found.add(places[fired.popitem()[0]])
        for _ in range(len(disabled)):
            self._arm(disabled.popitem()[1])
        return found

    def streamed(self, sink: Sink | None) -> None:
        self._began = self._counting() if sink is None else self._telling(sink)
        if self._tools is not None:
            for event in (EVENTS.PY_START, EVENTS.PY_RESUME):
                monitoring.register_callback(self._tools[1], event, self._began)
        if sink is not None:
            for key in list(self._fired):
                pass_on(sink, self._places[key])
            for code in list(self._codes.values()):  # also what fired before a fork
                self._arm(code)

    def _arm(self, code: CodeType) -> None:
        if self._tools is not None:
            monitoring.set_local_events(self._tools[1], code, 0)
            monitoring.set_local_events(self._tools[1], code, RAN)

    def _discovered(self, code: CodeType, offset: int) -> object:
        if identity(code) in self._codes:
            self._fired.setdefault(identity(code), 1)  # another thread may be just about to arm it
        elif self._wanted(code.co_filename):
            self._adopt(code)
            # The recording tool does not fire for the run that is just beginning.
            self._began(code, offset)
        return DISABLE

    def _thrown(self, code: CodeType, offset: int, _error: BaseException) -> None:
        if identity(code) in self._codes:
            self._began(code, offset)
        elif self._wanted(code.co_filename):
            self._adopt(code)
            self._began(code, offset)

    def _adopt(self, code: CodeType) -> None:
        self._codes[identity(code)] = code
        self._places[identity(code)] = place_of(code)
        self._arm(code)

    def _counting(self) -> Began:
        """The hot callback, with its state in cells."""
        fired, disabled = self._fired, self._disabled
        times = fired.get

        def began(code: CodeType, _offset: int) -> object:
            key = identity(code)
            count = times(key, 0)
            # No other thread can run between these stores and the interpreter's disabling of the
            # location (a store and a return do not give up the lock, a call would). If one could:
            # 1. we store, 2. `take` reports and arms again, 3. the location is disabled for ever.
            fired[key] = count + 1
            if count < OFTEN:
                return None
            disabled[key] = code
            return DISABLE

        return began

    def _telling(self, sink: Sink) -> Began:
        """The callback of a child, which serves one test after the other: never disabled."""
        fired, places = self._fired, self._places

        def began(code: CodeType, _offset: int) -> None:
            key = identity(code)
            fired[key] = 1
            pass_on(sink, places[key])

        return began
