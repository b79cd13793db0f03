"""Small questions about one node of a syntax tree."""

from __future__ import annotations

import ast
import re
import warnings

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PLAIN = frozenset("id attr ctx op ops arg asname module type_comment kind".split())  # noqa: SIM905
"""Fields that hold no node that matters here; there are many of them."""


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below this one, without operators and contexts. Cost: 0.5 us."""
    found: list[ast.AST] = []
    for name in _FIELDS[node.__class__]:
        value = getattr(node, name)
        if isinstance(value, ast.AST):
            found.append(value)
        elif value.__class__ is list:
            found += [part for part in value if isinstance(part, ast.AST)]
    return found


def _fields() -> dict[type[ast.AST], tuple[str, ...]]:
    """The fields to look into, for each kind of node."""
    found: dict[type[ast.AST], tuple[str, ...]] = {}
    kinds: list[type[ast.AST]] = [ast.AST]
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        found[kind] = tuple(name for name in kind._fields if name not in _PLAIN)
    return found


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """What `co_firstlineno` says: the line of the first decorator, else of the `def`."""
    return node.decorator_list[0].lineno if node.decorator_list else node.lineno


def parameters(given: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (given.vararg, given.kwarg) if argument]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def names_of_parameters(given: ast.arguments) -> frozenset[str]:
    return frozenset(argument.arg for argument in parameters(given))


def last_name(node: ast.expr) -> str:
    """The last name of a dotted expression, or ""."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def text_of(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def runs_as_program(node: ast.AST) -> bool:
    """Is it `if __name__ == "__main__":` without `else`? An import passes it over, whatever is in it."""
    match node:
        case ast.If(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]), orelse=[]):
            names = {part.id for part in (left, right) if isinstance(part, ast.Name)}
            return names == {"__name__"} and "__main__" in (text_of(left), text_of(right))
    return False


def is_small(node: ast.expr, limit: int = 10_000) -> bool:
    """Is it a whole number from 0 to the limit?"""
    value = node.value if isinstance(node, ast.Constant) else None
    return type(value) is int and 0 <= value <= limit


def is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_divisor(node: ast.expr) -> bool:
    """Is it a number other than 0?"""
    return isinstance(node, ast.Constant) and is_number(node) and bool(node.value)


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_version(node: ast.Compare) -> bool:
    """`sys.version_info >= (3, 12)`: all are whole numbers there."""
    other = node.comparators[0]
    return (
        ast.unparse(node.left) == "sys.version_info"
        and len(node.comparators) == 1
        and isinstance(other, ast.Tuple)
        and len(other.elts) <= 3
        and all(map(is_small, other.elts))
    )


def is_expression(text: str) -> bool:
    """Can the text be parsed where an annotation may be a text?"""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return re.match(r"\s", text) is None


_FIELDS = _fields()
