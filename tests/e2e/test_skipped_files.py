"""Test files that nothing changed for are not imported, unless somebody looks into what is collected."""

from __future__ import annotations

import pytest
from harness import Project

from testcache.storage.manifests import MANIFEST
from testcache.storage.store import Store

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


SELECTIONS = [("-k", "it or a"), ("test_a.py::test_2", "test_b.py"), ("-m", "not slow"), ("--deselect", "test_a.py::t")]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_selection_is_replayed(recorded: Project, selection: tuple[str, ...]) -> None:
    """What a command line selects and how many tests it leaves out is the same with and without the cache."""
    recorded.edit("test_c.py", "def test_2", "import pytest\n@pytest.mark.slow\ndef test_2")
    plain = recorded.run("-s", "--cached=off", *selection)
    first, second = recorded.run("-s", *selection), recorded.run("-s", *selection)
    recorded.edit("b.py", "return 1", "return 2")
    partly, again = recorded.run("-s", *selection), recorded.run("-s", *selection)
    assert (second.executed, partly.executed, again.executed) == (set(), {"test_b.py::test_it"}, set())
    for run in (first, second, partly, again):
        assert run.outcomes == plain.outcomes
        assert counts(run.text) == counts(plain.text)


def counts(text: str) -> list[str]:
    """What pytest says of how many tests it has found, and how they ended but for the time."""
    lines = text.splitlines()
    collected = [line.partition("collected ")[2] for line in lines if "collected " in line]
    return [*collected, lines[-1].strip(" =").partition(" in ")[0]]


@pytest.mark.parametrize("selection", [("-k", "it"), ("-m", "not slow"), ("--deselect", "test_a.py::test_2")])
def test_a_selection_imports_no_more_than_it_must(recorded: Project, selection: tuple[str, ...]) -> None:
    """An edit has only those files imported in which a test must run, also if some are left out of the others."""
    recorded.edit("test_c.py", "def test_2", "import pytest\n@pytest.mark.slow\ndef test_2")
    imported(recorded, *selection)
    recorded.edit("b.py", "return 1", "return 2")
    assert imported(recorded, *selection) == ["test_b"]


GOES_THROUGH = """
import pytest
def pytest_collection_finish(session):
    print("found:", *(item.function.__name__ for item in session.items))
@pytest.fixture(scope="session", autouse=True)
def marks(request):
    for item in request.session.items: item.module.MARKED = len(item.fixturenames)
"""


def test_a_hook_or_a_fixture_that_goes_through_all_tests(recorded: Project) -> None:
    """It finds of those that are replayed what it finds of the others."""
    recorded.write("conftest.py", SAY + GOES_THROUGH)
    runs = [recorded.run("-s") for _ in range(3)]
    recorded.edit("b.py", "return 1", "return 2")
    runs += [recorded.run("-s") for _ in range(2)]
    assert [run.exit for run in runs] == [0] * 5
    assert all("found: test_it test_2 test_it test_2 test_it test_2" in run.text for run in runs)
    assert [len(run.executed) for run in runs] == [6, 0, 0, 1, 0]


MARKED = """
import pytest
@pytest.fixture(scope="session", autouse=True)
def slow(request):
    one, = [item for item in request.session.items if FOUND]
    return one
"""


@pytest.mark.parametrize(
    "found", ["'slow' in item.keywords", "item.get_closest_marker('slow')", "item.getparent(pytest.Class)"]
)
def test_a_fixture_that_looks_at_the_marks_of_all_tests(recorded: Project, found: str) -> None:
    """Then all files are imported, also with a selection."""
    recorded.write("conftest.py", SAY + MARKED.replace("FOUND", found))
    recorded.edit(
        "test_c.py",
        "def test_2(): pass",
        "import pytest\nclass TestC:\n    @pytest.mark.slow\n    def test_2(self): pass",
    )
    for number, selection in enumerate(((), ("-k", "test"))):
        assert recorded.run("-s", *selection).exit == 0
        recorded.edit("b.py", f"return 1{' + 0' * number}", f"return 1{' + 0' * (number + 1)}")
        run = recorded.run("-s", *selection)
        assert (run.exit, run.executed) == (0, {"test_b.py::test_it"})


