"""Making the index at the end of a complete run, from the traces that every test of it rests on."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from testcache.clock import clock
from testcache.garbage import no_garbage
from testcache.inputs.world import World
from testcache.leaks import names_left
from testcache.model import ABSENT, EnvironmentKey, Input, Kind, NodeId, Read, Trace
from testcache.recording.identity import identity
from testcache.session.replay import are_plain, durations_of
from testcache.storage.index import INDEX_FORMAT, Content, Fact, Index, IndexedFile, IndexedTest
from testcache.structs import Struct, field

_UNSEEN = -1
_OF_CONTENT = frozenset({Kind.BODY, Kind.BLOCK, Kind.FILE, Kind.WHOLE, Kind.DEFINITIONS, Kind.EXPORTS})
Fillers = Callable[[Mapping[NodeId, Trace]], tuple[Trace, ...] | None]


class Collected(Struct):
    """One test file of the run: its collection's reads and its tests.

    `tests` are (name behind `path::`, line, domain, trace or None if the test must run again); `acts` are the files
    below it, or itself, that change what other files see when they are imported; `shown` is what its collection
    shows besides its tests, None if that cannot be shown again; `deselected` tests of it are left out.
    """

    path: str
    parts: tuple[frozenset[Read], ...]
    tests: list[tuple[str, int | None, str, Trace | None]] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    shown: list[dict[str, Any]] | None = field(default_factory=list)
    deselected: int = 0


class Indexer:
    """Numbers reads and writes test files down in terms of them."""

    def __init__(
        self, world: World, environment: EnvironmentKey, fillers: Fillers, decided: Iterable[Trace] = ()
    ) -> None:
        """Begin.

        Args:
            fillers: gives the traces that left what these tests found, and so on; None if one is not known.
            decided: traces that hold: which of their definitions have changed did not matter to them.
        """
        self._fillers = fillers
        self._decided = {id(part) for trace in decided for part in trace.parts}
        self._world = world
        self._environment = environment

        self._contents: dict[str, int] = {}
        self._facts: dict[tuple[int, str, bytes], int] = {}
        self._content_rows: list[Content] = []
        self._fact_rows: list[Fact] = []
        self._parts: dict[int, tuple[frozenset[Read], set[int] | None]] = {}
        self._read: dict[int, int | None] = {}  # by identity: the parts keep them alive
        self._files: list[IndexedFile] = []

    @no_garbage()
    def add(self, file: Collected) -> None:
        """Write a test file down; it is held if each of its tests has a trace that holds now."""
        by_node = {NodeId(f"{file.path}::{name}"): trace for name, _, _, trace in file.tests if trace is not None}
        traces = by_node.values()
        fillers = self._fillers(by_node) if len(traces) == len(file.tests) else None
        numbers = None
        if fillers is not None and not any(trace.max_age_s or trace.labels for trace in (*traces, *fillers)):
            parts = {id(part): part for trace in (*traces, *fillers) for part in trace.parts}
            numbers = self._numbers((*file.parts, *parts.values()))
        tests = [IndexedTest(n, line, d, t.outcome, *_shown(t)) for n, line, d, t in file.tests if t is not None]
        held = numbers is not None and file.shown is not None
        reads = array("I", sorted(numbers or ())).tobytes()
        shown, left = file.shown or [], sorted(names_left(traces))
        self._files.append(IndexedFile(file.path, held, file.acts, reads, tests, shown, file.deselected, left))

    def keep(self, file: IndexedFile, index: Index) -> None:
        """Take a held file over from the index that this run began with."""
        numbers = []
        for number in file.numbers():
            if number < len(index.contents):
                numbers.append(self._content(index.contents[number]))
            else:
                fact = index.facts[number - len(index.contents)]
                numbers.append(self._fact(fact.kind, fact.name, fact.digest))
        reads = array("I", sorted(n for n in numbers if n is not None)).tobytes()
        self._files.append(file.resting_on(reads, held=None not in numbers))

    def index(self, shown: list[dict[str, Any]], *, derives: bool) -> Index:
        """The finished index: facts are numbered after all contents. The rest is as in that."""
        shift = len(self._content_rows)
        files = []
        for file in sorted(self._files, key=lambda f: f.path):
            numbers = array("I", (n >> 1 if n % 2 == 0 else shift + (n >> 1) for n in file.numbers()))
            files.append(file.resting_on(array("I", sorted(numbers)).tobytes(), held=file.held))
        now = clock.time()
        return Index(INDEX_FORMAT, self._environment, now, self._content_rows, self._fact_rows, files, shown, derives)

    # -- numbers: even ones for contents, odd ones for facts, until all are known

    def _numbers(self, parts: Iterable[frozenset[Read]]) -> set[int] | None:
        """The numbers of all reads, None if one of them is not true now or cannot be relied on."""
        found: set[int] = set()
        for part in parts:
            known = self._parts.get(id(part))
            if known is None:
                known = self._parts[id(part)] = (part, self._numbers_of(part))
            if known[1] is None:
                return None
            found |= known[1]
        return found

    def _numbers_of(self, part: frozenset[Read]) -> set[int] | None:
        numbers = set()
        known, decided = self._read, id(part) in self._decided
        for read in part:
            number = known.get(identity(read), _UNSEEN)
            if number == _UNSEEN:
                number = self._number_now(read, decided=decided)
            if number is None:
                return None
            numbers.add(number)
        return numbers

    def _number_now(self, read: Read, *, decided: bool) -> int | None:
        if self._world.digest_of(read.input) == read.digest:
            number = self._read[identity(read)] = self._number(read)
            return number
        return self._number(read) if decided and read.input.kind is Kind.DEFINITIONS else None

    def _number(self, read: Read) -> int | None:
        kind, name = read.input
        path = name.partition("::")[0] if kind is Kind.BLOCK else name
        gone = read.digest == ABSENT and self._world.digest_of(Input(Kind.FILE, path)) == ABSENT
        if kind not in _OF_CONTENT or gone:
            return self._fact(int(kind), name, read.digest)
        if path in self._contents:
            return self._contents[path] * 2
        seen = self._world.files.first(self._world.roots.path(path))
        if seen is None or self._world.digest_of(Input(Kind.FILE, path)) != seen[1]:
            return None
        return self._content(Content(path, seen[1], seen[0]))

    def _content(self, content: Content) -> int | None:
        number = self._contents.get(content.name)
        if number is None:
            number = self._contents[content.name] = len(self._content_rows)
            self._content_rows.append(content)
        elif self._content_rows[number].digest != content.digest:
            return None
        return number * 2

    def _fact(self, kind: int, name: str, value: bytes) -> int:
        key = (kind, name, value)
        number = self._facts.get(key)
        if number is None:
            number = self._facts[key] = len(self._fact_rows)
            self._fact_rows.append(Fact(kind, name, value))
        return number * 2 + 1


def _shown(trace: Trace) -> Iterator[Any]:
    """Durations, and reports unless they are three plain passes."""
    yield durations_of(trace.reports)
    yield [] if are_plain(trace.reports) else [dict(report) for report in trace.reports]
