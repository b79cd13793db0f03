"""A broken store never breaks a run: one line of warning, every test runs, the exit code is right."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Project, Run

GOOD, BAD = "test_good.py::test_good", "test_bad.py::test_bad"


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with one replayable pass and one failure."""
    project.write("shop.py", "def one(): return 1\n")
    project.write("test_good.py", "import shop\ndef test_good(): assert shop.one() == 1\n")
    project.write("test_bad.py", "import shop\ndef test_bad(): assert shop.one() == 2\n")
    assert project.run().exit == 1
    assert project.run().executed == {BAD}
    return project


def database(project: Project) -> Path:
    """The database file of a project's store."""
    return project.path / ".testcache" / "v1" / "cache.db"


def aside(project: Project) -> Path:
    """Where a damaged database is kept."""
    return database(project).with_name("cache.db.damaged")


def warnings(run: Run) -> list[str]:
    """The lines that testcache wrote apart from its heading and its summary."""
    lines = [line for line in run.text.splitlines() if line.startswith(("testcache: ", "the store"))]
    assert lines[0].startswith("testcache: mode ")
    assert lines[-1] == run.summary
    return [line for line in lines[1:-1] if line.endswith("]") or not line.startswith("testcache: ")]


def check(run: Run, said: str) -> None:
    """Everything ran, came out right, and one line says why."""
    assert (run.exit, run.executed) == (1, {GOOD, BAD}), run.text
    assert run.outcomes == {GOOD: "passed", BAD: "failed"}
    (line,) = warnings(run)
    assert said in line
    assert "Traceback" not in run.text
    assert run.summary.startswith("testcache: 2 tests: 0 cached, 2 run"), run.summary


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(200, 4096, 97):  # in the first page: the schema
        data[place] ^= 0xFF
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Cache (key, value)")
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (foreign, "testcache clear"),
        (newer, "newer testcache"),
        (a_folder, "cache.db"),
    ],
)
def test_another_database_is_one_warning(recorded: Project, damage: Callable[[Path], None], said: str) -> None:
    """Whatever else stands in the place of the database is named once, left as it is, and nothing is replayed."""
    damage(database(recorded))
    check(recorded.run(), said)
    check(recorded.run(), said)
    assert not aside(recorded).exists()


@pytest.mark.parametrize("damage", [garbage, half, empty, flipped])
def test_a_damaged_database_is_set_aside(recorded: Project, damage: Callable[[Path], None]) -> None:
    """It is kept as it is, everything runs, and is recorded in a new store by the same run."""
    damage(database(recorded))
    before = database(recorded).read_bytes()
    run = recorded.run()
    check(run, "[store-damaged]")
    assert aside(recorded).read_bytes() == before
    assert str(aside(recorded)) in run.text
    assert recorded.run().executed == {BAD}


def test_the_last_damaged_database_is_kept(recorded: Project) -> None:
    """One set-aside file, however often it happens; `clear` removes it."""
    for number in range(3):
        database(recorded).write_bytes(b"%d" % number * 9000)
        check(recorded.run(), "[store-damaged]")
    names = {path.name for path in database(recorded).parent.iterdir()}
    assert names - {"cache.db-wal", "cache.db-shm"} == {"cache.db", "cache.db.damaged", "lock"}
    assert aside(recorded).read_bytes() == b"2" * 9000
    assert "set aside" in recorded.cli("doctor").stdout
    assert recorded.cli("clear").returncode == 0
    assert not aside(recorded).exists()


def test_reading_leaves_a_damaged_database(recorded: Project) -> None:
    """A run that may not record changes nothing, and names what would."""
    garbage(database(recorded))
    before = database(recorded).read_bytes()
    run = recorded.run("--cached=read")
    check(run, "pytest --cached` sets it aside")
    assert (database(recorded).read_bytes(), aside(recorded).exists()) == (before, False)


@pytest.mark.parametrize("options", [(), ("-n2",), ("--cached=refresh",)])
def test_damage_that_is_found_late_is_set_aside(recorded: Project, options: tuple[str, ...]) -> None:
    """Pages that are only read when tests are decided, or when results are stored: recorded all the same."""
    connection = sqlite3.connect(database(recorded))
    ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'Cache'").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    with database(recorded).open("r+b") as stream:
        stream.seek((root - 1) * 4096)
        stream.write(b"\xff" * 4096)
    run = recorded.run(*options)
    check(run, "[store-damaged]")
    assert recorded.run().executed == {BAD}


def test_a_damaged_store_can_be_cleared(recorded: Project) -> None:
    """`testcache clear` is the way out that the warning names."""
    garbage(database(recorded))
    assert recorded.cli("clear").returncode == 0
    assert recorded.run().executed == {GOOD, BAD}
    assert recorded.run().executed == {BAD}


