"""xdist's scheduler with our rules: the longest test first, shared set-ups kept together.

Everything that xdist asks a scheduler is inherited; only who gets which test, and what a crash means,
is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling

from testcache.clock import clock
from testcache.model import NodeId
from testcache.parallel.dispatch import Dispatcher
from testcache.parallel.units import Unit, quantum, units
from testcache.session.limits import Limits
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

    def __init__(self, config: pytest.Config, log: Any, work: Work, limits: Limits) -> None:
        self._units = Dispatcher([], size_s=1.0)
        self.collection: list[str] | None = None
        super().__init__(config, log)
        self._work = work
        self._limits = limits
        self._parts: dict[Any, list[int]] = {}
        self._held: set[Any] = set()
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
        limits.start(self.wake)

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
        return self._left or any(self.node2pending.values())

    @property
    def _left(self) -> bool:
        """Whether a test is left that no worker has got."""
        return len(self._units) > 0 or any(self._parts.values())

    @property
    def tests_finished(self) -> bool:
        """Whether nothing is left to give out and no worker has more than one test, which waits for a next."""
        if not self.collection_is_completed or self._left or self._held:
            return False
        return all(len(queue) < 2 for queue in self.node2pending.values())

    # -- giving out

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        """A worker has collected. One that joined later and found other tests is of no use."""
        super().add_node_collection(node, collection)
        if node not in self.node2collection:
            node.shutdown()

    def schedule(self) -> None:
        """Give each worker its first tests, or a worker that joined later its own."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            collection = next(iter(self.node2collection.values()))
            self.collection = collection
            self._cut(collection)
            self.first = self.last = clock.perf_counter()
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
        """Give a worker more, or tell it that nothing more comes, or let it wait while the machine is busy."""
        if node not in self.node2collection:  # it joined later and has not collected yet
            return
        self._limits.joined(node)
        self._held.discard(node)
        while not node.shutting_down and self._wants(node):
            if self._limits.busy and any(self._runs(other) for other in self.nodes if other is not node):
                self._held.add(node)
                break
            tests = self._next(node)
            if tests:
                self.node2pending[node].extend(tests)
                if not _sent(node, tests):
                    break
            else:
                node.shutdown()
        self._limits.waiting(bool(self._held))

    def wake(self) -> None:
        """Look again whether those that wait may go on."""
        for node in list(self._held):
            self.check_schedule(node)

    def _runs(self, node: Any) -> bool:
        """Whether a worker has a test that it does not hold back for want of a next one."""
        return len(self.node2pending[node]) > (0 if node.shutting_down else 1)

    def _next(self, node: Any) -> list[int]:
        """The tests that a worker gets next: all of a unit, or one by one where its memory is limited."""
        parts = self._parts.setdefault(node, [])
        if not parts:
            others = [o for o in self.nodes if o is not node and o in self.node2collection and not o.shutting_down]
            unit = self._units.next(self._ahead_s(node), [self._ahead_s(other) for other in others])
            parts += unit.tests if unit is not None else ()
        count = 1 if self._limits.of_memory else len(parts)
        taken, parts[:count] = parts[:count], []
        return taken

    def _wants(self, node: Any) -> bool:
        queue = self.node2pending[node]
        if len(queue) < 2:
            return True
        quick = not self._limits.of_memory and len(queue) < QUICK_TESTS and self._ahead_s(node) < QUICK_S
        return quick and len(self._units) > 0

    def _ahead_s(self, node: Any) -> float:
        ahead = [*self.node2pending[node], *self._parts.get(node, ())]
        return sum((self._costs[test] for test in ahead), 0.0)

    # -- what came of it

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """A test is through on its worker."""
        self.last = clock.perf_counter()
        self.work_s += duration
        self.tests += 1
        self.node2pending[node].remove(item_index)
        if not node.shutting_down and self._limits.full(node):
            self._retire(node)
        else:
            self.check_schedule(node, duration)

    def _retire(self, node: Any) -> None:
        """Let a worker end after the test that waits in it, and another one take its place."""
        node.shutdown()
        rest = self._parts.pop(node, [])
        self._return(rest)
        if self._left:
            self._limits.replace(node)

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
        self._held.discard(node)
        self._return(self._parts.pop(node, []))
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


def _sent(node: Any, tests: list[int]) -> bool:
    """Whether a worker could still be told its next tests.

    It could not where:
    1. a worker sends that a test is through, and dies;
    2. xdist hands us the first of its notes, and we answer into a closed pipe (execnet: `OSError`);
    3. xdist comes to the note of its end and takes it out (`remove_node`), with the tests it never got.
    """
    try:
        node.send_runtest_some(tests)
    except OSError:
        return False
    return True


class Witness:
    """A plugin that tells the scheduler which tests began and which have sent their last report."""

    def __init__(self, scheduler: CostScheduling) -> None:
        self._scheduler = scheduler

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._scheduler.note(nodeid, ended=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._scheduler.note(report.nodeid, ended=True)
