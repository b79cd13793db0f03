"""What would run because of a leak is told without pytest, too: by status, by the hook that checks, by run."""

from __future__ import annotations

import pytest
from harness import Project

ALIKE = ("-p", "testcache.plugin", "-p", "xdist.plugin", "-p", "witness")
"""Options with which `testcache run` starts the same plugins as the other runs."""

EDITED, READER = "test_2.py::test_edited", "test_3.py::test_debug"


@pytest.fixture
def leaking(project: Project) -> Project:
    """All is recorded; then one test began to leak, and ran alone."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("settings.py", "DEBUG = False\ndef debug(): return DEBUG\n")
    project.write("test_1.py", "import settings\ndef test_before(): assert settings.debug() is False\n")
    project.write("test_2.py", "import settings\ndef test_edited(): assert settings.__name__\n")
    project.write(
        "test_3.py",
        "import settings\ndef test_debug(): assert settings.debug() is False\ndef test_far(): assert True\n",
    )
    assert project.run().exit == 0
    project.cli("run", *ALIKE)
    assert "4 cached" in project.cli("run", *ALIKE).stdout
    project.edit("test_2.py", "settings.__name__", "settings.__name__; settings.DEBUG = True")
    assert project.run("test_2.py").executed == {EDITED}
    return project


def told(project: Project) -> tuple[int, int, str]:
    """The exit codes of status and of the hook, and the closing line of the first."""
    status, hook = project.cli("status"), project.cli("hook", "check")
    assert status.stdout == hook.stdout
    return status.returncode, hook.returncode, status.stdout.splitlines()[-1]


def test_who_would_run_is_counted(leaking: Project) -> None:
    """The reader and the leaking test, which is a hit otherwise; pytest runs just these."""
    exits = told(leaking)
    assert exits[:2] == (1, 1)
    assert "4 tests: 2 cached, 2 would run" in exits[2]
    assert leaking.run().executed == {EDITED, READER}


def test_run_leaves_it_to_pytest(leaking: Project) -> None:
    """It does not say that nothing changed; the reader fails."""
    run = leaking.cli("run", *ALIKE)
    assert run.returncode == 1
    assert "4 tests: 2 cached, 2 run" in run.stdout


def test_one_of_them_is_explained(leaking: Project) -> None:
    """With what it would come upon, and who has left that."""
    told = leaking.cli("explain", READER)
    assert told.returncode == 1
    assert "[leftover]" in told.stdout
    assert EDITED in told.stdout
    assert "[leaks]" in leaking.cli("explain", EDITED).stdout


def test_what_is_settled_is_cached(leaking: Project) -> None:
    """Once the reader has passed with it, nothing would run, nor does it."""
    leaking.edit("test_3.py", "is False", "in (True, False)")
    leaking.run()
    assert told(leaking)[:2] == (0, 0)
    assert leaking.run().executed == set()


def test_a_leak_that_was_taken_back_is_none(leaking: Project) -> None:
    """The earlier result of the test holds again, which left nothing."""
    leaking.edit("test_2.py", "; settings.DEBUG = True", "")
    assert told(leaking)[:2] == (0, 0)
    assert leaking.run().executed == set()


def test_what_the_index_of_a_run_of_all_holds_is_cached(project: Project) -> None:
    """A test that does alone what it does not if all run has leaked, but not in the next run of all."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("settings.py", "MODE = None\ndef mode(): return MODE\n")
    project.write("test_1.py", "import settings\ndef test_sets(): settings.MODE = 'x'\n")
    project.write("test_2.py", "import settings\ndef test_edited(): settings.MODE = settings.mode() or 'y'\n")
    project.write("test_3.py", "import settings\ndef test_mode(): assert settings.mode() == 'x'\n")
    env = {"PYTEST_PLUGINS": "testcache.plugin"}
    for args, cached in ((), 0), ((), 3), (("--cached=refresh", "test_2.py"), 0), ((), 3):
        run = project.python("-m", "pytest", "--cached", *args, env=env)
        assert f" {cached} cached" in run.stdout
    assert project.cli("status", env=env).returncode == 0


def test_a_bundle_with_a_leak(leaking: Project) -> None:
    """Of results that were taken in it is known, too, that one leaves what an older one does not know."""
    leaking.edit("test_2.py", "; settings.DEBUG = True", "")
    assert leaking.cli("export", "../before").returncode == 0
    leaking.edit("test_2.py", "settings.__name__", "settings.__name__; settings.DEBUG = 1")
    assert leaking.run("test_2.py").executed == {EDITED}
    assert leaking.cli("export", "../after").returncode == 0
    assert leaking.cli("clear").returncode == 0
    for bundle in ("../before", "../after"):
        assert leaking.cli("import", bundle).returncode == 0
    exits = told(leaking)
    assert exits[:2] == (1, 1)
    assert leaking.run().executed == {EDITED, READER}


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_test_that_begins_to_change_what_others_share(project: Project, scope: str) -> None:
    """The value of a wide fixture, which is torn down behind it where the others are replayed."""
    project.write("conftest.py", f"import pytest\n@pytest.fixture(scope='{scope}')\ndef box(): return []\n")
    project.write("test_m.py", "def test_a(box): pass\ndef test_b(box): assert box == []\n")
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.edit("test_m.py", "def test_a(box): pass", "def test_a(box): box.append(1)")
    for _ in range(3):
        assert project.run().outcomes["test_m.py::test_b"] == "failed"
