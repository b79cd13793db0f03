"""What runs when a wide fixture ends counts for every test that used it, not only for the last one."""

from __future__ import annotations

import pytest
from harness import Project

TESTS = """
def test_first(wide): assert wide
def test_last(wide): assert wide
def test_far(): pass
"""
WAYS = {
    "after a yield": """
@pytest.fixture(scope="session")
def wide():
    yield 1
    end()
""",
    "in a finalizer": """
@pytest.fixture(scope="session")
def wide(request):
    request.addfinalizer(end)
    return 1
""",
    "in a fixture that it uses": """
@pytest.fixture(scope="session")
def inner():
    yield 1
    end()
@pytest.fixture(scope="session")
def wide(inner): return inner
""",
    "in the project's hook": """
@pytest.fixture(scope="session")
def wide(): return 1
def pytest_fixture_post_finalizer(fixturedef):
    if fixturedef.argname == "wide":
        end()
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_wide_fixture_is_an_input_of_all_its_tests(project: Project, way: str) -> None:
    """An edit of what it calls runs both again: whichever is last would show the error."""
    project.write("endings.py", "def end():\n    return 1\n")
    project.write("conftest.py", "import pytest\nfrom endings import end\n" + WAYS[way])
    project.write("test_it.py", TESTS)
    project.run()
    assert project.run().executed == set()
    project.edit("endings.py", "return 1", "return 2 - 1")
    assert project.run().executed == {"test_it.py::test_first", "test_it.py::test_last"}


def test_a_wide_fixture_without_an_end_is_no_reason_to_wait(project: Project) -> None:
    """A test that used it is stored as soon as it ends, and rests on what it ran alone."""
    project.write("code_here.py", "def used():\n    return 1\ndef other():\n    return 1\n")
    project.write(
        "conftest.py", 'import pytest\n@pytest.fixture(scope="session", autouse=True)\ndef wide(): return 1\n'
    )
    project.write(
        "test_it.py", "import os, code_here\ndef test_first(): assert code_here.used()\ndef test_stops(): os._exit(3)\n"
    )
    project.run()
    project.edit("code_here.py", "def other():\n    return 1", "def other():\n    return 2")
    assert project.run("--deselect", "test_it.py::test_stops").executed == set()


LEAVING = """
import shop
def test_first(): shop.opened = "first"
def test_last():
    assert shop.opened != "last"
    shop.closed = "last"
"""
CHECKING = """
import pytest, shop
@pytest.fixture(scope="session", autouse=True)
def wide():
    yield
    assert shop.closed == "last"
"""


def test_what_its_end_finds_of_later_tests_is_no_circle(project: Project) -> None:
    """The first rests on what the last leaves, and the last on what the first leaves, but not when it leaves it."""
    project.write("shop.py", "opened = closed = None\n")
    project.write("conftest.py", CHECKING)
    project.write("test_it.py", LEAVING + "def test_end(): pass\n")
    project.run()
    assert project.run().executed == set()
    assert project.run("-n", "2").executed == set()
    project.edit("test_it.py", 'shop.closed = "last"', 'shop.closed = "la" + "st"')
    assert project.run().executed == {"test_it.py::test_last"}


def test_a_circle_through_its_end_waits_for_nothing(project: Project) -> None:
    """Who waits for the first may rest on what the last leaves, and the last on what that one leaves."""
    middle = "def test_middle():\n    assert shop.opened\n    shop.half = 1\n"
    last = "    assert shop.half == 1\n    shop.closed"
    project.write("shop.py", "opened = half = closed = None\n")
    project.write("conftest.py", CHECKING.replace("assert shop.closed", "print(shop.closed") + ")\n")
    test = LEAVING.replace("def test_last", f"{middle}def test_last").replace("    shop.closed", last)
    project.write("test_it.py", test + "def test_end(): pass\n")
    project.run()
    assert project.run().executed == set()
    project.edit("test_it.py", '= "first"', '= "fi" + "rst"')
    assert project.run().executed == {"test_it.py::test_first"}
    project.edit("test_it.py", "shop.half = 1", "shop.half = 2")
    run = project.run()
    assert run.exit == 1
    assert run.executed == {f"test_it.py::test_{name}" for name in ("middle", "last", "end", "first")}


def test_what_its_end_finds_of_later_tests_counts(project: Project) -> None:
    """It would fail, so all that it ends for run."""
    project.write("shop.py", "opened = closed = None\n")
    project.write("conftest.py", CHECKING)
    project.write("test_it.py", LEAVING + "def test_end(): pass\n")
    project.run()
    project.edit("test_it.py", 'shop.closed = "last"', 'shop.closed = "never"')
    run = project.run()
    assert run.exit == 1
    assert run.executed == {"test_it.py::test_first", "test_it.py::test_last", "test_it.py::test_end"}
