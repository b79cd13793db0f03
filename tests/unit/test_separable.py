"""Tests and fixtures that stand alone: changing one leaves its neighbours be, and when that is not so."""

from __future__ import annotations

import pytest
from prints import changed, is_separable, read

from testcache.code.source import Source


def read_test(code: str) -> Source:
    return read(code, collected=True)


def changed_test(before: str, after: str) -> set[str]:
    return changed(before, after, collected=True)


TESTS = """
import pytest
from unittest import TestCase

LIMITS = [1, 2]


@pytest.fixture(scope="session")
def session():
    return 1


@pytest.fixture
def client(session):
    return session


@pytest.mark.parametrize("limit", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_first(client, limit):
    assert client == limit


async def test_second(client):
    assert client


def helper(value=1):
    return value


class TestThings:
    size = 3

    @pytest.fixture(autouse=True)
    def around(self):
        yield

    def help(self):
        return 1

    @pytest.mark.slow
    def test_one(self, client):
        assert client

    def test_two(self):
        assert helper() + self.help()

    class TestInner:
        def test_three(self):
            pass


class Case(TestCase):
    def setUp(self):
        self.x = 1

    def test_four(self):
        assert self.x
"""


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("def test_first(", "def test_renamed(", {"test_first", "test_renamed"}),
        ("[1, pytest.param", "[3, pytest.param", {"test_first"}),
        ("client == limit", "client != limit", {"test_first"}),
        ("async def test_second", "@pytest.mark.slow\nasync def test_second", {"test_second"}),
        ("async def test_second", "def test_second", {"test_second"}),
        ("def test_second(client)", "def test_second(client: object)", {"test_second"}),
        ('scope="session"', 'scope="module"', {"session"}),
        ("    return session", "    return 2", {"client"}),
        ("def helper(value=1)", "def helper(value=2)", {"helper", "=&helper"}),
        ("return value", "return 2", {"helper"}),
        ("LIMITS = [1, 2]", "LIMITS = [1]", {"=LIMITS"}),
        ("size = 3", "size = 4", {"TestThings", "TestThings.TestInner"}),
        ("autouse=True", "autouse=False", {"TestThings", "TestThings.TestInner"}),
        ("        yield", "        yield 1", {"TestThings.around"}),
        ("    def help(self)", "    def help(self, x=1)", {"TestThings", "TestThings.TestInner"}),
        ("        return 1\n\n    @", "        return 2\n\n    @", {"TestThings.help"}),
        ("mark.slow\n    def test_one", "mark.fast\n    def test_one", {"TestThings.test_one"}),
        ("def test_two(", "def test_2(", {"TestThings.test_two", "TestThings.test_2"}),
        ("def test_three(self):", "def test_three(self, x):", {"TestThings", "TestThings.TestInner"}),
        ("            pass", "            return", {"TestThings.TestInner.test_three"}),
        ("class Case(TestCase)", "class Case(object)", {"=Case", "Case", "Case.test_four"}),
        ("self.x = 1", "self.x = 2", {"Case.setUp"}),
        ("def setUp(self)", "def setUp(self, x=1)", {"Case"}),
    ],
)
def test_a_change_of_one_leaves_the_others(old: str, new: str, names: set[str]) -> None:
    """Header and statements of a separable test or fixture count in its own block and nowhere else."""
    assert TESTS.count(old) == 1
    assert changed_test(TESTS, TESTS.replace(old, new)) == names


@pytest.mark.parametrize(
    "added",
    [
        "def test_new(client): pass\n",
        "@pytest.fixture\ndef fresh(client): pass\n",
        "class TestNew:\n    def test_x(self): pass\n",
        "@pytest.mark.skip('later')\nclass TestNew(TestCase):\n    'Doc.'\n    x: int = 1\n    y = z = (x, 2)\n",
    ],
)
def test_adding_one_changes_nothing_else(added: str) -> None:
    """Wherever it is added, at the end or in the middle, no other fingerprint moves."""
    names = {name for name in read_test(TESTS + added).blocks if name not in read_test(TESTS).blocks}
    assert names
    assert changed_test(TESTS, TESTS + added) == names
    assert changed_test(TESTS, TESTS.replace("LIMITS =", f"{added}\nLIMITS =")) == names
    assert changed_test(TESTS, TESTS.replace("def helper", f"{added}\ndef helper")) == names


