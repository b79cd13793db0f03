"""Tests that end otherwise only because the tests before them were replayed: found before that is reported.

A test that failed the last time and passes now may do so because nobody has left it what made it fail. One that
shares a wide fixture may pass, or fail, because it has got a new one. One that leaves nothing itself may pass because a
few others have left it nothing: that a list is empty, say. Those that would have left it something really run; then it
does so once more, and that counts. Of the last kind only one that passes twice alone is tried.

Of a failure nothing tells whether it is of this kind, so it is tried, in this order:

1. The test fails in its set-up or call. Its reports are held back.
2. It runs once more, alone. If it passes now it is flaky, and the failure of 1 is reported. If it counts up what
   replayed tests had counted up before it, it stands for the first of these now: the rest of them run before, and what
   comes of it is what a full run would have shown.
3. Tests of its file that stand before it and were replayed really run, and their reports are dropped: those that
   have left something in memory when they were recorded, those that share a wide fixture with it, and the nearest,
   for what nobody sees them leave: rows on a server, say. The last do not for a test that uses nothing in which that
   could be (`testcache.session.hidden`), nor for one that is new: nobody has seen that pass, and if it fails once
   more, they do. (Does not see: one whose id is another one each time is always new.)
4. It runs once more. If it passes, that is reported: it is what a full run would have shown.
5. If it fails, the few tests of other files run from which it had found something in memory, and it runs a last time.
   If it passes, that is reported and stored: it has found the same again. If not, the failure of 1 is reported.

A test that fails, or has failed the last time, is tried and reported when all others have run, unless others wait for
its result, or `--maxfail` asks for the first failure: whom it needs might have to run for itself after that, and some
can run but once in a process. If tests that stand before it have run only after it, it runs once more behind these.

A failure that has stood this trial stands for others like it in the same file: of the same test with other
parameters at the same line, or of any test with the same message there. One bug fails a hundred tests, and
what ran for the first of them would run for each.

Does not see: one of these that would pass behind its neighbours, what tests of other files, or one far before it, have
left unseen, tests that do not fail but mean less without their neighbours, and runs with xdist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import pytest

from testcache.clock import clock
from testcache.model import Leftover, Miss, NodeId, Result, Trace
from testcache.reasons import Reason
from testcache.session import unheard
from testcache.session.company import MOST, MOST_S
from testcache.session.likeness import Likeness, likenesses
from testcache.session.lineup import Lineup
from testcache.session.names import node_id, path_of
from testcache.session.wide import common_node, wide
from testcache.storage.index import IndexedTest

_OURS = ("testcache", "runner")
_PHASES = ("setup", "call")
Found = Callable[[Result], None]


class Company(Protocol):
    """What is known of the tests before one that passes alone."""

    @property
    def left(self) -> Mapping[Leftover, NodeId]:
        """Which test of those that are replayed has left something."""

    @property
    def waiting(self) -> Mapping[NodeId, Miss]:
        """The tests that wait for others."""

    def failed_before(self, node: NodeId) -> bool:
        """Whether it has failed the last time."""

    def is_new(self, node: NodeId) -> bool:
        """Whether it has never run, as far as the store knows."""

    def is_waited_for(self, node: NodeId) -> bool:
        """Whether others are replayed only if it leaves the same again."""

    def is_wanted(self, node: NodeId) -> bool:
        """Whether to see if it passes in company, too."""

    def fillers(self, node: NodeId) -> set[NodeId]:
        """Those who would have left it something in a wide fixture that was torn down, perhaps."""

    def of(self, node: NodeId, is_before: Callable[[NodeId], bool]) -> set[NodeId]:
        """Those of the tests before it that would have left it something; from now on they can run."""

    def found(self, node: NodeId) -> set[NodeId]:
        """Those in other files that are replayed, and had left it something."""

    def others_counting(self, node: NodeId) -> list[NodeId] | None:
        """Whom it takes, after one run of a test that counts, to count as far as it had found; None if it does not."""

    def has_found_in_fixture(self, node: NodeId) -> bool:
        """Whether others had left it something in the value of a wide fixture."""

    def with_fillers(self, nodes: Set[NodeId], most: int) -> set[NodeId]:
        """These, and those that had left them something; from now on they can run. None if there are too many."""

    def result(self, node: NodeId) -> Result:
        """The result that it has now."""

    def keep(self, result: Result) -> None:
        """This is its result after all."""


class Records(Protocol):
    """Who records runs that are not those of pytest."""

    def watched(self, node: NodeId, known: Mapping[Leftover, NodeId]) -> AbstractContextManager[None]:
        """For the length of one: what it leaves in memory is the doing of this test, if not `known` of others."""

    def recorded(self, item: pytest.Item) -> AbstractContextManager[None]:
        """For the length of one in the place of a test's own."""

    def has_seen_all(self, item: pytest.Item) -> bool:
        """Whether nothing was left to a test that has just run, but perhaps what is looked at in memory."""


