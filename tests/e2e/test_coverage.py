"""Coverage of cached tests: the report is that of a plain run, whatever was edited since they were recorded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from harness import TWO_WORKERS, Project, Run

from testcache.storage.store import Store

PLUGINS = ("xdist.plugin", "pytest_cov.plugin")
REPORT = ("--cov-report=", "--cov-report=json:../cov.json")

CALC = '''\
"""Sums."""
import functools


def twice(function):
    @functools.wraps(function)
    def inner(*args):
        function(*args)
        return function(*args)

    return inner


def add(a, b):
    if a < 0: return b
    return a + b


@twice
def scale(
    a,
    b,
):
    """Multiply."""
    total = 0
    for _ in range(b):
        if a:
            total += a
        else:
            break
    return total


class Account:
    """Money."""

    limit = 3

    def __init__(self):
        self.kept = [each for each in (1, 2) if each]

    @property
    def total(self):
        try:
            return sum(self.kept, start=0)
        finally:
            self.kept.clear()
'''

TESTS = """\
from calc import Account, add, scale


def test_add():
    assert add(1, 2) == 3


def test_scale():
    assert scale(2, 3) == 6


def test_account():
    assert Account().total == 3


def test_lazy():
    import lazy
    assert lazy.f(3) == 3
"""

LAZY = """\
def f(x):
    return g(x)


def g(x):
    if x > 2:
        return x
    return 0
