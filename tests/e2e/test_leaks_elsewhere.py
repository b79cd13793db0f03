"""Tests that leak where somebody else recorded them: hits that are older than that run, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import TWO_WORKERS, Project, Run
from servers import Server

SETTINGS = """
import functools
DEBUG = False
NAMES = []
LAZY = None
COUNT = 0
MEMO = {}
def debug(): return DEBUG
def lazy():
    global LAZY
    if LAZY is None:
        LAZY = ["filled"]
    return LAZY
def count():
    global COUNT
    COUNT += 1
    return COUNT
def memo(key):
    if key not in MEMO:
        MEMO[key] = key
    return MEMO[key]
@functools.lru_cache
def cached(key): return key
"""
FIRST = "import settings\ndef test_before(): assert settings.debug() is False\n"
SECOND = "import settings\ndef test_edited():\n    assert settings.__name__\n"
THIRD = """
import settings
def test_debug(): assert settings.debug() is False
def test_lazy(): assert settings.lazy()
def test_far(): assert True
"""
EDITED, READER = "test_2.py::test_edited", "test_3.py::test_debug"
LEAK = ("settings.__name__", "settings.__name__\n    settings.DEBUG = True")


class Checkout(Project):
    """One of several: that the tools of these tests lie elsewhere would be another environment."""

    def _outside(self, name: str) -> Path:
        return self.path.parent / f"team-{name}"


class Team:
    """Some checkouts of one project, and how they share results."""

    def __init__(self, folder: Path, server: Server | None) -> None:
        self._folder = folder
        self._env = {"TESTCACHE_REMOTE": f"read-write {server.url}"} if server is not None else {}

    def checkout(self, name: str) -> Project:
        project = Checkout(self._folder / name)
        project.write("pytest.ini", "[pytest]\npythonpath = .\n")
        project.write("pyproject.toml", '[project]\nname = "shop"\nversion = "1"\n')
        project.write("settings.py", SETTINGS)
        project.write("test_1.py", FIRST)
        project.write("test_2.py", SECOND)
        project.write("test_3.py", THIRD)
        return project

    def run(self, project: Project, *args: str) -> Run:
        return project.run(*args, env=self._env)

    def give(self, source: Project, target: Project) -> None:
        """Hand over what the first has recorded to the second, unless the remote has done so."""
        if not self._env:
            bundle = str(self._folder / "bundle")
            for project, command in ((source, "export"), (target, "import")):
                assert project.cli(command, bundle).returncode == 0


@pytest.fixture(params=["remote", "bundle"])
def team(request: pytest.FixtureRequest, tmp_path: Path, shared: Server) -> Team:
    return Team(tmp_path, shared if request.param == "remote" else None)


@pytest.fixture
def here(team: Team) -> Project:
    """One checkout in which all has been recorded."""
    project = team.checkout("here")
    assert team.run(project).exit == 0
    return project


@pytest.fixture
def there(team: Team, here: Project) -> Project:
    """Another one that knows all of it, in which one test began to leak and ran alone."""
    project = team.checkout("there")
    team.give(here, project)
    assert team.run(project).executed == set()
    project.edit("test_2.py", *LEAK)
    assert team.run(project, "test_2.py").executed == {EDITED}
    return project


def test_who_would_come_upon_it_runs(team: Team, here: Project, there: Project) -> None:
    """The leaking test is a hit for all who take it; with it the older hit behind it runs, as it would fail."""
    here.edit("test_2.py", *LEAK)
    team.give(there, here)
    run = team.run(here)
    assert run.executed == {EDITED, READER}
    assert run.outcomes[READER] == "failed"


def test_nor_is_it_lost_by_a_run_of_one_file(team: Team, here: Project, there: Project) -> None:
    """What was taken in then is looked at in the first run of all."""
    here.edit("test_2.py", *LEAK)
    team.give(there, here)
    assert team.run(here, "test_2.py").executed == set()
    run = team.run(here)
    assert run.executed == {EDITED, READER}
    assert run.outcomes[READER] == "failed"


def test_a_leak_that_is_settled_there_is_none_here(team: Team, here: Project, there: Project) -> None:
    """There the reader was edited with it, and passes; here it is as it was."""
    there.edit("test_3.py", "is False", "in (True, False)")
    assert team.run(there).exit == 0
    here.edit("test_2.py", *LEAK)
    team.give(there, here)
    run = team.run(here)
    assert run.executed == {EDITED, READER}
    assert run.outcomes[READER] == "failed"


def test_who_was_recorded_with_it_is_replayed(team: Team, here: Project, there: Project) -> None:
    """A checkout with both edits runs nothing, nor does a new one."""
    for project in (there, here, team.checkout("new")):
        if project is not there:
            project.edit("test_2.py", *LEAK)
        project.edit("test_3.py", "is False", "in (True, False)")
        if project is not there:
            team.give(there, project)
        assert (team.run(project).executed == set()) is (project is not there)


BUSY = """
import pytest, settings
@pytest.mark.parametrize("number", range(8))
def test_fills(number):
    assert settings.lazy() and settings.count() and settings.memo(number % 3) == number % 3
    settings.NAMES.append(number)
    settings.DEBUG = number % 2 == 0
    assert settings.cached(number) == number
def test_reads(): assert settings.LAZY or settings.COUNT >= 0 or settings.NAMES
"""


@pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["here", "workers"])
def test_results_of_one_run_of_all_agree(team: Team, workers: tuple[str, ...]) -> None:
    """Whatever they leave and find, and wherever they ran: who takes them in runs nothing; nor after an edit."""
    source = team.checkout("source")
    source.edit("test_1.py", "is False", "in (True, False)")
    source.edit("test_3.py", "is False", "in (True, False)")
    for number in range(4, 7):
        source.write(f"test_{number}.py", BUSY)
    assert team.run(source, *workers).exit == 0
    _replays_all(team, source, "first", workers)
    source.edit("test_4.py", "test_reads(): assert", "test_reads(): assert not 0 and")
    assert team.run(source, *workers).exit == 0
    _replays_all(team, source, "second", workers)
    assert team.run(source, "--cached=refresh", *workers).exit == 0
    _replays_all(team, source, "third", workers)
    if not workers:  # what a part of these tests leaves depends on who ran before on the same worker
        assert team.run(source, "--cached=refresh", "test_5.py").exit == 0
        _replays_all(team, source, "fourth", workers)


def _replays_all(team: Team, source: Project, name: str, workers: tuple[str, ...]) -> None:
    fresh = team.checkout(name)
    for file in source.path.glob("test_*.py"):
        fresh.write(file.name, file.read_text())
    team.give(source, fresh)
    for _ in range(2):
        assert team.run(fresh, *workers).executed == set()
