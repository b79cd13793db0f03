"""The journal: a killed process loses nothing that was appended, and an orphan is applied once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testcache.errors import StoreError
from testcache.storage import journal
from testcache.storage.journal import Journal, discard, recover

WRITER = (
    "import sys, pathlib; from testcache.storage.journal import Journal\n"
    "journal = Journal.create(pathlib.Path(sys.argv[1]))\n"
    "for number in range(int(sys.argv[2])): journal.append(b'%d' % number * 100)\n"
    "print(journal.path, flush=True); sys.stdin.readline()"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def writer(folder: Path, frames: int) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that appends frames and then waits; return it with its journal."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(frames)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def orphan(folder: Path, payloads: list[bytes]) -> Path:
    """Leave a journal as a dead process would: closed, not removed."""
    left = Journal.create(folder)
    for payload in payloads:
        left.append(payload)
    os.close(left._descriptor)
    return left.path


def recovered(folder: Path) -> list[list[bytes]]:
    return [payloads for _, payloads in recover(folder)]


def journals(folder: Path) -> list[Path]:
    return sorted((folder / "journals").iterdir())


class TestRecovery:
    """Orphans are found, living writers are left alone."""

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
    @given(st.lists(st.binary(max_size=300), max_size=6))
    def test_what_was_appended_is_recovered(self, folder: Path, payloads: list[bytes]) -> None:
        """All frames in order, once; a journal without frames is just removed."""
        orphan(folder, payloads)
        assert recovered(folder) == ([payloads] if payloads else [])
        assert journals(folder) == []
        assert recovered(folder) == []

    def test_a_killed_process_loses_nothing(self, folder: Path) -> None:
        """SIGKILL after the append: every frame is there, and the file is gone once it was taken."""
        process, path = writer(folder, 500)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert list(recover(folder)) == [(path, [b"%d" % number * 100 for number in range(500)])]
        assert journals(folder) == []

    def test_a_living_writer_is_left_alone(self, folder: Path) -> None:
        """Its journal is neither read nor removed before its process ends."""
        process, path = writer(folder, 3)
        assert recovered(folder) == []
        discard(folder)
        assert journals(folder) == [path]
        process.communicate("\n", timeout=60)
        assert len(recovered(folder)) == 1

    def test_a_journal_that_was_ended_leaves_nothing(self, folder: Path) -> None:
        """After its contents were stored nobody finds it again."""
        ended = Journal.create(folder)
        ended.append(b"x")
        ended.close_and_remove()
        assert journals(folder) == []
        assert recovered(folder) == []

    def test_two_recoverers_do_not_both_get_it(self, folder: Path) -> None:
        """While one applies a journal, another finds nothing; afterwards it is gone."""
        orphan(folder, [b"1"])
        first = recover(folder)
        assert next(first)[1] == [b"1"]
        assert recovered(folder) == []
        assert list(first) == []
        assert recovered(folder) == []

    def test_many_recoverers_apply_each_frame_once(self, folder: Path) -> None:
        """Five processes recover forty journals: no payload is printed twice, none is missing."""
        for number in range(40):
            orphan(folder, [b"%d" % number])
        script = (
            "import sys, pathlib; from testcache.storage.journal import recover\n"
            "sys.stdin.readline()\n"
            "for _, payloads in recover(pathlib.Path(sys.argv[1])): print(*map(bytes.decode, payloads))"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(5)
        ]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        lines = [line for process in processes for line in process.communicate(timeout=60)[0].split()]
        assert sorted(map(int, lines)) == list(range(40))

    def test_a_recovery_that_fails_can_be_done_again(self, folder: Path) -> None:
        """The journal stays until the caller asks for the next one."""
        orphan(folder, [b"1"])
        attempt = recover(folder)
        next(attempt)
        attempt.close()  # type: ignore[attr-defined]  # a generator
        assert recovered(folder) == [[b"1"]]

    def test_discarding_removes_orphans_unread(self, folder: Path) -> None:
        """What `clear` does."""
        orphan(folder, [b"1"])
        discard(folder)
        assert journals(folder) == []

    def test_no_folder_is_no_journal(self, folder: Path) -> None:
        """Nothing is made by looking."""
        assert recovered(folder) == []
        discard(folder)
        assert not folder.exists()


class TestDamage:
    """Damage ends a journal; it never raises."""

    @pytest.mark.parametrize("cut", range(1, 60, 7))
    def test_a_torn_last_frame_is_left_out(self, folder: Path, cut: int) -> None:
        """A journal that was cut anywhere in its last frame gives all before it."""
        path = orphan(folder, [b"a" * 40, b"b" * 40])
        os.truncate(path, path.stat().st_size - cut)
        assert recovered(folder) == [[b"a" * 40]]

    @settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
    @given(st.data())
    def test_flipped_bytes_end_it(self, folder: Path, data: st.DataObject) -> None:
        """What comes out is a beginning of what went in, and the file is removed."""
        payloads = [b"%d" % number * 30 for number in range(5)]
        flips = data.draw(st.lists(st.tuples(st.integers(0, 269), st.integers(0, 7)), min_size=1, max_size=3))
        path = orphan(folder, payloads)
        contents = bytearray(path.read_bytes())
        for position, bit in flips:
            contents[position] ^= 1 << bit
        path.write_bytes(contents)
        taken = recovered(folder)
        assert taken in [[payloads[:count]] for count in range(1, 6)] + [[]]
        assert journals(folder) == []

    @pytest.mark.parametrize(
        "contents",
        [
            b"",
            b"garbage" * 100,
            journal.MAGIC,
            journal.MAGIC + b"\xff" * 200,
            journal.MAGIC + bytes(20) + b"x",
        ],
    )
    def test_garbage_gives_nothing(self, folder: Path, contents: bytes) -> None:
        """Not even lengths of gigabytes are believed."""
        orphan(folder, []).write_bytes(contents)
        assert recovered(folder) == []
        assert journals(folder) == []

    def test_what_is_no_journal_is_left_alone(self, folder: Path, tmp_path: Path) -> None:
        """Links, pipes, folders and other names are neither followed nor removed."""
        outside = tmp_path / "outside"
        orphan(folder, [b"1"]).rename(outside)
        home = folder / "journals"
        (home / "link.journal").symlink_to(outside)
        os.mkfifo(home / "pipe.journal")
        (home / "folder.journal").mkdir()
        (home / "notes.txt").touch()
        assert recovered(folder) == []
        assert len(journals(folder)) == 4
        assert outside.exists()

    def test_a_linked_folder_is_left_alone(self, folder: Path, tmp_path: Path) -> None:
        """Journals are not looked for through a link."""
        orphan(folder, [b"1"])
        (folder / "journals").rename(tmp_path / "elsewhere")
        (folder / "journals").symlink_to(tmp_path / "elsewhere")
        assert recovered(folder) == []
        with pytest.raises(StoreError, match="symbolic link"):
            Journal.create(folder)
        assert len(list((tmp_path / "elsewhere").iterdir())) == 1


class TestWriting:
    """What cannot be written is a StoreError."""

    def test_a_payload_beyond_the_limit_is_refused(self, folder: Path) -> None:
        """It could not be recovered; what was appended before can."""
        full = Journal.create(folder)
        full.append(b"1")
        with pytest.raises(StoreError):
            full.append(bytes(journal.MAX_PAYLOAD_BYTES + 1))
        os.close(full._descriptor)
        assert recovered(folder) == [[b"1"]]

    def test_a_full_disk_keeps_what_was_there(self, folder: Path) -> None:
        """A write that the system cuts short is taken back, and later frames are whole again."""
        script = (
            "import resource, signal, sys, pathlib\n"
            "from testcache.errors import StoreError\n"
            "from testcache.storage.journal import Journal\n"
            "journal = Journal.create(pathlib.Path(sys.argv[1]))\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "journal.append(b'a' * 100)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))\n"
            "for _ in range(2):\n"
            "    try: journal.append(b'b' * 1000)\n"
            "    except StoreError as error: print('refused')\n"
            "journal.append(b'c' * 100)\n"
        )
        result = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
        assert result.stdout.split() == ["refused", "refused"]
        assert recovered(folder) == [[b"a" * 100, b"c" * 100]]

    def test_a_place_where_nothing_can_be_made_is_a_store_error(self, tmp_path: Path) -> None:
        """A file is in the way."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="no journal can be kept"):
            Journal.create(tmp_path / "file" / "cache")
