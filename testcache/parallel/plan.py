"""How many workers are worth their start: the one question of right-sizing; pure."""

from __future__ import annotations

from collections.abc import Sequence

from testcache.parallel.machine import Machine
from testcache.report import number, seconds, size
from testcache.structs import Struct

PER_TEST_S = 0.002
"""To report one test home costs 1.8 to 2.4 ms of CPU, measured on three suites of 700 to 1,200 tests."""
WORTH_S = 0.1
WORTH_SHARE = 0.1
"""More workers must win at least so much: predictions are no better, and every worker costs others CPU."""
MEMORY_SHARE = 0.8
GROWTH = 1.5
"""A worker holds what the controller holds after collecting, and then runs tests."""


class Start(Struct, frozen=True):
    """What starting workers costs on this machine, in seconds.

    Attributes:
        spawn_s: until a worker has started its interpreter and loaded pytest and the plugins.
        collect_s: until it has collected what the controller has collected.
        stop_s: from its last test until it is gone.
    """

    spawn_s: float
    collect_s: float
    stop_s: float = 0.1

    @property
    def total_s(self) -> float:
        return self.spawn_s + self.collect_s + self.stop_s


class Plan(Struct, frozen=True):
    """A number of workers (0: run in this process) and why, in words."""

    workers: int
    why: str


def choose(
    costs: Sequence[float],
    machine: Machine,
    start: Start,
    *,
    cpu_share: float = 1.0,
    limit: int | None = None,
    least: int = 0,
) -> Plan:
    """Choose the number of workers for tests of these predicted seconds.

    Args:
        cpu_share: how much of their time the tests are on a core: the rest they wait, which others can share.
        limit: the most that the user allows, or None for what the machine can use.
        least: 1 where this process cannot run them itself.

    Cost: the walls of at most as many numbers as there are cores.
    """
    most, because = _most(len(costs), machine, cpu_share, limit)
    counts = range(least, max(least, most) + 1)
    walls = {count: predicted(costs, machine, start, count, cpu_share) for count in counts}
    chosen = least
    for count, wall in walls.items():
        if wall < walls[chosen] * (1 - WORTH_SHARE) - (WORTH_S if chosen == 0 else 0.0):
            chosen = count
    return Plan(chosen, _why(costs, start, most, because, cpu_share))


def respect(costs: Sequence[float], start: Start, asked: int) -> Plan:
    """The same where the user says how many: none only if this process is done sooner than they could ever be.

    Each may have a core to itself, as far as we know: tests that wait for something take none.
    """
    sooner = sum(costs) <= predicted(costs, Machine(cores=asked), start, asked)
    return Plan(0 if sooner else asked, _why(costs, start, asked, "as asked for"))


def _why(costs: Sequence[float], start: Start, most: int, because: str, cpu_share: float = 1.0) -> str:
    share = f", {cpu_share:.0%} of it on a core" if cpu_share < 0.95 else ""
    what = f"{number(len(costs), 'test')}, about {seconds(sum(costs))}{share}"
    return f"{what}; a worker takes about {seconds(start.total_s)} to start; at most {most}: {because}"


def predicted(costs: Sequence[float], machine: Machine, start: Start, workers: int, cpu_share: float = 1.0) -> float:
    """Seconds until all tests are done with so many workers; 0 means in this process."""
    processes = max(1, workers)
    crowding = machine.crowding(processes * cpu_share)
    stretch = cpu_share * crowding + 1 - cpu_share
    if workers == 0:
        return sum(costs) * stretch
    work = sum(costs) * stretch + PER_TEST_S * len(costs) * crowding
    return start.total_s * machine.crowding(workers) + max(max(costs, default=0.0) * stretch, work / workers)


def _most(tests: int, machine: Machine, cpu_share: float, limit: int | None) -> tuple[int, str]:
    """The most workers that can be of use, and what limits them."""
    load = f", of which {machine.busy:.1f} are busy" if machine.busy >= 0.25 else ""
    bounds = [(machine.workers(cpu_share), f"{machine.cores:g} usable core{'s' * (machine.cores != 1)}{load}")]
    if limit is not None:
        bounds = [(limit, "as asked for")]
    bounds.append((tests, number(tests, "test")))
    if machine.memory_bytes and machine.process_bytes:
        fitting = int(machine.memory_bytes * MEMORY_SHARE / (machine.process_bytes * GROWTH))
        bounds.append((fitting, f"{size(machine.memory_bytes)} of memory are free"))
    return min(bounds, key=lambda bound: bound[0])
