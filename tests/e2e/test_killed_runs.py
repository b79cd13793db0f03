"""Runs that are killed at any moment, and many at once: the next run tells the truth.

`TESTCACHE_KILLS=50` kills that often with and without workers; a few times by default.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest
from harness import TWO_WORKERS, Project

KILLS = int(os.environ.get("TESTCACHE_KILLS", "3"))
FILES, EACH = 3, 8
AT_ONCE = 8
SLOWEST_S = 3.0
"""A kill comes within this time: a recording run of the project takes about two seconds with two workers."""

TESTS = """
import time, pytest

@pytest.mark.parametrize("number", range({each}))
def test_it(number):
    time.sleep(0.02)
    with open(f"data_{file}_{{number}}.txt") as file:
        assert file.read() == "good"
"""


@pytest.fixture
def many(project: Project) -> Project:
    """Files of tests that each pass if a file of their own says so."""
    for file in range(FILES):
        project.write(f"test_{file}.py", TESTS.format(file=file, each=EACH))
        for number in range(EACH):
            project.write(f"data_{file}_{number}.txt", "good")
    return project


@pytest.mark.parametrize("workers", [("-n0",), TWO_WORKERS], ids=" ".join)
def test_the_run_after_a_kill_is_right(many: Project, workers: tuple[str, ...]) -> None:
    """Whatever a killed run has stored, each test that fails now is reported as failed, the others as passed."""
    chance = random.Random(f"{workers} {KILLS}")  # noqa: S311
    for _ in range(KILLS):
        bad = {(chance.randrange(FILES), chance.randrange(EACH)) for _ in range(3)}
        for file in range(FILES):
            for number in range(EACH):
                wanted = "bad" if (file, number) in bad else "good"
                if (many.path / f"data_{file}_{number}.txt").read_text() != wanted:
                    many.write(f"data_{file}_{number}.txt", wanted)
        killed = many.start("-q", *workers)
        time.sleep(chance.uniform(0, SLOWEST_S))
        if killed.poll() is None:
            os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        run = many.run(*workers)
        failed = {f"test_{file}.py::test_it[{number}]" for file, number in bad}
        assert {test for test, outcome in run.outcomes.items() if outcome == "failed"} == failed, run.text
        assert len(run.outcomes) == FILES * EACH
        assert run.exit == 1


def test_many_runs_at_once_lose_nothing(many: Project) -> None:
    """Eight runs on one new store, some of them with workers: all are right, and all that was recorded is there."""
    started = [
        many.start("-q", f"test_{number % FILES}.py", *(TWO_WORKERS if number > 5 else ())) for number in range(AT_ONCE)
    ]
    texts = [run.communicate(timeout=120)[0] for run in started]
    assert [run.returncode for run in started] == [0] * AT_ONCE, "\n".join(texts)
    last = many.run()
    assert (last.exit, last.executed, len(last.outcomes)) == (0, set(), FILES * EACH), last.text
