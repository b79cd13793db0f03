"""Every kind of test that pytest collects is replayed, and runs again when its own code changes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from harness import ONE_WORKER, TWO_WORKERS, Project


@dataclass(frozen=True)
class Kind:
    """One kind of test: its files, an edit, the tests in them, those that the edit runs, plugins needed."""

    files: dict[str, str]
    edit: tuple[str, str, str]
    tests: set[str]
    run: set[str]
    plugins: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


KINDS = {
    "parametrised": Kind(
        {
            "test_it.py": """
import pytest
from numbers_here import double
@pytest.mark.parametrize("number", [1, 2, "ä", "a::b/c@d"])
def test_one(number): assert double(number)
def test_other(): pass
""",
            "numbers_here.py": "def double(number): return number * 2\n",
        },
        ("numbers_here.py", "number * 2", "2 * number"),
        {f"test_it.py::test_one[{name}]" for name in ("1", "2", "\\xe4", "a::b/c@d")} | {"test_it.py::test_other"},
        {f"test_it.py::test_one[{name}]" for name in ("1", "2", "\\xe4", "a::b/c@d")},
    ),
    "parameters from a function": Kind(
        {
            "test_it.py": """
from source import numbers
def pytest_generate_tests(metafunc):
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", numbers())
def test_one(number): assert number
def test_other(): pass
""",
            "source.py": "def numbers(): return [1, 2]\n",
        },
        ("source.py", "[1, 2]", "[1, 2, 3]"),
        {"test_it.py::test_one[1]", "test_it.py::test_one[2]", "test_it.py::test_other"},
        {"test_it.py::test_one[1]", "test_it.py::test_one[2]", "test_it.py::test_one[3]"},
    ),
    "classes": Kind(
        {
            "test_it.py": """
import pytest
class Base:
    def expected(self): return 1
    def test_inherited(self): assert self.expected() == 1
class TestOne(Base):
    @pytest.fixture(autouse=True)
    def around(self): yield
    def setup_method(self): self.ready = 1
    def test_own(self): assert self.ready == 1
class TestTwo(Base):
    class TestInner:
        def test_inner(self): pass
"""
        },
        ("test_it.py", "self.ready = 1", "self.ready = 2 - 1"),
        {
            "test_it.py::TestOne::test_inherited",
            "test_it.py::TestOne::test_own",
            "test_it.py::TestTwo::test_inherited",
            "test_it.py::TestTwo::TestInner::test_inner",
        },
        {"test_it.py::TestOne::test_inherited", "test_it.py::TestOne::test_own"},
    ),
    "unittest": Kind(
        {
            "test_it.py": """
import unittest
class TestOne(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.number = 1
    def setUp(self): self.other = 2
    def test_one(self): self.assertEqual(self.number, 1)
    def test_two(self): self.assertEqual(self.other, 2)
class TestTwo(unittest.IsolatedAsyncioTestCase):
    async def test_three(self): self.assertTrue(True)
"""
        },
        ("test_it.py", "cls.number = 1", "cls.number = 2 - 1"),
        {f"test_it.py::{name}" for name in ("TestOne::test_one", "TestOne::test_two", "TestTwo::test_three")},
        {"test_it.py::TestOne::test_one", "test_it.py::TestOne::test_two"},
    ),
    "doctests": Kind(
        {
            "shop.py": '''
def double(number):
    """
    >>> double(2)
    4
    """
    return number * 2
def triple(number):
    """
    >>> triple(2)
    6
    """
    return number * 3
''',
            "read.txt": ">>> import shop\n>>> shop.triple(1)\n3\n",
        },
        ("shop.py", "return number * 3", "return 3 * number"),
        {"shop.py::shop.double", "shop.py::shop.triple", "read.txt::read.txt"},
        {"shop.py::shop.double", "shop.py::shop.triple", "read.txt::read.txt"},
        arguments=("--doctest-modules", "--doctest-glob=*.txt"),
    ),
    "doctest in a text file": Kind(
        {"read.txt": ">>> 1 + 1\n2\n", "more.txt": ">>> 1 + 2\n3\n"},
        ("read.txt", "1 + 1\n2", "1 + 0\n1"),
        {"read.txt::read.txt", "more.txt::more.txt"},
        {"read.txt::read.txt"},
        arguments=("--doctest-glob=*.txt",),
    ),
    "pytest-asyncio": Kind(
        {
            "test_it.py": """
import asyncio
import pytest
import pytest_asyncio
async def answer():
    await asyncio.sleep(0)
    return 42
@pytest_asyncio.fixture
async def ready(): yield await answer()
@pytest.mark.asyncio
async def test_one(ready): assert ready == 42
@pytest.mark.asyncio
async def test_two(): await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
"""
        },
        ("test_it.py", "return 42", "return 6 * 7"),
        {"test_it.py::test_one", "test_it.py::test_two"},
        {"test_it.py::test_one"},
        ("pytest_asyncio.plugin",),
    ),
    "anyio": Kind(
        {
            "test_it.py": """
import anyio
import pytest
@pytest.fixture
def anyio_backend(): return "asyncio"
def answer(): return 42
@pytest.mark.anyio
async def test_one():
    await anyio.sleep(0)
    assert answer() == 42
@pytest.mark.anyio
async def test_two(): await anyio.to_thread.run_sync(int)
"""
        },
        ("test_it.py", "return 42", "return 6 * 7"),
        {"test_it.py::test_one", "test_it.py::test_two"},
        {"test_it.py::test_one"},
        ("anyio.pytest_plugin",),
    ),
    "own items": Kind(
        {
            "conftest.py": """
import pytest
def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".sums":
        return SumFile.from_parent(parent, path=file_path)
class SumFile(pytest.File):
    def collect(self):
        for line in self.path.read_text().splitlines():
            yield Sum.from_parent(self, name=line)
class Sum(pytest.Item):
    def runtest(self): assert eval(self.name)
    def reportinfo(self): return self.path, 0, self.name
""",
            "one.sums": "1+1==2\n2+2==4\n",
            "two.sums": "1+2==3\n",
        },
        ("one.sums", "2+2==4\n", "2+2==4\n3+3==6\n"),
        {"one.sums::1+1==2", "one.sums::2+2==4", "two.sums::1+2==3"},
        {"one.sums::1+1==2", "one.sums::2+2==4", "one.sums::3+3==6"},
    ),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_each_kind_of_test_is_replayed_and_runs_when_its_code_changes(project: Project, kind: Kind) -> None:
    """Recorded once, it is replayed with one process and with workers; an edit runs what depends on it."""
    for name, text in kind.files.items():
        project.write(name, text)
    plugins = ("xdist.plugin", *kind.plugins)
    first = project.run(*kind.arguments, "-n0", plugins=plugins)
    assert (first.exit, first.executed) == (0, kind.tests), first.text
    second = project.run(*kind.arguments, *TWO_WORKERS, plugins=plugins)
    assert (second.exit, second.executed, second.replayed) == (0, set(), kind.tests), second.text
    project.edit(*kind.edit)
    third = project.run(*kind.arguments, *ONE_WORKER, plugins=plugins)
    assert (third.exit, third.executed) == (0, kind.run), third.text
    assert project.run(*kind.arguments, plugins=plugins).executed == set()
