"""Which changed definitions matter to a trace: those whose names its code may reach.

A test that ran cannot tell that a definition was added, removed or changed unless something that it
ran, or that runs when its modules are imported, could come upon its name. So names are followed from

- every block that it ran, and the bodies of the files that it rests on: what they mention;
- the functions that it ran: their own names;
- each definition so reached, in any of those files: what that one mentions. Functions that are only
  named and never ran add nothing: what would run instead of something else is mentioned by what ran.

Names count without regard to the module they are in, but for one that a file defines and only reads as
a plain name: that is its own, written `name@file` here. If `*` is reached, every name is (see
`testcache.code.reflection`). If `*tax` is, so is what each file of the trace that is a module `tax`, or is in a
package of that name, has: its definitions and what it imports, a module with all that it has in turn.

A class that assumes another file's class to be open (see `openness`) concerns all that rest on its file,
as if it were no definition, if that does not hold.

Imports are the other way to notice: a definition that appears, goes, moves past a statement of its
file or becomes another sort of thing matters to all that rest on a file which imports that name.

The walk is made backwards, from the changed names, once for all traces that rest on the same files.
Source: change impact analysis by names, as in "Chianti" (Ren, Shah, Tip, Ryder and Chesley, OOPSLA
2004), with names in place of a call graph: Python resolves calls by name when they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from testcache.code.looks import ANY, ANYTHING, HELD, LOCALS, OWN, TAKEN
from testcache.code.openness import Openness
from testcache.model import ABSENT, EVERY, LISTED, Defined, Digest, Input, Kind, Read, Trace
from testcache.structs import Struct

if TYPE_CHECKING:
    from testcache.code.source import Source

SourceOf = Callable[[str], "Source | None"]
"""The present Source of a file by its stored name, None if it is not there."""

Words = Callable[[str], Container[str]]
"""The names that stand in a data file, by its stored name."""

Recorded = Callable[[Digest], Mapping[str, Defined] | None]
"""The definitions behind a fingerprint of an earlier run, None if nobody kept them."""


class _Part(Struct, frozen=True):
    """What a set of reads reaches by itself, the files it rests on, and the other files that it read."""

    reads: frozenset[Read]
    names: frozenset[str]
    files: frozenset[str]
    data: frozenset[str]


class _Difference(NamedTuple):
    """How a definition differs.

    Attributes:
        late: whether an import of the name can come out differently.
        forms: those that it had and has.
    """

    late: bool
    forms: tuple[str, ...]


class Reach:
    """Answers `Verifier`'s question which of the changed definitions matter.

    Cost: about 1 us a read of each part, once; 10 us a trace; a walk for each set of files.

    Does not see: a library that reads through an attribute in which the project has put a module.
    """

    def __init__(self, source_of: SourceOf, recorded: Recorded, words: Words = lambda _: ANYTHING) -> None:
        self._source_of = source_of
        self._words = words
        self._recorded = recorded
        self._parts: dict[int, _Part] = {}
        self._differences: dict[Read, dict[str, _Difference] | None] = {}
        self._leading: dict[tuple[frozenset[tuple[str, str]], frozenset[str]], dict[str, frozenset[str]]] = {}
        self._indexed: set[str] = set()
        self._mentions: dict[tuple[str, str | None], frozenset[str]] = {}
        self._users: dict[str, list[tuple[str, str]]] = {}
        self._importers: dict[str, set[str]] = {}
        self._openness: dict[frozenset[str], tuple[Openness, frozenset[str]]] = {}

    def __call__(self, trace: Trace, changed: Sequence[Read]) -> dict[Input, tuple[str, ...]]:
        """The inputs among `changed` that matter to the trace, with the names that do.

        `changed` are reads of kind DEFINITIONS; no other read of the trace has changed. The names are
        sorted; there are none if it is not known what was recorded.
        """
        matter: dict[Input, tuple[str, ...]] = {}
        different: dict[Read, dict[str, _Difference]] = {}
        for read in changed:
            difference = self._difference(read)
            if difference is None:
                matter[read.input] = ()
            else:
                different[read] = difference
        if any(different.values()):
            reached = self._reached(trace, {read.input.name: found for read, found in different.items()})
            for read, difference in different.items():
                concerned = sorted(reached & difference.keys())
                if concerned:
                    matter[read.input] = tuple(dict.fromkeys(name.removeprefix(HELD) for name in concerned))
        return matter

    def _difference(self, read: Read) -> dict[str, _Difference] | None:
        """The names that differ now."""
        if read not in self._differences:
            source = self._source_of(read.input.name)
            before = self._recorded(read.digest)
            self._differences[read] = (
                None if source is None or before is None else _differing(before, source.definitions)
            )
        return self._differences[read]

    def _reached(self, trace: Trace, different: Mapping[str, Mapping[str, _Difference]]) -> set[str]:
        """The names that matter among those that differ in each file."""
        parts = [self._part(part) for part in trace.parts]
        files = frozenset().union(*(part.files for part in parts))
        self._index(files)
        openness, noticed = self._assumed(files)
        found: set[str] = set()
        for path, differences in different.items():
            for name, (late, forms) in differences.items():
                imported = late and not files.isdisjoint(self._importers.get(name, ()))
                if imported or not all(openness.holds(form, path) for form in forms):
                    found.add(name)
        names = frozenset((name, path) for path, differences in different.items() for name in differences)
        leading = self._lead_to(names, files)
        for mentioned in (noticed, *(part.names for part in parts)):
            for name in mentioned & leading.keys():
                found |= leading[name]
        attributes = [name for name in leading if name[0] == TAKEN]
        for path in {path for part in parts for path in part.data} if attributes else ():
            words = self._words(path)  # a template may read through an attribute that holds a module
            for name in attributes:
                if name[len(TAKEN) :] in words:
                    found |= leading[name]
        return found

    def _assumed(self, files: frozenset[str]) -> tuple[Openness, frozenset[str]]:
        """Which classes are open in these files; what the definitions mention that assume too much."""
        known = self._openness.get(files)
        if known is None:
            openness = Openness(self._source_of, files)
            mentioned: set[str] = set()
            for path, name in openness.unsure():
                source = self._source_of(path)
                if source is not None:
                    mentioned.update(_meant(source.uses[name], path, source))
            known = self._openness[files] = openness, frozenset(mentioned)
        return known

    # -- what a part mentions by itself

    def _part(self, reads: frozenset[Read]) -> _Part:
        known = self._parts.get(id(reads))
        if known is None:
            known = self._parts[id(reads)] = self._summed(reads)  # keeps the reads alive, so the id stays theirs
        return known

    def _summed(self, reads: frozenset[Read]) -> _Part:
        found: list[Iterable[str]] = []
        files = {name for (kind, name), _ in reads if kind is Kind.BODY}
        for name in files:
            found.append(self._mentioned_in(name, ""))
        for (kind, name), digest in reads:
            if kind is Kind.FILE and name.endswith(".py") and name not in files:
                found.append(self._mentioned_in(name, None))  # it may be run by means that nobody sees
                files.add(name)
            elif kind is Kind.BLOCK and digest != ABSENT:
                path, _, block = name.partition("::")
                found.append(self._mentioned_in(path, block))
                found.append((_own(block.partition(".")[0].partition("#")[0], path),))
            elif kind is Kind.WHOLE:
                found.append(self._mentioned_in(name, None))
            elif kind is Kind.DEFINITIONS and name.endswith(EVERY):
                found.append(self._everything_in(name.removesuffix(EVERY).removesuffix("::")))
            elif kind is Kind.DEFINITIONS and "::" in name:
                path, _, one = name.partition("::")
                found.append((_own(one, path), _own(HELD + one, path)))
        data = (name for (kind, name), _ in reads if kind is Kind.FILE and not name.endswith(".py"))
        return _Part(reads, frozenset().union(*found), frozenset(files), frozenset(data))

    def _mentioned_in(self, path: str, block: str | None) -> Iterable[str]:
        """What a block of a file mentions, None for all of it."""
        known = self._mentions.get((path, block))
        if known is None:
            source = self._source_of(path)
            if source is None:
                known = frozenset((ANY,))
            elif block is None:
                known = frozenset().union(*(_meant(names, path, source) for names in source.mentions.values()))
            else:
                known = frozenset(_meant(source.mentions.get(block, ()), path, source))
            self._mentions[path, block] = known
        return known

    def _everything_in(self, path: str) -> Iterable[str]:
        source = self._source_of(path) if path else None
        if source is None or not source.parsed:
            return (ANY,)
        names = {*source.uses, *source.uses.get(LISTED, ())} - {LISTED}
        return {*_meant(names, path, source), *(_own(name, path) for name in source.definitions)}

    # -- from the changed names backwards

    def _index(self, files: frozenset[str]) -> None:
        """Note for each name which definitions of which files mention it."""
        for path in files - self._indexed:
            source = self._source_of(path)
            if source is not None:
                for name, used in source.uses.items():
                    for other in _meant(used, path, source):
                        self._users.setdefault(other, []).append((name, path))
                for name in source.imported:
                    self._importers.setdefault(name, set()).add(path)
        self._indexed |= files

    def _lead_to(self, names: frozenset[tuple[str, str]], files: frozenset[str]) -> dict[str, frozenset[str]]:
        """The names by which one comes to some of `names` in these files, with those it leads to.

        Each of `names` comes with the file where it differs.
        """
        key = (names, files)
        if key not in self._leading:
            leading: dict[str, set[str]] = {}
            for name, path in names:
                self._walk(_ways_to(name, path), {name}, files, leading)
            self._walk([ANY], {name for name, _ in names} - {LOCALS}, files, leading)
            self._leading[key] = {name: frozenset(found) for name, found in leading.items()}
        return self._leading[key]

    def _walk(self, ends: list[str], to: set[str], files: frozenset[str], leading: dict[str, set[str]]) -> None:
        seen: set[str] = set()
        while ends:
            name = ends.pop()
            if name in seen:
                continue
            seen.add(name)
            leading.setdefault(name, set()).update(to)
            for user, path in self._users.get(name, ()):
                if path in files:
                    ends += _modules(path) if user == LISTED else _ways_to(user, path)


STAR: Final = "*"
"""What a file wants from other files that takes over all names of one."""


def _own(name: str, path: str) -> str:
    """The mention of a name that can only be that of the file itself."""
    return f"{name}@{path}"


def _meant(names: Iterable[str], path: str, source: Source) -> Iterator[str]:
    """What mentions in a file are mentions of."""
    for name in names:
        if name == OWN or (name.startswith(OWN) and STAR in source.imported):  # which names it takes over is not known
            yield _modules(path.removesuffix("/__init__.py"))[-1]
        elif name.startswith(OWN):
            yield _own(name, path)
            begun = (one for one in source.uses.get(LISTED, ()) if one.lstrip(ANY + HELD).startswith(name[len(OWN) :]))
            yield from begun
        else:
            yield _own(name, path) if name in source.definitions and name not in source.ambiguous else name


def _ways_to(name: str, path: str) -> list[str]:
    """The mentions by which one comes to a name of a file."""
    if name == LOCALS:  # which who has the module does not come upon
        return [_own(name, path)]
    plain = name.removeprefix(HELD)
    beginnings = (_own(OWN + plain[:end], path) for end in range(1, len(plain) + 1))
    return [name, _own(name, path), *_modules(path), *beginnings]


def _modules(path: str) -> list[str]:
    """Mentions of the module of a file, and of the packages that it is in."""
    return [ANY + part for part in path.removesuffix(".py").split("/")]


def _differing(before: Mapping[str, Defined], now: Mapping[str, Defined]) -> dict[str, _Difference]:
    differing: dict[str, _Difference] = {}
    for name in before.keys() | now.keys():
        old, new = before.get(name), now.get(name)
        if old != new:
            late = old is None or new is None or old[:2] != new[:2]
            differing[name] = _Difference(late, tuple(one.form for one in (old, new) if one is not None))
    return differing
