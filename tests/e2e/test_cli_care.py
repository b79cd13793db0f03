"""`testcache prune`, `clear`, `doctor`, `init` and `run`: looking after the store and the project."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from harness import Project

DATABASE = ".testcache/v1/cache.db"


@pytest.fixture
def recorded(project: Project) -> Project:
    """Two tests, recorded."""
    project.write("test_a.py", "def test_one():\n    pass\n\n\ndef test_two():\n    pass\n")
    run = project.run()
    assert run.exit == 0, run.text
    return project


# -- prune


def test_prune_keeps_what_is_within_the_limits(recorded: Project) -> None:
    """By default the limits are the settings', and a small store stays whole."""
    done = recorded.cli("prune")
    assert done.returncode == 0, done.stderr
    assert "nothing removed" in done.stdout
    assert "limits: 1.0 GiB, 30 days" in done.stdout
    assert recorded.run().executed == set()


def test_prune_down_to_a_size(recorded: Project) -> None:
    """A smaller size removes entries and says how many; their tests run again."""
    done = recorded.cli("prune", "--max-size", "1KiB")
    assert done.returncode == 0, done.stderr
    assert " removed (" in done.stdout
    assert len(recorded.run().executed) == 2


@pytest.mark.parametrize("option", ["--max-size", "--max-age"])
def test_a_limit_that_is_none_is_a_usage_error(recorded: Project, option: str) -> None:
    """The message names the option, the value and what was expected."""
    done = recorded.cli("prune", option, "5gigs")
    assert done.returncode == 4
    assert done.stderr.startswith(f"testcache: {option}=5gigs: expected a whole number and ")


# -- clear


def test_clear_forgets_everything(recorded: Project) -> None:
    """After clear everything runs; clearing twice is no error."""
    assert "cleared" in recorded.cli("clear").stdout
    assert recorded.cli("clear").returncode == 0
    assert len(recorded.run().executed) == 2


def test_clear_forgets_one_test(recorded: Project) -> None:
    """Only the named test runs again."""
    done = recorded.cli("clear", "test_a.py::test_one")
    assert "1 test forgotten" in done.stdout
    assert recorded.run().executed == {"test_a.py::test_one"}


def test_clear_of_an_unknown_test_forgets_nothing(recorded: Project) -> None:
    """One typo among several names, and all stays as it is."""
    done = recorded.cli("clear", "test_a.py::test_one", "test_a.py::test_twoo")
    assert done.returncode == 4
    assert "nothing was forgotten [unknown-test]" in done.stderr
    assert recorded.run().executed == set()


def test_clear_heals_a_damaged_store(recorded: Project) -> None:
    """Where explain can only say that the store is damaged, clear makes it anew."""
    (recorded.path / DATABASE).write_bytes(b"no database" * 1000)
    done = recorded.cli("explain", "test_a.py::test_one")
    assert done.returncode == 3
    assert "testcache clear" in done.stderr
    assert done.stderr.splitlines()[0].endswith("]")
    assert recorded.cli("clear").returncode == 0
    assert recorded.run().exit == 0
    assert recorded.run().executed == set()


def test_clear_without_a_store(project: Project) -> None:
    """Nothing to clear is no error, and makes no store."""
    assert project.cli("clear").returncode == 0
    assert not (project.path / ".testcache").exists()


# -- doctor


