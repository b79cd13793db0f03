"""What is stored: only a clean first-attempt outcome; everything else runs again, every time."""

from __future__ import annotations

import pytest
from harness import Project

RERUN_PLUGIN = '''
"""Runs a failing test once more, as pytest-rerunfailures does: the first failure is reported as "rerun"."""
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range(2):
        item.execution_count = attempt + 1
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = attempt == 0 and any(report.failed for report in reports)
        for report in reports:
            report.rerun = attempt
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            break
        item._initrequest()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
'''

FLAKY = """
tries = []
def test_flaky():
    tries.append(1)
    assert len(tries) > 1
def test_other(): pass
"""

UNCLEAN = {
    "a failure": "def test_it(): assert False",
    "an error in set-up": """
import pytest
@pytest.fixture
def broken(): raise ValueError
def test_it(broken): pass""",
    "an error in teardown": """
import pytest
@pytest.fixture
def broken():
    yield
    raise ValueError
def test_it(broken): pass""",
    "an error in the teardown of its module": """
def teardown_module(): raise ValueError
def test_it(): pass""",
    "an unexpected pass": """
import pytest
@pytest.mark.xfail
def test_it(): pass""",
    "an unexpected pass that fails": """
import pytest
@pytest.mark.xfail(strict=True)
def test_it(): pass""",
    "a failing sub-test": """
def test_it(subtests):
    with subtests.test(): assert False""",
    "a failing sub-test of unittest": """
import unittest
class Test(unittest.TestCase):
    def test_it(self):
        with self.subTest(): self.fail()""",
    "a failing sub-test among passing ones": """
import unittest
class Test(unittest.TestCase):
    def test_it(self):
        for number in range(3):
            with self.subTest(): self.assertNotEqual(number, 1)""",
    "a warning made an error": """
import warnings, pytest
@pytest.mark.filterwarnings("error")
def test_it(): warnings.warn("x")""",
    "an expected failure that was another": """
import pytest
@pytest.mark.xfail(raises=KeyError)
def test_it(): raise ValueError""",
}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_an_unclean_outcome_runs_again(project: Project, workers: str) -> None:
    """A test that did not simply pass, skip or fail as expected runs in each run, beside a cached one."""
    project.write("test_other.py", "def test_other(): pass\n")
    for name, code in UNCLEAN.items():
        project.write(f"test_{name.replace(' ', '_').replace('-', '_')}.py", code + "\n")
    real = project.run("--cached=off", workers)
    recorded, again = project.run(workers), project.run(workers)
    assert (real.exit, real.outcomes) == (recorded.exit, recorded.outcomes)
    assert (real.exit, real.outcomes) == (again.exit, again.outcomes)
    assert real.executed - again.executed == {"test_other.py::test_other"}
    count = len(UNCLEAN)
    assert f"{count + 1} tests: 1 cached, {count - 1} run ({count - 1} failed before), 1 uncacheable" in again.summary


def test_failures_are_said_to_have_failed_before(project: Project) -> None:
    """A failing test runs again because it failed, and once it is mended it is replayed."""
    project.write("mark.txt", "bad")
    project.write("test_it.py", "def test_it(): assert open('mark.txt').read() == 'good'\n")
    assert project.run().exit == 1
    failing = project.run("-v")
    assert "(1 failed before)" in failing.summary
    assert "[not-passed]" in failing.text
    project.write("mark.txt", "good")
    assert (project.run().exit, project.run().executed) == (0, set())


def test_a_pass_that_later_failed_with_the_same_inputs_is_not_replayed(project: Project) -> None:
    """A test seen to fail with everything unchanged depends on what nobody sees: it runs until an edit."""
    state = project.path.parent / "unseen"
    code = f"import ctypes\ndef test_it(): assert ctypes.CDLL(None).access({bytes(state)!r}, 0)\n"
    project.write("test_it.py", code)
    assert project.run().exit == 0
    assert project.run().executed == set()
    state.touch()
    assert project.run("--cached=refresh").exit == 1
    assert project.run().exit == 1
    state.unlink()
    for _ in range(2):
        run = project.run()
        assert (run.exit, run.executed) == (0, {"test_it.py::test_it"})
    project.edit("test_it.py", "def test_it():", "def test_it(tmp_path):")
    assert project.run().exit == 0
    assert project.run().executed == set()


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_a_pass_at_the_second_attempt_is_not_stored(project: Project, workers: str) -> None:
    """A flaky test that passed when it was run again runs in the next run too; its neighbours do not."""
    project.write("conftest.py", RERUN_PLUGIN)
    project.write("test_it.py", FLAKY)
    for _ in range(2):
        run = project.run(workers)
        assert run.exit == 0, run.text
        assert "test_it.py::test_flaky" in run.executed
    assert run.executed == {"test_it.py::test_flaky"}


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_pytest_rerunfailures_is_understood(project: Project, workers: str) -> None:
    """The same with the plugin that most people use."""
    pytest.importorskip("pytest_rerunfailures")
    plugins = ("xdist.plugin", "pytest_rerunfailures")
    project.write("test_it.py", FLAKY)
    for _ in range(2):
        run = project.run(workers, "--reruns=2", plugins=plugins)
        assert run.exit == 0, run.text
        assert "test_it.py::test_flaky" in run.executed
    assert run.executed == {"test_it.py::test_flaky"}
