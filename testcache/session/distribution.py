"""xdist, held back until it is known that something must run, and then given only that.

xdist starts its workers as soon as the session starts, long before anything is decided. So its session
object is taken out of the plugin manager the moment it registers; the controller collects and decides
as if xdist were not there; workers start only if tests are left to run, and run only those.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from testcache.model import NodeId, Result
from testcache.storage.wire import Unpacker

ORDERS = "testcache"


def worker_orders() -> dict[str, Any] | None:
    """What the controller told this process to do, if it is an xdist worker; else None.

    xdist sets `config.workerinput` only after plugins and conftest files are loaded, which is too late
    for a recorder. Until then the same dict is a global of the module that execnet runs.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "__channelexec__":
            return dict(frame.f_globals["workerinput"]).get(ORDERS, {"run": [], "salt": b""})
        frame = frame.f_back
    return None


class Distribution:
    """Stands between the controller and xdist; does nothing in a run without it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._session: Any = None
        self._run: list[NodeId] = []
        self._salt = b""
        self._streams: dict[str, Unpacker] = {}
        self._finals: list[Result] = []

    @property
    def held_back(self) -> bool:
        return self._session is not None

    def hold_back(self, plugin: object) -> None:
        """Take xdist's session out again, right when it registers."""
        if type(plugin).__name__ == "DSession" and type(plugin).__module__ == "xdist.dsession" and not self._run:
            self._session = plugin
            self._config.pluginmanager.unregister(plugin)

    def run(self, session: pytest.Session, nodes: list[NodeId], *, salt: bytes) -> object:
        """Start workers for these tests and let xdist run them; its answer is pytest's."""
        self._run = nodes
        self._salt = salt
        self._config.option.tx = self._config.option.tx[: max(1, len(nodes))]
        manager = self._config.pluginmanager
        manager.register(self, "testcache-distribution")
        manager.register(self._session, "dsession")
        collected = session.testscollected
        self._session.pytest_sessionstart(session)
        try:
            return self._session.pytest_runtestloop()
        finally:
            session.testscollected = collected

    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what to run."""
        node.workerinput[ORDERS] = {"run": [str(n) for n in self._run], "salt": self._salt}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take the final results that a worker leaves; a crashed one leaves none."""
        sent = getattr(node, "workeroutput", {}).get("testcache")
        if sent is not None:
            self._finals += self._stream(node.gateway.id).unpack(sent)

    def received(self, report: Any, sent: bytes) -> list[Result]:
        """Decode what came with a report from a worker."""
        return self._stream(report.node.gateway.id).unpack(sent)

    def _stream(self, worker: str) -> Unpacker:
        return self._streams.setdefault(worker, Unpacker())

    def finals(self) -> list[Result]:
        """The final results of all workers that ended in order."""
        return self._finals
