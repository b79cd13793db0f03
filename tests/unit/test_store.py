"""The store: what goes in comes out, several processes lose nothing, and foreign files are not trusted."""

from __future__ import annotations

import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testcache.errors import StoreDamaged, StoreError, StoreLocked, StoreNewer
from testcache.storage import folder as layout
from testcache.storage import gate
from testcache.storage.disk import BytesDisk, NotBytes
from testcache.storage.rows import uri
from testcache.storage.store import Store

AS_ROOT = os.geteuid() == 0
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder of this test alone that other users can enter; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o711)
        if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
            pytest.skip(f"other users cannot enter {path.parent}")
        yield path


def database(folder: Path) -> Path:
    return folder / "v1" / "cache.db"


def made(folder: Path, **values: bytes) -> Path:
    """Make a store with values in the space "t" and return its folder, closed."""
    with Store.open(folder) as store:
        store.put_many(("t", key.encode(), value) for key, value in values.items())
    return folder


def sql(folder: Path, *statements: str, parameters: tuple[object, ...] = ()) -> None:
    """Change the database behind the store's back."""
    connection = sqlite3.connect(database(folder), isolation_level=None)
    for statement in statements:
        connection.execute(statement, parameters)
    connection.close()


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed and return what it printed."""
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return text.strip()


class TestKeepsBytes:
    """What goes in comes out."""

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=200), max_size=8))
    def test_any_keys_and_values(self, folder: Path, items: dict[bytes, bytes]) -> None:
        """Any bytes can be key and value, NUL and nothing included; other spaces do not see them."""
        with Store.open(folder) as store:
            store.clear()
            store.put_many(("one", key, value) for key, value in items.items())
            assert store.get_many("one", items) == items
            assert {key: store.get("one", key) for key in items} == items
            assert set(store.keys("one")) == set(items)
            assert store.count("one") == len(items)
            assert store.get_many("two", items) == {}
            assert store.count("on") == store.count("one2") == 0
            store.delete("one", items)
            assert store.count("one") == 0

    def test_more_keys_than_one_query_takes(self, folder: Path) -> None:
        """Thousands of keys are read in one call."""
        items = {b"%d" % number: b"v%d" % number for number in range(2500)}
        with Store.open(folder) as store:
            store.put_many(("t", key, value) for key, value in items.items())
            assert store.get_many("t", items) == items

    def test_what_was_stored_survives_closing(self, folder: Path) -> None:
        """A second opening reads what the first wrote, and the salt stays."""
        with Store.open(folder) as store:
            store.put_many([("t", b"k", b"v" * 100_000)])
            salt = store.salt
        with Store.open(folder) as store:
            assert store.get("t", b"k") == b"v" * 100_000
            assert store.salt == salt
            assert len(salt) == 32

    def test_two_stores_have_two_salts(self, tmp_path: Path) -> None:
        """The salt is random, so digests of variables cannot be compared across stores."""
        with Store.open(tmp_path / "a") as one, Store.open(tmp_path / "b") as two:
            assert one.salt != two.salt

    def test_an_update_sees_the_value_and_writes_the_new_one(self, folder: Path) -> None:
        """Update gives None for a missing key, then the last value."""
        seen: list[bytes | None] = []

        def append(value: bytes | None) -> bytes:
            seen.append(value)
            return (value or b"") + b"x"

        with Store.open(folder) as store:
            store.update("t", b"k", append)
            store.update_many([("t", b"k", append), ("t", b"k", append)])
            assert store.get("t", b"k") == b"xxx"
        assert seen == [None, b"x", b"xx"]

    def test_an_exception_undoes_the_whole_update(self, folder: Path) -> None:
        """All or nothing, and the store can be used afterwards."""

        def fail(value: bytes | None) -> bytes:
            raise ZeroDivisionError

        with Store.open(folder) as store:
            with pytest.raises(ZeroDivisionError):
                store.update_many([("t", b"a", lambda value: b"1"), ("t", b"b", fail)])
            assert store.count("t") == 0
            store.put_many([("t", b"a", b"2")])
            assert store.get("t", b"a") == b"2"

    def test_a_closed_store_says_so(self, folder: Path) -> None:
        """Using a closed store is a StoreError."""
        store = Store.open(folder)
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.get("t", b"k")

    def test_a_warm_run_does_not_load_diskcache(self, folder: Path) -> None:
        """Opening and reading an existing store leaves diskcache unimported."""
        made(folder, k=b"v")
        script = (
            "import sys, pathlib; from testcache.storage.store import Store\n"
            "store = Store.open(pathlib.Path(sys.argv[1]))\n"
            "print(store.get('t', b'k'), 'diskcache' in sys.modules)"
        )
        assert output(python(script, folder)) == "b'v' False"

    def test_a_forked_child_reads_and_writes(self, folder: Path) -> None:
        """A connection is never shared with a child; both go on working."""
        script = (
            "import os, sys, pathlib; from testcache.storage.store import Store\n"
            "store = Store.open(pathlib.Path(sys.argv[1]))\n"
            "store.put_many([('t', b'parent', b'1')])\n"
            "child = os.fork()\n"
            "if not child:\n"
            "    store.put_many([('t', b'child', store.get('t', b'parent'))])\n"
            "    os._exit(0)\n"
            "status = os.waitpid(child, 0)[1]\n"
            "store.put_many([('t', b'parent', b'2')])\n"
            "print(status, store.get_many('t', [b'parent', b'child']) == {b'parent': b'2', b'child': b'1'})"
        )
        assert output(python(script, made(folder))) == "0 True"


class TestFolder:
    """Whose folder it is, and what is in it."""

    def test_it_is_private_and_marked(self, folder: Path) -> None:
        """The folder is 0700, ignored by git, marked as a cache, and explains itself."""
        made(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "*" in (folder / ".gitignore").read_text().splitlines()
        assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
        assert "testcache clear" in (folder / "README.md").read_text()
        assert [path.name for path in (folder / "v1").iterdir() if path.name.startswith("new-")] == []

    def test_a_folder_that_others_may_write_is_closed_to_them(self, folder: Path) -> None:
        """Write permission of group and others is taken away on opening."""
        made(folder).chmod(0o777)
        made(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    def test_a_folder_with_other_things_is_not_taken_over(self, tmp_path: Path) -> None:
        """A project folder named by mistake gets no .gitignore that hides everything, and is not cleared."""
        (tmp_path / "setup.py").touch()
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1" / "cache.db").write_text("precious")
        for use in (Store.open, Store.clear_folder):
            with pytest.raises(StoreError, match=r"not a testcache folder \(it holds setup.py\)"):
                use(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["setup.py", "v1"]
        assert (tmp_path / "v1" / "cache.db").read_text() == "precious"

    @pytest.mark.parametrize("part", [".", "v1", "v1/cache.db"])
    def test_links_are_refused(self, tmp_path: Path, part: str) -> None:
        """Neither the folder nor anything of the store may be a symbolic link."""
        folder = made(tmp_path / "cache")
        path = folder / part
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="symbolic link"):
            Store.open(folder)

    @pytest.mark.skipif(not AS_ROOT, reason="only root can give files away")
    def test_another_users_store_is_refused(self, folder: Path) -> None:
        """A store that belongs to somebody else could hold anything."""
        os.chown(made(folder), NOBODY, NOBODY)
        with pytest.raises(StoreError, match=f"belongs to another user \\(uid {NOBODY}\\)"):
            Store.open(folder)

    def test_a_network_file_system_is_refused(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """SQLite's locks do not hold there; the message says what to change."""
        table = folder.parent / "mounts"
        table.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {folder.parent} nfs4 rw 0 0\n")
        monkeypatch.setattr(layout, "MOUNTS", table)
        with pytest.raises(StoreError, match=r"network file system \(nfs4\).*cache_dir"):
            Store.open(folder)

    @pytest.mark.parametrize(
        ("path", "kind"),
        [("/home/me/x", "ext4"), ("/mnt/a b/x", "cifs"), ("/mnt/a", "ext4"), ("/net/deep/x", "tmpfs")],
    )
    def test_the_innermost_mount_counts(self, path: str, kind: str) -> None:
        """Mount points are whole folders, may hold spaces, and the longest one wins."""
        mounts = "d / ext4 rw\nd /mnt/a\\040b cifs rw\nd /net nfs rw\nd /net/deep tmpfs rw\nbroken\n"
        assert layout.file_system(Path(path), mounts) == kind

    def test_a_name_that_looks_like_a_variable_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """diskcache would expand it and write somewhere else."""
        monkeypatch.setenv("ELSEWHERE", "else")
        with pytest.raises(StoreError, match="looks like a variable"):
            Store.open(tmp_path / "$ELSEWHERE")

    @pytest.mark.parametrize("name", ["a?mode=rwc", "a#b", "100%41", "with space", "ünï"])
    def test_any_other_name_works(self, tmp_path: Path, name: str) -> None:
        """Characters that mean something in an URI do not."""
        with Store.open(made(tmp_path / name, k=b"v")) as store:
            assert store.get("t", b"k") == b"v"
        assert [path.name for path in tmp_path.iterdir()] == [name]


