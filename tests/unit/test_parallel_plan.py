"""The pure parts of running in parallel: costs, this machine, the number of workers, units and shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from testcache.errors import SettingError
from testcache.model import NodeId
from testcache.parallel.costs import UNKNOWN_S, Costs
from testcache.parallel.machine import Machine, Watch, usable_cores
from testcache.parallel.plan import Start, choose, respect
from testcache.parallel.shard import Shard, plan
from testcache.parallel.units import units

START = Start(spawn_s=0.5, collect_s=0.3)
FOUR = Machine(cores=4)


def nodes(*names: str) -> list[NodeId]:
    return [NodeId(name) for name in names]


# -- costs


def test_a_new_test_costs_its_files_median() -> None:
    """Known tests cost what they cost, new ones their file's median, others the median of all."""
    costs = Costs({NodeId("a.py::x"): 1.0, NodeId("a.py::y"): 3.0, NodeId("b.py::z"): 9.0})
    assert [costs.seconds(node) for node in nodes("a.py::y", "a.py::new", "c.py::new")] == [3.0, 2.0, 3.0]
    assert Costs({}).seconds(NodeId("a.py::x")) == UNKNOWN_S


# -- machine


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_quota_of_cgroups_v2_limits_the_cores(tmp_path: Path) -> None:
    """The tightest cpu.max of all groups above the process counts; "max" is none."""
    write(tmp_path, "proc/self/cgroup", "0::/jobs/one\n")
    write(tmp_path, "sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n")
    write(tmp_path, "sys/fs/cgroup/jobs/cpu.max", "50000 100000\n")
    assert usable_cores(str(tmp_path)) == 0.5


def test_a_quota_of_cgroups_v1_limits_the_cores(tmp_path: Path) -> None:
    """The same for the files of version 1, also where the group's own path cannot be seen."""
    write(tmp_path, "proc/self/cgroup", "4:memory:/x\n2:cpu,cpuacct:/docker/abc\n")
    write(tmp_path, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "75000\n")
    write(tmp_path, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert usable_cores(str(tmp_path)) == 0.75


def test_memory_is_what_the_tightest_group_leaves(tmp_path: Path) -> None:
    """A container's limit counts, not only what the machine has."""
    write(tmp_path, "proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(tmp_path, "sys/fs/cgroup/memory.max", str(512 << 20))
    write(tmp_path, "sys/fs/cgroup/memory.current", str(500 << 20))
    assert Watch(str(tmp_path)).look().memory_bytes == 12 << 20


def test_this_machine_is_read_without_help() -> None:
    """On Linux there are cores, memory and our own size; what is not known is 0, never an error."""
    machine = Watch().look()
    assert machine.cores > 0
    assert machine.busy == 0.0  # too short a look
    assert Watch("/nowhere").look().memory_bytes == 0


def test_a_busy_machine_is_slower_and_gets_fewer_workers() -> None:
    """Others' work takes cores away, but at most half of them."""
    assert (FOUR.crowding(4), FOUR.workers()) == (1.0, 4)
    busy = Machine(cores=4, busy=4.0)
    assert (busy.crowding(4), busy.workers()) == (2.0, 2)
    assert Machine(cores=1.5).workers() == 2
    assert Machine(cores=1.2).workers() == 1
    assert [busy.workers(share) for share in (0.5, 0.0)] == [4, 4]
    half = Machine(cores=4, busy=2.0)
    assert [half.workers(share) for share in (1.0, 0.5, 0.1, 0.0)] == [2, 4, 4, 4]


def test_tests_that_wait_are_worth_workers_on_a_busy_machine() -> None:
    """They leave their core to others; one that is long and waits is done as soon as if it were alone."""
    busy = Machine(cores=2, busy=1.7)
    costs = [3.0, *[0.05] * 48]
    assert choose(costs, busy, START).workers == 0
    assert choose(costs, busy, START, cpu_share=0.1).workers == 2


# -- how many workers


@pytest.mark.parametrize(
    ("costs", "machine", "expected"),
    [
        ([0.001] * 5, FOUR, 0),
        ([5.0], FOUR, 0),
        ([0.25] * 3, FOUR, 0),
        ([5.0, 5.0], FOUR, 2),
        ([1.0] * 100, FOUR, 4),
        ([0.001] * 1000, FOUR, 0),
        ([10.0, *[0.01] * 50], FOUR, 0),
        ([1.0] * 100, Machine(cores=1), 0),
        ([1.0] * 100, Machine(cores=4, memory_bytes=1 << 30, process_bytes=250 << 20), 2),
    ],
    ids=["cheap", "one", "few", "two long", "many", "many cheap", "one long", "one core", "little memory"],
)
def test_workers_start_only_if_they_are_worth_it(costs: list[float], machine: Machine, expected: int) -> None:
    """A handful of cheap tests, or what cannot be shared, starts none; memory limits them."""
    chosen = choose(costs, machine, START)
    assert chosen.workers == expected, chosen.why


def test_a_plan_says_why() -> None:
    """The words hold the work, the price of a worker, and what limits their number."""
    assert choose([1.0] * 100, FOUR, START).why == (
        "100 tests, about 100 s; a worker takes about 0.9 s to start; at most 4: 4 usable cores"
    )
    assert choose([1.0] * 100, FOUR, START, limit=3).workers == 3
    assert choose([0.001], FOUR, START, least=1).workers == 1


@pytest.mark.parametrize(("costs", "expected"), [([0.2] * 4, 0), ([0.9] * 2, 0), ([1.0] * 4, 2), ([20.0, 2.0], 2)])
def test_a_number_is_respected_unless_it_is_a_loss(costs: list[float], expected: int) -> None:
    """Whoever asks for workers gets them, though others may keep the machine busy, if they could ever be worth it."""
    assert respect(costs, START, 2).workers == expected


# -- units


def test_short_neighbours_travel_together_and_long_tests_alone() -> None:
    """Units end at the wanted size, at a long test and at the end of a file."""
    ids = nodes("a.py::1", "a.py::2", "a.py::3", "a.py::4", "b.py::1")
    found = units(ids, [0.01, 0.01, 5.0, 0.01, 0.01], {}, size_s=0.02)
    assert [unit.tests for unit in found] == [(0, 1), (2,), (3,), (4,)]


def test_an_expensive_setup_is_not_repeated() -> None:
    """A class whose set-up is a considerable part of its work stays whole; a cheap one is split."""
    ids = nodes(*[f"a.py::TestX::t{number}" for number in range(4)])
    assert [u.tests for u in units(ids, [1.0] * 4, {"a.py::TestX": 3.0}, size_s=0.1)] == [(0, 1, 2, 3)]
    split = units(ids, [1.0] * 4, {"a.py::TestX": 0.1}, size_s=0.1)
    assert [(u.tests, u.seconds) for u in split] == [((0,), 1.0), ((1,), 1.1), ((2,), 1.1), ((3,), 1.1)]


def test_urgent_tests_are_units_of_their_own() -> None:
    """What is asked to run first does not wait for its neighbours."""
    ids = nodes("a.py::1", "a.py::2", "a.py::3")
    found = units(ids, [0.01] * 3, {}, size_s=1.0, urgent={ids[1]})
    assert [(unit.tests, unit.urgent) for unit in found] == [((0,), False), ((1,), True), ((2,), False)]


# -- shards


def test_a_shard_is_read_as_written_or_from_the_ci_system() -> None:
    """I/N counts from 1; each CI system counts as it does; none is one shard of one."""
    assert Shard.parse("2/3", {}) == Shard(2, 3)
    assert Shard.parse("2/3@0123abcd", {}) == Shard(2, 3, "0123abcd")
    assert Shard.parse("auto", {}) == Shard(1, 1)
    assert Shard.parse("auto", {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "4"}) == Shard(2, 4)
    assert Shard.parse("auto", {"CIRCLE_NODE_INDEX": "0", "CIRCLE_NODE_TOTAL": "4"}) == Shard(1, 4)
    buildkite = {"BUILDKITE_PARALLEL_JOB": "3", "BUILDKITE_PARALLEL_JOB_COUNT": "4"}
    assert Shard.parse("auto", buildkite) == Shard(4, 4)


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "1/0", "a/b", "1/2@xyz", ""])
def test_a_wrong_shard_is_refused(text: str) -> None:
    """The message has the value and what was expected."""
    with pytest.raises(SettingError, match=rf"--shard={text}: expected I/N such as"):
        Shard.parse(text, {})


