"""A row of `parametrize` concerns the test that is made of it, and no other."""

from __future__ import annotations

import pytest
from harness import Project

ROMAN = """
import pytest
from unittest import mock

@pytest.mark.parametrize("n, want", [
    (1, "I"),
    (5, "V"),
])
def test_roman(n, want): assert {1: "I", 5: "V", 10: "X"}[n] == want

class TestLists:
    @mock.patch("os.getcwd")
    @pytest.mark.parametrize("low", [[0], [1]])
    @pytest.mark.parametrize("high", [{"x": 9}, {"x": 8}])
    def test_order(self, getcwd, low, high): assert low < [high["x"]]

def test_far(): pass
"""
LISTS = {f"test_it.py::TestLists::test_order[high{high}-low{low}]" for high in (0, 1) for low in (0, 1)}


def roman(project: Project) -> None:
    project.write("test_it.py", ROMAN)
    assert project.run().exit == 0
    assert project.run().executed == set()


def test_one_more_row_is_one_more_test(project: Project) -> None:
    """Wherever it stands; those that were there are replayed, also where one has gone or changed its place."""
    roman(project)
    project.edit("test_it.py", '    (1, "I"),\n', '    (10, "X"),\n    (1, "I"),\n')
    assert project.run().executed == {"test_it.py::test_roman[10-X]"}
    project.edit("test_it.py", '    (1, "I"),\n    (5, "V"),\n', '    (5, "V"),\n    (1, "I"),\n')
    assert project.run().executed == set()
    project.edit("test_it.py", '    (10, "X"),\n', "")
    assert project.run().executed == set()


def test_another_row_of_the_same_name_runs(project: Project) -> None:
    """Lists are named by their place: one before them gives each another one's name."""
    roman(project)
    project.edit("test_it.py", "[[0], [1]]", "[[2], [1]]")
    assert project.run().executed == {test for test in LISTS if "low0" in test}
    project.edit("test_it.py", "[[2], [1]]", "[[1], [2]]")
    assert project.run().executed == LISTS
    project.edit("test_it.py", '[{"x": 9}', '[{"x": 7}, {"x": 9}')
    assert {test for test in LISTS if "high0" in test} <= project.run().executed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"I"),', '"I" + ""),'),
        ('    (5, "V"),\n', '    pytest.param(5, "V"),\n'),
        ("\n])", "\n], ids=str)"),
        ('"n, want"', '("n", "want")'),
    ],
    ids=["a row that is worked out", "a parameter of pytest", "other names for them", "how the names are written"],
)
def test_what_is_not_plain_concerns_all_of_its_tests(project: Project, before: str, after: str) -> None:
    """A table counts by its rows only if these are plain values, and nothing else is said of them."""
    roman(project)
    project.edit("test_it.py", before, after)
    executed = project.run().executed
    assert executed
    assert not any("test_roman" not in test for test in executed)


@pytest.mark.parametrize("look", ["item.iter_markers()", "item.get_closest_marker('parametrize').args"])
def test_who_goes_through_marks_comes_upon_all_rows(project: Project, look: str) -> None:
    """A hook may count them."""
    hook = f"def pytest_runtest_setup(item):\n    if 'roman' in item.name: assert {look}\n"
    project.write("conftest.py", hook)
    roman(project)
    project.edit("test_it.py", '    (1, "I"),\n', '    (10, "X"),\n    (1, "I"),\n')
    assert project.run().executed == {f"test_it.py::test_roman[{row}]" for row in ("10-X", "1-I", "5-V")}


def test_a_row_that_a_test_has_changed_is_not_that_row_any_more(project: Project) -> None:
    """Such a test rests on the whole table."""
    project.write(
        "test_it.py",
        "import pytest\nclass Shy:\n    def __repr__(self): raise ValueError\n"
        "@pytest.mark.parametrize('row', [[1], [2]])\ndef test_it(row): row.append(Shy())\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_it.py", "[[1], [2]]", "[[1], [2], [4]]")
    assert project.run().executed == {f"test_it.py::test_it[row{number}]" for number in range(3)}


def test_status_knows_of_a_row_that_is_new_and_of_one_that_is_gone(project: Project) -> None:
    """It collects nothing, and says the same as a run would."""
    roman(project)
    assert "7 cached, 0 would run" in project.cli("status").stdout
    project.edit("test_it.py", '    (1, "I"),\n', '    (10, "X"),\n    (1, "I"),\n')
    status = project.cli("status")
    assert status.returncode == 1
    assert "7 cached, 1 would run" in status.stdout
    assert project.run().executed == {"test_it.py::test_roman[10-X]"}
    assert project.cli("status").returncode == 0
    project.edit("test_it.py", '    (5, "V"),\n', "")
    assert "7 cached, 0 would run" in project.cli("status").stdout
    project.edit("test_it.py", "[[0], [1]]", "[[0], [2]]")
    assert "5 cached, 2 would run" in project.cli("status").stdout
