"""What the import of a test file changes elsewhere counts for all tests, and is there when one of them runs."""

from __future__ import annotations

import pytest
from harness import Project

EFFECTS = {
    "a call": ('lib.REG.append("a")', 'lib.REG.append("z")'),
    "an element": ('lib.BY_NAME["a"] = 1', 'lib.BY_NAME["z"] = 1'),
    "an attribute": ('lib.NAME = "a"', 'lib.NAME = "z"'),
    "a function": ('lib.register("a")', 'lib.register("z")'),
    "setattr": ('setattr(lib, "NAME", "a")', 'setattr(lib, "NAME", "z")'),
}
LIB = """
REG = []
BY_NAME = {}
NAME = ""

def register(name):
    REG.append(name)

def names():
    return [*REG, *BY_NAME, NAME]
"""


@pytest.fixture(params=EFFECTS)
def case(request: pytest.FixtureRequest, project: Project) -> tuple[Project, tuple[str, str]]:
    before, after = EFFECTS[request.param]
    project.write("lib.py", LIB)
    project.write("test_a.py", f"import lib\n{before}\ndef test_a(): pass\n")
    project.write("test_b.py", 'import lib\ndef test_b(): assert "a" in lib.names()\n')
    assert set(project.run().outcomes.values()) == {"passed"}
    return project, (before, after)


def test_another_effect_runs_the_tests_of_other_files(case: tuple[Project, tuple[str, str]]) -> None:
    """They fail as they would without a cache."""
    project, edit = case
    project.edit("test_a.py", *edit)
    assert project.run().outcomes["test_b.py::test_b"] == "failed"


def test_a_test_finds_what_another_file_did(case: tuple[Project, tuple[str, str]]) -> None:
    """The file is imported although all its tests are replayed."""
    project, _ = case
    project.edit("test_b.py", 'assert "a"', 'assert 1 and "a"')
    run = project.run()
    assert run.outcomes == {"test_a.py::test_a": "passed", "test_b.py::test_b": "passed"}
    assert run.executed == {"test_b.py::test_b"}


def test_ordinary_statements_are_no_effects(project: Project) -> None:
    """Marks, constants and objects of a test file concern that file alone."""
    project.write("lib.py", LIB)
    head = "import pytest\nimport lib\npytestmark = pytest.mark.filterwarnings('error')\n"
    project.write("test_a.py", head + "NAMES = lib.names()\nX = {}\nX['a'] = 1\ndef test_a(): pass\n")
    project.write("test_b.py", "import lib\ndef test_b(): assert lib.names()\n")
    project.run()
    project.edit("test_a.py", "X['a'] = 1", "X['a'] = 2")
    assert project.run().executed == {"test_a.py::test_a"}


def test_a_table_by_functions_that_we_stand_before(project: Project) -> None:
    """What an import leaves under `os.stat` or `__import__` is in the same place in each run."""
    keys = "os.stat, os.path.getmtime, builtins.__import__, importlib.import_module, linecache.getlines"
    project.write("lib.py", "TABLE = {}\n")
    project.write(
        "fill.py",
        "import builtins, importlib, lib, linecache, os\n"
        f"for number, key in enumerate([{keys}]):\n    lib.TABLE[key] = lib.TABLE[number] = key\n",
    )
    project.write("test_a.py", "import fill, lib\ndef test_a(): assert len(lib.TABLE) == 10\ndef test_b(): assert 1\n")
    project.run()
    for number in "23":
        project.edit("test_a.py", f"assert {int(number) - 1}\n", f"assert {number}\n")
        assert project.run().executed == {"test_a.py::test_b"}
