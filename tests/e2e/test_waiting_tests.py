"""Tests that rest on what an earlier one left in memory: they wait for it, and run only if that is something else."""

from __future__ import annotations

import shutil
import time

import pytest
from harness import TWO_WORKERS, Project

CONFIG = """
LOADED = {}
def get(key):
    if key not in LOADED:
        LOADED[key] = load(key)
    return LOADED[key]
def load(key):
    return 1
"""
FIRST = "import config\ndef test_fills(): assert config.get('a')\n"
OTHERS = """
import config, pytest
@pytest.mark.parametrize("number", range(4))
def test_reads(number): assert config.get("a")
def test_far(): assert config.__name__
"""
LIBRARY = """
import pytest
class Box: value = None
@pytest.fixture(scope="session")
def box(): return Box()
"""
PUTS_BACK = """
import logging, pytest
ROOT = logging.getLogger()
@pytest.fixture(autouse=True)
def handlers():
    before = list(ROOT.handlers)
    yield
    ROOT.handlers = before
"""
HANGS = """
import log
def test_hangs(): log.LOG.addHandler(log.logging.NullHandler(log.level()))
def test_counts(): assert [one.level for one in log.LOG.handlers] == [1]
"""
READS = {f"test_b.py::test_reads[{number}]" for number in range(4)}
SAME, OTHER = ("return 1", "return 2 - 1"), ("return 1", "return 2")


