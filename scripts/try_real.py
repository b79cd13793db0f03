"""Try testcache on five real projects as a new user would, and print what it did as a table.

Usage: python scripts/try_real.py [FOLDER]   (by any Python 3.11 or newer)

For each project's released sources, with its own tests: install them and testcache into a fresh
environment, record, run again, edit the body of one function, take the edit back; each also with
two workers. After every step a full run without testcache says what is true; a difference in any
outcome ends with exit code 1.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent.parent

WITNESS = """
import json, os
import pytest

def note(*row):
    descriptor = os.open(os.environ["TRY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, (json.dumps(row) + "\\n").encode())
    os.close(descriptor)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    note("ran", item.nodeid)

def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or report.outcome != "passed"):
        note("told", report.nodeid, report.outcome)
"""


@dataclass(frozen=True)
class Project:
    """A release on the package index, what its tests need, and one edit of a body."""

    release: str
    needs: tuple[str, ...]
    file: str
    old: str
    new: str


PROJECTS = (
    Project(
        "click==8.5.1",
        (),
        "src/click/formatting.py",
        "    widths: dict[int, int] = {}\n",
        "    widths: dict[int, int] = dict()\n",
    ),
    Project(
        "attrs==26.1.0",
        ("hypothesis", "cloudpickle"),
        "src/attr/converters.py",
        "    if val in (True,",
        "    if val in (True, True,",
    ),
    Project(
        "boltons==26.2.0",
        (),
        "boltons/strutils.py",
        "    ret = delim.join(split_punct_ws(text)) or delim if text else ''\n",
        "    ret = (delim.join(split_punct_ws(text)) or delim) if text else '' + ''\n",
    ),
    Project(
        "itsdangerous==2.2.0",
        ("freezegun",),
        "src/itsdangerous/encoding.py",
        "    return _bytes_to_int(bytestr.rjust(8, ",
        "    return _bytes_to_int(bytes(bytestr).rjust(8, ",
    ),
    Project(
        "cachetools==6.2.4",
        (),
        "src/cachetools/keys.py",
        "    key += tuple(type(v) for v in args)\n",
        "    key += tuple(type(value) for value in args)\n",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """What a run did: seconds, tests whose body ran, outcomes, and how many tests can be replayed in no run.

    Tests that fail are among the latter, and those before them in their files: a failure is only believed
    when they have run, too.
    """

    seconds: float
    ran: frozenset[str]
    told: dict[str, str]
    never: int

    @property
    def needless(self) -> bool:
        """Whether more ran than must in every run."""
        failed = {test.partition("::")[0] for test, outcome in self.told.items() if outcome == "failed"}
        return sum(1 for test in self.ran if test.partition("::")[0] not in failed) > self.never


def fetch(project: Project, folder: Path) -> Path:
    """Download and unpack a release's sources."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-binary", ":all:", "--dest", str(folder), project.release], check=True)
    name = project.release.partition("==")[0]
    archive = next(folder.glob(f"{name}-*.tar.gz"))
    with tarfile.open(archive) as sources:
        sources.extractall(folder, filter="data")
    return next(path for path in folder.glob(f"{name}-*") if path.is_dir())


def install(project: Project, tree: Path) -> Path:
    """Make an environment beside the sources, as a developer of the project would; return its Python."""
    folder = tree.parent / f"{tree.name}-env"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, str(HERE), *project.needs, "--editable", str(tree)], check=True)
    return python


def pytest(project: Project, tree: Path, python: Path, *arguments: str) -> Outcome:
    """Run the project's tests and read what the witness saw."""
    log = tree.parent / "log"
    log.unlink(missing_ok=True)
    changes = {"TRY_LOG": str(log), "PYTHONPATH": str(tree.parent), "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
    env = {**os.environ, **changes}
    command = [str(python), "-m", "pytest", "-q", "-p", "witness", "-p", "no:cacheprovider", *arguments]
    start = time.monotonic()
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode not in (0, 1):
        raise SystemExit(f"{project.release}: pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    told = {row[1]: row[2] for row in rows if row[0] == "told"}
    uncacheable = re.search(r"^testcache: .* (\d+) uncacheable", done.stdout, re.MULTILINE)
    never = int(uncacheable[1]) if uncacheable else 0
    never += sum(1 for outcome in told.values() if outcome == "failed")
    return Outcome(seconds, frozenset(row[1] for row in rows if row[0] == "ran"), told, never)


def differences(one: Outcome, other: Outcome) -> list[str]:
    """The tests that two runs tell different outcomes of."""
    return [test for test in sorted({*one.told, *other.told}) if one.told.get(test) != other.told.get(test)]


def steps(project: Project, tree: Path, python: Path) -> int:
    """Play all steps; return how many of them told something untrue."""
    wrong = 0

    def step(title: str, *arguments: str) -> Outcome:
        nonlocal wrong
        full = pytest(project, tree, python)
        cached = pytest(project, tree, python, "--cached", *arguments)
        different = differences(full, cached)
        if different:  # some compare times of the clock: whose outcome differs without the cache, too, is not counted
            unstable = differences(full, pytest(project, tree, python))
            different = [test for test in different if test not in unstable]
            print("".join(f"    unstable without the cache: {test}\n" for test in unstable), end="")
        wrong += bool(different)
        says = "  DIFFERENT OUTCOMES" if different else ""
        print(
            f"{project.release:19} {title:22} {len(cached.told):5} told "
            f"{len(cached.ran):5} ran ({cached.never:3} always) "
            f"{full.seconds:7.1f} s full {cached.seconds:7.1f} s cached{says}",
        )
        for test in different:
            print(f"    {test}: {full.told.get(test)} in a full run, {cached.told.get(test)} with --cached")
        sys.stdout.flush()
        return cached

    file = tree / project.file
    text = file.read_text(encoding="utf-8")
    if text.count(project.old) < 1:
        raise SystemExit(f"{project.release}: {project.file} has no text {project.old!r}")
    step("record")
    again = step("nothing changed")
    step("nothing changed, -n 2", "-n", "2")
    file.write_text(text.replace(project.old, project.new, 1), encoding="utf-8")
    edited = step("one function edited")
    file.write_text(text, encoding="utf-8")
    back = step("edit taken back", "-n", "2")
    wrong += again.needless + back.needless + (len(edited.ran) >= len(edited.told))
    return wrong


def main() -> int:
    """Try all projects; 0 if every step kept its promise."""
    with tempfile.TemporaryDirectory(prefix="try-real-") as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).absolute()
        folder.mkdir(exist_ok=True)
        (folder / "witness.py").write_text(WITNESS, encoding="utf-8")
        wrong = 0
        for project in PROJECTS:
            tree = fetch(project, folder)
            wrong += steps(project, tree, install(project, tree))
    print(f"{wrong} promises broken" if wrong else "every step kept its promise")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
