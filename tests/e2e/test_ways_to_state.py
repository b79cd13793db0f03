"""State is found wherever an object keeps it, and by whatever leads there."""

from __future__ import annotations

import pytest
from harness import Project

ONE = "class One: pass\n"
WAYS = {
    "the dict of an object": (
        f"{ONE}def make():\n    one = One()\n    one.x = 0\n    def put(x): one.x = x\n    return vars(one), put\n"
        "HELD, put = make()\n",
        "shop.put({0})",
        "shop.HELD['x'] == 1",
    ),
    "what a proxy stands for": (
        f"import wrapt\n{ONE}HELD = wrapt.ObjectProxy(One())\nHELD.x = 0\n",
        "shop.HELD.x = {0}",
        "shop.HELD.x == 1",
    ),
    "the object of a method": (
        "class Counter:\n    n = 0\n    def put(self, n): self.n = n\nHELD = [Counter().put]\n",
        "shop.HELD[0]({0})",
        "shop.HELD[0].__self__.n == 1",
    ),
    "the list of a function in C": ("put = [[].append]\n", "shop.put[0]({0})", "shop.put[0].__self__ == [1]"),
    "a list in a named tuple": (
        "from typing import NamedTuple\nclass Row(NamedTuple):\n    items: list\nHELD = Row([])\n",
        "shop.HELD.items.append({0})",
        "shop.HELD.items == [1]",
    ),
    "an attribute of a tuple": (
        "class Row(tuple): pass\nHELD = Row()\nHELD.x = 0\n",
        "shop.HELD.x = {0}",
        "shop.HELD.x == 1",
    ),
    "an element of a list": ("HELD = [[0, 0], [0]]\n", "shop.HELD[0][1] = {0}", "shop.HELD[0][1] == 1"),
    "a set that was empty": ("HELD = set()\n", "shop.HELD.add({0})", "shop.HELD == {1}"),
    "rows of a database": (
        "import sqlite3\nHELD = sqlite3.connect(':memory:')\nHELD.execute('CREATE TABLE t(x)')\n",
        "shop.HELD.execute('INSERT INTO t VALUES ({0})')",
        "shop.HELD.execute('SELECT x FROM t').fetchall() == [(1,)]",
    ),
    "rows that are committed": (
        "import sqlite3\nHELD = sqlite3.connect(':memory:')\nHELD.execute('CREATE TABLE t(x)')\n",
        "shop.HELD.executescript('INSERT INTO t VALUES ({0})')",
        "shop.HELD.execute('SELECT x FROM t').fetchall() == [(1,)]",
    ),
    "tables of a database": (
        "import sqlite3\nHELD = sqlite3.connect(':memory:')\n",
        "shop.HELD.execute('CREATE TABLE t{0}(x)')",
        "shop.HELD.execute('SELECT * FROM t1').fetchall() == []",
    ),
    "how a database gives rows": (
        "import sqlite3\nHELD = sqlite3.connect(':memory:')\n",
        "shop.HELD.row_factory = [None, max, min][{0}]",
        "shop.HELD.row_factory is max",
    ),
    "a text in memory": ("import io\nHELD = io.StringIO()\n", "shop.HELD.write('{0}')", "shop.HELD.getvalue() == '1'"),
    "bytes in memory": ("import io\nHELD = io.BytesIO()\n", "shop.HELD.write(b'{0}')", "shop.HELD.getvalue() == b'1'"),
    "where it is read": ("import io\nHELD = io.BytesIO(b'abc')\n", "shop.HELD.seek({0})", "shop.HELD.tell() == 1"),
    "random numbers": (
        "import random\nHELD = random.Random(7)\nFIRST = HELD.random()\n",
        "shop.HELD.seed(7 * (2 - {0}))",
        "shop.HELD.random() == shop.FIRST",
    ),
    "a hash": (
        "import hashlib\nHELD = hashlib.sha256()\n",
        "shop.HELD.update(b'{0}')",
        "shop.HELD.digest() == shop.hashlib.sha256(b'1').digest()",
    ),
    "how numbers are rounded": (
        "import decimal\nHELD = decimal.Context()\n",
        "setattr(shop.HELD, 'prec', {0})",
        "shop.HELD.prec == 1",
    ),
    "mapped memory": ("import mmap\nHELD = mmap.mmap(-1, 8)\n", "shop.HELD.write(b'{0}')", "shop.HELD[:1] == b'1'"),
    "a number in C": (
        "import ctypes\nHELD = ctypes.c_int()\n",
        "setattr(shop.HELD, 'value', {0})",
        "shop.HELD.value == 1",
    ),
    "a pointer in C": (
        "import ctypes\nHELD = (ctypes.c_char_p * 1)()\n",
        "shop.HELD.__setitem__(0, b'{0}')",
        "shop.HELD[0] == b'1'",
    ),
    "the order of a dict": (
        "HELD = {'a': 1, 'b': 2}\ndef put(key): HELD[key] = HELD.pop(key)\n",
        "shop.put(' ab'[{0}])",
        "[*shop.HELD] == ['b', 'a']",
    ),
    "the order of what is added": (
        "HELD = {}\n",
        "shop.HELD.update(dict.fromkeys(['', 'xy', 'yx'][{0}]))",
        "[*shop.HELD] == ['x', 'y']",
    ),
    "an order of its own": (
        "from collections import OrderedDict\nHELD = OrderedDict(a=1, b=2)\n",
        "shop.HELD.move_to_end(' ab'[{0}])",
        "[*shop.HELD] == ['b', 'a']",
    ),
    "which object it is": (
        "ITEMS, HELD = [1], {}\n",
        "shop.HELD.update(items=[None, shop.ITEMS, [1]][{0}])",
        "shop.HELD['items'] is shop.ITEMS",
    ),
    "the class of an object": (
        "class Closed: pass\nclass Open(Closed): pass\nclass Ajar(Closed): pass\nHELD = Closed()\n"
        "def put(n): HELD.__class__ = [None, Open, Ajar][n]\n",
        "shop.put({0})",
        "type(shop.HELD) is shop.Open",
    ),
    "how far an asynchronous generator is": (
        "import asyncio\nLOOP = asyncio.new_event_loop()\nasync def ids():\n    for n in range(9): yield n\n"
        "HELD = ids()\ndef take(): return LOOP.run_until_complete(anext(HELD))\n",
        "[shop.take() for _ in range({0})]",
        "shop.take() == 1",
    ),
    "how far a search is": (
        "import re\nHELD = re.finditer('.', 'abc')\n",
        "[next(shop.HELD) for _ in range({0})]",
        "next(shop.HELD)[0] == 'b'",
    ),
    "an array": ("import numpy\nHELD = numpy.zeros(2)\n", "shop.HELD.fill({0})", "shop.HELD[0] == 1"),
    "an object in an array": (
        "import numpy\nHELD = numpy.array([{}], dtype=object)\n",
        "shop.HELD[0].update(x={0})",
        "shop.HELD[0] == {'x': 1}",
    ),
    "random numbers of numpy": (
        "import numpy\nHELD = numpy.random.default_rng(7)\n",
        "shop.HELD.random({0})",
        "shop.HELD.random() == shop.numpy.random.default_rng(7).random(2)[1]",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_who_comes_upon_it_rests_on_it(project: Project, way: str) -> None:
    """Another value, and the test behind it runs, and fails as without a cache."""
    shop, sets, asks = WAYS[way]
    project.write("shop.py", shop)
    project.write("test_a.py", f"import shop\ndef test_a(): {sets.format(1)}\n")
    project.write("test_b.py", f"import shop\ndef test_b(): assert {asks}\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("test_a.py", f"import shop\ndef test_a(): {sets.format(2)}\n")
    run = project.run()
    assert run.executed == {"test_a.py::test_a", "test_b.py::test_b"}
    assert run.exit == 1


def test_what_a_fixture_gives_counts_by_what_it_holds(project: Project) -> None:
    """A database that all tests share: who reads it rests on what was written, and not on what was read."""
    project.write(
        "conftest.py",
        "import sqlite3, pytest\n@pytest.fixture(scope='session')\ndef base():\n"
        "    base = sqlite3.connect(':memory:')\n    base.execute('CREATE TABLE t(x)')\n    return base\n",
    )
    writer = "def test_a(base):\n    base.execute('INSERT INTO t VALUES (1)')\n    base.commit()\n"
    reader = "def test_{}(base):\n    assert base.execute('SELECT x FROM t').fetchall() == [(1,)]\n"
    project.write("test_a.py", writer)
    project.write("test_b.py", reader.format("b"))
    project.write("test_c.py", reader.format("c"))
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("test_b.py", reader.format("b") + "    assert base\n")
    assert project.run().executed <= {"test_a.py::test_a", "test_b.py::test_b"}
    project.write("test_a.py", writer + "    assert base\n")
    assert project.run().executed == {"test_a.py::test_a"}
    project.edit("test_a.py", "(1)", "(2)")
    run = project.run()
    assert run.executed == {"test_a.py::test_a", "test_b.py::test_b", "test_c.py::test_c"}
    assert [run.outcomes[f"test_{letter}.py::test_{letter}"] for letter in "abc"] == ["passed", "failed", "failed"]


def test_random_numbers_that_all_share_tie_nobody(project: Project) -> None:
    """Their generator goes on with each test that asks: nobody rests on how far it is, unless code seeds it."""
    project.write("shop.py", "from random import choice, random\nROLL = random\n")
    for letter in "abc":
        project.write(f"test_{letter}.py", f"from shop import ROLL, choice\ndef test_{letter}(): choice([ROLL()])\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("test_a.py", "from shop import ROLL, choice\ndef test_a(): choice([ROLL(), 1])\n")
    assert project.run().executed == {"test_a.py::test_a"}
