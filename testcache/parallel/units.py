"""Tests that travel together: too short to be sent one by one, or behind one expensive set-up; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from testcache.model import NodeId
from testcache.structs import Struct

SHARES = 24
"""Units that one worker's share of the work is cut into, if its tests are short enough."""
SHORTEST_S, LONGEST_S = 0.005, 1.0
"""A message there and back costs 1 to 2 ms; and nobody waits a second for what could have run elsewhere."""
SETUP_SHARE = 4
"""A unit runs at least so many times as long as the set-up that each part of a split group would repeat."""
CHEAP_SETUP_S = 0.002


class Unit(Struct, frozen=True):
    """Tests (by position in the collection, in its order) that one worker gets at once.

    Attributes:
        seconds: predicted, with the set-up that it repeats.
        urgent: asked to run before all others.
    """

    tests: tuple[int, ...]
    seconds: float
    urgent: bool = False


def quantum(total_s: float, workers: int) -> float:
    """Seconds of a unit of short tests: small enough to be dealt out evenly."""
    return min(LONGEST_S, max(SHORTEST_S, total_s / max(1, workers) / SHARES))


def units(
    nodes: Sequence[NodeId],
    costs: Sequence[float],
    setups: Mapping[str, float],
    *,
    size_s: float,
    urgent: Collection[NodeId] = (),
) -> list[Unit]:
    """Cut a collection into units of neighbours in one file.

    Args:
        costs: predicted seconds of each node.
        setups: seconds of set-up that all tests under a node id share: a file's, or a class's.
        size_s: seconds of a unit, see `quantum`. A test that takes longer is a unit of its own, unless
            splitting would repeat an expensive set-up.
    """
    found: list[Unit] = []
    tests: list[int] = []
    spent = 0.0
    last: tuple[str, float, bool] | None = None
    for position, node in enumerate(nodes):
        group, setup_s = _group(node, setups)
        here = (group, setup_s, node in urgent)
        room = max(size_s, SETUP_SHARE * setup_s)
        if tests and (here != last or spent + costs[position] > room):
            found.append(Unit(tuple(tests), spent, last is not None and last[2]))
            # Whoever goes on with a split group sets it up again.
            tests, spent = [], setup_s if last is not None and here[0] == last[0] else 0.0
        tests.append(position)
        spent += costs[position]
        last = here
    if tests:
        found.append(Unit(tuple(tests), spent, last is not None and last[2]))
    return found


def _group(node: NodeId, setups: Mapping[str, float]) -> tuple[str, float]:
    """The outermost part of a node id whose set-up is worth sharing, and its seconds; else the file."""
    path, *names = node.partition("[")[0].split("::")
    group = path
    for name in ("", *names[:-1]):
        group = f"{group}::{name}" if name else group
        if setups.get(group, 0.0) >= CHEAP_SETUP_S:
            return group, setups[group]
    return path, 0.0
