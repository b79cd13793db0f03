"""Moved tests: hits that now stand before, or behind, others of their file than when that was collected the last time.

1. Test A leaves something in memory, and B, which stands behind it, rests on that.
2. Somebody puts B before A: no code has changed, so both are hits. But B finds nothing now, and has to run.

The same the other way round: B stood before A, and finds now what A leaves.
Does not see: files that are collected in another order. With workers tests run in any order, and nothing has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from testcache.model import Found, NodeId, Trace
from testcache.storage.leaks import Leak, leaks_of


class Moved:
    """What has moved in one run.

    Attributes:
        deserted: hits that rest on what tests had left that stand behind them now, with that.
        overtaking: what hits have left that stand now before others which stood before them.

    Args:
        order: all tests of the run.
        hits: traces of those that are to be replayed.
        earlier: the tests of some files in the order of the last time.
    """

    def __init__(
        self, order: Sequence[NodeId], hits: Mapping[NodeId, Trace], earlier: Iterable[Sequence[NodeId]]
    ) -> None:
        self.deserted: dict[NodeId, tuple[Found, ...]] = {}
        self.overtaking: list[Leak] = []
        self._hits = hits
        self._now = {node: at for at, node in enumerate(order)}
        for nodes in earlier:
            here = [node for node in nodes if node in self._now]
            if any(self._now[node] > self._now[other] for node, other in pairwise(here)):
                self._compare({node: at for at, node in enumerate(here)})

    def _compare(self, before: Mapping[NodeId, int]) -> None:
        """Look at one file, of which some tests have changed places."""
        now = self._now
        highest = -1
        for node, at in before.items():
            trace = self._hits.get(node)
            if trace is not None:
                gone = (one for one in trace.found if before.get(one.filler, at) < at and now[one.filler] > now[node])
                self.deserted.update({node: found} if (found := tuple(gone)) else {})
                if now[node] < highest:
                    self.overtaking += leaks_of(node, trace.left, trace.access)
            highest = max(highest, now[node])
