"""Whether a function keeps what its caller computed: then what the caller ran belongs to the fill as well.

`def remember(key, value): ROWS[key] = value` runs nothing of the work that made the value. A value is given
if it comes from a parameter, directly or through variables and calls. A parameter that is the key itself, as
in `ROWS[key] = work(key)`, does not count: who reads under that key has computed it too.

Looked at are elements of containers, and globals. Does not see: an attribute that is set to what was given
(`self.rows = rows` is how objects are made ready for work, and nearly never a memo); what a parameter of a
function around is; an attribute of `self` that somebody set before.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from testcache.nodes import children, is_self
from testcache.outline import Function
from testcache.slots import MUTATORS


def keeps_given(node: Function) -> bool:
    """Whether a value that the function stores comes from a parameter. Cost: a walk, and one a variable on the way."""
    nodes = list(_own(node))
    given = _parameters(node)
    shared = {name for part in nodes if isinstance(part, (ast.Global, ast.Nonlocal)) for name in part.names}
    stores = [store for part in nodes for store in _stored(part, shared)]
    if not given or not stores:
        return False
    keys = {name for key, _ in stores for name in _whole(key)}
    bound = [pair for part in nodes for pair in _bound(part)]
    for name in list(keys):  # `key = a, b`
        keys.update(whole for names, value in bound if name in names for whole in _whole(value))
    tainted = given - keys - {root for part in nodes for root in _filled(part)}
    size = -1
    while size != len(tainted):
        size = len(tainted)
        for names, value in bound:
            if not names <= tainted and _comes_from(value, tainted):
                tainted |= names - keys
    return any(_comes_from(value, tainted) for _, values in stores for value in values)


def _own(function: Function) -> Iterator[ast.AST]:
    pending: list[ast.AST] = [*function.body]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            pending += children(node)


def _parameters(function: Function) -> set[str]:
    given = function.args
    extra = [argument for argument in (given.vararg, given.kwarg) if argument]
    return {argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, *extra)}


def _stored(node: ast.AST, shared: set[str]) -> Iterator[tuple[ast.expr | None, list[ast.expr]]]:
    """The key and the values of a statement that fills something."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _target(target, value, shared)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield from _target(target, value, shared)
        case ast.Call(func=ast.Attribute(attr="setdefault" | "__setitem__" | "insert"), args=[key, *values]):
            yield key, values
        case ast.Call(func=ast.Attribute(attr=name), args=values) if name in MUTATORS:
            yield None, [*values, *(word.value for word in node.keywords)]


def _target(target: ast.expr, value: ast.expr, shared: set[str]) -> Iterator[tuple[ast.expr | None, list[ast.expr]]]:
    match target:
        case ast.Subscript(value=ast.Attribute(attr="environ")):
            pass  # environment variables are inputs by themselves
        case ast.Subscript(slice=key):
            yield key, [value]
        case ast.Name(id=name) if name in shared:
            yield None, [value]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _target(part, value, shared)


def _bound(node: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield set().union(*map(_names, targets)), value
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield _names(target), value
        case ast.NamedExpr(target=target, value=value):
            yield _names(target), value
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield _names(target), value
        case ast.comprehension(target=target, iter=value):
            yield _names(target), value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield _names(target), value


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _filled(node: ast.AST) -> Iterator[str]:
    """The variable whose object a store fills: what is asked from it is there like what is asked from `self`."""
    match node:
        case ast.Subscript(value=target) | ast.Attribute(value=target) if isinstance(node.ctx, ast.Store):
            pass
        case ast.Call(func=ast.Attribute(value=target, attr=name)) if name in MUTATORS:
            pass
        case _:
            return
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    if isinstance(target, ast.Name):
        yield target.id


def _whole(key: ast.expr | None) -> Iterator[str]:
    """The names that the key tells completely."""
    match key:
        case ast.Name(id=name):
            yield name
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _whole(part)


def _comes_from(value: ast.expr, names: set[str]) -> bool:
    """Whether a value comes from a variable, other than from an attribute of the object whose method it is."""
    pending: list[ast.AST] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Attribute) and is_self(node.value):
            continue
        if isinstance(node, ast.Name) and node.id in names:
            return True
        pending += children(node)
    return False
