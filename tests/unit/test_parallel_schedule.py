"""Longest first: simulated schedules of real suites are close to the shortest that are possible."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from schedule import Suite, simulate

from testcache.quantities import ShareLimit
from testcache.session.limits import Limits
from testcache.settings import Parallel

SUITES = ("marshmallow", "attrs", "networkx")


@pytest.mark.parametrize("workers", [2, 3, 4, 8, 16, 32, 64])
@pytest.mark.parametrize("name", SUITES)
def test_a_schedule_is_within_a_tenth_of_the_lower_bound(name: str, workers: int) -> None:
    """With recorded durations no worker number from 2 to 64 loses more than 10% to unevenness."""
    suite = Suite.load(name)
    wall, done = simulate(suite, workers)
    assert sorted(test for tests in done for test in tests) == list(range(len(suite.nodes)))
    assert wall <= 1.1 * suite.bound(workers), f"{wall / suite.bound(workers):.3f} of the bound"


@pytest.mark.parametrize("workers", [2, 8, 64])
def test_wrong_predictions_cost_little(workers: int) -> None:
    """Durations that are off by up to three times either way still give a good schedule."""
    suite = Suite.load("networkx")
    chance = random.Random(7)  # noqa: S311
    predicted = [seconds * 3 ** chance.uniform(-1, 1) for seconds in suite.seconds]
    wall, done = simulate(suite, workers, predicted=predicted)
    assert sum(map(len, done)) == len(suite.nodes)
    assert wall <= 1.25 * suite.bound(workers)


def test_a_machine_that_was_not_looked_at_yet_counts_as_busy() -> None:
    """Workers that are ready before the first sample are held back: otherwise each would get a test at once."""
    limits = Limits(Parallel(max_cpu=ShareLimit(0.8)), SimpleNamespace(), watch=False)
    limits.start(wake=lambda: None)
    try:
        assert limits.busy
    finally:
        limits.stop()


def test_the_chart_is_current(tmp_path: Path) -> None:
    """docs/schedules.svg is what these schedules look like now."""
    script = Path(__file__).parents[2] / "scripts" / "draw_schedules.py"
    subprocess.run([sys.executable, script, tmp_path / "chart.svg"], check=True)
    drawn = (script.parent.parent / "docs" / "schedules.svg").read_text(encoding="utf-8")
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8") == drawn
