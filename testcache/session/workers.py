"""The plugin inside an xdist worker: run what the controller chose, record it, send it home."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest

from testcache.inputs.world import World
from testcache.model import Result
from testcache.recording.observer import Observer
from testcache.session.names import node_id
from testcache.session.recording import Recording
from testcache.settings import Settings
from testcache.storage.wire import Packer


class Worker:
    """Records like a run without xdist; decides nothing and never opens the store."""

    def __init__(
        self, config: pytest.Config, settings: Settings, world: World, observer: Observer, run: list[str]
    ) -> None:
        self.recording = Recording(config, settings, world, observer, self._deliver)
        self._config = config
        self._run = frozenset(run)
        self._packer = Packer()
        self._collecting = self._collect_s = 0.0

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        self.recording.configure()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self._collecting = time.perf_counter()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Every worker keeps the same tests in the same order: those the controller named."""
        self._collect_s = time.perf_counter() - self._collecting
        yield
        items[:] = [item for item in items if node_id(item) in self._run]
        self.recording.tape.settle()

    def _deliver(self, report: Any, result: Result) -> None:
        report.testcache = self._packer.pack([result])

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        results = self.recording.finish()
        self._config.workeroutput["testcache"] = self._packer.pack(results)
        self._config.workeroutput["testcache-setups"] = self.recording.charges.setups.seconds()
        self._config.workeroutput["testcache-collect"] = self._collect_s
