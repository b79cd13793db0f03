"""Warnings name whoever is warned without us: a filter that goes by modules decides what passes."""

from __future__ import annotations

import re

import pytest
from harness import Project, Run

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
