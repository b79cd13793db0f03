"""Names that belong to one function: what they hold was never found in a module under that name."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from testcache.nodes import FUNCTIONS, children

_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def own_names(statements: Iterable[ast.AST]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that the statements of one scope bind, but for those they import or declare; and these others.

    What is bound by `:=` inside a comprehension is not seen: it counts as if it were no name of its own.
    """
    bound: set[str] = set()
    others: set[str] = set()
    pending: list[ast.AST] = [*statements]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            others.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            others.update(node.names)
        elif not isinstance(node, _SCOPES):
            name = getattr(node, "name", None) or getattr(node, "rest", None)  # of handlers and patterns
            if isinstance(name, str):
                bound.add(name)
            pending += children(node)
    return frozenset(bound - others), frozenset(others)
