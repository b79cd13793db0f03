"""What stands below `if __name__ == "__main__":` counts for those who run the file, not for those who import it."""

from __future__ import annotations

import pytest
from harness import Project

SHOP = """
def total(): return 3

def show(): return "3"

if __name__ == "__main__":
    print(show())
"""
TEST = """
import runpy, subprocess, sys
from pathlib import Path
HERE = Path(__file__).parent

def test_script(): assert subprocess.check_output([sys.executable, "shop.py"], cwd=HERE) == b"3\\n"

def test_module(): assert subprocess.check_output([sys.executable, "-m", "shop"], cwd=HERE) == b"3\\n"

def test_path(capsys):
    runpy.run_path(str(HERE / "shop.py"), run_name="__main__")
    assert capsys.readouterr().out == "3\\n"

def test_name(capsys):
    name = "__ma" + "in__"
    runpy.run_module("shop", run_name=name)
    assert capsys.readouterr().out == "3\\n"

def test_import(capsys):
    import runs
    assert capsys.readouterr().out == "3\\n"
"""
IMPORTS = "import shop\ndef test_total(): assert shop.total() == 3\n"
PROGRAMS = {f"test_it.py::test_{name}" for name in ("script", "module", "path", "name", "import")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("print(show())", "print(show() * 2)"),
        ("if __name__", "def show(): return '4'\n\nif __name__"),
        ('if __name__ == "__main__":\n    print(show())', "print('imported')"),
    ],
    ids=["edited", "defined again above", "run by an import, too"],
)
def test_an_edit_runs_the_program(project: Project, old: str, new: str) -> None:
    """However it is started."""
    project.write("shop.py", SHOP)
    project.write("test_it.py", TEST)
    project.write("test_shop.py", IMPORTS)
    project.write("runs.py", "import runpy\nrunpy.run_module('shop', run_name='__main__')\n")
    project.run()
    assert project.run().executed == set()
    project.edit("shop.py", old, new)
    run = project.run()
    assert run.executed >= PROGRAMS
    assert "print(show() * 2)" not in new or run.executed == PROGRAMS
    assert {test for test, how in run.outcomes.items() if how == "failed"} == PROGRAMS


def test_a_function_that_comes_too_late(project: Project) -> None:
    """Whoever imports the file has it all the same."""
    project.write("shop.py", SHOP)
    project.write("test_it.py", TEST)
    project.write("test_shop.py", IMPORTS)
    project.write("runs.py", "import runpy\nrunpy.run_module('shop', run_name='__main__')\n")
    project.run()
    show = 'def show(): return "3"\n\n'
    project.edit("shop.py", show, "")
    project.edit("shop.py", "print(show())\n", f"print(show())\n\n{show}")
    run = project.run()
    assert (run.executed, run.outcomes["test_shop.py::test_total"]) == (PROGRAMS, "passed")
    assert {how for test, how in run.outcomes.items() if test in PROGRAMS} == {"failed"}


def test_a_test_file_that_is_a_program(project: Project) -> None:
    """`unittest.main()` there is no effect of an import that other files could see."""
    main = 'if __name__ == "__main__":\n    unittest.main()\n'
    project.write("test_a.py", f"import unittest\ndef test_a(): assert True\n{main}")
    project.write("test_b.py", "def test_b(): assert True\n")
    project.run()
    project.edit("test_a.py", "unittest.main()", "unittest.main(verbosity=2)")
    assert project.run().executed == set()
    project.edit("test_a.py", "import unittest\n", "import sqlite3, unittest\n")
    assert project.run().executed == {"test_a.py::test_a"}


LOADS = """
import importlib.util
from pathlib import Path
def test_it(capsys):
    spec = importlib.util.spec_from_file_location("__main__", Path(__file__).parent / "shop.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert capsys.readouterr().out == "3\\n"
"""


def test_a_module_that_is_called_like_a_program(project: Project) -> None:
    """Who gives it that name makes a program of it."""
    project.write("shop.py", SHOP)
    project.write("test_it.py", LOADS)
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("shop.py", "print(show())", "print(show() * 2)")
    assert project.run().exit == 1
