"""Checking recorded traces against the world; pure: no pytest, no store, no clock of its own.

A test that has passed with two states of an interior (`testcache.recording.interiors`), all else being equal, is
*indifferent* to it, if the settings say that this may be concluded: it is no proof, as a third state may matter. Not
to have come upon it at all is no state: in another process it may have had another name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from operator import attrgetter
from typing import Final

from testcache.model import (
    ABSENT,
    Change,
    Decision,
    Digest,
    Found,
    Hit,
    Input,
    Kind,
    Leftover,
    Manifest,
    Miss,
    NodeId,
    Read,
    Trace,
)
from testcache.reasons import Reason

DigestOf = Callable[[Input], Digest]

TracesOf = Callable[[NodeId], Sequence[Trace]]
"""The past traces of any test, newest first."""

Refine = Callable[[Trace, Sequence[Read]], Mapping[Input, tuple[str, ...]]]
"""Which of a trace's changed reads of definitions matter to it, and for which names (`testcache.reach`)."""


def all_matter(trace: Trace, changed: Sequence[Read]) -> dict[Input, tuple[str, ...]]:
    """Take every changed definition for one that matters: always safe."""
    return {read.input: () for read in changed}


_NONE: Mapping[Input, tuple[str, ...]] = {}
_NOWHERE: frozenset[str] = frozenset()


NEW = Miss(Reason.NEW)
"""A test without any trace."""


