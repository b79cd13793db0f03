"""Real projects and real pytest runs for tests: write files, run `pytest --cached`, see what really ran."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = any(entry.name == "testcache" for entry in importlib.metadata.entry_points(group="pytest11"))
RUN_TIMEOUT_S = 120
EDIT_INTERVAL_S = 10
ONE_WORKER, TWO_WORKERS = (("--dist=load", "--tx", f"{number}*popen") for number in (1, 2))
"""Workers for cheap tests, too, where `-n 2` would start none."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of pytest did.

    Attributes:
        exit: pytest's exit code.
        text: standard output, then standard error.
        outcomes: by node id: passed, failed, error (outside the body), skipped, xfailed or xpassed.
        executed: tests whose body really ran; the others of `outcomes` were replayed or skipped.
    """

    exit: int
    text: str
    outcomes: dict[str, str]
    executed: set[str]

    @property
    def replayed(self) -> set[str]:
        """Tests that were reported as passed without their body having run."""
        return {test for test, outcome in self.outcomes.items() if outcome == "passed"} - self.executed

    @property
    def summary(self) -> str:
        """The line that begins with `testcache: ` and stands last, or ""."""
        lines = [line for line in self.text.splitlines() if line.startswith("testcache: ")]
        return lines[-1] if lines else ""


@dataclass(slots=True)
class Project:
    """A project in a folder of its own, with its own home and a clean environment.

    Each write is dated 10 seconds after the one before, and all of them in the past: Python takes a
    .pyc for fresh if whole seconds and size agree, so two edits within one second could run old code.
    """

    path: Path
    _written: int = field(default=0, init=False)
    _start: float = field(default_factory=lambda: time.time() - 100_000, init=False)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._outside("home").mkdir(exist_ok=True)
        self._outside("plugins").mkdir(exist_ok=True)
        shutil.copy(HERE / "witness.py", self._outside("plugins"))
        self.write("pytest.ini", "[pytest]\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file, and the folders above it."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        self._written += 1
        moment = int(self._start) + self._written * EDIT_INTERVAL_S
        os.utime(file, (moment, moment))
        return file

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file exactly once."""
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        python_flags: Sequence[str] = (),
        plugins: Sequence[str] = ("xdist.plugin",),
        cwd: str = ".",
    ) -> Run:
        """Run `python -m pytest --cached`, unless `args` has a --cached of its own.

        Of the installed plugins only `plugins` are loaded. `env` is added to a minimal environment.
        """
        wanted = [] if any(arg.startswith("--cached") for arg in args) else ["--cached"]
        loaded = [part for plugin in ("testcache.plugin", *plugins, "witness") for part in ("-p", plugin)]
        notes = self._outside("witness.jsonl")
        notes.unlink(missing_ok=True)
        done = self.python(*python_flags, "-m", "pytest", *loaded, *wanted, *args, env=env, cwd=cwd)
        events = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        reports = [event for event in events if event["event"] == "report"]
        executed = {event["nodeid"] for event in events if event["event"] == "ran"}
        return Run(done.returncode, done.stdout + done.stderr, _outcomes(reports), executed)

    def cli(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `testcache ARGS` in the project."""
        return self.python("-m", "testcache", *args, env=env)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start `pytest --cached ARGS` in a session of its own, in which Ctrl-C ends it as usual."""
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; children inherit it
            signal.signal(signal.SIGINT, signal.default_int_handler)
        plugins = ("-p", "testcache.plugin", "-p", "xdist.plugin", "-p", "witness")
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *plugins, "--cached", *args],
            cwd=self.path,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def environment(self) -> dict[str, str]:
        """The environment of every process in the project: nothing of ours but the way to the code."""
        places = [str(self._outside("plugins"))] + ([] if INSTALLED else [str(HERE.parent)])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._outside("home")),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(places),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "WITNESS": str(self._outside("witness.jsonl")),
        }

    def python(
        self, *args: str, env: Mapping[str, str] | None = None, cwd: str = "."
    ) -> subprocess.CompletedProcess[str]:
        """Run this Python in the project, in the same clean environment as the tests."""
        return subprocess.run(
            [sys.executable, *args],
            cwd=self.path / cwd,
            env=self.environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RUN_TIMEOUT_S,
            check=False,
        )

    def _outside(self, name: str) -> Path:
        """A place beside the project, where no test of it looks."""
        return self.path.parent / f"{self.path.name}-{name}"


def _outcomes(reports: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Fold the phases of each test into one outcome, as pytest's summary counts them."""
    outcomes: dict[str, str] = {}
    for report in reports:
        outcome = report["outcome"]
        if outcome == "failed" and report["when"] != "call":
            outcome = "error"
        known = outcomes.setdefault(report["nodeid"], outcome)
        if known == "passed" or (outcome in ("failed", "error") and known != "failed"):
            outcomes[report["nodeid"]] = outcome
    return outcomes
