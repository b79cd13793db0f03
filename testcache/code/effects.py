"""Whether the import of a test file changes something that other test files see.

A statement at module level that is there for its effect alone (`registry.append(...)`, `library.DEBUG = True`,
`register("csv")`) reaches whoever shares what it changes. Such a file counts for every test of a run that
imports it, and is imported in each.

Does not see: effects of what also has a value (`client = make_client()`), of decorators and of class
statements; what a function of the file itself does when it is called there.
"""

from __future__ import annotations

import ast

from testcache.code.nodes import FUNCTIONS, children, runs_as_program
from testcache.code.outline import Outline

_HARMLESS = frozenset({"pytest", "__future__", "typing"})
_SETTERS = frozenset({"setattr", "delattr"})


def find(outline: Outline, tree: ast.Module) -> bool:
    """Whether there is such a statement. Cost: a walk through what is outside functions."""
    imported = {
        (alias.asname or alias.name.partition(".")[0])
        for statement in outline.imports
        for alias in statement.names
        if (getattr(statement, "module", None) or alias.name).partition(".")[0] not in _HARMLESS
    }
    pending: list[ast.AST] = [*tree.body]
    while pending:
        node = pending.pop()
        if isinstance(node, (*FUNCTIONS, ast.Lambda)) or runs_as_program(node):
            continue
        if any(_root(changed) in imported for changed in _changed(node)):
            return True
        pending += children(node)
    return False


def _changed(node: ast.AST) -> list[ast.expr]:
    """What a statement changes by itself: not the names that it binds."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=[target, *_])) if name in _SETTERS:
            return [target]
        case ast.Expr(value=ast.Call(func=function)):
            return [function]
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return [target for target in targets if not isinstance(target, ast.Name)]
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [] if isinstance(target, ast.Name) else [target]
    return []


def _root(node: ast.expr) -> str:
    """The name that an expression begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
