"""What the kernel tells of files that code in C opens."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testcache.recording import openings
from testcache.recording.openings import Openings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it in this way")

C = ctypes.CDLL(None)
READ, WRITE = os.O_RDONLY, os.O_WRONLY | os.O_CREAT


def opened_in_c(path: Path, flags: int = READ, text: bytes = b"") -> None:
    descriptor = C.open(os.fsencode(path), flags, 0o644)
    assert descriptor >= 0
    if text:
        C.write(descriptor, text, len(text))
    C.close(descriptor)


class Seen:
    """A project with a data file, watched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: list[str] = []
        (root / "data.txt").write_text("1")
        self.openings = Openings(str(root), self.found.append)

    def look(self) -> list[str]:
        """The names of the files that are told of, since the last look."""
        self.found.clear()
        self.openings.look()
        return [os.path.relpath(path, self.root) for path in self.found]


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    seen = Seen(tmp_path)
    yield seen
    seen.openings.uninstall()


def test_a_file_that_is_opened_in_c_is_told_of_once(seen: Seen) -> None:
    seen.openings.install()
    opened_in_c(seen.root / "data.txt")
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == ["data.txt"]
    assert seen.look() == []


@pytest.mark.parametrize("way", ["absolute", "relative", "bytes", "by a link"])
def test_what_was_announced_is_not(seen: Seen, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the next look: another test may open the same file in C."""
    monkeypatch.chdir(seen.root)
    (seen.root / "link.txt").symlink_to("data.txt")
    ways = {
        "absolute": str(seen.root / "data.txt"),
        "relative": "data.txt",
        "bytes": b"data.txt",
        "by a link": "link.txt",
    }
    seen.openings.install()
    seen.openings.announce(ways[way])
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == []
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == ["data.txt"]


def test_where_a_relative_name_leads_counts_when_it_is_announced(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may go elsewhere, and remove the folder in which it is."""
    seen.openings.install()
    with monkeypatch.context() as inside:
        inside.chdir(seen.root)
        seen.openings.announce("data.txt")
        opened_in_c(seen.root / "data.txt")
    gone = seen.root / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    seen.openings.announce("nothing")
    assert seen.look() == []


def test_a_database_may_be_opened_any_time_after_it_was_announced(seen: Seen) -> None:
    """`sqlite3.connect` opens the file when it is first asked."""
    seen.openings.install()
    seen.openings.announce(str(seen.root / "data.txt"), lasting=True)
    for _ in range(2):
        opened_in_c(seen.root / "data.txt")
        assert seen.look() == []


def test_what_is_written_meanwhile_is_not(seen: Seen) -> None:
    """It is an output; so is what is new."""
    seen.openings.install()
    opened_in_c(seen.root / "data.txt", WRITE, b"2")
    opened_in_c(seen.root / "new.txt", WRITE)
    assert seen.look() == []


def test_code_and_hidden_files_are_not(seen: Seen) -> None:
    """What code does is recorded; tools keep their notes in hidden files."""
    for name in ("code.py", ".env", "rows.db-wal"):
        (seen.root / name).write_text("")
    seen.openings.install()
    for name in ("code.py", ".env", "rows.db-wal"):
        opened_in_c(seen.root / name)
    assert list(seen.root.iterdir())
    assert seen.look() == []


def test_folders_of_tools_and_environments_are_not_watched(seen: Seen) -> None:
    for folder in (".git", "__pycache__", "node_modules", "env", "deep/below"):
        (seen.root / folder).mkdir(parents=True)
        (seen.root / folder / "x.txt").write_text("")
    (seen.root / "env" / "pyvenv.cfg").write_text("")
    seen.openings.install()
    for path in seen.root.rglob("x.txt"):
        opened_in_c(path)
    assert seen.look() == [str(Path("deep", "below", "x.txt"))]


def test_while_a_child_process_starts_nothing_is_told(seen: Seen) -> None:
    """What recorded children read, they tell themselves; of others it is not known what they read besides."""
    seen.openings.install()
    seen.openings.has_started = True
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == []
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == ["data.txt"]


def test_a_forked_child_takes_nothing_away(seen: Seen) -> None:
    seen.openings.install()
    opened_in_c(seen.root / "data.txt")
    child = os.fork()
    if child == 0:
        seen.openings.look()
        os._exit(len(seen.found))
    assert os.waitpid(child, 0)[1] == 0
    assert seen.look() == ["data.txt"]


def test_a_descriptor_that_a_test_has_closed_is_left_alone(seen: Seen) -> None:
    """By its number, with all others; what has the number now is somebody else's."""
    seen.openings.install()
    number = seen.openings._descriptor
    os.close(number)
    other = os.open(seen.root / "data.txt", os.O_RDONLY)
    assert os.dup2(other, number) == number
    assert seen.look() == []
    assert os.read(number, 1) == b"1"
    seen.openings.uninstall()
    os.close(number)
    os.close(other)


def test_a_large_project_is_not_watched(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings, "MOST", 3)
    for number in range(5):
        (seen.root / str(number)).mkdir()
        (seen.root / str(number) / "x.txt").write_text("")
    seen.openings.install()
    opened_in_c(seen.root / "data.txt")
    assert seen.look() == []
