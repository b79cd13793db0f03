"""Plugins that let a test run, or not, by how others have ended: `pytest-dependency` skips who depends on a failure.

1. Such a plugin listens to reports as they are made. Of tests that are replayed none are, so it is told of them before
   anything runs: else it would skip whoever depends on one of them.
2. Whom it stops is not stored: the test that it depends on is no input, and may pass the next time.

Does not see: whether it would stop a test that is replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import ModuleType
from typing import Any

import pytest

from testcache.inputs.roots import Roots
from testcache.model import NodeId, Trace
from testcache.session.names import node_id
from testcache.session.replay import PHASES, plain_pass
from testcache.session.warned import is_warning
from testcache.storage.index import IndexedTest


class Gates:
    """The installed plugins that have both hooks, in one module."""

    def __init__(self, config: pytest.Config, roots: Roots) -> None:
        self._manager = config.pluginmanager
        self._roots = roots
        self._known: tuple[int, list[ModuleType]] = (-1, [])
        self._report: pytest.TestReport | None = None

    def found(self) -> list[ModuleType]:
        """These plugins."""
        plugins = self._manager.get_plugins()
        if self._known[0] != len(plugins):
            self._known = (len(plugins), [one for one in plugins if isinstance(one, ModuleType) and self._is_gate(one)])
        return self._known[1]

    def _is_gate(self, plugin: ModuleType) -> bool:
        file = getattr(plugin, "__file__", None)
        if not isinstance(file, str) or plugin.__name__.startswith("_pytest.") or self._roots.is_first_party(file):
            return False
        hooks = {caller.name: impls for caller in self._manager.get_hookcallers(plugin) or ()
                 if (impls := [one for one in caller.get_hookimpls() if one.plugin is plugin])}  # fmt: skip
        stops = (one for one in hooks.get("pytest_runtest_setup", ()) if not (one.wrapper or one.hookwrapper))
        return "pytest_runtest_makereport" in hooks and any(stops)

    def stopped(self, call: pytest.CallInfo[Any]) -> str:
        """The plugin out of whose code a skip comes, "" if out of none."""
        if call.excinfo is None or not (gates := self.found()):
            return ""
        files = {entry.frame.raw.f_code.co_filename for entry in call.excinfo.traceback}
        return next((gate.__name__ for gate in gates if gate.__file__ in files), "")

    def tell(self, items: Iterable[pytest.Item], passed: Set[NodeId]) -> None:
        """Tell them that the tests of these ids have passed; a plugin that cannot be told is left alone."""
        gates = self.found()
        if not gates or not passed:
            return
        self._manager.register(self, "testcache-gates")
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not self and plugin not in gates]
        hook = self._manager.subset_hook_caller("pytest_runtest_makereport", others)
        for item in items:
            if node_id(item) in passed:
                for when in PHASES:
                    self._report = plain_pass(item, when, 0.0)
                    try:
                        hook(item=item, call=pytest.CallInfo.from_call(lambda: None, when))
                    except Exception:  # of whichever kind: the run goes on without it
                        break
        self._manager.unregister(self)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self) -> pytest.TestReport | None:
        """The report of which they are told."""
        return self._report


def passed(hits: Mapping[NodeId, Trace | IndexedTest]) -> set[NodeId]:
    """Which of the tests that are replayed have passed."""
    return {node for node, hit in hits.items() if all(map(_is_pass, hit.reports))}


def _is_pass(stored: dict[str, Any]) -> bool:
    return is_warning(stored) or stored.get("outcome", "passed") == "passed"