def test_adding_a_method_changes_nothing_else() -> None:
    """A test method that is added in the middle of a class leaves the class be."""
    after = TESTS.replace("    def test_two", "    def test_new(self): pass\n\n    def test_two")
    assert changed_test(TESTS, after) == {"TestThings.test_new"}


def test_removing_everything_separable_leaves_the_body() -> None:
    """No trace means: the body is that of the file without them."""
    bare = """
    import pytest
    from unittest import TestCase
    LIMITS = [1, 2]
    def helper(value=1):
        return value
    """
    assert read_test(TESTS).body == read_test(bare).body


def test_only_collected_files_have_separable_blocks() -> None:
    """In a module that others import, headers count in definitions or in the body, and so do classes."""
    source = read(TESTS)
    assert "TestThings" not in source.blocks
    assert "*" not in source.blocks
    assert source.whole == source.body
    assert source.body != read_test(TESTS).body


def test_who_imports_a_test_file_can_depend_on_the_whole_of_it() -> None:
    """The whole changes with each header of what is separable; definitions count by name for them too."""
    whole = read_test(TESTS).whole
    assert read_test(TESTS.replace("LIMITS = [1, 2]", "LIMITS = [1]")).whole == whole
    assert read_test(TESTS.replace("size = 3", "size = 4")).whole != whole
    assert read_test(TESTS.replace("mark.slow\n    def", "mark.fast\n    def")).whole != whole
    assert read_test(TESTS.replace("client == limit", "client != limit")).whole == whole


def test_code_of_a_separable_class_leads_to_its_block() -> None:
    """The class body and its lambdas lie in the block of the class; the gaps have spans of their own."""
    source = read_test(
        "class TestX:\n    def test_a(self): pass\n    key = lambda: 1\n\n    def test_b(self): pass\n    z = 1\n"
    )
    assert source.spans == (
        (1, 1, "TestX"),
        (2, 2, "TestX.test_a"),
        (3, 4, "TestX"),
        (5, 5, "TestX.test_b"),
        (6, 6, "TestX"),
    )
    assert {name for *_, name in source.spans} <= source.blocks.keys()


MENTIONS = [
    "x = test_a",
    "x = [test_a]",
    "x = other.test_a",
    "x = 'test_a'",
    "__all__ = ['test_a']",
    "test_a.slow = True",
    "del test_a",
    "def f(): return test_a",
    "def f(x=test_a): pass",
    "def f(x): return x.test_a",
    "def f(): global test_a",
    "def test_b(): test_a()",
    "@pytest.mark.depends('test_a')\ndef test_b(): pass",
    "@pytest.mark.depends(on=['test_a'])\ndef test_b(): pass",
    "@pytest.mark.parametrize('x', [test_a])\ndef test_b(x): pass",
    "@pytest.mark.parametrize('x', ['test_a'])\ndef test_b(x): pass",
    "def f(): patch('pkg.mod.test_a')",
    "def f(): run('tests/x.py::test_a')",
    "def f(): run('tests/x.py::test_a[1/2]')",
    "def f():\n    def g(test_a): pass\n    return test_a",
    "class C:\n    x = test_a",
    "class C:\n    def m(self): return test_a",
    "class TestC:\n    x = test_a",
    "class TestC:\n    def test_m(self): return test_a",
    "if x:\n    def f(): return test_a",
    "from x import test_a as test_b",
]


@pytest.mark.parametrize("other", MENTIONS)
def test_what_is_mentioned_is_not_separable(other: str) -> None:
    """A name read, an attribute or a text of that name anywhere else in the file ties a test to it."""
    code = f"import pytest\ndef test_a(): pass\n{other}\n"
    assert not is_separable(code, "test_a")