@pytest.fixture
def shop(project: Project) -> Project:
    """A project in which the first test has filled what four others read."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("config.py", CONFIG)
    project.write("test_a.py", FIRST)
    project.write("test_b.py", OTHERS)
    assert len(project.run().executed) == 6
    return project


@pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["here", "workers"])
def test_the_same_again_is_replayed(shop: Project, workers: tuple[str, ...]) -> None:
    """Only the test that fills runs; once it has, nothing is left to run."""
    shop.edit("config.py", *SAME)
    run = shop.run(*workers)
    assert run.executed == {"test_a.py::test_fills"}
    assert len(run.outcomes) == 6
    assert shop.run(*workers).executed == set()


@pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["here", "workers"])
def test_something_else_is_read_anew(shop: Project, workers: tuple[str, ...]) -> None:
    """All that read it run behind the one that fills it, each once."""
    shop.edit("config.py", *OTHER)
    run = shop.run(*workers)
    assert run.executed == {"test_a.py::test_fills", *READS}
    assert len(run.outcomes) == 6
    assert run.exit == 0


def test_who_waits_for_one_that_runs_only_now_is_replayed_if_that_leaves_the_same(shop: Project) -> None:
    """The first leaves something else, so that those behind it run; the sign of what they leave is as it was."""
    shop.write("signs.py", "import config\nSEEN = []\ndef sign():\n    SEEN or SEEN.append(config.get('a') > 0)\n")
    shop.write("test_c.py", "import signs\ndef test_sign():\n    signs.sign()\n    assert signs.SEEN\n")
    shop.write("test_d.py", "import signs\ndef test_seen(): assert signs.SEEN == [True]\n")
    shutil.rmtree(shop.path / ".testcache")
    shop.run()
    assert shop.run().executed == set()
    shop.edit("config.py", *OTHER)
    run = shop.run()
    assert run.executed == {"test_a.py::test_fills", *READS, "test_c.py::test_sign"}
    assert len(run.outcomes) == 8
    assert shop.run().executed == set()


def test_who_is_settled_late_is_compared_with_what_was_written_early(shop: Project) -> None:
    """The first test writes a file now; who reads that waits for one that runs only in the next round."""
    shop.write("signs.py", "import config\nSEEN = []\ndef sign():\n    SEEN or SEEN.append(config.get('a') > 0)\n")
    shop.write("test_c.py", "import signs\ndef test_sign():\n    signs.sign()\n    assert signs.SEEN\n")
    shop.write(
        "test_d.py", "import signs\ndef test_seen():\n    assert signs.SEEN\n    assert open('n.txt').read() == '1'\n"
    )
    shop.write("n.txt", "1")
    shutil.rmtree(shop.path / ".testcache")
    shop.run()
    assert shop.run().executed == set()
    shop.edit("config.py", *OTHER)
    shop.write("test_a.py", f"{FIRST}    open('n.txt', 'w').write('2')\n".replace("(): assert", "():\n    assert"))
    assert shop.run().outcomes["test_d.py::test_seen"] == "failed"


def test_neighbours_do_not_keep_a_test_from_being_replayed(shop: Project) -> None:
    """Also if others of its file were replayed before."""
    shop.write("test_b.py", "def test_apart(): assert True\n" + OTHERS)
    shop.run()
    shop.edit("config.py", *SAME)
    assert shop.run().executed == {"test_a.py::test_fills"}


def test_a_doctest_may_read_anything(shop: Project) -> None:
    """Its code is a text, which nobody looks through for names."""
    shop.write("pytest.ini", "[pytest]\npythonpath = .\naddopts = --doctest-glob=*.txt\n")
    shop.write("test_c.txt", ">>> import config\n>>> 'a' in config.LOADED or config.get('a') and True\nTrue\n")
    shop.run()
    shop.edit("config.py", *OTHER)
    assert any("test_c.txt" in test for test in shop.run().executed)


def test_the_value_of_a_fixture_of_a_library(shop: Project) -> None:
    """What a test leaves in it is found by others that use it."""
    shop.write("pytest.ini", "[pytest]\npythonpath = . lib/site-packages\n")
    shop.write("lib/site-packages/library.py", LIBRARY)
    shop.write("conftest.py", "pytest_plugins = ['library']\n")
    shop.write("test_a.py", "import config\ndef test_fills(box): box.value = config.load(1)\n")
    shop.write("test_b.py", "def test_reads(box): assert box.value\n")
    shop.run()
    shop.edit("config.py", *OTHER)
    assert "test_b.py::test_reads" in shop.run().executed


def test_who_is_too_old_does_not_wait(shop: Project) -> None:
    """A result that is older than it may be is not replayed, whatever was left."""
    shop.write("test_b.py", OTHERS.replace("@pytest", "@pytest.mark.testcache(max_age='1s')\n@pytest", 1))
    shop.run()
    time.sleep(1.1)
    shop.edit("config.py", *SAME)
    assert shop.run().executed == {"test_a.py::test_fills", *READS}


def test_a_variable_of_the_environment(project: Project) -> None:
    """It is left by a test that does not put it back, and found by those that read it."""
    project.write("test_a.py", "import os\ndef test_sets(): os.environ['SHOP_MODE'] = 'x'\n")
    project.write(
        "test_b.py", "import os\ndef test_far(): pass\ndef test_reads(): assert os.environ['SHOP_MODE'] == 'x'\n"
    )
    project.run()
    assert project.run().executed == set()
    project.edit("test_a.py", "'x'", "'y'")
    run = project.run()
    assert run.executed >= {"test_a.py::test_sets", "test_b.py::test_reads"}
    assert run.outcomes["test_b.py::test_reads"] == "failed"


def test_who_is_alone_runs(shop: Project) -> None:
    """Without the test that fills nobody can tell what is left."""
    shop.edit("config.py", *SAME)
    assert shop.run("test_b.py").executed == READS


def test_who_fails_is_compared_like_others(shop: Project) -> None:
    """A failing test always runs; what it leaves counts, and not how it ended."""
    shop.edit("test_a.py", "assert config.get('a')", "assert not config.get('a')")
    for _ in range(2):
        run = shop.run()
        assert run.executed == {"test_a.py::test_fills"}
        assert run.exit == 1
    shop.edit("config.py", *OTHER)
    assert shop.run().executed == {"test_a.py::test_fills", *READS}


def test_who_failed_by_an_edit_that_is_taken_back_is_replayed(shop: Project) -> None:
    """What it has left when it passed is left by its replay, and nobody has to wait for it."""
    shop.edit("config.py", "return 1", "return 0")
    assert shop.run().exit == 1
    shop.edit("config.py", "return 0", "return 1")
    assert shop.cli("explain", "test_b.py").returncode == 0
    assert shop.run().executed == set()


def test_who_is_never_cached_is_compared_each_time(shop: Project) -> None:
    """A test that always runs lets the others be replayed as long as it leaves the same."""
    shop.write("test_a.py", "import config, pytest\n@pytest.mark.testcache(never=True)\n" + FIRST.partition("\n")[2])
    shop.run()
    for _ in range(2):
        assert shop.run().executed == {"test_a.py::test_fills"}
    shop.edit("config.py", *OTHER)
    assert shop.run().executed == {"test_a.py::test_fills", *READS}


def test_another_test_may_fill_it_first(shop: Project) -> None:
    """If a test before it leaves the same, the others rest on that one from then on."""
    shop.write("test_0.py", FIRST.replace("test_fills", "test_before"))
    shop.edit("config.py", *SAME)
    assert shop.run().executed == {"test_0.py::test_before", "test_a.py::test_fills"}
    assert shop.run().executed == set()


COUNTER = """
NUMBER = 0
def take():
    global NUMBER
    NUMBER += step()
    return NUMBER
