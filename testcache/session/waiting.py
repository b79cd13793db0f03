"""Tests that wait: their own inputs are unchanged, but who left what they found in memory has to run first.

1. Deciding finds that test B rests on what A left in a cache, and that A must run.
2. All that must run has run, A too, and it is known what each test left this time.
3. If A left the same, B is replayed. Otherwise B runs, and those that wait for B go on waiting.

A counter that A counts up holds less if those before A were replayed. What A left is then *carried forward*: the same
step, from what A found the last time, if that would be left again. That is one more trace of A: those that ran behind
it have found what it left in truth.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from testcache.leaks import came_upon
from testcache.model import COLLECTED, STEP, Decision, Digest, Found, Hit, Leftover, Miss, NodeId, Result, Trace
from testcache.structs import Struct, field, replace

IsLeft = Callable[[Found], bool]
"""Whether the recorded trace of a filler that is replayed has left something."""

_NONE: Mapping[NodeId, Trace] = {}


class Carried(Struct, frozen=True):
    """What a test would leave in a run of all tests, and what it would have found where it makes its steps."""

    left: frozenset[Leftover]
    bases: frozenset[Found]

    def of(self, trace: Trace) -> Trace:
        """The trace that a run of all tests would have recorded."""
        steps = _steps(self.left)
        found = frozenset(one for one in trace.found if _place(one) not in steps)
        return replace(trace, left=self.left, found=found | self.bases)


class Settled(Struct):
    """What is known of the tests that waited, and of those that ran.

    Attributes:
        hits: who of the first may be replayed, with what.
        blocked: who of them still waits for one that must run now.
        carried: those of the second that would leave something else in a run of all tests.
    """

    hits: dict[NodeId, Trace] = field(default_factory=dict)
    blocked: frozenset[NodeId] = frozenset()
    carried: dict[NodeId, Carried] = field(default_factory=dict)


def missed(decision: Decision | None, found: tuple[Found, ...]) -> Miss:
    """What becomes of a decision where a test would come upon something else, or leak."""
    trace = decision.trace if isinstance(decision, Hit) else decision.nearest if decision is not None else None
    return came_upon(trace, found)


def waiting(decisions: Mapping[NodeId, Decision], order: Sequence[NodeId]) -> dict[NodeId, Miss]:
    """The tests that may be replayed when others have run, which stand before them, or end before a wide fixture does.

    Imports have come to their end before all tests; for who is gone, or stands behind, nobody waits.
    """
    misses = {node: one for node, one in decisions.items() if isinstance(one, Miss) and one.waits_for}
    position = {node: at for at, node in enumerate(order)} if misses else {}
    behind = len(order)
    return {
        node: miss
        for node, miss in misses.items()
        if all(
            position.get(one.filler, behind) < (behind if one.late else position.get(node, behind))
            for one in miss.waits_for
        )
    }


def settle(
    waiting: Mapping[NodeId, Miss],
    results: Mapping[NodeId, Result],
    order: Sequence[NodeId],
    before: Mapping[NodeId, Trace] = _NONE,
    is_left: IsLeft = lambda _: False,
    replayed: Mapping[NodeId, Trace] = _NONE,
) -> Settled:
    """Compare what was left by the tests that have run with what the waiting ones had found.

    Args:
        waiting: those to replay if possible.
        results: of those that have run.
        order: of a run in which nothing is replayed.
        before: what is recorded of those that have run.
        is_left: asked about other tests that are replayed.
        replayed: those that waited, and have been settled before.
    """
    return _Settlement(waiting, results, order, before, is_left, replayed).settled()


def recorded(decisions: Mapping[NodeId, Decision]) -> dict[NodeId, Trace]:
    """The traces that the decisions rest on."""
    found = ((n, one.trace if isinstance(one, Hit) else one.nearest) for n, one in decisions.items())
    return {node: trace for node, trace in found if trace is not None}


def is_left_again(found: Found, results: Mapping[NodeId, Result], before: Mapping[NodeId, Trace]) -> bool:
    """Whether a filler that has run has left the same; or counted as far, from another beginning."""
    left = results[found.filler].left
    known = before.get(found.filler)
    steps = {one for one in left if one.place == found.place + STEP}
    return found.leftover in left or (known is not None and bool(steps & known.left))


def _renamed(trace: Trace, fillers: Mapping[Found, NodeId]) -> Trace:
    """The trace as it would be recorded now: another test may have been the first to leave something."""
    if fillers.keys().isdisjoint(trace.found):
        return trace
    return replace(trace, found=frozenset(one._replace(filler=fillers.get(one, one.filler)) for one in trace.found))


class _Left(Struct, frozen=True):
    """What a test has left in one place when it ran."""

    node: NodeId
    value: Digest
    is_step: bool


class _Settlement:
    def __init__(
        self,
        waiting: Mapping[NodeId, Miss],
        results: Mapping[NodeId, Result],
        order: Sequence[NodeId],
        before: Mapping[NodeId, Trace],
        is_left: IsLeft,
        replayed: Mapping[NodeId, Trace],
    ) -> None:
        self._waiting = waiting
        self._before = before
        self._position = {node: position for position, node in enumerate(order)}
        self._results = results
        self._is_left = is_left
        self._replayed = replayed
        self._hits: dict[NodeId, Trace] = {}
        self._carried: dict[NodeId, Carried] = {}
        self._fillers: dict[Found, NodeId] = {}
        self._by_place: dict[frozenset[Found], dict[str, set[NodeId]]] = {}  # many tests have found the same
        self._left: dict[str, list[_Left]] = {}
        for node, result in results.items():
            steps = _steps(result.left)
            for place, value in result.left:
                if not place.endswith(STEP):
                    self._left.setdefault(place, []).append(_Left(node, value, place in steps))

    def settled(self) -> Settled:
        """Begin with those that rest on tests that ran; then those that rest on these, and so on.

        What the end of a wide fixture found is asked for when the others are known: a test leaves the same whatever
        that was, so that the first may rest on the last, and the last on the first.

        Tests that only wait for one another are never reached. Not by recursion: a thousand tests may each
        wait for the one before it. A test is looked at again only when the one has been settled that was in its
        way, and in the order of the run, in which fillers come first: of 600 tests that each rest on 40 others, once.
        """
        rests_on: dict[NodeId, Iterable[Found]] = {
            node: [found for found in miss.waits_for if not found.late] for node, miss in self._waiting.items()
        }
        rests_on |= {node: self._bases(node) for node, result in self._results.items() if _steps(result.left)}
        behind: dict[NodeId, list[NodeId]] = {}
        queue = sorted(rests_on, key=lambda node: self._position.get(node, -1), reverse=True)
        while queue:
            node = queue.pop()
            obstacle = next((found for found in rests_on[node] if not self._is_left_again(found)), None)
            if obstacle is not None:
                behind.setdefault(obstacle.filler, []).append(node)
            elif self._carry(node) if node in self._results else self._replay(node):
                queue += behind.pop(node, ())
        self._withdraw(rests_on)
        hits = {node: _renamed(trace, self._fillers) for node, trace in self._hits.items()}
        carried = {node: one for node, one in self._carried.items() if one.left != self._results[node].left}
        return Settled(hits, self._blocked(), carried)

    def _withdraw(self, rests_on: Mapping[NodeId, Iterable[Found]]) -> None:
        """Those for whom the end of a fixture would find something else are no hits; nor are who rests on them."""
        queue = [
            node
            for node in self._hits
            if any(found.late and not self._is_left_again(found) for found in self._waiting[node].waits_for)
        ]
        if not queue:
            return
        readers: dict[NodeId, list[NodeId]] = {}
        for reader, found in ((node, one) for node, all_found in rests_on.items() for one in all_found):
            readers.setdefault(found.filler, []).append(reader)
        for reader, found in ((node, one) for node in self._hits for one in self._waiting[node].waits_for if one.late):
            readers.setdefault(found.filler, []).append(reader)
        while queue:
            node = queue.pop()
            if self._hits.pop(node, None) is not None or self._carried.pop(node, None) is not None:
                queue += readers.get(node, ())

    def _blocked(self) -> frozenset[NodeId]:
        """The tests of which nothing is known to have changed, only that some that they wait for must run.

        Where all wait for one another, the first of them must: it may leave again what the others found.
        """
        left = self._waiting.keys() - self._hits.keys()
        found = frozenset(node for node in left if self._is_open(node, left))
        if found and len(found) == len(left):
            found -= {min(found, key=lambda node: (self._position.get(node, -1), node))}
        return found

    def _is_open(self, node: NodeId, left: Collection[NodeId]) -> bool:
        waits_for = self._waiting[node].waits_for
        known = [found for found in waits_for if found.filler not in left]
        return len(known) < len(waits_for) and all(map(self._is_left_again, known)) and not self._finds_more(node)

    def _replay(self, node: NodeId) -> bool:
        """Whether a test would find the same again, for whom all that it waits for is left again."""
        trace = self._waiting[node].nearest
        if trace is None or self._finds_more(node):
            return False
        self._hits[node] = trace
        return True

    def _finds_more(self, node: NodeId) -> bool:
        """Whether a test has left something else where this one had found something."""
        miss = self._waiting[node]
        found = miss.nearest.found if miss.nearest is not None else frozenset()
        fillers = self._by_place.get(found)
        if fillers is None:
            fillers = self._by_place[found] = self._fillers_by_place(found)
        return any(self._is_changed(one, node, fillers) for one in found - miss.indifferent_to)

    # -- steps

    def _bases(self, node: NodeId) -> tuple[Found, ...]:
        """What a test that has run found the last time where it has made a step."""
        trace = self._before.get(node)
        steps = _steps(self._results[node].left)
        return tuple(found for found in trace.found if _place(found) in steps) if trace is not None else ()

    def _carry(self, node: NodeId) -> bool:
        """Whether it is known what a test that made the same steps, from what is left again, leaves in a run of all."""
        trace, result = self._before.get(node), self._results[node]
        steps = _steps(result.left)
        if trace is None or any(steps[p] != _steps(trace.left).get(p) for p in steps):
            return False
        bases = self._bases(node)
        fillers = self._fillers_by_place(bases)
        if any(self._is_changed(found, node, fillers) for found in bases):
            return False
        untouched = steps.keys() - {_place(found) for found in bases}
        if any(self._is_touched(place, node, (), None) for place in untouched):
            return False
        left = frozenset(one for one in result.left if one.place not in steps)
        left |= {one for one in trace.left if one.place in steps}
        self._carried[node] = Carried(left, frozenset(bases))
        return True

    # -- places

    def _fillers_by_place(self, found: Iterable[Found]) -> dict[str, set[NodeId]]:
        """Who had left what a test had found, in the places in which tests of this run have left something."""
        fillers: dict[str, set[NodeId]] = {}
        for one in found:
            if (place := _place(one)) in self._left:
                fillers.setdefault(place, set()).add(one.filler)
        return fillers

    def _is_changed(self, found: Found, node: NodeId, fillers: Mapping[str, set[NodeId]]) -> bool:
        """Whether a test between the filler and this one has left something else in the place."""
        place = _place(found)
        return place in fillers and self._is_touched(place, node, fillers[place], found)

    def _is_touched(self, place: str, node: NodeId, known: Iterable[NodeId], found: Found | None) -> bool:
        """Whether one that ran before this test, and after the filler, has left something unknown in a place."""
        first = self._position.get(found.filler, -1) if found is not None else -1
        last = self._end_of(found, node)
        return any(
            (left.is_step or found is None or left.value != found.value)
            and left.node not in known
            and first < self._position.get(left.node, -1) < last
            for left in self._left.get(place, ())
        )

    def _end_of(self, found: Found | None, node: NodeId) -> int:
        """Where the time ends in which tests count that leave something else: what was found earlier stays the same.

        If the test in whose time that was runs now, or is gone, a wide fixture may be set up for another one.
        """
        last = self._position.get(node, len(self._position))
        if found is None or not found.at or found.at in self._results:
            return last
        return -1 if found.at == COLLECTED else min(last, self._position.get(found.at, last))

    def _is_left_again(self, found: Found) -> bool:
        """Whether the filler, run or replayed, has left the same once more.

        Another test that ran before it in this process may have done it first: then all left the same.
        """
        result = self._results.get(found.filler)
        replayed = self._hits.get(found.filler) or self._replayed.get(found.filler)
        if result is not None:
            carried = self._carried.get(found.filler)
            left = result.left | carried.left if carried is not None else result.left
        elif replayed is not None:
            left = replayed.left
        else:
            return self._is_left(found)
        if found.leftover in left:
            return True
        others = self._left.get(found.place, [])
        if any(one.place == found.place for one in left) or {one.value for one in others} != {found.value}:
            return False
        self._fillers[found] = others[0].node
        return True


def _place(found: Found) -> str:
    return found.place.removesuffix(STEP)


def _steps(left: Iterable[Leftover]) -> dict[str, Digest]:
    """The steps among leftovers, by the place itself."""
    return {place.removesuffix(STEP): value for place, value in left if place.endswith(STEP)}
