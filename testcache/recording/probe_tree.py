"""Probes in syntax trees: each named function marks its first line, and nothing else changes.

A probe is `__testcache_<digest of the file name>__[<first line of the function>] = 1` after the
docstring. The name is a builtin, so that module namespaces stay as they are; the line is the index,
so that cached bytecode needs no table. The statement carries the line of the first statement of the
body: a debugger or coverage sees no line that was not executed anyway.

Does not see: lambdas, comprehensions and classes by themselves. Inside a named function they belong
to it; at module level they belong to the body.

Does not work: a function that is carried by value to a process without testcache (cloudpickle), or
given other builtins. Its first call raises NameError, so the test fails; it is never a wrong hit.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import CodeType

from testcache import digest
from testcache.structs import Struct, field

PREFIX = "__testcache_"
"""How the names of the builtins begin that hold the marks of files."""

FORMAT = 2
"""Part of the names of cached bytecode: raised when a probe changes its shape."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(filename: str) -> str:
    """The builtin that holds the marks of a file."""
    return f"{PREFIX}{digest.of_text(filename).hex()[:16]}__"


def instrument(tree: ast.Module, data: bytes, filename: str) -> None:
    """Put a probe into each named function, in place."""
    from testcache.recording.probe_resume import probe_resumption, suspends

    name = name_of(filename)
    may_suspend = b"yield" in data or b"async" in data
    for function in _functions(tree):
        first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
        documented = isinstance(function.body[0], ast.Expr) and _is_text(function.body[0].value)
        head, body = function.body[: int(documented)], function.body[int(documented) :]
        line = line_of(body) if body else first  # a docstring alone is not executed
        probe = mark(name, first, line)
        if body and may_suspend and suspends(function):
            body = probe_resumption(body, name, first)
        function.body = [*head, probe, *body]


def mark(name: str, first: int, line: int) -> ast.stmt:
    """The statement that marks a function, at the given line."""
    target = ast.Subscript(value=_load(name), slice=ast.Constant(first), ctx=ast.Store())
    return at(ast.Assign(targets=[target], value=ast.Constant(1)), line)


def marks_of(name: str) -> ast.Name:
    """The marks of a file, as an expression without a place."""
    return _load(name)


class Scan(Struct):
    """What the code objects of one file say about themselves.

    Attributes:
        last_line: the highest first line of a function; marks need one more than that.
        functions: first lines of the named functions.
        probed: whether the marks of this file are used, or there is no function that could.
    """

    last_line: int = 0
    functions: set[int] = field(default_factory=set)
    probed: bool = True


def scan(module: CodeType, filename: str) -> Scan:
    """Look through a module's code. Cost: about 0.5 us for each code object in it."""
    name = name_of(filename)
    found = Scan()
    marked = False
    for code in codes_in(module):
        found.last_line = max(found.last_line, code.co_firstlineno)
        marked = marked or name in code.co_names
        if code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<"):
            found.functions.add(code.co_firstlineno)
    found.probed = marked or not found.functions
    return found


def codes_in(module: CodeType) -> Iterator[CodeType]:
    """A code object, and all that are defined inside of it."""
    pending = [module]
    while pending:
        code = pending.pop()
        yield code
        pending.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _functions(tree: ast.Module) -> Iterator[Function]:
    """Every def, by way of statements only: expressions hold no def, and ast.walk costs ten times as much."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending.extend(
                child
                for child in getattr(node, name, ())
                if isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case))
            )
        if isinstance(node, Function):
            yield node


def own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement that belong to the function it stands in."""
    pending = [statement]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending.extend(ast.iter_child_nodes(node))


def line_of(body: list[ast.stmt]) -> int:
    """The first line that executing `body` reaches; declarations execute nothing."""
    for statement in body:
        if isinstance(statement, (ast.Global, ast.Nonlocal)):
            continue
        decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
        return min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return body[0].lineno


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _load(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def at(statement: ast.stmt, line: int, *, deep: bool = True) -> ast.stmt:
    """Give a new statement its line; with `deep` also everything in it."""
    for node in ast.walk(statement) if deep else (statement,):
        if isinstance(node, (ast.stmt, ast.expr)):
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
    return statement
