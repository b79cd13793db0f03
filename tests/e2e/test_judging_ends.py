"""The end of a wide fixture that judges what tests have left says the same as in a run of all."""

from __future__ import annotations

import pytest
from harness import Project

SPY = """
import pytest

class Spy:
    def __init__(self): self.calls = []
    def __call__(self, name): self.calls.append(name)

@pytest.fixture(scope="session")
def call():
    spy = Spy()
    def calls(*names):
        for name in names: spy(name)
    yield calls
    CHECK
"""
FIRST, SECOND, THIRD = "test_a.py::test_first", "test_b.py::test_second", "test_c.py::test_third"


def spied(project: Project, check: str) -> None:
    project.write("conftest.py", SPY.replace("CHECK", check))
    project.write("test_a.py", "def test_first(call): call('a')\n")
    project.write("test_b.py", "def test_second(call): call('b')\n")
    project.write("test_c.py", "def test_third(call): pass\n")


def test_who_has_left_it_something_runs_with_the_one_that_is_edited(project: Project) -> None:
    """One call more is one too many only with those of the others."""
    spied(project, "assert len(spy.calls) < 4")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_a.py", "'a'", "'a', 'a'")
    assert project.run().exit == 0
    project.edit("test_a.py", "'a', 'a'", "'a', 'a', 'a'")
    run = project.run()
    assert run.exit == 1, run.text
    assert "assert 4 < 4" in run.text


def test_it_does_not_miss_what_replayed_tests_have_left(project: Project) -> None:
    """Each of the names must have been called, by whichever test."""
    spied(project, "assert set(spy.calls) == {'a', 'b'}")
    assert project.run().exit == 0
    for edited, name in (("test_a.py", "a"), ("test_b.py", "b")):
        project.edit(edited, f"call('{name}')", f"call('{name}' * 1)")
        run = project.run()
        assert (run.exit, run.executed) == (0, {FIRST, SECOND}), run.text
    project.edit("test_c.py", "pass", "assert 1")
    assert project.run().exit == 0


def test_who_waits_is_judged_with_the_others(project: Project) -> None:
    """It calls more often, as what it waits for has changed: too often only with those that would be replayed."""
    spied(project, "assert len(spy.calls) < 4")
    project.write("shop.py", "calls = 1\n")
    project.write("test_0.py", "import shop\ndef test_zero(): shop.calls = 2\n")
    project.write("test_b.py", "import shop\ndef test_second(call): call(*['b'] * shop.calls)\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_0.py", "calls = 2", "calls = 3")
    run = project.run()
    assert run.exit == 1, run.text
    assert "assert 4 < 4" in run.text


def test_an_end_that_does_not_judge_runs_nobody_else(project: Project) -> None:
    """It cleans up what is there."""
    spied(project, "spy.calls.clear()")
    assert project.run().exit == 0
    project.edit("test_a.py", "call('a')", "call('a' * 1)")
    run = project.run()
    assert (run.exit, run.executed) == (0, {FIRST})


def test_a_new_test_is_judged_with_the_others(project: Project) -> None:
    """Nothing is recorded of it, but it asks for the fixture."""
    spied(project, "assert len(spy.calls) < 3")
    assert project.run().exit == 0
    project.write("test_c.py", "def test_third(call): pass\ndef test_new(call): call('c')\n")
    assert project.run().exit == 1


YIELDED = """
import pytest
@pytest.fixture(scope="module")
def box():
    held = []
    yield held
    assert len(held) < 4
def test_first(box): box.append(1)
def test_last(box): box.extend("ab")
"""
NAMED = """
import pytest
@pytest.fixture(scope="module")
def box(request):
    held = []
    request.addfinalizer(lambda: check(held))
    return held.extend
def check(held): assert len(held) < 4
def test_first(box): box([1])
def test_last(box): box("ab")
"""
OF_A_CLASS = """
class TestIt:
    held = []
    @classmethod
    def teardown_class(cls): assert len(cls.held) < 4
    def test_first(self): self.held.extend([1])
    def test_last(self): self.held.extend("ab")
"""
OF_UNITTEST = """
import unittest
class TestIt(unittest.TestCase):
    held = []
    @classmethod
    def tearDownClass(cls): assert len(cls.held) < 4
    def test_first(self): self.held.extend([1])
    def test_last(self): self.held.extend("ab")
"""
OF_A_MODULE = """
held = []
def teardown_module(): assert len(held) < 4
def test_first(): held.extend([1])
def test_last(): held.extend("ab")
"""
IN_A_FOLDER = """
import pytest
@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("made")
    yield made
    assert len(list(made.iterdir())) < 4
def test_first(folder):
    for name in [1]: (folder / str(name)).write_text("")
def test_last(folder):
    for name in "ab": (folder / name).write_text("")
"""
WAYS = {
    "yielded under another name": YIELDED.replace("append(1)", "extend([1])"),
    "a function named for the end": NAMED,
    "of a class": OF_A_CLASS,
    "of unittest": OF_UNITTEST,
    "of a module": OF_A_MODULE,
    "in a temporary folder": IN_A_FOLDER,
}


