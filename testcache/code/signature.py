"""Signatures: what a function is for who calls it by its name, and what more there is for who looks at it.

Who calls a function cannot tell what its docstring and its annotations are, and which constant a default is only if it
runs: so that counts with the statements. That there is a default is another matter: without one a call may fail.
"""

from __future__ import annotations

import ast

from testcache.code.outline import GENERATOR, Definition, Function
from testcache.code.syntax import write

_SOME = ast.Constant(value=...)


def is_plain(node: ast.stmt) -> bool:
    """Whether a statement defines a function without decorators: who calls it by its name runs it."""
    return isinstance(node, Function) and not node.decorator_list


class Signature:
    """The tokens of a function but for its statements, its docstring and its annotations.

    Attributes:
        tokens: all of them.
        counting: those that count for who calls it: not which constant a default is.
        constants: these constants, for who runs it.
    """

    def __init__(self, item: Definition) -> None:
        node = item.node
        assert isinstance(node, Function)
        begin, given = f"({node.__class__.__name__} {node.name}", node.args
        end = [GENERATOR] if item.generates else []
        defaults = [one for one in (*given.defaults, *given.kw_defaults) if one is not None and _is_constant(one)]
        if item.generates or isinstance(node, ast.AsyncFunctionDef):  # a call alone runs nothing of it
            defaults = []
        self.tokens, self.counting = [begin], [begin]
        self.constants: list[str] = []
        write([[], _parameters(given, []), None], self.tokens)
        write([[], _parameters(given, defaults), None], self.counting)
        write([defaults] if defaults else [], self.constants)  # where they stand is among those that count
        self.tokens += end
        self.counting += end


def _parameters(given: ast.arguments, passed_over: list[ast.expr]) -> ast.arguments:
    """Parameters without annotations; of some defaults no more than that they are constants."""

    def plain(one: ast.arg) -> ast.arg:
        return ast.arg(arg=one.arg, annotation=None)

    def default(one: ast.expr) -> ast.expr:
        return _SOME if one in passed_over else one

    return ast.arguments(
        posonlyargs=[*map(plain, given.posonlyargs)],
        args=[*map(plain, given.args)],
        vararg=plain(given.vararg) if given.vararg else None,
        kwonlyargs=[*map(plain, given.kwonlyargs)],
        kw_defaults=[None if one is None else default(one) for one in given.kw_defaults],
        kwarg=plain(given.kwarg) if given.kwarg else None,
        defaults=[*map(default, given.defaults)],
    )


def _is_constant(node: ast.expr) -> bool:
    """Whether it is the same each time, and cannot be changed."""
    match node:
        case ast.Constant() | ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() | complex())):
            return True
        case ast.Tuple(elts=parts):
            return all(map(_is_constant, parts))
    return False
