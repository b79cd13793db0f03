"""What a remote holds and costs for a large team: a simulation, day by day, whose bytes are measured first.

    python scripts/simulate_scale.py [--tests 1000000] [--runs 5000] [--branches 500] [--days 35]

Measured: bytes of an entry with 1 to 8 results of each test, from real runs with a shared folder as the
remote. Assumed: the constants below. Prints the tables of docs/scale.md; 35 days take five minutes.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRACES = 8
TESTS_A_FILE = 25
FILES_MEASURED = 8
BRANCH_DAYS = 4
MEDIAN_FILES_A_PUSH = 40
"""Test files that one push to a branch concerns; a push to a widely used module concerns thousands."""

SPREAD = 1.6  # sigma of the logarithm: one push in a hundred concerns 40 times the median
MERGES_A_DAY = 120
KEPT_DAYS = 30
WORKING_SHARE = 3.0  # the busiest hour against the mean

GET_USD, PUT_USD, GB_MONTH_USD = 0.4e-6, 5e-6, 0.023  # S3 Standard, us-east-1, list prices
REDIS_GB_MONTH_USD = 10.0  # memory of managed instances, rounded
REDIS_OVERHEAD_BYTES = 150  # of a key of 74 characters with an expiry, on top of its value
PER_MGET = 256


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one entry with 1, 2, ... results a test, for `TESTS_A_FILE` tests."""

    of: tuple[float, ...]

    def entry(self, traces: int) -> float:
        return self.of[min(traces, len(self.of)) - 1]


def measured() -> Sizes:
    """Record a project eight times, each time with another change of each test file, and look at the entries.

    A test calls two functions of two modules, reads a file and a variable, in files of `TESTS_A_FILE` tests.
    """
    sizes = []
    with tempfile.TemporaryDirectory() as place:
        project, remote = Path(place) / "project", Path(place) / "remote"
        (project / "lib").mkdir(parents=True)
        (project / "data.txt").write_text("42")
        for module in range(FILES_MEASURED):
            functions = "".join(f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(TESTS_A_FILE))
            (project / "lib" / f"m{module}.py").write_text(functions)
        env = {**os.environ, "TESTCACHE_REMOTE": f"read-write file://{remote}", "PYTHONPATH": str(ROOT)}
        for number in range(TRACES):
            for file in range(FILES_MEASURED):
                (project / f"test_{file}.py").write_text(_tests(file, number))
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--cached"],
                cwd=project, env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            # A round in which nothing runs adds no result, and its sizes would say that results cost nothing.
            if done.returncode or f" 0 cached, {FILES_MEASURED * TESTS_A_FILE} run" not in done.stdout:
                raise SystemExit(done.stdout + done.stderr)
            entries = [path.stat().st_size for path in remote.rglob("*") if len(path.name) == 64]
            sizes.append(sum(entries) / len(entries))
    return Sizes(tuple(sizes))


def _tests(file: int, number: int) -> str:
    near = (file + 1) % FILES_MEASURED
    head = f"import os\nfrom lib import m{file}, m{near}\n\nVERSION = {number}\n"
    return head + "".join(
        f"\n\ndef test_of_something_{n}():\n"
        f"    assert m{file}.f{n}(1) == m{near}.f{n}(1) == {n + 1}\n"
        f"    assert VERSION == {number}\n"
        "    with open('data.txt') as file:\n        assert file.read() == '42'\n"
        "    assert os.environ['PATH']\n"
        for n in range(TESTS_A_FILE)
    )


@dataclass(slots=True)
class Day:
    """What happened on the last day, and what is kept at its end."""

    puts: int = 0
    gets_fresh: int = 0
    gets_kept: int = 0
    put_bytes: float = 0.0
    got_fresh_bytes: float = 0.0
    got_kept_bytes: float = 0.0
    entries: int = 0
    bytes: float = 0.0


