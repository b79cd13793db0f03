"""pytest-xdist: workers start only if something must run, and what they record is worth the same."""

from __future__ import annotations

import re

import pytest
from harness import ONE_WORKER, TWO_WORKERS, Project

FILES = {
    "test_a.py": """
import pytest
@pytest.mark.xdist_group("shared")
def test_a1(wide): assert wide == 1
@pytest.mark.xdist_group(name="shared")
def test_a2(wide): assert wide == 1
def test_a3(): pass
""",
    "test_b.py": """
import pytest
from code_under_test import half
class TestB:
    @pytest.mark.parametrize("number", [2, 4])
    def test_b(self, number): assert half(number) * 2 == number
@pytest.mark.skip(reason="not now")
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert half(2) == 2
""",
    "code_under_test.py": "def half(number): return number // 2\ndef one(): return 1\n",
    "conftest.py": """
import pytest
from code_under_test import one
@pytest.fixture(scope="session")
def wide():
    yield one()
    one()
""",
}
A1, A2, A3 = (f"test_a.py::test_a{number}" for number in (1, 2, 3))
B2, B4, EXPECTED = "test_b.py::TestB::test_b[2]", "test_b.py::TestB::test_b[4]", "test_b.py::test_expected"
BODIES = {A1, A2, A3, B2, B4, EXPECTED}
NO_XDIST: tuple[str, ...] = ()
XDIST = ("xdist.plugin",)


@pytest.fixture
def parallel(project: Project) -> Project:
    """A project with groups, classes, parameters, a session fixture and outcomes of each kind."""
    for name, text in FILES.items():
        project.write(name, text)
    return project


def test_nothing_starts_when_all_is_cached(parallel: Project) -> None:
    """Records travel from workers; then two and even eight start none, and one miss starts one."""
    first = parallel.run(*TWO_WORKERS)
    assert (first.exit, first.executed) == (0, BODIES)
    assert "created: 2/2 workers" in first.text
    for count in ("2", "8"):
        run = parallel.run("--dist=load", "--tx", f"{count}*popen")
        assert (run.exit, run.executed, len(run.outcomes)) == (0, set(), 7)
        assert "worker" not in run.text
    parallel.edit("test_a.py", "def test_a3(): pass", "def test_a3(): assert True")
    run = parallel.run("--dist=load", "--tx", "8*popen")
    assert (run.exit, run.executed, len(run.outcomes)) == (0, {A3}, 7)
    assert "created: 1/1 worker" in run.text
    assert "1 worker [1 item]" in run.text
    assert "7 tests: 6 cached, 1 run (1 changed)" in run.summary


@pytest.mark.parametrize("recorded_with", [("-n0", XDIST), ("-n2", XDIST), ("-v", NO_XDIST)], ids=str)
def test_hits_are_the_same_however_it_was_recorded(
    parallel: Project, recorded_with: tuple[str, tuple[str, ...]]
) -> None:
    """With workers, with -n0 or without xdist at all: what one recorded the others replay."""
    argument, plugins = recorded_with
    parallel.run(argument, plugins=plugins)
    parallel.edit("code_under_test.py", "number // 2", "number / 2")
    changed = {B2, B4, EXPECTED}
    for read_with in (("-n0", XDIST), ("-n2", XDIST), ("-v", NO_XDIST)):
        run = parallel.run("--cached=read", read_with[0], plugins=read_with[1])
        assert (run.exit, run.executed, len(run.outcomes)) == (0, changed, 7), run.text


def test_the_teardown_of_a_session_fixture_counts(parallel: Project) -> None:
    """What a wide fixture runs, on whichever worker, is an input of every test that uses it."""
    parallel.run(*TWO_WORKERS)
    parallel.edit("code_under_test.py", "return 1\n", "return 2 - 1\n")
    assert parallel.run(*TWO_WORKERS).executed == {A1, A2}


