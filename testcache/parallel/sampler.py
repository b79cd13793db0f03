"""Watches the machine and the workers while tests run; the only module that knows psutil.

Does not see: memory and CPU of workers on other machines; a spike shorter than the interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import psutil

from testcache.structs import Struct, field

INTERVAL_S = 0.25
"""Shorter than most tests that are worth holding back; a sample costs 0.2 ms for two workers."""


class Usage(Struct):
    """What was seen so far.

    Attributes:
        samples: how many looks at the machine `cpu_sum` and `cpu_max` are made of (shares of 1.0).
        rss_max: the most resident bytes that a worker had.
        cpu_s, read_bytes, written_bytes: of this process and each worker, by process id.
    """

    samples: int = 0
    cpu_sum: float = 0.0
    cpu_max: float = 0.0
    rss_max: int = 0
    cpu_s: dict[int, float] = field(default_factory=dict)
    read_bytes: dict[int, int] = field(default_factory=dict)
    written_bytes: dict[int, int] = field(default_factory=dict)

    @property
    def cpu_mean(self) -> float:
        return self.cpu_sum / self.samples if self.samples else 0.0


class Sampler(threading.Thread):
    """Samples CPU, memory and disk traffic until `stop`.

    `tick` is called after each sample, in this thread. `cpu` is the machine's latest busy share; before the
    first sample it is 1: a machine so busy that this thread comes late counts as busy, not as idle.
    """

    def __init__(self, tick: Callable[[], None], interval_s: float = INTERVAL_S) -> None:
        super().__init__(name="testcache-sampler", daemon=True)
        self._tick = tick
        self._interval_s = interval_s
        self._over = threading.Event()
        self._processes = {0: psutil.Process()}
        self.usage = Usage()
        self.cpu = 1.0

    def watch(self, pids: Iterable[int]) -> None:
        """Add workers. One that is gone already is no error."""
        for pid in pids:
            try:
                self._processes[pid] = psutil.Process(pid)
            except psutil.NoSuchProcess:
                continue

    def forget(self, pid: int) -> None:
        """Leave a worker out that has ended."""
        self._processes.pop(pid, None)

    def rss(self, pid: int) -> int:
        """Resident bytes of a worker now; 0 if it is not watched or gone. Cost: 30 us."""
        process = self._processes.get(pid)
        try:
            found = int(process.memory_info().rss) if process is not None else 0
        except psutil.Error:
            return 0
        self.usage.rss_max = max(self.usage.rss_max, found)
        return found

    def run(self) -> None:
        """Sample until told to stop."""
        psutil.cpu_percent(None)  # counts from here; psutil keeps a count for each thread
        while not self._over.wait(self._interval_s):
            self._look_at_machine()
            self._look_at_processes()
            self._tick()

    def _look_at_machine(self) -> None:
        self.cpu = psutil.cpu_percent(None) / 100
        usage = self.usage
        usage.samples += 1
        usage.cpu_sum += self.cpu
        usage.cpu_max = max(usage.cpu_max, self.cpu)

    def _look_at_processes(self) -> None:
        usage = self.usage
        for pid, process in list(self._processes.items()):
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    if pid:
                        usage.rss_max = max(usage.rss_max, int(process.memory_info().rss))
                usage.cpu_s[pid] = times.user + times.system
                traffic = process.io_counters()
            except (psutil.Error, AttributeError):  # gone, or a system that does not tell
                continue
            usage.read_bytes[pid], usage.written_bytes[pid] = traffic.read_bytes, traffic.write_bytes

    def stop(self) -> None:
        """End the thread, after a last look at the processes."""
        self._over.set()
        if self.is_alive():
            self.join(timeout=2.0)
        self._look_at_processes()