def test_wrong_ci_variables_are_refused() -> None:
    """A number outside of its range would lose tests."""
    with pytest.raises(SettingError, match="CI_NODE_INDEX=5, CI_NODE_TOTAL=4"):
        Shard.parse("auto", {"CI_NODE_INDEX": "5", "CI_NODE_TOTAL": "4"})


def test_shards_hold_each_test_once_and_about_the_same_time() -> None:
    """The plan does not depend on the order of collection, and no shard has 10% more than its share."""
    known = {NodeId(f"t.py::test_{number}"): (number % 17) / 10 for number in range(300)}
    made = plan(known, Costs(known), 4)
    assert made == plan(reversed(known), Costs(known), 4)
    assert sorted(node for shard in made.shards for node in shard) == sorted(known)
    assert max(made.seconds) <= 1.1 * sum(made.seconds) / 4


def test_a_plan_of_other_tests_has_another_digest() -> None:
    """Two machines that would not run the same tests can tell."""
    ids = nodes("a.py::1", "a.py::2", "a.py::3")
    assert plan(ids, Costs({}), 2).digest == plan(reversed(ids), Costs({}), 2).digest
    assert plan(ids, Costs({}), 2).digest != plan(ids[1:], Costs({}), 2).digest
    assert plan(ids, Costs({}), 2).digest != plan(ids, Costs({}), 3).digest


def test_ids_that_are_made_anew_change_no_plan() -> None:
    """Each process sees another address in an id: the others are dealt out the same, and it is in one shard."""
    known = {NodeId(f"t.py::test_{number}"): 0.001 for number in range(50)}
    made = [plan([*known, NodeId(f"t.py::test_25[<object at {place:#x}>]")], Costs(known), 3) for place in (1, 999)]
    assert made[0].digest == made[1].digest
    assert [{node for node in shard if node in known} for shard in made[0].shards] == [
        {node for node in shard if node in known} for shard in made[1].shards
    ]
    assert [len(shard) for shard in made[0].shards] == [len(shard) for shard in made[1].shards]
