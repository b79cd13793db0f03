"""Tests that wait: their own inputs are unchanged, but who left what they found in memory has to run first.

1. Deciding finds that test B rests on what A left in a cache, and that A must run.
2. All that must run has run, A too, and it is known what each test left this time.
3. If A left the same, B is replayed. Otherwise B runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from testcache.model import Decision, Digest, Found, Miss, NodeId, Result, Trace


def waiting(decisions: Mapping[NodeId, Decision]) -> dict[NodeId, Miss]:
    """The tests that may be replayed when others have run."""
    return {node: found for node, found in decisions.items() if isinstance(found, Miss) and found.waits_for}


def settled(
    waiting: Mapping[NodeId, Miss], results: Mapping[NodeId, Result], order: Sequence[NodeId]
) -> dict[NodeId, Trace]:
    """Those of the waiting tests that may be replayed, now that the others have these results.

    `order` is that of a run in which nothing is replayed.
    """
    return _Settlement(waiting, results, order).hits()


def _renamed(trace: Trace, fillers: Mapping[Found, NodeId]) -> Trace:
    """The trace as it would be recorded now: another test may have been the first to leave something."""
    found = frozenset(one._replace(filler=fillers.get(one, one.filler)) for one in trace.found)
    return trace if found == trace.found else replace(trace, found=found)


class _Settlement:
    def __init__(
        self, waiting: Mapping[NodeId, Miss], results: Mapping[NodeId, Result], order: Sequence[NodeId]
    ) -> None:
        self._waiting = waiting
        self._position = {node: position for position, node in enumerate(order)}
        self._results = results
        self._hits: dict[NodeId, Trace] = {}
        self._fillers: dict[Found, NodeId] = {}
        self._left: dict[str, list[tuple[Digest, NodeId]]] = {}
        for result in results.values():
            for place, value in result.left:
                self._left.setdefault(place, []).append((value, result.node_id))

    def hits(self) -> dict[NodeId, Trace]:
        """Begin with those that wait for tests that ran; then those that wait for these, and so on.

        Tests that only wait for one another are never reached. Not by recursion: a thousand tests may each
        wait for the one before it.
        """
        behind: dict[NodeId, list[NodeId]] = {}
        for node, miss in self._waiting.items():
            for found in miss.waits_for:
                behind.setdefault(found.filler, []).append(node)
        queue = [*self._waiting]
        while queue:
            node = queue.pop()
            miss = self._waiting[node]
            if node in self._hits or miss.nearest is None or not self._find_again(node, miss.waits_for):
                continue
            self._hits[node] = miss.nearest
            queue += behind.get(node, ())
        return {node: _renamed(trace, self._fillers) for node, trace in self._hits.items()}

    def _find_again(self, node: NodeId, waits_for: Iterable[Found]) -> bool:
        """Whether a test would find the same again: its fillers have left it, and nobody has changed it since."""
        return all(self._is_left_again(found) and not self._is_changed(found, node) for found in waits_for)

    def _is_changed(self, found: Found, node: NodeId) -> bool:
        """Whether a test between the filler and this one has left something else in the place."""
        first, last = self._position.get(found.filler, -1), self._position.get(node, len(self._position))
        others = ((value, self._position.get(other, -1)) for value, other in self._left.get(found.place, ()))
        return any(value != found.value and first < position < last for value, position in others)

    def _is_left_again(self, found: Found) -> bool:
        """Whether the filler, run or replayed, has left the same once more.

        Another test that ran before it in this process may have done it first: then all left the same.
        """
        result = self._results.get(found.filler)
        if result is None:
            replayed = self._hits.get(found.filler)
            return replayed is not None and found.leftover in replayed.left
        if any(place == found.place for place, _ in result.left):
            return found.leftover in result.left
        others = self._left.get(found.place, [])
        if {value for value, _ in others} != {found.value}:
            return False
        self._fillers[found] = others[0][1]
        return True
