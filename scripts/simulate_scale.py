"""What a remote holds and costs for a large team: a simulation, day by day, that writes the tables of docs/scale.md.

    python scripts/simulate_scale.py              plays 35 days (a minute or two) and writes the page
    python scripts/simulate_scale.py --measure    measures the bytes of an entry, for `ENTRY_BYTES` below

The same script writes the same page on every machine: chance is seeded, and bytes are constants that a test compares
with real runs. That test also plays the first day again, and fails if the page was written by another script.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "scale.md"

TESTS, RUNS_A_DAY, BRANCHES, DAYS = 1_000_000, 5_000, 500, 35
SHOWN_DAYS = (1, 7, 14, 21, 28, 35)
TESTS_A_FILE = 25
FILES = TESTS // TESTS_A_FILE
ENTRY_BYTES = (2560, 3760, 4800, 5890, 7010, 8130, 9230, 10410)
"""Of an entry with 1, 2, ... results of each of its 25 tests, on Python 3.12 with no plugin but testcache. A plugin
whose code runs in every test makes entries longer: with pytest-randomly, -timeout and -regressions by 2 KB."""

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
MONTH_DAYS = 30

FILES_MEASURED = 8


def measured(rounds: int) -> list[float]:
    """Bytes of a usual entry after each of some runs, each with another change of each test file.

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
        # No other plugin that happens to be installed: each may add what it reads to every test.
        env = {
            **os.environ, "TESTCACHE_REMOTE": f"read-write file://{remote} 60s", "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "testcache.plugin",
        }  # fmt: skip
        for number in range(rounds):
            for file in range(FILES_MEASURED):
                (project / f"test_{file}.py").write_text(_tests(file, number))
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--cached"],
                cwd=project, env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            # A round in which nothing runs adds no result, and its sizes would say that results cost nothing.
            if done.returncode or f" 0 cached, {FILES_MEASURED * TESTS_A_FILE} run" not in done.stdout:
                raise SystemExit(done.stdout + done.stderr)
            # The median: one entry is the directory of environments.
            sizes.append(statistics.median(path.stat().st_size for path in remote.rglob("*") if len(path.name) == 64))
    return sizes


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
    """What happened on a day, and what is kept at its end."""

    puts: int = 0
    gets_fresh: int = 0
    gets_kept: int = 0
    put_bytes: int = 0
    got_fresh_bytes: int = 0
    got_kept_bytes: int = 0
    entries: int = 0
    bytes: int = 0
    base_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """An entry: how many results of each test it has, and the day of its last write."""

    traces: int
    day: int

    @property
    def bytes(self) -> int:
        return ENTRY_BYTES[self.traces - 1]


