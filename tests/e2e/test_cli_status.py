"""`testcache status` and `stats`: what a run would do, and what runs have done."""

from __future__ import annotations

import pytest
from harness import Project


@pytest.fixture
def project(project: Project) -> Project:
    """Two files, three tests, recorded."""
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write("adder.py", "def add(a, b):\n    return a + b\n")
    project.write("test_a.py", "import adder\n\ndef test_one():\n    assert adder.add(1, 1) == 2\n")
    project.write("test_b.py", "def test_two():\n    pass\n\n\ndef test_three():\n    pass\n")
    run = project.run()
    assert run.exit == 0, run.text
    return project


def test_nothing_would_run(project: Project) -> None:
    """Right after a run everything would be replayed: one line, exit 0."""
    done = project.cli("status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("testcache: 3 tests: 3 cached, 0 would run; replaying saves ")


def test_all_names_cached_files_too(project: Project) -> None:
    """--all shows each file."""
    lines = project.cli("status", "--all").stdout.splitlines()
    assert lines[:2] == ["test_a.py  1 cached", "test_b.py  2 cached"]


def test_a_change_is_counted_and_named(project: Project) -> None:
    """An edited function: how many tests of which file would run, and because of what; exit 1."""
    project.edit("adder.py", "a + b", "b + a")
    done = project.cli("status")
    assert done.returncode == 1
    assert "test_a.py  0 cached  1 would run (1 changed)" in done.stdout
    assert "    adder.py, function add  1 test" in done.stdout
    assert "3 tests: 2 cached, 1 would run (1 changed); running takes about" in done.stdout


def test_status_predicts_what_the_next_run_does(project: Project) -> None:
    """As many tests run as status said, also when functions came and went."""
    project.write("test_b.py", "def test_two():\n    pass\n\n\ndef test_four():\n    pass\n")
    done = project.cli("status")
    run = project.run()
    assert f"{len(run.executed)} would run" in done.stdout, done.stdout + run.text
    assert f"{len(run.outcomes)} tests" in done.stdout
    assert project.cli("status").returncode == 0


def test_a_new_test_file_is_named(project: Project) -> None:
    """A file that was never collected is no reason to say that nothing would run."""
    project.write("test_c.py", "def test_five():\n    pass\n")
    done = project.cli("status")
    assert done.returncode == 1
    assert "test_c.py    never recorded" in done.stdout
    assert "1 file never recorded" in done.stdout


def test_a_removed_file_is_forgotten(project: Project) -> None:
    """Tests of a removed file would neither run nor be replayed."""
    (project.path / "test_b.py").unlink()
    assert "testcache: 1 test: " in project.cli("status").stdout


def test_a_partial_run_hides_nothing(project: Project) -> None:
    """After a run of one test the others are still known."""
    project.run("-k", "test_two")
    assert "3 tests: 3 cached" in project.cli("status").stdout


def test_uncacheable_tests_would_run(project: Project) -> None:
    """What cannot be stored runs each time, and status says so."""
    project.write("test_b.py", "import pytest\n\n@pytest.mark.testcache(never=True)\ndef test_two():\n    pass\n")
    project.run()
    done = project.cli("status")
    assert done.returncode == 1
    assert "1 would run (1 uncacheable)" in done.stdout


def test_tests_that_rest_on_others_wait(project: Project) -> None:
    """What an earlier test leaves has to be seen first: those who read it need not run, and status says so."""
    project.write("memo.py", "KNOWN = {}\ndef load():\n    return 1\n")
    project.write("test_c.py", "import memo\ndef test_fills(): memo.KNOWN['a'] = memo.load()\n")
    project.write("test_d.py", "import memo\ndef test_reads(): assert memo.KNOWN['a']\n")
    project.run()
    project.edit("memo.py", "return 1", "return 2 - 1")
    done = project.cli("status")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [" ".join(line.split()) for line in lines[:2]] == [
        "test_c.py 0 cached 1 would run (1 changed)",
        "test_d.py 0 cached 1 waits for other tests",
    ]
    assert "testcache: 5 tests: 3 cached, 1 waits for other tests, 1 would run (1 changed)" in lines[-1]
    assert project.run().executed == {"test_c.py::test_fills"}


def test_another_locale_is_another_environment(project: Project) -> None:
    """What C code reads counts for every test; status names the variable."""
    done = project.cli("status", env={"LANG": "C"})
    assert done.returncode == 1
    assert "3 would run (3 other environment)" in done.stdout
    assert "    variable LANG" in done.stdout


def test_without_a_store_everything_would_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A project that never ran with the cache is stale, not an error."""
    done = Project(tmp_path_factory.mktemp("fresh") / "project").cli("status")
    assert done.returncode == 1
    assert "nothing is recorded yet" in done.stdout


def test_stats_count_runs_tests_and_reasons(project: Project) -> None:
    """Figures of the store and of all runs, slowest tests, and why tests were not stored."""
    project.edit("adder.py", "a + b", "b + a")
    project.write("test_c.py", "import pytest\n\n@pytest.mark.testcache(never=True)\ndef test_c():\n    pass\n")
    project.run()
    done = project.cli("stats")
    assert done.returncode == 0, done.stderr
    assert "2 runs since 20" in done.stdout
    assert "1 marked-never" in done.stdout
    assert "slowest uncacheable tests" in done.stdout
    assert "test_c.py::test_c [marked-never]" in done.stdout
    assert "input-changed" in done.stdout


def test_stats_count_runs_in_which_nothing_changed(project: Project) -> None:
    """The runs that save most are counted too, although they write nothing to the store."""
    project.run()
    project.run()
    done = project.cli("stats")
    assert "3 runs since 20" in done.stdout
    assert "replayed    6 of 9 tests (67%)" in done.stdout
    project.cli("clear")
    assert "0 tests" in project.cli("stats").stdout
    assert " since 20" not in project.cli("stats").stdout


def test_stats_before_the_first_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No store is no error."""
    done = Project(tmp_path_factory.mktemp("fresh") / "project").cli("stats")
    assert done.returncode == 0
    assert "nothing is recorded" in done.stdout


def test_what_pytest_does_not_collect_is_not_new(project: Project) -> None:
    """A mixin's methods and a fixture whose name begins like a test's are no tests that would run."""
    project.write(
        "test_it.py",
        "import pytest\n"
        "class Mixin:\n    def test_mixed(self): pass\n"
        "class TestIt(Mixin): pass\n"
        "@pytest.fixture\ndef test_data(): return 1\n"
        "def test_uses(test_data): pass\n",
    )
    assert project.run().exit == 0
    assert " 0 would run" in project.cli("status").stdout
    project.edit("test_it.py", "def test_uses", "def test_more(): pass\ndef test_uses")
    assert "new" in project.cli("status").stdout
