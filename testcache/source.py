"""What counts in one Python file: fingerprints of its body and of each of its functions."""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from testcache import memos, outline, separable
from testcache.digest import of_bytes, of_text
from testcache.model import Digest
from testcache.outline import Definition, Outline
from testcache.scope import ANY
from testcache.separable import without
from testcache.syntax import mentions

WHOLE = "*"
"""Name of the block that is the body of a collected file as if nothing in it were separable."""


@dataclass(frozen=True, slots=True)
class Source:
    """What counts in one Python file.

    Comments, formatting and positions never count. A *block* is an outermost function or method,
    with all that is inside it. Its statements count in its own fingerprint; its header (name,
    decorators, parameters) counts in the body, so that adding, renaming or re-decorating a function
    changes the body, and editing its statements changes only the block. In files that pytest
    collects, tests, fixtures and test classes that provably stand alone are *separable*: their
    header counts in their block, and they leave no trace in the body.

    Attributes:
        body: everything outside functions that is not separable.
        blocks: fingerprint of each block by name: `f`, `Class.method`, `Outer.Inner.m`, `TestX` for
            a separable class (`TestX.Inner` for one inside it, of the same value), `f#2` for the
            second definition of `f`, and in a collected file `*` for `whole`.
        spans: (first line with decorators, last line, block), sorted and apart. A separable class
            has a span for each stretch of lines between its methods.
        memos: functions that may fill state that outlives a test: names of that state, by line of
            the function (as `co_firstlineno` has it). "*" is any name.
        mentions: names that each block mentions, "" for the body: names read, attributes, imports,
            and texts that are a name or a dotted path. {"*"} if not known.
        parsed: False if Python cannot parse the file, or only with more stack: `body` is then
            the digest of its bytes, and there are no blocks.
    """

    body: Digest
    blocks: dict[str, Digest]
    spans: tuple[tuple[int, int, str], ...]
    memos: dict[int, frozenset[str]]
    mentions: dict[str, frozenset[str]]
    parsed: bool

    @property
    def whole(self) -> Digest:
        """The body as if nothing were separable: what another file depends on that imports this one."""
        return self.blocks.get(WHOLE, self.body)

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
    the project): only then are tests and fixtures separable. Cost: ast.parse and 0.8 of that again.
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
    return Source(digest, {}, (), {}, {"": frozenset({ANY})}, parsed=False)


def _source(tree: ast.Module, collected: bool) -> Source:
    cut = outline.draw(tree)
    alone = separable.find(cut, tree) if collected else {}
    renamed = _renamed(cut)
    whole = of_text("\n".join(cut.body))
    blocks: dict[str, Digest] = {WHOLE: whole} if collected else {}
    mentioned: dict[str, frozenset[str]] = {}
    spans = [(item.first_line, item.last_line, item.block) for item in cut.functions]
    for item in cut.functions:
        if item.block not in alone:
            blocks[item.block] = of_text("\n".join(item.tokens))
            mentioned[item.block] = _mentions(item.tokens, renamed)
    removed: list[tuple[int, int]] = []
    gone = 0
    for item in cut.top:
        if item.block not in alone:
            continue
        place = item.start - gone  # of what stays in the body, how much is before it
        for block, tokens in _separate(item, cut, alone, place):
            blocks[block] = of_text("\n".join(tokens))
            mentioned[block] = _mentions(tokens, renamed)
        if isinstance(item.node, ast.ClassDef):
            spans += _gaps(item, cut)
            for inner in _classes(item):
                blocks[inner.block] = blocks[item.block]
        removed.append((item.start, item.end))
        gone += item.end - item.start
    body = without(cut.body, 0, len(cut.body), removed)
    mentioned[""] = _mentions(body, renamed)
    return Source(
        body=of_text("\n".join(body)) if removed else whole,
        blocks=blocks,
        spans=tuple(sorted(spans)),
        memos=memos.find(cut),
        mentions=mentioned,
        parsed=True,
    )


def _separate(item: Definition, cut: Outline, alone: dict[str, bool], place: int) -> list[tuple[str, list[str]]]:
    """The tokens of a separable function, or of a separable class and each of its separable methods."""
    start = f"(separable {place}" if alone[item.block] else "(separable"
    if not isinstance(item.node, ast.ClassDef):
        return [(item.block, [start, *cut.body[item.start : item.end], "{body", *item.tokens])]
    methods = [member for member in item.members if member.block in alone]
    ranges = [(method.start, method.end) for method in methods]
    found = [(item.block, [start, *without(cut.body, item.start, item.end, ranges)])]
    gone = 0
    for method in methods:
        start = f"(separable {place} {method.start - item.start - gone}" if alone[method.block] else "(separable"
        found.append((method.block, [start, *cut.body[method.start : method.end], "{body", *method.tokens]))
        gone += method.end - method.start
    return found


def _classes(item: Definition) -> Iterator[Definition]:
    """The classes inside a class, at any depth."""
    for member in item.members:
        if isinstance(member.node, ast.ClassDef):
            yield member
            yield from _classes(member)


def _gaps(item: Definition, cut: Outline) -> list[tuple[int, int, str]]:
    """The lines of a class that belong to no method of it."""
    gaps: list[tuple[int, int, str]] = []
    line = item.first_line
    for method in cut.functions:
        if line <= method.first_line and method.last_line <= item.last_line:
            if line < method.first_line:
                gaps.append((line, method.first_line - 1, item.block))
            line = method.last_line + 1
    if line <= item.last_line:
        gaps.append((line, item.last_line, item.block))
    return gaps


def _mentions(tokens: list[str], renamed: dict[str, list[str]]) -> frozenset[str]:
    names, others, requested = mentions(tokens)
    for name in names & renamed.keys():
        others.update(renamed[name])
    return frozenset().union(names, others, requested)


def _renamed(cut: Outline) -> dict[str, list[str]]:
    """What stands behind the names of `import x.y as z`: who mentions z mentions x and y."""
    aliases = [alias for statement in cut.imports for alias in statement.names]
    return {alias.asname: alias.name.split(".") for alias in aliases if alias.asname}
