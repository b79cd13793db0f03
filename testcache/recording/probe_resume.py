"""Probes in generators and coroutines: a function that was suspended marks itself when it goes on."""

from __future__ import annotations

import ast

from testcache.recording.probe_tree import Function, at, line_of, mark, marks_of, own_nodes

Suspension = ast.Yield | ast.YieldFrom | ast.Await
SUSPENDING = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)


def suspends(function: Function) -> bool:
    """Whether it is a generator, a coroutine or both."""
    return isinstance(function, ast.AsyncFunctionDef) or any(
        isinstance(node, SUSPENDING) for statement in function.body for node in own_nodes(statement)
    )


def probe_resumption(body: list[ast.stmt], name: str, first: int) -> list[ast.stmt]:
    """The body of a suspending function with marks wherever it can go on after a suspension.

    1. Sent a value: `(yield x)` becomes `((yield x), <mark>)[0]`, the same for await.
    2. Resumed inside async for and async with: the loop's or block's body begins with a mark.
    3. Thrown an exception that is handled: handlers and finally begin with a mark; so does what
       follows a with block, which may have swallowed it.
    4. Thrown an exception that is not handled: a handler around it all marks and raises it again.

    Does not see: a resumption inside an async comprehension that is suspended again before its end.
    """
    transformer = _Resumption(name, first)
    body = [part for statement in body for part in transformer.through(statement)]
    # A handler and not a finally: nothing is added to the paths on which the function returns.
    line = line_of(body)
    handler = ast.ExceptHandler(type=None, name=None, body=[mark(name, first, line), at(ast.Raise(), line)])
    handler.lineno = handler.end_lineno = line
    handler.col_offset = handler.end_col_offset = 0
    return [at(ast.Try(body=body, handlers=[handler], orelse=[], finalbody=[]), line, deep=False)]


class _Resumption(ast.NodeTransformer):
    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.first = first

    def through(self, statement: ast.stmt) -> list[ast.stmt]:
        changed = self.visit(statement)
        return changed if isinstance(changed, list) else [changed]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._outside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._outside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._outside(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.AST:
        return self._resumed(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        return self._resumed(node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self._resumed(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        self.generic_visit(node)
        node.body = self._marked(node.body)
        return node

    def visit_Try(self, node: ast.Try) -> ast.AST:
        self.generic_visit(node)
        node.finalbody = self._marked(node.finalbody)
        return node

    def visit_TryStar(self, node: ast.TryStar) -> ast.AST:
        self.generic_visit(node)
        node.finalbody = self._marked(node.finalbody)
        return node

    def visit_With(self, node: ast.With) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node, mark(self.name, self.first, node.lineno)]

    def visit_AsyncWith(self, node: ast.AsyncWith) -> list[ast.stmt]:
        return self._resumed_inside(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> list[ast.stmt]:
        return self._resumed_inside(node)

    def _outside(self, node: ast.AST) -> ast.AST:
        """A nested definition is not part of this function, but its decorators and defaults are."""
        # Does not see: a yield there; nobody writes one.
        return node

    def _resumed(self, node: Suspension) -> ast.AST:
        self.generic_visit(node)
        setter = ast.Attribute(value=marks_of(self.name), attr="__setitem__", ctx=ast.Load())
        marking = ast.Call(func=setter, args=[ast.Constant(self.first), ast.Constant(1)], keywords=[])
        pair = ast.Tuple(elts=[node, marking], ctx=ast.Load())
        both = ast.Subscript(value=pair, slice=ast.Constant(0), ctx=ast.Load())
        for new in (both, pair, both.slice, marking, setter, setter.value, *marking.args):
            new.lineno = new.end_lineno = node.lineno  # a call of a method gets the line that it ends on
            new.col_offset = new.end_col_offset = node.col_offset
        return both

    def _resumed_inside(self, node: ast.AsyncWith | ast.AsyncFor) -> list[ast.stmt]:
        self.generic_visit(node)
        node.body = self._marked(node.body)
        if isinstance(node, ast.AsyncFor):
            node.orelse = self._marked(node.orelse)
        return [node, mark(self.name, self.first, node.lineno)]

    def _marked(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [mark(self.name, self.first, line_of(body)), *body] if body else body
