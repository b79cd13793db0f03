"""Definitions count by name: real runs on a project whose core everybody imports."""

from __future__ import annotations

import zipfile

import pytest
from harness import Project

CORE = """
import functools

RATE = 3
LIMIT = 10

class Account:
    fee = 1
    def total(self, amount):
        return amount + self.fee

def tax(amount, rate=RATE):
    return amount * rate
"""

USE = """
import core
from core import Account as Holder

def charged(amount):
    return core.tax(amount)

def held(amount):
    return Holder().total(amount)

def by_name(name):
    return getattr(core, name)
"""

TESTS = """
import use

def test_tax(): assert use.charged(2) == 6
def test_account(): assert use.held(2) == 3
def test_alone(): assert True
"""

LATE_TEST = """
def test_late():
    import late
    assert late.VALUE == 1
"""

TAX, ACCOUNT, ALONE = (f"test_use.py::test_{name}" for name in ("tax", "account", "alone"))
BY_NAME, LATE = "test_by_name.py::test_by_name", "test_late.py::test_late"
ALL = {TAX, ACCOUNT, BY_NAME, LATE, ALONE}


@pytest.fixture
def bank(project: Project) -> Project:
    """A project whose tests have been recorded once."""
    project.write("core.py", CORE)
    project.write("use.py", USE)
    project.write("late.py", "import core\nVALUE = 1\ndef spare(a=core.LIMIT): return a\n")
    project.write("test_use.py", TESTS)
    project.write("test_late.py", LATE_TEST)
    project.write("test_by_name.py", "import use\ndef test_by_name(): assert use.by_name('LIMIT') == 10\n")
    first = project.run()
    assert (first.exit, first.executed) == (0, ALL)
    return project


@pytest.mark.parametrize(
    ("old", "new", "executed"),
    [
        ("RATE = 3", "RATE = 1 + 2", {TAX, BY_NAME}),
        ("fee = 1", "fee = 2 - 1", {ACCOUNT, BY_NAME}),
        ("rate=RATE", "rate=3", {TAX, BY_NAME}),
        ("LIMIT = 10", "LIMIT = 10\nNEW = 1", {BY_NAME}),
        ("    fee = 1", "    fee = 1\n    def extra(self): return 1", {ACCOUNT, BY_NAME}),
        ("import functools", "import functools\nfrom typing import Any\n", {BY_NAME}),
        ("import functools", '"""Money."""\nimport functools, os\n', {BY_NAME}),
        ("LIMIT = 10", "LIMIT = max(10, 1)", ALL),
    ],
)
def test_an_edit_of_a_core_module_runs_who_may_reach_it(bank: Project, old: str, new: str, executed: set[str]) -> None:
    """The tests that mention the name, and those that look names up; what an import would run, runs all."""
    bank.edit("core.py", old, new)
    edited = bank.run()
    assert (edited.exit, edited.executed) == (0, executed)
    bank.edit("core.py", new, old)
    assert bank.run().executed == set()


def test_a_module_that_cannot_be_imported_any_more_is_noticed(bank: Project) -> None:
    """Only one test imports it, and never looks at the name that fails: it runs, and fails."""
    bank.edit("late.py", "VALUE = 1\n", "VALUE = 1\nOTHER = 1 / 0\n")
    edited = bank.run()
    assert edited.executed == {LATE}
    assert edited.outcomes[LATE] == "failed"


def test_an_import_that_fails_is_noticed(bank: Project) -> None:
    """No Python has a name like that; who imports the file runs, though nobody reads the name."""
    bank.edit("late.py", "import core\n", "import core\nfrom typing import Nothing\n")
    assert bank.run().outcomes[LATE] == "failed"


def test_a_name_that_an_import_needs_is_noticed_when_it_goes(bank: Project) -> None:
    """The default of a function that nobody calls wants it: whoever imports that file runs."""
    bank.edit("core.py", "LIMIT = 10", "LIMITS = 10")
    edited = bank.run()
    assert edited.outcomes[LATE] == "failed"
    assert edited.outcomes[BY_NAME] == "failed"
    assert edited.executed == {BY_NAME, LATE}