@pytest.mark.parametrize("way", WAYS)
def test_each_kind_of_end_judges_all(project: Project, way: str) -> None:
    """Whichever of two tests is edited, it is judged with the other one."""
    project.write("test_it.py", WAYS[way])
    first = project.run()
    assert first.exit == 0, first.text
    assert project.run().executed == set()
    project.edit("test_it.py", '"ab"', '"a" + "b"')
    assert project.run().exit == 0
    project.edit("test_it.py", "[1]", "[1, 2]")
    run = project.run()
    assert run.exit == 1, run.text
    project.edit("test_it.py", "[1, 2]", "[1]")
    assert project.run().exit == 0
    project.edit("test_it.py", '"a" + "b"', '"abc"')
    assert project.run().exit == 1


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_who_has_used_a_fixture_whose_end_fails_runs_again(project: Project, workers: tuple[str, ...]) -> None:
    """The error is given to the last test, which may not even use it, and passes alone."""
    spied(project, "assert len(spy.calls) < 2")
    project.write("test_d.py", "def test_last(): pass\n")
    for _ in range(3):
        run = project.run(*workers)
        assert (run.exit, run.executed - {"test_d.py::test_last"}) == (1, {FIRST, SECOND, THIRD}), run.text
    project.edit("test_a.py", "call('a')", "pass")
    assert project.run(*workers).exit == 0
    assert project.run(*workers).executed == set()


def test_a_fixture_that_fails_at_the_end_of_a_class_counts_for_its_tests_only(project: Project) -> None:
    """Others are replayed."""
    project.write("test_it.py", OF_A_CLASS.replace("< 4", "< 3") + "def test_far(): pass\n")
    assert project.run().exit == 1
    run = project.run()
    assert (run.exit, run.executed) == (1, {"test_it.py::TestIt::test_first", "test_it.py::TestIt::test_last"})


GATES = {
    "when the session finishes": "def pytest_sessionfinish(session):\n    if shop.ERRORS: session.exitstatus = 1\n",
    "by a function for it": "def _red(session):\n    if shop.ERRORS: session.exitstatus = 1\n"
    "def pytest_sessionfinish(session): _red(session)\n",
    "behind the summary": "def pytest_terminal_summary(terminalreporter):\n    assert not shop.ERRORS\n",
}


@pytest.mark.parametrize("gate", GATES)
def test_who_leaves_what_a_hook_judges_when_all_have_run_always_runs(project: Project, gate: str) -> None:
    """The run is red as long as an error is logged, whether the test that logs it passes or not."""
    project.write("shop.py", "ERRORS = []\ndef work(n):\n    if n < 0: ERRORS.append(n)\n    return abs(n)\n")
    project.write("conftest.py", f"import shop\n{GATES[gate]}")
    project.write("test_a.py", "import shop\ndef test_a(): assert shop.work(1) == 1\n")
    project.write("test_b.py", "import shop\ndef test_b(): assert shop.work(2) == 2\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_a.py", "work(1)", "work(-1)")
    assert project.run().exit == 1
    run = project.run()
    assert (run.exit, run.executed) == (1, {"test_a.py::test_a"})
    assert "[judged-at-the-end]" in project.cli("explain", "test_a.py::test_a").stdout
    project.edit("test_a.py", "work(-1)", "work(1)")
    assert project.run().exit == 0
    assert project.run().executed == set()


def test_a_hook_that_only_tells_is_no_reason_to_run(project: Project) -> None:
    """What tests have left is shown below the summary; those that are replayed are not in it."""
    project.write("shop.py", "CALLS = []\n")
    project.write(
        "conftest.py",
        "import shop\ndef pytest_terminal_summary(terminalreporter): terminalreporter.write_line(str(shop.CALLS))\n",
    )
    project.write("test_a.py", "import shop\ndef test_a(): shop.CALLS.append(1)\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
