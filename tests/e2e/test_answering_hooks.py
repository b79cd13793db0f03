"""Hooks that only decide which files are collected, or what is shown: the collection rests on them, and no test."""

from __future__ import annotations

import pytest
from harness import Project

CONFTEST = """
import os
from seen import SEEN, note

ENDING = "_late.py"

def pytest_ignore_collect(collection_path, config):
    return collection_path.name.endswith(ENDING) and os.environ.get("LATE") is None

def pytest_report_header(config):
    return f"shop: {ENDING}"
"""
A, LATE, B = "test_a.py::test_it", "test_a_late.py::test_it", "test_b.py::test_it"


@pytest.fixture
def shop(project: Project) -> Project:
    """A file that is collected, one that is only with LATE, and one that is ignored by another ending."""
    project.write("conftest.py", CONFTEST)
    project.write("test_a.py", "def test_it(): pass\n")
    project.write("test_a_late.py", "def test_it(): pass\n")
    project.write("seen.py", "SEEN = []\ndef note(): SEEN.append(2)\n")
    project.write("test_b.py", "import seen\ndef test_it(): assert len(seen.SEEN) < 40\n")
    assert set(project.run().outcomes) == {A, B}
    assert project.run().executed == set()
    return project


def test_what_is_still_collected_is_replayed(shop: Project) -> None:
    """However the hook comes to its answer."""
    shop.edit("conftest.py", "return collection_path.name", "name = collection_path.name\n    return name")
    shop.edit("conftest.py", "shop: {", "the shop: {")
    run = shop.run()
    assert (run.executed, set(run.outcomes)) == (set(), {A, B})
    assert "the shop: _late.py" in run.text


@pytest.mark.parametrize("tool", ["pytest", "testcache run"])
def test_the_answer_is_asked_for_again(shop: Project, tool: str) -> None:
    """A file that is ignored no longer is collected, and one that is ignored from now on is not."""

    def collected(*, late: bool) -> str:
        env = {"LATE": "1"} if late else {}
        run = ("run", "-p", "testcache.plugin")
        return shop.run(env=env).text if tool == "pytest" else shop.cli(*run, env=env).stdout

    assert "3 tests" in collected(late=True)
    assert "2 tests" in collected(late=False)
    shop.edit("conftest.py", '"_late.py"', '"_b.py"')
    assert "2 tests" in collected(late=False)
    assert set(shop.run().outcomes) == {A, LATE}
    shop.edit("conftest.py", '"_b.py"', '"_c.py"')
    run = shop.run()
    assert (run.executed, set(run.outcomes)) == (set(), {A, LATE, B})


@pytest.mark.parametrize(
    "more", ["SEEN.append(1)", "note()", "SEEN[:] = [1]", "config.seen = 1"], ids=["a list", "a call", "all", "config"]
)
def test_a_hook_that_does_more_counts_for_all(shop: Project, more: str) -> None:
    """What it leaves may be read by any test."""
    shop.edit("conftest.py", "    return collection_path", f"    {more}\n    return collection_path")
    assert shop.run().executed == {A, B}
    assert shop.run().executed == set()
    shop.edit("conftest.py", more, "; ".join([more] * 9))
    run = shop.run()
    assert run.executed == {A, B}
    assert (run.outcomes[B] == "failed") is (more in ("SEEN.append(1)", "note()"))
    shop.edit("conftest.py", "; ".join([more] * 9), "pass")
    assert shop.run().exit == 0


def test_in_workers_too(shop: Project) -> None:
    """They collect for themselves."""
    assert shop.run("-n2", "--cached=refresh").executed == {A, B}
    shop.edit("conftest.py", "return collection_path.name", "name = collection_path.name\n    return name")
    assert shop.run("-n2").executed == set()
    shop.edit("test_a.py", "pass", "assert True")
    assert shop.run("-n2").executed == {A}


IGNORES = """
LEFT = ("test_z.py",)
def pytest_ignore_collect(collection_path):
    if collection_path.name in LEFT: return True
"""
WIDE = {
    "a file that acts": ("test_acts.py", "import seen; seen.SEEN.append(1)\ndef test_acts(): pass\n"),
    "a folder's conftest file": ("sub/conftest.py", "import seen; seen.SEEN.append(1)\n"),
    "its hook": (
        "sub/conftest.py",
        "def pytest_collection_modifyitems(items):\n    import seen; seen.SEEN.append(1)\n",
    ),
    "its hook of a test": (
        "sub/conftest.py",
        "import seen\ndef pytest_collection_modifyitems(items):\n    for item in items: seen.SEEN.append(item.name)\n",
    ),
}


@pytest.mark.parametrize(("file", "text"), WIDE.values(), ids=WIDE.keys())
def test_what_is_ignored_from_now_on_may_have_counted_for_all(project: Project, file: str, text: str) -> None:
    """Then the hook does, too: whatever that does when it is loaded, it does no longer; or it does so now."""
    project.write("conftest.py", IGNORES)
    project.write("seen.py", "SEEN = []\n")
    project.write("test_b.py", "import seen\ndef test_b(): assert seen.SEEN\n")
    project.write("sub/test_s.py", "def test_s(): pass\n")
    project.write(file, text)
    assert project.run().exit == 0
    assert project.run().executed == set()
    name = file.partition("/")[0]
    for old, new in (('("test_z.py",)', f'("test_z.py", "{name}")'), (f'("test_z.py", "{name}")', '("test_z.py",)')):
        project.edit("conftest.py", old, new)
        run = project.run()
        assert run.outcomes == project.run("--cached=off").outcomes
        assert (run.outcomes["test_b.py::test_b"] == "failed") is (name in new)