@pytest.mark.parametrize("given", ["[sys.executable, '-c', CODE], ", "[sys.executable, '-'], input=CODE, text=True, "])
def test_code_that_is_in_no_file_may_reach_anything(project: Project, given: str) -> None:
    """A child that is given its program as a text mentions what it does not say: its test runs."""
    project.write("core.py", "A = 1\nB = 2\n")
    project.write(
        "test_child.py",
        "import subprocess, sys\n"
        "CODE = ''.join(['imp', 'ort core; as', 'sert core.', 'A == 1'])\n"
        f"def test_child(): subprocess.run({given}check=True)\n"
        "def test_core():\n    import core\n    assert core.B == 2\n",
    )
    assert project.run().exit == 0
    project.edit("core.py", "A = 1", "A = 3")
    edited = project.run()
    assert edited.outcomes["test_child.py::test_child"] == "failed"
    assert edited.executed == {"test_child.py::test_child"}


def test_a_docstring_is_read_without_a_call(project: Project) -> None:
    """A decorator makes a help text of it: whoever asks for the help runs when the text changes."""
    project.write("cli.py", "HELP = {}\ndef command(f):\n    HELP[f.__name__] = f.__doc__\n    return f\n")
    project.write("app.py", "from cli import command\n@command\ndef go():\n    'Go on.'\ndef stop():\n    'Halt.'\n")
    project.write("test_help.py", "import app, cli\ndef test_help(): assert cli.HELP['go'] == 'Go on.'\n")
    project.write("test_stop.py", "import app\ndef test_stop(): assert app.stop.__doc__ == 'Halt.'\n")
    assert project.run().exit == 0
    project.edit("app.py", "Halt.", "Stop.")
    edited = project.run()
    assert edited.outcomes["test_stop.py::test_stop"] == "failed"
    assert edited.executed == {"test_stop.py::test_stop"}
    project.edit("app.py", "Go on.", "Go.")
    assert project.run().outcomes["test_help.py::test_help"] == "failed"


def test_explain_names_the_definition(bank: Project) -> None:
    """A reader sees which of the many names of a file it was."""
    bank.edit("core.py", "RATE = 3", "RATE = 4")
    answer = bank.cli("explain", TAX)
    assert answer.returncode == 1
    assert "core.py, definition RATE: " in answer.stdout
    assert bank.cli("explain", ACCOUNT).returncode == 0


def test_a_class_that_is_given_its_comparisons_stands_by_name(bank: Project) -> None:
    """Only who uses it runs, also if it is one that lies in another class; and it finds out what has changed."""
    bank.edit("core.py", "class Account:", "@functools.total_ordering\nclass Account:")
    bank.edit("core.py", "    fee = 1\n", "    fee = 1\n    def __lt__(self, other): return self.fee < other.fee\n")
    bank.write("test_order.py", "import use\ndef test_order(): assert not use.Holder() > use.Holder()\n")
    bank.run()
    bank.edit("core.py", "    fee = 1\n", "    fee = 1\n    spare = 2\n")
    assert (
        {ACCOUNT, "test_order.py::test_order"} <= bank.run().executed <= {ACCOUNT, "test_order.py::test_order", BY_NAME}
    )
    bank.edit("core.py", "@functools.total_ordering\n", "")
    run = bank.run()
    assert run.executed >= {ACCOUNT, "test_order.py::test_order"}
    assert TAX not in run.executed
    bank.edit("core.py", "def __lt__", "def __gt__")
    bank.edit("core.py", "self.fee < other.fee", "not self.fee < other.fee")
    assert bank.run().outcomes["test_order.py::test_order"] == "failed"


MISSING = """
class Missing:
    pass
MISSING = Missing()
class Box:
    __none = Missing()
    def get(self, value=__none): return bool(value)
def is_there(value=None): return bool(value or MISSING)
def far(): return 1
"""
OF_MISSING = """
import missing
def test_there(): assert missing.is_there()
def test_box(): assert missing.Box().get()
def test_far(): assert missing.far()
"""


