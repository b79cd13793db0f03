"""Readers: which leaks the code comes upon that a trace names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from testcache.code.looks import EVERYWHERE
from testcache.code.source import Source
from testcache.model import EVERY, Input, Kind, Trace
from testcache.recording import surroundings
from testcache.recording.ambience import HOLDER
from testcache.recording.remains import modules_of
from testcache.storage.leaks import Leak

SourceOf = Callable[[str], Source | None]
"""What is known of a Python file by its stored name."""


class Readers:
    """Some leaks, and whose code comes upon them.

    `source_of` gives what is known of a Python file.
    """

    def __init__(self, leaks: Sequence[Leak], source_of: SourceOf) -> None:
        self._leaks = leaks
        self._source_of = source_of
        self._by_block: dict[Input, frozenset[int]] = {}
        self._by_variable: defaultdict[str, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, set[int]] = defaultdict(set)
        self._by_kind: defaultdict[Kind, set[int]] = defaultdict(set)
        self._by_all: set[int] = set()  # such as what an import has come upon, by all who rest on its file
        for number, leak in enumerate(leaks):
            place = leak.place
            if place.startswith(HOLDER):
                self._by_variable[place[len(HOLDER) + 1 : -1]].append(number)
            for name in leak.access.names | modules_of(place):
                self._by_name[name].add(number)
            for kind in surroundings.kinds_of(place):
                self._by_kind[kind].add(number)
            if not leak.access.names or surroundings.is_for_all(place):
                self._by_all.add(number)

    def by(self, trace: Trace) -> list[Leak]:
        """Those that a test comes upon, by its own reads and those of its fixtures. Cost: a look-up a read."""
        files: set[str] = set()
        any_name = False
        reached = set(self._by_all)
        for read in trace.parts[0]:  # the rest was read when modules were imported
            kind = read.input.kind
            if kind in self._by_kind:
                reached |= self._by_kind[kind]
            if kind is Kind.BLOCK:
                reached |= self._block(read.input)
            elif kind is Kind.VARIABLE:
                reached.update(self._by_variable.get(read.input.name, ()))
            elif kind is Kind.DEFINITIONS and read.input.name == EVERY:
                any_name = True
        for part in trace.parts:
            files.update(read.input.name for read in part if read.input.kind is Kind.BODY)
        leaks = self._leaks if any_name else (self._leaks[number] for number in sorted(reached))
        return [
            leak
            for leak in leaks
            if not leak.access.files
            or not leak.access.files.isdisjoint(files)
            or (any_name and leak.access.names)  # by a name that only the run knows, from wherever
        ]

    def _block(self, block: Input) -> frozenset[int]:
        """The leaks, by their numbers, that the code of a block comes upon."""
        known = self._by_block.get(block)
        if known is None:
            path, _, name = block.name.partition("::")
            source = self._source_of(path)
            # A class of tests whose header counts in a block of its own mentions nothing: it runs with the import.
            names = source.mentions.get(name, frozenset()) if source is not None else frozenset((EVERY,))
            if not EVERYWHERE.isdisjoint(names):
                known = frozenset(range(len(self._leaks)))
            else:
                known = frozenset().union(*(self._by_name[name] for name in self._by_name.keys() & names))
            self._by_block[block] = known
        return known