REQUESTS = [
    "def test_b(fix): return fix",
    "def test_b(fix):\n    def inner(): return fix\n    return [fix for _ in fix]",
    "@pytest.fixture\ndef other(fix): return fix + 1",
    "class TestC:\n    def test_m(self, fix): assert fix",
    "class TestC:\n    def help(self, fix): assert fix",
    "@pytest.mark.usefixtures('fix')\ndef test_b(): pass",
    "pytestmark = pytest.mark.usefixtures('fix')",
    "def test_b(request): return request.getfixturevalue('fix')",
    "@pytest.mark.parametrize('fix', [1], indirect=True)\ndef test_b(fix): pass",
    "@pytest.mark.parametrize('fix, x', [(1, 2)], indirect=['fix'])\ndef test_b(fix, x): pass",
    "@pytest.mark.parametrize(['fix', 'x'], [(1, 2)])\ndef test_b(fix, x): pass",
]


@pytest.mark.parametrize("other", REQUESTS)
def test_a_requested_fixture_stays_separable(other: str) -> None:
    """Parameters, and texts that only pytest reads, are how a fixture is asked for."""
    assert is_separable(f"import pytest\n@pytest.fixture\ndef fix(): pass\n{other}\n", "fix")


def test_a_fixture_may_be_called_like_a_scope() -> None:
    """A scope is no mention, although it is a text."""
    code = "import pytest\n@pytest.fixture\ndef session(): pass\n@pytest.fixture(scope='session')\ndef b(): pass\n"
    assert is_separable(code, "session")


def test_a_parameter_excuses_only_its_own_function() -> None:
    """The same name in another function, or in a default, is the fixture itself."""
    head = "import pytest\n@pytest.fixture\ndef fix(): pass\ndef test_b(fix): return fix\n"
    assert is_separable(head, "fix")
    assert not is_separable(head + "def test_c(): return fix\n", "fix")
    assert not is_separable(head + "def test_c(fix=fix): return fix\n", "fix")


ENUMERATING = [
    "x = globals()",
    "def f(): return vars(f)",
    "def f(): return locals()",
    "def f(x): return dir(x)",
    "def f(x): eval(x)",
    "def f(x): exec(x)",
    "def f(x): return x.__dict__",
    "def f(x): return getattr(x, '__dict__')",
    "import builtins\ndef f(x): return builtins.eval(x)",
    "from inspect import getmembers as g",
    "import inspect\ndef f(): inspect.getmembers(f)",
    "import sys\ndef f(): return sys.modules[__name__]",
    "from sys import modules",
    "import sys\ndef f(): return sys._getframe().f_globals",
    "from x import *",
    "def __getattr__(name): return 1",
    "def test_b(request, name): return getattr(request.module, name)",
    "class TestC:\n    def test_m(self, name): return getattr(self, name)()",
    "import importlib\ndef f(n): return getattr(importlib.import_module(__name__), n)",
    "from unittest import TestCase\ndef f(): return TestCase.__subclasses__()",
]


@pytest.mark.parametrize("other", ENUMERATING)
def test_nothing_is_separable_where_names_can_be_enumerated(other: str) -> None:
    """Code that may look at all names of the module could see any test of it."""
    assert not is_separable(f"import pytest\ndef test_a(): pass\n{other}\n", "test_a")


