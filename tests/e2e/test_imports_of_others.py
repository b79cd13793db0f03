"""What a module leaves in others when it is imported counts for the tests that come upon it, and for no others."""

from __future__ import annotations

from typing import Any

import pytest
from harness import TWO_WORKERS, Project

REGISTRY = """
NAMES = []
COUNT = 0
MODE = ""

class Base:
    known = []
    def __init_subclass__(cls): Base.known.append(cls.__name__)

class Plain: pass

class App:
    def __init__(self): self.routes = {}
    def route(self, path): return lambda function: self.routes.setdefault(path, function)

app = App()

def register(function):
    NAMES.append(function.__name__)
    return function

def put(name):
    NAMES.append(name)
    return name

def count():
    global COUNT
    COUNT += 1

def make(name): return type(name, (Plain,), {})

def plain(): return [one.__name__ for one in Plain.__subclasses__()]
"""
PLUG = "import registry\nregistry.NAMES.append('csv')\n"
HELPED = {"plug.py": PLUG, "test_a.py": "import plug\ndef test_a(): pass\n"}
ASKS = "import registry\ndef test_b(): assert registry.NAMES == ['csv']\n"
A, B = "test_a.py::test_a", "test_b.py::test_b"

EFFECTS = {
    "a helper's call": (PLUG, "registry.NAMES == ['csv']"),
    "a decorator": ("import registry\n@registry.register\ndef csv(): pass\n", "registry.NAMES == ['csv']"),
    "a class": ("import registry\nclass csv(registry.Base): pass\n", "registry.Base.known == ['csv']"),
    "a plain subclass": ("import registry\nclass csv(registry.Plain): pass\n", "registry.plain() == ['csv']"),
    "a value": ("import registry\nX = registry.put('csv')\n", "registry.NAMES == ['csv']"),
    "its own function": (
        "import registry\ndef go(): registry.NAMES.append('csv')\ngo()\n",
        "registry.NAMES == ['csv']",
    ),
    "a route": (
        "from registry import app\n@app.route('/csv')\ndef f(): return 1\n",
        "[*registry.app.routes] == ['/csv']",
    ),
    "an attribute": ("import registry\nregistry.MODE = 'csv'\n", "registry.MODE == 'csv'"),
    "a variable": ("import os\nos.environ['SHOP'] = 'csv'\n", "__import__('os').environ.get('SHOP') == 'csv'"),
    "an import that fails": (PLUG + "raise ImportError\n", "registry.NAMES == ['csv']"),
}


def started(project: Project, files: dict[str, str], *arguments: str) -> Project:
    """A project all of whose tests have passed, and are replayed."""
    project.write("registry.py", REGISTRY)
    for name, text in files.items():
        project.write(name, text)
    first = project.run(*arguments)
    assert set(first.outcomes.values()) == {"passed"}, first.text
    assert project.run(*arguments).executed == set()
    return project


@pytest.fixture(params=EFFECTS, ids=lambda name: str(name).replace(" ", "-"))
def effect(request: pytest.FixtureRequest, project: Project) -> Project:
    """One test file imports a helper that leaves something, the test of another one comes upon it."""
    plug, asks = EFFECTS[request.param]
    imports = "try:\n    import plug\nexcept ImportError: pass\n"
    a = f"{imports}def test_a(): pass\n"
    return started(
        project, {"plug.py": plug, "test_a.py": a, "test_b.py": f"import registry\ndef test_b(): assert {asks}\n"}
    )


def test_another_effect_is_come_upon(effect: Project) -> None:
    """The test of the other file fails as it would without a cache."""
    effect.edit("plug.py", "csv", "tsv")
    assert effect.run().outcomes[B] == "failed"


def test_who_needs_it_finds_it(effect: Project) -> None:
    """The other file alone has changed: the one whose import it needs is imported, too."""
    effect.edit("test_b.py", "assert ", "assert 1 and ")
    run = effect.run()
    assert (run.outcomes, run.executed) == ({A: "passed", B: "passed"}, {B})


def test_nobody_has_it_done_any_more(effect: Project) -> None:
    """The file is gone that had the helper imported."""
    (effect.path / "test_a.py").unlink()
    assert effect.run().outcomes == {B: "failed"}


