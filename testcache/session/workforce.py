"""Who runs the misses: their predicted cost, the shard they belong to, and how many workers they get."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping

import pytest

from testcache.clock import clock
from testcache.errors import SettingError, StoreError
from testcache.model import Decision, Hit, Miss, NodeId
from testcache.parallel.costs import Costs, median
from testcache.parallel.machine import Watch
from testcache.parallel.plan import Plan, Start, choose, respect
from testcache.parallel.shard import Shard, ShardPlan, plan
from testcache.reasons import Reason
from testcache.report import number, seconds
from testcache.session.names import path_of
from testcache.settings import Parallel
from testcache.storage.effort import Effort
from testcache.storage.history import Run, runs
from testcache.storage.store import Store
from testcache.storage.timings import Timings, load_timings
from testcache.structs import Struct, field

STARTS = 5
"""The latest runs that say what a start costs; their median leaves out the one on a busy machine."""
BOOTSTRAP_S = 0.15
"""What execnet adds to the start of pytest: 0.1 to 0.2 s, measured with an empty suite."""

_URGENT = {"failed": frozenset({Reason.NOT_PASSED}), "new": frozenset({Reason.NEW})}


class Work(Struct, frozen=True):
    """The tests that must run, and what is known of each.

    Attributes:
        known: `nodes`, to look into.
        crashes: whether one of them took its process with it the last time.
    """

    nodes: tuple[NodeId, ...] = ()
    costs: Costs = field(default_factory=lambda: Costs({}))
    setups: Mapping[str, float] = field(default_factory=dict)
    urgent: frozenset[NodeId] = frozenset()
    known: frozenset[NodeId] = frozenset()
    crashes: bool = False


class Workforce:
    """A plugin that notes how long this process took to be ready, as workers will; it decides from that."""

    def __init__(self, config: pytest.Config, settings: Parallel) -> None:
        self._config = config
        self._settings = settings
        self._watch = Watch()
        self._loaded_s = 0.0
        self._collecting = 0.0
        self.collect_s = 0.0
        self.cpu_s = 0.0
        self.shard: Shard | None = None
        self.shard_plan: ShardPlan | None = None
        config.pluginmanager.register(self, "testcache-workforce")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Read --shard; a mistake is a usage error."""
        if config.option.shard is None:
            return
        try:
            self.shard = Shard.parse(config.option.shard, os.environ)
        except SettingError as problem:
            raise pytest.UsageError(str(problem)) from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        # A start is all CPU: so its time is known without knowing when this process began.
        self._loaded_s = clock.process_time()
        self._collecting = clock.perf_counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self) -> None:
        self.collect_s = clock.perf_counter() - self._collecting

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        before = os.times()
        answer = yield
        self.cpu_s = sum(os.times()[:4]) - sum(before[:4])  # with that of child processes that have ended
        return answer

    # -- costs

    def work(self, nodes: Iterable[NodeId], decisions: Mapping[NodeId, Decision], store: Store | None) -> Work:
        """What must run, with costs from the store. Cost: a read a test file."""
        chosen = tuple(nodes)
        timings = _timings(store, {path_of(node) for node in chosen})
        known = {NodeId(node): seconds for node, seconds in timings.tests.items()}
        for node, decision in decisions.items():
            trace = decision.trace if isinstance(decision, Hit) else decision.nearest
            if trace is not None:
                # A test that failed at once will take its time again when it passes.
                known[node] = max(trace.duration_s, known.get(node, 0.0))
        first = self._first()
        urgent = frozenset(node for node in chosen if _reason(decisions.get(node)) in first)
        everyone = frozenset(chosen)
        return Work(chosen, Costs(known), timings.setups, urgent, everyone, not everyone.isdisjoint(timings.crashed))

    def _first(self) -> frozenset[Reason]:
        """The reasons whose tests go first: as the setting says, and as pytest's own options say."""
        option = self._config.option
        found = _URGENT.get(self._settings.first, frozenset())
        if getattr(option, "failedfirst", False):
            found |= _URGENT["failed"]
        if getattr(option, "newfirst", False):
            found |= _URGENT["new"]
        return found

    # -- shards

    def others(self, work: Work) -> frozenset[NodeId]:
        """The tests that belong to other shards. Raises UsageError if the plan is not as given."""
        if self.shard is None:
            return frozenset()
        made = self.shard_plan = plan(work.nodes, work.costs, self.shard.total)
        if self.shard.plan and self.shard.plan != made.digest:
            raise pytest.UsageError(
                f"testcache: --shard={self.shard}@{self.shard.plan}: the plan here is {made.digest}: "
                "this machine has another state of the cache or of the code [shard-plan]"
            )
        return work.known - made.shards[self.shard.number - 1]

    @property
    def replays_hits(self) -> bool:
        """Whether this run replays what is cached: not on the second shard and those behind it."""
        return self.shard is None or self.shard.number == 1

    def shard_lines(self) -> Iterator[str]:
        """`testcache: shard 2/3 of plan 9c1e04ab: about 8.1 s; the shards: 8.2 s, 8.1 s, 7.9 s`."""
        if self.shard is not None and self.shard_plan is not None:
            each = [seconds(value) for value in self.shard_plan.seconds]
            yield (
                f"testcache: shard {self.shard} of plan {self.shard_plan.digest}: "
                f"about {each[self.shard.number - 1]}; the shards: {', '.join(each)}"
            )

    # -- workers

    def may_do_without(self, work: Work) -> bool:
        """Whether none may start though a number is asked for: for cheap tests, of which something is known."""
        return work.costs.knows and not self._settings.max_memory

    def choose(self, work: Work, store: Store | None, *, limit: int | None, least: int, skipped: bool) -> Plan:
        """How many workers `-n auto` starts.

        `skipped` says that this process did not import every test file, which a worker must.
        """
        costs = [work.costs.seconds(node) for node in work.nodes]
        start, share = self._start(store, skipped=skipped), _cpu_share(store)
        return choose(costs, self._watch.look(), start, cpu_share=share, limit=limit, least=least)

    def respect(self, asked: int, work: Work, store: Store | None, *, skipped: bool) -> Plan:
        """How many start where the user says a number: that, or none."""
        return respect([work.costs.seconds(node) for node in work.nodes], self._start(store, skipped=skipped), asked)

    def _start(self, store: Store | None, *, skipped: bool) -> Start:
        """What starting a worker costs here: as measured in the latest runs, else as this process took."""
        efforts = _efforts(store)[-STARTS:]
        if not efforts:
            return Start(self._loaded_s + BOOTSTRAP_S, self.collect_s)
        collect_s = max(self.collect_s, efforts[-1].collect_s) if skipped else self.collect_s
        return Start(median(e.spawn_s for e in efforts), collect_s, median(e.stop_s for e in efforts))


