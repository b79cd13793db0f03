"""Small questions about one node of a syntax tree."""

from __future__ import annotations

import ast

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


def is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in _SELF


def last_name(node: ast.expr) -> str:
    """The last name of a dotted expression, or ""."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


_FIELDS = _fields()
