"""Functions that look like they fill state which outlives a test, and under which names it is kept.

A *memo* runs its work in the first test only; later tests read what it stored. What a function
fills is therefore credited to everyone who can reach the stored name. Found are

- functions decorated or wrapped by something called cache, memo, lazy, once or singleton;
- functions that test a long-lived target (a global, a free name, an attribute, a mutable default)
  and store to the same target;
- functions that store to a target which another function of the file finds missing (`testcache.missing`);
- functions that store under a name that only the run knows, through `globals()`, `setattr`,
  `__dict__` or `vars`: their name is "*".

A function that is taken for a memo and is none costs a rerun too many, so all is decided on that side.

What a function stores that its caller computed is credited with all that ran in the test, if one of the callers
asked first (`testcache.given`).

Does not see: a target that a function of one file tests and one of another file fills; an attribute that is set
to what the caller computed; a dict passed as an argument and filled; a target reached through what a function
returned; state filled without any test for it; names mangled by a leading double underscore, if read from
outside the class.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from testcache import slots
from testcache.given import answers, keeps_given
from testcache.nodes import last_name
from testcache.outline import Definition, Function, Outline
from testcache.scope import ANY, Scope
from testcache.slots import Filling

_HINTS = ("cache", "memo", "lazy", "once", "singleton")
_NEVER = frozenset({"__module__", ".__module__"})
"""Each class and function has it from the start: it is set anew (`namedtuple`), never filled."""

_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__"})
_TRIGGERS = frozenset(
    (  # noqa: SIM905
        ".setdefault .append .add .update .extend .insert .appendleft .__setattr__ "
        ".__setitem__ .__dict__ setattr globals vars (Subscript> .setattr"
    ).split()
)
"""A function without any of these tokens, or of those below, stores nothing that outlives it."""

_TRIGGER_STARTS = (">.", "(Global", "(Nonlocal", "(FunctionDef", "(AsyncFunctionDef", "(AugAssign")


def find(outline: Outline, missing: frozenset[str]) -> tuple[dict[int, frozenset[str]], dict[int, Filling]]:
    """The stored names of each memo-shaped function by its first line; and what is known of where they are.

    `missing` are bare names that functions of the file ask for (`testcache.missing`).
    Cost: a look at the decorators of each function, a second walk through those that store, and two
    more through those that are memo-shaped.
    """
    found: dict[int, set[str]] = {}
    nodes: dict[int, list[Function]] = {}
    applied = dict(_applied(outline.calls))
    for definition in outline.functions:
        node = definition.node
        assert not isinstance(node, ast.ClassDef)
        names = set(applied.get(node.name, ()))
        if _decorated(node):
            names.add(node.name)
        if node.name in _CONSTRUCTORS and definition.owner and _decorated(definition.owner.node):
            names.add(definition.owner.name)
        if names:
            found.setdefault(definition.first_line, set()).update(names)
        if _may_store(definition):
            _walk(Scope(node), missing, found, nodes)
    for call in outline.calls:
        for line, names in _wrapped_lambdas(call):
            found.setdefault(line, set()).update(names)
    dotted = {line: names - _NEVER for line, names in found.items() if names - _NEVER}
    names_by_line = {line: frozenset(name.lstrip(".") for name in names) for line, names in dotted.items()}
    fillings = {line: _filling(nodes[line], filled) for line, filled in dotted.items() if line in nodes}
    return names_by_line, fillings


def _filling(functions: list[Function], names: set[str]) -> Filling:
    """What is known of the functions of one line."""
    known = slots.find(functions[0], names) if len(functions) == 1 else Filling()
    return replace(known, given=any(map(keeps_given, functions)), answers=any(map(answers, functions)))


def _may_store(definition: Definition) -> bool:
    tokens = set(definition.tokens)
    return not _TRIGGERS.isdisjoint(tokens) or any(token.startswith(_TRIGGER_STARTS) for token in tokens)


def _walk(scope: Scope, missed: frozenset[str], found: dict[int, set[str]], nodes: dict[int, list[Function]]) -> None:
    """Note the memo names of a function and of the functions inside it."""
    nodes.setdefault(scope.line, []).append(scope.node)
    for inner in scope.inner:
        _walk(inner, missed, found, nodes)
        if _decorated(inner.node):
            found.setdefault(inner.line, set()).add(inner.node.name)
    names = scope.filled(missed)
    if names:
        found.setdefault(scope.line, set()).update(names)


def _decorated(node: Function | ast.ClassDef) -> bool:
    return any(map(_is_hint, node.decorator_list))


def _is_hint(node: ast.expr) -> bool:
    """Is it, bare or called, something whose last name speaks of caching?"""
    while isinstance(node, ast.Call):
        node = node.func
    name = last_name(node).lower()
    return any(hint in name for hint in _HINTS)


def _applied(calls: Iterable[ast.Assign]) -> Iterable[tuple[str, set[str]]]:
    """Functions wrapped by hand, as in `rate = lru_cache(_rate)`: (`_rate`, {`rate`, `_rate`})."""
    for statement in calls:
        for argument in _wrapped(statement):
            if isinstance(argument, ast.Name):
                yield argument.id, {argument.id, *_targets(statement)}


def _wrapped_lambdas(statement: ast.Assign) -> Iterable[tuple[int, set[str]]]:
    for argument in _wrapped(statement):
        if isinstance(argument, ast.Lambda):
            yield argument.lineno, _targets(statement) or {ANY}


def _wrapped(statement: ast.Assign) -> list[ast.expr]:
    call = statement.value
    return call.args if isinstance(call, ast.Call) and _is_hint(call.func) else []


def _targets(statement: ast.Assign) -> set[str]:
    names = {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names | {target.attr for target in statement.targets if isinstance(target, ast.Attribute)}
