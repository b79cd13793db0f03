"""Functions and classes with type variables: what Python 3.12 runs to make these is no run of the function."""

from __future__ import annotations

import sys

import pytest
from harness import Project

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is new in Python 3.12")

SHOP = """
def first[T](items: list[T], default: T | None = None) -> T | None:
    return items[0] if items else default

class Box[T]:
    def __init__(self, held: T) -> None:
        self.held = held
    def either[U](self, other: U) -> T | U:
        return self.held or other

type Pair[T] = tuple[T, T]

def other(): return 1
"""
TESTS = """
import shop
def test_first(): assert shop.first([1]) == 1
def test_box(): assert shop.Box(2).held == 2
def test_either(): assert shop.Box(2).either(1) == 2
def test_pair(): assert shop.Pair.__value__ == tuple[shop.Pair.__type_params__ * 2]
def test_bound(): assert shop.first.__type_params__[0].__bound__ is None
"""


@pytest.mark.parametrize(
    ("old", "new", "concerned"),
    [
        ("items[0] if items", "items[0] if len(items)", {"first"}),
        ("self.held = held", "self.held = (held or held)", {"box", "either"}),
        ("self.held or other", "other and self.held", {"either"}),
    ],
)
def test_an_edit_reruns_who_runs_the_function(project: Project, old: str, new: str, concerned: set[str]) -> None:
    """All that import the file have made the function, and no more."""
    project.write("shop.py", SHOP)
    project.write("test_shop.py", TESTS)
    assert project.run().exit == 0
    project.edit("shop.py", old, new)
    assert project.run().executed == {f"test_shop.py::test_{name}" for name in concerned}


@pytest.mark.parametrize(
    ("old", "new", "failing"),
    [("first[T]", "first[T: int]", "bound"), ("tuple[T, T]", "tuple[T, T, T]", "pair")],
)
def test_what_a_type_variable_is_counts(project: Project, old: str, new: str, failing: str) -> None:
    """It is evaluated when somebody asks for it."""
    project.write("shop.py", SHOP)
    project.write("test_shop.py", TESTS)
    assert project.run().exit == 0
    project.edit("shop.py", old, new)
    assert project.run().outcomes[f"test_shop.py::test_{failing}"] == "failed"
