"""Which tests a worker gets next: the longest first, and nothing behind a long one; pure.

A worker must know its next test before it starts the one before (it tears down what the next does not
need), so one test always waits behind a running one. The rule: behind short work waits the longest test
left, behind long work the shortest; and when the others will be done with all that is left before a
worker's own work ends, it gets nothing more.
Source: longest processing time first, Graham, "Bounds on Multiprocessing Timing Anomalies", 1969.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from testcache.parallel.units import Unit


class Dispatcher:
    """The units that no worker has yet."""

    def __init__(self, units: Iterable[Unit], *, size_s: float) -> None:
        self._size_s = size_s
        ranked = sorted(units, key=lambda unit: (-unit.urgent, -unit.seconds, unit.tests))
        self._units = deque(ranked)
        self._left_s = sum(unit.seconds for unit in ranked)

    @property
    def tests(self) -> list[int]:
        """The tests that no worker has yet, in the order in which they would go out."""
        return [test for unit in self._units for test in unit.tests]

    def __len__(self) -> int:
        return len(self._units)

    def next(self, ahead_s: float, others_s: Sequence[float]) -> Unit | None:
        """Take the unit for a worker with `ahead_s` predicted seconds before it; None: it gets nothing more.

        `others_s` are the seconds before each other worker that can still be given work.
        """
        if not self._units:
            return None
        if others_s and ahead_s > self._size_s and ahead_s >= self._done_without(others_s):
            return None
        behind_long = ahead_s > self._size_s and not self._units[0].urgent
        unit = self._units.pop() if behind_long else self._units.popleft()
        self._left_s -= unit.seconds
        return unit

    def put_back(self, units: Iterable[Unit]) -> None:
        """Return what a worker did not get to; it goes out before the rest."""
        for unit in units:
            self._units.appendleft(unit)
            self._left_s += unit.seconds

    def _done_without(self, others_s: Sequence[float]) -> float:
        """Seconds in which the others could do all that is left."""
        even = (self._left_s + sum(others_s)) / len(others_s)
        return max(even, min(others_s) + max(unit.seconds for unit in (self._units[0], self._units[-1])))
