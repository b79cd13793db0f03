"""What imports have left in this run: as it is recorded, if nothing has changed for them, or as it is now.

A module that leaves an object with a time or an address in it leaves another one in each process. As long as nothing
that the module rests on has changed, that is the same to those who come upon it, and goes by the recorded value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from testcache.clock import clock
from testcache.digest import of_fields
from testcache.model import HOOKS, Access, Digest, Found, Leftover, NodeId, Result, Trace, import_of
from testcache.recording.importing import SUBCLASSES, digest_of
from testcache.session.names import path_of
from testcache.structs import replace

if TYPE_CHECKING:
    from testcache.recording.importing import Import
    from testcache.recording.observer import Observer

_COLLECTION = import_of("<collection>")
"""Stands for all that is collected, which hooks have seen."""


class Imported:
    """The imports of one process, in their order.

    A trace of an import has two parts: what it has read, with all below it; and what those modules have read that were
    being imported when it was. The latter only counts in a run in which it is not imported: where
    no test file is selected that does so, it would be in a run of all.

    Attributes:
        traces: of each import of a file of the project, also of those that have left nothing.
        before: what is recorded of those that are not as recorded.
        results: of these.
    """

    def __init__(self) -> None:
        self.traces: dict[NodeId, Trace] = {}
        self.before: dict[NodeId, Trace] = {}
        self.results: dict[NodeId, Result] = {}
        self._left: dict[NodeId, dict[str, Digest]] = {}
        self._known: dict[Found, Found] = {}  # many tests find the same: one object of it, not one each
        self._named: dict[Found, Found] = {}
        self._workers_own: set[Found] = set()
        self._onto: dict[frozenset[Found], frozenset[Found]] = {}

    def decide(
        self,
        observer: Observer,
        nodes: Iterable[NodeId],
        recorded: Callable[[NodeId], Sequence[Trace]],
        holds: Callable[[Trace], bool],
    ) -> None:
        """Compare with what is recorded.

        Args:
            nodes: the tests that are collected: hooks have seen them all.
            recorded: gives the traces of an import.
            holds: says whether the reads of a trace are true now.
        """
        ledger, now_s = observer.ledger, clock.time()
        self._onto.clear()
        self._named.clear()
        self._workers_own.clear()
        collected = Found(_COLLECTION, _COLLECTION, of_fields(*sorted(nodes)))
        seen = Trace((), "passed", (), 0.0, now_s, left=frozenset((collected.leftover,)))
        self.traces[_COLLECTION] = seen
        for one in observer.leftovers.importing.results():
            left = {**one.left}
            access = {**one.access}
            if one.seen:
                left[one.node] = digest_of(set(map(self._as_known, one.seen)))
                access[one.node] = Access(frozenset(), frozenset((path_of(one.node),)), added=False, wide=False)
            parts = (ledger.below(one.context), ledger.alone(one.importers)) if left else ()
            all_left = frozenset(Leftover(place, value) for place, value in left.items())
            found = frozenset(map(self._as_known, one.rests_on)).union(() if one.path else (collected,))
            now = Trace(parts, "passed", (), 0.0, now_s, left=all_left, found=found, access=access)
            trace = self._compared(one, now, recorded(one.node), holds) if left else now
            self.traces[one.node] = trace
            self._left[one.node] = {place: value for place, value in trace.left}
        if HOOKS in self.results:
            self.results[_COLLECTION] = Result(path_of(_COLLECTION), _COLLECTION, seen, (), 0.0, now_s, seen.left)

    def _compared(self, one: Import, now: Trace, traces: Sequence[Trace], holds: Callable[[Trace], bool]) -> Trace:
        """The recorded trace, if it is one of the same import; else the one of this run, which is to be stored."""
        same = (trace for trace in traces if trace.found == now.found and _alike(trace, now))
        trace = next((trace for trace in same if holds(replace(trace, parts=trace.parts[:1]))), None)
        if trace is not None and trace.parts[1:] == now.parts[1:]:
            return trace
        if trace is not None and one.plain:
            now = replace(now, left=trace.left)
        if traces:
            self.before[one.node] = trace or traces[0]
        path = path_of(one.node)
        self.results[one.node] = Result(path, one.node, now, (), 0.0, now.recorded_at, now.left, now.access)
        return now

    def is_new(self) -> bool:
        """Whether one of them has left something in a place where it is not known to have done so."""
        known = {node: self.before[node].access.keys() if node in self.before else () for node in self.results}
        return any(place not in known[node] for node, result in self.results.items() for place in result.access)

    def as_recorded(self) -> dict[NodeId, Trace]:
        """The traces of those that have left what they are known to have left."""
        return {node: trace for node, trace in self.traces.items() if trace.left and node not in self.results}

    def onto(self, result: Result) -> Result:
        """A result that names what imports have left by the values that are known here."""
        trace = result.trace
        if trace is None:
            return result
        found = self._onto.get(trace.found)
        if found is None:
            pairs = zip(trace.found, map(self._named.get, trace.found), strict=True)
            found = frozenset([known or self._as_known(one) for one, known in pairs]) - self._workers_own
            found = self._onto[trace.found] = trace.found if found == trace.found else found
        return result if found is trace.found else replace(result, trace=replace(trace, found=found))

    def _is_workers_own(self, found: Found) -> bool:
        """Whether hooks have done this in a worker alone: they have told it apart from pytest's own process."""
        return found.filler == HOOKS and found.place not in self._left.get(found.filler, ())

    def _as_known(self, found: Found) -> Found:
        value = self._left.get(found.filler, {}).get(found.place)
        one = found if value is None or value == found.value else found._replace(value=value)
        one = self._named[found] = self._known.setdefault(one, one)
        if self._is_workers_own(found):
            self._workers_own.add(one)
        return one


def _alike(one: Trace, other: Trace) -> bool:
    """Whether two traces say that something was left in the same places; of derived classes, just the same."""
    if one.access.keys() != other.access.keys():
        return False
    return not any(place.endswith(SUBCLASSES) for place, _ in one.left ^ other.left)