def simulated() -> Iterator[Day]:
    """Every run is of one branch and concerns some test files: it asks for them, runs them, and gives them.

    A fresh runner asks for all files, in its own scope and the base's; one that began with last night's
    bundle of the base asks for those that were concerned since. A merge records for the base what the
    branch's last push did. Entries not written for `KEPT_DAYS` are removed.
    """
    dice = random.Random(1)  # noqa: S311  # the same in every run
    base = dict.fromkeys(range(FILES), Written(1, 0))
    own: list[dict[int, Written]] = [{} for _ in range(BRANCHES)]
    graves: Counter[int] = Counter()  # entries of merged branches, by day of their last write
    graves_bytes: Counter[int] = Counter()
    for number in range(DAYS):
        day = Day()
        fresh = [Written(traces, number) for traces in range(1, len(ENTRY_BYTES) + 1)]
        drift: set[int] = set()
        held_base = sum(entry.bytes for entry in base.values())
        for run in range(RUNS_A_DAY):
            branch = dice.randrange(BRANCHES)
            count = min(FILES, max(1, round(dice.lognormvariate(math.log(MEDIAN_FILES_A_PUSH), SPREAD))))
            concerned = dice.sample(range(FILES), count)
            day.gets_fresh += 2 * FILES + count
            day.gets_kept += 2 * (len(drift) + count - len(drift.intersection(concerned))) + count
            day.got_fresh_bytes += held_base
            day.got_kept_bytes += sum(base[file].bytes for file in concerned) + len(drift) * ENTRY_BYTES[1]
            target = own[branch]
            merges = run % max(1, RUNS_A_DAY // MERGES_A_DAY) == 0
            for scope in (target, base) if merges else (target,):
                for file in concerned:
                    known = scope.get(file)
                    entry = fresh[min(len(fresh) - 1, known.traces if known else 0)]
                    scope[file] = entry
                    day.put_bytes += entry.bytes
                day.puts += count
            if merges:
                drift.update(concerned)
            if dice.random() < BRANCHES / BRANCH_DAYS / RUNS_A_DAY:  # the branch is done, its name never comes again
                for entry in target.values():
                    graves[entry.day] += 1
                    graves_bytes[entry.day] += entry.bytes
                target.clear()
        for old in [written for written in graves if number - written > KEPT_DAYS]:
            del graves[old], graves_bytes[old]
        day.base_bytes = sum(entry.bytes for entry in base.values())
        day.entries = sum(map(len, (base, *own))) + sum(graves.values())
        day.bytes = day.base_bytes + sum(entry.bytes for scope in own for entry in scope.values())
        day.bytes += sum(graves_bytes.values())
        yield day


def growth(number: int, day: Day) -> str:
    """A row of the first table."""
    return f"| {number} | {day.entries:,} | {day.bytes / 1e9:.1f} GB |"


def tables(history: list[Day]) -> str:
    """What the page says between its two marks."""
    last = history[-1]
    lines = [
        f"An entry of {TESTS_A_FILE} tests takes {ENTRY_BYTES[0] / 1000:.1f} KB with one result a test, and "
        f"{ENTRY_BYTES[-1] / 1000:.1f} KB with {len(ENTRY_BYTES)}.",
        "",
        "| after day | entries | kept |",
        "|---|---|---|",
        *(growth(number, history[number - 1]) for number in SHOWN_DAYS),
        "",
        f"`main` itself is {FILES:,} of these entries, and {last.base_bytes / 1e9:.1f} GB.",
        "",
        "| a day | kept | fresh |",
        "|---|---|---|",
    ]
    rows = ((last.gets_kept, last.got_kept_bytes), (last.gets_fresh, last.got_fresh_bytes))

    def line(name: str, *cells: str) -> None:
        lines.append(f"| {name} | {' | '.join(cells)} |")

    line("GETs", *(f"{gets:,}" for gets, _ in rows))
    line("PUTs", *[f"{last.puts:,}"] * 2)
    line("GETs a run", *(f"{gets / RUNS_A_DAY:,.0f}" for gets, _ in rows))
    line("GETs a second in the busiest hour", *(f"{gets / 86400 * WORKING_SHARE:,.0f}" for gets, _ in rows))
    line("MGETs a run (Redis)", *(f"{math.ceil(gets / RUNS_A_DAY / PER_MGET):,}" for gets, _ in rows))
    line("read", *(f"{got / 1e9:,.0f} GB" for _, got in rows))
    line("written", *[f"{last.put_bytes / 1e9:,.1f} GB"] * 2)
    stored = last.bytes / 1e9 * GB_MONTH_USD
    line(
        "S3, a month",
        *(
            f"${(gets * GET_USD + last.puts * PUT_USD) * MONTH_DAYS + stored:,.0f} "
            f"(GET ${gets * GET_USD * MONTH_DAYS:,.0f}, PUT ${last.puts * PUT_USD * MONTH_DAYS:,.0f}, "
            f"kept ${stored:,.0f})"
            for gets, _ in rows
        ),
    )
    memory = (last.bytes + last.entries * REDIS_OVERHEAD_BYTES) / 1e9
    line("Redis, a month", *[f"${memory * REDIS_GB_MONTH_USD:,.0f} ({memory:,.0f} GB of memory)"] * 2)
    return "\n".join(lines)


def marks() -> tuple[str, str]:
    """What stands before and after the tables: the first names this very script, whatever page it stands in."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return f"<!-- written by scripts/simulate_scale.py {digest} -->", "<!-- end of what it wrote -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure bytes of entries, and print them")
    if parser.parse_args().measure:
        print(", ".join(f"{size:.0f}" for size in measured(len(ENTRY_BYTES))))
        return
    first, last = marks()
    written = f"{first}\n\n{tables(list(simulated()))}\n\n{last}"
    pattern = re.compile(r"<!-- written by \S+ \w+ -->.*?<!-- end of what it wrote -->", re.DOTALL)
    page, count = pattern.subn(lambda _: written, PAGE.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{PAGE}: expected one place for the tables, found {count}")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
