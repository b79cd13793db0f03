"""What runs and what is replayed, in which order: replaying a test may have to wait for what others leave in memory.

1. Hits that stand before all tests that run are replayed.
2. Tests that must run do so.
3. Those that waited for them are settled, and hits are found that would come upon what they have leaked; these run,
   and those that have found something else. Again, until nobody waits or leaks any more.
4. The rest is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count, takewhile
from typing import TYPE_CHECKING, Final

import pytest

from testcache.errors import StoreError
from testcache.leaks import Leaks, replayed_by
from testcache.model import Decision, Hit, Miss, NodeId, Result, Trace
from testcache.moved import Moved
from testcache.reasons import Reason
from testcache.session import replay
from testcache.session.briefing import orders_of
from testcache.session.company import Company
from testcache.session.crew import replay_here, run_here
from testcache.session.ends import judged_together
from testcache.session.firsts import firsts
from testcache.session.gates import passed
from testcache.session.names import node_id, path_of
from testcache.session.neighbours import Neighbours
from testcache.session.outdated import outdated, readers_of
from testcache.session.selection import is_of_all
from testcache.session.waiting import is_left_again, missed, recorded, settle, waiting
from testcache.session.warm import CachedItem, Unimported
from testcache.storage.leaks import Leak, forget_taken, marking, save_leaks

if TYPE_CHECKING:
    from testcache.session.cache import Cache
    from testcache.session.runner import Runner

ROUNDS: Final = 8
"""After so many, all that still wait run: where each test counts on from the one before it, nobody is ever spared."""


class Rounds:
    """The tests of one run.

    Attributes:
        replayed: those that were, up to now.
        waiting: those whose own inputs are unchanged, but not yet what they had found in memory.
    """

    def __init__(
        self,
        runner: Runner,
        collected: Sequence[pytest.Item] = (),
        known: Sequence[Leak] = (),
        recovered: Sequence[Result] = (),
        taken: Collection[NodeId] = (),
    ) -> None:
        self._runner = runner
        self._collected = list(collected)
        self._order = [node_id(item) for item in collected]
        self._unimported = Unimported(collected)
        self.replayed, self._indexed = set[NodeId](), dict[NodeId, Trace]()
        self._written, self._taken, self._apart, self._settled = set[str](), set[NodeId](), set[NodeId](), set[NodeId]()
        self._news, self._leaked = False, list[Leak]()
        self._neighbours: Neighbours | None = None
        self._replayer = replay.Replayer(runner.config, runner.world.roots)
        before = recorded(runner.decisions) | runner.imported.before
        order, of = [*runner.imported.traces, *self._order], self._traces_of
        self._leaks = Leaks(order, known, before, self._with_imports, recovered, taken, of, self._indifferent_to)
        self.waiting = waiting({n: d for n, d in runner.decisions.items() if n not in runner.hits}, self._order)

    def sort(self, items: list[pytest.Item]) -> None:
        """Put tests into the order of the rounds.

        Among those that run, replayed ones would break the set-up stack: it expects each test's neighbour torn down.
        """
        runner = self._runner
        known = {node: hit for node, hit in runner.hits.items() if isinstance(hit, Trace)}
        moved = Moved(self._order, known, runner.cache.earlier(known) if runner.cache is not None else ())
        self._take_back(items, {one: missed(runner.decisions.get(one), left) for one, left in moved.deserted.items()})
        leaks = self._leaks.of_hits() + self._leaks.of_results(runner.imported.results)
        self._disturb(items, leaks + moved.overtaking + self._leaks.of_older(known))
        if runner.distribution.keeps_company:
            self._gather(items)
        run = [item for item in items if (node := node_id(item)) not in runner.hits and node not in self.waiting]
        self._take_along(items, judged_together(run, runner.world, lambda: recorded(runner.decisions) | self._traces()))
        self._take_along(items, firsts(runner, map(node_id, items), self.waiting, self._traces))
        self._early = set(takewhile(runner.hits.__contains__, self._order))
        items.sort(key=self._round)

    def _gather(self, items: list[pytest.Item]) -> None:
        """Who shares a wide fixture with those that run does so with them: a worker gives nobody a second try."""
        company = Company(self._runner, self._traces, lambda nodes: self._import(items, nodes), self.waiting)
        fillers = {node: company.fillers(node) for node in self.waiting}
        needed = {one for node, found in fillers.items() for one in found if path_of(one) == path_of(node)}
        for node in {node for node, found in fillers.items() if found}:
            self.waiting.pop(node)
        self._take_along(items, needed)

    def _take_along(self, items: list[pytest.Item], nodes: Collection[NodeId]) -> None:
        """These run with others, whether they are hits or wait."""
        traces = self._traces() if nodes else {}
        misses = {one: Miss(Reason.WITH_NEIGHBOURS, (), traces.get(one)) for one in nodes if self._is_to_replay(one)}
        self._take_back(items, misses)
        for node in nodes:
            self.waiting.pop(node, None)

    def _round(self, item: pytest.Item) -> int:
        node = node_id(item)
        if node in self._runner.hits:
            return 0 if node in self._early else 3
        return 2 if node in self.waiting else 1

    def run(self, session: pytest.Session) -> bool | None:
        """Run them all; None if pytest's own loop does, because nothing has to wait."""
        runner = self._runner
        if runner.hits or self.waiting:
            runner.config.pluginmanager.register(replay.Replays(runner.hits, self._replay), "testcache-replays")
        else:
            runner.recording.observer.leftovers.all_run()
        if runner.config.option.collectonly:
            return None
        items = session.items
        if runner.recording.gates.found():
            runner.recording.gates.tell(items, passed(runner.hits))
        misses = [item for item in items if self._round(item) == 1]
        specs: list[str] = []
        if runner.distribution.held_back:
            specs = self._choose(misses)
            if (misses or self.waiting) and not specs:
                runner.distribution.stand_down()
        if not specs:
            if runner.hits or self.waiting:
                company = Company(runner, self._traces, lambda nodes: self._import(items, nodes), self.waiting)
                self._neighbours = Neighbours(
                    runner.config, self._collected, runner.hits, runner.joined, runner.recording, company
                )
            if not self.waiting and len(misses) == len(items):
                return None
        replay_here(session, [item for item in items if self._round(item) == 0], self._replay)
        try:
            self._run(session, misses, specs)
            self._run_rest(session)
        finally:
            if self._neighbours:
                self._neighbours.report_held()
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        return True

    def _run(self, session: pytest.Session, items: list[pytest.Item], specs: list[str]) -> None:
        if session.shouldfail or session.shouldstop or not items:
            return
        if not specs:
            run_here(session, items)
            return
        runner = self._runner
        self._apart.update(runner.work.nodes)
        orders = orders_of(runner, all_run=not runner.hits and not self.waiting)
        runner.distribution.run(session, runner.work, specs, orders)
        unknown = runner.distribution.unknown()
        run_here(session, [item for item in items if node_id(item) in unknown])

    def _choose(self, items: list[pytest.Item]) -> list[str]:
        """The workers for these tests; none if this process runs them."""
        runner = self._runner
        run = tuple(node_id(item) for item in items)
        if runner.work.nodes != run:  # a plugin left some out after it was decided, or they had to wait
            runner.work = runner.workforce.work(run, runner.decisions, runner.store)
        measured = runner.recording.totals is not None
        return runner.crew.choose(runner.work, runner.store, measured=measured, skipped=runner.warm is not None)

    def _run_rest(self, session: pytest.Session) -> None:
        """Replay or run the tests that waited for others, or stand behind them."""
        for number in count():
            left = self._reconsider(session.items)
            if number >= ROUNDS:
                left |= self._open()
            if not left and self._neighbours and self._neighbours.try_held():
                continue
            if not left or session.shouldfail or session.shouldstop:
                break
            for node in left:
                self.waiting.pop(node, None)
            items = [item for item in session.items if node_id(item) in left]
            self._run(session, items, self._choose(items) if self._runner.distribution.held_back else [])
        replay_here(session, [one for one in session.items if self._is_to_replay(node_id(one))], self._replay)

    def _is_to_replay(self, node: NodeId) -> bool:
        return node in self._runner.hits and node not in self.replayed

    def _replay(self, item: pytest.Item) -> None:
        runner = self._runner
        node = node_id(item)
        hit = runner.hits[node]
        self.replayed.add(node)
        if isinstance(hit, Trace) and runner.recording.totals is not None:
            runner.recording.totals.replay(hit)
        self._replayer(item, hit)

    # -- memory

    def _open(self) -> set[NodeId]:
        """Those that wait, and have not run in another role."""
        return self.waiting.keys() - self._runner.results.keys() - self._runner.hits.keys()

    def _settle(self, cache: Cache) -> set[NodeId]:
        """Find out which of the tests that wait may be replayed; those of the others that must run now."""
        runner, left = self._runner, self._open()
        before = recorded(runner.decisions)
        trusted = {node: self.waiting[node] for node in left if runner.proof.may_index(node, before[node])}
        earlier = {node: hit for node in self._settled if isinstance(hit := runner.hits.get(node), Trace)}
        settled = settle(trusted, runner.results, self._order, before, cache.is_left, earlier)
        runner.hits.update(settled.hits)
        self._settled |= settled.hits.keys()
        if settled.hits:
            self._news, self._written = True, set()
        if runner.mode != "read":
            renamed = {node: trace for node, trace in settled.hits.items() if trace is not before[node]}
            cache.keep(renamed, settled.carried)
        return left - settled.hits.keys() - settled.blocked

    def _traces(self, asked: Collection[NodeId] | None = None) -> dict[NodeId, Trace]:
        """The traces of all hits; of those known from the index alone all, or those that are asked for."""
        runner = self._runner
        assert runner.cache is not None
        indexed = [node for node, hit in runner.hits.items() if not isinstance(hit, Trace)]
        unknown = [n for n in indexed if n not in self._indexed and (asked is None or n in asked)]
        runner.cache.load(unknown)
        for node in unknown:
            decision = runner.cache.decide(path_of(node), node)
            if isinstance(decision, Hit):
                self._indexed[node] = decision.trace
        found = {node: hit if isinstance(hit, Trace) else self._indexed.get(node) for node, hit in runner.hits.items()}
        return {node: trace for node, trace in found.items() if trace is not None}

    def _with_imports(self) -> Mapping[NodeId, Trace]:
        """The same, with those of imports that are as recorded."""
        return self._runner.imported.as_recorded() | self._traces()

    def _traces_of(self, node: NodeId) -> Sequence[Trace]:
        cache = self._runner.cache
        return cache.traces(node) if cache is not None else ()

    def _indifferent_to(self, node: NodeId, trace: Trace) -> frozenset[str]:
        cache = self._runner.cache
        return cache.indifferent_to(node, trace) if cache is not None else frozenset()

    def _untraced(self) -> set[NodeId]:
        """Hits of the index of which the store knows nothing any more: what they read cannot be looked up."""
        return {node for node in self._order if self._is_to_replay(node)} - self._traces().keys()

    def _reconsider(self, items: list[pytest.Item]) -> set[NodeId]:
        """What must run now: of those that waited, and of the hits, which may have become wrong while others ran.

        All of them, if there is no store to ask.
        """
        runner = self._runner
        if runner.cache is not None:
            try:
                left, leaks = self._settle(runner.cache), self._leaks.of_results(runner.results)
                while leaks or self._news:
                    # Those that are settled only now have not been compared with the leaks of earlier rounds.
                    known, self._news = (self._leaked if self._news else []), False
                    left |= self._disturb(items, leaks, known) | self._settle(runner.cache)
                    leaks = []
                return (left | self._outdate(items) | self._abandon(items)) - runner.hits.keys()
            except StoreError as problem:
                runner.give_up(problem)
        return self.run_all(items) | self._open()

    def run_all(self, items: list[pytest.Item]) -> set[NodeId]:
        """Take back all hits that are not yet replayed, as nothing more can be found out about them."""
        runner = self._runner
        rest = {node for node in self._order if self._is_to_replay(node)}
        self._import(items, rest)
        for node in rest:
            del runner.hits[node]
            runner.decisions.pop(node, None)
        return rest

    def _take_back(self, items: list[pytest.Item], misses: Mapping[NodeId, Miss]) -> set[NodeId]:
        self._import(items, misses.keys())
        self._taken |= misses.keys()
        self._leaks.recall(recorded(misses))
        for node, miss in misses.items():
            del self._runner.hits[node]
            self._runner.decisions[node] = miss
            if self.waiting.get(node) is not miss:  # what it waited for is settled, and does not count any more
                self.waiting.pop(node, None)
        return set(misses)

    def _disturb(self, items: list[pytest.Item], leaks: list[Leak], known: Sequence[Leak] = ()) -> set[NodeId]:
        """Take back hits that would come upon these leaks, new or known, and the tests that leak, if these are hits.

        Their nodes are returned. A hit by another trace, that was recorded with the leaks, stays one; or waits.
        """
        runner = self._runner
        texts = {node_id(item) for item in self._collected if not isinstance(item, (pytest.Function, CachedItem))}
        leaks = [*known, *leaks]
        self._leaked += leaks[len(known) :]
        found = self._leaks.disturbed(leaks, runner.world.source, texts.__contains__)
        found |= dict.fromkeys(self._untraced() if leaks else (), ())
        found = {node: left for node, left in found.items() if self._is_to_replay(node)}
        others = self._by_others(found, texts.__contains__) if found else {}
        found = {node: left for node, left in found.items() if node not in others}
        for node in {one.filler for left in found.values() for one in left}:
            if self._is_to_replay(node):
                found.setdefault(node, ())
        misses = {node: missed(runner.decisions.get(node), left) for node, left in found.items()}
        for node, decision in others.items():
            if isinstance(decision, Hit):
                runner.hits[node], runner.decisions[node], self._written = decision.trace, decision, set()
                self.waiting.pop(node, None)
            else:
                misses[node] = self.waiting[node] = decision
        return self._take_back(items, misses) - self.waiting.keys()

    def _by_others(self, nodes: Collection[NodeId], is_text: Callable[[NodeId], bool]) -> dict[NodeId, Decision]:
        """What is decided about hits by those of their traces that were recorded with all leaks up to now."""
        runner = self._runner
        if runner.cache is None or runner.recording.totals is not None:  # not every trace has lines
            return {}
        found = self._leaks.undisturbed(nodes, self._leaked, runner.world.source, is_text, runner.cache.decide_by)
        trusted = runner.proof.may_index
        return {n: one for n, one in found.items() if (by := replayed_by(one)) is not None and trusted(n, by)}

    def _outdate(self, items: list[pytest.Item]) -> set[NodeId]:
        """Take back hits that read a file which a test of this process has changed since they were decided.

        Does not see: files in the temporary folder, and those that a worker or a child process has written.
        """
        runner, world = self._runner, self._runner.world
        fresh = runner.recording.tape.written - self._written
        self._written |= fresh
        own = str(runner.store.folder) if runner.store is not None else "/dev/"
        fresh = {p for p in fresh if not p.startswith(own) and not world.roots.name(p).startswith(("<tmp>", "/dev/"))}
        if not fresh:
            return set()
        read = readers_of(fresh, runner.warm.index, world) if runner.warm is not None else ()
        left = ((node, hit) for node, hit in runner.hits.items() if node not in self.replayed)
        asked = {node for node, hit in left if isinstance(hit, Trace) or path_of(node) in read}
        traces = self._traces(asked)
        found = {node: missed(None, ()) for node in asked - traces.keys()}
        found |= outdated({node: traces[node] for node in asked & traces.keys()}, fresh, world)
        return self._take_back(items, found)

    def _abandon(self, items: list[pytest.Item]) -> set[NodeId]:
        """Take back hits that rest on what a test had left that was a hit, too, but has run since and left less."""
        runner = self._runner
        ran = self._taken & runner.results.keys()
        if not ran:
            return set()
        misses, results, before = {}, runner.results, recorded(runner.decisions)
        for node, trace in self._traces().items():
            gone = tuple(one for one in trace.found if one.filler in ran and not is_left_again(one, results, before))
            if any(one.is_inside for one in gone):
                gone = tuple(one for one in gone if one.place not in self._indifferent_to(node, trace))
            if gone and self._is_to_replay(node):
                misses[node] = missed(runner.decisions.get(node), gone)
        return self._take_back(items, misses)

    def _import(self, items: list[pytest.Item], nodes: Collection[NodeId]) -> None:
        """Put tests that can run in the place of those that can only be replayed, file by file."""
        runner = self._runner
        if not (real := self._unimported.real(nodes)):
            return
        runner.recording.check([*real.values()])
        runner.recording.observer.leftovers.files_loaded(str(item.path) for item in real.values())
        for row in (items, self._collected, runner.collected):
            row[:] = [real.get(node_id(item), item) for item in row]
        if runner.cache is not None:
            runner.hits.update({node: trace for node, trace in self._traces().items() if node in real})
        if self._neighbours is not None:
            self._neighbours.take(self._collected)

    # -- end

    def save(self, *, done: bool) -> None:
        """Keep what a later run has to know of leaks; `done`: each test has a result. Raises StoreError."""
        runner = self._runner
        assert runner.store is not None
        self._leaks.of_results(runner.results)
        complete = done and is_of_all(runner, runner.store)
        kept = self._leaks.to_keep(runner.results, self._apart, complete=complete)
        save_leaks(runner.store, runner.environment, kept)
        if complete:
            forget_taken(runner.store, runner.environment)
        elif runner.cache is not None and runner.cache.taken:
            runner.store.update_many([marking(runner.environment, runner.cache.taken)])

    def may_index(self, node: NodeId) -> bool:
        """Whether the next run may replay a test without a look at leaks; known when they are saved."""
        return node not in self._leaks.doubtful
