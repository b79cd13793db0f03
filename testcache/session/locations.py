"""Locations of tests: pytest asks the file system anew for each of them, which takes 80 us; for most 3 us will do."""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

import pytest

_LOCATION: Final = "location"
_MARKS: Final = frozenset({"pytestmark"})
"""Attributes of a function with nothing around it."""


def locate(items: Iterable[pytest.Item]) -> None:
    """Give tests the location that pytest would find.

    Pytest is asked for the first test of each file. Where its answer is what we would have said, the others get that.
    """
    known: dict[str, str | None] = {}
    for item in items:
        code = _code_of(item)
        if code is None or _LOCATION in item.__dict__:
            continue
        file = code.co_filename
        if file not in known:
            found = item.location
            known[file] = found[0] if found == _location(item, found[0], code) else None
        path = known[file]
        if path is not None:
            item.__dict__[_LOCATION] = _location(item, path, code)


def _location(item: Any, path: str, code: CodeType) -> tuple[str, int, str]:
    return path, code.co_firstlineno - 1, item.getmodpath()


def _code_of(item: pytest.Item) -> CodeType | None:
    """The code of a plain test function or method; None if anything stands around it."""
    if type(item) is not pytest.Function:
        return None
    made: object = item.obj
    function = made.__func__ if type(made) is MethodType else made
    return function.__code__ if type(function) is FunctionType and not function.__dict__.keys() - _MARKS else None
