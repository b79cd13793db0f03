"""What we say of where tests stand is what pytest says."""

from __future__ import annotations

from harness import Project

CONFTEST = """
def pytest_runtest_logstart(nodeid, location):
    with open("locations.txt", "a") as file:
        print(nodeid, location, file=file)
"""
SHARED = """
def test_shared():
    assert 1

def wrapping(function):
    import functools
    @functools.wraps(function)
    def wrapper():
        return function()
    return wrapper

def placed(function):
    function.place_as = wrapping
    return function

def plain(function):
    def wrapper():
        return function()
    return wrapper
"""
TESTS = """
import functools, pytest, unittest
from shared import placed, plain, test_shared, wrapping

def test_first(): pass

@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.filterwarnings("ignore")
def test_with_marks(number):
    pass

@wrapping
def test_wrapped(): pass

@placed
def test_placed(): pass

@plain
def test_hidden(): pass

test_partial = functools.partial(test_first)
test_partial.__name__ = "test_partial"
test_lambda = lambda: None

class TestClass:
    def test_method(self): pass
    @staticmethod
    def test_static(): pass
    @classmethod
    def test_class(cls): pass
    class TestInner:
        def test_inner(self): pass

class TestDerived(TestClass):
    pass

class TestCase(unittest.TestCase):
    def test_case(self): pass
"""


def test_it_is_as_pytest_says(project: Project) -> None:
    """Functions, methods, what is wrapped, made by others or comes from other files; in folders, too."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("conftest.py", CONFTEST)
    project.write("shared.py", SHARED)
    project.write("test_a.py", TESTS)
    project.write("deep/test_b.py", TESTS)
    project.run("--cached=off")
    plain = (project.path / "locations.txt").read_text()
    (project.path / "locations.txt").unlink()
    project.run()
    recorded = (project.path / "locations.txt").read_text()
    (project.path / "locations.txt").unlink()
    project.run()
    assert plain.count("\n") > 30
    assert recorded == plain
    assert (project.path / "locations.txt").read_text() == plain
