"""The first promise: what is unchanged is replayed, and exactly what depends on a change runs."""

from __future__ import annotations

import pytest
from harness import Project

SHOP = """
RATE = 3

def price(count):
    return count * 2

def tax(amount):
    return amount * RATE
"""

TESTS = """
import shop
from pathlib import Path

def test_price(): assert shop.price(2) == 4
def test_tax(): assert shop.tax(1) == 3
def test_both(): assert shop.tax(shop.price(1)) == 6
"""

PRICE, TAX, BOTH = (f"test_shop.py::test_{name}" for name in ("price", "tax", "both"))
DATA = "test_data.py::test_data"
ALL = {PRICE, TAX, BOTH, DATA}


@pytest.fixture
def shop(project: Project) -> Project:
    """A project whose four tests have been recorded once."""
    project.write("shop.py", SHOP)
    project.write("data.txt", "1\n")
    project.write("test_shop.py", TESTS)
    project.write("test_data.py", "def test_data(): assert open('data.txt').read()\n")
    first = project.run()
    assert (first.exit, first.executed) == (0, ALL)
    return project


def test_a_second_run_executes_nothing(shop: Project) -> None:
    """Nothing changed: every test is reported as passed and none runs."""
    second = shop.run()
    assert (second.exit, second.executed, second.replayed) == (0, set(), ALL)


def test_one_edit_runs_its_dependants_and_reverting_replays_all(shop: Project) -> None:
    """An edited function runs the tests that executed it, and the old text has its old results."""
    shop.edit("shop.py", "count * 2", "count + count")
    edited = shop.run()
    assert (edited.exit, edited.executed, edited.replayed) == (0, {PRICE, BOTH}, ALL - {PRICE, BOTH})
    shop.edit("shop.py", "count + count", "count * 2")
    assert shop.run().executed == set()


def test_code_outside_functions_counts_for_whoever_imports_it(shop: Project) -> None:
    """A call at module level runs every test of the files that import its module, and no other."""
    shop.edit("shop.py", "RATE = 3", "RATE = max(1, 3)")
    assert shop.run().executed == {PRICE, TAX, BOTH}


def test_a_definition_counts_for_whoever_may_reach_its_name(shop: Project) -> None:
    """A changed constant runs the tests whose code mentions it; a new function runs none."""
    shop.edit("shop.py", "RATE = 3", "RATE = 1 + 2")
    assert shop.run().executed == {TAX, BOTH}
    shop.edit("shop.py", "RATE = 1 + 2", "RATE = 1 + 2\n\ndef other(a=RATE):\n    return a\n")
    assert shop.run().executed == set()


def test_an_edit_of_a_test_runs_it_alone(shop: Project) -> None:
    """A test's own function is an input of that test only."""
    shop.edit("test_shop.py", "shop.price(2) == 4", "shop.price(3) == 6")
    assert shop.run().executed == {PRICE}


def test_comments_and_formatting_run_nothing(shop: Project) -> None:
    """What the syntax tree does not show is no input, neither in code nor in tests."""
    shop.edit("shop.py", "RATE = 3", "# a comment\n\nRATE = (3)  # another")
    shop.edit("test_shop.py", "def test_tax():", "def test_tax():  # why")
    assert shop.run().executed == set()


def test_new_tests_run_alone_and_deleted_ones_are_no_trouble(shop: Project) -> None:
    """A new test runs without its neighbours; when it goes again, so do its results."""
    shop.write("test_new.py", "def test_new(): pass\n")
    shop.edit("test_shop.py", "def test_tax", "def test_more(): pass\ndef test_tax")
    assert shop.run().executed == {"test_new.py::test_new", "test_shop.py::test_more"}
    (shop.path / "test_new.py").unlink()
    shop.edit("test_shop.py", "def test_more(): pass\n", "")
    after = shop.run()
    assert (after.exit, after.executed, after.replayed) == (0, set(), ALL)


def test_switching_branches_and_back_replays_both(shop: Project) -> None:
    """Each branch keeps its own results, also where a test fails on one of them."""
    here = (shop.path / "shop.py").read_text()
    there = here.replace("count * 2", "count * 2 + 0").replace("amount * RATE", "amount")
    shop.write("shop.py", there)
    first = shop.run()
    assert (first.exit, first.executed) == (1, {PRICE, TAX, BOTH})
    shop.write("shop.py", here)
    assert (shop.run().exit, shop.run().executed) == (0, set())
    shop.write("shop.py", there)
    again = shop.run()
    assert again.exit == 1
    assert again.executed - {PRICE} == {TAX, BOTH}  # a neighbour of a failure may be tried, see its own tests


def test_a_changed_data_file_runs_its_reader(shop: Project) -> None:
    """A file that a test opened is an input; a file that nobody opened is none."""
    shop.write("other.txt", "")
    assert shop.run().executed == set()
    shop.write("data.txt", "2\n")
    assert shop.run().executed == {DATA}


def test_the_same_text_with_a_new_date_is_the_same(shop: Project) -> None:
    """Times of files do not count: a fresh checkout replays."""
    for file in shop.path.glob("*.*"):
        if file.is_file():
            shop.write(file.name, file.read_text())
    assert shop.run().executed == set()
