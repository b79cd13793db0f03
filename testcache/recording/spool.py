"""The spool: a folder where recorded child processes write what they run and read, line by line.

A child may be killed at any time (a process pool ends its workers with SIGTERM), so each line is
written the moment it happens, with one `write`. One file a process, JSON lines: `["start", pid]`,
`["place", file, line]`, `["read", kind, name, digest]`, `["load", file, content]`, `["listen", port]`,
`["problem", slug, evidence]`, `["wrote", path, was there]`, `["spawn", key, words]`.

A child repeats a line only in another epoch: the parent counts epochs, one a test, in a shared file. What a child does
to its descriptors and limits is its own business: if it cannot write any more, it says so there, and goes on.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from typing import Any

from testcache.inputs.files import signature_of
from testcache.structs import Struct, asdict

Row = list[Any]

_ORDERS = "orders.json"
_EPOCH = "epoch"

_HIGH = 200
"""Descriptors from here on are ours: a daemon closes the first few and counts on getting these numbers again."""


class Orders(Struct, frozen=True):
    """What a child must know to record like its parent does.

    Attributes:
        rootdir, own, home, temporary: as for `Roots`.
        recorder, hosts, programs: as in the settings.
        salt: hex; keys the digests of variables.
        variables: hex digests of the variables at the start of the run.
    """

    rootdir: str
    own: list[str]
    home: str
    temporary: str
    recorder: str
    hosts: dict[str, float]
    programs: list[str]
    salt: str
    variables: dict[str, str]


def prepare(folder: str, orders: Orders) -> None:
    """Lay down the orders and the epoch counter."""
    with open(os.path.join(folder, _ORDERS), "w", encoding="utf-8") as file:
        json.dump(asdict(orders), file)
    with open(os.path.join(folder, _EPOCH), "wb") as file:
        file.write(bytes(9))


def orders(folder: str) -> Orders:
    """Read the orders."""
    with open(os.path.join(folder, _ORDERS), encoding="utf-8") as file:
        return Orders(**json.load(file))


class Epoch:
    """A number, and whether lines were lost, in a file that all processes of a run map: it needs no descriptor."""

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, _EPOCH), "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 9)

    def next(self) -> None:
        """Begin another test."""
        self._map[:8] = (int.from_bytes(self._map[:8], "little") + 1).to_bytes(8, "little")

    def now(self) -> bytes:
        """The present epoch. Cost: 0.1 us."""
        return self._map[:8]

    def lose(self) -> None:
        """A line could not be written."""
        self._map[8] = 1

    def take_lost(self) -> bool:
        """Whether one was lost since this was asked."""
        lost = bool(self._map[8])
        self._map[8] = 0
        return lost


class Writer:
    """Appends rows to this process's own file; after a fork it opens a new one."""

    def __init__(self, folder: str, key: str, epoch: Epoch | None = None) -> None:
        """A forked process has the `epoch` of its parent: to open it anew would be seen as something it read."""
        self._folder = folder
        self._key = key
        self._pid = -1
        self._fd = -1
        self._file = (-1, -1)
        self._epoch = epoch or Epoch(folder)
        self._seen: tuple[bytes, set[tuple[object, ...]]] = (b"", set())

    def write(self, *row: object) -> None:
        """Append one row at once, unless this process did so in this epoch already."""
        now = self._epoch.now()
        if self._seen[0] != now:
            self._seen = (now, set())
        if row in self._seen[1]:
            return
        self._seen[1].add(row)
        try:
            if os.getpid() != self._pid or not self._is_ours():
                self._open()
            os.write(self._fd, (json.dumps(row) + "\n").encode())
        except OSError:
            self._epoch.lose()

    def _is_ours(self) -> bool:
        """The process may have closed it, and have opened another file under its number. Cost: 0.6 us."""
        try:
            seen = os.fstat(self._fd)
        except OSError:
            return False
        return (seen.st_dev, seen.st_ino) == self._file

    def _open(self) -> None:
        pid = os.getpid()
        path = os.path.join(self._folder, f"{self._key}.{pid}.spool")
        low = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        finally:
            os.close(low)
        seen = os.fstat(self._fd)
        self._file = (seen.st_dev, seen.st_ino)
        self._pid = pid


class Reader:
    """Reads what children appended, each row once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._offsets: dict[str, int] = {}

    def rows(self) -> Iterator[tuple[str, Row]]:
        """(key of the spawn, row) for every row that is complete and was not given before."""
        for name in sorted(os.listdir(self._folder)):
            if not name.endswith(".spool"):
                continue
            path = os.path.join(self._folder, name)
            start = self._offsets.get(name, 0)
            seen = signature_of(path)  # by a call that nobody watches
            if seen is None or seen[2] == start:
                continue
            with open(path, "rb") as file:
                file.seek(start)
                data = file.read()
            end = data.rfind(b"\n") + 1
            self._offsets[name] = start + end
            for line in data[:end].splitlines():
                row = json.loads(line)
                if isinstance(row, list) and row:
                    yield name.partition(".")[0], row
