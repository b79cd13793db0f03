"""What libraries keep in their objects: who came upon it rests on it, if the settings say so until it is learnt."""

from __future__ import annotations

import pytest
from harness import Project

LIBRARY = """
class Engine:
    def __init__(self):
        self._compiled, self._counter, self._cookies, self.headers = {}, 0, {}, {}
    def run(self, statement):
        self._counter += 1
        return self._compiled.setdefault(statement, [statement, self._counter])[0]
    def login(self, name): self._cookies["user"] = name
    def me(self): return self._cookies.get("user")
    def remember(self): known.append(self)
known = []
"""
SHOP = """
from store import Engine
engine, client = Engine(), Engine()
def ask(statement): return engine.run(statement)
def login(name): return client.login(name)
def me(): return client.me()
"""
TESTS = """
import shop
def test_first(): assert shop.ask("select 1")
"""
EDITED = """
import shop
def test_edited(): assert shop.ask("select 2")
"""
OTHERS = """
import pytest, shop
@pytest.mark.parametrize("number", range(4))
def test_asks(number): assert shop.ask(f"select {number}")
def test_far(): assert True
"""
ASKS = {f"test_3.py::test_asks[{number}]" for number in range(4)}


def install(project: Project, library: str) -> None:
    project.write("pytest.ini", "[pytest]\npythonpath = . lib/site-packages\n")
    project.write("lib/site-packages/store.py", library)
    project.write("lib/site-packages/store-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: store\nVersion: 1\n")
    project.write("lib/site-packages/store-1.dist-info/RECORD", "store.py,sha256=of1,1\n")


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with an object of an installed library that all of its tests share."""
    install(project, LIBRARY)
    project.write("shop.py", SHOP)
    project.write("test_1.py", TESTS)
    project.write("test_2.py", EDITED)
    project.write("test_3.py", OTHERS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    return project


@pytest.fixture
def learning(recorded: Project) -> Project:
    """The same, and nobody minds what others leave in the library's objects."""
    recorded.write(".testcache.toml", 'library-state = "learned"\n')
    recorded.run()
    return recorded


def test_it_counts_each_time(recorded: Project) -> None:
    """A limit may let 3 statements pass, and not 10."""
    for number in range(5, 8):
        recorded.edit("test_2.py", "select 2" if number == 5 else f"select {number - 1}", f"select {number}")
        assert recorded.run().executed == {"test_2.py::test_edited", *ASKS}
        assert recorded.run().executed == set()


MEMO = """
import time
class Table:
    def __init__(self): self.columns = [Column(), Column()]
class Column:
    def __init__(self): self.memo = {}
def make(table, name): return lambda: (table, name)
class Engine:
    def __init__(self): self._tables, self._compiled, self._opened = {}, {}, None
    def query(self, name):
        if self._opened is None: self._opened = time.time()
        table = self._tables.setdefault(name, Table())
        for column in table.columns:
            column.memo["columns"] = frozenset({"a", "b", "c", "d"})
            column.memo["key"] = (hash(column), hash(table))
        self._compiled.setdefault((name, hash(table)), make(table, name))
        return name
"""


def test_memos_that_another_test_fills_are_the_same(project: Project) -> None:
    """A test that is edited does first in its run what replayed ones have done before it: that reruns nobody."""
    install(project, MEMO)
    project.write("shop.py", "from store import Engine\nengine = Engine()\ndef ask(name): return engine.query(name)\n")
    asks = "import pytest, shop\n@pytest.mark.parametrize('name', ['users', 'items'])\n"
    asks += "def test_asks(name): shop.ask(name)\n"
    for number in (1, 3, 4):
        project.write(f"test_{number}.py", asks)
    project.write("test_2.py", "import shop\ndef test_edited(): shop.ask('users') and shop.ask('items')\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_2.py", "shop.ask('users') and", "assert shop.ask('users') and")
    assert project.run().executed == {"test_2.py::test_edited"}
    project.edit("test_3.py", "def test_asks(name): shop", "def test_asks(name): assert shop")
    assert project.run().executed == {"test_3.py::test_asks[users]", "test_3.py::test_asks[items]"}
    project.edit("test_2.py", "shop.ask('items')", "shop.ask('others')")
    assert project.run().executed >= {"test_2.py::test_edited", "test_4.py::test_asks[items]"}


def test_an_object_that_is_handed_over_counts_with_what_it_holds(recorded: Project) -> None:
    """Whatever it is: what the library is given by one test it may give to another."""
    recorded.write("box.py", "class Box:\n    def __init__(self, size): self.size = size\n")
    given = "import shop, box, decimal\ndef test_edited(): shop.login({0})\n"
    recorded.write("test_3.py", "import shop\ndef test_size(): assert shop.me().__class__ and str(shop.me()) < '5'\n")
    for before, after in (("decimal.Decimal(4)", "decimal.Decimal(6)"), ("[4].copy", "[6].copy")):
        recorded.write("test_2.py", given.format(before))
        recorded.run()
        recorded.write("test_2.py", given.format(after))
        assert "test_3.py::test_size" in recorded.run().executed
    recorded.write("test_3.py", "import shop\ndef test_size(): assert shop.me().size < 5\n")
    recorded.write("test_2.py", given.format("box.Box(4)"))
    assert recorded.run().exit == 0
    recorded.write("test_2.py", given.format("box.Box(6)"))
    assert recorded.run().outcomes["test_3.py::test_size"] == "failed"


