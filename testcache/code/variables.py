"""Annotations of variables in functions: nobody evaluates them, so `total: int = a + b` runs like `total = a + b`.

Who comes upon them has read the text of the function, as a loader does that makes checks of them. Those in functions
and classes inside are left where they are: a class evaluates them, and one in a function inside may reach for a
variable of the function around it. So is `total: int` without a value, which makes a local variable of the name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from copy import copy

from testcache.code.syntax import write
from testcache.structs import Struct, field

Owner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""What may have type variables."""

ANNOTATED = "(AnnAssign"
"""The token of such a statement: without one there is nothing to look for."""

_SUITES = ("body", "handlers", "cases", "orelse", "finalbody")
_INSIDE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.Constant, ast.BinOp, ast.BitOr, ast.Load)
"""What an annotation may consist of: any other expression may make a generator, a scope or a variable of its own."""

_OF_CLASSES = frozenset({"super", "__class__", "__classdict__"})
"""To name one of these makes a closure of a method."""


class Variables(Struct):
    """The statements of a function without the annotations of its variables.

    Attributes:
        statements: the same, but for those that had one, and what they stand in.
        told: the tokens of what was left out, each with what it stood at.
    """

    statements: list[ast.stmt]
    told: list[str] = field(default_factory=list)


def strip(function: str, statements: list[ast.stmt], owners: list[Owner]) -> Variables:
    """Leave out the annotations in a function's own statements; raises RecursionError as suites do.

    Args:
        function: its name, for `told`.
        statements: what it runs.
        owners: itself and the classes around it.
    """
    found = Variables([])
    declared = {name for node in _own(statements) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    variables = {one.name for owner in owners for one in getattr(owner, "type_params", ())}
    found.statements = _suite(statements, declared, declared | variables | _OF_CLASSES, [0], found.told)
    if found.told:
        found.told.insert(0, f"(variables {function}")
    return found


def _own(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements of a function, and in suites, not those of functions and classes inside."""
    pending: list[ast.AST] = [*statements]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _INSIDE):
            pending += [part for name in _SUITES for part in getattr(node, name, ())]


def _suite(
    statements: list[ast.stmt], declared: Set[str], others: Set[str], count: list[int], told: list[str]
) -> list[ast.stmt]:
    """The statements, of which each is the next one by `count`; what is in `others` no annotation may name."""
    kept: list[ast.stmt] = []
    for node in statements:
        count[0] += 1
        if isinstance(node, ast.AnnAssign) and node.value is not None and _is_idle(node, declared, others):
            told.append(f"({count[0]}")
            write([node.annotation, node.target], told)
            kept.append(ast.Assign(targets=[node.target], value=node.value))
            continue
        suites = [] if isinstance(node, _INSIDE) else [name for name in _SUITES if getattr(node, name, None)]
        plain = copy(node) if suites else node
        for name in suites:
            setattr(plain, name, _suite(getattr(node, name), declared, others, count, told))
        kept.append(plain)
    return kept


def _is_idle(node: ast.AnnAssign, declared: Set[str], others: Set[str]) -> bool:
    """Can the annotation be left out, and the code stay the same? `global total` forbids to have one."""
    if isinstance(node.target, ast.Name) and node.target.id in declared:
        return False
    parts = [*ast.walk(node.annotation)]
    return all(isinstance(part, _PLAIN) for part in parts) and not any(
        isinstance(part, ast.Name) and part.id in others for part in parts
    )
