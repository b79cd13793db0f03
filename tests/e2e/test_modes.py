"""The modes of --cached, the user's mistakes, and runs of a part of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ONE_WORKER, TWO_WORKERS, Project

TESTS = """
import pytest
@pytest.mark.slow
def test_a(): pass
def test_b(): pass
def test_c(): pass
"""
A, B, C = (f"test_it.py::test_{letter}" for letter in "abc")
ALL = {A, B, C}


@pytest.fixture
def three(project: Project) -> Project:
    """A project with three tests that were never run."""
    project.write("pytest.ini", "[pytest]\nmarkers = slow\n")
    project.write("test_it.py", TESTS)
    return project


def unseen(path: Path) -> str:
    """Python code that is true if a path is missing, asked in a way that nobody can observe."""
    return f"ctypes.CDLL(None).access({bytes(path)!r}, 0)"


def test_read_replays_but_records_nothing(three: Project) -> None:
    """--cached=read leaves the store as it is, or absent."""
    assert three.run("--cached=read").executed == ALL
    assert not list((three.path / ".testcache").glob("v1/*"))
    three.run("-k", "test_a")
    before = {path: path.read_bytes() for path in (three.path / ".testcache").rglob("*") if path.is_file()}
    for _ in range(2):
        run = three.run("--cached=read", *ONE_WORKER)
        assert (run.exit, run.executed, run.replayed) == (0, {B, C}, {A})
    assert before == {path: path.read_bytes() for path in before}


def test_refresh_runs_everything_and_records_it(three: Project) -> None:
    """--cached=refresh runs what could be replayed; its results are replayed next time."""
    three.run()
    again = three.run("--cached=refresh")
    assert (again.exit, again.executed) == (0, ALL)
    assert "3 tests: 0 cached, 3 run (3 refreshed)" in again.summary
    assert three.run().executed == set()


@pytest.mark.parametrize("workers", [("-n0",), TWO_WORKERS], ids=" ".join)
def test_verify_reports_each_wrong_hit(project: Project, workers: tuple[str, ...]) -> None:
    """--cached=verify runs everything and names each test whose replay would have been wrong, no other."""
    state = project.path.parent / "state"
    project.write("test_it.py", f"import ctypes\ndef test_lies(): assert {unseen(state)}\ndef test_good(): pass\n")
    project.write("test_bad.py", "def test_always(): assert False\n")
    project.run()
    assert "WRONG HIT" not in project.run("--cached=verify", *workers).text
    state.touch()
    assert project.run(*workers).outcomes["test_it.py::test_lies"] == "passed"  # what verify is there to find
    run = project.run("--cached=verify", *workers)
    assert (run.exit, len(run.executed)) == (1, 3)
    assert "testcache: test_it.py::test_lies: WRONG HIT: stored as passed, failed when run" in run.text
    assert run.text.count("WRONG HIT") == 1
    assert project.run(*workers).outcomes["test_it.py::test_lies"] == "failed"


def test_off_is_as_if_testcache_were_not_there(three: Project) -> None:
    """--cached=off makes no folder, prints no line and runs everything."""
    run = three.run("--cached=off")
    assert (run.exit, run.executed, run.summary) == (0, ALL, "")
    assert not (three.path / ".testcache").exists()


def test_a_setting_says_what_a_bare_cached_does(three: Project) -> None:
    """mode = "refresh" counts for --cached, and not for --cached=read."""
    three.run()
    three.write(".testcache.toml", 'mode = "refresh"\n')
    assert three.run().executed == ALL
    assert three.run("--cached=read").executed == set()
    three.write(".testcache.toml", 'mode = "off"\n')
    assert three.run().summary == ""


@pytest.mark.parametrize(
    ("settings", "arguments", "said"),
    [
        ("", ["--cached=reed"], "reed"),
        ("colour = 1\n", [], ".testcache.toml"),
        ('mode = "sometimes"\n', [], "mode"),
        ("mode = \n", [], ".testcache.toml"),
        ('recorder = "magic"\n', [], "recorder"),
    ],
)
def test_a_mistake_is_a_usage_error(three: Project, settings: str, arguments: list[str], said: str) -> None:
    """A mode or setting that does not exist ends with exit code 4 and one message that names it."""
    three.write(".testcache.toml", settings)
    run = three.run(*arguments)
    assert (run.exit, run.executed) == (4, set()), run.text
    assert said in run.text
    assert "Traceback" not in run.text


def test_the_option_does_not_swallow_a_path(three: Project) -> None:
    """`pytest --cached test_it.py` means a path, not a mode."""
    assert three.run("--cached", "test_it.py::test_a").executed == {A}
    assert three.run("--cached", ".").executed == {B, C}


@pytest.mark.parametrize(
    "arguments",
    [["-k", "test_a"], ["-m", "slow"], ["test_it.py::test_a"], ["--deselect", B, "--deselect", C]],
    ids=" ".join,
)
def test_a_partial_run_neither_blesses_nor_drops(three: Project, arguments: list[str]) -> None:
    """A run of one test records that one, and leaves what is known of the others as it was."""
    assert three.run(*arguments).executed == {A}
    assert three.run().executed == {B, C}
    three.edit("test_it.py", "def test_a(): pass", "def test_a(): assert 1")
    three.edit("test_it.py", "def test_b(): pass", "def test_b(): assert 1")
    assert three.run(*arguments).executed == {A}
    run = three.run()
    assert (run.executed, run.replayed) == ({B}, {A, C})


def test_collect_only_lists_and_records_nothing(three: Project) -> None:
    """--collect-only shows all tests, cached or not, and is no run."""
    three.run("-k", "test_a")
    listed = three.run("--collect-only", "-q")
    assert (listed.exit, listed.executed, listed.outcomes) == (0, set(), {})
    assert all(test in listed.text for test in ALL)
    assert three.run().executed == {B, C}


def test_stopping_at_the_first_failure_leaves_the_rest_unknown(three: Project) -> None:
    """-x ends as it does without the cache; the next run replays what passed and runs the rest."""
    three.edit("test_it.py", "def test_b(): pass", "def test_b(): assert 0")
    stopped = three.run("-x")
    assert (stopped.exit, stopped.executed) == (1, {A, B})
    assert three.run().executed == {B, C}
    assert three.run("-x").executed == {B}


def test_options_that_watch_tests_run_them(three: Project) -> None:
    """--setup-show, --pdb and the like turn the cache off for the run, and say so."""
    three.run()
    run = three.run("--setup-show")
    assert (run.exit, run.executed) == (0, ALL)
    assert "[option-not-cacheable]" in run.text


def test_an_option_that_may_change_outcomes_is_another_environment(three: Project) -> None:
    """--runxfail does not replay what was recorded without it; -v, --tb and --durations do."""
    three.run()
    assert three.run("-v", "--tb=short", "--durations=3", "-ra", "--color=yes", *TWO_WORKERS).executed == set()
    assert three.run("--runxfail").executed == ALL
    assert three.run().executed == set()


def test_each_file_name_is_the_same_from_any_folder(three: Project) -> None:
    """A run from a folder below, or with absolute paths, knows the same tests."""
    three.write("sub/test_sub.py", "def test_s(): pass\n")
    three.run()
    assert three.run(cwd="sub").executed == set()
    assert three.run(str(three.path / "test_it.py")).executed == set()


def test_a_project_may_call_its_modules_as_it_likes(project: Project) -> None:
    """Also like a module of the standard library that pytest does without."""
    for name in ("statistics", "concurrent"):
        project.write(f"{name}.py", "X = 1\n")
    project.write("test_it.py", "import concurrent, statistics\ndef test_it(): assert concurrent.X == statistics.X\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("statistics.py", "1", "2")
    assert project.run().exit == 1


ODD = """\
import sys, types

