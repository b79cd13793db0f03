"""Decorators that change nothing but the function they are put on, and cannot fail."""

from __future__ import annotations

import ast

from testcache.code.evaluation import Surroundings
from testcache.code.nodes import last_name
from testcache.code.outline import Function
from testcache.code.sorts import UNKNOWN

_PURE = frozenset(
    (  # noqa: SIM905
        "builtins.staticmethod builtins.classmethod builtins.property functools.cache functools.cached_property "
        "contextlib.contextmanager contextlib.asynccontextmanager typing.overload typing.final typing.override "
        "typing_extensions.overload typing_extensions.final typing_extensions.override "
        "abc.abstractmethod"
    ).split()
)


def is_sure_function(node: Function, around: Surroundings, names: dict[str, str] | None = None) -> bool:
    """Can a `def` be executed without effect? `names` are those bound before it in its class."""
    return around.is_sure_header(node) and all(_is_pure_decorator(part, around, names) for part in node.decorator_list)


def _is_pure_decorator(node: ast.expr, around: Surroundings, names: dict[str, str] | None) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        accessor = names is not None and names.get(node.value.id) == "property"
        if accessor and node.attr in ("setter", "getter", "deleter"):
            return True
    name = around.dotted(node.func if isinstance(node, ast.Call) else node)
    if not isinstance(node, ast.Call):
        return name in _PURE or name == "functools.lru_cache"
    if name == "functools.lru_cache":
        values = [*node.args, *(option.value for option in node.keywords)]
        sizes = all(isinstance(value, ast.Constant) and isinstance(value.value, int | None) for value in values)
        return sizes and len(node.args) <= 2 and {option.arg for option in node.keywords} <= {"maxsize", "typed"}
    if name == "functools.wraps":
        return (
            len(node.args) == 1 and not node.keywords and around.sort_of(node.args[0]) in ("function", "class", UNKNOWN)
        )
    return False


def sort_of_method(node: Function) -> str:
    """`decorated` is what may not be bound to a second name, as a `cached_property`."""
    if not node.decorator_list:
        return "function"
    first = node.decorator_list[0]
    return "property" if last_name(first) in ("property", "setter", "getter", "deleter") else "decorated"
