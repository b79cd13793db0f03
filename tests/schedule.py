"""A schedule without processes: workers that take recorded seconds, and the real rules of who gets what."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from testcache.model import NodeId
from testcache.parallel.dispatch import Dispatcher
from testcache.parallel.units import quantum, units

DURATIONS = Path(__file__).parent / "durations"


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests in the order of collection with their recorded seconds."""

    nodes: list[NodeId]
    seconds: list[float]

    @classmethod
    def load(cls, name: str) -> Suite:
        """Read `durations/NAME.json`."""
        files = json.loads((DURATIONS / f"{name}.json").read_text())
        rows = [
            (NodeId(f"{path}::test_{number}"), ticks / 10_000)
            for path, all_ticks in files.items()
            for number, ticks in enumerate(all_ticks)
        ]
        return cls([node for node, _ in rows], [seconds for _, seconds in rows])

    def bound(self, workers: int) -> float:
        """No schedule is shorter: the longest test, and the work dealt out evenly."""
        return max(*self.seconds, sum(self.seconds) / workers)


def simulate(
    suite: Suite,
    workers: int,
    *,
    predicted: Sequence[float] | None = None,
    setups: Mapping[str, float] | None = None,
) -> tuple[float, list[list[int]]]:
    """Seconds until the last of `workers` is done, and the tests of each, in order.

    Like xdist's workers, one starts a test only if it knows the next or that there is none.
    """
    costs = list(predicted if predicted is not None else suite.seconds)
    size_s = quantum(sum(costs), workers)
    dispatcher = Dispatcher(units(suite.nodes, costs, setups or {}, size_s=size_s), size_s=size_s)
    queues: list[list[int]] = [[] for _ in range(workers)]
    done: list[list[int]] = [[] for _ in range(workers)]
    closed = [False] * workers
    moments = [0.0] * workers

    def feed(worker: int) -> None:
        while not closed[worker] and len(queues[worker]) < 2:
            others = [
                sum(costs[test] for test in queue)
                for other, queue in enumerate(queues)
                if other != worker and not closed[other]
            ]
            unit = dispatcher.next(sum(costs[test] for test in queues[worker]), others)
            if unit is None:
                closed[worker] = True
            else:
                queues[worker] += unit.tests

    for worker in range(workers):
        feed(worker)
    events = [(suite.seconds[queue[0]], worker) for worker, queue in enumerate(queues) if queue]
    heapq.heapify(events)
    while events:
        moments[events[0][1]], worker = events[0][0], events[0][1]
        done[worker].append(queues[worker].pop(0))
        feed(worker)
        if queues[worker]:
            heapq.heapreplace(events, (moments[worker] + suite.seconds[queues[worker][0]], worker))
        else:
            heapq.heappop(events)
    return max(moments), done
