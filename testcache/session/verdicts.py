"""Plugins that judge a run at its end, by what their fixtures were used for: unused snapshots, say."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from testcache.inputs.roots import Roots
from testcache.session.ends import judges


class Verdicts:
    """Which fixtures belong to an installed plugin that sets the exit status when the run has ended.

    Such a plugin counts in memory what its fixtures were asked for. A test that is replayed asks for nothing,
    and the plugin would take that for a fault. One that only tidies up at the end does not set the exit status.
    What has all tests use it unasked (autouse) has no test of its own to miss.

    Does not see: a plugin that judges in another module than the one with its fixtures, or by raising an error.
    """

    def __init__(self, config: pytest.Config, roots: Roots) -> None:
        self._config = config
        self._roots = roots
        self._known: tuple[int, frozenset[str]] = (-1, frozenset())

    def judge(self, definition: pytest.FixtureDef[Any]) -> str | None:
        """The plugin that would miss it if this fixture were not used, or None."""
        module = getattr(definition.func, "__module__", None)
        return module if module in self._modules() and not getattr(definition, "_autouse", False) else None

    def _modules(self) -> frozenset[str]:
        implementations = self._config.hook.pytest_sessionfinish.get_hookimpls()
        if self._known[0] != len(implementations):
            self._known = (len(implementations), frozenset(filter(None, map(self._judging, implementations))))
        return self._known[1]

    def _judging(self, implementation: Any) -> str | None:
        """The name of the module that is this plugin, if its hook sets the exit status."""
        plugin, code = implementation.plugin, getattr(implementation.function, "__code__", None)
        if not isinstance(plugin, ModuleType) or not isinstance(code, CodeType):
            return None
        if self._roots.is_first_party(code.co_filename):
            return None
        return plugin.__name__ if _sets_status(code) else None

    def hooks(self, is_project: Callable[[str], bool]) -> list[list[CodeType]]:
        """The project's own hooks that judge when the session ends, each with functions of its module that it calls.

        They go by what its modules hold then, and whoever has left what they come upon would be missed, too.
        Does not see: one that judges in a function of another module, unless that is called as `testcache.session.ends`
        has it.
        """
        found = []
        for name in _LAST:
            for one in getattr(self._config.hook, name).get_hookimpls():
                function = getattr(one.function, "__func__", one.function)
                if isinstance(function, FunctionType) and is_project(function.__code__.co_filename):
                    codes = _with_calls(function)
                    found += [codes] if any(_sets_status(code) or judges(code) for code in codes) else []
        return found


_LAST = ("pytest_sessionfinish", "pytest_terminal_summary", "pytest_unconfigure")


def _with_calls(function: FunctionType) -> list[CodeType]:
    """The code of a function, and of those that its module's names stand for in it, and so on."""
    found: dict[CodeType, None] = {}
    queue = [function]
    while queue:
        code = queue.pop().__code__
        if code not in found:
            found[code] = None
            named = map(function.__globals__.get, code.co_names)
            queue += [one for one in named if isinstance(one, FunctionType) and one.__module__ == function.__module__]
    return [*found]


def _sets_status(code: CodeType) -> bool:
    return any(line.opname == "STORE_ATTR" and line.argval == "exitstatus" for line in dis.get_instructions(code))
