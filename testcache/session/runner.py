"""The controller's plugin: decide at collection, replay hits, run and record misses, commit once."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from testcache import report as text
from testcache.environments import Difference, recorded_elsewhere
from testcache.errors import BadRecord, StoreError
from testcache.inputs.world import World
from testcache.model import Decision, EnvironmentKey, Hit, Miss, NodeId, Result, Trace
from testcache.quantities import Audit
from testcache.reach import Reach
from testcache.reasons import Reason
from testcache.recording.observer import Observer
from testcache.session import environment, replay
from testcache.session.cache import Cache
from testcache.session.crew import Crew, run_here
from testcache.session.distribution import Distribution
from testcache.session.indexing import Indexer
from testcache.session.names import node_id, path_of
from testcache.session.neighbours import Neighbours
from testcache.session.notes import Notes
from testcache.session.proof import Proof
from testcache.session.recording import Recording
from testcache.session.remote import Remote
from testcache.session.setups import longest
from testcache.session.summary import Summary
from testcache.session.waiting import recorded, settle, waiting
from testcache.session.warm import CachedItem, CachedModule, Warm, held_file, may_leave_out, may_skip
from testcache.session.workforce import Work, Workforce
from testcache.settings import Settings
from testcache.storage.codec import encode_source
from testcache.storage.definitions import load_definitions
from testcache.storage.history import save_collected, save_run
from testcache.storage.index import SPACE, IndexedTest, encode_index
from testcache.storage.store import Store
from testcache.storage.timings import save_timings
from testcache.trace import NEW, all_matter


class Runner:
    """One `pytest --cached` run, seen from the process that the user started."""

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        world: World,
        observer: Observer,
        store: Store | None,
        mode: str,
        complaint: str,
        invocation: bytes | None,
        warm: Warm | None,
        audit: Audit,
    ) -> None:
        self.config = config
        self.world = world
        self.store = store
        self.mode = mode
        self.complaint = complaint
        self.recording = Recording(config, settings, world, observer, self._deliver)
        self.distribution = Distribution(config, settings.parallel, self._take)
        self.workforce = Workforce(config, settings.parallel)
        self.crew = Crew(config, self.distribution, self.workforce, Remote(config, settings.hosts))
        self.work = Work()
        self.notes = Notes(config)
        self.environment = EnvironmentKey(b"")
        self.cache: Cache | None = None
        self.decisions: dict[NodeId, Decision] = {}
        self.hits: dict[NodeId, Trace | IndexedTest] = {}
        self.waiting: dict[NodeId, Miss] = {}
        self.results: dict[NodeId, Result] = {}
        self.drift: tuple[Difference, ...] = ()
        self.total = 0
        self.proof = Proof(mode, audit)
        self.warm = warm
        self.summary = Summary(self)
        config.pluginmanager.register(self.summary, "testcache-summary")
        self._invocation = invocation
        self._collected: list[pytest.Item] = []
        self._order: list[NodeId] = []

    # -- start

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.recording.configure()
        option = environment.uncacheable_option(config)
        if option is not None:
            self.complaint = (
                f"testcache: this run: not cached: option {option} cannot be combined with the cache "
                f"[{Reason.OPTION_NOT_CACHEABLE.slug}]"
            )
            self._close_store()

    def pytest_plugin_registered(self, plugin: object) -> None:
        self.distribution.hold_back(plugin)

    def pytest_report_header(self) -> list[str]:
        recorder = self.recording.observer.recorder
        why = f" ({recorder.reason})" if recorder.reason else ""
        where = "no store" if self.store is None else os.path.relpath(self.store.folder, self.config.rootpath)
        return [f"testcache: mode {self.mode}, recorder {recorder.name}{why}, {where}"]

    # -- collecting

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> pytest.Module | None:
        """A test file that nothing changed for is not imported: its tests are known."""
        if self.warm is None or self.mode not in ("on", "read") or not may_skip(self.config):
            return None
        file = self.warm.known(module_path.relative_to(self.config.rootpath).as_posix())
        return None if file is None else CachedModule.from_parent(parent, path=module_path, file=file)

    # -- deciding

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        yield
        self.recording.check(items)
        self.recording.tape.settle()
        self.total = len(items)
        self._collected = list(items)
        self._order = [node_id(item) for item in items]
        custom = self.recording.options.names
        self.environment = environment.key(config, self.world.roots, custom)
        if self.store is not None:
            self.notes.collected(items, self.world.roots, custom, self.store.salt)
        try:
            self._decide(items)
            self._share(items)
        except StoreError as problem:
            self._give_up(problem)
        self.recording.hits = self.hits
        # Cached tests first: interleaved with real ones they would break the set-up stack, which
        # expects each test's neighbour to be torn down before it. Those that wait for others come last.
        self.waiting = {node: miss for node, miss in waiting(self.decisions).items() if node not in self.hits}
        items.sort(key=lambda item: (node_id(item) not in self.hits, node_id(item) in self.waiting))

    def _decide(self, items: list[pytest.Item]) -> None:
        if self.store is None:
            return
        # Recorded lines are numbers: a definition that comes or goes moves those below it.
        exact = self.recording.totals is not None
        reach = all_matter if exact else Reach(self.world.source, load_definitions(self.store))
        self.cache = Cache(
            self.store,
            self.environment,
            self.world.digest_of,
            reach,
            traces_per_test=self.recording.settings.traces_per_test,
            shared=self.config.pluginmanager.get_plugin("testcache-shared"),
        )
        self.cache.recover()
        self.cache.load([node_id(item) for item in items if not isinstance(item, CachedItem)])
        corrupt = self.cache.corrupt + self.store.corrupt
        if corrupt:
            self.complaint = (
                f"testcache: {corrupt} stored entries do not decode; their tests run [{Reason.ENTRY_CORRUPT.slug}]"
            )
        self.proof.begin(self.store, self.environment, self.world.digest_of, reach)
        for item in items:
            node = node_id(item)
            if isinstance(item, CachedItem):
                self.hits[node] = item.test
                continue
            decision = self.cache.decide(path_of(node), node)
            trace = decision.trace if isinstance(decision, Hit) else decision.nearest if decision.waits_for else None
            if trace is not None:
                why = self._held_back(item, trace)
                if why is not None:
                    if isinstance(decision, Hit):
                        self.proof.held[node] = trace
                    decision = Miss(why, (), trace)
            self.decisions[node] = decision
        new = [node for node, miss in self.decisions.items() if miss == NEW]
        found, self.drift = recorded_elsewhere(self.store, self.environment, self.notes.facts, new)
        self.decisions.update(found)
        self.hits.update(self.proof.settle(self.decisions))

    def _held_back(self, item: pytest.Item, trace: Trace) -> Reason | None:
        """Why a test may not be replayed although nothing has changed."""
        if self.recording.inputs.never(item) is not None:
            return Reason.MARKED_NEVER
        totals = self.recording.totals
        return Reason.NO_COVERAGE if totals is not None and not totals.has_lines(trace) else None

    def _share(self, items: list[pytest.Item]) -> None:
        """Find out what the misses will cost, and leave out what belongs to other shards."""
        if not self.distribution.held_back and self.workforce.shard is None:
            return
        misses = [node for node in map(node_id, items) if node not in self.hits]
        self.work = self.workforce.work(misses, self.decisions, self.store)
        others = self.workforce.others(self.work)
        if not self.workforce.replays_hits:
            others |= self.hits.keys()
            self.hits.clear()
        if others:
            left_out = [item for item in items if node_id(item) in others]
            items[:] = [item for item in items if node_id(item) not in others]
            self.config.hook.pytest_deselected(items=left_out)
            self.total = len(items)

    def _give_up(self, problem: StoreError | BadRecord) -> None:
        self.complaint = f"testcache: {problem} [{problem.slug}]"
        self.hits.clear()
        self._close_store()

    def _close_store(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = self.cache = None

    # -- running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        self.config.pluginmanager.register(replay.Replays(self.hits, self._replay), "testcache-replays")
        if self.config.option.collectonly:
            return None
        if not self.distribution.held_back:
            return self._run_here(session)
        misses = [item for item in session.items if not self._is_known(item)]
        specs = self._choose(misses)
        if (misses or self.waiting) and not specs:
            self.distribution.stand_down()
            return self._run_here(session)
        for item in session.items:
            if node_id(item) in self.hits:
                self._replay(item)
                if session.shouldfail or session.shouldstop:
                    return True
        if misses:
            self._run_distributed(session, misses, specs)
        self._run_waiting(session)
        return True

    def _run_distributed(self, session: pytest.Session, items: list[pytest.Item], specs: list[str]) -> None:
        only = may_leave_out(self.config)
        orders = {
            "only": only,
            "leave": self.warm.unneeded(set(map(path_of, self.work.nodes))) if self.warm is not None and only else [],
            "salt": self.store.salt if self.store is not None else b"",
            "facts": environment.digests(self.config, self.world.roots, self.recording.options.names),
            "parsed": {key: encode_source(source) for key, source in self.world.sources.new()},
            "stored": self.store is not None,
        }
        self.distribution.run(session, self.work, specs, orders)
        unknown = self.distribution.unknown()
        run_here(session, [item for item in items if node_id(item) in unknown])

    def _choose(self, items: list[pytest.Item]) -> list[str]:
        """The workers for these tests; none if this process runs them."""
        run = tuple(node_id(item) for item in items)
        if self.work.nodes != run:  # a plugin left some out after it was decided, or they had to wait
            self.work = self.workforce.work(run, self.decisions, self.store)
        measured = self.recording.totals is not None
        return self.crew.choose(self.work, self.store, measured=measured, skipped=self.warm is not None)

    def _is_known(self, item: pytest.Item) -> bool:
        """Whether a test need not run, or not before others have."""
        return node_id(item) in self.hits or node_id(item) in self.waiting

    def _run_here(self, session: pytest.Session) -> object:
        """Without xdist: pytest's own loop, unless some tests wait for others."""
        Neighbours(self.config, self._collected, self.hits, self._joined)
        if not self.waiting:
            return None
        run_here(session, [item for item in session.items if node_id(item) not in self.waiting])
        self._run_waiting(session)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _settle(self, cache: Cache) -> None:
        """Find out which of the tests that waited may be replayed."""
        before = recorded(self.decisions)
        trusted = {node: miss for node, miss in self.waiting.items() if self.proof.may_index(node, before[node])}
        settled = settle(trusted, self.results, self._order, before, cache.is_left)
        self.hits.update(settled.hits)
        if self.mode != "read":
            cache.keep({node: trace for node, trace in settled.hits.items() if trace is not before[node]})
        self._take(settled.carried)

    def _run_waiting(self, session: pytest.Session) -> None:
        """Replay or run the tests that waited for others."""
        items = [item for item in session.items if node_id(item) in self.waiting]
        if self.cache is not None:
            self._settle(self.cache)
        run_here(session, [item for item in items if node_id(item) in self.hits])
        items = [item for item in items if node_id(item) not in self.hits]
        specs = self._choose(items) if items and self.distribution.held_back else []
        if session.shouldfail or session.shouldstop:
            return
        if specs:
            self._run_distributed(session, items, specs)
        else:
            run_here(session, items)

    def _replay(self, item: pytest.Item) -> None:
        hook = item.ihook
        hit = self.hits[node_id(item)]
        if isinstance(hit, Trace) and self.recording.totals is not None:
            self.recording.totals.replay(hit)
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in replay.restore(self.config, item, hit, self.world.roots):
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        sent = getattr(report, "testcache", None)
        if sent is not None:
            self._take(self.distribution.received(report, sent))

    def _deliver(self, report: pytest.TestReport, result: Result) -> None:
        self._take([result])

    def _joined(self, result: Result) -> None:
        self.proof.join(result.path)
        self._take([result])

    def _take(self, results: list[Result], *, journal: bool = True) -> None:
        for result in results:
            self.results[result.node_id] = result
        if self.cache is None or self.mode == "read":
            return
        try:
            self.cache.add(results, journal=journal)
        except (StoreError, BadRecord) as problem:
            self._give_up(problem)

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        return text.cached_status(report)

    # -- end

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        yield
        finals = [*self.recording.finish(), *self.distribution.finals()]
        self._take(finals, journal=False)
        if self.cache is not None and self.store is not None and self.mode != "read":
            try:
                self.cache.distrust(self.proof.untrue(self.results))
                self.cache.commit(self.world.sources.new(), self.world.source)
                self.proof.save(self.results)
                self.cache.share(self.proof.may_index)
                if not self.config.option.collectonly:
                    save_run(self.store, self.summary.facts(), self.notes.facts, self.results.values())
                    save_collected(self.store, self.environment, self.notes.files)
                    took = {r.node_id: r.duration_s for r in self.results.values() if r.duration_s}
                    setups = longest(self.distribution.setups, self.recording.charges.setups.seconds())
                    save_timings(self.store, took, setups, self.distribution.crashed)
                    self._write_index(session)
            except (StoreError, BadRecord) as problem:
                self._give_up(problem)
        if self.summary.wrong() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elsewhere = self.workforce.shard is not None and bool(self._collected)
        if elsewhere and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        self._close_store()

    def _write_index(self, session: pytest.Session) -> None:
        """Keep what a run like this one need not find out again; only after a complete run."""
        assert self.store is not None
        complete = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        done = len(self.hits.keys() | self.results.keys()) == len(self._collected)
        if self._invocation is None or not complete or not done or self.recording.totals is not None:
            return
        traces = {node: hit for node, hit in self.hits.items() if isinstance(hit, Trace)}
        assert self.cache is not None
        indexer = Indexer(self.world, self.environment, self.cache.fillers, traces.values())
        traces |= {node: result.trace for node, result in self.results.items() if result.trace is not None}
        traces = {node: trace for node, trace in traces.items() if self.proof.may_index(node, trace)}
        held = {file.path: file for file in map(held_file, self._collected) if file is not None}
        for file in self.recording.collected(self._collected, traces):
            if file.path not in held:
                indexer.add(file)
        if self.warm is not None:
            for kept in held.values():
                indexer.keep(kept, self.warm.index)
        self.store.put_many([(SPACE, self._invocation, encode_index(indexer.index()))])