def test_parameters_of_what_is_left_out(project: Project) -> None:
    """A file that a hook reads them from counts for which tests there are, though none of them is selected."""
    project.write(
        "conftest.py",
        "from pathlib import Path\ndef pytest_generate_tests(metafunc):\n    if 'word' in metafunc.fixturenames:\n"
        "        metafunc.parametrize('word', Path(__file__).with_name('words').read_text().split())\n",
    )
    project.write("words", "aa bb")
    project.write("test_a.py", "def test_x(word): assert word != 'cc'\n")
    project.write("test_b.py", "def test_cc(): pass\n")
    assert len(project.run("-k", "cc").outcomes) == 1
    assert project.run("-k", "cc").executed == set()
    project.write("words", "aa cc dd")
    run = project.run("-k", "cc")
    assert (run.exit, run.executed) == (1, {"test_a.py::test_x[cc]"})
    assert "2 deselected" in run.text


@pytest.mark.parametrize(
    ("hook", "count"), [("items[:] = items[:2]", 2), ("items[:] = [i for i in items if len(items) < 7]", 0)]
)
def test_a_hook_of_a_folder_that_comes_last(recorded: Project, hook: str, count: int) -> None:
    """It sees all tests, though files before it were left out when nobody knew of it."""
    recorded.write("zsub/conftest.py", f"def pytest_collection_modifyitems(items):\n    {hook}\n")
    recorded.write("zsub/test_z.py", "def test_z(): pass\n")
    plain = recorded.run("-s", "--cached=off")
    assert len(plain.outcomes) == count
    recorded.run("-s")
    recorded.edit("zsub/test_z.py", "pass", "assert True")
    run = recorded.run("-s")
    assert (run.outcomes, run.exit) == (plain.outcomes, plain.exit)


def test_a_hook_that_is_told_of_what_is_left_out_sees_all_of_it(recorded: Project) -> None:
    """It may look into the tests, so no file is left out if any must be imported."""
    hook = "\ndef pytest_deselected(items):\n    print('left out:', *(item.function.__name__ for item in items))\n"
    recorded.write("conftest.py", SAY + hook)
    recorded.run("-s", "-k", "it")
    assert recorded.run("-s", "-k", "it").exit == 0
    recorded.edit("b.py", "return 1", "return 2")
    run = recorded.run("-s", "-k", "it")
    assert "left out: test_2 test_2 test_2" in run.text
    assert "imported: test_a test_b test_c" in run.text


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


def test_a_file_that_cannot_be_imported_after_all(recorded: Project) -> None:
    """By something that nobody sees; it is told of as ever."""
    flag = recorded.path.parent / "flag"
    unseen = f"import ctypes\nassert ctypes.CDLL(None).access({bytes(flag)!r}, 0) != 0\n"
    recorded.edit("test_a.py", "import a\n", f"import a\n{unseen}")
    recorded.write("zsub/conftest.py", "def pytest_collection_modifyitems(items): pass\n")
    recorded.write("zsub/test_z.py", "def test_z(): pass\n")
    recorded.run("-s")
    assert recorded.run("-s").executed == set()
    flag.touch()
    recorded.edit("zsub/test_z.py", "pass", "assert True")
    run, plain = recorded.run("-s"), recorded.run("-s", "--cached=off")
    assert (run.exit, run.executed) == (plain.exit, plain.executed) == (2, set())
    assert "1 error" in run.text


def test_of_files_that_are_not_imported_nothing_is_looked_up(recorded: Project) -> None:
    """What ran has written a file that none of their tests reads: their results are good without a look at them."""
    recorded.write(".out/old.txt", "")
    recorded.run("-s")
    recorded.edit("test_b.py", "assert b.f()", "assert b.f() == 1; open('.out/new.txt', 'w').close()")
    with Store.open(recorded.path / ".testcache") as store:
        others = [key for key in store.keys(MANIFEST) if key.endswith((b"test_a.py", b"test_c.py"))]
        assert len(others) == 2
        store.delete(MANIFEST, others)
    run = recorded.run("-s")
    assert (run.executed, len(run.replayed)) == ({"test_b.py::test_it"}, 5)
