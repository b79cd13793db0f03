"""What this machine has left for test processes: cores, as limited and as idle, and memory.

Read from /proc and /sys, which costs microseconds where psutil's import alone costs 45 ms. On other
systems only the number of cores is known. Does not see: limits set between this look and the run.
"""

from __future__ import annotations

import math
import os

from testcache.clock import clock
from testcache.structs import Struct

_TICKS = 100.0
"""Per second in /proc/stat on every Linux that CPython supports (USER_HZ)."""
SHORTEST_LOOK_S = 0.1
"""Ten ticks of a core: less says nothing about how busy it is."""


class Machine(Struct, frozen=True):
    """What is there for test processes.

    Attributes:
        cores: usable ones: those this process may run on, at most what its cgroups grant (1.5 is possible).
        busy: cores that other processes kept busy while we watched.
        memory_bytes: available to new processes, or 0 if unknown.
        process_bytes: resident memory of this process, which has collected what a worker will collect.
    """

    cores: float
    busy: float = 0.0
    memory_bytes: int = 0
    process_bytes: int = 0

    def crowding(self, wanting: float) -> float:
        """How many seconds a second of work takes, if we want so many cores at once.

        The kernel shares cores fairly among all that want one: on a busy machine each gets a part.
        """
        return max(1.0, (wanting + self.busy) / self.cores)

    def workers(self, cpu_share: float = 1.0) -> int:
        """The most workers that make sense, if their tests are on a core for this share of their time.

        As many as keep busy what others leave idle, but at least half of the usable cores; never more than there are
        of these. A quarter of a core of somebody else's work does not take a core away.
        """
        cores = max(1, math.ceil(self.cores - 0.25))
        room = max(self.cores - self.busy, self.cores / 2) - 0.25
        return cores if cpu_share * cores <= room else min(cores, max(1, math.ceil(room / cpu_share)))


def usable_cores(root: str = "/") -> float:
    """Cores that this process may use at once: affinity, and the tightest CPU quota of its cgroups."""
    return max(0.1, min([float(len(_affinity())), *_quotas(root)]))


class Watch:
    """Watches how busy the machine is between its making and `look`; about 60 us each."""

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self._start = self._state()

    def look(self) -> Machine:
        """What is there now."""
        return Machine(
            cores=usable_cores(self._root),
            busy=self._busy(),
            memory_bytes=_memory(self._root),
            process_bytes=_resident(self._root),
        )

    def _state(self) -> tuple[float, float, float]:
        """Wall seconds, seconds that the usable cores were busy, and seconds of this process."""
        own = os.times()
        return clock.monotonic(), _busy_seconds(self._root), sum(own[:4])

    def _busy(self) -> float:
        wall, busy, own = (now - then for now, then in zip(self._state(), self._start, strict=True))
        return 0.0 if wall < SHORTEST_LOOK_S else max(0.0, (busy - own) / wall)


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _busy_seconds(root: str) -> float:
    usable = _affinity()
    total = 0.0
    for line in _lines(root, "proc/stat"):
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in usable:
            user, nice, system, _idle, _iowait, irq, softirq, steal = (float(field) for field in fields[:8])
            total += user + nice + system + irq + softirq + steal
    return total / _TICKS


def _quotas(root: str) -> list[float]:
    """Cores that each cgroup above this process grants, of both versions."""
    found = []
    for folder in _cgroups(root, "cpu"):
        words = " ".join(_lines(folder, "cpu.max")).split()
        if len(words) == 2 and words[0].isdigit():
            found.append(int(words[0]) / int(words[1]))
        quota, period = _number(folder, "cpu.cfs_quota_us"), _number(folder, "cpu.cfs_period_us")
        if quota > 0 and period > 0:
            found.append(quota / period)
    return found


def _memory(root: str) -> int:
    """Bytes available to new processes: the machine's, and what each cgroup leaves; 0 if unknown."""
    left = []
    for line in _lines(root, "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            left.append(int(line.split()[1]) << 10)
    for folder in _cgroups(root, "memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            if _number(folder, limit) > 0:
                left.append(max(0, _number(folder, limit) - _number(folder, used)))
    return min(left, default=0)


def _resident(root: str) -> int:
    fields = " ".join(_lines(root, "proc/self/statm")).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _cgroups(root: str, controller: str) -> list[str]:
    """Folders of this process's cgroups and of all above them, where they can be seen.

    In a container /proc names the host's path while /sys shows the container's own group as the root,
    so the root itself is always among them.
    """
    folders = []
    for line in _lines(root, "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = os.path.join(root, "sys/fs/cgroup", controllers)
        inside = path.strip("/")
        while True:
            folders.append(os.path.join(top, inside) if inside else top)
            if not inside:
                break
            inside = os.path.dirname(inside)
    return folders


def _lines(folder: str, name: str) -> list[str]:
    """A small file's lines; none where there is no such file, or where it may not be read."""
    try:
        with open(os.path.join(folder, name), encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _number(folder: str, name: str) -> int:
    text = "".join(_lines(folder, name)).strip()
    return int(text) if text.lstrip("-").isdigit() else 0
