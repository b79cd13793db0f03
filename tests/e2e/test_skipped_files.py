"""Test files that nothing changed for are not imported, unless somebody looks into what is collected."""

from __future__ import annotations

import pytest
from harness import Project

SAY = """
import sys

def pytest_sessionfinish():
    print("imported:", *sorted(name for name in sys.modules if name.startswith("test_")))
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """Three test files, each with a module of its own, recorded; each run says which of them it imports."""
    project.write("conftest.py", SAY)
    for name in "abc":
        project.write(f"{name}.py", "def f(): return 1\n")
        project.write(f"test_{name}.py", f"import {name}\ndef test_it(): assert {name}.f()\ndef test_2(): pass\n")
    assert project.run("-s").exit == 0
    return project


def imported(project: Project, *arguments: str) -> list[str]:
    """The test files that a run imports."""
    run = project.run("-s", *arguments)
    line = next(line for line in run.text.splitlines() if "imported:" in line)
    return line.partition("imported:")[2].split()


def test_nothing_changed(recorded: Project) -> None:
    """Then no test file is imported, and all tests are reported."""
    assert imported(recorded) == []
    assert len(recorded.run("-s").replayed) == 6


def test_one_edit(recorded: Project) -> None:
    """Only the files are imported in which a test must run; the others' tests are reported all the same."""
    recorded.edit("b.py", "return 1", "return 2")
    assert imported(recorded) == ["test_b"]
    assert imported(recorded) == []
    recorded.edit("b.py", "return 2", "return 3")
    run = recorded.run("-s")
    assert (run.executed, len(run.outcomes)) == ({"test_b.py::test_it"}, 6)


def test_pytest_walks_through_our_store(recorded: Project) -> None:
    """A project's own `norecursedirs` takes the place of pytest's, which leaves folders with a dot out."""
    recorded.write("pytest.ini", "[pytest]\nnorecursedirs = docs\n")
    recorded.run("-s")
    (recorded.path / ".testcache" / "more").touch()
    assert imported(recorded) == []
    recorded.write("new/test_d.py", "def test_it(): pass\n")
    assert "test_d" in imported(recorded)


SHOWING = """
import pytest, warnings
told = warnings.warn("imported", DeprecationWarning)
class TestOdd:
    def __init__(self): pass
def test_it(): pass
"""


def test_what_collecting_a_file_shows_is_shown_without_importing_it(recorded: Project) -> None:
    """That all of it is skipped, and warnings; a module that it lacks may come, wherever that is."""
    recorded.write("pytest.ini", "[pytest]\npythonpath = . lib/site-packages\n")
    recorded.write("test_late.py", "import pytest\npytest.importorskip('late')\ndef test_late(): assert False\n")
    recorded.write("test_shows.py", SHOWING)
    recorded.write("lib/site-packages/other.py", "")
    recorded.write("sub/conftest.py", "import warnings\nwarnings.warn('folder', DeprecationWarning)\n")
    recorded.write("sub/test_sub.py", "def test_sub(): pass\n")
    shown = ("8 passed, 1 skipped, 3 warnings", "SKIPPED [1] test_late.py:2: could not import 'late'")
    bare = recorded.run("-rs", "--cached=off")
    first, warm = (recorded.run("-rs", "-s") for _ in range(2))
    recorded.edit("b.py", "return 1", "return 2")
    partly, again = (recorded.run("-rs", "-s") for _ in range(2))
    assert (warm.executed, partly.executed, again.executed) == (set(), {"test_b.py::test_it"}, set())
    for run in (bare, first, warm, partly, again):
        for text in shown:
            assert text in run.text
    assert "test_shows" not in partly.text.partition("imported:")[2].splitlines()[0]
    recorded.write("lib/site-packages/late.py", "")
    assert recorded.run("-s").outcomes["test_late.py::test_late"] == "failed"


def test_after_one_edit_nothing_need_be_collected_again(recorded: Project) -> None:
    """The run after an edit leaves an index of all files, each once: the next one needs no pytest."""
    run = ("run", "-p", "testcache.plugin")
    recorded.cli(*run)
    recorded.edit("b.py", "return 1", "return 2")
    assert "5 cached, 1 run" in recorded.cli(*run).stdout
    assert recorded.cli(*run).stdout.startswith("testcache: 6 tests: 6 cached, 0 run")


def test_a_changed_test_file(recorded: Project) -> None:
    """A file with a new test is imported, and the test is found."""
    recorded.edit("test_c.py", "def test_2(): pass", "def test_2(): pass\ndef test_3(): pass")
    run = recorded.run("-s")
    assert (run.executed, len(run.outcomes)) == ({"test_c.py::test_3"}, 7)


@pytest.mark.parametrize(
    "looks", [("-k", "it"), ("test_a.py::test_2", "test_b.py"), ("-m", "not slow"), ("--deselect", "test_a.py::test_2")]
)
def test_a_selection_looks_into_the_files(recorded: Project, looks: tuple[str, ...]) -> None:
    """What depends on more than the names of tests is collected as always, and what is selected is replayed."""
    first, second = recorded.run("-s", *looks), recorded.run("-s", *looks)
    assert first.outcomes == second.outcomes == recorded.run("-s", "--cached=off", *looks).outcomes
    assert second.executed == set()


def test_a_hook_that_changes_the_collection_sees_all_of_it(project: Project) -> None:
    """A conftest file may drop or mark tests by what is in them: no file is left out then."""
    project.write(
        "conftest.py",
        SAY + "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if i.function.__doc__]\n",
    )
    for name in "ab":
        project.write(f"test_{name}.py", "def test_it():\n    'Keep.'\ndef test_2(): pass\n")
    project.run("-s")
    project.edit("test_a.py", "'Keep.'", "'Keep it.'")
    assert imported(project) == ["test_a", "test_b"]
    assert len(project.run("-s").outcomes) == 2
