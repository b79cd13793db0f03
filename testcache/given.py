"""Whether a function keeps what its caller computed: then what the caller ran belongs to the fill as well.

`def remember(key, value): ROWS[key] = value` runs nothing of the work that made the value. A value is given
if it comes from a parameter, directly or through variables and calls. Two parameters do not count for a store:
the one that is the key, as in `ROWS[key] = work(key)`, since who reads under that key has computed it too;
and the object that is filled.

Looked at are elements of containers, and globals. Does not see: an attribute that is set to what was given
(`self.rows = rows` is how objects are made ready for work, and nearly never a memo); what a parameter of a
function around is; an attribute of `self` that somebody set before.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from testcache.nodes import bindings, children, is_self
from testcache.outline import Function
from testcache.slots import MUTATORS


@dataclass(frozen=True, slots=True)
class _Store:
    """What a statement fills, under which key if there is one, and with what."""

    target: ast.expr
    key: ast.expr | None
    values: list[ast.expr]


def keeps_given(node: Function) -> bool:
    """Whether a value that the function stores comes from a parameter.

    Cost: a walk, and for each store a look at each value on the way to it.
    """
    parts = list(_own(node))
    shared = {name for part in parts if isinstance(part, (ast.Global, ast.Nonlocal)) for name in part.names}
    stores = [store for part in parts for store in _stored(part, shared)]
    given = _parameters(node)
    if not given or not stores:
        return False
    bound = [pair for part in parts for pair in bindings(part)]
    return any(_is_given(store, given, bound) for store in stores)


def answers(node: Function) -> bool:
    """Whether a caller may learn something from what the function returns."""
    values = [part.value for part in _own(node) if isinstance(part, ast.Return | ast.Yield)]
    return any(value is not None and ast.unparse(value) != "None" for value in values)


def _is_given(store: _Store, given: set[str], bound: list[tuple[set[str], ast.expr]]) -> bool:
    keys = set(_whole(store.key))
    keys |= {name for names, value in bound if not names.isdisjoint(keys) for name in _whole(value)}  # `key = a, b`
    known = keys | {_root(store.target)}
    from_given = given - known
    size = -1
    while size != len(from_given):
        size = len(from_given)
        for names, value in bound:
            if not names <= from_given and _comes_from(value, from_given):
                from_given |= names - known
    return any(_comes_from(value, from_given) for value in store.values)


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


def _stored(node: ast.AST, shared: set[str]) -> Iterator[_Store]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from _set(targets, value, shared)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
            yield from _set([target], value, shared)
        case ast.Call(
            func=ast.Attribute(value=target, attr="setdefault" | "__setitem__" | "insert"), args=[key, *values]
        ):
            yield _Store(target, key, values)
        case ast.Call(func=ast.Attribute(value=target, attr=name), args=values) if name in MUTATORS:
            yield _Store(target, None, [*values, *(word.value for word in node.keywords)])


def _set(targets: Iterable[ast.expr], value: ast.expr, shared: set[str]) -> Iterator[_Store]:
    for target in targets:
        match target:
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="os"), attr="environ")):
                pass  # whoever reads a variable rests on its value, wherever that came from
            case ast.Subscript(value=filled, slice=key):
                yield _Store(filled, key, [value])
            case ast.Name(id=name) if name in shared:
                yield _Store(target, None, [value])
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                yield from _set(parts, value, shared)


def _root(target: ast.expr) -> str:
    """The variable that the filled object is reached from; "" if there is none."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


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
