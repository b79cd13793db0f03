"""Seconds of process trees, of CPU or of the clock, in turns: what is compared ran under the same load."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """One run: CPU seconds of all its processes, seconds of the clock, megabytes of the largest, what it printed, its
    exit code."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    text: str
    exit: int

    @property
    def executed(self) -> str:
        """How many tests ran, as far as the output says."""
        cached = re.search(r"^testcache: .* (\d+) run", self.text, re.MULTILINE)
        passed = re.search(r"(\d+) passed", self.text)
        return cached[1] if cached else passed[1] if passed else "0"


@dataclass
class Series:
    """The seconds of repeated runs."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def over(self, base: Series) -> tuple[float, float, float]:
        """Least, median and greatest ratio to the runs of another series, pair by pair."""
        ratios = [mine / other for mine, other in zip(self.seconds, base.seconds, strict=True)]
        return min(ratios), statistics.median(ratios), max(ratios)


FRESH_S = 3.0
"""A file that was written just now may be written again with the same time: for so long its content is looked at."""


def run(command: list[str | Path], folder: Path, source: str = ".") -> Ran:
    """Run a command to its end, with nothing in its environment that differs between tools."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder.parent),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(folder / source),
        "PYTHONHASHSEED": "0",
    }
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    return Ran(usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss / 1024, text, process.returncode)


def cpu(ran: Ran) -> float:
    """CPU seconds."""
    return ran.cpu_s


def wall(ran: Ran) -> float:
    """Seconds of the clock."""
    return ran.wall_s


def in_turns(
    actions: Mapping[str, Callable[[], Ran]], rounds: int, seconds: Callable[[Ran], float] = cpu
) -> dict[str, Series]:
    """Run all actions one after the other, again and again."""
    series = {name: Series() for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            series[name].seconds.append(seconds(action()))
    return series
