"""Warnings name whoever is warned without us: a filter that goes by modules decides what passes."""

from __future__ import annotations

import re

import pytest
from harness import TWO_WORKERS, Project, Run

OLD = """
import warnings
warnings.warn("two", DeprecationWarning, stacklevel=2)
warnings.warn("three", DeprecationWarning, stacklevel=3)
y = 1
"""
TESTS = """
import old1
from old2 import y
import importlib
old3 = importlib.import_module("old3")
__import__("old4")
import package
import os, warnings

class Path:
    asked = False
    def __fspath__(self):
        if not self.asked:
            warnings.warn("path", UserWarning, stacklevel=2)
        self.asked = True
        return "x"

def test_late():
    import old5

def test_path():
    assert not os.path.exists(Path())
    assert not os.access(Path(), os.R_OK)

def test_variable():
    class Name(str):
        def encode(self, *args):
            warnings.warn("variable", UserWarning, stacklevel=2)
            return str.encode(self, *args)
    assert os.environ.get(Name("ABSENT")) is None
"""


@pytest.fixture
def warning(project: Project) -> Project:
    for number in range(1, 6):
        project.write(f"old{number}.py", OLD)
    project.write("package/__init__.py", "from . import old\n")
    project.write("package/old.py", OLD)
    project.write("test_it.py", TESTS)
    return project


def warned(run: Run) -> set[str]:
    """The places that the summary names."""
    places = re.findall(r"^  .*?([\w.<> ]+:\d+: \w+Warning: \w+)$", run.text, re.MULTILINE)
    assert len(places) > 8
    return set(places)


def test_they_are_the_same_as_without_us(warning: Project) -> None:
    """Imports of every kind, and functions that stand in for others."""
    assert warned(warning.run()) == warned(warning.run("--cached=off"))


@pytest.mark.parametrize("module", ["test_it", "package"])
def test_a_filter_by_module_has_its_effect(warning: Project, module: str) -> None:
    """What is an error without us is one."""
    for mode in ("--cached=off", "--cached"):
        run = warning.run("-W", f"error::DeprecationWarning:{module}", mode)
        assert run.exit == pytest.ExitCode.INTERRUPTED
        assert "DeprecationWarning: two" in run.text


GIVEN = """
import pytest, warnings

class OwnWarning(UserWarning): pass

def test_one():
    warnings.warn("first", DeprecationWarning)
    warnings.warn(OwnWarning("second"))

@pytest.mark.parametrize("number", range(2))
def test_two(number): warnings.warn("third")

@pytest.mark.xdist_group("group")
def test_three(): warnings.warn_explicit("fourth", RuntimeWarning, "<made>", 7)

def test_none(): pass
"""


def _told(run: Run) -> list[str]:
    """The summary of warnings, without what stands around it; workers give them in any order."""
    lines = run.text.partition("warnings summary")[2].partition("-- Docs")[0].splitlines()
    return sorted(line.strip() for line in lines if line.strip("= "))


def _count(run: Run) -> int:
    found = re.search(r"(\d+) warning", run.text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("options", [(), TWO_WORKERS, (*TWO_WORKERS, "--dist", "loadgroup")], ids=" ".join)
def test_a_replay_shows_the_warnings_of_the_test(project: Project, options: tuple[str, ...]) -> None:
    """Each with its class, its place and its tests, whoever ran them; and `--max-warnings` counts them."""
    project.write("test_a.py", GIVEN)
    bare = project.run("--cached=off", *options)
    assert _count(bare) == 5
    first, again, warm = (project.run(*options) for _ in range(3))
    assert warm.executed == set()
    for run in (first, again, warm):
        assert _told(run) == _told(bare)
        assert _count(run) == 5
    project.write("test_b.py", "def test_new(): pass\n")
    partly = project.run(*options)
    assert partly.executed == {"test_b.py::test_new"}
    assert _told(partly) == _told(bare)


def test_a_limit_of_warnings_counts_those_of_replayed_tests(project: Project) -> None:
    """A run that would end in an error does so."""
    project.write("test_a.py", GIVEN)
    for limit, code in ((5, 0), (4, 6)):
        option = f"--max-warnings={limit}"
        assert project.run("--cached=off", option).exit == code
        assert [project.run(option).exit for _ in range(2)] == [code, code]
