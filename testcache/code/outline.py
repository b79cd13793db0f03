"""One Python file cut into its body and its outermost functions, each as a list of tokens."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from testcache.code import variables
from testcache.code.nodes import first_line
from testcache.code.syntax import header, write
from testcache.structs import Struct, field

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
"""A `def` statement."""

DOCSTRING = "=docstring "
"""Begins the token of a function's docstring."""

GENERATOR = "=generator"
"""Follows the header of a function that is one."""

_YIELDS = ("(Yield", "(YieldFrom")
"""What makes a generator of a function, as who never calls it can tell: a decorator that looks, say."""


class Definition(Struct, eq=False):
    """An outermost function or a class, where it stands, and its tokens.

    Attributes:
        node: the statement.
        block: its qualified name; the second of that name is called `name#2`, and so on.
        owner: the class right around it, if any.
        start: index in `Outline.body` of its first token.
        end: index after its last token there: a function has its header in the body (name,
            decorators, parameters, docstring), a class has all but the statements inside its methods.
        tokens: the statements of a function; empty for a class.
        members: what a class defines directly, not inside an `if` or a `try`.
        generates: whether a function is a generator, or has one inside.
        told: what its variables are annotated with, which is not among `tokens`.
    """

    node: Function | ast.ClassDef
    block: str
    owner: Definition | None
    start: int
    end: int = 0
    tokens: list[str] = field(default_factory=list)
    members: list[Definition] = field(default_factory=list)
    generates: bool = False
    told: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def first_line(self) -> int:
        return first_line(self.node)

    @property
    def last_line(self) -> int:
        return self.node.end_lineno or self.node.lineno


class Part(Struct, frozen=True):
    """One statement outside functions, and where its tokens are in `Outline.body`: `start` to `end`."""

    node: ast.stmt
    start: int
    end: int


class Outline(Struct):
    """A file cut up, in the order of the source.

    Attributes:
        body: the tokens of everything outside functions.
        parts: the module's own statements.
        imported: import statements outside functions, as `imports`, with their place.
        functions: the outermost functions and methods, wherever they are.
        top: functions and classes defined directly by the module.
        imports: import statements outside functions.
    """

    body: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    imported: list[Part] = field(default_factory=list)
    functions: list[Definition] = field(default_factory=list)
    top: list[Definition] = field(default_factory=list)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)


def draw(tree: ast.Module) -> Outline:
    """Cut a module up. Raises RecursionError if suites are nested too deeply (long `elif` chains)."""
    cutter = _Cutter()
    cutter.suite(tree.body, None, "", cutter.outline.top)
    return cutter.outline


class _Cutter:
    def __init__(self) -> None:
        self.outline = Outline()
        self._seen: dict[str, int] = {}

    def suite(
        self,
        statements: list[ast.stmt],
        owner: Definition | None,
        prefix: str,
        members: list[Definition] | None,
    ) -> None:
        """Write statements; `members` collects what is defined directly (None inside an `if`)."""
        outline = self.outline
        body = outline.body
        for statement in statements:
            kind = statement.__class__
            if kind is ast.Pass:  # no more than a comment
                continue
            start = len(body)
            if kind is ast.FunctionDef or kind is ast.AsyncFunctionDef:
                self._function(statement, owner, prefix, members)  # type: ignore[arg-type]
            elif kind is ast.ClassDef:
                self._class(statement, owner, prefix, members)  # type: ignore[arg-type]
            elif kind in _COMPOUND:
                self._compound(statement, owner, prefix)
            else:
                if kind is ast.Import or kind is ast.ImportFrom:
                    outline.imports.append(statement)  # type: ignore[arg-type]
                write([statement], body)
                if kind is ast.Import or kind is ast.ImportFrom:
                    outline.imported.append(Part(statement, start, len(body)))
            if members is outline.top:
                outline.parts.append(Part(statement, start, len(body)))

    def _function(
        self, node: Function, owner: Definition | None, prefix: str, members: list[Definition] | None
    ) -> None:
        found = self._open(node, owner, prefix, members)
        self.outline.functions.append(found)
        text = ast.get_docstring(node, clean=False)
        if text is not None:  # who never calls it may read that: a decorator that makes a command of it, say
            self.outline.body.append(f"{DOCSTRING}{text!r}")
        statements = node.body if text is None else node.body[1:]
        write([statements], found.tokens)
        if variables.ANNOTATED in found.tokens:
            plain = variables.strip(found.block, statements, [*_around(found)])
            found.told, found.tokens = plain.told, []
            write([plain.statements], found.tokens)
        found.generates = any(token in found.tokens for token in _YIELDS)
        if found.generates:  # of a function inside, perhaps: that only costs a run
            self.outline.body.append(GENERATOR)
        found.end = len(self.outline.body)

    def _class(
        self, node: ast.ClassDef, owner: Definition | None, prefix: str, members: list[Definition] | None
    ) -> None:
        found = self._open(node, owner, prefix, members)
        body = self.outline.body
        body.append("{")
        self.suite(node.body, found, f"{prefix}{node.name}.", found.members)
        body.append("}")
        found.end = len(body)

    def _open(
        self,
        node: Function | ast.ClassDef,
        owner: Definition | None,
        prefix: str,
        members: list[Definition] | None,
    ) -> Definition:
        body = self.outline.body
        name = prefix + node.name
        if not isinstance(node, ast.ClassDef):  # only functions are numbered: classes hold no code
            self._seen[name] = count = self._seen.get(name, 0) + 1
            name = name if count == 1 else f"{name}#{count}"
        found = Definition(node, name, owner, len(body))
        if members is not None:
            members.append(found)
        body.append(f"({node.__class__.__name__} {node.name}")
        write(header(node), body)
        return found

    def _compound(self, node: ast.AST, owner: Definition | None, prefix: str) -> None:
        """Write a statement that holds suites: its expressions, then each suite in braces."""
        body = self.outline.body
        body.append("(" + node.__class__.__name__)
        for name in node._fields:
            value = getattr(node, name)
            if value.__class__ is str and name != "type_comment":
                body.append(">" + value)  # except ... as name
            elif value.__class__ is list and value and isinstance(value[0], _PARTS):
                for part in value:
                    self._compound(part, owner, prefix)
            elif value.__class__ is list and value and isinstance(value[0], ast.stmt):
                body.append("{" + name)
                self.suite(value, owner, prefix, None)
                body.append("}")
            elif value:
                body.append("|" + name)
                write([value], body)


def _around(item: Definition | None) -> Iterator[variables.Owner]:
    while item is not None:
        yield item.node
        item = item.owner


_COMPOUND = {
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
}
_PARTS = (ast.ExceptHandler, ast.match_case)