def simulated(files: int, runs: int, branches: int, days: int, sizes: Sizes) -> list[Day]:
    """Every run is of one branch and concerns some test files: it asks for them, runs them, and gives them.

    A fresh runner asks for all files, in its own scope and the base's; one that began with last night's
    bundle of the base asks for those that were concerned since. A merge records for the base what the
    branch's last push did. Entries not written for `KEPT_DAYS` are removed.
    """
    dice = random.Random(1)  # noqa: S311  # the same in every run
    base: dict[int, tuple[int, int]] = dict.fromkeys(range(files), (1, 0))  # file: (traces, day of the last write)
    own: list[dict[int, tuple[int, int]]] = [{} for _ in range(branches)]
    graves: Counter[int] = Counter()  # entries of merged branches, by day of their last write
    graves_bytes: Counter[int] = Counter()
    history = []
    for number in range(days):
        day = Day()
        drift: set[int] = set()
        day.got_fresh_bytes = 0.0
        held_base = sum(sizes.entry(traces) for traces, _ in base.values())
        for run in range(runs):
            branch = dice.randrange(branches)
            count = min(files, max(1, round(dice.lognormvariate(math.log(MEDIAN_FILES_A_PUSH), SPREAD))))
            concerned = dice.sample(range(files), count)
            day.gets_fresh += 2 * files + count
            day.gets_kept += 2 * len(drift | set(concerned)) + count
            day.got_fresh_bytes += held_base
            day.got_kept_bytes += sum(sizes.entry(base[file][0]) for file in concerned if file in base)
            day.got_kept_bytes += len(drift) * sizes.entry(2)
            target = own[branch]
            merges = run % max(1, runs // MERGES_A_DAY) == 0
            for scope in (target, base) if merges else (target,):
                for file in concerned:
                    traces = min(TRACES, scope.get(file, (0, 0))[0] + 1)
                    scope[file] = traces, number
                    day.puts += 1
                    day.put_bytes += sizes.entry(traces)
            if merges:
                drift.update(concerned)
            if dice.random() < branches / BRANCH_DAYS / runs:  # the branch is done, its name never comes again
                for traces, written in target.values():
                    graves[written] += 1
                    graves_bytes[written] += round(sizes.entry(traces))
                target.clear()
        for old in [written for written in graves if number - written > KEPT_DAYS]:
            del graves[old], graves_bytes[old]
        alive = [base, *own]
        day.entries = sum(map(len, alive)) + sum(graves.values())
        day.bytes = sum(sizes.entry(t) for scope in alive for t, _ in scope.values()) + sum(graves_bytes.values())
        history.append(day)
    return history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("tests", 1_000_000), ("runs", 5_000), ("branches", 500), ("days", 35)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    sizes = measured()
    files = asked.tests // TESTS_A_FILE
    history = simulated(files, asked.runs, asked.branches, asked.days, sizes)
    print(f"{asked.tests:,} tests in {files:,} files, {asked.runs:,} runs a day, {asked.branches} branches")
    print(f"\nentry of {TESTS_A_FILE} tests with 1 to {TRACES} results each: "
          f"{', '.join(f'{size / 1000:.1f}' for size in sizes.of)} KB")  # fmt: skip
    print("\n| after day | entries | kept |\n|---|---|---|")
    for number in sorted({1, 7, 14, 21, 28, asked.days}):
        if number <= asked.days:
            print(f"| {number} | {history[number - 1].entries:,} | {history[number - 1].bytes / 1e9:.1f} GB |")
    last = history[-1]
    print("\n| a day | stores kept between runs | every runner fresh |\n|---|---|---|")
    rows = (("kept", last.gets_kept, last.got_kept_bytes), ("fresh", last.gets_fresh, last.got_fresh_bytes))
    month = 30

    def line(name: str, *cells: str) -> None:
        print(f"| {name} | {' | '.join(cells)} |")

    line("GETs", *(f"{gets:,}" for _, gets, _ in rows))
    line("PUTs", *[f"{last.puts:,}"] * 2)
    line("GETs a run", *(f"{gets / asked.runs:,.0f}" for _, gets, _ in rows))
    line("GETs a second in the busiest hour", *(f"{gets / 86400 * WORKING_SHARE:,.0f}" for _, gets, _ in rows))
    line("MGETs a run (Redis)", *(f"{math.ceil(gets / asked.runs / PER_MGET):,}" for _, gets, _ in rows))
    line("read", *(f"{got / 1e9:,.0f} GB" for _, _, got in rows))
    line("written", *[f"{last.put_bytes / 1e9:,.1f} GB"] * 2)
    stored = last.bytes / 1e9 * GB_MONTH_USD
    line(
        "S3, a month",
        *(
            f"${(gets * GET_USD + last.puts * PUT_USD) * month + stored:,.0f} "
            f"(GET ${gets * GET_USD * month:,.0f}, PUT ${last.puts * PUT_USD * month:,.0f}, kept ${stored:,.0f})"
            for _, gets, _ in rows
        ),
    )
    memory = (last.bytes + last.entries * REDIS_OVERHEAD_BYTES) / 1e9
    line("Redis, a month", *[f"${memory * REDIS_GB_MONTH_USD:,.0f} ({memory:,.0f} GB of memory)"] * 2)


if __name__ == "__main__":
    main()
