"""The controller's plugin: decide at collection, replay hits, run and record misses, commit once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from testcache.environments import Difference, recorded_elsewhere
from testcache.errors import BadRecord, StoreDamaged, StoreError
from testcache.inputs.world import World
from testcache.model import Decision, EnvironmentKey, Hit, Miss, NodeId, Result, Trace
from testcache.quantities import Audit
from testcache.reach import Reach
from testcache.reasons import Reason
from testcache.recording.observer import Observer
from testcache.report import cached_status
from testcache.session import environment
from testcache.session.account import save_account, save_index
from testcache.session.acting import acting, lacks
from testcache.session.cache import Cache
from testcache.session.crew import Crew
from testcache.session.deselected import put_back, tell
from testcache.session.distribution import Distribution
from testcache.session.imported import Imported
from testcache.session.names import node_id, path_of
from testcache.session.notes import Notes
from testcache.session.proof import Proof
from testcache.session.recording import Recording
from testcache.session.remote import Remote
from testcache.session.rounds import Rounds
from testcache.session.shown import show
from testcache.session.summary import Summary
from testcache.session.warm import CachedItem, CachedModule, Warm, all_imported, may_skip
from testcache.session.warned import Warned
from testcache.session.workforce import Work, Workforce
from testcache.settings import Settings
from testcache.storage.definitions import load_definitions
from testcache.storage.index import IndexedTest
from testcache.storage.leaks import load_leaks, load_taken
from testcache.storage.store import Store
from testcache.trace import NEW, Refine, all_matter


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
        self.importing = observer.leftovers.importing
        self.importing.derives = warm is not None and warm.index.derives
        self.imported = Imported()
        self.distribution = Distribution(config, settings.parallel, self.take)
        self.workforce = Workforce(config, settings.parallel)
        self.crew = Crew(config, self.distribution, self.workforce, Remote(config, settings.hosts))
        self.work = Work()
        self.notes = Notes(config)
        self.environment = EnvironmentKey(b"")
        self.cache: Cache | None = None
        self.decisions: dict[NodeId, Decision] = {}
        self.hits: dict[NodeId, Trace | IndexedTest] = {}
        self.results: dict[NodeId, Result] = {}
        self.drift: tuple[Difference, ...] = ()
        self.total = 0
        self.proof = Proof(mode, audit)
        self.warm = warm
        self.summary = Summary(self)
        self.warned = Warned(world.roots)
        config.pluginmanager.register(self.summary, "testcache-summary")
        self._invocation = invocation
        self.collected: list[pytest.Item] = []
        self.left_out: list[CachedModule] = []
        self.rounds = Rounds(self)
        self._recovered: list[Result] = []

    # -- start

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.recording.configure()
        option = environment.uncacheable_option(config)
        if option is not None:
            self._complain(
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
        if self.warm is None or self.mode not in ("on", "read") or not self._may_skip():
            return None
        file = self.warm.known(module_path.relative_to(self.config.rootpath).as_posix())
        if file is None or not self.recording.tape.has_loaded(file.acts):
            return None
        show(self.config, file.shown, self.world.roots)
        module = CachedModule.from_parent(parent, path=module_path, file=file)
        self.left_out.append(module)
        return module

    def _may_skip(self) -> bool:
        return may_skip(self.config) and not self.recording.gates.found() and not self.recording.goes_through_items()

    # -- deciding

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        # A conftest file in a folder may want to see all of them, or an import has left what they do not know of.
        if self.left_out and not (self._may_skip() and self._are_as_indexed()):
            items[:] = all_imported(items, self.left_out)
            self.left_out.clear()
        before = list(items)  # of those that are not imported it is known that they are selected
        items[:] = [item for item in items if not isinstance(item, CachedItem)]
        yield
        items[:] = put_back(before, items, CachedItem)
        tell(session, [module.file for module in self.left_out])
        self.recording.check(items)
        self.recording.tape.settle()
        self.total, self.collected = len(items), list(items)
        self.environment = environment.key(self.recording)
        if self.store is not None:
            self.notes.collected(items, self.recording, self.store.salt)
        self._prepare(items)
        self.recording.hits = self.hits

    def _prepare(self, items: list[pytest.Item], *, again: bool = True) -> None:
        try:
            self._decide(items)
            known = load_leaks(self.store, self.environment) if self.store is not None else []
            taken = load_taken(self.store, self.environment) if self.store is not None else set()
            taken |= self.cache.taken if self.cache is not None else set()
            self._share(items)  # once: a damaged store has been noticed by now
            self.rounds = Rounds(self, self.collected, known, self._recovered, taken)
            self.rounds.sort(items)
        except StoreError as problem:
            if self.give_up(problem, renew=again):
                return self._prepare(items, again=False)
            self.rounds = Rounds(self, self.collected)
            self.rounds.run_all(items)
            self.rounds.sort(items)

    def _are_as_indexed(self) -> bool:
        """Whether nothing has been imported that files which are not imported were recorded without."""
        assert self.warm is not None
        if self.store is None:
            return True
        index, required = self.warm.index, acting(self.recording.tape, self.world.roots)
        if any(lacks(module.file, index, required) for module in self.left_out):
            return False
        try:
            self.recording.tape.settle()
            self.environment = environment.key(self.recording)
            cache = self._new_cache(shared=False)
            cache.load([*self._acting()])
        except StoreError:  # told of when tests are decided
            return False
        imported = Imported()
        imported.decide(self.recording.observer, (), cache.traces, cache.holds)
        return not imported.is_new() and (index.derives or not self.importing.derives)

    @cached_property
    def _reach(self) -> Refine:
        assert self.store is not None
        # Recorded lines are also those of imports, and any definition may decide which these are.
        exact = self.recording.totals is not None
        return all_matter if exact else Reach(self.world.source, load_definitions(self.store), self.world.words)

    def _new_cache(self, *, shared: bool) -> Cache:
        assert self.store is not None
        return Cache(
            self.store,
            self.environment,
            self.world.digest_of,
            self._reach,
            traces_per_test=self.recording.settings.traces_per_test,
            learns=self.recording.settings.library_state == "learned",
            required=acting(self.recording.tape, self.world.roots),
            shared=self.config.pluginmanager.get_plugin("testcache-shared") if shared else None,
        )

    def _decide(self, items: list[pytest.Item]) -> None:
        if self.store is None:
            return
        self.cache = self._new_cache(shared=True)
        if self.recording.totals is not None:
            self.recording.totals.store = self.store
        self._recovered = self.cache.recover()
        self.cache.load([*self._acting(), *(node_id(item) for item in items if not isinstance(item, CachedItem))])
        self._decide_imports()
        corrupt = self.cache.corrupt + self.store.corrupt
        if corrupt:
            self._complain(
                f"testcache: {corrupt} stored entries do not decode; their tests run [{Reason.ENTRY_CORRUPT.slug}]"
            )
        self.proof.begin(self.store, self.environment, self.world.digest_of, self._reach)
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

    def _acting(self) -> Iterator[NodeId]:
        """The imports up to now that have left something in other modules, or have come upon it."""
        self.importing.close()
        return (one.node for one in self.importing.results() if one.left or one.seen)

    def _decide_imports(self) -> None:
        assert self.cache is not None
        cache, nodes = self.cache, map(node_id, self.collected)
        self.imported.decide(self.recording.observer, nodes, cache.traces, cache.holds)
        self.cache.take_imports(self.imported.traces)
        if self.mode != "read":
            self.cache.add([*self.imported.results.values()])

    def _held_back(self, item: pytest.Item, trace: Trace) -> Reason | None:
        """Why a test may not be replayed although nothing has changed."""
        if self.recording.never(item) is not None:
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

    def give_up(self, problem: StoreError | BadRecord, *, renew: bool = True) -> bool:
        """Go on without a store, or with a new one in place of one that is damaged; what is not yet replayed runs."""
        if renew and self.mode != "read" and self.store is not None and isinstance(problem, StoreDamaged):
            try:
                self._complain(self.store.renew(problem))
                return True
            except StoreError as other:
                problem = other
        self._complain(f"testcache: {problem} [{problem.slug}]")
        self._close_store()
        return False

    def _complain(self, words: str) -> None:
        self.complaint = f"{self.complaint}\n{words}" if self.complaint else words

    def _close_store(self) -> None:
        if self.store is not None:
            self.store.close()
        self.store = self.cache = None

    # -- running

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            return None
        return self.rounds.run(session)

    def _deliver(self, report: pytest.TestReport, result: Result) -> None:
        self.take([result])

    def joined(self, result: Result) -> None:
        self.proof.join(result.path)
        self.take([result])

    def take(self, results: list[Result], *, journal: bool = True) -> None:
        results = [self.warned.onto(self.imported.onto(result)) for result in results]
        for result in results:
            self.results[result.node_id] = result
        if self.cache is None or self.mode == "read":
            return
        try:
            self.cache.add(results, journal=journal)
        except (StoreError, BadRecord) as problem:
            self.give_up(problem)

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: str, nodeid: str) -> None:
        """Told when a test is over; it may have been run in another process, and for a group of xdist's."""
        node = NodeId(nodeid if nodeid in self.results else nodeid.rpartition("@")[0])
        if when == "runtest" and node in self.results:
            self.take([self.warned.note(self.results[node], warning_message)])

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        return cached_status(report)

    # -- end

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        yield
        if not self.config.option.collectonly:  # a run that was stopped has not come to all of them
            self.hits = {node: hit for node, hit in self.hits.items() if node in self.rounds.replayed}
        finals = [*self.recording.finish(), *self.distribution.finals()]
        self.take(finals, journal=False)
        self._save(session)
        if self.summary.wrong() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elsewhere = self.workforce.shard is not None and bool(self.collected)
        if elsewhere and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK
        self._close_store()

    def _save(self, session: pytest.Session, *, again: bool = True) -> None:
        if self.cache is None or self.store is None or self.mode == "read":
            return
        try:
            self.cache.distrust(self.proof.untrue(self.results))
            self.rounds.save(done=self._done(session))  # first: a run killed here is recovered from its journal
            self.cache.commit(self.world.sources.new(), self.world.source)
            if self.recording.totals is not None:
                self.recording.totals.save_layouts(self.results.values())
            self.proof.save(self.results)
            self.cache.share(self._may_trust)
            if not self.config.option.collectonly:
                save_account(self, self.store)
                if self._invocation is not None and self._done(session) and self.recording.totals is None:
                    save_index(self, self.store, self._invocation)
        except (StoreError, BadRecord) as problem:
            if self.give_up(problem, renew=again):
                self._save(session, again=False)

    def _done(self, session: pytest.Session) -> bool:
        """Whether all tests of the run have a result."""
        complete = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        return complete and len(self.rounds.replayed | self.results.keys()) == len(self.collected)

    def _may_trust(self, node: NodeId, trace: Trace) -> bool:
        """Whether somebody may replay a test who knows neither of its lies nor of leaks."""
        return self.proof.may_index(node, trace) and self.rounds.may_index(node)