def test_a_store_that_is_a_file(recorded: Project) -> None:
    """A file where the folder should be is left alone."""
    recorded.write(".testcache.toml", 'store = "notes"\n')
    recorded.write("notes", "mine")
    check(recorded.run(), "notes")
    assert (recorded.path / "notes").read_text() == "mine"


def test_a_store_that_holds_other_things(recorded: Project) -> None:
    """A folder with somebody's files in it is not made a store."""
    recorded.write(".testcache.toml", 'store = "data"\n')
    recorded.write("data/precious.txt", "mine")
    check(recorded.run(), "precious.txt")
    assert [path.name for path in (recorded.path / "data").iterdir()] == ["precious.txt"]


@pytest.mark.parametrize("place", ["/proc/testcache", "/dev/null/testcache"])
def test_a_store_that_cannot_be_made(recorded: Project, place: str) -> None:
    """A place where no folder can be made is one warning, also for a superuser."""
    recorded.write(".testcache.toml", f'store = "{place}"\n')
    check(recorded.run("-n2"), place)


def test_a_store_without_write_permission_is_read(recorded: Project) -> None:
    """A read-only store replays; nothing is recorded and nothing fails."""
    places = [recorded.path / ".testcache", *(recorded.path / ".testcache").rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    try:
        for place in places:
            place.chmod(modes[place] & ~0o222)
        if os.access(database(recorded), os.W_OK):
            pytest.skip("a superuser writes everywhere")
        run = recorded.run()
        assert (run.exit, run.executed) == (1, {BAD})
    finally:
        for place in places:
            place.chmod(modes[place])


def test_a_locked_store_keeps_what_was_recorded_for_later(recorded: Project) -> None:
    """While another process writes for long, a run ends well; its results are stored by the next one."""
    recorded.edit("shop.py", "return 1", "return 2 - 1")
    with database(recorded).with_name("lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = recorded.run()
    assert (run.exit, run.outcomes) == (1, {GOOD: "passed", BAD: "failed"})
    (line,) = warnings(run)
    assert "locked by another process" in line
    assert recorded.run().executed == {BAD}


def test_a_damaged_manifest_is_a_miss(recorded: Project) -> None:
    """A value that does not decode costs its tests a run, is said in a line, and is replaced."""
    connection = sqlite3.connect(database(recorded))
    with connection:
        connection.execute(
            "UPDATE Cache SET value = substr(value, 1, 30) WHERE instr(CAST(key AS TEXT), 'manifest') > 0"
        )
        connection.execute("DELETE FROM Cache WHERE instr(CAST(key AS TEXT), 'index') > 0")  # it would do as well
    connection.close()
    check(recorded.run(), "[entry-corrupt]")
    assert recorded.run().executed == {BAD}


@pytest.mark.parametrize(
    "breaks",
    [
        "shutil.rmtree('.testcache')",
        "shutil.rmtree('.testcache/v1')",
        "Path('.testcache/v1/cache.db').write_bytes(b'x' * 9000)",
        "Path('.testcache/v1').rename('.testcache/v2')",
    ],
)
def test_a_store_that_breaks_while_tests_run(project: Project, breaks: str) -> None:
    """Those that were still to be replayed are reported all the same, each once."""
    project.write("test_1.py", "import shutil\nfrom pathlib import Path\ndef test_breaks(): assert True\n")
    project.write("test_2.py", "TABLE = []\ndef test_a(): assert TABLE == []\ndef test_b(): pass\n")
    project.write("test_3.py", "def test_c(): pass\n")
    project.run()
    project.edit("test_1.py", "assert True", breaks + "; import test_2; test_2.TABLE.append(1)")
    run = project.run()
    assert "INTERNALERROR" not in run.text
    assert len(run.outcomes) == 4, run.text
    assert {test for test, outcome in run.outcomes.items() if outcome == "failed"} == {"test_2.py::test_a"}


def test_a_database_that_breaks_while_tests_run(recorded: Project) -> None:
    """What has run by then is recorded in a new one, with the variables that it has read."""
    recorded.write(
        "test_new.py",
        "import os\nfrom pathlib import Path\n"
        "def test_breaks(): Path('.testcache/v1/cache.db').write_bytes(b'x' * 9000)\n"
        "def test_reads(): assert os.environ['SHOP_NAME'] == 'a'\n",
    )
    run = recorded.run(env={"SHOP_NAME": "a"})
    assert warnings(run) == [warnings(run)[0]]
    assert "[store-damaged]" in run.text
    recorded.edit("test_new.py", "Path('.testcache/v1/cache.db').write_bytes(b'x' * 9000)", "pass")
    assert recorded.run(env={"SHOP_NAME": "a"}).executed == {BAD, "test_new.py::test_breaks"}