class _Held(NamedTuple):
    """A test that has run, and what it would report.

    Attributes:
        is_wanted: whether to see if it passes in company, too.
        number: how many tests had ended before it.
        has_seen_all: whether it has failed, and nothing could have been left to it but what is looked at in memory.
    """

    item: pytest.Item
    reports: list[pytest.TestReport]
    is_wanted: bool
    number: int
    has_seen_all: bool


class Neighbours:
    """A plugin of runs without xdist; registered when all others are.

    `found` is called with the result of each test that needs its neighbours.
    """

    def __init__(
        self,
        config: pytest.Config,
        items: Sequence[pytest.Item],
        hits: Mapping[NodeId, Trace | IndexedTest],
        found: Found,
        records: Records,
        company: Company,
    ) -> None:
        self._company = company
        self._lineup = Lineup(hits, items, company.waiting)
        self._hits = hits
        self._records = records
        self._found = found
        self._alive: dict[NodeId, dict[pytest.FixtureDef[Any], object]] = {}
        self._tried = False
        self._unheard = unheard.Unheard(config)
        self._held: list[_Held] = []
        self._confirmed: set[Likeness] = set()
        self.take = self._lineup.take
        others = config.hook.pytest_runtest_protocol.get_hookimpls()
        if all(found.wrapper or found.hookwrapper or found.plugin_name.startswith(_OURS) for found in others):
            config.pluginmanager.register(self, "testcache-neighbours")

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> object:
        node = node_id(item)
        if node in self._hits:
            return None  # it waited, and may be replayed after all
        before, others = self._neighbours_of(item)
        is_wanted = self._company.is_wanted(node) and not self._is_in_company(item)
        if not before and not others and not is_wanted:
            return None
        was_told = False
        if item.config.getoption("maxfail"):  # a sub-test that fails may end its test as soon as it is reported
            reports, was_told = self._unheard.run_aloud(item, nextitem)
        else:
            reports = self._unheard.run(item, nextitem)
        seen = _failed(reports) and self._records.has_seen_all(item)
        held = _Held(item, reports, is_wanted, self._lineup.ends(item), seen)
        if was_told or not (is_wanted or _failed(reports)):
            self._report(held)
        elif self._may_wait(held):
            self._held.append(held)
        else:
            self._try(held, nextitem)
        return True

    def _may_wait(self, held: _Held) -> bool:
        """Whether a test is tried when all others have run, and reported then: one that fails now, or has before.

        Not one for whose result others wait.
        """
        node = node_id(held.item)
        has_failed = _failed(held.reports) or self._company.failed_before(node)
        if not has_failed or not self._hits or held.item.config.getoption("maxfail"):
            return False
        return not self._company.is_waited_for(node)

    def try_held(self) -> bool:
        """Try those that could be of this kind, and report them, when all others have run; whether there were any.

        Whom they need must not run for itself after that: a test may be one that can run but once in a process.
        """
        had_some = bool(self._held)
        while self._held:
            held = self._held.pop(0)
            with self._records.recorded(held.item):  # what the others run counts for none of those that are stored
                self._try(held, None)
        return had_some

    def report_held(self) -> None:
        """Report those that there is no time to try."""
        held, self._held = self._held, []
        for one in held:
            self._report(one)

    def _neighbours_of(self, item: pytest.Item, *, has_seen_all: bool = False) -> tuple[list[pytest.Item], set[NodeId]]:
        """Those of its file that may have left a test something, and of other files; none if they take too long."""
        others = set(filter(self._lineup.is_before(item), self._company.found(node_id(item))))
        left_s = MOST_S - sum(self._hits[node].duration_s for node in others)
        are_nearest_in_vain = has_seen_all or self._company.is_new(node_id(item))
        before = self._lineup.neighbours(item, left_s, 0 if are_nearest_in_vain else MOST)
        return (before, others) if before is not None else ([], set())

    def _try(self, held: _Held, nextitem: pytest.Item | None) -> None:
        """Find out whether a test needs its neighbours, and report it."""
        item, reports, is_wanted, number, has_seen_all = held
        self._tried = False
        if self._lineup.is_overtaken(item, number):
            with self._records.recorded(item):
                reports = self._attempt(item, nextitem)
        before, others = self._neighbours_of(item, has_seen_all=has_seen_all)
        if (before or others) and _failed(reports) and unheard.took_s(reports) <= MOST_S:
            if self._confirmed.isdisjoint(likenesses(item, reports)):
                reports = self._again(item, nextitem, before, others, reports)
        elif is_wanted and all(report.passed for report in reports):
            reports = self._in_company(item, nextitem, reports)
        if is_wanted and _failed(reports) and not self._tried:
            reports = self._in_company(item, nextitem, reports)
        self._report(held._replace(reports=reports))

    def _report(self, held: _Held) -> None:
        self._unheard.tell(held.item, held.reports)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has run; some of its fixtures stay for the next one."""
        item = self._lineup.named(nodeid)
        if item is not None and node_id(item) not in self._hits:
            self._lineup.ends(item)
            self._note(item)

    def _note(self, item: pytest.Item) -> None:
        values = ((one, one.cached_result) for one in wide(item))
        self._alive[node_id(item)] = {one: value for one, value in values if value is not None}

    def _is_in_company(self, item: pytest.Item) -> bool:
        """Whether all who leave it something have run, and each fixture that it shares with them is still up."""
        fillers = self._company.fillers(node_id(item))
        return bool(fillers) and all(self._is_with(item, one) for one in fillers)

    def _is_with(self, item: pytest.Item, filler: NodeId) -> bool:
        other, values = self._lineup.get(filler), self._alive.get(filler, {})
        common = wide(item) & wide(other) if other is not None else set()
        return bool(common) and all(values.get(one, common) is one.cached_result for one in common)

    def _again(
        self,
        item: pytest.Item,
        nextitem: pytest.Item | None,
        before: list[pytest.Item],
        others: set[NodeId],
        first: list[pytest.TestReport],
    ) -> list[pytest.TestReport]:
        """Find out whether the neighbours matter; the reports to show."""
        others = self._company.with_fillers(others - self._lineup.ran, MOST)
        fillers = self._lineup.sorted(others)
        if not before and not fillers:
            return first
        common = common_node(item, *before, *fillers, *([nextitem] if nextitem is not None else []))
        counting = self._company.others_counting(node_id(item))
        if counting is not None:
            last = self._behind(self._lineup.sorted(counting), item, nextitem, common)
            if any(report.failed for report in last):
                self._confirmed.update(likenesses(item, first))
                return first
            self._needs(item, "those that count before it were replayed", last)
            return last
        result = self._company.result(node_id(item))  # with what it left: the attempts to come find that there
        is_held = self._company.has_found_in_fixture(node_id(item))
        if is_held and not self._renew(item):
            return first
        if not _failed(self._attempt(item, common)):
            self._company.keep(result)
            return first
        last = first
        if before:
            if is_held and not self._renew(item):
                self._company.keep(result)
                return first
            last = self._behind(before, item, nextitem, common)
            if not any(report.failed for report in last):
                self._needs(item, f"the {len(before)} before it in its file were replayed", last)
                return last
        if fillers:
            for one in fillers:
                self._lineup.ran.add(node_id(one))
                self._attempt(one, common)
            with self._records.recorded(item):  # in the place of its own run: it may be stored
                last = self._attempt(item, nextitem)
        if any(report.failed for report in last):
            self._company.keep(result)
            self._confirmed.update(likenesses(item, first))
            return first
        return last

    def _renew(self, item: pytest.Item) -> bool:
        """Tear down all fixtures, as what the attempts up to now have left goes with them; whether that went well.

        Where an end fails nobody is told of that error: so the failure stands for which this was tried.
        """
        try:
            item.session._setupstate.teardown_exact(None)
        except Exception:
            return False
        return True

    def _behind(
        self, others: Iterable[pytest.Item], item: pytest.Item, nextitem: pytest.Item | None, common: pytest.Item
    ) -> list[pytest.TestReport]:
        """Run these, and the test behind them; its reports."""
        for one in others:
            self._lineup.ran.add(node_id(one))
            self._attempt(one, common)
        return self._attempt(item, nextitem)

    def _in_company(
        self, item: pytest.Item, nextitem: pytest.Item | None, alone: list[pytest.TestReport]
    ) -> list[pytest.TestReport]:
        """Find out whether a test passes behind those that were replayed, too; the reports to show."""
        others = self._company.of(node_id(item), self._lineup.is_before(item))
        again = self._lineup.ran - self._company.fillers(node_id(item))  # what these leave goes with a fixture
        company = self._lineup.sorted(others - again)
        if not company:
            return alone
        self._tried = True
        common = common_node(item, *company)
        item.session._setupstate.teardown_exact(common)
        result = self._company.result(node_id(item))
        if _failed(alone):
            last = self._behind(company, item, nextitem, common)
            if _failed(last):
                return alone
            if not any(report.failed for report in last):  # not what it shares with them either, as that ended
                self._needs(item, f"{len(company)} before it have left it something", last)
            return last
        if _failed(self._attempt(item, common)):  # it cannot be run twice
            self._company.keep(result)
            return alone
        for one in company:
            self._lineup.ran.add(node_id(one))
            self._attempt(one, common)
        with self._records.recorded(item):  # in the place of its own run: it may be stored
            return self._attempt(item, nextitem)

    def _needs(self, item: pytest.Item, why: str, reports: Sequence[pytest.TestReport]) -> None:
        node, problems = node_id(item), ((Reason.NEEDS_NEIGHBOURS.slug, why),)
        self._found(Result(path_of(node), node, None, problems, unheard.took_s(reports), clock.time()))

    def _attempt(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        item._report_sections.clear()  # else the output of the attempt before would be shown again
        del item.user_properties[:]
        with self._records.watched(node_id(item), self._company.left):
            reports = self._unheard.run(item, nextitem)
        self._note(item)
        return reports


def lines(results: Iterable[Result]) -> Iterator[str]:
    """What to say of each result of a test that needs its neighbours."""
    for result in results:
        if result.problems and result.problems[0][0] == Reason.NEEDS_NEIGHBOURS.slug:
            yield (
                f"testcache: {result.node_id}: failed only because its neighbours were replayed: it passes when "
                f"{result.path} runs as a whole [{Reason.NEEDS_NEIGHBOURS.slug}]"
            )
            yield f"    reported as passed and not stored; the tests of {result.path} run together from now on"


def _failed(reports: Sequence[pytest.TestReport]) -> bool:
    return any(report.failed and report.when in _PHASES for report in reports)