def test_doctor_fits_one_screen_and_knows_the_last_run(recorded: Project) -> None:
    """Python, plugin, recorder, store and environment, each on a line."""
    done = recorded.cli("doctor")
    subjects = [line.split("  ")[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert subjects[:4] == ["testcache", "python", "plugin", "child hook"]
    assert {"recorder", "store", "last run", "environment"} <= set(subjects)
    assert "now the same" in done.stdout
    assert len(done.stdout.splitlines()) <= 24


def test_doctor_names_what_differs_since_the_last_run(recorded: Project) -> None:
    """Another locale is found before it makes everything run."""
    assert "variable LANG: " in recorded.cli("doctor", env={"LANG": "C"}).stdout


def test_doctor_finds_a_damaged_store(recorded: Project) -> None:
    """A problem is marked, comes with its remedy, and makes the exit code 1."""
    (recorded.path / DATABASE).write_bytes(b"no database" * 1000)
    done = recorded.cli("doctor")
    assert done.returncode == 1
    assert "store       !! " in done.stdout
    assert "testcache clear makes it anew" in done.stdout


def test_doctor_works_before_the_first_run(project: Project) -> None:
    """Nobody has to run tests first to ask whether they could."""
    assert "none yet" in project.cli("doctor").stdout


# -- init


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_init_writes_settings_and_ignores_the_store_once(recorded: Project) -> None:
    """A settings file that changes nothing, one line in .gitignore, and nothing the second time."""
    git(recorded.path, "init", "--quiet")
    recorded.write(".gitignore", "*.pyc")
    first = recorded.cli("init")
    assert first.returncode == 0, first.stderr
    assert ".testcache.toml: written" in first.stdout
    assert ".testcache/ added" in first.stdout
    assert (recorded.path / ".gitignore").read_text() == "*.pyc\n.testcache/\n"
    settings = (recorded.path / ".testcache.toml").read_text()
    second = recorded.cli("init")
    assert "left as it is" in second.stdout
    assert "ignored already" in second.stdout
    assert (recorded.path / ".testcache.toml").read_text() == settings
    assert (recorded.path / ".gitignore").read_text() == "*.pyc\n.testcache/\n"
    assert recorded.run().exit == 0


def test_init_leaves_settings_in_pyproject(project: Project) -> None:
    """Settings in both files would be refused, so the second one is not written."""
    project.write("pyproject.toml", '[tool.testcache]\nmode = "read"\n')
    done = project.cli("init")
    assert "the settings are in pyproject.toml" in done.stdout
    assert not (project.path / ".testcache.toml").exists()


# -- run and the command itself


def test_run_is_pytest_with_the_cache(recorded: Project) -> None:
    """Arguments go to pytest, with or without the dashes, and its exit code comes back."""
    plugins = ("-p", "testcache.plugin", "-p", "xdist.plugin")
    done = recorded.cli("run", *plugins, "-k", "one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "testcache: 1 test: " in done.stdout
    recorded.edit("test_a.py", "def test_two():\n    pass", "def test_two():\n    assert 0")
    assert recorded.cli("run", "--", *plugins).returncode == 1


def test_help_is_cheap(project: Project) -> None:
    """Asking for help imports neither pytest nor what only the verbs need."""
    code = (
        "import sys, testcache.cli\n"
        "assert testcache.cli.main(['--help']) == 0\n"
        "heavy = {'pytest', 'msgspec', 'diskcache', 'coverage', 'sqlite3', 'xxhash'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = project.python("-c", code)
    assert done.returncode == 0, done.stderr
    assert "explain" in done.stdout


@pytest.mark.parametrize("verb", ["explain", "status", "stats", "doctor", "prune", "clear"])
def test_no_verb_imports_pytest(recorded: Project, verb: str) -> None:
    """The commands work where pytest cannot even be imported."""
    arguments = [verb, "test_a.py"] if verb == "explain" else [verb]
    code = f"import sys\nsys.modules['pytest'] = None\nimport testcache.cli\ntestcache.cli.main({arguments!r})\n"
    done = recorded.python("-c", code)
    assert "Error" not in done.stderr, done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize("arguments", [["frobnicate"], ["explain"], ["status", "--wat"], []])
def test_a_mistyped_command_is_a_usage_error(project: Project, arguments: list[str]) -> None:
    """argparse's exit code 2 means interrupted for pytest; ours is 4."""
    assert project.cli(*arguments).returncode == 4


def test_a_wrong_setting_is_a_usage_error(project: Project) -> None:
    """A command stops at a setting that it does not understand, as a run does."""
    project.write(".testcache.toml", 'max-size = "5 gigs"\n')
    done = project.cli("status")
    assert done.returncode == 4
    assert done.stderr.startswith('testcache: .testcache.toml: max-size = "5 gigs": expected ')
