"""The tape: one stack of contexts for the whole process, and the register of what modules loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from os.path import dirname
from types import ModuleType
from typing import Protocol

from testcache.code.source import Source, parse
from testcache.inputs import files as fs
from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources, is_collected
from testcache.model import ABSENT, SHELF, Digest, Input, Kind
from testcache.reasons import Reason
from testcache.recording.context import Context, Problem
from testcache.recording.recorder import Recorder
from testcache.structs import Struct, field

MADE = "<made>"
"""Stands for a folder that the run has made, in the names of places."""

UNPARSED = parse(b"", collected=False)
"""In a child process nobody asks what counts in a file: the parent knows."""


class Loaded(Struct, eq=False):
    """A first-party file as it was loaded: its bytes may be gone from the disk by now."""

    context: Context
    content: Digest
    source: Source


class ImportWatcher(Protocol):
    """Somebody who is told what happens to first-party modules."""

    def import_begins(self, path: str, context: Context, module: ModuleType) -> None:
        """The body of a module is about to be executed."""

    def import_ends(self, module: ModuleType | None) -> None:
        """It has come to its end, after those that it imports; None if it has raised an exception."""


class Tape(Struct):
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
    written: set[str] = field(default_factory=set)
    created: set[str] = field(default_factory=set)
    innermost: tuple[int, dict[str, str]] = (0, {})  # made folders around others, and of how many that is known
    makers: dict[str, Context] = field(default_factory=dict)
    shelves: dict[str, tuple[Context, str]] = field(default_factory=dict)
    passing: set[Context] = field(default_factory=set)  # imports of modules that somebody has written just now
    touched: dict[str, tuple[str, bool]] = field(default_factory=dict)
    stream: Callable[..., None] | None = None
    switched: Callable[[Context], None] | None = None
    settled: Callable[[], None] | None = None
    noted: Callable[[Input, Digest], None] | None = None
    watcher: ImportWatcher | None = None

    @property
    def top(self) -> Context:
        return self.stack[-1] if self.stack else self.run

    # -- contexts

    def settle(self) -> None:
        """Charge what ran since the last switch to the context on top, and what was opened."""
        if self.recorder is not None:
            self.top.places |= self.recorder.take()
        if self.settled is not None:
            self.settled()

    def push(self, context: Context) -> None:
        """Charge what follows to this context, until `pop`."""
        self.settle()
        self.stack.append(context)
        if self.switched is not None:
            self.switched(context)

    def pop(self, context: Context) -> None:
        """Stop charging a context, and whatever was pushed above it and never popped."""
        if context not in self.stack:
            return
        self.settle()
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
        context = Context(f"import of {self.place_name(filename)}", is_module=True, places={(filename, 0)})
        if known is not None:  # executed twice with different bytes: both count
            context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, self.roots.name(filename)))
        if signature is not None:
            context.signatures[filename] = signature
        loaded = self.loaded[filename] = Loaded(context, content, source)
        if source.acts:
            self.run.links.add(context)
        if self.is_made(filename):
            self.passing.add(context)
        return loaded

    def has_loaded(self, names: Iterable[str]) -> bool:
        """Whether all these files are loaded, by their stored names."""
        return all(self.roots.path(name) in self.loaded for name in names)

    @contextmanager
    def executing(self, path: str, loaded: Loaded, module: ModuleType) -> Iterator[None]:
        """For the length of a first-party module's body."""
        watcher = self.watcher
        if watcher is not None:
            watcher.import_begins(path, loaded.context, module)
        ended = None
        try:
            with self.charge(loaded.context):
                yield
            ended = module
        finally:
            if watcher is not None:
                watcher.import_ends(ended)

    # -- reads

    def note(self, context: Context, kind: Kind, name: str, value: Digest) -> None:
        """Charge one read; two different answers within one context mean that the world moved."""
        if self.stream is not None:
            self.stream("read", int(kind), name, value.hex())
        key = Input(kind, name)
        if self.noted is not None and key not in context.reads:
            self.noted(key, value)
        before = context.reads.setdefault(key, value)
        if before != value:
            context.problems.append(Problem(Reason.INPUT_CHANGED_DURING_RUN, str(key)))

    def note_whole(self, context: Context, file: str) -> None:
        """Charge all of a test file for who has it as a module: what stands alone in there concerns him, too."""
        if is_collected(file) and not self.is_made(file):
            self.note(context, Kind.WHOLE, self.roots.name(file), self.loaded[file].source.whole)

    def problem(self, reason: Reason, evidence: str) -> None:
        """Keep whatever rests on the top context from being stored."""
        if self.stream is not None:
            self.stream("problem", reason.slug, evidence)
        self.top.problems.append(Problem(reason, evidence))

    def wrote(self, path: str) -> None:
        """This run made, changed or removed a path: reading it back is no input."""
        if self.stream is not None:
            self.stream("wrote", path, _is_there(path))
        maker = self._maker()
        if self._is_shared(maker) and path not in self.shelves and not self.made_in(path):
            self.shelves[path] = (maker, f"{SHELF} {maker.name} -/{self.roots.name(path)}")
        self.top.written.add(path)
        self.written.add(path)
        self.touch(path)

    # -- folders that many tests share (`testcache.recording.shelves`)

    def shelve(self, places: Collection[str]) -> None:
        """A temporary folder is made, under all these names: for many tests, if by a wide fixture or an import."""
        maker = self._maker()
        if self._is_shared(maker):
            count = len({label for other, label in self.shelves.values() if other.name == maker.name})
            self.shelves.update(dict.fromkeys(places, (maker, f"{SHELF} {maker.name} {count}")))

    def _maker(self) -> Context:
        """Whose doing it is: who imports a module that somebody has just written does so for himself."""
        return next((one for one in reversed(self.stack) if one not in self.passing), self.run)

    def _is_shared(self, maker: Context) -> bool:
        """Is what it makes there for many tests: is it a wide fixture or an import?"""
        return maker.is_module or (maker in self.stack and maker is not self.stack[0])

    def on_shelf(self, path: str, *, own: bool = False) -> str:
        """The name of what somebody else has made, or lies in there, which is the same in each run; "" for the rest.

        With `own`, also of what has been made on behalf of who asks.
        """
        if not self.shelves:
            return ""
        folder = path
        while folder not in self.shelves:
            parent = dirname(folder)
            if parent == folder:
                return ""
            folder = parent
        maker, label = self.shelves[folder]
        return f"{label}{path[len(folder) :]}" if own or maker is not self.top else ""

    def touch(self, path: str, *, was_there: bool | None = None) -> None:
        """A path is about to be written to or removed, or may be; if that is over, `was_there` says what it found."""
        name = self.on_shelf(path)
        if name and name not in self.touched:
            self.touched[name] = path, _is_there(path) if was_there is None else was_there

    def is_own_output(self, path: str) -> bool:
        """Whether a path was made by this run (a temporary folder, an output): no input then."""
        if path in self.top.written or path in self.created:
            return True
        if path in self.written and any(path in context.written for context in self.top.reachable()):
            return True
        folder = self.made_in(path)
        maker = self.makers.get(folder)
        everybodys = maker is None or maker is self.run or maker.is_module
        return bool(folder) and (everybodys or any(context is maker for context in self.top.reachable()))

    def made_in(self, path: str) -> str:
        """The innermost folder around a path that this run has made, "" if there is none."""
        if not self.created:
            return ""
        if self.innermost[0] != len(self.created):  # nothing is ever taken out
            self.innermost = len(self.created), {}
        around, known = dirname(path), self.innermost[1]
        if around not in known:
            folder = around
            while folder not in self.created and folder != dirname(folder):
                folder = dirname(folder)
            known[around] = folder if folder in self.created else ""
        return known[around]

    def is_made(self, module: str) -> bool:
        """Whether this run has written a module, and not linked to one of the project."""
        return bool(self.made_in(module)) and bool(self.made_in(fs.real(module)))

    def place_name(self, path: str) -> str:
        """The name of a file in places of memory: the stored one, without folders that have another name each time."""
        folder = inner = self.made_in(path)
        while inner:
            folder, inner = inner, self.made_in(inner)
        return f"{MADE}{path[len(folder) :]}" if folder else self.roots.name(path)


def _is_there(path: str) -> bool:
    return fs.kind_of(path) != ABSENT
