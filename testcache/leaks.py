"""Leaks: what tests leave in memory for the first time, and which hits would come upon it.

1. Test A is edited, and does not put a setting back any more. It runs.
2. Test B stands behind A. All that it read is unchanged, so it is a hit; but its code mentions that setting.
3. In a run of all tests B would find what A has left now. So B runs.

A test that runs alone fills what a replayed one would have filled for it: that is news to nobody who found the same.
Leaks are stored, as B may have no turn in the run in which A began to leak. A result of A that was recorded elsewhere
leaks what it left, as seen by those that were recorded before that run began: of others it is known that they ran with
it, or after it.
Does not see: keys that are added to a dict or set to which other tests add keys, too, and results of an `lru_cache`,
but for who has added the same; who looks into memory only from a lambda in a table, or from the body of a module.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import accumulate, chain

from testcache.model import STEP, Access, Decision, Found, Hit, Leftover, Miss, NodeId, Result, Trace
from testcache.readers import Readers, SourceOf
from testcache.reasons import Reason
from testcache.storage.leaks import Leak, leaks_of

TracesOf = Callable[[NodeId], Sequence[Trace]]
"""The past traces of any test."""

DecideBy = Callable[[NodeId, Sequence[Trace]], Decision]
"""What is decided about a test by some of its traces."""


class Leaks:
    """The leaks of one run.

    Attributes:
        doubtful: after `to_keep`, tests that passed where they could not come upon a leak.

    Args:
        order: all tests, as they stand in a run in which nothing is replayed.
        known: what is stored of earlier runs.
        before: the traces of tests that had to run.
        hits: the traces of all tests that are to be replayed; asked if there is need.
        recovered: results of a run that was killed; it is not known what is new in them.
        taken: tests with results from elsewhere, of which that is not known, either.
        traces_of: asked about these.
        indifferent_to: the interiors that do not matter to a trace of a test.
    """

    def __init__(
        self,
        order: Sequence[NodeId],
        known: Iterable[Leak],
        before: Mapping[NodeId, Trace],
        hits: Callable[[], Mapping[NodeId, Trace]],
        recovered: Iterable[Result] = (),
        taken: Collection[NodeId] = (),
        traces_of: TracesOf = lambda _: (),
        indifferent_to: Callable[[NodeId, Trace], frozenset[str]] = lambda _, __: frozenset(),
    ) -> None:
        self._position = {node: position for position, node in enumerate(order)}
        self._known: dict[NodeId, list[Leak]] = {}
        for leak in known:
            self._known.setdefault(leak.node, []).append(leak)
        self._before = dict(before)
        self._traces = hits
        self._replayed = False
        self._first: dict[Leftover, int] = {}
        self._tables: set[str] = set()
        self._leaking: dict[NodeId, list[Leak]] = {}
        self._fresh_ones: set[Leak] = set()
        self._shared: set[Leak] = set()  # one more entry of a table to which others add, too
        self._readers: defaultdict[Leak, set[NodeId]] = defaultdict(set)
        self._seen: set[NodeId] = set()
        self.doubtful: set[NodeId] = set()
        for result in recovered:
            self._leaking[result.node_id] = self._known[result.node_id] = self._fresh(result, None)
        self._traces_of = traces_of
        self._indifferent_to = indifferent_to
        self._from_elsewhere = self._position.keys() & taken
        self._take(self._from_elsewhere)

    def _take(self, taken: Collection[NodeId]) -> None:
        """Look at what results from elsewhere have left. Cost: nothing more if all tests are of one run."""
        if not taken:
            return
        hits = self._traces()
        oldest_behind: dict[NodeId, float] = {}
        oldest = math.inf
        for node in sorted(self._position, key=self._position.__getitem__, reverse=True):
            oldest_behind[node] = oldest
            oldest = min(oldest, hits[node].recorded_at if node in hits else math.inf)
        for node in sorted(taken):
            trace = self._before.get(node) or hits.get(node)
            if trace is None or oldest_behind[node] > trace.begun:
                continue
            past = (one for one in self._traces_of(node) if one.begun < trace.begun)
            earlier = sorted(past, key=_begun, reverse=True)
            result = Result("", node, trace, recorded_at=trace.begun, left=trace.left, access=trace.access)
            leaks = [leak._replace(at=_left_since(leak, earlier)) for leak in self._fresh(result, None)]
            self._known.setdefault(node, []).extend(leak for leak in leaks if oldest_behind[node] <= leak.at)

    def of_hits(self) -> list[Leak]:
        """Those of tests that are replayed: known from an earlier run."""
        here = [leak for node, leaks in self._known.items() if node in self._position for leak in leaks]
        if not here:
            return []
        traces = self._traces()
        return [leak for leak in here if leak.node in traces and _leaves(leak, traces[leak.node].left)]

    def of_older(self, hits: Mapping[NodeId, Trace]) -> list[Leak]:
        """What hits left that are not by the newest trace of a test: others may have been recorded without that since.

        What was done in between has been taken back, say, or another branch is checked out. Results from elsewhere are
        looked at otherwise.
        """
        found = []
        for node in hits.keys() - self._from_elsewhere:
            trace = hits[node]
            newest = max(self._traces_of(node), key=_recorded, default=trace)
            if newest.recorded_at > trace.recorded_at:
                found += leaks_of(node, trace.left - newest.left, trace.access)
        return [*map(self._noted, found)]

    def recall(self, traces: Mapping[NodeId, Trace]) -> None:
        """Take what is known of tests that were hits, and run: what these have left is no leak if they do so again."""
        self._before |= traces

    def of_results(self, results: Mapping[NodeId, Result]) -> list[Leak]:
        """Those of tests that have run; each is looked at once."""
        found: list[Leak] = []
        for node in (results.keys() & self._position.keys()) - self._seen:  # workers may know a test by another id
            self._seen.add(node)
            again = [leak for leak in self._known.get(node, ()) if _leaves(leak, results[node].left)]
            fresh = self._fresh(results[node], self._before.get(node))
            self._fresh_ones.update(fresh)
            self._leaking[node] = again + fresh
            found += again + fresh
        return found

    def to_keep(
        self, results: Mapping[NodeId, Result], apart: Collection[NodeId], *, complete: bool
    ) -> dict[NodeId, list[Leak]]:
        """What later runs have to know of each of these tests.

        Args:
            apart: tests that ran in other processes than those before them, perhaps.
            complete: all tests that there are have been compared with all leaks. Then only those count that
                a test leaks in every run, without a trace that says so, and those with open readers.
        """
        if not complete:
            return self._absent(results) | self._leaking
        kept: dict[NodeId, list[Leak]] = {}
        for node in self._position:
            untraced = node in results and results[node].trace is None
            opened = [self._opened(leak, results, apart) for leak in self._leaks_of(node)]
            kept[node] = [leak for leak, is_open in opened if untraced or is_open]
        return kept

    def _absent(self, results: Mapping[NodeId, Result]) -> dict[NodeId, list[Leak]]:
        """The leaks of tests that were not in this run: who ran in it did not come upon them."""
        ran = max((result.recorded_at for result in results.values()), default=0.0)
        absent = self._known.keys() - self._position.keys() if results else ()
        return {node: [leak._replace(at=max(leak.at, ran)) for leak in self._known[node]] for node in absent}

    def _opened(self, leak: Leak, results: Mapping[NodeId, Result], apart: Collection[NodeId]) -> tuple[Leak, bool]:
        """The leak, and whether a test that ran because of it has not passed with it yet.

        It may have run on another worker, and come upon nothing. Then its new trace counts as one from before.
        """
        is_open = False
        for node in self._readers[leak]:
            result = results.get(node)
            if result is not None and result.trace is None:
                is_open = True
            elif result is not None and node in apart and not _comes_upon(result.trace, leak):
                is_open = True
                self.doubtful.add(node)
                leak = leak._replace(at=max(leak.at, result.recorded_at))
        return leak, is_open

    def _leaks_of(self, node: NodeId) -> list[Leak]:
        return self._leaking.get(node, self._known.get(node, []))

    def _fresh(self, result: Result, before: Trace | None) -> list[Leak]:
        """What a test has left that it is not known to have left before."""
        left_before = before.left if before is not None else frozenset()
        values = {one.place: one for one in result.left}
        leaks = (self._leak(place, result, values) for place in result.access if place in values)
        return [leak for leak in leaks if leak is not None and not _leaves(leak, left_before)]

    def _leak(self, place: str, result: Result, values: Mapping[str, Leftover]) -> Leak | None:
        """What a test has left in one place, unless it is known."""
        node, access = result.node_id, result.access[place]
        left = tuple(Found(node, *values[one]) for one in (place, place + STEP) if one in values)
        leak = Leak(left, access, result.recorded_at)
        known = (one for one in self._known.get(node, ()) if one.place == place)
        if any(_leaves(one, result.left) for one in known):
            return None
        return self._noted(leak)

    def _noted(self, leak: Leak) -> Leak:
        """The leak; it is kept in mind if it is one more entry of a table."""
        self._look_at_hits()
        added = leak.access.added and _table(leak.place) in self._tables
        if added or _is_result(leak.place, leak.access):
            self._shared.add(leak)
        return leak

    def _look_at_hits(self) -> None:
        """Find out what replayed tests have left, and first of all."""
        if not self._replayed:
            self._replayed = True
            for node, trace in self._traces().items():
                for left in trace.left:
                    self._first[left] = min(self._position[node], self._first.get(left, self._position[node]))
                    self._tables.add(_table(left.place))

    def disturbed(
        self,
        leaks: Sequence[Leak],
        source_of: SourceOf,
        is_text: Callable[[NodeId], bool],
        traces: Mapping[NodeId, Trace] | None = None,
    ) -> dict[NodeId, tuple[Found, ...]]:
        """The hits that would come upon these, and what that is; or the tests that would, if replayed by `traces`.

        `is_text` says that the code of a test is in no Python file, as that of a doctest.
        """
        traces = self._traces() if traces is None and leaks else traces
        if not leaks or not traces:
            return {}
        reached = Readers(leaks, source_of)
        late = _Late(leaks, self._fresh_ones, self._position)
        found = {}
        for node, trace in traces.items():
            if not late.precede(node, trace):
                continue
            mine = leaks if is_text(node) else reached.by(trace)
            news = [leak for leak in mine if self._is_news(leak, node, trace)]
            for leak in news:
                self._readers[leak].add(node)
            if news:
                found[node] = tuple(leak.left[0] for leak in news)
        return found

    def undisturbed(
        self,
        nodes: Iterable[NodeId],
        leaks: Sequence[Leak],
        source_of: SourceOf,
        is_text: Callable[[NodeId], bool],
        decide: DecideBy,
    ) -> dict[NodeId, Decision]:
        """Those of these hits that have another trace, recorded with all leaks: hits by that, or tests that wait."""
        hits = self._traces()
        found: dict[NodeId, Decision] = {}
        others = {node: [one for one in self._traces_of(node) if one != hits[node]] for node in nodes if node in hits}
        while others:
            decisions = {node: decide(node, traces) for node, traces in others.items()}
            traces = {node: trace for node, one in decisions.items() if (trace := replayed_by(one)) is not None}
            again = self.disturbed(leaks, source_of, is_text, traces)
            found |= {node: decisions[node] for node in traces.keys() - again.keys()}
            others = {node: [one for one in others[node] if one is not traces[node]] for node in again}
        return found

    def _is_news(self, leak: Leak, node: NodeId, trace: Trace) -> bool:
        """Whether a test stands behind a leak and was recorded without it.

        Clocks of several machines are only asked about leaks of earlier runs.
        """
        position = self._position[leak.node]
        if self._position[node] <= position or (leak in self._shared and not _adds(leak, trace)):
            return False
        if trace.recorded_at > leak.at and not (self._fresh_ones and leak in self._fresh_ones):
            return False  # most often, and without a look at a dozen texts
        if any(one in trace.found for one in leak.left):
            return False
        if leak.left[0].is_inside and leak.place in self._indifferent_to(node, trace):
            return False
        if len(leak.left) > 1:  # a counter: the same value may have come about in another way
            return {one[:4] for one in leak.left}.isdisjoint(one[:4] for one in trace.found if one.at)
        left = leak.left[0].leftover
        if any(one.leftover == left for one in trace.found):
            return False
        # Another test has left something else there in between: whether it would do so again is for that one to say.
        if any(one.place == leak.place and self._position.get(one.filler, -1) > position for one in trace.found):
            return False
        # A wide fixture is set up for the first who asks for it; and a test may have filled the same itself, where
        # another one would have done so before.
        self._look_at_hits()
        return not (leak.access.wide or left in trace.left) or self._first.get(left, position) >= position


def came_upon(trace: Trace | None, found: tuple[Found, ...]) -> Miss:
    """Why a hit has to run that would come upon these leaks; or, if that is nothing, that leaks itself."""
    return Miss(Reason.LEFTOVER if found else Reason.LEAKS, (), trace, found)


def replayed_by(decision: Decision) -> Trace | None:
    """The trace that a test is replayed by, perhaps only when those have run that it waits for."""
    return decision.trace if isinstance(decision, Hit) else decision.nearest if decision.waits_for else None


def names_left(traces: Iterable[Trace]) -> frozenset[str]:
    """The names by which code comes upon what tests have left, but results of caches and values of wide fixtures."""
    accesses = (one for trace in traces for place, one in trace.access.items() if not _is_result(place, one))
    return frozenset(name for one in accesses if not one.wide for name in one.names)


def left_by(hits: Mapping[NodeId, Trace], *, results: bool = True) -> list[Leak]:
    """What replayed tests had left; `results` says whether those of an `lru_cache` count. Cost: 2 us for each."""
    leaks = chain.from_iterable(leaks_of(node, hit.left, hit.access) for node, hit in hits.items())
    return [one for one in leaks if not one.access.wide and (results or not _is_result(one.place, one.access))]


def fillers_of(trace: Trace, readers: Readers) -> set[NodeId]:
    """The tests that have left what this one may have come upon, if they had run: all that is known is that it has not.

    `readers` are those of what is `left_by` them.
    """
    known = {one.leftover for one in trace.found} | trace.left
    return {leak.node for leak in readers.by(trace) if leak.left[0].leftover not in known}


class _Late:
    """Whether there are leaks at all that a test stands behind and was recorded without. Cost: 1 us a test."""

    def __init__(self, leaks: Sequence[Leak], fresh: Collection[Leak], position: Mapping[NodeId, int]) -> None:
        self._position = position
        self._first_fresh = min((position[leak.node] for leak in leaks if leak in fresh), default=len(position))
        ranked = sorted((leak.at, position[leak.node]) for leak in leaks)
        self._at = [at for at, _ in ranked]
        positions = accumulate((place for _, place in reversed(ranked)), min)
        self._first_since = [*reversed([*positions]), len(position)]

    def precede(self, node: NodeId, trace: Trace) -> bool:
        first = min(self._first_fresh, self._first_since[bisect_left(self._at, trace.recorded_at)])
        return first < self._position[node]


def _recorded(trace: Trace) -> float:
    return trace.recorded_at


def _begun(trace: Trace) -> float:
    return trace.begun


def _left_since(leak: Leak, earlier: Iterable[Trace]) -> float:
    """When a test began to leave it: `earlier` are those of its traces that are older, newest first."""
    at = leak.at
    for trace in earlier:
        if not _leaves(leak, trace.left):
            break
        at = trace.begun
    return at


def _leaves(leak: Leak, left: frozenset[Leftover]) -> bool:
    """Whether it is still left: a counter by its step."""
    steps = [one for one in leak.left if one.place.endswith(STEP)]
    return any(one.leftover in left for one in steps or leak.left)


def _is_result(place: str, access: Access) -> bool:
    """Whether it is one that an `lru_cache` has kept: who asks for it gets what it would have made."""
    return access.added and place.endswith(")")


def _adds(leak: Leak, trace: Trace) -> bool:
    """Whether a test has added the same key itself: it was not there. For a result that is the same nobody cares."""
    mine = (one for one in trace.left if one.place == leak.place)
    return any(one != leak.left[0].leftover or not one.place.endswith(")") for one in mine)


def _comes_upon(trace: Trace | None, leak: Leak) -> bool:
    """Whether a test was recorded with something left in the place."""
    return trace is not None and any(one.place.removesuffix(STEP) == leak.place for one in trace.found)


def _table(place: str) -> str:
    """The place of the table that has a key."""
    return place[: max(place.rfind("["), place.rfind("{"), place.rfind("("))]
