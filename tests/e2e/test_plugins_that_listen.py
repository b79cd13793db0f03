"""Installed plugins that go by what has become of other tests, of which some are replayed."""

from __future__ import annotations

import os

import pytest
from harness import TWO_WORKERS, Project, Run

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
GATE = """
import pytest
PASSED = set()

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.passed:
        PASSED.add(item.name)

def pytest_runtest_setup(item):
    for mark in item.iter_markers("after"):
        if mark.args[0] not in PASSED:
            pytest.skip("it has not passed: " + mark.args[0])
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


def install(project: Project, name: str, text: str) -> None:
    info = f"../site-packages/{name}-1.dist-info"
    project.write(f"../site-packages/{name}.py", text)
    project.write(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    project.write(f"{info}/RECORD", f"{name}.py,sha256=1,1\n")


def run(project: Project, *args: str) -> Run:
    places = (project.environment()["PYTHONPATH"], str(project.path.parent / "site-packages"))
    plugins = sorted(file.stem for file in (project.path.parent / "site-packages").glob("*.py"))
    return project.run("-v", *args, env={"PYTHONPATH": os.pathsep.join(places)}, plugins=("xdist.plugin", *plugins))


@pytest.fixture
def judged(project: Project) -> Project:
    install(project, "shelf", SHELF)
    install(project, "tidy", TIDY)
    project.write("test_it.py", TESTS)
    return project


@pytest.fixture
def gated(project: Project) -> Project:
    install(project, "gate", GATE)
    project.write("pytest.ini", "[pytest]\nmarkers = after\n")
    project.write("shop.py", "def login(): return True\ndef buy(): return True\ndef far(): return True\n")
    project.write("test_0.py", "import shop\ndef test_far(): assert shop.far()\n")
    project.write(
        "test_1.py",
        "import pytest, shop\ndef test_open(): assert 1\ndef test_login(): assert shop.login()\n"
        "@pytest.mark.after('test_login')\n@pytest.mark.after('test_far')\ndef test_buy(): assert shop.buy()\n",
    )
    assert run(project).exit == 0
    assert run(project).executed == set()
    return project


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


@pytest.mark.parametrize("args", [(), TWO_WORKERS], ids=["alone", "xdist"])
def test_who_may_run_if_others_have_passed(gated: Project, args: tuple[str, ...]) -> None:
    """They are replayed, and have passed; also those that stand behind a test that runs."""
    gated.edit("shop.py", "def buy(): return True", "def buy(): return False")
    gated.edit("test_1.py", "def test_open(): assert 1", "def test_open(): assert 2")
    now = run(gated, *args)
    assert now.outcomes["test_1.py::test_buy"] == "failed"
    assert "test_0.py::test_far" in now.replayed


def test_who_is_stopped_is_not_stored(gated: Project) -> None:
    """It is no outcome of its own: what it depends on may pass the next time."""
    gated.edit(
        "shop.py", "def login(): return True\ndef buy(): return True", "def login(): return 0\ndef buy(): return 0"
    )
    now = run(gated)
    assert now.outcomes["test_1.py::test_buy"] == "skipped"
    assert "test_1.py::test_buy: not stored" in now.text
    gated.edit("shop.py", "def login(): return 0", "def login(): return 1")
    assert run(gated).outcomes["test_1.py::test_buy"] == "failed"
