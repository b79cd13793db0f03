"""Hits that would come upon what another test leaves in memory only now: they run."""

from __future__ import annotations

import re

import pytest
from harness import TWO_WORKERS, Project, Run

SETTINGS = """
import functools, os
DEBUG = False
MODES = {"a": 1}
NAMES = []
MEMO = {}
CLASS = type("CLASS", (), {"limit": 3})
LAZY = None
class Table:
    @functools.cached_property
    def rows(self): return [1]
TABLE = Table()
def lazy():
    global LAZY
    if LAZY is None:
        LAZY = ["filled"]
    return LAZY
def memo(key):
    if key not in MEMO:
        MEMO[key] = key
    return MEMO[key]
@functools.lru_cache
def cached(key): return key
def debug(): return DEBUG
def modes(): return sorted(MODES.items())
def names(): return list(NAMES)
def mode(): return os.environ.get("SHOP_MODE")
"""
FIRST = "import settings\ndef test_before(): assert settings.debug() is False\n"
SECOND = "import settings\ndef test_edited(monkeypatch):\n    assert settings.__name__\n"
THIRD = """
import settings
def test_debug(): assert settings.debug() is False
def test_modes(): assert settings.modes() == [("a", 1)]
def test_names(): assert settings.names() == []
def test_limit(): assert settings.CLASS.limit == 3
def test_memo(): assert settings.memo(1) == 1
def test_other(): assert settings.cached(1)
def test_rows(): assert settings.TABLE.rows == [1]
def test_lazy(): assert settings.lazy()
def test_mode(): assert settings.mode() is None
def test_far(): assert True
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    """Three files, in the order of which nobody leaves what another one minds."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("settings.py", SETTINGS)
    project.write("test_1.py", FIRST)
    project.write("test_2.py", SECOND)
    project.write("test_3.py", THIRD)
    assert project.run().exit == 0
    return project


def without_tries(run: Run, broken: str) -> set[str]:
    """Who ran, but for those before the failing test in its file: they do so to find out whether it needs them."""
    names = re.findall(r"def (test_\w+)", THIRD)
    return run.executed - {f"test_3.py::{name}" for name in names[: names.index(broken)]}


def edit(project: Project, body: str) -> None:
    project.write("test_2.py", SECOND + f"    {body}\n")


LEAKS = [
    ("settings.DEBUG = True", "test_debug"),
    ("settings.MODES['a'] = 2", "test_modes"),
    ("settings.MODES['b'] = 2", "test_modes"),
    ("del settings.MODES['a']", "test_modes"),
    ("settings.NAMES.append('x')", "test_names"),
    ("settings.CLASS.limit = 4", "test_limit"),
    ("del settings.CLASS.limit", "test_limit"),
    ("settings.TABLE.rows = []", "test_rows"),
    ("settings.os.environ['SHOP_MODE'] = 'x'", "test_mode"),
]


@pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["here", "workers"])
@pytest.mark.parametrize(("leak", "broken"), LEAKS[:2])
def test_a_new_leak_breaks_who_reads_it(recorded: Project, leak: str, broken: str, workers: tuple[str, ...]) -> None:
    """And nobody else runs; the next run tells the same."""
    edit(recorded, leak)
    run = recorded.run(*workers)
    assert without_tries(run, broken) == {"test_2.py::test_edited", f"test_3.py::{broken}"}
    if not workers:  # on another worker than the leaking test it passes
        assert run.outcomes[f"test_3.py::{broken}"] == "failed"
        assert run.exit == 1
    assert len(run.outcomes) == 12


@pytest.mark.parametrize(("leak", "broken"), LEAKS[2:])
def test_of_any_kind(recorded: Project, leak: str, broken: str) -> None:
    """A key more or less, an element, an attribute of a class, what is computed once."""
    edit(recorded, leak)
    run = recorded.run()
    assert without_tries(run, broken) == {"test_2.py::test_edited", f"test_3.py::{broken}"}
    assert run.outcomes[f"test_3.py::{broken}"] == "failed"
    assert recorded.run().exit == 1


@pytest.mark.parametrize(
    "body",
    [
        "monkeypatch.setattr(settings, 'DEBUG', True)",
        "assert settings.memo(2)",
        "assert settings.cached(2)",
        "settings.DEBUG = True; settings.DEBUG = False",
        "monkeypatch.setenv('SHOP_MODE', 'x')",
        "settings.os.environ['OTHER'] = 'x'",
    ],
)
def test_what_disturbs_nobody(recorded: Project, body: str) -> None:
    """What is put back, and another entry of a table to which all add."""
    edit(recorded, body)
    assert recorded.run().executed == {"test_2.py::test_edited"}
    assert recorded.run().executed == set()


@pytest.mark.parametrize("body", ["assert settings.TABLE.rows", "assert settings.lazy()"])
def test_what_was_filled_before_is_filled_again(recorded: Project, body: str) -> None:
    """A test that runs alone fills what a replayed one would have filled for it."""
    recorded.write("test_1.py", FIRST + f"def test_fills(): {body}\n")
    recorded.run()
    edit(recorded, body)
    assert recorded.run().executed == {"test_2.py::test_edited"}