def test_the_reason_names_the_import(project: Project) -> None:
    """And what it has left; of a module whose body has come upon that, the module."""
    seen = "import registry\nSEEN = [*registry.NAMES]\ndef test_c(): assert SEEN\n"
    started(project, HELPED | {"test_b.py": ASKS, "test_c.py": seen})
    project.edit("plug.py", "csv", "tsv")
    text = project.run("-v").text
    assert "    registry.py::NAMES, left by the import of plug.py\n" in text
    assert "    what test_c.py has come upon, left by the import of test_c.py\n" in text


def test_an_effect_that_is_new_is_come_upon(project: Project) -> None:
    """Also by a file that need not be imported: its test was recorded without."""
    started(project, {"test_b.py": "import registry\ndef test_b(): assert registry.NAMES == []\n"})
    for name, text in HELPED.items():
        project.write(name, text)
    assert project.run().outcomes[B] == "failed"


SAME: dict[str, tuple[dict[str, str], tuple[str, str, str]]] = {
    "the importer": (HELPED, ("test_a.py", "import plug", "import plug\nX = 1")),
    "the helper": (HELPED, ("plug.py", "import registry", "import registry\nX = 1")),
    "a time": (
        HELPED | {"plug.py": PLUG + "import time\nregistry.MODE = time.time()\n"},
        ("test_a.py", "import plug", "import plug\nX = 1"),
    ),
    "an object": (
        HELPED | {"plug.py": PLUG + "class H: pass\nregistry.MODE = H()\n"},
        ("test_a.py", "import plug", "import plug\nX = 1"),
    ),
    "a file without effects": (HELPED, ("test_c.py", "", "class Helper: pass\nX = [1]\ndef test_c(): pass\n")),
}


@pytest.mark.parametrize("case", SAME)
def test_an_edit_that_leaves_the_same_runs_nobody_else(project: Project, case: str) -> None:
    """What is left is compared, not the text of who leaves it; and what differs each time, by that."""
    files, (name, old, new) = SAME[case]
    asks = "import registry\ndef test_b(): assert registry.NAMES == ['csv'] and (registry.MODE or 1)\n"
    started(project, files | {"test_b.py": asks})
    project.write(name, new) if not old else project.edit(name, old, new)
    assert B not in project.run().executed


ORDERS = {
    "a list": ("registry.NAMES.append({!r})", "registry.NAMES == ['a', 'b']"),
    "an attribute": ("registry.MODE = {!r}", "registry.MODE == 'b'"),
}


@pytest.mark.parametrize("case", ORDERS)
def test_another_order_of_imports_is_another_effect(project: Project, case: str) -> None:
    """A new test file comes first, and has a helper imported before another one."""
    does, asks = ORDERS[case]
    files = {f"{name}.py": f"import registry\n{does.format(name)}\n" for name in "ab"}
    files |= {f"test_{name}.py": f"import {name}\ndef test_it(): pass\n" for name in "ab"}
    started(project, files | {"test_c.py": f"import registry\ndef test_c(): assert {asks}\n"})
    project.write("test_0.py", "import b\ndef test_0(): pass\n")
    assert project.run().outcomes["test_c.py::test_c"] == "failed"


BODIES = {
    "of a test file": {
        "test_b.py": "import registry\nSEEN = [*registry.NAMES]\ndef test_b(): assert SEEN == ['csv']\n"
    },
    "of a helper": {
        "seen.py": "import registry\nSEEN = [*registry.NAMES]\n",
        "test_b.py": "import seen\ndef test_b(): assert seen.SEEN == ['csv']\n",
    },
    "through another place": {
        "other.py": "SEEN = ''\n",
        "test_a2.py": "import other, registry\nother.SEEN = ''.join(registry.NAMES)\ndef test_a2(): pass\n",
        "test_b.py": "import other\ndef test_b(): assert other.SEEN == 'csv'\n",
    },
    "a fixture": {
        "conftest.py": (
            "import pytest, registry\n@pytest.fixture(scope='session')\ndef seen(): return [*registry.NAMES]\n"
        ),
        "test_b.py": "def test_b(seen): assert seen == ['csv']\n",
    },
}


