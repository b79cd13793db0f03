"""The harness itself: what ran, what came out, and files that Python never takes for older ones."""

from __future__ import annotations

import pytest
from harness import Project

TESTS = """
import pytest
from answers import answer

@pytest.fixture
def broken():
    raise ValueError

@pytest.fixture
def broken_after():
    yield
    raise ValueError

def test_passes(): assert answer() == 42
def test_fails(): assert False
def test_errors(broken): pass
def test_errors_after(broken_after): pass
def test_skips(): pytest.skip()
@pytest.mark.xfail
def test_xfails(): assert False
@pytest.mark.xfail
def test_xpasses(): pass
"""


@pytest.fixture
def plain(project: Project) -> Project:
    """A project with a test of every outcome; it runs with --cached=off, so the harness is tested alone."""
    project.write("test_a.py", TESTS.replace("from answers import", "from answers import"))
    project.write("answers.py", "def answer(): return 42\n")
    return project


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_outcomes_and_bodies_are_told_apart(plain: Project, workers: str) -> None:
    """Each test has the outcome that pytest counts, and only tests whose set-up passed were executed."""
    run = plain.run("--cached=off", workers)
    assert {test.partition("::")[2]: outcome for test, outcome in run.outcomes.items()} == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_errors": "error",
        "test_errors_after": "error",
        "test_skips": "skipped",
        "test_xfails": "xfailed",
        "test_xpasses": "xpassed",
    }
    assert set(run.outcomes) - run.executed == {"test_a.py::test_errors"}
    assert run.exit == 1


def test_an_edit_of_equal_length_is_seen_at_once(plain: Project) -> None:
    """Two runs within one second never run the code of the first one twice."""
    assert plain.run("--cached=off", "-k", "test_passes").exit == 0
    plain.edit("answers.py", "42", "43")
    assert plain.run("--cached=off", "-k", "test_passes").exit == 1


def test_the_environment_is_clean(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the surrounding environment reaches the project but PATH."""
    monkeypatch.setenv("SURROUNDING", "1")
    seen = project.python("-c", "import os; print(sorted(os.environ))", env={"ADDED": "1"}).stdout
    assert "SURROUNDING" not in seen
    assert "ADDED" in seen
