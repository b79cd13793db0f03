"""Recording the tests of one process: contexts around them, results out of their reports."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from types import CodeType
from typing import Any

import pytest

from testcache.clock import clock
from testcache.code.looks import HELD
from testcache.inputs.sources import is_collected
from testcache.inputs.world import World, option_digest
from testcache.model import Input, Kind, Leftover, NodeId, Read, Result, Trace
from testcache.reasons import Reason
from testcache.recording.bearers import Bearer
from testcache.recording.context import Context
from testcache.recording.legacy import place_of
from testcache.recording.observer import Observer
from testcache.session import marker
from testcache.session.bookkeeping import bookkeeping
from testcache.session.charges import Charges
from testcache.session.gates import Gates
from testcache.session.hidden import is_all_seen
from testcache.session.indexing import Collected
from testcache.session.items import ItemInputs, bearers_of
from testcache.session.locations import locate
from testcache.session.names import node_id, path_of
from testcache.session.options import Options
from testcache.session.outcome import Attempt
from testcache.session.replay import serialise
from testcache.session.shown import Shown
from testcache.session.totals import Totals
from testcache.session.verdicts import Verdicts
from testcache.settings import Settings
from testcache.structs import replace

_SESSION_ITEMS = frozenset({"session", f"{HELD}items"})
"""What code mentions that reads `session.items`; the method of a dict is called."""

Deliver = Callable[[pytest.TestReport, Result], None]


class Recording:
    """A pytest plugin: what the controller (without xdist) and every worker do alike.

    `deliver` is called with each test's teardown report and its result.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, world: World, observer: Observer, deliver: Deliver
    ) -> None:
        self.config = config
        self.settings = settings
        self.world = world
        self.observer = observer
        self.tape = observer.tape
        self.verdicts = Verdicts(config, self.tape.roots)
        self.charges = Charges(self.tape, observer.leftovers, self.verdicts)
        self.charges.install()
        config.pluginmanager.register(self.charges, "testcache-charges")
        self.gates = Gates(config, self.tape.roots)
        self.shown = Shown(self.tape.roots)
        config.pluginmanager.register(self.shown, "testcache-shown")
        self._deliver = deliver
        self.totals: Totals | None = None
        self.hits: Container[NodeId] = ()
        self.options = Options(config, self._option_read, observer.is_project)
        self.inputs = ItemInputs(config, observer, settings)
        self._attempts: dict[NodeId, Attempt] = {}
        self._contexts: dict[NodeId, Context] = {}
        self._unfinished: dict[NodeId, tuple[pytest.Item, Trace]] = {}
        self._took_s: dict[NodeId, float] = {}
        self._judges: list[list[CodeType]] = []
        self._left: dict[str, set[NodeId]] = {}
        self._looked_at = (0, False)
        self._present: tuple[pytest.Item | None, NodeId] = (None, NodeId(""))
        self._group: pytest.Collector | None = None
        self._bearers: Sequence[Bearer] = ()
        config.pluginmanager.register(self, "testcache-recording")

    def _option_read(self, name: str, value: object) -> None:
        self.tape.note(self.tape.top, Kind.OPTION, name, option_digest(value))

    def configure(self) -> None:
        """All options have the value that they keep."""
        self.world.options = self.options.watch()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Under xdist pytest-cov begins, or begins anew, to measure only when the session starts."""
        self.totals = Totals.begin(self.config, self.tape, self.world)

    def pytest_plugin_registered(self) -> None:
        self.inputs.plugin_registered()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All conftest files are loaded now."""
        locate(session.items)
        self._judges = self.verdicts.hooks(self.observer.is_project)
        self.observer.leftovers.overlooked = bookkeeping(self.config, self.tape)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        """Inside pytest-cov's own wrapper, which combines and reports when the loop has ended."""
        with self.observer.on(sys._getframe(1)):
            answer = yield
        if self.totals is not None:
            if self._unfinished:
                self.totals.take()
            self.totals.give_back()
        return answer

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Charge one test's set-up, call and teardown to it."""
        node = node_id(item)
        if node in self.hits:
            return (yield)
        context = self._begin(item)
        try:
            answer = yield
        finally:
            self.tape.pop(context)
        self._attempts.pop(node, None)
        if node not in self._unfinished:
            self._contexts.pop(node, None)
        return answer

    def watched(self, node: NodeId, known: Mapping[Leftover, NodeId]) -> AbstractContextManager[None]:
        """For the length of one more run of a test, out of turn; `known` is what replayed ones had left."""
        return self.observer.leftovers.watched(node, known)

    @contextmanager
    def recorded(self, item: pytest.Item) -> Iterator[None]:
        """For the length of a test's run, or of another one in its place: what came before does not count."""
        context = self._begin(item)
        try:
            yield
        finally:
            self.tape.pop(context)

    def has_seen_all(self, item: pytest.Item) -> bool:
        """Whether nothing could have been left to a test that has just run but what is looked at in memory.

        Cost: that of summing it up.
        """
        account = self.observer.ledger.account(self._contexts[node_id(item)])
        inputs = (read.input for part in account.parts for read in part)
        return not (account.problems or self.observer.leftovers.failure) and is_all_seen(inputs)

    def _begin(self, item: pytest.Item) -> Context:
        node = node_id(item)
        self._present = item, node
        context = self._contexts[node] = Context(node)
        self._attempts[node] = Attempt()
        context.links.update(self.charges.collected(item))
        self.inputs.charge(item, context)
        if item.parent is not self._group:
            self._group, self._bearers = item.parent, bearers_of(item.parent) if item.parent is not None else []
        self.observer.leftovers.begin(node, str(item.path), self._bearers)
        kept = self.observer.kept.look()
        if kept is not None:
            context.links.add(kept)
        context.places |= self.observer.running()
        self.tape.push(context)
        return context

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        attempt = self._attempts.get(self._node_of(item))
        if attempt is not None:
            attempt.made(report)
            attempt.stopped = attempt.stopped or self.gates.stopped(call)
            if report.when == "teardown":
                self._deliver(report, self.result(item))
        return report

    def _node_of(self, item: pytest.Item) -> NodeId:
        """To ask pytest for a node id takes 1 µs, and this is asked for seven times a test."""
        return self._present[1] if item is self._present[0] else node_id(item)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        if type(report) is pytest.TestReport:  # it has been made
            return
        node = NodeId(report.nodeid)
        attempt = self._attempts.get(node) or self._attempts.get(NodeId(node.rpartition("@")[0]))
        if attempt is not None:
            attempt.logged(report)

    def result(self, item: pytest.Item) -> Result:
        """Sum up a test whose teardown has just ended."""
        result = self._sum_up(item)
        if result.trace is None:
            self.observer.leftovers.not_stored(result.node_id)
        else:
            self._took_s[result.node_id] = result.duration_s
            for left in result.left if self._judges else ():
                self._left.setdefault(place_of(left), set()).add(result.node_id)
        return result

    def _sum_up(self, item: pytest.Item) -> Result:
        node = self._node_of(item)
        context, attempt = self._contexts[node], self._attempts[node]
        path = path_of(node)
        now = clock.time()
        self.observer.collect_children()
        self.tape.settle()
        leftovers = self.observer.leftovers
        left, access = leftovers.end(), leftovers.access()
        outcome = attempt.outcome()
        if outcome is None:
            unclean = () if attempt.failed else ((Reason.OUTCOME.slug, attempt.summary),)
            return Result(path, node, None, unclean, attempt.duration_s, now, left, access)
        unnamed = not isinstance(item, pytest.Function)
        reached = leftovers.link(context, everything=unnamed)
        marks = marker.marks_of(item)
        declared = self.inputs.never(node, marks)
        reads = frozenset[Read]() if declared else self._item_reads(item, node, marks, context)
        account = self.observer.ledger.account(context, reads)
        problems = [(problem.reason.slug, problem.evidence) for problem in account.problems]
        if declared is not None:
            problems.insert(0, (Reason.MARKED_NEVER.slug, declared))
        if self.observer.leftovers.failure:
            problems.append((Reason.NOT_OBSERVED.slug, self.observer.leftovers.failure))
        if problems:
            return Result(path, node, None, tuple(problems), attempt.duration_s, now, left, access)
        trace = Trace(
            parts=account.parts,
            outcome=outcome,
            reports=tuple(serialise(self.config, report, self.tape.roots) for report in attempt.reports),
            duration_s=attempt.duration_s,
            recorded_at=now,
            max_age_s=self._max_age_s(marks, account.labels),
            labels=account.labels,
            left=left,
            found=leftovers.found(node, context, account, reached),
            access=access,
        )
        if self.totals is not None:
            self._unfinished[node] = (item, trace)
        if self.charges.is_open(account.contexts):
            self._unfinished[node] = (item, trace)
            trace = replace(trace, parts=(*trace.parts, self.observer.ledger.whole_text()))
        return Result(path, node, trace, (), trace.duration_s, now, left, access)

    def _item_reads(
        self, item: pytest.Item, node: NodeId, marks: Sequence[pytest.Mark], context: Context
    ) -> frozenset[Read]:
        asked = {name for each in context.reachable() for name in each.fixtures}
        return self.inputs.reads(item, node, marks, asked)

    def _max_age_s(self, marks: Sequence[pytest.Mark], labels: tuple[str, ...]) -> float:
        ages = [marker.max_age_s(marks), *self.observer.network.ages(labels)]
        return min((age for age in ages if age), default=0.0)

    def finish(self) -> list[Result]:
        """The final results of tests of which not all was known when they ended; then stop watching.

        A wide fixture that is open even now leaves the careful result standing. A teardown that did something that
        cannot be stored takes back what was journalled; so does a change of memory that was noticed late. If it has
        failed, all who have used the fixture run again, like the one to whom pytest gives the error: it may not even
        be one of them, and pass alone.
        """
        self.observer.collect_children()
        self.tape.settle()
        results = []
        for node, (item, trace) in self._unfinished.items():
            context = self._contexts.pop(node)
            account = self.observer.ledger.account(
                context, self._item_reads(item, node, marker.marks_of(item), context)
            )
            if self.charges.is_open(account.contexts):
                continue
            problems = tuple((problem.reason.slug, problem.evidence) for problem in account.problems)
            lines = self.totals.of((*account.contexts, *account.modules)) if self.totals is not None else b""
            late = self.observer.leftovers.late(account, trace.found)
            found = trace.found | {one for one in late if one.filler != node}
            has_failed = any(context.failed for context in account.contexts)
            final = None if problems or has_failed else replace(trace, parts=account.parts, lines=lines, found=found)
            at = trace.recorded_at
            results.append(Result(path_of(node), node, final, problems, trace.duration_s, at, trace.left))
        self._unfinished.clear()
        results += self._judged()
        self.observer.leftovers.settle()
        lost = self.observer.leftovers.lost
        for node in lost.keys() & self._took_s.keys():
            who = "this test, or one that ran shortly before or after it,"
            why = f"{who} has changed {lost[node]}, which its file does not import"
            problems = ((Reason.NOT_OBSERVED.slug, why),)
            results.append(Result(path_of(node), node, None, problems, self._took_s[node], clock.time()))
        self.charges.uninstall()
        self.observer.stop()
        self.observer.leftovers.close()
        return results

    def _judged(self) -> Iterator[Result]:
        """Those that have left what a hook of the project judges when the session ends: replayed, they would not."""
        for codes in self._judges:
            name = f"{self.tape.roots.name(codes[0].co_filename)}::{codes[0].co_name}"
            for place in self.observer.leftovers.met_at((code.co_filename, code.co_firstlineno) for code in codes):
                problems = ((Reason.JUDGED_AT_THE_END.slug, f"{name} comes upon {place}"),)
                for node in self._left.get(place, ()):
                    yield Result(path_of(node), node, None, problems, self._took_s[node], clock.time())

    def goes_through_items(self) -> bool:
        """Whether a conftest or test file that is loaded goes through all tests of the run: it may look at their marks.

        Does not see: other modules of the project, which may have a session and items of their own.
        """
        loaded = self.tape.loaded
        if len(loaded) != self._looked_at[0]:
            sources = (module.source for path, module in loaded.items() if is_collected(path))
            mentions = chain.from_iterable(source.mentions.values() for source in sources)
            self._looked_at = (len(loaded), any(names >= _SESSION_ITEMS for names in mentions))
        return self._looked_at[1]

    def never(self, item: pytest.Item) -> str | None:
        """Why this test is declared never to be cached, or None."""
        return self.inputs.never(node_id(item), marker.marks_of(item))

    def check(self, items: list[pytest.Item]) -> None:
        """Refuse declarations with typos before anything runs."""
        for item in items:
            marker.check_markers(item)

    def collected(self, items: list[pytest.Item], traces: Mapping[NodeId, Trace]) -> list[Collected]:
        """The test files that were collected in this process, with what their collection rests on."""
        tape, ledger = self.tape, self.observer.ledger
        asked = [Input(Kind.LISTING, tape.roots.name(folder)) for folder in self.charges.folders]
        folders = [Read(folder, self.world.digest_of(folder)) for folder in asked]
        imports = self.observer.leftovers.importing.done.values()
        acting = {one.context: path_of(one.node) for one in imports if one.left}
        files: dict[str, Collected] = {}
        for path, context in self.charges.files().items():
            name = tape.roots.name(path)
            content = Read(Input(Kind.FILE, name), self.world.digest_of(Input(Kind.FILE, name)))
            whole = Context("collection", links={context, *self.charges.parameters.get(path, ())})
            parts = ledger.account(whole, (*folders, content)).parts  # of tests that are left out, too
            module = tape.loaded.get(path)
            below = ledger.closure(module.context) if module is not None else ()
            acts = {acting[one] for one in below if one in acting}
            if module is not None and module.source.acts:
                acts.add(name)
            files[path] = Collected(name, parts, acts=sorted(acts), shown=self.shown.of(path))
        for item in items:
            file = files.get(str(item.path))
            if file is not None:
                node = node_id(item)
                _, line, domain = item.location
                file.tests.append((node.partition("::")[2], line, domain, traces.get(node)))
        return list(files.values())
