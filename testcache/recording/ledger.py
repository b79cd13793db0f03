"""The ledger: what a test depends on, summed up from its context and all that it is linked to.

A test rests on the code it ran, on its own reads, on the wide fixtures it used, and on the
import closure of every file any of that code lies in.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from weakref import WeakKeyDictionary

from testcache.code.definitions import PROGRAM
from testcache.code.looks import ARGUMENTS
from testcache.inputs import files as fs
from testcache.inputs.interpreter import NO_BYTE_CODE
from testcache.inputs.invocation import COMMAND_LINE, command_line
from testcache.inputs.sources import is_collected
from testcache.inputs.variables import EVERY_VARIABLE, Variables
from testcache.model import ABSENT, EVERY, Digest, Input, Kind, Read
from testcache.reasons import Reason
from testcache.recording.context import Context, Place, Problem
from testcache.recording.recorder import BODY_LINE
from testcache.recording.spoken import names_in_code, names_in_data
from testcache.recording.tape import Tape
from testcache.structs import Struct

NO_READS: frozenset[Read] = frozenset()
_ANYTHING = Read(Input(Kind.DEFINITIONS, EVERY), ABSENT)
_WHOLE_ENVIRONMENT = Read(Input(Kind.VARIABLE, EVERY_VARIABLE), ABSENT)
_LARGEST_TEMPLATE = 1 << 16

_LINES = frozenset(
    {"f_lineno", "co_firstlineno", "tb_lineno", "co_lines", "co_positions", "currentframe", "findCaller", "walk_tb",
     "walk_stack", "extract_tb", "extract_stack", "getframeinfo"}
)  # fmt: skip
"""Names by which code finds out in which line other code stands; a test does so by `lineno`, too, of a log record."""

_CODE = frozenset({"co_code", "co_consts", "co_names", "co_nlocals", "dis", "get_instructions", "getclosurevars"})
"""Names by which code looks into functions that it does not call."""

_TEXTS = _LINES | _CODE

_TOLD_APART = frozenset({Kind.BLOCK, Kind.VARIABLE})
"""By these a later run finds out what the test itself may come upon in memory."""


class _Code(Struct, frozen=True, gc=False):
    """What one place stands for.

    Attributes:
        reads: the block, if it lies in one.
        file: what all places of its file read; one object a file.
        module: the import of that file.
        mentions: the names that its block mentions.
    """

    reads: tuple[Read, ...]
    file: frozenset[Read]
    module: Context | None
    mentions: frozenset[str]


_Below = tuple[set[Context], set[Context]]
"""Modules and other contexts."""


class Account(Struct, frozen=True, gc=False):
    """What one test rests on.

    Attributes:
        parts: its own reads, and those of the modules below; the latter is one object for all tests
            with the same modules. What ran in the import of a module and in the test, too, is in both.
        problems: everything that keeps the test from being stored.
        labels: the remarks that every replay of it repeats.
        contexts: its own contexts: itself, fixtures, children.
        modules: the contexts of the imports, and of the run, that it rests on.
    """

    parts: tuple[frozenset[Read], ...]
    problems: tuple[Problem, ...]
    labels: tuple[str, ...]
    contexts: frozenset[Context]
    modules: frozenset[Context]


class Ledger:
    """Sums up contexts."""

    def __init__(self, tape: Tape, variables: Variables) -> None:
        self._tape = tape
        self._variables = variables
        self._command_line = Read(Input(Kind.OPTION, COMMAND_LINE), command_line(sys.argv[1:]))
        self._names: dict[tuple[str, Digest], frozenset[str]] = {}
        self._code: dict[Place, _Code] = {}
        self._asking: set[Place] = set()  # whose code may look at other code, or the lines it stands in
        self._common: dict[str, frozenset[Read]] = {}
        # weak: those of a test are of no use when it is over, and each is a dozen objects for the garbage collector
        self._sums: WeakKeyDictionary[Context, tuple[tuple[int, int], frozenset[Read]]] = WeakKeyDictionary()
        self._closures: dict[frozenset[Context], tuple[tuple[int, int], frozenset[Context]]] = {}
        self._reads: dict[tuple[Input, Digest], Read] = {}  # many tests read the same: one object of it, not one each
        self._joined: dict[frozenset[frozenset[Read]], frozenset[Read]] = {}
        self._bases: dict[frozenset[Context], tuple[tuple[int, int, int], frozenset[Read]]] = {}
        self._belows: WeakKeyDictionary[Context, tuple[tuple[int, ...], _Below]] = WeakKeyDictionary()
        self._files: dict[frozenset[Context], frozenset[str]] = {}
        self._latest: tuple[Context | None, tuple[int, int], list[_Code]] = (None, (0, 0), [])
        self._whole: tuple[int, frozenset[Read]] = (0, NO_READS)

    def account(self, test: Context, more: Collection[Read] = ()) -> Account:
        """Sum up a test; `more` are reads that were not observed but follow from what the test is."""
        own, modules = self._contexts(test)
        base = self._base(modules)
        mine = frozenset(more).union(*[self._sum(context) for context in own])
        if any(not self._asking.isdisjoint(context.places) for context in own):
            mine = mine.union(self._texts(modules))
        both = mine & base
        if both:
            twice = (read for read in both if read.input.kind in _TOLD_APART or read.input.name == EVERY)
            mine = (mine - base).union(twice)
        remarked = [context for context in (*own, *modules) if context.problems or context.labels]
        problems = [problem for context in remarked for problem in context.problems]
        problems += self._changed(own)
        labels = {label for context in remarked for label in context.labels}
        parts = (mine, base) if base else (mine,)
        if _WHOLE_ENVIRONMENT in mine or _WHOLE_ENVIRONMENT in base:
            parts = (*parts, self._variables_named(modules, parts))
        return Account(parts, tuple(dict.fromkeys(problems)), tuple(sorted(labels)), frozenset(own), modules)

    def mentions(self, place: Place) -> frozenset[str]:
        """The names that the block around a place mentions. Cost: a look-up."""
        return self._code_at(place).mentions

    def files(self, modules: frozenset[Context]) -> frozenset[str]:
        """The names in places of the files that a test rests on. Cost: a look-up, once they are known."""
        known = self._files.get(modules)
        if known is None:
            name = self._tape.place_name
            bodies = (file for context in modules for file, line in context.places if line == BODY_LINE)
            known = self._files[modules] = frozenset(map(name, bodies))
        return known

    def files_below(self, module: Context) -> frozenset[str]:
        """The names in places of a module's file, and of all that it imports, and that count for the whole run."""
        return self.files(self._closure(frozenset((module, self._tape.run))))

    def closure(self, module: Context) -> frozenset[Context]:
        """An import and all below it. Cost: a look-up, once it is known."""
        return self._closure(frozenset((module,)))

    def below(self, module: Context) -> frozenset[Read]:
        """What an import and all below it have read, but not what counts for the whole run."""
        return self._base(self.closure(module))

    def alone(self, modules: Iterable[Context]) -> frozenset[Read]:
        """What these imports have read themselves."""
        return self._join(frozenset(map(self._sum, modules)))

    def whole_text(self) -> frozenset[Read]:
        """The bytes of every first-party file loaded so far.

        Stands in for code that has not run yet but will: the teardown of a fixture that is still open.
        """
        loaded = self._tape.loaded
        if self._whole[0] != len(loaded):
            name = self._tape.roots.name
            reads = (Read(Input(Kind.FILE, name(path)), module.content) for path, module in loaded.items())
            self._whole = (len(loaded), frozenset(reads))
        return self._whole[1]

    def _texts(self, modules: frozenset[Context]) -> Iterator[Read]:
        """The bytes of the files behind these imports: comments and blank lines count, too."""
        for file in {file for context in modules for file, line in context.places if line == BODY_LINE}:
            loaded = self._tape.loaded.get(file)
            if loaded is not None and not self._tape.is_made(file):
                yield Read(Input(Kind.FILE, self._tape.roots.name(file)), loaded.content)

    def _variables_named(self, modules: frozenset[Context], parts: Iterable[frozenset[Read]]) -> frozenset[Read]:
        """The variables whose names stand in the files below: whoever holds a copy of all may look up each of them."""
        tape = self._tape
        names: set[str] = set()
        for file in {file for context in modules for file, line in context.places if line == BODY_LINE}:
            loaded = tape.loaded.get(file)
            if loaded is not None:
                names |= self._names_in(file, loaded.content, code=True)
        for read in chain.from_iterable(parts):
            file = tape.roots.path(read.input.name) if read.input.kind is Kind.FILE and read.digest else ""
            if file and tape.roots.is_first_party(file):
                names |= self._names_in(file, read.digest, code=file.endswith(".py"))
        counting = filter(self._variables.counts, names)
        return self._join(
            frozenset(
                (frozenset(Read(Input(Kind.VARIABLE, name), self._variables.fingerprint(name)) for name in counting),)
            )
        )

    def _names_in(self, file: str, content: Digest, *, code: bool) -> frozenset[str]:
        known = self._names.get((file, content))
        if known is None:
            try:
                data = fs.read_bytes(file)
            except OSError:
                data = b""
            text = data.decode("utf-8", "replace") if code or len(data) <= _LARGEST_TEMPLATE else ""
            known = self._names[file, content] = names_in_code(text) if code else names_in_data(text)
        return known

    def _changed(self, own: set[Context]) -> Iterator[Problem]:
        """Files that are no longer what the test read, unless it wrote them itself."""
        tape = self._tape
        for context in own:
            for path, signature in context.signatures.items():
                if path not in context.written and fs.signature_of(path) != signature:
                    name = tape.roots.name(path)
                    read = context.reads.get(Input(Kind.FILE, name))
                    if read is not None and tape.files.digest(path) != read:
                        yield Problem(Reason.INPUT_CHANGED_DURING_RUN, f"file {name}")

    def _contexts(self, test: Context) -> tuple[set[Context], frozenset[Context]]:
        """Split what a test is linked to into its own contexts and the import closure below them."""
        own: set[Context] = set()
        entries: set[Context] = {self._tape.run}
        queue = [test]
        while queue:
            context = queue.pop()
            if context not in own:
                own.add(context)
                modules, others = self._below(context) if context is test else self._shared_below(context)
                entries |= modules
                queue.extend(others)
        return own, self._closure(frozenset(entries))

    def _below(self, context: Context) -> _Below:
        """The modules that a context's code lies in, and the contexts that it is linked to."""
        modules = {code.module for code in self._codes_of(context) if code.module is not None}
        others: set[Context] = set()
        for link in context.links:
            (modules if link.is_module else others).add(link)
        return modules, others

    def _shared_below(self, context: Context) -> _Below:
        """`_below` of a fixture, which many tests ask for before it grows again."""
        size = (len(context.places), len(context.links), len(self._tape.loaded))
        known = self._belows.get(context)
        if known is None or known[0] != size:
            known = self._belows[context] = (size, self._below(context))
        return known[1]

    def _closure(self, entries: frozenset[Context]) -> frozenset[Context]:
        """All contexts below these, through links and through the files their code lies in."""
        tape = self._tape
        size = (len(tape.loaded), len(tape.run.links) + len(tape.run.places))
        known = self._closures.get(entries)
        if known is not None and known[0] == size:
            return known[1]
        seen: set[Context] = set()
        queue = list(entries)
        while queue:
            context = queue.pop()
            if context in seen:
                continue
            seen.add(context)
            queue.extend(context.links)
            queue.extend(code.module for code in self._codes_at(context.places) if code.module is not None)
        closure = frozenset(seen)
        self._closures[entries] = (size, closure)
        return closure

    def _base(self, modules: frozenset[Context]) -> frozenset[Read]:
        """What a set of modules reads; they are complete once loaded, only the run's own context grows."""
        run = self._tape.run
        version = (len(self._tape.loaded), len(run.places), len(run.reads))
        known = self._bases.get(modules)
        if known is None or known[0] != version:
            joined = self._join(frozenset(self._sum(context) for context in modules))
            known = self._bases[modules] = (version, joined)
        return known[1]

    def _sum(self, context: Context) -> frozenset[Read]:
        """One context's own reads, code, and bodies of the files that code lies in."""
        size = (len(context.places), len(context.reads))
        known = self._sums.get(context)
        if known is None or known[0] != size:
            found = map(self._reads.get, context.reads.items())  # a pair is equal to its read
            pairs = zip(context.reads.items(), found, strict=True)
            reads = {self._reads.setdefault(Read(*one), Read(*one)) if known is None else known for one, known in pairs}
            codes = self._codes_of(context)
            reads.update(chain.from_iterable(code.reads for code in codes))
            reads.update(self._programs(context))
            reads.update(*{code.file for code in codes})
            known = (size, frozenset(reads))
            if size != (0, 0):
                self._sums[context] = known
        return known[1]

    def _programs(self, context: Context) -> Iterator[Read]:
        """What files run besides their bodies if they are programs: by `python -m`, say, or by `runpy`.

        An import runs the body in a context of its own. In a child process each module that it imports counts
        as one, for which of them is its program is not known.
        """
        tape = self._tape
        for file in (file for file, line in context.places if line == BODY_LINE):
            loaded = tape.loaded.get(file)
            if loaded is not None and loaded.context is not context and not tape.is_made(file):
                digest = loaded.source.blocks.get(PROGRAM, ABSENT)
                yield Read(Input(Kind.BLOCK, f"{tape.roots.name(file)}::{PROGRAM}"), digest)

    def _codes_of(self, context: Context) -> list[_Code]:
        """Those of a context, which is asked for twice in a row."""
        known, size = self._latest, (len(context.places), len(self._tape.loaded))
        if known[0] is not context or known[1] != size:
            known = self._latest = (context, size, self._codes_at(context.places))
        return known[2]

    def _codes_at(self, places: Collection[Place]) -> list[_Code]:
        """The same for many places, of which most are known: 30 ns each."""
        known = [*map(self._code.get, places)]
        return [*map(self._code_at, places)] if None in known else known  # type: ignore[return-value]

    def _code_at(self, place: Place) -> _Code:
        code = self._code.get(place)
        if code is None:
            code = self._look_up(place)
            if not _TEXTS.isdisjoint(code.mentions) or ("lineno" in code.mentions and is_collected(place[0])):
                self._asking.add(place)
            if code.module is not None:
                self._code[place] = code
        return code

    def _look_up(self, place: Place) -> _Code:
        tape = self._tape
        file, line = place
        name = tape.roots.name(file)
        loaded = tape.loaded.get(file)
        if loaded is None:  # from a file that is no module, such as a template or an archive
            if tape.is_made(file):
                return _Code((_ANYTHING,), NO_READS, None, frozenset((EVERY,)))
            file = fs.archive_of(file)
            content = Read(Input(Kind.FILE, tape.roots.name(file)), tape.files.digest(file))
            return _Code((content, _ANYTHING), NO_READS, None, frozenset((EVERY,)))
        source = loaded.source
        if tape.is_made(file):  # a module that a test has written: its text is no input, and may be after any name
            return _Code((_ANYTHING,), NO_READS, loaded.context, frozenset().union(*source.mentions.values()))
        common = self._common.get(file)
        if common is None:
            body, defined = Input(Kind.BODY, name), Input(Kind.DEFINITIONS, name)
            common = self._common[file] = frozenset((Read(body, source.body), Read(defined, source.defined)))
        block = source.block_at(line)
        if not block:  # a lambda in a table, say
            imported = source.mentions.get("", frozenset()).union(*source.uses.values())
            mentions = imported | source.mentions.get(PROGRAM, frozenset())
            return _Code(self._of_process(imported), common, loaded.context, mentions)
        read = Read(Input(Kind.BLOCK, f"{name}::{block}"), source.blocks[block])
        mentions = source.mentions.get(block, frozenset())
        return _Code((read, *self._of_process(mentions)), common, loaded.context, mentions)

    def _of_process(self, mentions: frozenset[str]) -> tuple[Read, ...]:
        """What code need not look up: a variable for which the interpreter has done so, and the command line."""
        reads = []
        if "dont_write_bytecode" in mentions:
            reads.append(Read(Input(Kind.VARIABLE, NO_BYTE_CODE), self._variables.fingerprint(NO_BYTE_CODE)))
        if ARGUMENTS in mentions:
            reads.append(self._command_line)
        return tuple(reads)

    def _join(self, sums: frozenset[frozenset[Read]]) -> frozenset[Read]:
        known = self._joined.get(sums)
        if known is None:
            known = self._joined[sums] = NO_READS.union(*sums)
        return known
