"""What a test has left may lead to a module that only that test has imported: who finds it rests on the module, too."""

from __future__ import annotations

import pytest
from harness import Project

DISK = """
KIND, SIZE = "disk", 1
class Disk: kind, size = KIND, SIZE
def make(size=SIZE): return size
make.kind, make.size = KIND, SIZE
"""
WAYS = {
    "a module": ("return importlib.import_module('disk')", "b.KIND", "b.SIZE"),
    "a class": ("from disk import Disk\n    return Disk", "b.kind", "b.size"),
    "an object": ("import disk\n    return disk.Disk()", "b.kind", "b.size"),
    "an object in a table": ("import disk\n    return {'x': [disk.Disk()]}", "b['x'][0].kind", "b['x'][0].size"),
    "a function": ("import disk\n    return disk.make", "b.kind", "b.size"),
}
SHOP = """
import functools, importlib
@functools.cache
def backend():
    {}
"""


OTHERS = {
    "a base": "class Plugin(Base): kind = 'x'",
    "a class that is made": "Plugin = type('Plugin', (Base,), {'kind': 'x'})",
    "a class itself": "class Plugin(Base): kind = 'x'\ndef find(): return Plugin",
    "an exception": "class Plugin(Base, Exception): kind = 'x'",
}


@pytest.mark.parametrize("code", OTHERS.values(), ids=OTHERS.keys())
def test_what_a_class_has_from_a_base(project: Project, code: str) -> None:
    """Nobody in the second test says the name of a class."""
    find = "" if "def find" in code else "def find(): return Plugin()\n"
    project.write("disk.py", f"class Base: size = 1\n{code}\n{find}")
    project.write("shop.py", SHOP.format("import disk\n    return disk.find()"))
    project.write("test_a.py", "import shop\ndef test_a(): assert shop.backend().kind\n")
    project.write("test_b.py", "import shop\ndef test_b(): assert shop.backend().size == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("disk.py", "size = 1", "size = 2")
    run = project.run()
    assert (run.exit, run.outcomes["test_b.py::test_b"]) == (1, "failed")


@pytest.mark.parametrize(("load", "kind", "size"), WAYS.values(), ids=WAYS.keys())
def test_what_a_cache_leads_to(project: Project, load: str, kind: str, size: str) -> None:
    """No code of that module runs in the second test; what it reads there does not even matter to the first."""
    project.write("disk.py", DISK)
    project.write("shop.py", SHOP.format(load))
    project.write("test_a.py", f"import shop\ndef test_a():\n    b = shop.backend()\n    assert {kind}\n")
    project.write("test_b.py", f"import shop\ndef test_b():\n    b = shop.backend()\n    assert {size} == 1\n")
    project.write("test_c.py", "import shop\ndef test_c(): assert shop.functools\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("disk.py", '"disk", 1', '"disk", 2')
    run = project.run()
    assert (run.exit, run.outcomes["test_b.py::test_b"]) == (1, "failed")
    assert "test_c.py::test_c" not in run.executed


def test_what_a_late_import_has_registered(project: Project) -> None:
    """The module has put its own class into a list of another one."""
    project.write("shop.py", "FOUND = []\n")
    project.write("disk.py", "import shop\nSIZE = 1\nclass Disk: size = SIZE\nshop.FOUND.append(Disk)\n")
    project.write("test_a.py", "import shop\ndef test_a():\n    import disk\n    assert shop.FOUND\n")
    project.write("test_b.py", "import shop\ndef test_b(): assert shop.FOUND[0].size == 1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("disk.py", "SIZE = 1", "SIZE = 2")
    assert project.run().outcomes["test_b.py::test_b"] == "failed"


def test_what_a_doctest_comes_upon(project: Project) -> None:
    """Its code is a text, which may come upon anything."""
    project.write("disk.py", DISK)
    project.write("shop.py", SHOP.format(WAYS["an object"][0]))
    project.write("test_a.py", "import shop\ndef test_a(): assert shop.backend().kind\n")
    project.write("test_b.txt", ">>> import shop\n>>> shop.backend().size\n1\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("disk.py", '"disk", 1', '"disk", 2')
    assert project.run().exit == 1
