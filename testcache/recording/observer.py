"""Everything that watches one process, built, installed and taken down together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from testcache.inputs.world import World
from testcache.reasons import Reason
from testcache.recording.ambience import Ambience
from testcache.recording.asks import Asks
from testcache.recording.environ import Environ
from testcache.recording.imports import Imports
from testcache.recording.kept import Kept
from testcache.recording.ledger import Ledger
from testcache.recording.leftovers import Leftovers
from testcache.recording.network import Network
from testcache.recording.openings import STARTS, Openings
from testcache.recording.origin import Origin
from testcache.recording.processes import Processes, Spool
from testcache.recording.reads import Reads
from testcache.recording.recorder import Place, Recognised, Recorder, choose, running
from testcache.recording.tape import Tape
from testcache.structs import Struct

Handler = Callable[[tuple[Any, ...]], None]


class Watched(Struct, frozen=True):
    """What the settings say about watching; `by_content` is of interiors.

    `openings` says whether this process alone runs tests, so that what is opened meanwhile is opened for them.
    """

    recorder: str = "auto"
    hosts: Mapping[str, float] | None = None
    programs: Sequence[str] = ()
    by_content: bool = False
    openings: bool = False


class Observer:
    """Records one process; `start` before the first project module is imported."""

    def __init__(self, world: World, watched: Watched, *, spool: Spool) -> None:
        self.world = world
        self.tape = Tape(world.roots, world.files, world.sources)
        self.ledger = Ledger(self.tape, world.variables)
        self.leftovers = Leftovers(
            self.tape,
            self.ledger,
            self.is_project,
            Ambience(world.variables, self.tape.place_name, self.is_project),
            by_content=watched.by_content,
        )
        self.origin = Origin(world.roots)
        self.kept = Kept(self.tape, self.origin, self.leftovers.is_watched)
        self.reads = Reads(self.tape, self.origin, world.distributions, world.variables)
        self.asks = Asks(self.tape, self.origin, self.reads)
        self.imports = Imports(self.tape, self.origin, world.distributions, world.modules)
        self.environ = Environ(self.tape, self.origin, world.variables)
        self.network = Network(self.tape, self.origin, watched.hosts or {})
        self.processes = Processes(self.tape, self.origin, self.reads, self.network, watched.programs, spool)
        self.openings = Openings(world.roots.rootdir, self._opened_in_c) if watched.openings else None
        self._recognised = Recognised(self.is_project)
        self.recorder: Recorder = choose(watched.recorder, wanted=self.is_project)
        self._handlers: dict[str, Handler] = {
            **self.reads.handlers,
            **self.network.handlers,
            **self.processes.handlers,
        }
        if self.openings is not None:
            self._handlers |= {
                event: self._announcing(event, self.openings) for event in ("open", "sqlite3.connect", *STARTS)
            }
        self._active = False
        self._floor: FrameType | None = None
        self._below: set[Place] = set()

    def is_project(self, filename: str) -> bool:
        """Whether a file is the project's own code, and so is watched."""
        roots = self.world.roots
        return roots.is_first_party(filename) and not filename.startswith(self.origin.own)

    def start(self, loaders: Sequence[type] = ()) -> None:
        """Begin watching; `loaders` are further classes whose `exec_module` runs Python files.

        If anything is raised, nothing is left behind but a hook that does nothing.
        """
        self.tape.recorder = self.recorder
        self._active = True
        try:
            self.recorder.start()
            self.tape.noted = self.kept.noted
            self.asks.install()
            self.environ.install()
            self.network.install()
            self.processes.install()
            self.imports.install(loaders)
            if self.openings is not None:
                self.openings.install()
                self.tape.settled = self.openings.look
        except Exception:
            self.stop()
            raise
        sys.addaudithook(self._event)

    def _event(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit hook cannot be removed: it goes quiet instead. Cost: about 0.1 µs an event."""
        handler = self._handlers.get(event)
        if handler is not None and self._active:
            try:
                handler(args)
            except Exception as error:  # of an object of the project that we looked at: tested code must not see it
                self.tape.problem(Reason.NOT_OBSERVED, f"no note of {event}: {type(error).__name__}: {error}")

    def _announcing(self, event: str, openings: Openings) -> Handler:
        """What else is to be done about an event that announces a file, or that a child process may open some."""
        handler = self._handlers.get(event)

        def announced(args: tuple[Any, ...]) -> None:
            if event in STARTS:
                openings.has_started = True
            else:
                openings.announce(args[0], lasting=event != "open")
            if handler is not None:
                handler(args)

        return announced

    def _opened_in_c(self, path: str) -> None:
        """A file is an input of what runs, if that is a test, a fixture or an import."""
        try:
            charged = self.reads.charged(path) if self.tape.stack else None
            if charged is not None:
                self.reads.file(*charged)
        except OSError as error:  # it cannot be read by now, or by us
            self.tape.problem(Reason.NOT_OBSERVED, f"no note of {path}: {type(error).__name__}: {error}")

    def running(self) -> set[Place]:
        """First-party code that is on the stack of any thread now: it began earlier and goes on."""
        return self._below | running(self._recognised, self._floor)

    @contextmanager
    def on(self, floor: FrameType | None) -> Iterator[None]:
        """For as long as this frame is on the stack: what called it need not be looked for before each test."""
        below = running(self._recognised)
        self._floor, self._below = floor, below
        try:
            yield
        finally:
            self._floor, self._below = None, set()

    def collect_children(self) -> None:
        """Join what recorded child processes reported; complain of those that never did."""
        self.processes.collect()

    def stop(self) -> None:
        """Stop watching and put every wrapped call back."""
        if not self._active:
            return
        self.tape.settle()
        self._active = False
        self.tape.noted = None
        if self.openings is not None:
            self.openings.uninstall()
        for part in (self.imports, self.processes, self.network, self.environ, self.asks):
            part.uninstall()
        self.recorder.stop()
        self.tape.recorder = None
