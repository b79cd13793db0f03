"""Names that the functions of a file ask for to see whether there is anything yet.

Whoever finds nothing mostly calls somebody who fills it: `if self.rows is None: self._load()`. So the
functions that store under such a name are memos, though they test nothing themselves. Asked are

- what is tested for truth, or compared by `is`, `in` or `==`, in a condition or as a value;
- what `hasattr`, `getattr` and `get` are asked for, and what is looked up where that may fail;
- what a function of the file mentions that is called in a condition: `if not self.is_ready()`.

Nothing is asked for by an order: `while self.at < self.end` says nothing about who fills `at`, only
`len(self.rows) < 1` does.

Does not see: what another file asks for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from testcache.nodes import children, last_name, text_of

_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def bare(name: str) -> str:
    """A name without what tells an attribute or a private one from others: a property `x` asks for `_x`."""
    return name.lstrip("._")


def find(functions: Iterable[ast.AST]) -> frozenset[str]:
    """The bare names. Cost: a walk through the functions."""
    nodes = [node for function in functions for node in ast.walk(function)]
    asked = _Asked()
    for node in nodes:
        asked.see(node)
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in asked.called:
            asked.names |= _mentioned(node)
    return frozenset(map(bare, asked.names))


class _Asked:
    """What is asked for.

    Attributes:
        names: of what is tested itself.
        called: functions that are called in a condition.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
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
            case ast.Attribute(attr=name) | ast.Name(id=name):
                self.names.add(name)
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
