"""What counts in one Python file: fingerprints of its body, its definitions, and each of its functions."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from testcache.code import borrowed, definitions, effects, outline, parameters, reflection, separable, settled
from testcache.code.definitions import IDLE, IMPORT, PROGRAM, Split
from testcache.code.looks import ANY, HELD, LOCALS, SOME, TAKEN, Imported, Look
from testcache.code.nodes import last_name
from testcache.code.outline import DOCSTRING, Definition, Function, Outline, Part
from testcache.code.separable import without
from testcache.code.signature import Signature, is_plain
from testcache.code.syntax import mentions, mentions_and_held
from testcache.digest import of_bytes, of_fields, of_text
from testcache.model import ABSENT, LISTED, Defined, Digest
from testcache.structs import Struct, field

WHOLE = "*"
"""Name of the block that is the body of a collected file as if nothing in it were separable."""


def digest_of(found: dict[str, Defined]) -> Digest:
    """The fingerprint of all definitions of a file, in whatever order they stand."""
    return of_fields("definitions", *((name, *found[name]) for name in sorted(found)))


class Source(Struct, frozen=True):
    """What counts in one Python file.

    Comments, formatting and positions never count. A *block* is an outermost function or method,
    with all that is inside it; its statements count in its own fingerprint. A *definition* is a
    function, constant or class of which nobody can tell that it is there but by its name: its header
    (decorators, parameters, bases, attributes, methods) counts under that name. The *body* is the rest:
    what runs when the file is imported. In files that pytest collects, tests, fixtures and test
    classes that provably stand alone are *separable*: their header counts in their block.

    Attributes:
        body: everything outside functions that is neither a definition nor separable, in order.
        blocks: fingerprint of each block by name: `f`, `Class.method`, `Outer.Inner.m`, `TestX` for
            a separable class (`TestX.Inner` for one inside it, of the same value), `f#2` for the
            second definition of `f`, `__main__` for what runs if the file is a program, and in a
            collected file `*` for `whole`.
        spans: (first line with decorators, last line, block), sorted and apart. A separable class
            has a span for each stretch of lines between its methods; so has `__main__`.
        mentions: names that each block mentions, "" for the body: names read, attributes, imports
            (but not those of the body), and texts that are a name or a dotted path; and what
            `testcache.code.reflection` says. {"*"} if not known.
        parsed: False if Python cannot parse the file, or only with more stack: `body` is then
            the digest of its bytes, and there are no blocks and no definitions.
        definitions: each definition by name.
        defined: fingerprint of all definitions.
        uses: names that each definition mentions; and what stands behind an imported name: `y` uses
            `x` after `from m import x as y`. Under LISTED: what whoever lists the names of this module
            comes upon besides its definitions: what it imports, and the examples in its docstrings.
        imported: names that this file needs from other files to be imported.
        imports: where the names of classes that it imports are from, as it writes it: `.base.Field`.
        ambiguous: names of its definitions that it mentions also in other ways than by a plain read: as an
            attribute or in a text it may be another file's that is meant.
        acts: for a collected file, whether importing it changes what other test files see.
        tables: parameters of separable tests of which each row is a block: see `testcache.code.parameters`.
        borrowed: what its code sets or fills in other modules, as `testcache.code.borrowed` writes it.
    """

    body: Digest
    blocks: dict[str, Digest]
    spans: tuple[tuple[int, int, str], ...]
    mentions: dict[str, frozenset[str]]
    parsed: bool
    definitions: dict[str, Defined] = field(default_factory=dict)
    defined: Digest = digest_of({})
    uses: dict[str, frozenset[str]] = field(default_factory=dict)
    imported: frozenset[str] = frozenset()
    imports: dict[str, str] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()
    acts: bool = False
    borrowed: frozenset[str] = frozenset()
    tables: dict[str, parameters.Tables] = field(default_factory=dict)

    @property
    def whole(self) -> Digest:
        """The body as if nothing were separable: what another file depends on that imports this one."""
        return self.blocks.get(WHOLE, self.body)

    @property
    def classes(self) -> set[str]:
        """The separable classes with methods: their statements run in an import, and count for their tests."""
        return self.blocks.keys() & {name.rpartition(".")[0] for name in self.blocks}

    @property
    def exported(self) -> Digest:
        """What another file takes over by `*`: which names there are, of which form, and where. What stands behind a
        name matters to whoever may reach that.
        """
        listed = self.definitions.get("__all__")
        forms = (f"{name} {one.form} {one.place}" for name, one in sorted(self.definitions.items()) if name != LOCALS)
        return of_fields(*forms, listed.digest if listed is not None else ABSENT)

    def block_at(self, line: int) -> str:
        """The block of a code object that starts at the line; "" is the body. Cost: one bisection."""
        index = bisect_left(self.spans, (line + 1, 0, "")) - 1
        if index < 0:
            return ""
        _, last, block = self.spans[index]
        return block if line <= last else ""


def parse(data: bytes, *, collected: bool) -> Source:
    """Fingerprint the bytes of a Python file; never raises for what they hold.

    `collected` says that pytest collects from the file (a test module, `conftest.py`, a plugin of
    the project): only then are tests and fixtures separable. Cost: ast.parse and twice that again.
    """
    try:
        with warnings.catch_warnings():  # an invalid escape must not become an error under -W error
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # ValueError: null bytes or undecodable text; the last two: nested deeper than the parser goes
        return _unparsed(data)
    try:
        return _source(tree, collected)
    except RecursionError:  # suites in suites, such as an `elif` chain of hundreds
        return _unparsed(data)


def _unparsed(data: bytes) -> Source:
    digest = of_bytes(data)
    return Source(digest, {}, (), {"": frozenset({ANY})}, parsed=False)


def _source(tree: ast.Module, collected: bool) -> Source:
    cut = outline.draw(tree)
    alone = separable.find(cut, tree) if collected else {}
    reach = _Mentions(cut)
    parts = definitions.split(cut, reach.parts, reach.declared, alone, collected=collected)
    whole = _rest(cut, parts, without(cut.body, 0, len(cut.body), parts.ranges))
    blocks: dict[str, Digest] = {WHOLE: of_text("\n".join(whole))} if collected else {}
    mentioned, tables = dict[str, frozenset[str]](), dict[str, parameters.Tables]()
    spans = [(item.first_line, item.last_line, item.block) for item in cut.functions]
    plain = {id(part.node) for part, *_ in parts.definitions if is_plain(part.node)}
    called = {id(item.node): Signature(item) for item in cut.functions if id(item.node) in plain}
    for item in cut.functions:
        if item.block not in alone:
            given = called[id(item.node)].constants if id(item.node) in called else []
            blocks[item.block] = of_text("\n".join([*given, *item.tokens]))
            mentioned[item.block] = reach.of_block(item, item.tokens)
    program = _program(cut, parts)
    if program:
        blocks[PROGRAM] = of_text("\n".join(token for _, tokens in program for token in tokens))
        mentioned[PROGRAM] = frozenset().union(*(reach.of_part(part.start, t, idle=False) for part, t in program))
        for part, _ in program:
            spans += _gaps(part.node.lineno, part.node.end_lineno or part.node.lineno, PROGRAM, cut)
    removed = sorted([*parts.ranges, *((item.start, item.end) for item in cut.top if item.block in alone)])
    for item in cut.top:
        if item.block not in alone:
            continue
        # of what stays in the body, how much is before it
        place = item.start - sum(end - start for start, end in removed if end <= item.start)
        for definition, tokens in _separate(item, cut, alone, place, parts.above[item.start]):
            counted, tables[definition.block] = parameters.divided(definition, tokens)
            blocks.update(counted)
            mentioned[definition.block] = (
                reach.of_block(definition, tokens) | reach.of_header(definition) | reach.of_statement(item)
            )
        if isinstance(item.node, ast.ClassDef):
            spans += _gaps(item.first_line, item.last_line, item.block, cut)
            for inner in _classes(item):
                blocks[inner.block] = blocks[item.block]
    body = _rest(cut, parts, without(cut.body, 0, len(cut.body), removed))
    found, uses = _definitions(cut, parts, reach, called)
    for item in cut.top:
        if item.block in alone and _is_fixture(item):
            for text in (token for token in cut.body[item.start : item.end] if token.startswith(DOCSTRING)):
                _count(found, "__doc__", Defined(0, IDLE, of_text(text)))
                uses.setdefault("__doc__", frozenset())
    told = [token for item in cut.functions for token in item.told]
    if told:
        found[LOCALS] = Defined(0, IDLE, of_text("\n".join(told)))
        uses[LOCALS] = reach.of_tokens(told)
    mentioned[""] = reach.of_rest(removed, parts)
    return Source(
        body=of_text("\n".join(body)),
        blocks=blocks,
        spans=tuple(sorted(spans)),
        mentions=mentioned,
        parsed=True,
        definitions=found,
        defined=digest_of(found),
        uses=uses,
        imported=parts.imported,
        imports={name: place for name, place in parts.imports.items() if name != name.lower()},
        ambiguous=frozenset(found.keys() & reach.elsewhere),
        acts=collected and effects.find(cut, tree),
        borrowed=borrowed.find(cut),
        tables={block: names for block, names in tables.items() if names},
    )


def _program(cut: Outline, parts: Split) -> list[tuple[Part, list[str]]]:
    """Each statement that only a program runs, with its tokens and what is not there yet when it runs."""
    found = []
    for part, _, form, place in parts.definitions:
        if form == PROGRAM:
            below = sorted(
                name for other, names, _, _ in parts.definitions if other.start > part.start for name in names
            )
            found.append((part, [f"(program {place} {' '.join(below)}", *cut.body[part.start : part.end]]))
    return found


def _rest(cut: Outline, parts: Split, tokens: list[str]) -> list[str]:
    """The tokens of what is left, and what the definitions need from it."""
    return [*tokens, *(f"(needs {place} {guard}" for guard, place in parts.guards)]


def _definitions(
    cut: Outline, parts: Split, reach: _Mentions, called: dict[int, Signature]
) -> tuple[dict[str, Defined], dict[str, frozenset[str]]]:
    found: dict[str, Defined] = {}
    uses = reach.renamed() | {LISTED: reach.listed()}
    for part, names, form, place in parts.definitions:
        if form == PROGRAM:
            continue
        if form == IMPORT:
            for name, origin in settled.bindings(part.node):
                found[name] = Defined(place, form, of_text(f"(import {origin}"))
                uses.setdefault(name, frozenset())
            continue
        tokens = cut.body[part.start : part.end]
        ways = [(name, tokens, tokens) for name in names]
        if id(part.node) in called:
            call = called[id(part.node)]
            ways = [(names[0], call.counting, call.tokens)]
            if call.counting != tokens:
                ways.append((HELD + names[0], tokens, tokens))
        for name, counting, mentioning in ways:
            digest = of_text("\n".join(counting))
            mentioned = frozenset() if name == "__all__" else reach.of_part(part.start, mentioning, idle=form == IDLE)
            _count(found, name, Defined(place, form, digest))
            uses[name] = uses.get(name, frozenset()) | mentioned
    return found, uses


def _count(found: dict[str, Defined], name: str, one: Defined) -> None:
    """One more of that name, of an overloaded function, say."""
    before = found.get(name)
    found[name] = before._replace(digest=of_fields(before.digest, one.digest)) if before else one


def _is_fixture(item: Definition) -> bool:
    """Is something separable a fixture? Nobody but pytest, which shows its docstring to users, has the function."""
    calls = (each.func if isinstance(each, ast.Call) else each for each in getattr(item.node, "decorator_list", ()))
    return any(last_name(each) == "fixture" for each in calls)


def _separate(
    item: Definition, cut: Outline, alone: dict[str, bool], place: int, above: frozenset[str]
) -> list[tuple[Definition, list[str]]]:
    """A separable function, or a separable class and each of its separable methods, with their tokens."""

    def start(definition: Definition, tokens: list[str], *places: int) -> str:
        if not alone[definition.block]:
            return "(separable"
        return " ".join(["(separable", *map(str, places), *sorted(mentions(tokens)[0] & above)])

    if not isinstance(item.node, ast.ClassDef):
        tokens = _header(item, cut)
        return [(item, [start(item, tokens, place), *tokens, "{body", *item.tokens])]
    methods = [member for member in item.members if member.block in alone]
    ranges = [(method.start, method.end) for method in methods]
    tokens = without(cut.body, item.start, item.end, ranges)
    found = [(item, [start(item, tokens, place), *tokens])]
    gone = 0
    for method in methods:
        tokens = cut.body[method.start : method.end]
        first = start(method, tokens, place, method.start - item.start - gone)
        found.append((method, [first, *tokens, "{body", *method.tokens]))
        gone += method.end - method.start
    return found


def _header(item: Definition, cut: Outline) -> list[str]:
    """The tokens of a separable function but for its statements: the docstring of a fixture counts as `__doc__`."""
    tokens = cut.body[item.start : item.end]
    return [token for token in tokens if not token.startswith(DOCSTRING)] if _is_fixture(item) else tokens


def _classes(item: Definition) -> Iterator[Definition]:
    """The classes inside a class, at any depth."""
    for member in item.members:
        if isinstance(member.node, ast.ClassDef):
            yield member
            yield from _classes(member)


def _gaps(line: int, last: int, block: str, cut: Outline) -> list[tuple[int, int, str]]:
    """The lines from one to another that belong to no function there."""
    gaps: list[tuple[int, int, str]] = []
    for function in cut.functions:
        if line <= function.first_line and function.last_line <= last:
            if line < function.first_line:
                gaps.append((line, function.first_line - 1, block))
            line = function.last_line + 1
    if line <= last:
        gaps.append((line, last, block))
    return gaps


class _Mentions:
    """Which names each piece of one file mentions; `elsewhere` are those not only read as plain names."""

    def __init__(self, cut: Outline) -> None:
        self._cut = cut
        self.parts: list[Look] = [reflection.at_statement(part.node) for part in cut.parts]
        self._by_start = {part.start: look for part, look in zip(cut.parts, self.parts, strict=True)}
        self._by_block = {id(item): reflection.at_block(item.node, item.tokens) for item in cut.functions}  # type: ignore[arg-type]
        looks = self._looks = [*self.parts, *self._by_block.values()]
        self._imported = Imported(looks)
        self.declared: set[str] = set().union(*(look.declared | look.deleted for look in looks))
        self._renamed: dict[str, set[str]] = {}
        for statement in cut.imports:
            for alias in statement.names:
                if alias.asname and alias.asname != alias.name:
                    self._renamed.setdefault(alias.asname, set()).update(alias.name.split("."))
        self.elsewhere: set[str] = set().union(*self._renamed.values())

    def renamed(self) -> dict[str, frozenset[str]]:
        """What stands behind imported names, also where a module of that name is handed on."""
        uses = {name: _either_way(origins) for name, origins in self._renamed.items()}
        handed = self._imported.renamed.items()
        for name, modules in self._imported.kept().items():
            uses[name] = uses.get(name, frozenset()) | modules
        uses["getdoc"] = uses.get("getdoc", frozenset()) | {"__doc__"}
        return uses | {ANY + name: frozenset(ANY + origin for origin in origins) for name, origins in handed}

    def listed(self) -> frozenset[str]:
        """What the module has besides its definitions; a module that it imports leads to all of that one."""
        found = set().union(*(look.examples for look in self._looks))
        for statement in self._cut.imports:
            module = (getattr(statement, "module", None) or "").rpartition(".")[2]
            for alias in statement.names:
                first, _, rest = alias.name.partition(".")
                name = module if first == "*" else alias.name.rpartition(".")[2] if rest and alias.asname else first
                found |= {name, HELD + name, ANY + name}
        return frozenset(found)

    def of_block(self, item: Definition, tokens: list[str]) -> frozenset[str]:
        look = self._by_block.get(id(item))
        return self.of_tokens(tokens, [look] if look is not None else [])

    def of_header(self, item: Definition) -> frozenset[str]:
        """What decorators and defaults mention: names of the function itself mean something else there."""
        return self.of_tokens(self._cut.body[item.start : item.end]) if isinstance(item.node, Function) else frozenset()

    def of_statement(self, item: Definition) -> frozenset[str]:
        return self.of_tokens([], [self._by_start[item.start]])

    def of_part(self, start: int, tokens: list[str], *, idle: bool) -> frozenset[str]:
        found, elsewhere = self._found(tokens, [self._by_start[start]])
        self.elsewhere |= set() if idle else elsewhere
        return frozenset(found)

    def of_rest(self, removed: list[tuple[int, int]], parts: Split) -> frozenset[str]:
        """What is run by an import; what import statements name is in `Source.imported` instead."""
        cut = self._cut
        starts = {start for start, _ in removed}
        ranges = sorted([*removed, *((part.start, part.end) for part in cut.imported if part.start not in starts)])
        looks = [look for start, look in self._by_start.items() if start not in starts]
        return self.of_tokens(without(cut.body, 0, len(cut.body), ranges), looks) | parts.needed

    def of_tokens(self, tokens: list[str], looks: Iterable[Look] = ()) -> frozenset[str]:
        found, elsewhere = self._found(tokens, [*looks])
        self.elsewhere |= elsewhere
        return frozenset(found)

    def _found(self, tokens: list[str], looks: list[Look]) -> tuple[set[str], set[str]]:
        """All mentions, and those other than by a plain read."""
        names, others, requested, values = mentions_and_held(tokens)
        elsewhere = others | requested
        own = looks[0].own if len(looks) == 1 else ()
        plain = {HELD + name for name in values & names - elsewhere if name not in own}
        elsewhere |= {HELD + name for name in values & elsewhere}
        for name in names & self._renamed.keys():
            elsewhere |= _either_way(self._renamed[name])
        for look in looks:
            elsewhere |= _either_way(self._imported.mentions(look, names))
        return names | plain | elsewhere, elsewhere


_NO_NAMES = ANY + SOME + TAKEN


def _either_way(names: Iterable[str]) -> frozenset[str]:
    """Mentions of which nobody knows whether their values are only called."""
    found = frozenset(names)
    return found.union(HELD + name for name in found if name[0] not in _NO_NAMES)
