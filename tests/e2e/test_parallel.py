"""Running in parallel: as many workers as are worth it, the longest test first, everything reported once."""

from __future__ import annotations

import os
import re

import pytest
from harness import ONE_WORKER, TWO_WORKERS, Project

MANY = "import pytest\n@pytest.mark.parametrize('number', range({count}))\ndef test_it(number): pass\n"
SLEEPS = """
import time
def test_a(): time.sleep({seconds})
def test_b(): time.sleep({seconds})
def test_c(): time.sleep({seconds})
def test_d(): time.sleep({seconds})
"""
CLAIMS = """
import pytest
@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    report = yield
    report.duration = 20.0 if call.when == "call" else 0.0
    return report
"""
"""Each test says that it took 20 s: what is expected of it then does not rest on how busy the machine is."""


def started(text: str) -> int:
    """How many workers xdist says it made."""
    found = re.search(r"created: \d+/(\d+) worker", text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("asked", ["auto", "2"])
def test_no_worker_starts_for_cheap_misses(project: Project, asked: str) -> None:
    """A handful of cheap tests run in pytest's own process, as if -n was not there, and -v says why."""
    project.write("test_many.py", MANY.format(count=50))
    project.write("test_one.py", "def test_one(): pass\n")
    project.run("-n0")
    project.edit("test_one.py", "pass", "assert True")
    run = project.run("-n", asked, "-v")
    assert (run.exit, run.executed, len(run.outcomes)) == (0, {"test_one.py::test_one"}, 51)
    assert started(run.text) == 0
    assert re.search(r"testcache: 0 workers: 1 test, about \d+ ms; a worker takes about .* to start; ", run.text)
    assert "test_one.py::test_one PASSED" in run.text


def test_auto_starts_workers_for_long_tests(project: Project) -> None:
    """Four tests of 20 seconds are worth two workers where there are two cores."""
    project.write("conftest.py", CLAIMS)
    project.write("test_sleeps.py", SLEEPS.format(seconds=0))
    project.run("-n0")
    run = project.run("--cached=refresh", "-n", "auto", "-v", env={"PYTEST_XDIST_AUTO_NUM_WORKERS": "2"})
    assert (run.exit, len(run.executed), started(run.text)) == (0, 4, 2), run.text
    assert "testcache: 2 workers: 4 tests, about 80 s" in run.text
    assert re.search(r"testcache: 2 workers: \d+% efficient: .* of tests in .* to start, .* idle", run.text)
    assert re.search(
        r"testcache: pytest and its workers used .* of CPU, read .* and wrote .* held [\d.]+ MiB", run.text
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_auto_knows_tests_that_wait(project: Project, workers: str) -> None:
    """Whoever ran them has noted how long they were on a core: the rest of their time another worker can use."""
    project.write("test_sleeps.py", SLEEPS.format(seconds=0.5))
    project.run("-n", workers)
    run = project.run("--cached=refresh", "-n", "auto", "-v")
    found = re.search(r"workers?: 4 tests, about 2\.\d s, (\d+)% of it on a core; ", run.text)
    assert found, run.text
    assert int(found[1]) < 50


def test_tests_in_this_process_do_not_see_xdist(project: Project) -> None:
    """With no worker chosen, options and fixtures say what they say without -n."""
    project.write(
        "test_it.py",
        "def test_it(request, worker_id):\n"
        "    assert worker_id == 'master'\n"
        "    assert request.config.option.dist == 'no' and not request.config.option.tx\n",
    )
    run = project.run("-n", "auto", env={"PYTEST_XDIST_AUTO_NUM_WORKERS": "3"})
    assert (run.exit, run.outcomes) == (0, {"test_it.py::test_it": "passed"}), run.text


def test_a_number_is_respected_but_not_more_than_tests(project: Project) -> None:
    """-n 2 starts two workers for tests of which nothing is known, and -n 8 starts three for three."""
    project.write("test_it.py", MANY.format(count=3))
    for asked, expected in (("2", 2), ("8", 3)):
        project.cli("clear")
        run = project.run("-n", asked, "-v")
        assert (run.exit, len(run.executed), started(run.text)) == (0, 3, expected)
        assert f"testcache: {expected} workers: {asked} asked for, 3 to run" in run.text


def test_a_number_is_respected_for_long_tests(project: Project) -> None:
    """Whatever two workers may be worth, they start if pytest's own process is not done sooner."""
    project.write("conftest.py", CLAIMS)
    project.write("test_sleeps.py", SLEEPS.format(seconds=0))
    project.run("-n0")
    assert started(project.run("--cached=refresh", "-n", "2").text) == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not let us choose cores")
def test_a_number_is_respected_where_cores_are_few(project: Project) -> None:
    """Tests that wait for something leave their core to others, and whoever says a number knows his tests."""
    project.write("conftest.py", CLAIMS.replace("20.0 if", "20.0 if call.duration > 0.1 else 2.0 if"))
    project.write("test_sleeps.py", "import time\ndef test_long(): time.sleep(0.2)\ndef test_short(): pass\n")
    project.run("-n0")
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        run = project.run("--cached=refresh", "-n", "2", "-v")
    finally:
        os.sched_setaffinity(0, cores)
    assert (run.exit, len(run.executed), started(run.text)) == (0, 2, 2), run.text


@pytest.mark.parametrize("how", ["addresses", "max-memory"])
def test_workers_that_are_asked_for_otherwise_start(project: Project, how: str) -> None:
    """By address, or to be held below a limit: that is not about time alone."""
    project.write("test_it.py", MANY.format(count=3))
    project.run("-n0")
    if how == "max-memory":
        project.write(".testcache.toml", '[parallel]\nmax-memory = "2GiB"\n')
    asked = TWO_WORKERS if how == "addresses" else ("-n", "2")
    assert started(project.run("--cached=refresh", *asked).text) == 2


def test_the_projects_own_number_is_the_most(project: Project) -> None:
    """A conftest file that chooses the number of workers is an upper bound for ours."""
    project.write("conftest.py", CLAIMS + "def pytest_xdist_auto_num_workers(config): return 1\n")
    project.write("test_sleeps.py", SLEEPS.format(seconds=0))
    project.run("-n0")
    run = project.run("--cached=refresh", "-n", "auto", "-v")
    assert started(run.text) == 0
    assert "at most 1: as asked for" in run.text


def test_the_longest_test_goes_first(project: Project) -> None:
    """What took longest in the last run begins first, wherever it stands."""
    body = "import time, os\n" + "".join(
        f"def test_{number}(): time.sleep(0.05); open(os.environ['ORDER'], 'a').write('{number} ')\n"
        for number in range(6)
    )
    body += "def test_long(): open(os.environ['ORDER'], 'a').write('long '); time.sleep(0.6)\n"
    project.write("test_it.py", body)
    order = project.path.parent / "order"
    project.run("-n0", env={"ORDER": str(order)})
    order.unlink()
    run = project.run("--cached=refresh", *TWO_WORKERS, "-v", env={"ORDER": str(order)})
    assert (run.exit, len(run.executed)) == (0, 7)
    assert order.read_text().split()[0] == "long"
    assert "scheduling tests via CostScheduling" in run.text


@pytest.mark.parametrize("asked", ["setting", "option"])
def test_what_failed_goes_first_when_asked(project: Project, asked: str) -> None:
    """`first = "failed"`, and pytest's own --ff, put what failed before what is long."""
    note = "open(os.environ['ORDER'], 'a').write"
    body = f"import os, time\ndef test_long(): time.sleep(0.3); {note}('long ')\n"
    body += f"def test_bad(): {note}('bad '); assert False\n"
    project.write("test_it.py", body)
    order = project.path.parent / "order"
    project.run("-n0", env={"ORDER": str(order)})
    if asked == "setting":
        project.write(".testcache.toml", '[parallel]\nfirst = "failed"\n')
    args = ["--cached=on", "--ff"] if asked == "option" else ["--cached=on"]
    project.edit("test_it.py", "0.3", "0.31")
    order.unlink()
    project.run(*ONE_WORKER, *args, env={"ORDER": str(order)})
    assert order.read_text().split() == ["bad", "long"]


@pytest.mark.parametrize("asked", ["setting", "option"])
def test_what_is_new_goes_first_when_asked(project: Project, asked: str) -> None:
    """`first = "new"`, and pytest's own --nf, put what was never recorded before what is long."""
    note = "open(os.environ['ORDER'], 'a').write"
    project.write("test_it.py", f"import os, time\ndef test_long(): time.sleep(0.3); {note}('long ')\n")
    order = project.path.parent / "order"
    project.run("-n0", env={"ORDER": str(order)})
    if asked == "setting":
        project.write(".testcache.toml", '[parallel]\nfirst = "new"\n')
    args = ["--nf"] if asked == "option" else []
    project.edit("test_it.py", "0.3", "0.31")
    project.write("test_new.py", f"import os\ndef test_new(): {note}('new ')\n")
    order.unlink()
    project.run(*ONE_WORKER, *args, env={"ORDER": str(order)})
    assert order.read_text().split() == ["new", "long"]


SHARED = """
import os, time, pytest
@pytest.fixture(scope="class")
def costly():
    open(os.environ["ORDER"], "a").write("setup ")
    time.sleep(0.5)
class Test{name}:
    @pytest.mark.parametrize("number", range(6))
    def test_it(self, costly, number): time.sleep(0.02)
"""


def test_an_expensive_setup_is_made_once(project: Project) -> None:
    """Tests of a class stay on one worker where its set-up is most of their time."""
    for name in ("A", "B"):
        project.write(f"test_{name.lower()}.py", SHARED.format(name=name))
    order = project.path.parent / "order"
    project.run("-n0", env={"ORDER": str(order)})
    order.unlink()
    run = project.run("--cached=refresh", *TWO_WORKERS, env={"ORDER": str(order)})
    assert (run.exit, len(run.executed)) == (0, 12)
    assert order.read_text().split() == ["setup", "setup"]


def test_coverage_keeps_its_workers(project: Project) -> None:
    """Under --cov -n auto something must run in a worker: the controller does not measure."""
    project.write("code_under_test.py", "def one():\n    return 1\n")
    project.write("test_it.py", "import code_under_test\ndef test_it(): assert code_under_test.one() == 1\n")
    run = project.run("-n", "auto", "--cov=code_under_test", plugins=("xdist.plugin", "pytest_cov.plugin"))
    assert (run.exit, started(run.text)) == (0, 1), run.text
    assert re.search(r"code_under_test\.py\s+2\s+0\s+100%", run.text)


def test_a_test_that_no_worker_has_runs_here(project: Project) -> None:
    """Ids that are made anew in each process are in no worker's collection."""
    project.write(
        "test_it.py",
        "import os, pytest\n@pytest.mark.parametrize('pid', [os.getpid()])\ndef test_it(pid): pass\n"
        "def test_other(): pass\n",
    )
    run = project.run(*ONE_WORKER)
    assert (run.exit, len(run.outcomes), len(run.executed)) == (0, 2, 2), run.text
    assert set(run.outcomes.values()) == {"passed"}


def test_durations_outlive_the_environment(project: Project) -> None:
    """Under new options everything runs, and what it costs is still known."""
    project.write("conftest.py", CLAIMS)
    project.write("test_sleeps.py", SLEEPS.format(seconds=0))
    project.run("-n0")
    project.write("pytest.ini", "[pytest]\nxfail_strict = true\n")
    run = project.run("-n", "auto", "-v", env={"PYTEST_XDIST_AUTO_NUM_WORKERS": "2"})
    assert len(run.executed) == 4
    assert "4 tests, about 80 s" in run.text


# -- shards


def test_shards_together_run_each_test_once(project: Project) -> None:
    """Three shards of one cache share the misses out; the first one replays the hits."""
    project.write("test_many.py", MANY.format(count=20))
    project.write("test_sleeps.py", SLEEPS.format(seconds=0.05))
    project.run()
    project.edit("test_sleeps.py", "import time", "import time, colorsys")
    runs = [project.run("--cached=read", f"--shard={number}/3") for number in (1, 2, 3)]
    assert [run.exit for run in runs] == [0, 0, 0]
    assert sorted(test for run in runs for test in run.executed) == [
        f"test_sleeps.py::test_{letter}" for letter in "abcd"
    ]
    assert sorted(test for run in runs for test in run.outcomes) == sorted(
        {*runs[0].outcomes, *runs[1].outcomes, *runs[2].outcomes}
    )
    assert [len(run.replayed) for run in runs] == [20, 0, 0]
    plans = {re.search(r"of plan (\w{8})", run.text)[1] for run in runs}  # type: ignore[index]
    assert len(plans) == 1
    assert "24 deselected" not in runs[0].text


def test_a_shard_without_tests_is_fine(project: Project) -> None:
    """When all is cached the second shard has nothing to do, and says so with exit code 0."""
    project.write("test_many.py", MANY.format(count=3))
    project.run()
    run = project.run("--shard=2/2")
    assert (run.exit, run.outcomes) == (0, {})


def test_another_plan_is_refused(project: Project) -> None:
    """A shard that insists on a plan runs nothing under another: no test could be lost between two."""
    project.write("test_many.py", MANY.format(count=3))
    run = project.run("--shard=1/2@01234567")
    assert (run.exit, run.executed) == (4, set())
    assert "--shard=1/2@01234567: the plan here is" in run.text
    made = re.search(r"the plan here is (\w{8})", run.text)
    assert made is not None
    assert project.run(f"--shard=1/2@{made[1]}").exit == 0


def test_a_wrong_shard_is_a_usage_error(project: Project) -> None:
    """A mistake in --shard runs nothing, with --cached or without."""
    project.write("test_many.py", MANY.format(count=3))
    assert project.run("--shard=3/2").exit == 4
    assert project.run("--shard=1/2", "--cached=off").exit == 4
    bare = project.python("-m", "pytest", "-p", "testcache.plugin", "--shard=1/2")
    assert (bare.returncode, "--shard=1/2: it needs --cached" in bare.stderr) == (4, True)


def test_shards_distribute_over_workers(project: Project) -> None:
    """--shard and -n together: the shard's part runs on workers."""
    project.write("test_many.py", MANY.format(count=10))
    project.run()
    project.edit("test_many.py", "pass", "assert True")
    runs = [project.run("--cached=read", f"--shard={number}/2", *TWO_WORKERS) for number in (1, 2)]
    assert [run.exit for run in runs] == [0, 0]
    assert sorted(test for run in runs for test in run.executed) == sorted(
        f"test_many.py::test_it[{number}]" for number in range(10)
    )


def test_the_plan_of_the_command_is_that_of_the_run(project: Project) -> None:
    """`testcache shard --plan N` says, without pytest, what `--shard` will do and under which digest."""
    project.write("test_many.py", MANY.format(count=6))
    project.write("test_sleeps.py", SLEEPS.format(seconds=0.2))
    project.run()
    project.edit("test_sleeps.py", "import time", "import time, colorsys")
    shown = project.cli("shard", "--plan", "2", "--all")
    assert shown.returncode == 0, shown.stderr
    found = re.search(r"plan (\w{8}): 4 tests must run, about [\d.]+ s", shown.stdout)
    assert found is not None, shown.stdout
    assert re.findall(r"(\d)/2 +2 tests +about [\d.]+ s", shown.stdout) == ["1", "2"]
    first, second = shown.stdout.split("\n1/2\n")[1].split("\n2/2\n")
    for number, text in ((1, first), (2, second)):
        run = project.run("--cached=read", f"--shard={number}/2@{found[1]}")
        assert (run.exit, run.executed) == (0, set(re.findall(r"test_sleeps.py::\w+", text)))


def test_a_plan_needs_a_number_and_a_run(project: Project) -> None:
    """Mistakes are usage errors; before the first run there is nothing to plan with."""
    assert project.cli("shard").returncode == 4
    assert project.cli("shard", "--plan", "0").returncode == 4
    assert "nothing is recorded yet" in project.cli("shard", "--plan", "2").stdout


def test_stats_tell_what_workers_cost(project: Project) -> None:
    """Efficiency, waiting and start are kept with each run."""
    project.write("test_many.py", MANY.format(count=6))
    project.run(*TWO_WORKERS)
    project.run("-n0", "--cached=refresh")
    shown = project.cli("stats").stdout
    assert re.search(r"workers +in 1 run: \d+% efficient, .* idle, .* to start", shown)
    assert len(re.findall(r"6 run  .*2 workers, \d+% efficient", shown)) == 1, shown