def step(): return 1
def other(): return 1
"""
COUNTS = """
import counter
def test_0(): assert counter.take()
def test_1(): assert counter.take()
def test_2(): assert counter.other() and counter.take()
def test_3(): assert counter.take()
def test_4(): assert counter.take() == 5
"""


class TestCounter:
    """Five tests count up the same number; the last one needs to be the fifth."""

    @pytest.fixture
    def counter(self, project: Project) -> Project:
        project.write("pytest.ini", "[pytest]\npythonpath = .\n")
        project.write("counter.py", COUNTER)
        project.write("test_n.py", COUNTS)
        return project

    def test_who_counts_as_before_has_the_others_replayed(self, counter: Project) -> None:
        """Although alone it counts from the beginning; and so it goes on."""
        counter.run()
        counter.edit("counter.py", "def other(): return 1", "def other(): return 2")
        assert counter.run().executed == {"test_n.py::test_2"}
        assert counter.run().executed == set()
        counter.edit("counter.py", "def other(): return 2", "def other(): return 3")
        assert counter.run().executed == {"test_n.py::test_2"}

    def test_who_ran_behind_it_found_another_number(self, counter: Project) -> None:
        """What was left in truth is recorded, too, next to what a run of all tests would leave."""
        counter.write("test_o.py", "import counter\ndef test_reads(): assert counter.other() and counter.NUMBER\n")
        counter.run()
        counter.edit("counter.py", "def other(): return 1", "def other(): return 2")
        assert counter.run().executed - {"test_n.py::test_1"} == {"test_n.py::test_2", "test_o.py::test_reads"}
        assert counter.run().executed == set()

    def test_a_teardown_behind_it(self, counter: Project) -> None:
        """Its result is only complete at the end of the run; it is carried forward even so."""
        counter.write("conftest.py", "import pytest\n@pytest.fixture(scope='session')\ndef wide(): yield\n")
        counter.edit("test_n.py", "def test_2():", "def test_2(wide):")
        counter.run()
        counter.edit("counter.py", "def other(): return 1", "def other(): return 2")
        assert counter.run().executed == {"test_n.py::test_2"}
        assert counter.run().executed == set()

    @pytest.mark.parametrize("why", ["assert not", "raise"])
    def test_who_never_passes(self, counter: Project, why: str) -> None:
        """Two tests in a row that always run, and always count."""
        text = COUNTS.replace("def test_0(): assert", f"def test_0(): {why}")
        counter.write("test_n.py", text.replace("def test_1(): assert", f"def test_1(): {why}"))
        counter.run()
        for _ in range(2):
            assert counter.run().executed == {"test_n.py::test_0", "test_n.py::test_1"}
        counter.edit("counter.py", "def other(): return 1", "def other(): return 2")
        assert counter.run().executed == {f"test_n.py::test_{number}" for number in range(3)}
        assert counter.run().executed == {"test_n.py::test_0", "test_n.py::test_1"}

    def test_neighbours_that_run_once_more(self, counter: Project) -> None:
        """A failing test has them run, for a try; what they count is theirs, and not of the test behind."""
        counter.edit("test_n.py", "counter.other() and counter.take()", "not counter.take()")
        counter.run()
        for _ in range(2):
            run = counter.run()
            assert run.executed == {f"test_n.py::test_{number}" for number in range(3)}
            assert "5 tests: 4 cached, 1 run (1 failed before)" in run.text

    def test_who_counts_further_has_the_later_ones_run(self, counter: Project) -> None:
        """They would find another number."""
        counter.run()
        counter.edit("test_n.py", "def test_2(): assert", "def test_2(): assert counter.take() and")
        assert counter.run().executed == {f"test_n.py::test_{number}" for number in (2, 3, 4)}

    def test_a_step_that_is_edited(self, counter: Project) -> None:
        """All run."""
        counter.run()
        counter.edit("counter.py", "def step(): return 1", "def step(): return 2")
        run = counter.run()
        assert len(run.executed) == 5
        assert run.exit == 1


def test_explain_says_who_left_what(shop: Project) -> None:
    """A test that waits is explained by the place in memory and by who filled it."""
    shop.edit("config.py", *OTHER)
    done = shop.cli("explain", "test_b.py::test_reads[0]")
    assert "[leftover]" in done.stdout
    assert "config.py::LOADED[#" in done.stdout
    assert "left by test_a.py::test_fills" in done.stdout


def test_what_reporting_hooks_write_down_is_no_leftover(shop: Project) -> None:
    """A list of results that a conftest file keeps ties no test to another."""
    shop.write("conftest.py", "SEEN = []\ndef pytest_runtest_logreport(report):\n    SEEN.append(report.nodeid)\n")
    shop.run()
    shop.edit("test_a.py", "assert config.get('a')", "assert config.get('a') or 1")
    assert shop.run().executed == {"test_a.py::test_fills"}


def test_handlers_that_each_test_puts_back_are_no_leftover(shop: Project) -> None:
    """The list that a fixture puts back holds pytest's own handlers, and is another one each time."""
    shop.write("conftest.py", PUTS_BACK)
    shop.write("test_c.py", "import conftest\ndef test_reads(): assert conftest.ROOT.handlers\n")
    shop.run()
    shop.edit("test_a.py", "assert config.get('a')", "assert config.get('a') or 1")
    assert shop.run().executed == {"test_a.py::test_fills"}