class TestGate:
    """A database is looked at before anything in it is used."""

    def test_the_expected_schema_is_that_of_a_fresh_database(self, folder: Path) -> None:
        """The pinned digest and settings are what the installed diskcache creates."""
        connection = sqlite3.connect(uri(database(made(folder)), immutable=False), uri=True)
        connection.text_factory = bytes
        assert gate.schema_digest(connection) == gate.SCHEMA_SHA256
        names = {key.decode() for (key,) in connection.execute("SELECT key FROM Settings")}
        assert names == gate.SETTINGS.keys() | gate.COUNTERS
        connection.close()

    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE extra (x)",
            "CREATE VIEW extra AS SELECT 1",
            "CREATE INDEX extra ON Cache (value)",
            "CREATE TRIGGER extra AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
            "DROP TRIGGER Settings_count_insert",
            "ALTER TABLE Cache ADD COLUMN extra",
            "INSERT INTO Settings VALUES ('get', 1)",
            "INSERT INTO Settings VALUES ('sqlite_writable_schema', 1)",
            "INSERT INTO Settings VALUES ('disk_fetch', 1)",
            "UPDATE Settings SET value = 0 WHERE key = 'disk_min_file_size'",
            "UPDATE Settings SET value = 'x' WHERE key = 'count'",
            "UPDATE Settings SET value = '0' WHERE key = 'cull_limit'",
            "DELETE FROM Settings WHERE key = 'hits'",
            "PRAGMA user_version = 0",
            "PRAGMA application_id = 0",
        ],
    )
    @pytest.mark.parametrize("readonly", [False, True])
    def test_foreign_contents_are_refused(self, folder: Path, statement: str, readonly: bool) -> None:
        """Whatever a fresh store does not have keeps it closed, and the message names the way out."""
        sql(made(folder), statement)
        with pytest.raises(StoreError, match="testcache clear") as caught:
            Store.open(folder, readonly=readonly)
        assert type(caught.value) is StoreError

    def test_a_newer_format_is_refused_by_name(self, folder: Path) -> None:
        """A store of a newer testcache is left alone."""
        sql(made(folder), f"PRAGMA user_version = {gate.FORMAT + 1}")
        before = database(folder).read_bytes()
        with pytest.raises(StoreNewer, match="newer testcache"):
            Store.open(folder)
        assert database(folder).read_bytes() == before

    def test_a_store_that_is_changed_while_open_is_looked_at_again(self, folder: Path) -> None:
        """A trigger planted after opening does not run: the first write looks first."""
        with Store.open(made(folder, k=b"v")) as store:
            sql(folder, "CREATE TRIGGER extra AFTER UPDATE ON Cache BEGIN DELETE FROM Settings; END")
            with pytest.raises(StoreError, match="foreign"):
                store.put_many([("t", b"k", b"w")])
            assert store.get("t", b"k") == b"v"

    @pytest.mark.parametrize("contents", [b"", b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
    def test_what_is_no_database_is_refused(self, folder: Path, contents: bytes) -> None:
        """Empty, garbage, or only a head: a StoreError each, and clear makes it usable again."""
        database(made(folder)).write_bytes(contents)
        with pytest.raises(StoreError, match="testcache clear"):
            Store.open(folder)
        Store.clear_folder(folder)
        with Store.open(made(folder, k=b"v")) as store:
            assert store.get("t", b"k") == b"v"

    def test_a_truncated_database_never_raises_anything_else(self, folder: Path) -> None:
        """Cut at every page: a StoreError, or values that are whole."""
        made(folder, **{f"k{number}": b"v" * 3000 for number in range(20)})
        whole = database(folder).read_bytes()
        for length in range(0, len(whole), 4096):
            database(folder).write_bytes(whole[:length])
            try:
                with Store.open(folder, readonly=True) as store:
                    for key in store.keys("t"):
                        assert store.get("t", key) in (None, b"v" * 3000)
            except StoreError:
                continue

    def test_a_folder_in_place_of_the_database_is_a_store_error(self, folder: Path) -> None:
        """Even that."""
        database(made(folder)).unlink()
        database(folder).mkdir()
        with pytest.raises(StoreError):
            Store.open(folder)


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


class TestBytesOnly:
    """No row leads to a pickle or to a file (CVE-2025-69872 and its neighbours)."""

    def plant(self, folder: Path, name: bytes, **columns: object) -> None:
        row = {"key": b"t\0" + name, "raw": 1, "store_time": 1.0, "mode": 1, "size": 0, **columns}
        marks = ",".join("?" * len(row))
        statement = f"INSERT INTO Cache ({','.join(row)}) VALUES ({marks})"  # noqa: S608
        sql(folder, statement, parameters=tuple(row.values()))

    def use_everything(self, folder: Path, key: bytes) -> None:
        """Do all that a store can do, with a forged row in it."""
        with Store.open(folder) as store:
            assert store.get("t", key) is None
            assert store.get_many("t", [key, b"good"]) == {b"good": b"value"}
            list(store.keys("t"))
            store.prune(max_bytes=10**9, max_age_s=None, now=time.time())
            with pytest.raises(ZeroDivisionError):
                store.update("t", key, lambda value: b"%d" % (1 // 0 if value is None else 1))
            store.put_many([("t", key, b"new")])
            assert store.get("t", key) == b"new"
            assert store.corrupt > 0
            store.delete("t", [key])

    def test_the_payload_works(self, tmp_path: Path) -> None:
        """Unpickling it does create the file: otherwise the tests below would prove nothing."""
        pickle.loads(pickle.dumps(Payload(tmp_path / "executed")))  # noqa: S301
        assert (tmp_path / "executed").exists()

    @pytest.mark.parametrize("mode", [0, 4, 1])
    def test_a_pickled_value_is_not_executed(self, folder: Path, tmp_path: Path, mode: int) -> None:
        """A row that says it is a pickle is a damaged row, whatever is done with it."""
        made(folder, good=b"value")
        self.plant(folder, b"bad", mode=mode, value=pickle.dumps(Payload(tmp_path / "executed")))
        self.use_everything(folder, b"bad")
        assert not (tmp_path / "executed").exists()

    def test_a_pickled_key_is_not_executed(self, folder: Path, tmp_path: Path) -> None:
        """Nor a key that says it is one, when keys are listed, pruned or cleared."""
        made(folder, good=b"value")
        payload = pickle.dumps(Payload(tmp_path / "executed"))
        self.plant(folder, b"", key=payload, raw=0, value=b"x")
        self.plant(folder, b"", key=b"t\0" + payload, raw=0, value=b"x")
        with Store.open(folder) as store:
            assert list(store.keys("t")) == [b"good"]
            store.prune(max_bytes=0, max_age_s=0, now=time.time() + 9)
            store.clear()
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize("mode", [1, 2, 3, 4])
    def test_a_row_that_names_a_file_neither_reads_nor_deletes_it(
        self, folder: Path, tmp_path: Path, mode: int
    ) -> None:
        """diskcache would read the file on get and remove it on delete, set and cull."""
        made(folder, good=b"value")
        secret = tmp_path / "secret"
        secret.write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
        self.plant(folder, b"bad", mode=mode, filename=str(secret))
        self.use_everything(folder, b"bad")
        self.plant(folder, b"bad", mode=mode, filename="../../secret")
        with Store.open(folder) as store:
            assert store.get("t", b"bad") is None
            store.prune(max_bytes=0, max_age_s=0, now=time.time() + 9)
            store.clear()
        assert secret.exists()
        assert not (tmp_path / "executed").exists()

    @pytest.mark.parametrize("value", ["text", 7, 2.5, None, b"", b"\x01" + b"x" * 40])
    def test_a_value_that_is_not_framed_bytes_is_a_miss(self, folder: Path, value: object) -> None:
        """Other types and other bytes than the store writes are not handed out."""
        made(folder, good=b"value")
        self.plant(folder, b"bad", value=value)
        self.use_everything(folder, b"bad")

    def test_a_value_of_another_key_is_a_miss(self, folder: Path) -> None:
        """The checksum covers the key: a whole value in the wrong row is damage."""
        made(folder, a=b"of a", b=b"of b")
        sql(folder, "UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = x'740061')")
        with Store.open(folder) as store:
            assert store.get_many("t", [b"a", b"b"]) == {b"a": b"of a"}
            assert store.corrupt >= 2  # the salt was overwritten as well

    def test_the_disk_refuses_what_is_not_bytes(self, tmp_path: Path) -> None:
        """The class that stands between diskcache and its pickles rejects each way around it."""
        disk = BytesDisk(str(tmp_path))
        for key in ("text", 1, None, bytearray(b"x")):
            with pytest.raises(NotBytes):
                disk.put(key)
        for value in ("text", 1, None, bytearray(b"x")):
            with pytest.raises(NotBytes):
                disk.store(value, False)
        with pytest.raises(NotBytes):
            disk.store(b"x", True)
        for raw in (0, None, "1"):
            with pytest.raises(NotBytes):
                disk.get(b"x", raw)
        for row in (
            (4, None, b"x", False),
            (1, "f", b"x", False),
            (1, None, "x", False),
            (1, None, b"x", True),
        ):
            with pytest.raises(NotBytes):
                disk.fetch(*row)
        with pytest.raises(NotBytes):
            disk.filename()

    def test_the_disk_removes_nothing(self, tmp_path: Path) -> None:
        """Being asked to remove a file changes nothing."""
        (tmp_path / "kept").touch()
        BytesDisk(str(tmp_path)).remove("kept")
        assert (tmp_path / "kept").exists()


HOLD = (
    "import sqlite3, sys\n"
    "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "for statement in sys.argv[2:]: connection.execute(statement)\n"
    "print('held', flush=True); sys.stdin.readline()"
)


class TestOthersAtWork:
    """Locks, read-only folders and several processes."""

    def test_an_exclusive_transaction_elsewhere_stops_writes_not_reads(self, folder: Path) -> None:
        """A foreign program that locks the database makes writes StoreLocked within the wait."""
        made(folder, k=b"v")
        holder = python(HOLD, database(folder), "BEGIN EXCLUSIVE")
        assert holder.stdout is not None
        holder.stdout.readline()
        with Store.open(folder, wait_s=1) as store:
            start = time.monotonic()
            with pytest.raises(StoreLocked, match="locked by another process"):
                store.put_many([("t", b"k", b"w")])
            assert time.monotonic() - start < 5
            assert store.get("t", b"k") == b"v"
            holder.communicate("\n", timeout=60)
            store.put_many([("t", b"k", b"w")])
            assert store.get("t", b"k") == b"w"

    def test_a_database_locked_as_a_whole_is_store_locked(self, folder: Path) -> None:
        """Exclusive locking mode keeps readers out as well: that is said, not waited for for ever."""
        made(folder, k=b"v")
        holder = python(HOLD, database(folder), "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT")
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked):
            Store.open(folder, wait_s=0.5)
        with pytest.raises(StoreLocked):
            Store.clear_folder(folder, wait_s=0.5)
        holder.communicate("\n", timeout=60)
        with Store.open(folder) as store:
            assert store.get("t", b"k") == b"v"

    def test_a_testcache_that_writes_for_too_long_is_store_locked(self, folder: Path) -> None:
        """Two of our own processes take turns by a lock file, with a bounded wait."""
        with Store.open(folder) as slow, Store.open(folder, wait_s=0.5) as quick:

            def meanwhile(value: bytes | None) -> bytes:
                with pytest.raises(StoreLocked):
                    quick.put_many([("t", b"q", b"1")])
                return b"slow"

            slow.update("t", b"k", meanwhile)
            quick.put_many([("t", b"q", b"2")])
            assert slow.get_many("t", [b"k", b"q"]) == {b"k": b"slow", b"q": b"2"}

    def test_readonly_reads_and_refuses_to_write(self, folder: Path) -> None:
        """A store opened for reading changes nothing."""
        made(folder, k=b"v")
        with Store.open(folder, readonly=True) as store:
            assert store.readonly
            assert store.get("t", b"k") == b"v"
            assert list(store.keys("t")) == [b"k"]
            writes = [
                lambda: store.put_many([("t", b"k", b"w")]),
                lambda: store.delete("t", [b"k"]),
                lambda: store.prune(max_bytes=0, max_age_s=0, now=0),
                store.clear,
            ]
            for write in writes:
                with pytest.raises(StoreError, match="for reading only"):
                    write()

    def test_readonly_makes_no_store(self, folder: Path) -> None:
        """There is nothing to read where there is no store, and nothing is left behind."""
        with pytest.raises(StoreError, match="there is no store"):
            Store.open(folder, readonly=True)
        assert not folder.exists()

    @pytest.mark.parametrize("log", [False, True])
    def test_a_folder_that_cannot_be_written_is_read(self, open_to_all: Path, log: bool) -> None:
        """Such a store is readonly by itself; rows still in the write-ahead log are seen."""
        store = Store.open(open_to_all / "cache")
        store.put_many([("t", b"k", b"v")])
        if not log:
            store.close()
        script = (
            "import os, sys, pathlib\n"
            "from testcache.storage.store import Store\n"
            "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "store = Store.open(pathlib.Path(sys.argv[1]))\n"
            "print(store.readonly, store.get('t', b'k'), list(store.keys('t')), len(store.salt))"
        )
        paths = [store.folder, *store.folder.rglob("*")]
        try:
            for path in reversed(paths):
                path.chmod(0o500 if path.is_dir() else 0o400)
                if AS_ROOT:
                    os.chown(path, NOBODY, NOBODY)
            assert output(python(script, store.folder)) == "True b'v' [b'k'] 32"
        finally:
            for path in paths:
                if AS_ROOT:
                    os.chown(path, 0, 0)
                path.chmod(0o700)
            store.close()

    def test_many_processes_lose_nothing(self, folder: Path) -> None:
        """Six processes make, update and fill one store at once; every step of each is there."""
        script = (
            "import sys, pathlib; from testcache.storage.store import Store\n"
            "name = sys.argv[2].encode(); sys.stdin.readline()\n"
            "for step in range(5):\n"
            "    with Store.open(pathlib.Path(sys.argv[1]), wait_s=60) as store:\n"
            "        for turn in range(6):\n"
            "            own = b'%s-%d-%d' % (name, step, turn)\n"
            "            store.put_many([('own', own, own * 500)])\n"
            "            store.update('all', b'list', lambda value: (value or b'') + own + b' ')\n"
            "print(store.salt.hex())"
        )
        processes = [python(script, folder, f"p{number}") for number in range(6)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        salts = {output(process) for process in processes}
        assert len(salts) == 1
        expected = {f"p{a}-{b}-{c}".encode() for a in range(6) for b in range(5) for c in range(6)}
        with Store.open(folder) as store:
            assert store.get_many("own", expected) == {key: key * 500 for key in expected}
            listed = (store.get("all", b"list") or b"").split()
            assert len(listed) == len(expected)
            assert set(listed) == expected
            assert store.corrupt == 0


def aside(folder: Path) -> Path:
    return folder / "v1" / "cache.db.damaged"


class TestSettingAside:
    """A damaged database makes room for a new one, and nothing else does."""

    def test_its_log_goes_with_it(self, folder: Path) -> None:
        """SQLite's files beside it are of no other database, and all bytes are kept."""
        database(made(folder)).write_bytes(b"garbage" * 1000)
        database(folder).with_name("cache.db-wal").write_bytes(b"log")
        store, words = Store.open_or_renew(folder)
        store.put_many([("t", b"k", b"v")])
        assert store.get("t", b"k") == b"v"
        store.close()
        assert aside(folder).read_bytes() == b"garbage" * 1000
        assert aside(folder).with_name("cache.db.damaged-wal").read_bytes() == b"log"
        assert str(aside(folder)) in words
        assert words.splitlines()[0].endswith("[store-damaged]")

    def test_a_store_that_is_whole_is_just_opened(self, folder: Path) -> None:
        """Nothing is said, nothing is moved."""
        store, words = Store.open_or_renew(made(folder, k=b"v"))
        assert (store.get("t", b"k"), words, aside(folder).exists()) == (b"v", "", False)
        store.close()

    @pytest.mark.parametrize(
        "statement", ["PRAGMA application_id = 0", "PRAGMA user_version = 99", "CREATE TABLE x (y)"]
    )
    def test_what_others_wrote_stays(self, folder: Path, statement: str) -> None:
        """A foreign or a newer database is refused and left where it is."""
        sql(made(folder), statement)
        before = database(folder).read_bytes()
        with pytest.raises(StoreError):
            Store.open_or_renew(folder)
        assert (database(folder).read_bytes(), aside(folder).exists()) == (before, False)

    def test_a_lock_is_no_damage(self, folder: Path) -> None:
        """Another program that keeps everybody out moves nothing."""
        made(folder, k=b"v")
        holder = python(HOLD, database(folder), "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "COMMIT")
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StoreLocked):
            Store.open_or_renew(folder, wait_s=0.5)
        holder.communicate("\n", timeout=60)
        assert not aside(folder).exists()

    @pytest.mark.parametrize("damaged", [False, True])
    def test_a_full_disk_moves_nothing(self, folder: Path, damaged: bool) -> None:
        """A store that cannot grow is not damaged; a damaged one stays until there is room for another."""
        made(folder, k=b"v")
        if damaged:
            database(folder).write_bytes(b"garbage" * 1000)
        script = (
            "import pathlib, resource, signal, sys\n"
            "from testcache.errors import StoreDamaged, StoreError\n"
            "from testcache.storage.store import Store\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))\n"
            "try:\n"
            "    store, words = Store.open_or_renew(pathlib.Path(sys.argv[1]))\n"
            "    store.put_many([('t', b'%d' % number, bytes(3000)) for number in range(100)])\n"
            "except StoreDamaged: print('damaged')\n"
            "except StoreError: print('refused')"
        )
        before = database(folder).read_bytes()
        assert output(python(script, folder)) == "refused"
        assert (database(folder).read_bytes(), aside(folder).exists()) == (before, False)

    def test_damage_that_looks_like_a_full_disk(self, folder: Path) -> None:
        """Wrong page numbers make SQLite say that: the file as a whole tells."""
        made(folder, **{f"k{number}": b"v" * 9000 for number in range(200)})
        with database(folder).open("r+b") as stream:
            stream.seek(4096 * 30)
            stream.write(b"\x81" * 4096 * 120)
        store, _ = Store.open_or_renew(folder)
        items = [("t", b"k%d" % number, b"w" * 9000) for number in range(200)]
        with pytest.raises(StoreDamaged) as caught:
            store.put_many(items)
        salt = store.salt
        store.renew(caught.value)
        store.put_many(items)
        assert store.get_many("t", [key for _, key, _ in items]) == {key: value for _, key, value in items}
        store.close()
        with Store.open(folder) as store:
            assert store.salt == salt  # what the run has recorded is keyed with it

    def test_who_has_the_damaged_one_open_writes_into_the_new_one(self, folder: Path) -> None:
        """A process that wrote before goes on where the others are; the file that was set aside stays as it was."""
        with Store.open(made(folder, k=b"v")) as store:
            store.put_many([("t", b"a", b"1")])
            database(folder).write_bytes(b"garbage" * 1000)
            other, words = Store.open_or_renew(folder)
            assert words
            before = aside(folder).read_bytes()
            store.put_many([("t", b"b", b"2")])
            assert other.get("t", b"b") == b"2"
            assert store.get("t", b"b") == b"2"
            other.put_many([("t", b"c", b"3")])
            assert store.get("t", b"c") == b"3"
            other.close()
        assert aside(folder).read_bytes() == before

    def test_two_that_find_it_damaged_while_open(self, folder: Path) -> None:
        """The second goes on with what the first has made, and sets nothing aside."""
        damage = StoreDamaged(database(folder), "seen by both")
        with Store.open(made(folder, k=b"v")) as one, Store.open(folder) as two:
            one.renew(damage)
            one.put_many([("t", b"a", b"1")])
            two.renew(damage)
            assert two.get("t", b"a") == b"1"
            two.put_many([("t", b"b", b"2")])
            assert one.get("t", b"b") == b"2"

    def test_many_processes_that_find_it_at_once(self, folder: Path) -> None:
        """One of them sets it aside, and what each of them records is there."""
        database(made(folder)).write_bytes(b"garbage" * 1000)
        script = (
            "import sys, pathlib; from testcache.storage.store import Store\n"
            "sys.stdin.readline()\n"
            "store, words = Store.open_or_renew(pathlib.Path(sys.argv[1]), wait_s=60)\n"
            "store.put_many([('t', sys.argv[2].encode(), b'v')])\n"
            "print(store.salt.hex(), len(words) > 0)"
        )
        processes = [python(script, folder, f"p{number}") for number in range(6)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = [output(process).split() for process in processes]
        assert len({salt for salt, _ in told}) == 1
        assert sorted(said for _, said in told) == ["False"] * 5 + ["True"]
        with Store.open(folder) as store:
            assert set(store.keys("t")) == {b"p%d" % number for number in range(6)}
        assert aside(folder).read_bytes() == b"garbage" * 1000


class TestHousekeeping:
    """Pruning and clearing."""

    def test_old_entries_go_first(self, folder: Path) -> None:
        """Age removes what was stored too long ago, counted from `now`."""
        made(folder, old=b"1" * 10, new=b"2" * 10)
        sql(folder, "UPDATE Cache SET store_time = 1000.0 WHERE key = x'74006f6c64'")
        with Store.open(folder) as store:
            pruned = store.prune(max_bytes=None, max_age_s=500, now=1400)
            assert pruned.entries == 0
            pruned = store.prune(max_bytes=None, max_age_s=500, now=1501)
            assert (pruned.entries, list(store.keys("t"))) == (1, [b"new"])
            assert pruned.bytes >= 10

    def test_the_size_is_kept_to_by_removing_the_oldest(self, folder: Path) -> None:
        """What was stored last stays; the file shrinks; the salt is never pruned."""
        with Store.open(folder) as store:
            for number in range(50):
                store.put_many([("t", b"%02d" % number, b"x" * 20_000)])
            store.update("t", b"00", lambda value: value or b"")  # stored anew: young again
            pruned = store.prune(max_bytes=400_000, max_age_s=None, now=time.time())
            assert pruned.left_bytes == store.volume() <= 440_000
            assert store.volume() > 300_000
            kept = set(store.keys("t"))
            assert kept == {b"00"} | {b"%02d" % number for number in range(50)[-(len(kept) - 1) :]}
            assert store.prune(max_bytes=0, max_age_s=None, now=time.time()).left_bytes < 60_000
            salt = store.salt
        with Store.open(folder) as store:
            assert store.salt == salt

    def test_clear_empties_the_store(self, folder: Path) -> None:
        """All entries go, the salt stays, and the store can be used on."""
        with Store.open(made(folder, a=b"1", b=b"2")) as store:
            salt = store.salt
            store.clear()
            assert store.count("t") == 0
            store.put_many([("t", b"a", b"3")])
            assert (store.get("t", b"a"), store.salt) == (b"3", salt)

    def test_clear_heals_an_open_store_that_broke(self, folder: Path) -> None:
        """A database that is damaged under an open store is made anew."""
        made(folder, **{f"k{number}": b"v" * 3000 for number in range(40)})
        with Store.open(folder) as store:
            with database(folder).open("r+b") as stream:
                stream.seek(4096 * 3)
                stream.write(b"\xff" * 4096 * 12)
            store.clear()
            assert store.count("t") == 0
            store.put_many([("t", b"a", b"3")])
            assert store.get("t", b"a") == b"3"

    def test_clear_removes_nothing_but_the_stores_own_files(self, folder: Path) -> None:
        """Other files in the folder survive, also when the database has to be removed."""
        database(made(folder)).write_bytes(b"garbage")
        for path in (folder / "mine", folder / "v1" / "mine", folder / "v1" / "cache.db.bak"):
            path.write_text("kept")
        Store.clear_folder(folder)
        for path in (folder / "mine", folder / "v1" / "mine", folder / "v1" / "cache.db.bak"):
            assert path.read_text() == "kept"

    def test_clearing_what_is_not_there_is_fine(self, folder: Path) -> None:
        """Nothing to do, nothing made."""
        Store.clear_folder(folder)
        assert not folder.exists()

    def test_a_value_beyond_the_limit_is_refused(self, folder: Path) -> None:
        """A value that could not be read back is not stored."""
        with Store.open(folder) as store:
            with pytest.raises(StoreError, match="longer than"):
                store.put_many([("t", b"k", bytes((64 << 20) + 1))])
            assert store.get("t", b"k") is None
