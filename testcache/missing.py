"""Names that the functions of a file ask for to see whether there is anything yet.

Whoever finds nothing mostly calls somebody who fills it: `if self.rows is None: self._load()`. So the
functions that store under such a name are memos, though they test nothing themselves. Asked are

- what is tested for truth, or compared by `is`, `in` or `==`, in a condition or as a value;
- what `hasattr`, `getattr` and `get` are asked for, and what is looked up where that may fail;
- what a function of the file mentions that is called in a condition: `if not self.is_ready()`.

Nothing is asked for by an order: `while self.at < self.end` says nothing about who fills `at`, only
`len(self.rows) < 1` does.

For each function there is also what that one asks for, functions and what stands behind its variables included:
`row = table.get(key)` and `if row is None` ask `get`. Whoever asks and then has something stored by
`table.put(key, work())` has computed what is stored.

Does not see: what another file asks for, other than by such calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from testcache.nodes import FUNCTIONS, bindings, children, first_line, last_name, text_of
from testcache.outline import Function

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def bare(name: str) -> str:
    """A name without what tells an attribute or a private one from others: a property `x` asks for `_x`."""
    return name.lstrip("._")


@dataclass(frozen=True, slots=True)
class Missing:
    """What the functions of a file ask for.

    Attributes:
        names: bare, of all that is asked for.
        asks: the same by the first line of the function, with the names of the functions that it asks.
    """

    names: frozenset[str]
    asks: dict[int, frozenset[str]]


def find(functions: Iterable[Function]) -> Missing:
    """What is asked for. Cost: two walks through the functions, and one more through those inside them."""
    nodes = [node for function in functions for node in ast.walk(function)]
    inside = [node for node in nodes if isinstance(node, FUNCTIONS)]
    asked = _Asked()
    for node in nodes:
        asked.see(node)
    for node in inside:
        if node.name in asked.called:
            asked.names |= _mentioned(node)
    asks = {first_line(node): found for node in inside if (found := _asked_by(node))}
    return Missing(frozenset(map(bare, asked.names | asked.variables)), asks)


def _asked_by(function: Function) -> frozenset[str]:
    asked = _Asked()
    bound: list[tuple[set[str], ast.expr]] = []
    given: set[str] = set()
    pending: list[ast.AST] = [function]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Assert):  # what a test expects to be there, it does not fill
            continue
        pending += children(node)
        asked.see(node)
        bound += bindings(node)
        if isinstance(node, ast.arg):
            given.add(node.arg)
    variables = asked.variables
    bound.sort(key=lambda pair: -pair[1].lineno)  # what is asked for is mostly bound before
    for names, value in bound:
        if not names.isdisjoint(variables):
            variables |= _origins(value)
    return frozenset(map(bare, asked.names | asked.called | (variables - given)))


def _origins(value: ast.expr) -> set[str]:
    """What a value was asked from: the function that returned it, the table it was looked up in."""
    match value:
        case ast.Call(func=ast.Attribute(value=table, attr="get")):
            return {"get"} | _origins(table)
        case ast.Call(func=function):
            return {last_name(function)}
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return {name}
        case ast.Subscript(value=part) | ast.Await(value=part) | ast.NamedExpr(value=part):
            return _origins(part)
        case ast.BoolOp(values=parts):
            return set().union(*map(_origins, parts))
        case ast.IfExp(body=first, orelse=second):
            return _origins(first) | _origins(second)
    return set()


class _Asked:
    """What is asked for.

    Attributes:
        names: attributes that are tested, and texts.
        variables: names without a dot that are tested.
        called: functions that are called in a condition.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.variables: set[str] = set()
        self.called: set[str] = set()

    def see(self, node: ast.AST) -> None:
        """Note what one node asks for."""
        match node:
            case (
                ast.If(test=test)
                | ast.IfExp(test=test)
                | ast.While(test=test)
                | ast.match_case(guard=ast.expr() as test)
            ):
                self._test(test)
            case ast.Match(subject=subject):
                self._test(subject)
            case ast.comprehension(ifs=tests):
                for test in tests:
                    self._test(test)
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Compare():
                self._test(node)
            case ast.Call(func=ast.Name(id="hasattr" | "getattr"), args=[_, name, *_]):
                self.names.add(text_of(name))
            case ast.Call(func=ast.Attribute(value=value, attr="get")):
                self._test(value)
            case ast.Try(body=body, handlers=[_, *_]) | ast.TryStar(body=body):
                self._try(body)
            case ast.With(items=items, body=body):
                if any(
                    isinstance(item.context_expr, ast.Call) and last_name(item.context_expr.func) == "suppress"
                    for item in items
                ):
                    self._try(body)

    def _try(self, body: list[ast.stmt]) -> None:
        """What is looked up fails if there is nothing yet."""
        for part in body:
            for node in ast.walk(part):
                if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                    self._test(node)

    def _test(self, test: ast.expr) -> None:
        match test:
            case ast.BoolOp(values=parts):
                for part in parts:
                    self._test(part)
            case ast.Compare(left=left, ops=ops, comparators=others):
                ordered = all(isinstance(operator, _ORDER) for operator in ops)
                for part in (left, *others):
                    if not ordered or isinstance(part, ast.Call):
                        self._test(part)
            case ast.UnaryOp(op=ast.Not(), operand=part) | ast.NamedExpr(value=part) | ast.Await(value=part):
                self._test(part)
            case ast.Subscript(value=part):
                self._test(part)
            case ast.Attribute(attr=name):
                self.names.add(name)
            case ast.Name(id=name):
                self.variables.add(name)
            case ast.Constant():  # as in `if "rate" in vars(self)`
                self.names.add(text_of(test))
            case ast.Call(func=function):
                self.called.add(last_name(function))
                for argument in test.args:  # `len(self.rows)`, `bool(self.rows)`
                    self._test(argument)


def _mentioned(function: ast.AST) -> set[str]:
    found: set[str] = set()
    pending = [function]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Attribute, ast.Name)):
            found.add(last_name(node))
        pending += children(node)
    return found
