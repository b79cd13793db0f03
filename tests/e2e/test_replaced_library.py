"""Tests may replace any function of the standard library: what they read is recorded all the same."""

from __future__ import annotations

from harness import Project

HEAD = """
import json, os, os.path, sys, time
from pluggy import __file__ as pluggy

def broken(*arguments, **options):
    raise AssertionError("somebody called what a test replaced")
"""

CASE = """
def test_{name}(monkeypatch):
    before = open
    with monkeypatch.context() as monkeypatch:
        monkeypatch.{replace}
        with before("data.txt") as file, before(pluggy) as other:
            text = file.read() + other.read()
    from late import value
    assert text and value()
"""

REPLACED = {
    "current_folder": ("os", "getcwd", "lambda: '/nowhere'"),
    "stat": ("os", "stat", "broken"),
    "listdir": ("os", "listdir", "broken"),
    "scandir": ("os", "scandir", "broken"),
    "abspath": ("os.path", "abspath", "broken"),
    "normpath": ("os.path", "normpath", "broken"),
    "join": ("os.path", "join", "broken"),
    "dirname": ("os.path", "dirname", "broken"),
    "isfile": ("os.path", "isfile", "broken"),
    "isdir": ("os.path", "isdir", "broken"),
    "exists": ("os.path", "exists", "broken"),
    "fsdecode": ("os", "fsdecode", "broken"),
    "getpid": ("os", "getpid", "lambda: 1"),
    "environ": ("os", "environ", "{}"),
    "frames": ("sys", "_getframe", None),
    "modules": ("sys", "modules", "dict(sys.modules)"),
    "path": ("sys", "path", "[]"),
    "clock": ("time", "time", "lambda: 4e9"),
    "timer": ("time", "perf_counter", "broken"),
    "json": ("json", "dumps", "broken"),
    "platform": ("sys", "platform", "'win32'"),
    "separator": ("os", "sep", "'|'"),
}


def test_a_read_under_a_replaced_function_counts(project: Project) -> None:
    """The tests pass as they do without testcache, are replayed, and run again when their data changes."""
    project.write("data.txt", "1")
    project.write("late.py", "def value(): return 1\n")
    cases = (
        CASE.format(
            name=case,
            replace=f"delattr({module}, {name!r})" if value is None else f"setattr({module}, {name!r}, {value})",
        )
        for case, (module, name, value) in REPLACED.items()
    )
    project.write("test_it.py", HEAD + "".join(cases))
    every = {f"test_it.py::test_{case}" for case in REPLACED}
    first = project.run()
    assert (first.exit, first.executed) == (0, every), first.text
    assert project.run().executed == set()
    project.write("data.txt", "22")
    assert project.run().executed == every
