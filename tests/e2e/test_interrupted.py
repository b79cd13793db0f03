"""Runs that are cut short lose nothing that had ended, and two runs at once do not disturb each other."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from harness import Project, Run

SLOW = """
import ctypes, pathlib, time
import pytest

@pytest.fixture(scope="session")
def wide():
    yield 1
    helper()

def helper(): pass

def test_first(): pass
def test_with_wide_fixture(wide): assert wide
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
def test_waits():
    gate = pathlib.Path(GATE)
    gate.with_name("reached").touch()
    while ctypes.CDLL(None).access(bytes(gate), 0):  # unseen: what changes meanwhile could not be stored
        time.sleep(0.02)
def test_last(): pass
"""
FIRST, WIDE, WAITS, LAST = (f"test_slow.py::test_{n}" for n in ("first", "with_wide_fixture", "waits", "last"))


@pytest.fixture
def slow(project: Project) -> Project:
    """A project whose third test waits until the file `gate` is there."""
    gate = project.path.parent / "gate"
    project.write("test_slow.py", SLOW.replace("GATE", repr(str(gate))))
    return project


def start(project: Project, *args: str) -> subprocess.Popen[str]:
    """Start a run and wait until it stands in the waiting test."""
    outside = project.path.parent
    reached = outside / "reached"
    reached.unlink(missing_ok=True)
    started = project.start(*args)
    deadline = time.monotonic() + 60
    while not reached.exists():
        assert started.poll() is None, started.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return started


def end(started: subprocess.Popen[str], number: int) -> str:
    """Send a signal to the run and give back what it wrote."""
    os.killpg(started.pid, number)
    return started.communicate(timeout=30)[0]


def after(project: Project) -> Run:
    """The next run, in which nothing waits."""
    (project.path.parent / "gate").touch()
    return project.run("-v")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_what_had_ended_is_replayed_after_a_run_was_cut_short(slow: Project, number: int) -> None:
    """After Ctrl-C or a kill, tests that had ended are replayed, also those of an open session fixture."""
    text = end(start(slow), number)
    if number == signal.SIGINT:
        assert "KeyboardInterrupt" in text
        assert "testcache: 5 tests: 0 cached, 3 run" in text
    run = after(slow)
    assert (run.exit, run.executed) == (0, {WAITS, LAST}), run.text
    assert slow.run().executed == set()
    assert list((slow.path / ".testcache" / "journals").iterdir()) == []


def test_what_ended_on_a_worker_is_replayed_after_a_kill(slow: Project) -> None:
    """The same with workers: results are safe once they have come home."""
    started = start(slow, "-n1")
    end(started, signal.SIGKILL)
    run = after(slow)
    assert run.exit == 0
    assert WAITS in run.executed
    assert FIRST in run.replayed  # the order of the others is xdist's to choose
    assert slow.run().executed == set()


def test_the_teardown_of_an_open_fixture_still_counts(slow: Project) -> None:
    """A killed run did not see what the teardown would have done: any edit of its file counts."""
    end(start(slow), signal.SIGKILL)
    slow.edit("test_slow.py", "def helper(): pass", "def helper(): return 1")
    run = after(slow)
    assert WIDE in run.executed
    assert FIRST not in run.executed


def test_an_edit_during_the_run_is_not_taken_for_what_was_tested(slow: Project) -> None:
    """A file that changed while the test ran: the next run tests the new text."""
    slow.write("shop.py", "def price(): return 1\n")
    slow.edit("test_slow.py", "def test_waits():", "def test_waits():\n    import shop; shop.price()")
    started = start(slow)
    slow.edit("shop.py", "return 1", "return 2")
    (slow.path.parent / "gate").touch()
    assert started.communicate(timeout=60)[0]
    assert started.returncode == 0
    assert slow.run().executed == {WAITS}
    assert slow.run().executed == set()


def test_two_runs_at_once_keep_each_others_results(slow: Project) -> None:
    """A second run in the same checkout does not wait, and what both recorded is replayed."""
    slow.write("test_other.py", "def test_other(): pass\n")
    started = start(slow, "test_slow.py")
    other = slow.run("test_other.py")
    assert (other.exit, other.executed) == (0, {"test_other.py::test_other"})
    (slow.path.parent / "gate").touch()
    started.communicate(timeout=60)
    assert started.returncode == 0
    run = slow.run()
    assert (run.exit, run.executed, len(run.outcomes)) == (0, set(), 6)
