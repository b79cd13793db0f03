"""The variables of one function: which of them still have the value that matters when it ends.

A variable *stays* if no value of it is lost on the way: it is bound once, or in arms of an `if` of which
only one is executed, or again and again by a loop, at the end of whose rounds somebody looks, or on lines
of their own, before which somebody looks.
"""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass, replace

from testcache.nodes import FUNCTIONS, children
from testcache.outline import Function

_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_SUITES = ("body", "orelse", "finalbody")
_GUARDS = (ast.Try, ast.TryStar, ast.With, ast.AsyncWith)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class _Loop:
    """A loop, and the `try` and `with` statements around it, the innermost last."""

    node: ast.AST
    guards: tuple[ast.AST, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a statement stands.

    Attributes:
        arms: the arms of `if` statements that it is in, or can only be reached without.
        loops: the loops around it, the innermost last.
        guards: statements around it that may catch an exception.
    """

    arms: frozenset[tuple[ast.If, bool]] = frozenset()
    loops: tuple[_Loop, ...] = ()
    guards: tuple[ast.AST, ...] = ()


@dataclass(frozen=True, slots=True)
class _Binding:
    at: tuple[int, int]
    place: _Place
    value: ast.expr | None
    statement: ast.stmt | None = None


class Variables:
    """Where each variable of a function gets its values.

    Attributes:
        own: the nodes of the function, but for functions and classes inside it.
        inner: those.
    """

    def __init__(self, node: Function) -> None:
        self.own: list[ast.AST] = []
        self.inner: list[ast.AST] = []
        self._places: dict[ast.AST, _Place] = {}
        self._bound: dict[str, list[_Binding]] = {}
        self._lost: set[str] = set()
        self._augmented: set[ast.AST] = set()
        self._lines: dict[int, list[ast.stmt]] = {}
        self._parameters(node)
        self._suite(node.body, _Place())
        for bindings in self._bound.values():
            bindings.sort(key=lambda binding: binding.at)

    def stays(self, name: str) -> bool:
        """Whether each value of the variable can be seen at the end of the function or of a round of a loop."""
        bound = self._bound.get(name)
        if not bound or name in self._lost:
            return False
        pairs = itertools.combinations(bound, 2)
        return all(_is_seen_before(first, second) or self._is_looked_at(first, second) for first, second in pairs)

    def replaced(self, name: str) -> dict[int, ast.stmt]:
        """The lines before which somebody must look at the variable, and the statements that replace its value."""
        bound = self._bound.get(name, ())
        if all(_is_seen_before(first, second) for first, second in itertools.combinations(bound, 2)):
            return {}
        return {binding.at[0]: binding.statement for binding in bound if binding.statement is not None}

    def is_repeated(self, node: ast.AST) -> bool:
        """Whether a node is in a comprehension: executed several times in its line."""
        return any(isinstance(loop.node, _COMPREHENSIONS) for loop in self._places[node].loops)

    def alone_on(self, line: int) -> ast.stmt | None:
        """The simple statement on a line, if there is nothing else on it."""
        found = self._lines.get(line, ())
        return found[0] if len(found) == 1 and not hasattr(found[0], "body") else None

    def is_looped(self, name: str) -> bool:
        """Whether one of its values is from a loop."""
        return any(binding.place.loops for binding in self._bound.get(name, ()))

    def may_follow(self, second: ast.AST, first: ast.AST) -> bool:
        """Whether the second of two nodes of the function may be executed after the first."""
        before, after = self._places[first], self._places[second]
        if after.loops:
            return True
        return place_of(second) >= place_of(first) and not _are_exclusive(before, after)

    def values(self, name: str) -> list[ast.expr]:
        """The expressions that are assigned to the variable as a whole."""
        return [binding.value for binding in self._bound.get(name, ()) if binding.value is not None]

    def _is_looked_at(self, first: _Binding, second: _Binding) -> bool:
        """Whether both are such that somebody can look before they replace each other."""
        if not self._can_look(second) or first.at[0] == second.at[0]:
            return False
        loops = {loop.node for loop in first.place.loops}
        return self._can_look(first) or loops.isdisjoint(loop.node for loop in second.place.loops)

    def _can_look(self, binding: _Binding) -> bool:
        return binding.statement is not None and self.alone_on(binding.at[0]) is binding.statement

    def _parameters(self, node: Function) -> None:
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            if argument is not None:
                self._bind(argument.arg, node, _Place())
        positional = [*given.posonlyargs, *given.args]
        with_default = positional[len(positional) - len(given.defaults) :]
        pairs = [*zip(with_default, given.defaults, strict=True)]
        pairs += [(name, value) for name, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value]
        self._lost.update(argument.arg for argument, default in pairs if not isinstance(default, ast.Constant))

    def _suite(self, statements: list[ast.stmt], place: _Place) -> None:
        for statement in statements:
            for line in _lines_of(statement):
                self._lines.setdefault(line, []).append(statement)
            self._visit(statement, place)
            if isinstance(statement, ast.If) and _ends(statement.body):
                place = replace(place, arms=place.arms | {(statement, False)})

    def _visit(self, node: ast.AST, place: _Place) -> None:
        if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            if not isinstance(node, ast.Lambda):
                self._bind(node.name, node, place)
            self.inner.append(node)
            self._lost.update(name for part in ast.walk(node) if isinstance(part, ast.Nonlocal) for name in part.names)
            return
        self.own.append(node)
        self._places[node] = place
        self._see(node, place)
        inside = place
        if isinstance(node, (*_LOOPS, *_COMPREHENSIONS)):
            inside = replace(place, loops=(*place.loops, _Loop(node, place.guards)))
        elif isinstance(node, _GUARDS):
            inside = replace(place, guards=(*place.guards, node))
        for child in children(node):
            if isinstance(child, ast.ExceptHandler | ast.match_case):
                self._visit(child, place)
            elif not isinstance(child, ast.stmt):
                self._visit(child, inside)
        for field in _SUITES:
            suite = getattr(node, field, None)
            if isinstance(suite, list):
                there = inside if field == "body" or not isinstance(node, _GUARDS) else place
                if isinstance(node, ast.If):
                    there = replace(place, arms=place.arms | {(node, field == "body")})
                self._suite(suite, there)

    def _see(self, node: ast.AST, place: _Place) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if node not in self._augmented:
                self._bind(name, node, place)
            case ast.Name(id=name, ctx=ast.Del()):
                self._lost.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self._lost.update(names)
            case ast.alias(name=name, asname=other):
                self._bind(other or name.partition(".")[0], node, place)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._lost.add(name)
            case ast.MatchMapping(rest=str(name)):
                self._lost.add(name)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        self._bind(target.id, target, place, value, statement=node)
            case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                self._bind(target.id, target, place, value, statement=node)
            case ast.NamedExpr(target=target, value=value):
                self._bind(target.id, target, place, value)
            case ast.For() | ast.AsyncFor():
                inside = replace(place, loops=(*place.loops, _Loop(node, place.guards)))  # anew by each round
                for part in ast.walk(node.target):
                    if isinstance(part, ast.Name):
                        self._bind(part.id, part, inside)
            case ast.comprehension():
                self._lost.update(part.id for part in ast.walk(node.target) if isinstance(part, ast.Name))
            case ast.AugAssign(target=ast.Name() as target):
                self._augmented.add(target)  # if it can be filled at all, it stays the same object

    def _bind(
        self, name: str, node: ast.AST, place: _Place, value: ast.expr | None = None, statement: ast.stmt | None = None
    ) -> None:
        at = place_of(node)
        bound = self._bound.setdefault(name, [])
        if not any(binding.at == at for binding in bound):  # its target is visited again, as a name
            bound.append(_Binding(at, place, value, statement))


def is_path(node: ast.expr) -> bool:
    """Is it a name, or an attribute of an attribute of a name?"""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def place_of(node: ast.AST) -> tuple[int, int]:
    """Line and column, to compare which is first."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _is_seen_before(first: _Binding, second: _Binding) -> bool:
    """Whether the value of the first is looked at before the second replaces it, if ever both are executed."""
    if _are_exclusive(first.place, second.place):
        return True
    if not first.place.loops:
        return False
    loop = first.place.loops[-1]
    if any(other.node is loop.node for other in second.place.loops) or _has_break(loop.node):
        return False
    return not loop.guards or loop.guards[-1] in second.place.guards


def _lines_of(statement: ast.stmt) -> range:
    """The lines of a statement, without those of its suites."""
    end = statement.end_lineno
    if hasattr(statement, "body"):
        head = [node for node in children(statement) if not isinstance(node, ast.stmt | ast.ExceptHandler)]
        end = max((getattr(node, "end_lineno", 0) for node in head), default=0)
    return range(statement.lineno, max(end or 0, statement.lineno) + 1)


def _are_exclusive(first: _Place, second: _Place) -> bool:
    """Whether at most one of two is executed: they are in two arms of one `if`."""
    return any((node, not arm) in second.arms for node, arm in first.arms)


def _has_break(loop: ast.AST) -> bool:
    """Is there a `break` in a loop, or in one inside it?"""
    return any(isinstance(part, ast.Break) for part in ast.walk(loop))


def _ends(suite: list[ast.stmt]) -> bool:
    """Does nothing that follows in the same suite come after this one?"""
    last = suite[-1]
    if isinstance(last, ast.With):
        return _ends(last.body) and not any(isinstance(item.context_expr, ast.Call) for item in last.items)
    return isinstance(last, (ast.Return, ast.Raise, ast.Continue))
