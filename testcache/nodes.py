"""Small questions about one node of a syntax tree."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SELF = ("self", "cls")
_PLAIN = frozenset("id attr ctx op ops arg asname module type_comment kind".split())  # noqa: SIM905
"""Fields that hold no node that matters here; there are many of them."""


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below this one, without operators and contexts. Cost: 0.5 us."""
    found: list[ast.AST] = []
    for name in _FIELDS[node.__class__]:
        value = getattr(node, name)
        if isinstance(value, ast.AST):
            found.append(value)
        elif value.__class__ is list:
            found += [part for part in value if isinstance(part, ast.AST)]
    return found


def _fields() -> dict[type[ast.AST], tuple[str, ...]]:
    """The fields to look into, for each kind of node."""
    found: dict[type[ast.AST], tuple[str, ...]] = {}
    kinds: list[type[ast.AST]] = [ast.AST]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found[kind] = tuple(name for name in kind._fields if name not in _PLAIN)
    return found


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """What `co_firstlineno` says: the line of the first decorator, else of the `def`."""
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def bindings(node: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    """The variables that one node gives a value, and what that value comes from."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield set().union(*map(_stored, targets)), value
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield _stored(target), value
        case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
            yield _stored(target), value
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield _stored(target), value
        case ast.comprehension(target=target, iter=value):
            yield _stored(target), value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield _stored(target), value


def _stored(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def is_self(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):  # `super()`
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in _SELF


def last_name(node: ast.expr) -> str:
    """The last name of a dotted expression, or ""."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_small(node: ast.expr, limit: int = 10_000) -> bool:
    """Is it a whole number from 0 to the limit?"""
    value = node.value if isinstance(node, ast.Constant) else None
    return type(value) is int and 0 <= value <= limit


def is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_divisor(node: ast.expr) -> bool:
    """Is it a number other than 0?"""
    return isinstance(node, ast.Constant) and is_number(node) and bool(node.value)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_version(node: ast.Compare) -> bool:
    """`sys.version_info >= (3, 12)`: all are whole numbers there."""
    other = node.comparators[0]
    return (
        ast.unparse(node.left) == "sys.version_info"
        and len(node.comparators) == 1
        and isinstance(other, ast.Tuple)
        and len(other.elts) <= 3
        and all(map(is_small, other.elts))
    )


def is_expression(text: str) -> bool:
    """Can the text be parsed where an annotation may be a text?"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return re.match(r"\s", text) is None


_FIELDS = _fields()
