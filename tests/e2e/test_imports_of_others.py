"""What a module leaves in others when it is imported counts for the tests that come upon it, and for no others."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Project

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
    started(project, helped | {"test_b.py": asks.format("b"), "test_c.py": asks.format("c")}, "-n2")
    for name in "bc":
        project.edit(f"test_{name}.py", "assert ", "assert 1 and ")
    run = project.run("-n2")
    assert (set(run.outcomes.values()), run.executed) == ({"passed"}, {B, "test_c.py::test_c"})
    assert project.run().executed == set()
    project.edit("plug.py", "csv", "tsv")
    assert project.run("-n2").outcomes[B] == "failed"


def test_a_selection_is_as_in_a_run_of_all(project: Project) -> None:
    """Who is not selected would have had the helper imported."""
    started(project, HELPED | {"test_b.py": ASKS})
    assert project.run("test_b.py").executed == set()
    project.edit("plug.py", "csv", "tsv")
    assert project.run("test_b.py").outcomes == {B: "failed"}