@pytest.mark.parametrize(
    "other",
    [
        "def test_a(): pass",
        "test_a = 1",
        "for test_a in x: pass",
        "with x as test_a: pass",
        "x = (test_a := 1)",
        "import test_a",
        "import test_a.b",
        "from x import test_a",
        "import x as test_a",
        "if x:\n    def test_a(): pass",
        "class test_a: pass",
        "try: x\nexcept E as test_a: pass",
        "match x:\n    case test_a: pass",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_name_bound_twice_is_not_separable(other: str, first: bool) -> None:
    """Removing one definition would bring the other to light."""
    test = "@pytest.mark.x\ndef test_a(): 'this one'"
    code = "import pytest\n" + "\n".join([other, test] if first else [test, other]) + "\n"
    assert changed_test(code, code.replace("mark.x", "mark.y")) == {""}


def test_a_class_that_is_a_base_is_not_separable() -> None:
    """A subclass in the same file inherits what changes in it."""
    code = "class TestA:\n    def test_x(self): pass\nclass TestB(TestA):\n    pass\n"
    assert "TestA" not in read_test(code).blocks
    assert changed_test(code, code.replace("test_x(self)", "test_x(self, a=1)")) == {"=TestA"}


@pytest.mark.parametrize("other", ["self.test_a()", "f(test_a)", "f('test_a')", "super().test_a()"])
def test_a_method_that_is_mentioned_is_part_of_its_class(other: str) -> None:
    """Its header then counts in the class, and the class stays separable."""
    code = f"import pytest\nclass TestX:\n    def test_a(self): pass\n    def test_b(self): {other}\n"
    assert "TestX" in read_test(code).blocks
    assert changed_test(code, code.replace("test_a(self)", "test_a(self, x=1)")) == {"TestX"}
    assert changed_test(code, code.replace("test_a(self): pass", "test_a(self): return")) == {"TestX.test_a"}


def test_a_method_may_mention_its_own_class() -> None:
    """What lies inside a definition does not tie it to the rest of the file."""
    code = "class TestX:\n    limit = 1\n    def test_a(self): assert TestX.limit\n"
    assert "TestX" in read_test(code).blocks
    assert "TestX" not in read_test(code + "y = TestX\n").blocks


def test_methods_of_a_class_that_is_not_separable_are_ordinary() -> None:
    """Their headers count in the body, as those of any class."""
    code = "class TestX(Base):\n    def test_a(self): pass\n"
    assert changed_test(code, code.replace("(self)", "(self, x)")) == {""}


def test_place_counts_where_the_header_reads_a_name() -> None:
    """A test that moves across an assignment is parametrised with another value, so its block changes."""
    test = "@pytest.mark.parametrize('x', [LIMIT], ids=['x'])\ndef test_a(x): pass\n"
    head, tail = "import pytest\nLIMIT = 1\n", "LIMIT = 2\n"
    assert changed_test(head + test + tail, head + tail + test) == {"test_a"}
    neighbour = "def test_b(): pass\n"
    assert changed_test(head + test + tail, head + neighbour + test + tail) == {"test_b"}
    plain = "def test_a(x): pass\n"
    assert changed_test(head + plain + tail, head + tail + plain) == set()


def test_place_counts_inside_a_class_too() -> None:
    """The same across an assignment in the body of a class."""
    test = "    @pytest.mark.parametrize('x', LIMITS)\n    def test_a(self, x): pass\n"
    head, tail = "import pytest\nclass TestX:\n    LIMITS = [1]\n", "    LIMITS = [2]\n"
    assert changed_test(head + test + tail, head + tail + test) == {"TestX.test_a"}
    neighbour = "    def test_b(self): pass\n"
    assert changed_test(head + test + tail, head + neighbour + test + tail) == {"TestX.test_b"}


def test_hooks_are_ordinary_functions() -> None:
    """`pytest_generate_tests` and its like count in the body, and separable tests stay so."""
    code = "import pytest\ndef pytest_generate_tests(metafunc): pass\ndef test_a(): pass\n"
    assert is_separable(code, "test_a")
    assert changed_test(code, code.replace("(metafunc)", "(metafunc, x=1)")) == {""}


def test_mentions_of_a_separable_block_include_its_header() -> None:
    """What a decorator reaches is not in the body any more, so the block must know it."""
    source = read_test("import pytest\n@pytest.mark.parametrize('x', TABLE)\ndef test_a(x): CACHE\n")
    assert {"TABLE", "CACHE"} <= source.mentions["test_a"]
    assert "TABLE" not in source.mentions[""]
