"""The plugin inside an xdist worker: run what the controller chose, record it, send it home."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from testcache.clock import clock
from testcache.inputs.world import World
from testcache.model import Result
from testcache.reasons import Reason
from testcache.recording.observer import Observer
from testcache.session import environment
from testcache.session.names import node_id
from testcache.session.recording import Recording
from testcache.session.remote import make_parent
from testcache.settings import Settings
from testcache.storage.store import Store
from testcache.storage.wire import Packer
from testcache.structs import replace


class LeftModule(pytest.Module):
    """A test file that is left alone."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        return []


class Worker:
    """Records like a run without xdist; decides nothing and never writes into the store.

    `store` is open for reading, or None; it is closed at the end.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        world: World,
        observer: Observer,
        orders: dict[str, Any],
        store: Store | None,
    ) -> None:
        self.recording = Recording(config, settings, world, observer, self._deliver)
        self._config = config
        self._world = world
        self._store = store
        self._run = frozenset(orders["run"])
        self._passed = frozenset(orders["passed"])
        self._within = _within(orders["run"]) if orders["only"] else None
        self._leave: dict[str, list[str]] = {
            str(config.rootpath / path): acts for path, acts in orders["leave"].items()
        }
        self._facts: dict[str, bytes] = orders["facts"]
        if orders["all"]:
            observer.leftovers.all_run()
        self._difference = ""
        self._packer = Packer()
        self._collecting = self._collect_s = self._collected_cpu_s = 0.0

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        make_parent(self._config.option.basetemp)
        self.recording.configure()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._collecting = clock.perf_counter()

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> pytest.Module | None:
        """A test file of which nothing runs is not imported, unless others may see that in their memory."""
        acts = self._leave.get(str(module_path))
        if acts is None or not self.recording.tape.has_loaded(acts):
            return None
        return LeftModule.from_parent(parent, path=module_path)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
        """Of a function of which nothing runs no test is made: some have thousands of parameters."""
        return [] if self._within is not None and f"{collector.nodeid}::{name}" not in self._within else None

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Every worker keeps the same tests in the same order: those the controller named."""
        self._collect_s = clock.perf_counter() - self._collecting
        self._collected_cpu_s = sum(os.times()[:4])
        yield
        self.recording.gates.tell(items, self._passed - self._run)
        items[:] = [item for item in items if node_id(item) in self._run]
        self.recording.tape.settle()
        self._difference = self._compared()

    def _compared(self) -> str:
        """How this process differs from the controller, under whose environment key results are stored.

        A worker of another Python or on another machine does, and one whose controller was started
        with flags of the interpreter: execnet does not pass them on.
        """
        here = environment.digests(self.recording)
        names = [name for name in sorted({*here, *self._facts}) if here.get(name) != self._facts.get(name)]
        return f"its worker differs from pytest's own process: {', '.join(names)}" if names else ""

    def _packed(self, results: list[Result]) -> bytes:
        if self._difference:
            results = [self._unstored(result) if result.trace is not None else result for result in results]
        return self._packer.pack(results)

    def _unstored(self, result: Result) -> Result:
        problem = (Reason.ENVIRONMENT_CHANGED.slug, self._difference)
        return replace(result, trace=None, problems=(problem,))

    def _deliver(self, report: Any, result: Result) -> None:
        report.testcache = self._packed([result])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        results = self.recording.finish()
        output: dict[str, Any] = getattr(self._config, "workeroutput")  # noqa: B009  # xdist's own addition
        output["testcache"] = self._packed(results)
        output["testcache-setups"] = self.recording.charges.setups.seconds()
        output["testcache-collect"] = self._collect_s
        output["testcache-cpu"] = sum(os.times()[:4]) - self._collected_cpu_s
        if self._store is not None:
            self._store.close()


def _within(nodes: Iterable[str]) -> frozenset[str]:
    """The node ids of all functions and classes in which these tests are."""
    found = set()
    for node in nodes:
        path, _, rest = node.partition("::")
        name = path
        for part in rest.partition("[")[0].split("::"):
            name = f"{name}::{part}"
            found.add(name)
    return frozenset(found)
