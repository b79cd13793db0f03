"""On which lines of a Python file its code stands, in the order of the syntax tree."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator

from testcache.code import outline
from testcache.code.nodes import first_line
from testcache.code.outline import Function
from testcache.digest import of_fields, of_text
from testcache.structs import Struct

KEY_BYTES = 8
"""Of the digest of a unit: a file has hundreds of them, and what they are for is checked anyway."""

_KINDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CLAUSES = (ast.ExceptHandler, ast.match_case)


class Layout(Struct, frozen=True):
    """The lines of each unit of one text of a file.

    A unit is an outermost function (what is inside of it), or a statement of the module (without what is inside of
    functions). Its key tells its code, and for a function its name, but no lines. A piece of it is a statement or the
    head of one: coverage counts these as one, over however many lines they go. Units of the same key have as many
    pieces, of which each is the same code.

    Attributes:
        blocks: (first, last line) of all pieces of each function in one list; its entry is the first of them.
        body: the same for the statements of the module.
    """

    blocks: dict[bytes, list[int]]
    body: dict[bytes, list[int]]


def layout_of(data: bytes) -> Layout | None:
    """Lay out the bytes of a Python file; None for what Python cannot parse. Cost: about 10 ms per 1,000 lines."""
    try:
        with warnings.catch_warnings():  # an invalid escape must not become an error under -W error
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        return _drawn(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # as in `testcache.code.source.parse`
        return None


def _drawn(tree: ast.Module) -> Layout:
    cut = outline.draw(tree)
    blocks: dict[bytes, list[int]] = {}
    for item in cut.functions:
        assert isinstance(item.node, Function)
        told = ast.get_docstring(item.node, clean=False) is not None  # it counts elsewhere, and is never executed
        pieces = _Pieces(item.node.body[told:], inside=True)
        blocks[_key(item.block, item.tokens, pieces)] = [item.first_line, item.first_line, *pieces.lines]
    tokens = {id(part.node): cut.body[part.start : part.end] for part in cut.parts}
    body: dict[bytes, list[int]] = {}
    seen: Counter[bytes] = Counter()
    for statement in tree.body:
        pieces = _Pieces([statement], inside=False)
        key = _key("", tokens.get(id(statement), ()), pieces)
        seen[key] += 1
        body[of_fields(key, seen[key])[:KEY_BYTES]] = pieces.lines
    return Layout(blocks, body)


def _key(name: str, tokens: Iterable[str], pieces: _Pieces) -> bytes:
    return of_text("\n".join([name, *tokens, *pieces.kinds]))[:KEY_BYTES]


class _Pieces:
    """The pieces of a suite: their lines, and what sort of statement each is. `inside`: also those in functions."""

    def __init__(self, suite: list[ast.stmt], *, inside: bool) -> None:
        self.lines: list[int] = []
        self.kinds: list[str] = []
        self._inside = inside
        self._suite(suite)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, _KINDS):
            for each in node.decorator_list:
                self._add(each, each.lineno, each.end_lineno)
        suites = [*_suites(node)]
        self._add(node, node.lineno, _start(suites[0]) - 1 if suites else node.end_lineno)
        if self._inside or not isinstance(node, Function):
            for suite in suites:
                self._suite(suite)

    def _suite(self, suite: list[ast.stmt] | ast.ExceptHandler | ast.match_case) -> None:
        if isinstance(suite, _CLAUSES):
            self._add(suite, _start(suite), _start(suite.body) - 1)
        for statement in suite.body if isinstance(suite, _CLAUSES) else suite:
            self._statement(statement)

    def _add(self, node: ast.AST, first: int, last: int | None) -> None:
        self.kinds.append(node.__class__.__name__)
        self.lines += (first, max(first, last or 0))


def _suites(node: ast.stmt) -> Iterator[list[ast.stmt] | ast.ExceptHandler | ast.match_case]:
    """What stands indented below a statement; nothing for a simple one."""
    for name in node._fields:
        value = getattr(node, name)
        if value.__class__ is list and value:
            if isinstance(value[0], ast.stmt):
                yield value
            elif isinstance(value[0], _CLAUSES):
                yield from value


def _start(suite: list[ast.stmt] | ast.ExceptHandler | ast.match_case) -> int:
    """The line it begins on."""
    if isinstance(suite, ast.match_case):
        return suite.pattern.lineno
    first = suite if isinstance(suite, ast.ExceptHandler) else suite[0]
    return first_line(first) if isinstance(first, _KINDS) else first.lineno