def test_code_that_a_test_imports_comes_upon_it_by_a_name_of_the_librarys_own(recorded: Project) -> None:
    """Nobody had mentioned that when the object came in, or when another test changed what is in it."""
    recorded.write("shop.py", SHOP + "client.remember()\n")
    recorded.write("peek.py", "import store\ndef who(): return store.known[0]._cookies.get('user')\n")
    late = "import shop\ndef test_who():\n    import peek\n    assert peek.who() == 'ada'\n"
    recorded.write("test_3.py", late)
    recorded.write("test_2.py", "import shop\ndef test_edited(): shop.login('ada')\n")
    assert recorded.run().exit == 0
    recorded.edit("test_2.py", "'ada'", "'bob'")
    assert recorded.run().outcomes["test_3.py::test_who"] == "failed"


def test_who_passes_with_two_states_runs_for_them_once(learning: Project) -> None:
    """After that, only the edited test does; also if it leaves something else each time."""
    recorded = learning
    recorded.edit("test_2.py", "select 2", "select 5")
    assert recorded.run().executed == {"test_2.py::test_edited", *ASKS}
    for number in range(6, 9):
        recorded.edit("test_2.py", f"select {number - 1}", f"select {number}")
        assert recorded.run().executed == {"test_2.py::test_edited"}
        assert recorded.run().executed == set()
    recorded.write("test_0.py", TESTS.replace("select 1", "select 9"))
    firsts = {f"test_{number}.py::test_first" for number in range(2)}
    assert recorded.run().executed == {*firsts, "test_2.py::test_edited"}
    assert recorded.run("-n", "2").executed == set()


def test_what_nobody_can_look_into_is_the_same_if_all_else_is(recorded: Project) -> None:
    """A compiled validator, say: every run makes a new one."""
    library = "import functools\nclass Engine:\n    def run(self, statement):\n"
    library += "        self._last = functools.partial(max, 1)\n        return statement\n"
    recorded.write("lib/site-packages/store.py", library)
    recorded.write("lib/site-packages/store-1.dist-info/RECORD", "store.py,sha256=of2,1\n")
    for setting, others in (("counts", ASKS), ("learned", set())):
        recorded.write(".testcache.toml", f'library-state = "{setting}"\n')
        recorded.run()
        recorded.edit("test_2.py", "select 2", "select 22")
        assert recorded.run().executed == {"test_2.py::test_edited", *others}


def test_who_fails_without_it_runs_each_time(learning: Project) -> None:
    """It has never passed in another way."""
    recorded = learning
    recorded.write("test_2.py", "import shop\ndef test_edited(): shop.login('ada')\n")
    recorded.write("test_3.py", "import shop\ndef test_me(): assert shop.me() == 'ada'\n")
    assert recorded.run().exit == 0
    assert recorded.run().executed == set()
    for before, name in (("ada", "bob"), ("bob", "eve")):
        recorded.edit("test_2.py", f"'{before}'", f"'{name}'")
        assert recorded.run().outcomes["test_3.py::test_me"] == "failed"
    recorded.edit("test_2.py", "'eve'", "'ada'")
    run = recorded.run()
    assert run.exit == 0
    assert recorded.run().executed == set()


def test_one_object_says_nothing_about_another(learning: Project) -> None:
    """Who has passed with two states of the engine has still seen one client only."""
    recorded = learning
    me = "def test_me(): assert shop.ask('me') and shop.me() == 'ada'\n"
    recorded.write("test_2.py", "import shop\ndef test_edited(): shop.login('ada')\n" + me)
    recorded.run()
    for number in range(1, 4):
        recorded.edit("test_1.py", f"select {number}", f"select {number + 1}")
        assert recorded.run().exit == 0
    recorded.edit("test_2.py", "login('ada')", "login('bob')")
    assert recorded.run().outcomes["test_2.py::test_me"] == "failed"


def test_what_the_project_mentions_is_its_own(learning: Project) -> None:
    """Another value is another input, however often it did not matter."""
    recorded = learning
    recorded.write("test_2.py", "import shop\ndef test_edited(): shop.engine.headers['user'] = 0\n")
    recorded.write("test_3.py", "import shop\ndef test_user(): assert shop.engine.headers['user'] < 5\n")
    recorded.run()
    for number in range(3):
        recorded.edit("test_2.py", f"= {number}", f"= {number + 1}")
        run = recorded.run()  # test_first runs to see whether test_user passes behind it, too
        assert run.executed - {"test_1.py::test_first"} == {"test_2.py::test_edited", "test_3.py::test_user"}


def test_explain_says_whose_it_is(recorded: Project) -> None:
    """And who has left it."""
    recorded.edit("test_2.py", "select 2", "select 5")
    run = recorded.run("-v")
    assert "inside shop.py::engine, left by test_" in run.text
