"""What a test changes in test files that its own does not import: attributes of functions there are noticed late."""

from __future__ import annotations

import pytest
from harness import TWO_WORKERS, Project

FAR = """
SEEN = []
def helper(): return 1
def test_far(): pass
def test_last(): assert getattr(helper, "marked", None) in (None, 1)
"""
WAYS = {
    "a list": "sys.modules['test_far'].SEEN.append(1)",
    "an attribute of a function": "sys.modules['test_far'].helper.marked = 1",
    "a variable": "sys.modules['test_far'].SEEN = [1]",
}


@pytest.fixture
def pair(project: Project) -> Project:
    """Three files that do not import each other, all of which are imported in each run."""
    project.write("conftest.py", "def pytest_collection_modifyitems(items): pass\n")
    project.write("test_far.py", FAR)
    project.write("test_end.py", "def test_end(): pass\n")
    project.write("test_odd.py", "import sys\ndef test_before(): pass\ndef test_odd(): pass\ndef test_behind(): pass\n")
    return project


def test_none_is_stored_that_may_have_changed_it(pair: Project) -> None:
    """Nobody knows which test it was that has given a function far away its first attribute; others are replayed."""
    pair.edit("test_odd.py", "def test_odd(): pass", f"def test_odd(): {WAYS['an attribute of a function']}")
    pair.write("test_zero.py", "def test_zero(): pass\n")
    run = ("test_far.py", "test_odd.py", "test_zero.py")
    first = pair.run(*run, "-v")
    assert first.exit == 0
    assert "test_odd.py::test_before: not stored: its recording is incomplete [not-observed]" in first.text
    assert (
        "or one that ran shortly before or after it, has changed test_far.py::helper.marked, which its file does not "
        "import" in first.text
    )
    assert {name.partition("::")[0] for name in pair.run(*run).executed} == {"test_odd.py"}
    assert pair.run(*run).executed == set()  # where some are replayed nothing is far


@pytest.mark.parametrize("workers", [("-n0",), TWO_WORKERS], ids=" ".join)
def test_the_last_file_of_a_run(pair: Project, workers: tuple[str, ...]) -> None:
    """Nobody comes behind it."""
    pair.edit("test_odd.py", "def test_odd(): pass", f"def test_odd(): {WAYS['an attribute of a function']}")
    run = ("test_far.py", "test_odd.py")
    assert pair.run(*run, *workers, "--dist=loadfile").exit == 0
    assert "test_odd.py::test_odd" in pair.run(*run).executed


@pytest.mark.parametrize("way", [WAYS["a list"], WAYS["a variable"]])
def test_all_else_is_known_however_far(pair: Project, way: str) -> None:
    """It is looked at after each test."""
    pair.edit("test_odd.py", "def test_odd(): pass", f"def test_odd(): {way}")
    run = ("test_far.py", "test_odd.py")
    assert pair.run(*run).exit == 0
    assert pair.run(*run).executed == set()


@pytest.mark.parametrize("how", ["import test_far", "from test_far import SEEN, helper\nimport test_far", "import mid"])
def test_who_imports_it_is_known(pair: Project, how: str) -> None:
    """Directly or not: what it leaves there is a leftover like any other."""
    pair.write("mid.py", "import test_far\ndef note(): test_far.SEEN.append(1)\n")
    change = "mid.note()" if how == "import mid" else "test_far.SEEN.append(1)"
    pair.edit("test_odd.py", "import sys", how)
    pair.edit("test_odd.py", "def test_odd(): pass", f"def test_odd(): {change}")
    pair.edit(
        "test_odd.py", "behind(): pass", "behind(): assert mid or test_far" if "mid" in how else "behind(): test_far"
    )
    assert pair.run().exit == 0
    assert pair.run().executed == set()


def test_wide_fixtures_may_change_all(pair: Project) -> None:
    """One that goes through all test files is known by what it did."""
    goes = "    for item in request.session.items: item.module.MARKED = item.function.marked = {}\n"
    fixture = "import pytest\n@pytest.fixture(scope='session', autouse=True)\ndef marks(request):\n" + goes.format(1)
    pair.write("conftest.py", fixture)
    assert pair.run().exit == 0
    assert pair.run().executed == set()
    pair.edit("test_odd.py", "before(): pass", "before(): assert True")
    assert pair.run().executed == {"test_odd.py::test_before"}
    pair.write("conftest.py", f"{fixture}    yield\n{goes.format(2)}")
    assert len(pair.run().executed) == 6
    assert pair.run().executed == set()


@pytest.mark.parametrize("far", ["test_far", "mid"])
def test_an_import_in_the_midst_of_a_test(pair: Project, far: str) -> None:
    """What has changed there before is not the doing of this test, and what changes from now on is."""
    pair.write("mid.py", "import test_far\nTABLE = test_far.SEEN\n")
    pair.edit("test_odd.py", "def test_odd(): pass", f"def test_odd():\n    import {far}\n    {far}.SEEN.append(1)")
    pair.edit("test_odd.py", "behind(): pass", f"behind():\n    import {far}\n    assert len({far}.SEEN) == 1")
    if far == "mid":
        pair.write("mid.py", "import test_far\nSEEN = test_far.SEEN\n")
    assert pair.run().exit == 0
    assert pair.run().executed == set()
    pair.edit("test_odd.py", "SEEN.append(1)", "SEEN.extend([1, 2])")
    run = pair.run()
    assert (run.outcomes["test_odd.py::test_behind"], run.exit) == ("failed", 1)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_where_some_are_replayed_nothing_is_far(pair: Project, way: str) -> None:
    """A test that would come upon it runs, however the other one came there."""
    pair.write("test_a.py", "import sys\ndef test_it(): pass\n")
    pair.edit(
        "test_far.py", "def test_far(): pass", "def test_far(): assert SEEN == [] and not hasattr(helper, 'marked')"
    )
    assert pair.run().exit == 0
    pair.edit("test_a.py", "pass", way)
    run = pair.run()
    assert run.outcomes == pair.run("--cached=off").outcomes
    assert run.outcomes["test_far.py::test_far"] == "failed"