def test_who_leaks_in_every_run_is_known(recorded: Project) -> None:
    """Also if it fails each time, and has no trace; only the first time others have to run."""
    edit(recorded, "settings.DEBUG = 'x'; assert False")
    assert recorded.run().executed == {"test_2.py::test_edited", "test_3.py::test_debug"}
    recorded.edit("test_3.py", "is False", "== 'x'")
    recorded.run()
    for _ in range(2):
        assert recorded.run().executed == {"test_2.py::test_edited"}


def test_who_stands_before_is_not_disturbed(recorded: Project) -> None:
    """It has run when the leak happens."""
    edit(recorded, "settings.DEBUG = True")
    assert recorded.run().outcomes["test_1.py::test_before"] != "failed"


def test_one_disturbed_may_disturb_the_next(recorded: Project) -> None:
    """A test that runs for this reason may leave something new itself."""
    recorded.edit(
        "test_3.py",
        "def test_debug(): assert",
        "def test_debug():\n    if settings.debug(): settings.NAMES.append(1)\n    assert 1 or",
    )
    recorded.run()
    edit(recorded, "settings.DEBUG = True")
    run = recorded.run()
    assert without_tries(run, "test_names") == {"test_2.py::test_edited", "test_3.py::test_names"}
    assert run.outcomes["test_3.py::test_names"] == "failed"


BOTH = {"test_2.py::test_edited", "test_3.py::test_debug"}


def test_a_value_that_was_put_back_in_between_is_news_again(recorded: Project) -> None:
    """An earlier test has left the same, but another one has reset it since."""
    recorded.write(
        "test_1.py", FIRST + "def test_on(): settings.DEBUG = True\ndef test_off(): settings.DEBUG = False\n"
    )
    recorded.run()
    edit(recorded, "settings.DEBUG = True")
    run = recorded.run()
    assert run.executed == BOTH
    assert run.outcomes["test_3.py::test_debug"] == "failed"


def test_who_rests_on_a_hit_that_runs_after_all(recorded: Project) -> None:
    """A disturbed test no longer fills what a third one had found filled; that one runs, too."""
    recorded.edit(
        "test_3.py",
        "def test_debug(): assert",
        "def test_debug():\n    settings.debug() or settings.lazy()\n    assert 1 or",
    )
    recorded.edit("test_3.py", "assert settings.lazy()", "assert settings.LAZY")
    recorded.run()
    edit(recorded, "settings.DEBUG = True")
    run = recorded.run()
    assert without_tries(run, "test_lazy") == {"test_2.py::test_edited", "test_3.py::test_lazy"}
    assert run.outcomes["test_3.py::test_lazy"] == "failed"


def test_a_reader_on_another_worker_is_not_believed(recorded: Project) -> None:
    """It ran where nothing had leaked, and passed; in one process both run once more."""
    edit(recorded, "settings.DEBUG = True")
    recorded.run(*TWO_WORKERS)
    run = recorded.run()
    assert run.executed == BOTH
    assert run.outcomes["test_3.py::test_debug"] == "failed"


def test_a_wide_fixture_is_set_up_for_another_test(recorded: Project) -> None:
    """It leaves what it would have left for the first who asked; who uses it or reads that is not disturbed."""
    recorded.write(
        "conftest.py", "import pytest, settings\n@pytest.fixture(scope='session')\ndef debug(): settings.DEBUG = True\n"
    )
    recorded.write("test_1.py", "def test_first(debug): pass\n")
    recorded.write("test_2.py", SECOND.replace("monkeypatch", "debug"))
    recorded.edit(
        "test_3.py", "test_debug(): assert settings.debug() is False", "test_debug(debug): assert settings.debug()"
    )
    recorded.write("test_4.py", "import settings\ndef test_reads(): assert settings.debug()\n")
    assert recorded.run().exit == 0
    recorded.edit("test_2.py", "settings.__name__", "settings.__file__")
    assert recorded.run().executed == {"test_2.py::test_edited"}


