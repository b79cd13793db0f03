"""An installed plugin that judges a run at its end, by what its fixtures were used for."""

from __future__ import annotations

import os

import pytest
from harness import Project, Run

SHELF = """
import pytest
NEEDED, USED = {"a", "b"}, set()

@pytest.fixture
def shelf(): return USED.add

@pytest.fixture(autouse=True)
def around(): yield

def pytest_sessionfinish(session):
    if NEEDED - USED and not hasattr(session.config, "workerinput"):
        session.exitstatus = 1
"""
TIDY = """
import pytest
OPEN = []

@pytest.fixture
def server(): OPEN.append(1)

def pytest_sessionfinish(session, exitstatus): OPEN.clear()
"""
TESTS = """
import pytest

@pytest.fixture
def far(shelf): return shelf

def test_a(shelf): shelf("a")
def test_b(far): far("b")
def test_named(request): request.getfixturevalue("shelf")("a")
def test_plain(): pass
def test_server(server): pass
"""


@pytest.fixture
def judged(project: Project) -> Project:
    for name, text in (("shelf", SHELF), ("tidy", TIDY)):
        info = f"../site-packages/{name}-1.dist-info"
        project.write(f"../site-packages/{name}.py", text)
        project.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        project.write(f"{info}/RECORD", f"{name}.py,sha256=1,1\n")
    project.write("test_it.py", TESTS)
    return project


def run(project: Project) -> Run:
    places = (project.environment()["PYTHONPATH"], str(project.path.parent / "site-packages"))
    return project.run("-v", env={"PYTHONPATH": os.pathsep.join(places)}, plugins=("xdist.plugin", "shelf", "tidy"))


def test_who_uses_its_fixtures_always_runs(judged: Project) -> None:
    """By whichever way they come to them; others are replayed, and so is whoever uses a plugin that tidies up."""
    first = run(judged)
    assert first.exit == 0
    again = run(judged)
    assert again.exit == 0
    assert {test.partition("::")[2] for test in again.executed} == {"test_a", "test_b", "test_named"}
    assert "[judged-at-the-end]" in again.text
    assert "shelf by its fixture shelf" in again.text


def test_its_verdict_is_that_of_a_full_run(judged: Project) -> None:
    assert run(judged).exit == 0
    judged.edit("test_it.py", 'far("b")', "far")
    assert run(judged).exit == 1
