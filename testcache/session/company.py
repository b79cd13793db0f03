"""The company of a test: others that would have left it something in memory, and have not where it runs alone.

A test that failed the last time, while those before it are replayed; one that has to run because of what another one
leaves in the value of a wide fixture, which was torn down in between; and one that leaves nothing, and comes upon what
a few replayed ones had left: it may say that something is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from testcache.leaks import fillers_of, left_by, names_left
from testcache.model import SHELF, STEP, Found, Hit, Kind, Leftover, Miss, NodeId, Result, Trace
from testcache.readers import Readers
from testcache.reasons import Reason
from testcache.recording import surroundings
from testcache.recording.ambience import slot
from testcache.session.names import node_id, path_of

if TYPE_CHECKING:
    from testcache.session.runner import Runner

MOST_S: Final = 0.1
"""Recorded seconds of other tests above which nothing is tried: most failures are real, and each of them
would pay for running tests that are known to pass."""

MOST: Final = 8
"""Tests that run for what they may leave. All that fit into `MOST_S` were 22 a run in 50 mutants of
markdown-it-py, and no failure needed them."""


class Company:
    """See `testcache.session.neighbours`.

    Attributes:
        waiting: the tests that wait for others.

    Args:
        hits: gives the traces of all tests that are replayed.
        load: imports the files of tests that can only be replayed otherwise.
    """

    def __init__(
        self,
        runner: Runner,
        hits: Callable[[], Mapping[NodeId, Trace]],
        load: Callable[[Collection[NodeId]], None],
        waiting: Mapping[NodeId, Miss],
    ) -> None:
        self._runner = runner
        self._hits = hits
        self._load = load
        self.waiting = waiting

    def is_waited_for(self, node: NodeId) -> bool:
        """Whether others are replayed only if it leaves the same again."""
        return any(one.filler == node for miss in self.waiting.values() for one in miss.waits_for)

    def failed_before(self, node: NodeId) -> bool:
        """Whether it has failed the last time, as far as the store knows."""
        decision = self._runner.decisions.get(node)
        return isinstance(decision, Miss) and decision.reason is Reason.NOT_PASSED

    def is_new(self, node: NodeId) -> bool:
        """Whether it has never run, as far as the store knows."""
        decision = self._runner.decisions.get(node)
        return isinstance(decision, Miss) and decision.reason is Reason.NEW

    def is_wanted(self, node: NodeId) -> bool:
        """Whether to see if it passes in company, too."""
        return self.failed_before(node) or self._is_shared(node) or bool(self._names)

    @cached_property
    def _names(self) -> frozenset[str]:
        """By which code comes upon what replayed tests have left."""
        runner = self._runner
        files = runner.warm.held.values() if runner.warm is not None else ()
        traces = (hit for hit in runner.hits.values() if isinstance(hit, Trace))
        return names_left(traces).union(*(file.left for file in files))

    @cached_property
    def left(self) -> Mapping[Leftover, NodeId]:
        """Which test of those that are replayed has left something: of several, the one that stands first."""
        hits = self._hits()
        order = [node for node in map(node_id, self._runner.collected) if node in hits]
        return {left: node for node in reversed(order) for left in hits[node].left}

    @cached_property
    def _readers(self) -> tuple[Readers, Mapping[NodeId, Trace]]:
        """Who comes upon what replayed tests had left, and these, as they were when that was first asked."""
        hits = self._hits()
        return Readers(left_by(hits, results=False), self._runner.world.source), hits

    def _strangers(self, trace: Trace, is_before: Callable[[NodeId], bool]) -> set[NodeId]:
        """The few replayed tests before a short one that leaves nothing that have left what its code mentions."""
        if trace.left or trace.duration_s > MOST_S or not self._mentions_some(trace):
            return set()
        readers, hits = self._readers
        found = {one for one in fillers_of(trace, readers) if one in self._runner.hits and is_before(one)}
        return found if len(found) <= MOST and sum(hits[one].duration_s for one in found) <= MOST_S else set()

    def _mentions_some(self, trace: Trace) -> bool:
        """Whether the code of a test mentions a name of what replayed ones had left; else their traces are not read."""
        reads = [read.input for read in trace.parts[0]]
        asked = surroundings.asked({kind for kind, _ in reads}) | {surroundings.EVERYBODY}
        if not self._names.isdisjoint(asked.union(slot(name) for kind, name in reads if kind is Kind.VARIABLE)):
            return True
        blocks = (name.partition("::") for kind, name in reads if kind is Kind.BLOCK)
        sources = ((self._runner.world.source(path), block) for path, _, block in blocks)
        mentions = (source.mentions.get(block, frozenset()) for source, block in sources if source is not None)
        return any(not self._names.isdisjoint(names) for names in mentions)

    def of(self, node: NodeId, is_before: Callable[[NodeId], bool]) -> set[NodeId]:
        """Those of the tests before it that would have left it something; from now on they can run."""
        trace = self._runner.results[node].trace
        others = set(filter(is_before, self.fillers(node)))
        if trace is not None and not self.failed_before(node):
            others |= self._strangers(trace, is_before)
        elif trace is not None:
            hits = {other: hit for other, hit in self._hits().items() if is_before(other)}
            others |= fillers_of(trace, Readers(left_by(hits), self._runner.world.source))
        self._load(others)
        return others

    def _is_shared(self, node: NodeId) -> bool:
        """Whether it has to run because of what another test leaves in a wide fixture."""
        decision = self._runner.decisions.get(node)
        return isinstance(decision, Miss) and any(map(_is_of_a_fixture, decision.waits_for))

    def fillers(self, node: NodeId) -> set[NodeId]:
        """Those who would have left it something in a wide fixture, and these; it was torn down in between, perhaps."""
        found: set[NodeId] = set()
        queue = [node] if self._is_shared(node) else []
        while queue:
            decision = self._runner.decisions.get(queue.pop())
            trace = decision.trace if isinstance(decision, Hit) else decision.nearest if decision is not None else None
            rests_on = {*(trace.found if trace is not None else ())}
            rests_on.update(decision.waits_for if isinstance(decision, Miss) else ())
            fresh = {one.filler for one in rests_on if _is_of_a_fixture(one)} - found
            found |= fresh
            queue.extend(fresh)
        return found - {node}

    def found(self, node: NodeId) -> set[NodeId]:
        """Those in other files that are replayed, and had left it something."""
        decision = self._runner.decisions.get(node)
        fillers = self._replayed(decision.nearest if isinstance(decision, Miss) else None)
        return {one for one in fillers if path_of(one) != path_of(node)}

    def _replayed(self, trace: Trace | None) -> set[NodeId]:
        """The fillers of what a test has found that are replayed."""
        return {one.filler for one in trace.found} & self._runner.hits.keys() if trace is not None else set()

    def with_fillers(self, nodes: Set[NodeId], most: int) -> set[NodeId]:
        """These, and those that had left them something; from now on they can run. None if there are too many.

        Hundreds add to a registry: that a test fails because these were replayed is not likely.
        """
        found, queue = set(nodes), [*nodes]
        hits = self._hits() if nodes else {}
        while queue and len(found) <= most:
            fresh = self._replayed(hits.get(queue.pop())) - found
            found |= fresh
            queue += fresh
        if len(found) > most:
            return set()
        self._load(found)
        return found

    def others_counting(self, node: NodeId) -> list[NodeId] | None:
        """Whom it takes, after one run of a test that counts, to count as far as it had found; None if it does not.

        A counter holds then what the test has left, as if it had been the first to count. That may be what another one
        had left: those that came after that are to run.
        """
        decision, left = self._runner.decisions.get(node), {*self._runner.results[node].left}
        trace = decision.nearest if isinstance(decision, Miss) else None
        waiting = {other: miss.nearest for other, miss in self.waiting.items() if miss.nearest is not None}
        hits = {**waiting, **self._hits()}
        places = {one.place.removesuffix(STEP) for one in left if one.place.endswith(STEP)}
        rows = []
        for place in places if trace is not None else ():
            row: list[NodeId] = []
            found = _found_at(place, trace)
            while found is not None and found.leftover not in left and found.filler in hits and len(row) < MOST:
                row.append(found.filler)
                found = _found_at(place, hits[found.filler])
            if found is None or found.leftover not in left:
                return None
            rows.append(row[::-1])
        if not rows or any(row != rows[0] for row in rows):
            return None
        self._load(rows[0])
        return rows[0]

    def has_found_in_fixture(self, node: NodeId) -> bool:
        """Whether others had left it something in the value of a wide fixture."""
        decision = self._runner.decisions.get(node)
        trace = decision.nearest if isinstance(decision, Miss) else None
        return trace is not None and any(map(_is_of_a_fixture, trace.found))

    def result(self, node: NodeId) -> Result:
        """The result that it has now."""
        return self._runner.results[node]

    def keep(self, result: Result) -> None:
        """This is its result after all."""
        self._runner.take([result])


def _found_at(place: str, trace: Trace | None) -> Found | None:
    """What a test had found in a place before it ended; itself, or else what it rests on."""
    found = trace.found if trace is not None else ()
    return min((one for one in found if one.place == place and not one.late), key=attrgetter("at"), default=None)


def _is_of_a_fixture(found: Found) -> bool:
    return "()" in found.place or SHELF in found.place
