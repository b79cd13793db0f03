"""The recorder that uses sys.monitoring: nearly free, because what runs often fires only a few times in a period."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from sys import _getframe
from types import CodeType, FrameType

from testcache.recording.extents import Extents
from testcache.recording.identity import identity
from testcache.recording.recorder import NOT_LOOKED, Looked, Place, Recognised, RecorderUnavailable, Sink, place_of

assert sys.version_info >= (3, 12), "choose() does not come here"
from sys import monitoring  # noqa: E402

EVENTS = monitoring.events
DISABLE = monitoring.DISABLE
RAN = EVENTS.PY_START | EVENTS.PY_RESUME
BRACKETED = RAN | EVENTS.PY_RETURN | EVENTS.PY_YIELD

OFTEN = 16
"""Runs of a function in a period after which it is disabled: to arm a function of 30 lines again costs 1.4 us,
one of 150 lines 5 us, and to be told of one more run 0.1 us."""

TOOL_IDS = (4, 5, 3, 0, 2, 1)
"""4 and 5 have no customary user; 3 is hypothesis, 0 debuggers, 2 cProfile, 1 coverage (it searches too)."""


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
    extents = True
    looks = True
    streams = True

    def __init__(self, wanted: Recognised, extents: Extents) -> None:
        if len(_free_ids()) < 2:
            raise RecorderUnavailable("fewer than two sys.monitoring tool ids are free")
        self.reason = ""
        self._wanted = wanted
        self._extents = extents
        self._codes: dict[int, CodeType] = {}
        self._by_file: dict[str, list[CodeType]] = {}
        self._bracketed: set[int] = set()
        self._places: dict[int, Place] = {}
        self._fired: dict[int, int] = {}  # how often
        self._disabled: dict[int, CodeType] = {}
        self._sink: Sink | None = None
        self._tools: tuple[int, int] | None = None

    @property
    def failure(self) -> str:
        return self._extents.failure

    def start(self) -> None:
        if self._tools is not None:
            return
        free = _free_ids()
        if len(free) < 2:
            raise RecorderUnavailable("fewer than two sys.monitoring tool ids are free")
        discovery, recording = self._tools = (free[1], free[0])
        monitoring.use_tool_id(recording, "testcache")
        monitoring.use_tool_id(discovery, "testcache discovery")
        for event, callback in self._callbacks().items():
            monitoring.register_callback(recording, event, callback)
        for event in (EVENTS.PY_START, EVENTS.PY_RESUME):
            monitoring.register_callback(discovery, event, self._discovered)
        # These exist only as global events. PY_THROW is rare, and without it the except and finally parts
        # of a suspended generator would run unseen; PY_UNWIND costs 0.3 us for each frame that an exception
        # ends, and without it nobody knew what memo-shaped functions filled that end so.
        monitoring.set_events(recording, EVENTS.PY_THROW | EVENTS.PY_UNWIND)
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
        for event in self._callbacks():
            monitoring.register_callback(recording, event, None)
        for event in (EVENTS.PY_START, EVENTS.PY_RESUME):
            monitoring.register_callback(discovery, event, None)
        monitoring.free_tool_id(discovery)
        monitoring.free_tool_id(recording)
        # Not the places: another thread may be in a callback, which would raise in tested code.
        for kept in (self._codes, self._by_file, self._bracketed, self._fired, self._disabled):
            kept.clear()

    def take(self) -> set[Place]:
        self._extents.next_period()
        found: set[Place] = set()
        fired, disabled, places = self._fired, self._disabled, self._places
        for _ in range(len(fired)):  # counted: another thread may go on firing
            found.add(places[fired.popitem()[0]])
        for _ in range(len(disabled)):
            self._arm(disabled.popitem()[1])
        return found

    def watch(self, filename: str, lines: Collection[int], looked: Looked = NOT_LOOKED) -> None:
        self._extents.watch(filename, lines)
        self._extents.look(filename, looked)
        for code in self._by_file.get(filename, ()):
            if identity(code) not in self._bracketed and self._extents.watches((filename, code.co_firstlineno)):
                self._bracketed.add(identity(code))
                self._arm(code)

    def settle(self) -> None:
        self._extents.settle()

    def streamed(self, sink: Sink | None) -> None:
        self._sink = sink
        if sink is not None:
            for key in list(self._fired):
                self._extents.guard(sink, self._places[key])
            for code in list(self._codes.values()):  # also what fired before a fork
                self._arm(code)

    def _arm(self, code: CodeType) -> None:
        if self._tools is None:
            return
        recording = self._tools[1]
        monitoring.set_local_events(recording, code, 0)
        events = RAN
        if identity(code) in self._bracketed:
            lines = self._extents.looked(self._places[identity(code)])
            events = BRACKETED if lines is None else BRACKETED | EVENTS.JUMP | (EVENTS.LINE if lines else 0)
        monitoring.set_local_events(recording, code, events)

    def _discovered(self, code: CodeType, _offset: int) -> object:
        if identity(code) in self._codes:
            self._fired.setdefault(identity(code), 1)  # another thread may be just about to arm it
        elif self._wanted(code.co_filename):
            self._adopt(code)
            # The recording tool does not fire for the run that is just beginning.
            self._begin(code, _getframe(1))
        return DISABLE

    def _adopt(self, code: CodeType) -> None:
        self._codes[identity(code)] = code
        self._places[identity(code)] = place_of(code)
        self._by_file.setdefault(code.co_filename, []).append(code)
        if code.co_name != "<module>" and self._extents.watches((code.co_filename, code.co_firstlineno)):
            self._bracketed.add(identity(code))
        self._arm(code)

    def _begin(self, code: CodeType, frame: FrameType) -> object:
        """A run of a code object starts or goes on; the answer is what the callback returns."""
        key, place = identity(code), self._places[identity(code)]
        answer: object = DISABLE
        if key in self._bracketed and not self._extents.is_flooded(place) and self._extents.enter(place, frame):
            answer = None
        if self._sink is not None:
            self._extents.guard(self._sink, place)
            answer = None  # a child serves one test after the other and is never asked to `take`
        self._fired[key] = 1
        if answer is DISABLE:
            self._disabled[key] = code
        return answer

    def _callbacks(self) -> dict[int, Callable[..., object]]:
        """The recording tool's callbacks, with their state in cells: the first is the hot one."""
        fired, disabled, bracketed = self._fired, self._disabled, self._bracketed
        extents, begin, places = self._extents, self._begin, self._places
        times = fired.get

        def ran(code: CodeType, _offset: int) -> object:
            key = identity(code)
            if key in bracketed or self._sink is not None:
                return begin(code, _getframe(1))
            count = times(key, 0)
            # No other thread can run between these stores and the interpreter's disabling of the
            # location (a store and a return do not give up the lock, a call would). If one could:
            # 1. we store, 2. `take` reports and arms again, 3. the location is disabled for ever.
            fired[key] = count + 1
            if count < OFTEN:
                return None
            disabled[key] = code
            return DISABLE

        def over(code: CodeType, _offset: int, _value: object) -> object:
            key = identity(code)
            place = places[key]
            if key in bracketed:
                extents.leave(place, _getframe(1))
            if not extents.is_flooded(place) or extents.is_passing(place):
                return None
            disabled[key] = code
            return DISABLE

        def jumped(code: CodeType, offset: int, destination: int) -> object:
            if destination >= offset:
                return DISABLE
            key = identity(code)
            if extents.round(places[key], _getframe(1)):
                return None
            disabled[key] = code
            return DISABLE

        def reached(code: CodeType, line: int) -> object:
            key = identity(code)
            if line not in (extents.looked(places[key]) or ()):
                return DISABLE
            if extents.round(places[key], _getframe(1)):
                return None
            disabled[key] = code
            return DISABLE

        def thrown(code: CodeType, _offset: int, _error: BaseException) -> None:
            if identity(code) in self._codes:
                begin(code, _getframe(1))
            elif self._wanted(code.co_filename):
                self._adopt(code)
                begin(code, _getframe(1))

        def unwound(code: CodeType, _offset: int, _error: BaseException) -> None:
            key = identity(code)
            if key in bracketed:
                extents.leave(places[key], _getframe(1))

        return {
            EVENTS.PY_START: ran,
            EVENTS.PY_RESUME: ran,
            EVENTS.PY_RETURN: over,
            EVENTS.PY_YIELD: over,
            EVENTS.JUMP: jumped,
            EVENTS.LINE: reached,
            EVENTS.PY_THROW: thrown,
            EVENTS.PY_UNWIND: unwound,
        }