def test_a_handler_that_a_test_leaves_is_a_leftover(shop: Project) -> None:
    """Who looks at the handlers of a logger rests on who has hung one there."""
    shop.write("log.py", "import logging\nLOG = logging.getLogger('shop')\ndef level(): return 1\n")
    shop.write("test_c.py", HANGS)
    shop.run()
    shop.edit("log.py", *OTHER)
    run = shop.run()
    assert run.executed == {"test_c.py::test_hangs", "test_c.py::test_counts"}
    assert run.outcomes["test_c.py::test_counts"] == "failed"


def test_what_cannot_be_looked_at_ends_no_run(shop: Project) -> None:
    """But nothing is stored from then on, as nobody knows what lies in memory."""
    shop.write("broken.py", "import weakref\nTABLE = weakref.WeakKeyDictionary()\ndel TABLE.data\n")
    shop.write("test_c.py", "import broken\ndef test_it(): assert broken.TABLE is not None\n")
    run = shop.run("-v")
    assert run.outcomes["test_c.py::test_it"] == "passed"
    assert "memory could not be looked at: AttributeError" in run.text
    assert "[not-observed]" in run.text
    assert "test_c.py::test_it" in shop.run().executed


def test_keys_are_not_written_in_clear(shop: Project) -> None:
    """A key may be a secret: the store holds a fingerprint of it."""
    shop.write("test_c.py", "import config\nKEY = 'horse' + '-battery'\ndef test_it(): assert config.get(KEY)\n")
    shop.run()
    stored = b"".join(path.read_bytes() for path in (shop.path / ".testcache").rglob("*") if path.is_file())
    assert b"LOADED[#" in stored
    assert b"horse-battery" not in stored


def test_who_waited_for_what_is_left_again_runs_if_something_else_is_left_too(project: Project) -> None:
    """A plugin is new in a folder that the first test goes through: it fills a table with one more entry."""
    project.write(
        "formats.py",
        "import importlib, pathlib\nFORMATS, DONE = {}, []\n"
        "def load():\n    if DONE: return\n"
        "    for file in sorted(pathlib.Path(__file__).with_name('plugins').glob('*.py')):\n"
        "        importlib.import_module(f'plugins.{file.stem}')\n    DONE.append(1)\n"
        "def name(value):\n    load()\n    return FORMATS.get(type(value), 'other')\n",
    )
    project.write("plugins/whole.py", "import formats\nformats.FORMATS[int] = 'whole'\n")
    project.write(
        "test_it.py",
        "from formats import name\ndef test_whole(): assert name(1) == 'whole'\n"
        "def test_text(): assert name('a') == 'other'\ndef test_none(): assert name(None) == 'other'\n",
    )
    assert project.run().exit == 0
    assert project.run().executed == set()
    project.write("plugins/words.py", "import formats\nformats.FORMATS[str] = 'words'\n")
    for _ in range(2):
        assert list(project.run().outcomes.values()) == ["passed", "failed", "passed"]
    project.edit("test_it.py", "name('a') == 'other'", "name('a') == 'words'")
    project.run()
    assert project.run().executed == set()
