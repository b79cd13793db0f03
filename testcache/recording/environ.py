"""Environment variables read by name, through `os.environ` and `os.getenv`.

Copying or going through the whole environment ties a test to the variables that the code has a word for
(`testcache.recording.spoken`), there and in all files that the test rests on: one that is looked up with the very key
object that the iteration gave is not a read by name. Does not see: `getenv` in C code (TZ and the locale's variables
are part of the environment key instead), `posix.environ` and `/proc/self/environ`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from sys import _getframe
from types import FrameType
from typing import Any

from testcache.inputs.variables import EVERY_VARIABLE, Variables
from testcache.model import ABSENT, Input, Kind
from testcache.recording.guard import guarded
from testcache.recording.identity import identity
from testcache.recording.origin import Origin
from testcache.recording.spoken import patterns
from testcache.recording.tape import Tape
from testcache.recording.unseen import aside, unseen

_PICKING = frozenset({"getproxies_environment", "_execute_child", "_patch_dict", "_unpatch_dict"})
"""Library functions that go through the environment for themselves, and give no copy to anybody."""


class Environ:
    """Charges reads of variables; remembers who set one in code."""

    def __init__(self, tape: Tape, origin: Origin, variables: Variables) -> None:
        self._tape = tape
        self._origin = origin
        self._variables = variables
        self._given: dict[int, str] = {}
        self._class: Any = type(os.environ)
        self._originals: dict[str, Any] = {}

    def install(self) -> None:
        """Wrap four methods of the class of `os.environ`. Cost: about 1 µs a look-up."""
        for name, make in (
            ("__getitem__", self._getitem),
            ("__setitem__", self._assigned),
            ("__delitem__", self._assigned),
            ("__iter__", self._iter),
        ):
            self._originals[name] = getattr(self._class, name)
            setattr(self._class, name, make(self._originals[name]))

    def uninstall(self) -> None:
        """Put the methods back."""
        for name, original in self._originals.items():
            setattr(self._class, name, original)
        self._originals.clear()

    def _getitem(self, original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        @unseen
        def __getitem__(environ: Any, key: Any) -> Any:
            __tracebackhide__ = True
            if identity(key) not in self._given:
                self._read(key)
            with aside:
                return original(environ, key)

        return __getitem__

    def _iter(self, original: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
        def __iter__(environ: Any) -> Iterator[Any]:
            self._gone_through(_getframe(1))
            given = self._given = {}
            for key in original(environ):
                if len(key) > 1:  # of shorter texts there is only one object each
                    given[identity(key)] = key
                yield key

        return __iter__

    def _assigned(self, original: Callable[..., None]) -> Callable[..., None]:
        @unseen
        def assign(environ: Any, key: Any, *value: Any) -> None:
            __tracebackhide__ = True
            if type(key) is str and key == "PYTEST_CURRENT_TEST":  # seven times a test
                return original(environ, key, *value)
            if not value and identity(key) not in self._given:  # to delete what is not there is an error
                self._read(key)
            with aside:
                original(environ, key, *value)
            name = os.fsdecode(key) if isinstance(key, (str, bytes)) else ""
            start = self._variables.at_start(name)
            if start == (os.fsdecode(value[0]) if value else None):  # put back as it was
                self._tape.top.assigned.discard(name)
            else:
                self._tape.top.assigned.add(name)
            return None

        return assign

    @guarded
    def _gone_through(self, frame: FrameType) -> None:
        context = self._tape.top
        _, counts, names = self._origin.find()
        if not counts:
            return
        if _PICKING.isdisjoint(names):
            self._tape.note(context, Kind.VARIABLE, EVERY_VARIABLE, ABSENT)
        for pattern in sorted(patterns(frame, self._tape.roots.is_first_party, self._variables.names())):
            if self._variables.counts(pattern):
                self._tape.note(context, Kind.VARIABLE, pattern, self._variables.fingerprint(pattern))

    @guarded
    def _read(self, key: object) -> None:
        name = str.__str__(os.fsdecode(key)) if isinstance(key, (str, bytes)) else ""  # it may be of a class of its own
        context = self._tape.top
        if not name or name in context.assigned or Input(Kind.VARIABLE, name) in context.reads:
            return
        if not self._variables.counts(name) or not self._origin.find()[1]:
            return
        self._tape.note(context, Kind.VARIABLE, name, self._variables.fingerprint(name))
