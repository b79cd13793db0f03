"""`testcache run` with nothing changed: decided by a seal of stats, which any change breaks."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Project

PLUGIN = ("-p", "testcache.plugin")
CACHED = "testcache: 2 tests: 2 cached, 0 run"
HEAVY = ("pytest", "msgspec", "sqlite3", "diskcache", "xxhash", "typing", "dataclasses", "re", "argparse", "pathlib")
PROBE = "import sys; from testcache.cli import main; main(sys.argv[1:]); print(*sorted(sys.modules), file=sys.stderr)"


def go(project: Project, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`testcache run` in a process that says which modules it has imported; if pytest ran, it says nothing."""
    return project.python("-c", PROBE, "run", *PLUGIN, *arguments, env=env)


def is_sealed(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a run was decided by the seal alone."""
    return done.stdout.startswith(CACHED) and "testcache.commands.check" not in done.stderr.split()


@pytest.fixture
def sealed(project: Project) -> Project:
    """A project with two cached tests and a seal."""
    project.write("pytest.ini", "[pytest]\n")
    project.write("data.txt", "1")
    project.write("folder/one", "")
    project.write(
        "test_it.py",
        "import os\n"
        "def test_data(): assert open('data.txt').read() and os.listdir('folder') and os.environ.get('MOOD') != 'x'\n"
        "def test_other(): assert not os.path.exists('missing.txt') and not os.path.lexists('missing.link')\n",
    )
    assert go(project).stdout.splitlines()[-2].startswith("testcache: 2 tests: 0 cached, 2 run")
    for _ in range(100):  # nothing that changed within the last two seconds is sealed
        if is_sealed(go(project)):
            return project
        time.sleep(0.1)
    raise AssertionError("no seal was made")


def test_it_imports_next_to_nothing(sealed: Project) -> None:
    """The cost of a run with nothing changed is the start of Python; a heavy import would go unnoticed else."""
    imported = set(go(sealed).stderr.split())
    assert imported.isdisjoint(HEAVY)
    own = {name for name in imported if name.startswith("testcache")}
    assert own == {
        *("testcache", "testcache.cli", "testcache.clock", "testcache.errors", "testcache.seal", "testcache.commands"),
        *("testcache.commands.run", "testcache.storage", "testcache.storage.tally"),
    }


def linked(folder: Path) -> None:
    """Move a folder and leave a link to it."""
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(folder.with_name("moved"))


CHANGES: dict[str, Callable[[Project], object]] = {
    "a file's content": lambda project: project.write("data.txt", "2"),
    "a test": lambda project: project.edit("test_it.py", "'missing.txt'", "'missing.tex'"),
    "a link to nowhere": lambda project: (project.path / "missing.link").symlink_to("nowhere"),
    "a new test file": lambda project: project.write("test_new.py", "def test_new(): pass\n"),
    "an entry of a folder": lambda project: project.write("folder/two", ""),
    "something absent": lambda project: project.write("missing.txt", ""),
    "the configuration": lambda project: project.write("pytest.ini", "[pytest]\naddopts = -q\n"),
    "the settings": lambda project: project.write(".testcache.toml", "[testcache]\nmode = 'off'\n"),
    "the store": lambda project: project.cli("clear"),
    "a damaged seal": lambda project: (project.path / ".testcache/seal").write_bytes(b"x" * 300),
    "a folder others can write": lambda project: (project.path / ".testcache").chmod(0o777),
    "a link in the store's place": lambda project: linked(project.path / ".testcache"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_breaks_it(sealed: Project, change: Callable[[Project], object]) -> None:
    """What the seal does not show to be unchanged is decided in full."""
    change(sealed)
    assert not is_sealed(go(sealed))


def test_it_is_for_one_command_line_and_environment(sealed: Project) -> None:
    """Other arguments, a variable that a test read and one that Python reads lead to the full check."""
    assert is_sealed(go(sealed, UNRELATED="1"))
    assert not is_sealed(go(sealed, "-k", "data"))
    assert not is_sealed(go(sealed, MOOD="happy"))
    assert not is_sealed(go(sealed, PYTHONHASHSEED="7"))


def test_no_value_of_a_variable_is_in_it(sealed: Project) -> None:
    """A seal holds keyed digests of what a process began with."""
    mood = "correct-horse-battery"
    for _ in range(2):
        go(sealed, MOOD=mood)
    assert mood.encode() not in (sealed.path / ".testcache/seal").read_bytes()
