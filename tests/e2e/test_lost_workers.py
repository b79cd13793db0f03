"""Nothing is lost with a worker: killed at any moment, each test is reported once and none passes unrun."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from harness import ONE_WORKER, TWO_WORKERS, Project

CONFTEST = """
import os
def pytest_configure(config):
    if hasattr(config, "workerinput"):
        with open(os.environ["PIDS"], "a") as file:
            file.write(f"{os.getpid()}\\n")
"""
TESTS = """
import os, time, pytest
@pytest.fixture(scope="module")
def wide(): yield time.sleep(0.01)
@pytest.mark.parametrize("number", range(30))
def test_it(number, wide):
    time.sleep(number % 5 / 50)
    with open(os.environ["DONE"], "a") as file:
        file.write(os.environ["PYTEST_CURRENT_TEST"].split(" ")[0] + "\\n")
"""
KILLS = 5


class Killer(threading.Thread):
    """Kills one of the newest workers at random moments, as often as `kills`."""

    def __init__(self, pids: Path, seed: int, kills: int) -> None:
        super().__init__(daemon=True)
        self._pids = pids
        self._chance = random.Random(seed)  # noqa: S311
        self._left = kills
        self.killed: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Wait, kill, wait."""
        while self._left and not self.over.wait(self._chance.uniform(0.02, 0.5)):
            known = [int(line) for line in self._pids.read_text().split()] if self._pids.exists() else []
            alive = [pid for pid in known if pid not in self.killed and Path(f"/proc/{pid}").exists()]
            if alive:
                pid = self._chance.choice(alive)
                self.killed.append(pid)
                self._left -= 1
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", range(4))
def test_each_test_is_reported_once_wherever_a_worker_dies(project: Project, seed: int) -> None:
    """Five kills in each of four runs: all tests have one outcome, passes have run to their end."""
    project.write("conftest.py", CONFTEST)
    for letter in "ab":
        project.write(f"test_{letter}.py", TESTS)
    every = {f"test_{letter}.py::test_it[{number}]" for letter in "ab" for number in range(30)}
    pids, done = project.path.parent / "pids", project.path.parent / "done"
    killer = Killer(pids, seed, KILLS)
    killer.start()
    run = project.run(*TWO_WORKERS, "--max-worker-restart=20", env={"PIDS": str(pids), "DONE": str(done)})
    killer.over.set()
    killer.join()
    assert killer.killed, "no worker lived long enough"
    assert set(run.outcomes) == every, run.text
    blamed = {test for test, outcome in run.outcomes.items() if outcome != "passed"}
    assert len(blamed) <= len(killer.killed)
    assert run.exit == (1 if blamed else 0)
    assert every - blamed <= set(done.read_text().split())
    events = [json.loads(line) for line in (project.path.parent / "project-witness.jsonl").read_text().splitlines()]
    ends = Counter(e["nodeid"] for e in events if e["event"] == "report" and e["when"] not in ("setup", "call"))
    assert {node: count for node, count in ends.items() if count != 1} == {}

    again = project.run(*TWO_WORKERS, "--max-worker-restart=20", env={"PIDS": str(pids), "DONE": str(done)})
    assert (again.exit, set(again.outcomes)) == (0, every)
    assert blamed <= again.executed


KILLED_UNNOTICED = """
import os, signal
from xdist.workermanage import WorkerController
send, sent = WorkerController.send_runtest_some, []
def kill_and_send(node, indices):
    sent.append(node)
    if len(sent) == 4:
        pid = node.gateway._io.popen.pid
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    send(node, indices)
WorkerController.send_runtest_some = kill_and_send
"""


def test_a_worker_that_died_before_it_is_told_its_next_test_costs_no_test(project: Project) -> None:
    """What could not be sent any more is run by another one."""
    project.write("conftest.py", KILLED_UNNOTICED)
    project.write("test_1.py", "import pytest\n@pytest.mark.parametrize('n', range(50))\ndef test_it(n): pass\n")
    run = project.run(*TWO_WORKERS)
    assert (len(run.outcomes), "INTERNALERROR" in run.text) == (50, False), run.text
    assert "node down" in run.text


def test_a_test_that_kills_its_worker_is_a_failure_also_if_it_had_passed(project: Project) -> None:
    """A stored pass does not outlive a crash with the same inputs: verifying calls it wrong."""

    project.write("test_flaky.py", FLAKY)
    flag = project.path.parent / "flag"
    assert project.run(*ONE_WORKER, env={"FLAG": str(flag)}).exit == 0
    flag.touch()
    crashed = project.run("--cached=verify", *ONE_WORKER, env={"FLAG": str(flag)})
    assert crashed.exit == 1
    assert "test_flaky.py::test_flaky: WRONG HIT" in crashed.text
    flag.unlink()
    assert "test_flaky.py::test_flaky" in project.run(*ONE_WORKER, env={"FLAG": str(flag)}).executed


FLAKY = """
import ctypes, os
def test_flaky():
    # A look that nothing in Python sees.
    if ctypes.CDLL(None).access(os.environb[b"FLAG"], 0) == 0:
        os._exit(3)
"""


def test_when_workers_may_not_be_replaced_the_rest_is_reported(project: Project) -> None:
    """With --max-worker-restart=0 what nobody ran is an error each, not silence."""
    project.write("test_0.py", "import os, time\ndef test_crash():\n    time.sleep(0.3)\n    os._exit(3)\n")
    project.write("test_1.py", "import pytest\n@pytest.mark.parametrize('n', range(50))\ndef test_it(n): pass\n")
    start = time.monotonic()
    run = project.run(*ONE_WORKER, "--max-worker-restart=0")
    assert run.exit == 1
    assert len(run.outcomes) == 51, run.text
    assert run.outcomes["test_0.py::test_crash"] == "error"
    assert time.monotonic() - start < 60


FEWER = """
import os
def pytest_collection_modifyitems(items):
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        del items[-1]
"""


def test_when_the_worker_that_follows_finds_other_tests_the_rest_is_reported(project: Project) -> None:
    """It cannot run what the crashed one left: that is an error each, and no internal one of pytest."""
    project.write("conftest.py", FEWER)
    project.write("test_0.py", "import os\ndef test_crash(): os._exit(3)\n")
    project.write("test_1.py", "import pytest\n@pytest.mark.parametrize('n', range(5))\ndef test_it(n): pass\n")
    run = project.run(*ONE_WORKER)
    assert (run.exit, len(run.outcomes), set(run.outcomes.values())) == (1, 6, {"error"}), run.text
    assert "INTERNALERROR" not in run.text


def test_what_crashed_runs_in_a_worker_again(project: Project) -> None:
    """`-n auto` would run one short test in pytest's own process: not one that takes it along."""
    project.write("test_0.py", "import os\ndef test_crash(): os._exit(3)\ndef test_other(): pass\n")
    assert project.run(*TWO_WORKERS).exit == 1
    for _ in range(2):
        run = project.run("-n", "auto")
        assert (run.exit, run.outcomes["test_0.py::test_crash"], len(run.outcomes)) == (1, "error", 2), run.text
    project.edit("test_0.py", "os._exit(3)", "pass")
    assert project.run("-n", "auto").exit == 0
    project.edit("test_0.py", "def test_crash(): pass", "def test_crash(): assert os")
    run = project.run("-n", "auto")
    assert (run.exit, "worker" in run.text) == (0, False), run.text
