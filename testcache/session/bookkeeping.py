"""What a project's own reporting hooks keep in memory is no leftover of a test: a list of results, say."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from testcache.recording.leftovers import Leftovers

HOOKS = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")
"""Hooks that are told of a test and cannot change what becomes of it."""


class Bookkeeping:
    """A plugin around these hooks, of use only in projects that implement one of them.

    Does not see: a test that reads what such a hook has written down.
    """

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, Any, Any]:
        return (yield from self._around())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, Any, Any]:
        return (yield from self._around())

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, Any, Any]:
        return (yield from self._around())

    def _around(self) -> Generator[None, Any, Any]:
        self._leftovers.look()
        answer = yield
        self._leftovers.overlook()
        return answer


def is_needed(config: pytest.Config, is_project: Callable[[str], bool]) -> bool:
    """Whether the project implements one of these hooks."""
    functions = [found.function for name in HOOKS for found in getattr(config.hook, name).get_hookimpls()]
    codes = [getattr(function, "__code__", None) for function in functions]
    return any(code is not None and is_project(code.co_filename) for code in codes)