class Claims:
    __slots__ = ()
    __class__ = property(lambda self: types.ModuleType)

class Loud(types.ModuleType):
    def __getattr__(self, name):
        raise ImportError(name)

sys.modules["odd.claims"], sys.modules["odd.loud"] = Claims(), Loud("odd.loud")
"""


def test_what_stands_for_a_module_may_be_something_else(project: Project) -> None:
    """What claims to be one and has nothing, as a library of cffi does, and one that answers no question."""
    project.write("odd.py", ODD)
    project.write("test_it.py", "import odd\ndef test_it(): assert odd\n")
    for executed in ({"test_it.py::test_it"}, set[str]()):
        found = project.run("-p", "odd")
        assert found.exit == 0
        assert found.executed == executed


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["here", "workers"])
def test_a_run_that_cannot_be_watched_is_one_without_a_cache(project: Project, workers: tuple[str, ...]) -> None:
    """Whatever a plugin has made of the interpreter; nothing of ours is left in it."""
    project.write("taken.py", "import os.path\ndel os.path.getctime\n")
    project.write(
        "test_it.py",
        "import builtins, os\n"
        "def test_it(): assert type(builtins.__import__) is type(os.stat) is type(os.lstat) is type(len)\n",
    )
    found = project.run("-p", "taken", *workers)
    assert found.exit == 0
    assert "testcache: this run: could not be watched: AttributeError: " in found.text
    assert "has no attribute 'getctime' [not-watched]" in found.text
    assert "Traceback" not in found.text
    assert project.run("-p", "no:xdist").executed == {"test_it.py::test_it"}  # nothing was stored