"""


@pytest.fixture
def calc(project: Project) -> Project:
    """Four tests, one of which imports a file by itself."""
    project.write("calc.py", CALC)
    project.write("lazy.py", LAZY)
    project.write("test_calc.py", TESTS)
    return project


def measured(project: Project, *args: str, cached: bool = True) -> tuple[Run, dict[str, Any]]:
    """One run, and what coverage reports of each file."""
    report = project.path.parent / "cov.json"
    report.unlink(missing_ok=True)
    run = project.run("--cached" if cached else "--cached=off", *(args or ("--cov=.",)), *REPORT, plugins=PLUGINS)
    assert run.exit == 0, run.text
    return run, json.loads(report.read_text())["files"]


def same_as_plain(project: Project, *args: str, executed: set[str] | None = None) -> None:
    """Run cached, and compare every line and branch with a plain run; `executed` are the tests that must run."""
    run, found = measured(project, *args)
    for folder in project.path.rglob("__pycache__"):
        shutil.rmtree(folder)
    _, expected = measured(project, *args, cached=False)
    assert found == expected, run.text
    assert executed is None or {test.partition("::")[2] for test in run.executed} == executed, run.text


def edited(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert text.count(old) == 1
        return text.replace(old, new)

    return edit


EDITS: dict[str, Callable[[str], str]] = {
    "comments above": lambda text: "# one\n# two\n\n" + text,
    "a comment inside": edited("    total = 0\n", "    # nothing yet\n\n    total = 0\n"),
    "more lines": edited("self.kept = [each", "self.kept = [\n            each\n           "),
    "fewer lines": edited("def scale(\n    a,\n    b,\n):", "def scale(a, b):"),
    "blank lines gone": lambda text: text.replace("\n\n\n", "\n"),
    "else if": edited("        else:\n            break\n", "        else:  # no more\n\n            break\n"),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("branch", [(), ("--cov-branch",)], ids=["lines", "branches"])
def test_lines_move_with_their_code(calc: Project, edit: str, branch: tuple[str, ...]) -> None:
    """Where only lines have moved, the lines of cached tests are those of today, and nothing runs again."""
    measured(calc, "--cov=.", *branch)
    calc.write("calc.py", EDITS[edit](CALC))
    same_as_plain(calc, "--cov=.", *branch, executed=set())


def test_lines_below_an_edited_function_move(calc: Project) -> None:
    """Who ran the edited function runs again; the others, whose code stands further down now, are replayed."""
    measured(calc)
    calc.edit("calc.py", "    return a + b\n", "    c = a\n    c += b\n    return c\n")
    same_as_plain(calc, executed={"test_add"})


def test_lines_of_the_test_file_move(calc: Project) -> None:
    """A new test above the others runs, and moves them."""
    measured(calc)
    calc.edit("test_calc.py", "def test_add", "def test_new():\n    x = add(0, 1)\n    assert x\n\n\ndef test_add")
    same_as_plain(calc, executed={"test_new"})


def test_lines_move_more_than_once(calc: Project) -> None:
    """A second edit moves them from where they were recorded, also in a file that only a cached test imports."""
    measured(calc)
    for number in range(2):
        for name in ("calc.py", "lazy.py", "test_calc.py"):
            calc.write(name, f"# {number}\n" + (calc.path / name).read_text())
        same_as_plain(calc, executed=set())


def test_lines_of_reordered_functions_move(calc: Project) -> None:
    """One function behind another one instead of before it, in a file that only a cached test imports."""
    measured(calc, "--cov=.", "--cov-branch")
    first, second = LAZY.split("\n\n\n")
    calc.write("lazy.py", f"{second}\n\n{first}\n")
    same_as_plain(calc, "--cov=.", "--cov-branch", executed=set())


@pytest.mark.parametrize("branch", [(), ("--cov-branch",)], ids=["lines", "branches"])
def test_a_line_that_falls_apart_has_its_tests_run(calc: Project, branch: tuple[str, ...]) -> None:
    """Of `if a: b` nobody knows whether `b` was executed: in two lines it has to run."""
    measured(calc, "--cov=.", *branch)
    calc.edit("calc.py", "    if a < 0: return b\n", "    if a < 0:\n        return b\n")
    same_as_plain(calc, "--cov=.", *branch, executed={"test_add"})


def test_lines_move_under_xdist(calc: Project) -> None:
    """Workers record the lines, and the controller moves them."""
    measured(calc, "--cov=.", *TWO_WORKERS)
    calc.write("calc.py", "# more\n" + CALC)
    calc.edit("test_calc.py", "def test_add", "def test_new():\n    x = add(0, 1)\n    assert x\n\n\ndef test_add")
    same_as_plain(calc, "--cov=.", *TWO_WORKERS, executed={"test_new"})
    calc.write("lazy.py", "# one\n" + LAZY)
    same_as_plain(calc, "--cov=.", *TWO_WORKERS, executed=set())
    same_as_plain(calc, executed=set())


def test_lines_without_a_layout_are_measured_again(calc: Project) -> None:
    """Where it is not known how a changed file was laid out, its tests run."""
    measured(calc)
    with Store.open(calc.path / ".testcache") as store:
        store.delete("layout", [*store.keys("layout")])
    calc.write("lazy.py", "# one\n" + LAZY)
    same_as_plain(calc, executed={"test_lazy"})


def test_what_is_measured_counts(calc: Project) -> None:
    """An `omit` that goes or comes has tests measured again; so does another `--cov=`; what reports leave out, not."""
    calc.write(".coveragerc", "[run]\nomit = lazy.py\n")
    measured(calc)
    calc.write(".coveragerc", "[run]\n")
    same_as_plain(calc)
    calc.write(".coveragerc", "[run]\nomit = calc.py\n")
    same_as_plain(calc)
    calc.write(".coveragerc", "[run]\nomit = calc.py\n[report]\nexclude_lines =\n    return 0\n")
    same_as_plain(calc, executed=set())
    calc.write(".coveragerc", "[run]\nsource = lazy\n")
    same_as_plain(calc, "--cov")


def test_relative_names_are_the_same_files(calc: Project) -> None:
    """With `relative_files` lines are kept, moved and given back all the same."""
    calc.write(".coveragerc", "[run]\nrelative_files = True\n")
    measured(calc)
    same_as_plain(calc, executed=set())
    calc.write("lazy.py", "# one\n" + LAZY)
    same_as_plain(calc, executed=set())


def test_a_generated_module_is_measured_again(project: Project) -> None:
    """The lines of a file that is not there now cannot be reported: the test that writes it runs."""
    project.write(
        "test_it.py",
        "import importlib.util\ndef test_it(tmp_path):\n    path = tmp_path / 'made.py'\n"
        "    path.write_text('x = 1\\n')\n    spec = importlib.util.spec_from_file_location('made', path)\n"
        "    module = importlib.util.module_from_spec(spec)\n    spec.loader.exec_module(module)\n"
        "    assert module.x == 1\n",
    )
    made = project.path.parent / "made"
    for _ in range(2):
        made.mkdir(exist_ok=True)
        _, files = measured(project, "--cov=../made", "--basetemp=../made/now")
        assert [name.rpartition("/")[2] for name in files] == ["made.py"]
        shutil.rmtree(made)


def test_lines_travel(calc: Project) -> None:
    """Lines come with a bundle; where a file has moved since, nobody there knows how, and its tests run."""
    measured(calc)
    bundle = calc.path.parent / "bundle"
    calc.cli("export", str(bundle))
    shutil.rmtree(calc.path / ".testcache", ignore_errors=True)
    calc.cli("import", str(bundle))
    same_as_plain(calc, executed=set())
    calc.write("lazy.py", "# one\n" + LAZY)
    same_as_plain(calc, executed={"test_lazy"})
