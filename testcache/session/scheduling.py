"""xdist's scheduler with our rules: the longest test first, shared set-ups kept together.

Everything that xdist asks a scheduler is inherited; only who gets which test, and what a crash means,
is decided here.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling

from testcache.model import NodeId
from testcache.parallel.dispatch import Dispatcher
from testcache.parallel.units import Unit, quantum, units
from testcache.session.workforce import Work

QUICK_S = 0.01
QUICK_TESTS = 4
"""Behind tests of a few milliseconds more than one waits, or workers would stand still while they ask."""


class CostScheduling(LoadScheduling):  # type: ignore[misc]
    """Gives each worker its next tests by predicted cost.

    Attributes:
        first, last: when the first test was given out and the latest one ended (`time.perf_counter`).
        work_s: seconds of all tests that ended, as their workers measured them.
        tests: how many those are.
    """

    def __init__(self, config: pytest.Config, log: Any, work: Work) -> None:
        self._units = Dispatcher([], size_s=1.0)
        self.collection: list[str] | None = None
        super().__init__(config, log)
        self._work = work
        self._costs: list[float] = []
        self._positions: dict[str, int] = {}
        self._started: set[int] = set()
        self._ended: set[int] = set()
        self.first: float | None = None
        self.last = 0.0
        self.work_s = 0.0
        self.tests = 0
        self._witness = Witness(self)
        config.pluginmanager.register(self._witness, "testcache-witness")

    @property
    def pending(self) -> list[int]:
        """What xdist takes for its list of tests that nobody has yet."""
        return self._units.tests

    @pending.setter
    def pending(self, value: list[int]) -> None:
        """xdist makes an empty list first; ours fills itself."""

    @property
    def has_pending(self) -> bool:
        """Whether any test is still to end."""
        return len(self._units) > 0 or any(self.node2pending.values())

    @property
    def tests_finished(self) -> bool:
        """Whether nothing is left to give out and no worker has more than one test, which waits for a next."""
        if not self.collection_is_completed or len(self._units) > 0:
            return False
        return all(len(queue) < 2 for queue in self.node2pending.values())

    # -- giving out

    def schedule(self) -> None:
        """Give each worker its first tests, or a worker that joined later its own."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            collection = next(iter(self.node2collection.values()))
            self.collection = collection
            self._cut(collection)
            self.first = self.last = time.perf_counter()
        for node in self.nodes:
            self.check_schedule(node)

    def _cut(self, collection: list[str]) -> None:
        nodes = [NodeId(name) for name in collection]
        self._positions = {name: number for number, name in enumerate(collection)}
        self._costs = [self._work.costs.seconds(node) for node in nodes]
        size_s = quantum(sum(self._costs), len(self.nodes))
        cut = units(nodes, self._costs, self._work.setups, size_s=size_s, urgent=self._work.urgent)
        self._units = Dispatcher(cut, size_s=size_s)

    def check_schedule(self, node: Any, duration: float = 0) -> None:
        """Give a worker more, or tell it that nothing more comes."""
        while not node.shutting_down and self._wants(node):
            others = [other for other in self.nodes if other is not node and not other.shutting_down]
            unit = self._units.next(self._ahead_s(node), [self._ahead_s(other) for other in others])
            if unit is None:
                node.shutdown()
            else:
                self.node2pending[node].extend(unit.tests)
                node.send_runtest_some(list(unit.tests))

    def _wants(self, node: Any) -> bool:
        queue = self.node2pending[node]
        if len(queue) < 2:
            return True
        return len(queue) < QUICK_TESTS and self._ahead_s(node) < QUICK_S and len(self._units) > 0

    def _ahead_s(self, node: Any) -> float:
        return sum((self._costs[test] for test in self.node2pending[node]), 0.0)

    # -- what came of it

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """A test is through on its worker."""
        self.last = time.perf_counter()
        self.work_s += duration
        self.tests += 1
        super().mark_test_complete(node, item_index, duration)

    def mark_test_pending(self, item: str) -> None:
        """Run a test again, on whichever worker (plugins that repeat crashed tests ask for this)."""
        assert self.collection is not None
        self._return([self.collection.index(item)])

    def remove_node(self, node: Any) -> str | None:
        """Take a worker out that ended or died; the test to blame, if it died in one.

        A worker's first pending test need not be the one that killed it:
        1. the test's last report has come, but not the note that it is through: it is reported already;
        2. it had not begun: it waited for the controller to name the test behind it.
        """
        pending = self.node2pending.pop(node)
        if not pending:
            return None
        assert self.collection is not None
        suspect, *rest = pending
        blamed = suspect in self._started and suspect not in self._ended
        if suspect not in self._started:
            rest = pending
        self._return(rest)
        return self.collection[suspect] if blamed else None

    def _return(self, tests: list[int]) -> None:
        """Give tests of a lost worker to the others, or to the worker that replaces it."""
        self._units.put_back(Unit((test,), self._costs[test]) for test in reversed(tests))
        self._started.difference_update(tests)
        self._ended.difference_update(tests)
        for node in self.nodes:
            self.check_schedule(node)

    def note(self, nodeid: str, *, ended: bool) -> None:
        """Take note of how far a test has come."""
        position = self._positions.get(nodeid)
        if position is not None:
            (self._ended if ended else self._started).add(position)


class Witness:
    """A plugin that tells the scheduler which tests began and which have sent their last report."""

    def __init__(self, scheduler: CostScheduling) -> None:
        self._scheduler = scheduler

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._scheduler.note(nodeid, ended=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._scheduler.note(report.nodeid, ended=True)
