"""Names that belong to one function: what they hold was never found in a module under that name."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from testcache.code.nodes import FUNCTIONS, children

_DEFINITIONS = frozenset({*FUNCTIONS, ast.ClassDef})
_NAMED = frozenset({ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping})
_OUTSIDE = frozenset({ast.Constant, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})
"""They bind nothing in the scope that they are in."""
_TARGETS = frozenset({ast.Name, ast.Tuple, ast.List, ast.Starred})
_BY_WALRUS = _OUTSIDE.union(kind for kind in ast.expr.__subclasses__() if kind not in _TARGETS)
"""Expressions in which a name can be bound by `:=` alone."""


def own_names(statements: Iterable[ast.AST], *, walrus: bool = True) -> tuple[frozenset[str], frozenset[str]]:
    """Names that the statements of one scope bind, but for those they import or declare; and these others.

    `walrus` tells whether there may be a `:=`. One inside a comprehension is not seen: its name counts as if it were
    no name of its own.
    """
    outside = _OUTSIDE if walrus else _BY_WALRUS
    bound: set[str] = set()
    others: set[str] = set()
    pending: list[ast.AST] = [*statements]
    while pending:
        node = pending.pop()
        kind = node.__class__
        if kind is ast.Name:
            assert isinstance(node, ast.Name)
            if not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
        elif kind in _DEFINITIONS:
            bound.add(node.name)  # type: ignore[attr-defined]
        elif kind is ast.Import or kind is ast.ImportFrom:
            assert isinstance(node, ast.Import | ast.ImportFrom)
            others.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif kind is ast.Global or kind is ast.Nonlocal:
            others.update(node.names)  # type: ignore[attr-defined]
        elif kind not in outside:
            if kind in _NAMED:
                bound.add(getattr(node, "name", None) or getattr(node, "rest", None) or "")
            pending += children(node)
    return frozenset(bound - others), frozenset(others)
