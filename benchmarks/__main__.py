"""Measure everything and write docs/benchmarks.md: `python -m benchmarks [--rounds N] [--scale] [SUITE ...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import page, scale
from benchmarks.measure import FRESH_S, Ran, in_turns, run
from benchmarks.suites import SUITES, Suite
from benchmarks.tools import BARE, TESTCACHE, Tool, chosen

DOCS = Path(__file__).resolve().parent.parent / "docs"
OPTIONS = ("-q",)
EMPTY = ("--ignore-glob=*",)


def commit(tree: Path, message: str) -> None:
    """Let tools that ask git see what there is."""
    identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    subprocess.run(["git", "add", "--all"], cwd=tree, check=True)
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", message], cwd=tree, check=True)


class Bench:
    """One suite under one tool, in a tree of its own."""

    def __init__(self, suite: Suite, tool: Tool, folder: Path) -> None:
        self.suite = suite
        self.tool = tool
        self.python = tool.python(folder, suite.needs)
        place = folder / tool.name
        place.mkdir()
        self.tree = suite.make(place)
        (self.tree / ".gitignore").write_text("__pycache__/\n.testcache/\n.testmondata*\n.hypothesis/\n")
        commit(self.tree, "begin")

    def pytest(self, *arguments: str) -> Ran:
        """Run the suite's tests."""
        done = run([self.python, "-m", "pytest", *OPTIONS, *arguments], self.tree, self.suite.source)
        if done.exit not in (0, 1, 5):
            raise SystemExit(f"{self.suite.name}, {self.tool.name}: exit {done.exit}\n{done.text}")
        return done

    def cold(self) -> Ran:
        """Run everything, with nothing recorded before."""
        self.tool.forget(self.tree)
        return self.pytest(*self.tool.arguments)

    def again(self) -> Ran:
        """Run with nothing changed since the last run."""
        return self.pytest(*self.tool.arguments)

    def edited(self) -> Ran:
        """Run after the edit, and take it back."""
        file = self.tree / self.suite.file
        text = file.read_text()
        if self.suite.old not in text:
            raise SystemExit(f"{self.suite.name}: {self.suite.file} has no text {self.suite.old!r}")
        file.write_text(text.replace(self.suite.old, self.suite.new, 1))
        done = self.again()
        file.write_text(text)
        self.again()
        return done


def measured(suite: Suite, rounds: int) -> page.Row:
    """All figures of one suite."""
    with tempfile.TemporaryDirectory(prefix=f"bench-{suite.name}-") as temporary:
        benches = {tool.name: Bench(suite, tool, Path(temporary)) for tool in chosen()}
        for bench in benches.values():
            bench.cold()  # bytecode, and what the first run of a suite leaves behind
        cold = in_turns({name: bench.cold for name, bench in benches.items()}, rounds)
        floor = {"floor": lambda: benches[BARE.name].pytest(*EMPTY)}
        for bench in benches.values():
            bench.again()  # some record in their second run what they could not in the first
        warm = in_turns({**floor, **{name: bench.again for name, bench in benches.items()}}, rounds)
        edited = {name: bench.edited() for name, bench in benches.items() if name != BARE.name}
        ours = benches[TESTCACHE.name]
        alone: list[str | Path] = [ours.python, "-m", "testcache", "run", *OPTIONS]
        time.sleep(FRESH_S)
        for _ in range(2):
            run(alone, ours.tree, suite.source)
        quick = in_turns(
            {
                "testcache run": lambda: run(alone, ours.tree, suite.source),
                "python -c pass": lambda: run([ours.python, "-c", "pass"], ours.tree, suite.source),
            },
            rounds,
        )
    return page.Row(suite, cold, warm, quick, edited)


def main() -> int:
    """Measure, print as it goes, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("suites", nargs="*", metavar="SUITE", choices=[*(suite.name for suite in SUITES), []])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, nargs="*", default=[1_000, 10_000], metavar="TESTS")
    asked = parser.parse_args()
    rows = []
    for suite in SUITES:
        if not asked.suites or suite.name in asked.suites:
            rows.append(measured(suite, asked.rounds))
            print("\n".join(page.table([rows[-1]])), flush=True)
    points = [scale.measured(count) for count in asked.scale]
    page.write(DOCS, rows, points, asked.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
