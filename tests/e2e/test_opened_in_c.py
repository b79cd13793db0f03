"""Data files that code in C reads by itself are inputs, where the kernel tells of them."""

from __future__ import annotations

import sys

import pytest
from harness import Project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it")

READER = (
    "import ctypes\n"
    "def read(path):\n"
    "    c, held = ctypes.CDLL(None), ctypes.create_string_buffer(9)\n"
    "    file = c.open(path.encode(), 0)\n"
    "    c.read(file, held, 9)\n"
    "    c.close(file)\n"
    "    return held.value.decode()\n"
)
TESTS = {
    "in a test": "import reader\ndef test_a(): assert reader.read('data/a.txt') == 'x'\n",
    "in a wide fixture": (
        "import pytest, reader\n"
        "@pytest.fixture(scope='session')\n"
        "def held(): return reader.read('data/a.txt')\n"
        "def test_a(held): assert held == 'x'\n"
    ),
    "in an import": "import reader\nHELD = reader.read('data/a.txt')\ndef test_a(): assert HELD == 'x'\n",
    "in SQLite": (
        "import sqlite3\n"
        "def test_a():\n"
        "    with sqlite3.connect(':memory:') as rows:\n"
        "        rows.execute('ATTACH \"data/a.txt\" AS other')\n"
        "        assert rows.execute('SELECT count(*) FROM other.sqlite_master').fetchone() == (0,)\n"
    ),
}


@pytest.mark.parametrize("way", TESTS)
def test_who_has_it_read_rests_on_it(project: Project, way: str) -> None:
    """And on no other file of its folder."""
    project.write("reader.py", READER)
    project.write("data/a.txt", "" if way == "in SQLite" else "x")
    project.write("data/b.txt", "x")
    project.write("test_a.py", TESTS[way])
    project.write("test_b.py", "def test_b(): assert open('data/b.txt').read()\n")
    assert len(project.run().executed) == 2
    assert project.run().executed == set()
    project.write("data/b.txt", "y")
    assert project.run().executed == {"test_b.py::test_b"}
    project.write("data/a.txt", "y" * 600)
    again = project.run()
    assert again.executed == {"test_a.py::test_a"}
    assert again.outcomes["test_a.py::test_a"] == "failed"
