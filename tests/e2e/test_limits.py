"""Limits of CPU and memory: tests are held back, workers are replaced, and each test is reported once."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise

from harness import ONE_WORKER, TWO_WORKERS, Project

LEAKS = """
import pytest
KEPT = []
@pytest.mark.parametrize("number", range(40))
def test_it(number): KEPT.append(b"x" * (8 << 20))
"""


def ends(project: Project) -> Counter[str]:
    """How often the end of each test was reported."""
    notes = (project.path.parent / "project-witness.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in notes]
    return Counter(e["nodeid"] for e in events if e["event"] == "report" and e["when"] not in ("setup", "call"))


def test_a_leaking_worker_is_replaced_before_the_limit(project: Project) -> None:
    """40 tests that leak 8 MiB each run under a limit of 200 MiB, each once, and no worker grows past it."""
    project.write("test_it.py", LEAKS)
    project.write(".testcache.toml", '[parallel]\nmax-memory = "200MiB"\n')
    run = project.run(*TWO_WORKERS)
    assert (run.exit, len(run.executed), len(run.outcomes)) == (0, 40, 40), run.text
    assert set(ends(project).values()) == {1}
    found = re.search(r"max-memory 200 MiB: the largest worker held (\d+) MiB; (\d+) workers? replaced", run.text)
    assert found is not None, run.text
    assert int(found[1]) <= 200
    assert int(found[2]) >= 1
    assert re.search(r"pytest and its workers used .* of CPU, read .* from disk and wrote", run.text)
    assert project.run(*TWO_WORKERS).executed == set()


def test_one_leaking_worker_is_replaced_too(project: Project) -> None:
    """The only worker has a successor before it ends."""
    project.write("test_it.py", LEAKS)
    project.write(".testcache.toml", '[parallel]\nmax-memory = "200MiB"\n')
    run = project.run(*ONE_WORKER)
    assert (run.exit, len(run.executed)) == (0, 40), run.text
    assert set(ends(project).values()) == {1}


SLOW_TO_COME_AND_GO = """
import os, time
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
def pytest_collection():
    if WORKER in ("gw2", "gw3"): time.sleep(1.5)
def pytest_sessionfinish():
    if WORKER in ("gw0", "gw1"): time.sleep(1.2)
"""


def test_a_worker_that_ends_leaves_one_that_still_collects_alone(project: Project) -> None:
    """Both workers end while both successors are collecting: these run what is left."""
    project.write("test_it.py", LEAKS)
    project.write("conftest.py", SLOW_TO_COME_AND_GO)
    project.write(".testcache.toml", '[parallel]\nmax-memory = "200MiB"\n')
    run = project.run(*TWO_WORKERS)
    assert (run.exit, len(run.executed)) == (0, 40), run.text
    assert set(ends(project).values()) == {1}


def test_a_limit_below_what_a_worker_holds_at_first_is_not_applied(project: Project) -> None:
    """No worker could ever keep to it: that is said, and the tests run."""
    project.write("test_it.py", "def test_it(): pass\ndef test_other(): pass\n")
    project.write(".testcache.toml", '[parallel]\nmax-memory = "1MiB"\n')
    run = project.run(*ONE_WORKER)
    assert (run.exit, len(run.executed)) == (0, 2)
    assert "before its first test: the limit was not applied [max-memory]" in run.text


TIMES = """
import os, time, pytest
@pytest.mark.parametrize("number", range(8))
def test_it(number):
    start = time.monotonic()
    end = start + 0.3
    while time.monotonic() < end: pass
    with open(os.environ["TIMES"], "a") as file:
        file.write(f"{start} {time.monotonic()}\\n")
"""


def test_tests_are_held_back_while_the_machine_is_busy(project: Project) -> None:
    """Under a limit that any test exceeds, tests run one after the other on two workers."""
    project.write("test_it.py", TIMES)
    times = project.path.parent / "times"
    project.run("-n0", env={"TIMES": str(times)})
    times.unlink()
    project.write(".testcache.toml", '[parallel]\nmax-cpu = "1%"\n')
    run = project.run("--cached=refresh", *TWO_WORKERS, env={"TIMES": str(times)})
    assert (run.exit, len(run.executed)) == (0, 8), run.text
    spans = sorted(tuple(map(float, line.split())) for line in times.read_text().splitlines())
    assert not [second for first, second in pairwise(spans) if second[0] < first[1]]
    assert re.search(r"max-cpu 1%: the machine was \d+% busy, at most \d+%; tests were held back for", run.text)


def test_limits_of_another_distribution_are_said_not_to_apply(project: Project) -> None:
    """--dist=loadfile is dealt out by xdist itself."""
    project.write("test_it.py", "def test_it(): pass\n")
    project.write(".testcache.toml", '[parallel]\nmax-cpu = "80%"\n')
    run = project.run(*ONE_WORKER, "--dist=loadfile")
    assert "max-cpu and max-memory are for --dist=load: they were not applied [dist]" in run.text
