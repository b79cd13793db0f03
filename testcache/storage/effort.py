"""What workers cost and gave in one run, in numbers; kept in the history of runs."""

from __future__ import annotations

from testcache.structs import Struct


class Effort(Struct, frozen=True):
    """One run's workers, in seconds.

    Attributes:
        workers: how many were started for the run; 0 if the tests ran in pytest's own process.
        tests: how many tests they ran.
        collect_s: what collecting took on the slowest worker, a part of `start_s`.
        start_s: from the start of the workers until the first of them could be given tests.
        run_s: from then on until the last test ended.
        stop_s: from then on until the last worker was gone.
        work_s: of all tests together, as the workers measured them.
        replaced: workers that were replaced because of their memory.
        held_s: how long tests were held back because the machine was busy.
    """

    workers: int
    tests: int
    collect_s: float
    start_s: float
    run_s: float
    stop_s: float
    work_s: float
    replaced: int = 0
    held_s: float = 0.0

    @property
    def wall_s(self) -> float:
        return self.start_s + self.run_s + self.stop_s

    @property
    def efficiency(self) -> float:
        """Seconds of tests over seconds of workers: 1.0 would be no start, no waiting and no reporting."""
        return self.work_s / (self.workers * self.wall_s) if self.workers and self.wall_s else 0.0

    @property
    def idle_s(self) -> float:
        """Seconds that the workers, between their start and their end, spent without a test, together."""
        return max(0.0, self.workers * self.run_s - self.work_s)

    @property
    def spawn_s(self) -> float:
        """The start without the collection."""
        return max(0.0, self.start_s - self.collect_s)