@pytest.mark.parametrize("mode", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_each_way_to_distribute_records_and_replays(parallel: Project, mode: str) -> None:
    """--dist and its groups change nothing about what a test is called and when it is replayed."""
    parallel.run(*TWO_WORKERS, f"--dist={mode}", "--cached=on")
    parallel.edit("test_a.py", "def test_a1(wide): assert wide == 1", "def test_a1(wide): assert 1 == wide")
    run = parallel.run(*TWO_WORKERS, f"--dist={mode}")
    assert (run.exit, {test.partition("@")[0] for test in run.executed}) == (0, {A1}), run.text
    assert "7 tests: 6 cached, 1 run (1 changed)" in run.summary
    assert parallel.run("-n0").executed == set()


def test_a_session_that_stops_early_keeps_what_it_has(parallel: Project) -> None:
    """-x and --maxfail stop as always; what had ended is replayed, what had not is run."""
    parallel.write("test_c.py", "def test_bad(): assert False\n")
    stopped = parallel.run(*TWO_WORKERS, "-x")
    assert stopped.exit in (1, 2)
    assert "stopping after 1 failures" in stopped.text
    after = parallel.run(*TWO_WORKERS, "--maxfail=1")
    assert after.executed >= {"test_c.py::test_bad"}
    assert after.executed <= {"test_c.py::test_bad"} | (BODIES - stopped.executed) | {A1, A2}
    parallel.edit("test_c.py", "False", "True")
    assert parallel.run(*TWO_WORKERS).exit == 0
    assert parallel.run(*TWO_WORKERS).executed == set()


def test_a_crashing_worker_is_reported_and_the_others_are_fine(parallel: Project) -> None:
    """A test that ends its process fails, a new worker takes over, and only that test runs next time."""
    parallel.write("test_0.py", "import os, time\ndef test_crash():\n    time.sleep(0.3)\n    os._exit(3)\n")
    first = parallel.run(*TWO_WORKERS)
    assert first.exit == 1
    assert first.outcomes["test_0.py::test_crash"] == "error"  # it is reported outside of all phases
    assert re.search(r"worker 'gw\d' crashed while running 'test_0.py::test_crash'", first.text)
    assert len(first.outcomes) == 8
    second = parallel.run(*TWO_WORKERS)
    assert (second.exit, second.outcomes) == (1, first.outcomes)
    assert second.executed == {"test_0.py::test_crash"}
    parallel.edit("test_0.py", "os._exit(3)", "pass")
    assert parallel.run(*TWO_WORKERS).exit == 0
    assert parallel.run(*TWO_WORKERS).executed == set()


def test_output_and_properties_travel_home(project: Project) -> None:
    """What a worker captured is replayed by the controller."""
    project.write("test_it.py", "def test_it(record_property):\n    record_property('k', 'v')\n    print('words')\n")
    project.run(*ONE_WORKER)
    run = project.run(*ONE_WORKER, "-rP")
    assert run.executed == set()
    assert "words" in run.text


def test_an_option_of_the_project_counts_on_workers(project: Project) -> None:
    """A test that read an option of a conftest file on a worker runs when its value changes."""
    project.write("conftest.py", "def pytest_addoption(parser): parser.addoption('--speed', default='1')\n")
    reads = "def test_reads(request): assert request.config.getoption('--speed') != '3'\n"
    project.write("test_it.py", reads + "def test_other(): pass\n")
    assert project.run(*TWO_WORKERS).exit == 0
    assert project.run(*TWO_WORKERS, "--speed=2").executed == {"test_it.py::test_reads"}
    assert project.run(*TWO_WORKERS, "--speed=3").exit == 1
    assert project.run(*TWO_WORKERS).executed == set()


def test_a_worker_that_is_not_like_the_controller_stores_nothing(project: Project) -> None:
    """execnet does not hand flags of the interpreter on: what ran without them is not their result."""
    project.write("test_it.py", "def test_it(): pass\n")
    flags = ("-X", "dev", "-W", "ignore")
    for _ in range(2):
        run = project.run(*ONE_WORKER, "-v", python_flags=flags)
        assert (run.exit, run.executed) == (0, {"test_it.py::test_it"})
        assert "its worker differs from pytest's own process: flags, warnoptions, xoptions" in run.text
    assert project.run(*ONE_WORKER).executed == {"test_it.py::test_it"}
    assert project.run(*ONE_WORKER).executed == set()


@pytest.mark.parametrize("variable", ["LANG", "LC_ALL"])
def test_without_a_locale_workers_are_like_the_controller(parallel: Project, variable: str) -> None:
    """Python sets LC_CTYPE there, and so its children are not in UTF-8 mode."""
    run = parallel.run(*TWO_WORKERS, env={variable: "C"})
    assert (run.exit, len(run.outcomes)) == (0, 7)
    assert parallel.run(*TWO_WORKERS, env={variable: "C"}).executed == set()


COUNTS = """
import os, sys
def look(event, args):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    if event == "compile" and args[1] == "<unknown>":
        open(os.environ["NOTES"], "a").write("parsed ")
    elif event == "exec" and args[0].co_filename.endswith("test_b.py"):
        open(os.environ["NOTES"], "a").write("imported ")
sys.addaudithook(look)
def pytest_generate_tests(metafunc):
    if "PYTEST_XDIST_WORKER" in os.environ:
        open(os.environ["NOTES"], "a").write(metafunc.function.__name__ + " ")
"""


@pytest.mark.parametrize("selected", [(), ("-m", "not slow")], ids=["all", "by mark"])
def test_workers_do_nothing_twice(parallel: Project, selected: tuple[str, ...]) -> None:
    """They parse nothing that was parsed before, import no file and make no test of which nothing runs."""
    parallel.write("conftest.py", COUNTS + FILES["conftest.py"])
    notes = parallel.path.parent / "notes"
    assert len(parallel.run(*TWO_WORKERS, *selected, env={"NOTES": str(notes)}).executed) == len(BODIES)
    assert "parsed" not in notes.read_text().split()
    notes.unlink()
    parallel.edit("test_a.py", "def test_a3(): pass", "def test_a3(): assert True")
    run = parallel.run(*TWO_WORKERS, *selected, env={"NOTES": str(notes)})
    assert (run.executed, len(run.outcomes), notes.read_text().split()) == ({A3}, 7, ["test_a3"]), run.text
    notes.unlink()
    parallel.edit("code_under_test.py", "number // 2", "number / 2")
    assert parallel.run(*TWO_WORKERS, *selected, env={"NOTES": str(notes)}).executed == {B2, B4, EXPECTED}
    assert sorted(notes.read_text().split()) == ["imported"] * 2 + ["test_b"] * 2 + ["test_expected"] * 2


def test_what_conftest_sets_in_the_environment_is_no_input_of_workers(project: Project) -> None:
    """They inherit it from the controller, which had it from nobody; who sets it outside has the tests run."""
    project.write("conftest.py", "import os\nos.environ.setdefault('SHOP', 'a')\nos.environ['MODE'] = 'test'\n")
    for name in ("one", "two"):
        test = "import os\ndef test_it(): assert (os.environ['SHOP'], os.environ['MODE']) == ('a', 'test')\n"
        project.write(f"test_{name}.py", test)
    env = {"MODE": "mine"}
    assert project.run(*TWO_WORKERS, env=env).exit == 0
    assert project.run(*TWO_WORKERS, env=env).executed == set()
    assert project.run(env=env).executed == set()
    assert project.run(*TWO_WORKERS, env=env | {"SHOP": "b"}).exit == 1
