"""The spool: a folder where recorded child processes write what they run and read, line by line.

A child may be killed at any time (a process pool ends its workers with SIGTERM), so each line is
written the moment it happens, with one `write`. One file a process, JSON lines:
`["start", pid]`, `["place", file, line]`, `["read", kind, name, digest]`, `["load", file, content]`,
`["listen", port]`, `["problem", slug, evidence]`, `["wrote", path]`, `["spawn", key]`, `["seen", key]`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

Row = list[Any]


class Writer:
    """Appends rows to this process's own file; safe to use after a fork (the file is opened anew)."""

    def __init__(self, folder: str, key: str) -> None:
        self._folder = folder
        self._key = key
        self._pid = -1
        self._fd = -1

    def write(self, *row: object) -> None:
        """Append one row, at once."""
        pid = os.getpid()
        if pid != self._pid:
            path = os.path.join(self._folder, f"{self._key}.{pid}.spool")
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._pid = pid
            self.write("start", pid)
        os.write(self._fd, (json.dumps(row) + "\n").encode())


class Reader:
    """Reads what children appended, each row once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._offsets: dict[str, int] = {}

    def rows(self) -> Iterator[tuple[str, Row]]:
        """(key of the spawn, row) for every row that is complete and was not given before."""
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return
        for name in names:
            if not name.endswith(".spool"):
                continue
            key = name.partition(".")[0]
            with open(os.path.join(self._folder, name), "rb") as file:
                file.seek(self._offsets.get(name, 0))
                data = file.read()
            end = data.rfind(b"\n") + 1
            self._offsets[name] = self._offsets.get(name, 0) + end
            for line in data[:end].splitlines():
                row = json.loads(line)
                if isinstance(row, list) and row:
                    yield key, row
