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


LISTER = (
    "import ctypes\n"
    "def count(path):\n"
    "    c, address = ctypes.CDLL(None), ctypes.c_void_p\n"
    "    c.opendir.restype = c.readdir.restype = address\n"
    "    folder, found = address(c.opendir(path.encode())), 0\n"
    "    while c.readdir(folder): found += 1\n"
    "    c.closedir(folder)\n"
    "    return found\n"
)


def test_who_has_a_folder_listed_rests_on_its_names(project: Project) -> None:
    """As a reader of tables does that is given the folder; who lists another one by Python does not."""
    project.write("lister.py", LISTER)
    project.write("data/a.txt", "x")
    project.write("more/a.txt", "x")
    project.write("rows/a.txt", "x")
    project.write("test_a.py", "import lister\ndef test_a(): assert lister.count('data') == 3\n")
    project.write("test_b.py", "import os\ndef test_b(): assert os.listdir('more') == ['a.txt']\n")
    project.write(
        "test_c.py",
        "import sqlite3\n"
        "def test_c():\n"
        "    with sqlite3.connect('rows/c.db') as rows: rows.execute('CREATE TABLE IF NOT EXISTS t (n)')\n",
    )
    assert len(project.run().executed) == 3
    project.run()
    assert project.run().executed == set()
    project.write("data/b.txt", "y")
    assert project.run().outcomes["test_a.py::test_a"] == "failed"
    project.write("more/b.txt", "y")
    project.write("rows/b.txt", "y")
    assert project.run().executed == {"test_a.py::test_a", "test_b.py::test_b"}