def test_an_object_of_a_plain_class_stands_by_name(project: Project) -> None:
    """Who uses it rests on its class, too, and nobody else does."""
    project.write("missing.py", MISSING)
    project.write("test_missing.py", OF_MISSING)
    project.run()
    project.edit("missing.py", "    pass\n", "    def __bool__(self): return False\n")
    run = project.run()
    assert run.executed == {"test_missing.py::test_there", "test_missing.py::test_box"}
    assert set(run.outcomes.values()) == {"failed", "passed"}
    project.edit("missing.py", "class Missing:\n", "class Missing:\n    def __init__(self): 1 / 0\n")
    assert project.run().outcomes.get("test_missing.py::test_far") != "passed"


BASES = """
import unittest

class Sized:
    size = 1
    def test_size(self): assert self.size < 10

class Case(unittest.TestCase):
    size = 1
    def test_size(self): self.assertLess(self.size, 10)
"""

HEIRS = {
    "test_there.py": "import bases\nclass TestHeir(bases.Sized):\n    size = 2\ndef test_alone(): pass\n",
    "test_case.py": "from bases import Case as Base\nclass Heir(Base):\n    size = 2\ndef test_alone(): pass\n",
    "heirs.py": "from bases import Sized\nclass TestHeir(Sized):\n    size = 2\n",
    "test_here.py": f"{BASES}\nclass TestHeir(Sized):\n    size = 2\nclass Heir(Case):\n    size = 2\n",
}


@pytest.mark.parametrize("name", HEIRS)
def test_a_class_all_of_whose_tests_are_those_of_its_base_counts_for_them(name: str, project: Project) -> None:
    """Nothing that ran mentions it: pytest has found it, and its attributes are read through `self`."""
    project.write("bases.py", BASES)
    project.write(name, HEIRS[name])
    project.write("test_taken.py", "from heirs import TestHeir\n" if name == "heirs.py" else "")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write(name, HEIRS[name].replace("size = 2", "size = 20"))
    run = project.run()
    failed = {test for test, outcome in run.outcomes.items() if outcome == "failed"}
    assert failed == {test for test in run.outcomes if "Heir" in test}
    assert f"{len(failed)} run ({len(failed)} changed)" in run.summary


PAGES = """
import pathlib
from app import App

def test_page(): assert pathlib.Path("page.txt").read_text().format(App()) == "3"
def test_text(): assert "{0.tax.RATE}".format(App()) == "3"
def test_read(): assert App().tax.RATE == 3
def test_other(): assert App()
"""


def test_a_module_in_an_attribute_is_read_by_who_names_it_there(project: Project) -> None:
    """In code, in a text of the code, or in a file that is filled in; who only has the object is left be."""
    project.write("tax.py", "RATE = 3\n")
    project.write("app.py", "import tax\nclass App:\n    def __init__(self): self.tax = tax\n")
    project.write("page.txt", "{0.tax.RATE}")
    project.write("test_pages.py", PAGES)
    project.run()
    project.edit("tax.py", "RATE = 3", "RATE = 4")
    run = project.run()
    failed = {test for test, outcome in run.outcomes.items() if outcome == "failed"}
    assert failed == {f"test_pages.py::test_{name}" for name in ("page", "text", "read")}
    assert "1 cached, 3 run" in run.summary


ARCHIVED = """
import pathlib, zipfile
from app import App

def test_page():
    with zipfile.ZipFile("pages.zip") as pages: text = pages.read("page.txt").decode()
    assert text.format(App()).startswith("3")
"""


def test_a_page_in_an_archive_may_name_anything(project: Project) -> None:
    """What is packed cannot be looked at, so it counts as naming whatever an object holds."""
    project.write("tax.py", "RATE = 3\n")
    project.write("app.py", "import tax\nclass App:\n    def __init__(self): self.tax = tax\n")
    with zipfile.ZipFile(project.path / "pages.zip", "w", zipfile.ZIP_DEFLATED) as pages:
        pages.writestr("page.txt", "{0.tax.RATE} " * 30)
    project.write("test_pages.py", ARCHIVED)
    assert project.run().exit == 0
    project.edit("tax.py", "RATE = 3", "RATE = 4")
    assert project.run().exit == 1