@pytest.mark.parametrize("case", BODIES)
@pytest.mark.parametrize("edit", ["another", "gone", "new"])
def test_who_looks_while_being_imported_comes_upon_it(project: Project, case: str, edit: str) -> None:
    """The body of a module sees what was left before it, and hands it on to its tests."""
    files = HELPED | BODIES[case]
    if edit == "new":
        files["plug.py"] = "import registry\n"
        swap = {"['csv']": "[]", "'csv'": "''"}
        for old, new in swap.items():
            files = {name: text.replace(old, new) for name, text in files.items()}
    started(project, files)
    if edit == "gone":
        (project.path / "test_a.py").unlink()
    else:
        project.edit("plug.py", *(("import registry\n", PLUG) if edit == "new" else ("csv", "tsv")))
    assert project.run().outcomes[B] == "failed"


TESTS: dict[str, tuple[str, str, str, tuple[Any, ...]]] = {
    "adds to it": ("registry.NAMES.append('x')", "registry.NAMES == ['csv', 'x']", "failed", ("plug.py", "csv", "tsv")),
    "clears it": (
        "registry.NAMES.clear()",
        "registry.NAMES == []",
        "failed",
        ("test_a.py", "registry.NAMES.clear()", "pass"),
    ),
    "puts it back": (
        "(registry.NAMES.append('x'), registry.NAMES.pop())",
        "registry.NAMES == ['csv']",
        "failed",
        ("plug.py", "csv", "tsv"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TESTS)
def test_a_test_goes_on_from_what_imports_have_left(project: Project, case: str) -> None:
    """What it leaves is compared with that, not with what the module was by itself."""
    does, asks, outcome, edit = TESTS[case]
    files = HELPED | {"test_a.py": f"import plug, registry\ndef test_a(): {does}\n"}
    started(project, files | {"test_b.py": f"import registry\ndef test_b(): assert {asks}\n"})
    project.edit(*edit)
    assert project.run().outcomes[B] == outcome


def test_workers_find_what_imports_have_left(project: Project) -> None:
    """Also in files of which nothing runs, and if it is another object in each process."""
    helped = HELPED | {"plug.py": PLUG + "class H: pass\nregistry.MODE = H()\n"}
    asks = "import registry\ndef test_{0}(): assert registry.NAMES == ['csv'] and registry.MODE\n"
    started(project, helped | {"test_b.py": asks.format("b"), "test_c.py": asks.format("c")}, *TWO_WORKERS)
    for name in "bc":
        project.edit(f"test_{name}.py", "assert ", "assert 1 and ")
    run = project.run(*TWO_WORKERS)
    assert (set(run.outcomes.values()), run.executed) == ({"passed"}, {B, "test_c.py::test_c"})
    assert project.run().executed == set()
    project.edit("plug.py", "csv", "tsv")
    assert project.run(*TWO_WORKERS).outcomes[B] == "failed"


def test_a_selection_is_as_in_a_run_of_all(project: Project) -> None:
    """Who is not selected would have had the helper imported."""
    started(project, HELPED | {"test_b.py": ASKS})
    assert project.run("test_b.py").executed == set()
    project.edit("plug.py", "csv", "tsv")
    assert project.run("test_b.py").outcomes == {B: "failed"}


COLLECTED = {
    "one test more": (
        "import pytest, registry\n@pytest.mark.parametrize('n', range(len(registry.NAMES) + 1))\n"
        "def test_b(n): assert n < 1\n",
        {"test_b.py::test_b[0]": "passed", "test_b.py::test_b[1]": "failed"},
    ),
    "another test": (
        "import pytest, registry\n@pytest.mark.parametrize('n', registry.NAMES or ['none'])\n"
        "def test_b(n): assert n == 'none'\n",
        {"test_b.py::test_b[csv]": "failed"},
    ),
    "one test less": ("import registry\nif not registry.NAMES:\n    def test_b(): pass\ndef test_c(): pass\n", {}),
    "parameters of a hook": (
        "import registry\ndef pytest_generate_tests(metafunc):\n"
        "    if 'n' in metafunc.fixturenames: metafunc.parametrize('n', registry.NAMES or ['none'])\n"
        "def test_b(n): assert n == 'none'\n",
        {"test_b.py::test_b[csv]": "failed"},
    ),
}


@pytest.mark.parametrize("case", COLLECTED)
def test_what_is_collected_may_come_of_an_import(project: Project, case: str) -> None:
    """A file that need not be imported holds other tests now: those run, and no others."""
    text, outcomes = COLLECTED[case]
    started(project, HELPED | {"plug.py": "import registry\n", "test_b.py": text})
    project.edit("plug.py", "import registry\n", PLUG)
    others = {A: "passed"} | ({"test_b.py::test_c": "passed"} if "test_c" in text else {})
    assert project.run().outcomes == outcomes | others


def test_parameters_that_a_hook_has_found_come_of_an_import(project: Project) -> None:
    """Known to the hook alone, not to the body of the file."""
    hook = "def pytest_generate_tests(metafunc):\n    import registry\n    metafunc.parametrize('n', registry.NAMES)\n"
    started(
        project,
        {"plug.py": PLUG, "test_a.py": "import plug\n", "test_b.py": f"{hook}def test_b(n): assert n == 'csv'\n"},
    )
    project.edit("plug.py", "csv", "tsv")
    assert project.run().outcomes == {"test_b.py::test_b[tsv]": "failed"}


EXECUTED = {
    "again": (
        "import importlib, plug\nimportlib.reload(plug)\n",
        "import importlib, plug\nimportlib.reload(plug)\nimportlib.reload(plug)\n",
        "registry.NAMES.append('csv')\n",
        "registry.NAMES == ['csv', 'csv']",
    ),
    "by another name": (
        "load('csv')\n",
        "load('tsv')\n",
        "registry.NAMES.append(__name__)\n",
        "registry.NAMES == ['csv']",
    ),
    "prepared": (
        "load('plug', 'csv')\n",
        "load('plug', 'tsv')\n",
        "registry.NAMES.append(GIVEN)\n",
        "registry.NAMES == ['csv']",
    ),
}
LOAD = """
import importlib.util
def load(name, given=""):
    spec = importlib.util.spec_from_file_location(name, "plug.py")
    module = importlib.util.module_from_spec(spec)
    module.GIVEN = given
    spec.loader.exec_module(module)
"""


@pytest.mark.parametrize("case", EXECUTED)
def test_who_executes_a_module_in_another_way_has_it_leave_something_else(project: Project, case: str) -> None:
    """The module itself is unchanged."""
    before, after, plug, asks = EXECUTED[case]
    tests = {
        "test_a.py": f"{LOAD}{before}def test_a(): pass\n",
        "test_b.py": f"import registry\ndef test_b(): assert {asks}\n",
    }
    started(project, tests | {"plug.py": f"import registry\n{plug}"})
    project.edit("test_a.py", before, after)
    assert project.run().outcomes[B] == "failed"


HOOKS = {
    "after collection": (
        "import registry\ndef pytest_collection_modifyitems(items): registry.COUNT = len(registry.NAMES)\n",
        "registry.COUNT == 1",
        ("plug.py", "append('csv')", "extend(['a', 'b'])"),
    ),
    "of each test": (
        "import registry\ndef pytest_itemcollected(item): registry.NAMES.append(item.name)\n",
        "'test_a' in registry.NAMES",
        ("test_a.py", "test_a", "test_x"),
    ),
}


@pytest.mark.parametrize("case", HOOKS)
def test_what_a_hook_leaves_rests_on_all_imports_before_it(project: Project, case: str) -> None:
    """Nobody knows what it came upon; who finds what it has left runs where that is something else."""
    hook, asks, edit = HOOKS[case]
    tests = {"conftest.py": hook, "test_b.py": f"import registry\ndef test_b(): assert {asks}\n"}
    started(project, HELPED | tests)
    project.edit(*edit)
    assert project.run().outcomes[B] == "failed"


STORES = {
    "pytest's own objects": "STATE = {}\ndef pytest_configure(config): STATE['config'] = config\n",
    "a time": "import time\nSTATE = {}\ndef pytest_configure(): STATE['at'] = time.time()\n",
    "a lock": "import threading\nSTATE = {}\ndef pytest_configure(): STATE['lock'] = threading.Lock()\n",
    "all tests": "STATE = []\ndef pytest_collection_modifyitems(items): STATE.extend(items)\n",
}


@pytest.mark.parametrize("case", STORES)
def test_what_a_hook_stores_each_time_anew_is_the_same(project: Project, case: str) -> None:
    """As long as nothing has changed for it, and the same tests are collected."""
    tests = {
        "test_b.py": "import conftest\ndef test_b(): assert conftest.STATE\n",
        "test_c.py": "def test_c(): assert 1\n",
    }
    started(project, {"conftest.py": STORES[case]} | tests)
    project.edit("test_c.py", "assert 1", "assert 2")
    assert project.run().executed == {"test_c.py::test_c"}
    assert project.run(*TWO_WORKERS).executed == set()


def test_a_test_that_imports_one_more_module_leaves_one_thing_more(project: Project) -> None:
    """It is known of each module that a test imports what that has left."""
    plugs = {"plug.py": PLUG, "plug2.py": PLUG.replace("csv", "x"), "test_a.py": "def test_a():\n    import plug\n"}
    started(project, plugs | {"test_b.py": ASKS})
    project.edit("test_a.py", "import plug", "import plug, plug2")
    assert project.run().outcomes[B] == "failed"


SUBCLASSES = {
    "in a class": "import registry\nclass Outer:\n    class csv(registry.Plain): pass\n",
    "by a function": "import registry\nX = registry.make('csv')\n",
}


@pytest.mark.parametrize("case", SUBCLASSES)
def test_a_class_may_be_made_anywhere(project: Project, case: str) -> None:
    """It is a subclass all the same."""
    started(project, {"plug.py": SUBCLASSES[case], "test_a.py": "import plug\ndef test_a(): pass\n"})
    project.write("test_b.py", "import registry\ndef test_b(): assert registry.plain() == ['csv']\n")
    assert project.run().outcomes[B] == "passed"  # that it asks for them is new
    assert project.run().executed == set()
    project.edit("plug.py", "csv", "tsv")
    assert project.run().outcomes[B] == "failed"


def test_a_file_that_asks_for_subclasses_last_is_known_of_at_once(project: Project) -> None:
    """The second run replays the rest: imports before it have come upon a class, too, whose subclasses it asks for."""
    project.write("base.py", "class Base: pass\n")
    project.write("test_a.py", "import base\nclass One(base.Base): pass\ndef test_a(): pass\n")
    project.write("make.py", "MADE = []\ndef made(text): MADE.append(eval(text))\n")
    project.write("test_b.py", "import base, make\nmake.made('1 + 1')\ndef test_b(): assert make.MADE\n")
    project.write("test_c.py", "import base\ndef test_c(): assert len(base.Base.__subclasses__()) == 1\n")
    project.write("test_d.py", "def test_d(): assert 0\n")  # where one fails, files that leave something are imported
    assert len(project.run().executed) == 4
    assert project.run().executed == {"test_d.py::test_d"}


@pytest.mark.parametrize("file", ["tax.py", "tax.conf"])
def test_a_loader_that_is_given_a_relative_path(project: Project, file: str) -> None:
    """What the file runs and the functions that it defines count as those of any module."""
    project.write(file, "RATE = 1\ndef rate(): return 1\n")
    project.write(
        "test_it.py",
        "import importlib.machinery, importlib.util\n"
        "def load():\n"
        f"    loader = importlib.machinery.SourceFileLoader('tax', '{file}')\n"
        "    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('tax', loader))\n"
        "    loader.exec_module(module)\n"
        "    return module\n"
        "def test_constant(): assert load().RATE == 1\n"
        "def test_function(): assert load().rate() == 1\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write(file, "RATE = 2\ndef rate(): return 1\n")
    assert project.run().outcomes["test_it.py::test_constant"] == "failed"
    project.write(file, "RATE = 1\ndef rate(): return 2\n")
    assert project.run().outcomes["test_it.py::test_function"] == "failed"