class Verifier:
    """Verifies traces; a set of reads that several traces share is checked once.

    `digest_of` gives an input's fingerprint now, ABSENT if there is nothing; it is asked at most
    once an input and part. If nothing but definitions has changed, `refine` says whether that matters. `learns` says
    that tests may be indifferent.
    Source: the matching step of constructCT on terminal inputs (Mokhov, Mitchell and Peyton Jones,
    "Build Systems a la Carte", JFP 2020, section 5.3-5.4).

    Attributes:
        required: reads without which a trace is one of another run: see `testcache.session.acting`.
    """

    def __init__(
        self,
        digest_of: DigestOf,
        refine: Refine = all_matter,
        traces_of: TracesOf = lambda _: (),
        *,
        learns: bool = False,
    ) -> None:
        self.required: tuple[Read, ...] = ()
        self._digest_of = digest_of
        self._refine = refine
        self._traces_of = traces_of
        self._learns = learns
        self._traced: set[Found] = set()
        self._left_by: dict[Found, Trace] = {}
        self._indifferent: dict[int, tuple[Trace, frozenset[str]]] = {}
        self._checked: dict[int, tuple[frozenset[Read], Read | None, tuple[Read, ...]]] = {}
        self._changed: dict[int, tuple[frozenset[Read], int]] = {}
        self._refined: dict[int, tuple[Trace, Mapping[Input, tuple[str, ...]]]] = {}

    def verify(self, trace: Trace) -> Read | None:
        """The first read that is no longer true, or None: the trace holds."""
        for read in self.required if trace.is_of_test else ():
            if not any(read in part for part in trace.parts):
                return read
        soft: list[Read] = []
        for part in trace.parts:
            known = self._checked.get(id(part))
            if known is None:
                known = self._checked[id(part)] = (part, *self._check(part))  # keeps the part, so its id, alive
            if known[1] is not None:
                return known[1]
            soft += known[2]
        matter = self._matter(trace, soft)
        return next((read for read in soft if read.input in matter), None)

    def _check(self, part: frozenset[Read]) -> tuple[Read | None, tuple[Read, ...]]:
        """The first read that has changed for good, else those that `refine` has to look at."""
        digest_of = self._digest_of
        soft: list[Read] = []
        for read in part:
            if digest_of(read.input) != read.digest:
                if read.input.kind is not Kind.DEFINITIONS:
                    return read, ()
                soft.append(read)
        return None, tuple(soft)

    def _matter(self, trace: Trace, soft: Sequence[Read]) -> Mapping[Input, tuple[str, ...]]:
        if not soft:
            return _NONE
        known = self._refined.get(id(trace))
        if known is None:
            known = self._refined[id(trace)] = (trace, self._refine(trace, soft))
        return known[1]

    def indifferent_to(self, trace: Trace, traces: Sequence[Trace]) -> frozenset[str]:
        """The interiors that do not matter to a trace; `traces` are all of this test. Cost: once a trace."""
        if not self._learns:
            return _NOWHERE
        known = self._indifferent.get(id(trace))
        if known is None:
            alike = [other for other in traces if other.outcome == trace.outcome and self.verify(other) is None]
            states = Counter(place for place, _ in {one for each in (trace, *alike) for one in _inside(each)})
            shown = frozenset(place for place, count in states.items() if count > 1)
            known = self._indifferent[id(trace)] = (trace, shown)
        return known[1]

    def rests_on(self, trace: Trace, traces: Sequence[Trace] | None = None) -> frozenset[Found]:
        """What a trace found that matters to it; `traces` are all of this test, needed the first time."""
        if not self._learns:
            return trace.found
        if traces is not None and any(one.is_inside for one in trace.found):
            self.indifferent_to(trace, traces)
        known = self._indifferent.get(id(trace))
        if known is None or not known[1]:
            return trace.found
        return frozenset(one for one in trace.found if one.place not in known[1])

    def waits_for(self, trace: Trace, traces: Sequence[Trace], now_s: float = 0.0) -> tuple[Found, ...]:
        """What matters to a trace that no trace of its filler that holds now has left; sorted."""
        found = self.rests_on(trace, traces)
        if not found:
            return ()
        self._trace_back(found, now_s)
        return tuple(sorted(found.difference(self._left_by)))

    def is_left(self, found: Found, now_s: float = 0.0) -> bool:
        """Whether a trace of the filler that holds now has left this."""
        self._trace_back({found}, now_s)
        return found in self._left_by

    def forget_fillers(self) -> None:
        """Other traces of fillers count from now on."""
        for known in (self._traced, self._left_by, self._indifferent):
            known.clear()

    def fillers(self, traces: Mapping[NodeId, Trace]) -> tuple[Trace, ...] | None:
        """The traces that left what these tests found, and what those found in turn; None if one is missing."""
        fresh = set[Found]().union(*(self.rests_on(trace, self._traces_of(node)) for node, trace in traces.items()))
        self._trace_back(fresh, 0.0)
        fillers: dict[int, Trace] = {}
        seen = set[Found]()
        while fresh:
            if not self._left_by.keys() >= fresh:
                return None
            seen |= fresh
            filled = {id(filler): filler for filler in map(self._left_by.__getitem__, fresh)}
            news = [filled[key] for key in filled.keys() - fillers.keys()]
            fillers |= filled
            fresh = set[Found]().union(*{self.rests_on(filler) for filler in news}) - seen
        return tuple(fillers.values())

    def _trace_back(self, start: Set[Found], now_s: float) -> None:
        """Find the traces that left what was found, beginning with those that found nothing themselves.

        Two tests that only ever found each other's leftovers have no such beginning, unless it was the teardown of a
        fixture that found those of the second when the first had ended. Cost: a look-up, once it is
        known; before that a step for each thing that each trace found: of a thousand tests each may have found
        what all before it left.
        """
        leaves: dict[int, tuple[Trace, frozenset[Found], list[Found]]] = {}
        queue: dict[NodeId, set[Found]] = {}
        self._queue(start, queue)
        while queue:
            filler, asked = queue.popitem()
            traces = self._traces_of(filler)
            for trace in traces:
                known = [found for found in asked if found.leftover in trace.left]
                if known and self.verify(trace) is None and not _is_expired(trace, now_s):
                    early = _early(self.rests_on(trace, traces))
                    leaves.setdefault(id(trace), (trace, early, []))[2].extend(known)
                    self._queue(early, queue)
        lacking: dict[int, int] = {}
        asked_by: dict[Found, list[int]] = {}
        ready = []
        for key, (_, early, _) in leaves.items():
            lacks = early.difference(self._left_by)
            lacking[key] = len(lacks)
            for found in lacks:
                asked_by.setdefault(found, []).append(key)
            if not lacks:
                ready.append(key)
        while ready:
            trace, _, known = leaves[ready.pop()]
            for found in known:
                if found not in self._left_by:
                    self._left_by[found] = trace
                    for key in asked_by.get(found, ()):
                        lacking[key] -= 1
                        if not lacking[key]:
                            ready.append(key)

    def _queue(self, wanted: Set[Found], queue: dict[NodeId, set[Found]]) -> None:
        """Ask by filler for what has not been asked for yet. Cost: 20 ns for what has."""
        fresh = wanted - self._traced
        self._traced |= fresh
        for found in fresh:
            queue.setdefault(found.filler, set()).add(found)

    def changes(self, trace: Trace) -> Iterator[Change]:
        """All the differences between a trace and the world that matter to it, sorted by input."""
        lacking = (read for read in self.required if not any(read in part for part in trace.parts))
        yield from (Change(read.input, ABSENT, read.digest) for read in lacking)
        different = [(read, now) for read in sorted(trace.reads) if (now := self._digest_of(read.input)) != read.digest]
        matter = self._matter(trace, [read for read, _ in different if read.input.kind is Kind.DEFINITIONS])
        for read, now in different:
            if read.input.kind is not Kind.DEFINITIONS or read.input in matter:
                yield Change(read.input, read.digest, now, matter.get(read.input, ()))

    def decide_test(self, manifest: Manifest, node: NodeId, *, now_s: float, everything: bool = False) -> Decision:
        """`decide` for one test of a manifest: a miss of a test that failed the last time is for that reason."""
        decision = self.decide(manifest.traces.get(node, ()), now_s=now_s, everything=everything)
        if isinstance(decision, Miss) and node in manifest.failed:
            return Miss(Reason.NOT_PASSED, decision.changes, decision.nearest)
        return decision

    def decide(
        self,
        traces: Sequence[Trace],
        *,
        now_s: float,
        everything: bool = False,
        recorded: Sequence[Trace] | None = None,
    ) -> Decision:
        """Find a trace that holds, or say why none does.

        Args:
            traces: of one test, newest first.
            now_s: seconds since the epoch, for traces that declare a `max_age_s`.
            everything: on a miss, collect all changes of the nearest trace instead of one.
            recorded: all traces of the test, if `traces` are only some of them.

        Returns:
            Hit, or Miss with the reason of the nearest trace: the one with the fewest changes, of several the newest.
        """
        expired: Trace | None = None
        waiting: Miss | None = None
        for trace in traces:
            if self.verify(trace) is None:
                if _is_expired(trace, now_s):
                    expired = expired or trace
                    continue
                waits_for = self.waits_for(trace, recorded or traces, now_s)
                if waits_for:
                    rests_on = self.rests_on(trace)
                    waiting = waiting or Miss(Reason.LEFTOVER, (), trace, waits_for, trace.found - rests_on)
                    continue
                return Hit(trace)
        if waiting is not None:
            return waiting
        if expired is not None:
            return Miss(Reason.EXPIRED, (), expired)
        if not traces:
            return NEW
        nearest = min(traces, key=self._distance)
        changes = tuple(self.changes(nearest)) if everything else (self._first_change(nearest),)
        return Miss(changes[0].reason, changes, nearest)

    def _distance(self, trace: Trace) -> int:
        """How many reads of a trace are no longer true, whether they matter or not. Cost: 0.2 us a read."""
        count = 0
        for part in trace.parts:
            known = self._changed.get(id(part))
            if known is None:
                changed = sum(self._digest_of(read.input) != read.digest for read in part)
                known = self._changed[id(part)] = (part, changed)
            count += known[1]
        return count

    def _first_change(self, trace: Trace) -> Change:
        read = self.verify(trace)
        assert read is not None
        if read in self.required:
            return Change(read.input, ABSENT, read.digest)
        known = self._refined.get(id(trace))
        names = known[1].get(read.input, ()) if known is not None else ()
        return Change(read.input, read.digest, self._digest_of(read.input), names)


def _inside(trace: Trace) -> frozenset[Leftover]:
    """The interiors that a test came upon, and their states."""
    return frozenset(one.state for one in trace.found if one.is_inside)


def _early(found: frozenset[Found]) -> frozenset[Found]:
    """What a test found before it ended, so that what it left may rest on it."""
    return frozenset(one for one in found if not one.late) if any(map(_is_late, found)) else found


_is_late: Final = attrgetter("late")


def _is_expired(trace: Trace, now_s: float) -> bool:
    return bool(trace.max_age_s) and now_s - trace.recorded_at > trace.max_age_s
