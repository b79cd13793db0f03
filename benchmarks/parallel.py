"""Seconds of the clock with two workers, beside plain xdist: `python -m benchmarks.parallel [SUITE ...]`."""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.measure import Ran, Series, in_turns, run, wall
from benchmarks.suites import SUITES, Suite, release, tiny
from benchmarks.tools import TESTCACHE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks-parallel.md"
PLAIN, TWO, AUTO = "plain", "-n 2", "-n auto"


def skewed(folder: Path) -> Path:
    """Four hundred tests of 20 ms, and one of 8 s that is found last. They sleep: other load matters less."""
    each = "import time\n\n\n" + "".join(f"def test_{n}():\n    time.sleep(0.02)\n\n\n" for n in range(20))
    for number in range(20):
        (folder / f"test_{number}.py").write_text(each)
    (folder / "test_last.py").write_text("import time\n\n\ndef test_long():\n    time.sleep(8)\n")
    return folder


BOLTONS, CLICK = (next(suite for suite in SUITES if suite.name == name) for name in ("boltons", "click"))
CHOSEN = (
    replace(  # of the edit that the other page makes no test knows
        BOLTONS, file="boltons/iterutils.py",
        old="        iter(obj)\n    except TypeError:\n        return False\n",
        new="        iter(obj)\n    except (TypeError,):\n        return False\n",
    ),
    Suite(
        "marshmallow", "1,192 tests", release("marshmallow", "4.4.0"), "src", ("simplejson",),
        "src/marshmallow/validate.py", "if value not in self.choices:", "if not (value in self.choices):",
    ),
    Suite(
        "skewed", "generated: 400 tests of 20 ms, and one of 8 s that is found last", skewed, ".", (),
        "test_9.py", "def test_19():\n    time.sleep(0.02)", "def test_19():\n    time.sleep(0.021)",
    ),
    Suite(
        "thousand", "generated: 1,000 tiny tests; the edit is in one of them", tiny, ".", (),
        "test_m7.py", "m7.f7(1) == 8\n", "m7.f7(1) == 4 + 4\n",
    ),
    CLICK,
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One suite: everything run by each way, and after the edit."""

    suite: Suite
    everything: dict[str, Series]
    edited: dict[str, Series]
    executed: dict[str, str]
    workers: dict[str, str]


class Bench:
    """One suite in one tree, run with and without the cache."""

    def __init__(self, suite: Suite, folder: Path) -> None:
        self.suite = suite
        self.python = TESTCACHE.python(folder, suite.needs)
        place = folder / "tree"
        place.mkdir()
        self.tree = suite.make(place)
        self._store = self.tree / ".testcache"
        self._kept = folder / "kept-store"
        self.last: dict[str, Ran] = {}

    def run(self, *arguments: str) -> Ran:
        """Run the suite's tests."""
        done = run([self.python, "-m", "pytest", *arguments], self.tree, self.suite.source)
        if done.exit not in (0, 1):
            raise SystemExit(f"{self.suite.name}, {arguments}: exit {done.exit}\n{done.text}")
        return done

    def plain(self) -> Ran:
        """As without testcache."""
        return self.run("-p", "no:testcache", "-n", "2")

    def way(self, name: str, *arguments: str) -> Callable[[], Ran]:
        """A run with the cache, which finds the store as it was kept."""

        def action() -> Ran:
            shutil.rmtree(self._store, ignore_errors=True)
            shutil.copytree(self._kept, self._store)
            self.last[name] = self.run(*arguments)
            return self.last[name]

        return action

    def keep(self) -> None:
        """Record until nothing is left to run that could be replayed, and keep that store."""
        for _ in range(3):
            self.run("--cached", "-n", "2")
        shutil.copytree(self._store, self._kept)

    def edit(self) -> None:
        """Make the edit of the suite."""
        file = self.tree / self.suite.file
        text = file.read_text()
        if self.suite.old not in text:
            raise SystemExit(f"{self.suite.name}: {self.suite.file} has no text {self.suite.old!r}")
        file.write_text(text.replace(self.suite.old, self.suite.new, 1))


def measured(suite: Suite, rounds: int) -> Row:
    """All figures of one suite."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{suite.name}-") as temporary:
        bench = Bench(suite, Path(temporary))
        bench.plain()  # bytecode
        bench.keep()
        refresh = "--cached=refresh"
        everything = in_turns(
            {
                PLAIN: bench.plain,
                TWO: bench.way("all 2", refresh, "-n", "2"),
                AUTO: bench.way("all auto", refresh, "-n", "auto"),
            },
            rounds,
            wall,
        )
        bench.edit()
        edited = in_turns(
            {
                PLAIN: bench.plain,
                TWO: bench.way(TWO, "--cached", "-n", "2"),
                AUTO: bench.way(AUTO, "--cached", "-n", "auto"),
            },
            rounds,
            wall,
        )
    workers = {name: _workers(done.text) for name, done in bench.last.items()}
    return Row(suite, everything, edited, {name: done.executed for name, done in bench.last.items()}, workers)


def _workers(text: str) -> str:
    found = re.search(r"^testcache: (\d+) workers?: ", text, re.MULTILINE)
    return found[1] if found else "0"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Two tables with one line a suite."""
    yield "### Everything runs and is recorded: seconds over plain `-n 2`"
    yield ""
    yield "| suite | plain, s | `--cached -n 2` | `--cached -n auto` | workers of auto |"
    yield "|---|---:|---:|---:|---:|"
    for row in rows:
        base = row.everything[PLAIN]
        cells = (over(row.everything[name], base) for name in (TWO, AUTO))
        yield f"| {row.suite.name} | {base.median:.2f} | {' | '.join(cells)} | {row.workers['all auto']} |"
    yield ""
    yield "### One function edited: seconds of plain `-n 2` over those with the cache, so many times faster"
    yield ""
    yield "| suite | tests that run | plain, s | `--cached -n 2` | workers | `--cached -n auto` | workers |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        base = row.edited[PLAIN]
        cells = (f"{over(base, row.edited[name])} | {row.workers[name]}" for name in (TWO, AUTO))
        yield f"| {row.suite.name} | {row.executed[TWO]} | {base.median:.2f} | {' | '.join(cells)} |"


def over(series: Series, base: Series) -> str:
    """`1.20 (1.15-1.31)`: the median of the ratios round by round, and the least and greatest."""
    least, middle, most = series.over(base)
    return f"{middle:.2f} ({least:.2f}-{most:.2f})"


def page(rows: Sequence[Row], rounds: int, busy: float) -> str:
    """The page of results."""
    lines = [
        "# Two workers, beside plain xdist",
        "",
        f"Made by `make bench-parallel` on {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}: "
        f"Python {platform.python_version()}, {platform.system()}, {psutil.cpu_count()} cores, of which others kept "
        f"{busy:.1f} busy. Seconds of the clock; all ways in turn, in {rounds} rounds; ratios are medians of the "
        "rounds, least and greatest in brackets. Plain is `pytest -p no:testcache -n 2`.",
        "",
        *(f"- {row.suite.name}: {row.suite.about}" for row in rows),
        "",
        *table(rows),
        "",
    ]
    return "\n".join(lines)


def others() -> float:
    """Cores that are busy while we wait for a second."""
    return float(psutil.cpu_percent(1.0)) / 100 * (psutil.cpu_count() or 1)


def main() -> int:
    """Measure, print as it goes, and write the page, unless only some suites were asked for."""
    names = [suite.name for suite in CHOSEN]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parallel")
    parser.add_argument("suites", nargs="*", metavar="SUITE", choices=[*names, []])
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    rows, busy = [], []
    for suite in CHOSEN:
        if not asked.suites or suite.name in asked.suites:
            busy.append(others())
            rows.append(measured(suite, asked.rounds))
            print("\n".join(table(rows[-1:])), flush=True)
            if not asked.suites:
                PAGE.write_text(page(rows, asked.rounds, statistics.mean(busy)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