def effort_line(effort: Effort) -> str:
    """`testcache: 2 workers: 71% efficient: 8.1 s of tests in 5.7 s; 0.9 s to start, 1.2 s idle`."""
    text = (
        f"testcache: {number(effort.workers, 'worker')}: {effort.efficiency:.0%} efficient: "
        f"{seconds(effort.work_s)} of tests in {seconds(effort.wall_s)}; "
        f"{seconds(effort.start_s)} to start, {seconds(effort.idle_s)} idle"
    )
    if effort.replaced:
        text += f"; {number(effort.replaced, 'worker')} replaced"
    if effort.held_s:
        text += f"; held back for {seconds(effort.held_s)}"
    return text


def _timings(store: Store | None, paths: set[str]) -> Timings:
    """A store that breaks costs the predictions; whoever decides or stores says that it is broken."""
    try:
        return Timings() if store is None else load_timings(store, paths)
    except StoreError:
        return Timings()


def _efforts(store: Store | None) -> list[Effort]:
    return [run.effort for run in _runs(store) if run.effort is not None]


def _cpu_share(store: Store | None) -> float:
    """How much of their time tests were on a core in the latest runs; 1 if that is not known.

    Does not see: that others kept them from a core, which looks as if they had waited.
    """
    known = [run for run in _runs(store) if run.cpu_s and run.spent_s][-STARTS:]
    spent_s = sum(run.spent_s for run in known)
    return min(1.0, sum(run.cpu_s for run in known) / spent_s) if spent_s else 1.0


def _runs(store: Store | None) -> list[Run]:
    try:
        return [] if store is None else runs(store)
    except StoreError:
        return []


def _reason(decision: Decision | None) -> Reason | None:
    return decision.reason if isinstance(decision, Miss) else None
