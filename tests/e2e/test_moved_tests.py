"""Tests that stand in another order than they were recorded in: what they leave each other is not what it was."""

from __future__ import annotations

import pytest
from harness import Project

FILLS, ASKS = "def test_fills(): shared.SEEN.append(1)\n", "def test_asks(): assert {} shared.SEEN\n"
HEAD = "import shared\n"


@pytest.fixture
def shared(project: Project) -> Project:
    """A project with a list that all share."""
    project.write("shared.py", "SEEN = []\n")
    return project


@pytest.mark.parametrize("filled", [True, False])
def test_in_one_file(shared: Project, *, filled: bool) -> None:
    """Whoever found something, and now stands before who left it, runs; and the other way round."""
    asks = ASKS.format("" if filled else "not")
    orders = [FILLS + asks, asks + FILLS]
    first, second = orders if filled else reversed(orders)
    shared.write("test_it.py", HEAD + first)
    assert shared.run().exit == 0
    assert shared.run().executed == set()
    shared.write("test_it.py", HEAD + second)
    assert shared.run().outcomes["test_it.py::test_asks"] == "failed"
    shared.write("test_it.py", HEAD + first)
    assert shared.run().exit == 0


@pytest.mark.parametrize("filled", [True, False])
def test_a_file_gets_another_name(shared: Project, *, filled: bool) -> None:
    """As above, though the one that left something is a new test."""
    old, new = ("test_a.py", "test_c.py") if filled else ("test_c.py", "test_a.py")
    shared.write(old, HEAD + FILLS)
    shared.write("test_b.py", HEAD + ASKS.format("" if filled else "not"))
    assert shared.run().exit == 0
    assert shared.run().executed == set()
    (shared.path / old).rename(shared.path / new)
    assert shared.run().outcomes["test_b.py::test_asks"] == "failed"


def test_who_leaves_and_finds_nothing_may_stand_anywhere(shared: Project) -> None:
    """Tests that have nothing to do with each other are replayed in any order."""
    tests = [f"def test_{name}(): assert shared.SEEN == []\n" for name in "abc"]
    shared.write("test_it.py", HEAD + "".join(tests))
    assert shared.run().exit == 0
    shared.write("test_it.py", HEAD + "".join(reversed(tests)))
    assert shared.run().executed == set()
