"""The tape: one stack of contexts for the whole process, and the register of what modules loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from os.path import dirname
from types import FrameType

from testcache.inputs import files as fs
from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.model import Digest, Input, Kind
from testcache.reasons import Reason
from testcache.recording.context import Context, Place, Problem
from testcache.recording.pending import Fill, Pending
from testcache.recording.recorder import Recorder
from testcache.slots import Filling
from testcache.source import Source, parse

UNPARSED = parse(b"", collected=False)
"""In a child process nobody asks what counts in a file: the parent knows."""

HANDED = 4
"""Callers of a function that keeps what it is given, among which one is looked for that asked first: it calls
`put`, which calls `_store`, say. In a deep stack somebody asks for a name like `line` by chance."""


@dataclass(slots=True, eq=False)
class Loaded:
    """A first-party file as it was loaded: its bytes may be gone from the disk by now."""

    context: Context
    content: Digest
    source: Source


@dataclass(slots=True)
class Tape:
    """Charges everything that happens to the context on top of its stack.

    One tape a process, also with threads: code that runs in a thread is charged to the context that
    is on top at that moment, which for a test is the test.
    """

    roots: Roots
    files: Files
    sources: Sources
    run: Context = field(default_factory=lambda: Context("the run"))
    recorder: Recorder | None = None
    stack: list[Context] = field(default_factory=list)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    fills: dict[Place, Fill] = field(default_factory=dict)
    pending: Pending = field(init=False)
    written: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    touched: list[Callable[[], Iterable[Context]]] = field(default_factory=list)
    stream: Callable[..., None] | None = None
    switched: Callable[[Context], None] | None = None

    def __post_init__(self) -> None:
        self.pending = Pending(lambda: self.top)

    @property
    def top(self) -> Context:
        return self.stack[-1] if self.stack else self.run

    # -- contexts

    def _settle(self) -> None:
        """Charge what ran, and which memos were asked, since the last switch to the context on top."""
        for ask in self.touched:
            self.top.links.update(ask())
        if self.recorder is not None:
            found = self.recorder.take()
            self.top.places |= found
            self.pending.ran(self.top, found)

    def push(self, context: Context, *, lasts: bool = True) -> None:
        """Charge what follows to this context, until `pop`; others than the test may rest on it too."""
        self._settle()
        if lasts:
            self.pending.lasting(context)
        self.stack.append(context)
        if self.switched is not None:
            self.switched(context)

    def pop(self, context: Context) -> None:
        """Stop charging a context, and whatever was pushed above it and never popped."""
        if context not in self.stack:
            return
        self._settle()
        while self.stack.pop() is not context:
            pass
        if self.switched is not None:
            self.switched(self.top)

    @contextmanager
    def charge(self, context: Context) -> Iterator[Context]:
        """Push for the length of a block."""
        self.push(context)
        try:
            yield context
        finally:
            self.pop(context)

    def settle(self) -> None:
        """Bring the top context up to date."""
        self._settle()

    # -- memo-shaped code

    def entered(self, place: Place) -> None:
        """Memo-shaped code starts: what runs inside is a fill, charged to the caller as well."""
        fill = self._fill(place)
        context = self.pending.context(fill)
        fill.running.append(context)
        self.top.links.add(context)
        self.push(context, lasts=context is fill.context)

    def left(self, place: Place, frame: FrameType | None) -> None:
        """Memo-shaped code ends."""
        fill = self._fill(place)
        self.pending.ended(fill, frame)
        if fill.running:
            self.pop(fill.running.pop())
        if fill.filling.given and self._is_asked(fill, frame):
            self.pending.around(fill, self._outside())

    def flooded(self, place: Place) -> bool:
        """Too many fills to follow one by one: credit its readers with the whole context."""
        return self.pending.around(self._fill(place), self.top)

    def passed(self, place: Place, frame: FrameType | None) -> None:
        """One of too many ends, or a round of a loop does."""
        fill = self._fill(place)
        self.pending.ended(fill, frame)
        if not fill.running:
            self.pending.around(fill, self.top)

    def _outside(self) -> Context:
        """The context in which everything ran that a memo-shaped function may have been given.

        That of the function's caller is not enough: it may be one that only hands on, and fills something too.
        """
        running = {context for fill in self.fills.values() for context in fill.running}
        return next((context for context in reversed(self.stack) if context not in running), self.run)

    def _is_asked(self, fill: Fill, frame: FrameType | None) -> bool:
        """Whether a caller of a function that keeps what it is given has asked first, and so computed that.

        Cost: 1 us.
        """
        if frame is None:
            return True
        outer = frame.f_back
        for _ in range(HANDED):
            if outer is None:
                return False
            code = outer.f_code
            loaded = self.loaded.get(code.co_filename)
            if loaded is not None:
                asks = loaded.source.asks.get(code.co_firstlineno)
                if asks is not None and not asks.isdisjoint(fill.asked):
                    return True
            outer = outer.f_back
        return False

    def _fill(self, place: Place) -> Fill:
        fill = self.fills.get(place)
        if fill is None:
            loaded, names, filling = self.loaded.get(place[0]), frozenset[str](), Filling()
            if loaded is not None:
                names = loaded.source.memos.get(place[1], names)
                filling = loaded.source.fillings.get(place[1], filling)
            looked = any(slot.looked for slot in filling.slots)
            if looked and (self.recorder is None or not self.recorder.looks):
                filling = replace(filling, slots=frozenset())
            asked = loaded.source.asking(place[1]) if loaded is not None and filling.given else frozenset()
            fill = self.fills[place] = Fill(Context(f"fill at {place[0]}:{place[1]}"), names, filling, place, asked)
        return fill

    # -- modules

    def load(self, filename: str) -> Loaded:
        """Register a first-party file that is about to be executed as a module."""
        if self.stream is not None:
            self.stream("load", filename, self.files.digest(filename).hex())
            return self.loaded.setdefault(filename, Loaded(Context(filename), Digest(b""), UNPARSED))
        signature = fs.signature_of(filename)
        try:
            data = fs.read_bytes(filename)
        except OSError:
            data = b""
        content = self.files.digest_at(filename, signature) if signature is not None else Digest(b"")
        known = self.loaded.get(filename)
        if known is not None and known.content == content:
            return known
        source = self.sources.of(data, filename)
        context = Context(f"import of {self.roots.name(filename)}", is_module=True, places={(filename, 0)})
        if known is not None:  # executed twice with different bytes: both count
            context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, self.roots.name(filename)))
        if signature is not None:
            context.signatures[filename] = signature
        loaded = self.loaded[filename] = Loaded(context, content, source)
        if source.acts:
            self.run.links.add(context)
        if self.recorder is not None and source.memos:
            looked = {
                line: filling.lines
                for line, filling in source.fillings.items()
                if any(slot.looked for slot in filling.slots)
            }
            self.recorder.watch(filename, source.memos, looked)
        return loaded

    # -- reads

    def note(self, context: Context, kind: Kind, name: str, value: Digest) -> None:
        """Charge one read; two different answers within one context mean that the world moved."""
        if self.stream is not None:
            self.stream("read", int(kind), name, value.hex())
        key = Input(kind, name)
        before = context.reads.setdefault(key, value)
        if before != value:
            context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, str(key)))

    def problem(self, reason: Reason, evidence: str) -> None:
        """Keep whatever rests on the top context from being stored."""
        if self.stream is not None:
            self.stream("problem", reason.slug, evidence)
        self.top.problems.append(Problem(reason, evidence))

    def wrote(self, path: str) -> None:
        """This run made, changed or removed a path: reading it back is no input."""
        if self.stream is not None:
            self.stream("wrote", path)
        self.top.written.add(path)
        self.written.add(path)

    def is_own_output(self, path: str) -> bool:
        """Whether a path was made by this run (a temporary folder, an output): no input then."""
        if path in self.top.written or path in self.created:
            return True
        if path in self.written and any(path in context.written for context in self.top.reachable()):
            return True
        if not self.created:
            return False
        folder = dirname(path)
        while folder not in self.created:
            parent = dirname(folder)
            if parent == folder:
                return False
            folder = parent
        return True