class TestWhoHadNoTurn:
    """Tests that did not run, nor were replayed, when another one began to leak: the next run knows."""

    def test_a_run_of_one_file(self, recorded: Project) -> None:
        """The leaking test is a hit by then, and runs once more: alone the other one would pass."""
        edit(recorded, "settings.DEBUG = True")
        assert recorded.run("test_2.py").executed == {"test_2.py::test_edited"}
        run = recorded.run()
        assert run.executed == BOTH
        assert run.outcomes["test_3.py::test_debug"] == "failed"

    def test_the_reader_alone_meanwhile(self, recorded: Project) -> None:
        """It was recorded after the other one began to leak, but not with it."""
        edit(recorded, "settings.DEBUG = True")
        recorded.run("test_2.py")
        assert "test_3.py::test_debug" in recorded.run("--cached=refresh", "test_3.py").executed
        run = recorded.run()
        assert run.executed == BOTH
        assert run.outcomes["test_3.py::test_debug"] == "failed"

    def test_a_run_that_was_stopped(self, recorded: Project) -> None:
        """At the first failure; what was not replayed is not counted as cached."""
        edit(recorded, "settings.DEBUG = True\ndef test_red(): assert False")
        run = recorded.run("-x")
        assert "13 tests: 1 cached, 2 run" in run.text
        assert len(run.outcomes) == 3
        assert recorded.run().executed == BOTH | {"test_2.py::test_red"}

    def test_a_run_that_was_killed(self, recorded: Project) -> None:
        """Its results are taken over, and what they left is not known to be old."""
        edit(recorded, "settings.DEBUG = True\ndef test_dies(): __import__('os')._exit(1)")
        assert recorded.run().exit == 1
        edit(recorded, "settings.DEBUG = True")
        run = recorded.run()
        assert run.executed == BOTH
        assert run.outcomes["test_3.py::test_debug"] == "failed"

    def test_once_it_has_passed_it_is_replayed(self, recorded: Project) -> None:
        """Its new trace says what it found."""
        edit(recorded, "settings.DEBUG = True")
        recorded.run("test_2.py")
        recorded.edit("test_3.py", "settings.debug() is False", "settings.debug() in (True, False)")
        recorded.run()
        assert recorded.run().executed == set()
        edit(recorded, "settings.DEBUG = True  # still")
        assert recorded.run().executed == set()


READER = """
import os
from pathlib import Path
def test_reads(): assert not Path("out.txt").exists() or Path("out.txt").read_text() == "1"
def test_lists(): assert len(os.listdir("data")) == 1
def test_far(): assert True
"""


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        ("Path('out.txt').write_text('2')", "test_reads"),
        ("Path('out.txt').write_text('1')", ""),
        ("Path('link').symlink_to('out.txt'); Path('link').write_text('2'); Path('link').unlink()", "test_reads"),
        ("Path('data/b.txt').touch()", "test_lists"),
        ("Path('data/a.txt').unlink()", "test_lists"),
        ("Path('out.txt').write_text('2'); Path('out.txt').unlink()", ""),
    ],
)
def test_a_file_that_was_written_meanwhile(project: Project, body: str, broken: str) -> None:
    """Who reads it was decided when it was something else."""
    project.write("data/a.txt", "")
    project.write("test_1.py", "from pathlib import Path\ndef test_writes(): assert True\n")
    project.write("test_2.py", READER)
    project.run()
    project.edit("test_1.py", "assert True", body)
    run = project.run()
    failed = {test for test, outcome in run.outcomes.items() if outcome == "failed"}
    assert failed == ({f"test_2.py::{broken}"} if broken else set())
    assert "test_2.py::test_far" not in run.executed or broken  # as a neighbour, for a try


TOKENS = """
class Token:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        new = Token()
        setattr(self, name, new)
        return new
TOKEN = Token()
"""


def test_what_the_import_of_a_file_has_made(project: Project) -> None:
    """It is imported again where a test runs, so that this one makes nothing new; each hit is by what is there."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("tokens.py", TOKENS)
    project.write("test_1.py", "import tokens\nMULTI = tokens.TOKEN.Multi\ndef test_it(): assert MULTI\n")
    always = "import pytest, tokens\n@pytest.mark.xfail\ndef test_always(): assert tokens.TOKEN.Multi\n"
    project.write("test_2.py", always)
    project.write("test_3.py", "import tokens\ndef test_reads(): assert tokens.TOKEN.Multi\n")
    always, reads = "test_2.py::test_always", "test_3.py::test_reads"
    assert len(project.run().executed) == 3
    for _ in range(3):
        assert project.run().executed == {always}
    project.edit("test_2.py", "assert tokens", "assert 1 and tokens")
    assert project.run().executed == {always}
    project.edit("test_2.py", "assert 1 and tokens.TOKEN.Multi", "tokens.TOKEN.Multi = 1")
    assert project.run().executed == {always, reads}


@pytest.mark.parametrize("selected", ["test_a.py", "."])
def test_a_run_under_other_options_forgets_no_leak(project: Project, selected: str) -> None:
    """It has compared what is recorded under its own options: the others have not run with the leak yet."""
    project.write("shared.py", "MODE = ['']\n")
    project.write("test_a.py", "import shared\ndef test_a(): assert shared.MODE\n")
    project.write("test_b.py", "import shared\ndef test_b(): assert shared.MODE[0] == ''\n")
    options = ("-W", "ignore::UserWarning")
    assert len(project.run(*options).executed) == 2
    project.edit("test_a.py", "assert shared.MODE", "shared.MODE[0] = 'leak'")
    project.run(*options, "test_a.py")
    project.run(selected)
    assert project.run(*options).outcomes["test_b.py::test_b"] == "failed"
