"""Openings: data files of the project that code in C opens by itself, without an audit event, as the kernel tells it.

1. The folders of the project in which files lie that are no Python code are watched (inotify).
2. What Python opens is announced by an audit event before it is opened; so are our own reads.
3. Whenever another context begins or ends, the kernel is asked which files were opened: what was not announced
   is read by the context that ends, unless somebody has written to it meanwhile.

Does not see: other systems than Linux; files that are not there, in folders without a file, hidden or outside of the
project; a file that Python opens, or somebody writes to, in the same context; more than 16,384 openings in one; what
happens while child processes are started; workers of xdist, where tests of others run at the same time. Another program
that opens a file of the project while a test runs, such as an editor, makes this an input of the test.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Final

from testcache.inputs import files as fs
from testcache.inputs.roots import IGNORED_NAMES

_MODIFY, _OPEN, _MOVED_TO, _CREATE = 0x2, 0x20, 0x80, 0x100
_ONLY_FOLDERS, _IS_FOLDER = 0x1000000, 0x40000000
_HEAD: Final = struct.Struct("iIII")
_BUFFER: Final = 1 << 16
_BESIDE: Final = ("-journal", "-wal", "-shm", ".py", ".pyc", ".pyi")
"""Ends of files that are not looked for: what SQLite keeps beside a database, which `sqlite3.connect` announces, and
code, which is watched by what it executes."""

STARTS: Final = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec")
"""Audit events that tell of the start of a child process."""

_OTHERS: Final = IGNORED_NAMES | {"node_modules", "site-packages"}
MOST: Final = 1_000
"""Folders of a project: in more than these none is watched. To find and to watch as many takes 20 ms."""

MOST_LOOKED_AT: Final = 10_000
"""The same for all folders, with code alone or without a file."""

_FAR: Final = 500
"""From this number on descriptors are hardly ever closed by number, or used again."""

_NAME: Final = "anon_inode:inotify"
_read, _readlink, _decoded, _pid = os.read, os.readlink, os.fsdecode, os.getpid  # before they are wrapped, or replaced


class Openings:
    """Watches one process; `opened` is called with each path that nobody has announced.

    Attributes:
        has_started: whether a child process has been started since the last look.
    """

    def __init__(self, rootdir: str, opened: Callable[[str], None]) -> None:
        self._rootdir = rootdir
        self._opened = opened
        self._descriptor = -1
        self._waiting: select.poll | None = None
        self._owner = _pid()
        self._folders: dict[int, str] = {}
        self._announced: set[str] = set()
        self._databases: set[str] = set()
        self.has_started = False

    def install(self) -> None:
        """Watch the folders of the project, if this system tells what is opened in them."""
        folders = self._with_data() if sys.platform == "linux" else []
        if not folders:
            return
        library = ctypes.CDLL(None, use_errno=True)
        descriptor = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:  # too many are in use
            return
        try:
            self._descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FAR)
        except OSError:
            self._descriptor = os.dup(descriptor)
        os.close(descriptor)
        self._waiting = select.poll()
        self._waiting.register(self._descriptor, select.POLLIN)
        mask = _OPEN | _MODIFY | _MOVED_TO | _CREATE | _ONLY_FOLDERS
        for folder in folders:
            number = library.inotify_add_watch(self._descriptor, os.fsencode(folder), mask)
            if number >= 0:
                self._folders[number] = folder

    def uninstall(self) -> None:
        """Watch nothing any more."""
        if self._is_ours():
            os.close(self._descriptor)
        self._descriptor = -1
        self._waiting = None

    def announce(self, raw: object, *, lasting: bool = False) -> None:
        """Python is about to open this, or a database, which may be opened any time later. Cost: 0.2 us."""
        if self._descriptor >= 0 and isinstance(raw, (str, bytes)):
            with contextlib.suppress(OSError, ValueError):  # there is no current folder: nor is a file opened then
                name = _decoded(raw)
                (self._databases if lasting else self._announced).add(name if name[:1] == "/" else fs.absolute(name))

    def look(self) -> None:
        """Tell of what was opened since the last look. Cost: 1 us if that is nothing."""
        if self._waiting is None:
            return
        if not self._announced and not self._waiting.poll(0):
            self.has_started = False
            return
        announced, self._announced = self._announced, set()
        has_started, self.has_started = self.has_started, False
        opened, written = set[str](), set[str]()
        for mask, path in self._events():
            (opened if mask & _OPEN else written).add(path)
        found = opened - written
        if not found or has_started:
            return
        known = set(map(fs.absolute, announced | self._databases))
        for path in sorted(found - known - set(map(fs.real, known))):
            self._opened(path)

    def _events(self) -> Iterator[tuple[int, str]]:
        """What has happened to files: how, and to which."""
        while self._is_ours():
            try:
                data = _read(self._descriptor, _BUFFER)
            except OSError:  # nothing has happened
                return
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                name = _decoded(data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
                at += _HEAD.size + length
                if number in self._folders and not mask & _IS_FOLDER and _is_data(name):
                    yield mask, f"{self._folders[number]}/{name}"

    def _is_ours(self) -> bool:
        """Not in a child that was forked, which would take events away, nor if a test has closed it by its number."""
        try:
            number = self._descriptor
            return number >= 0 and _pid() == self._owner and _readlink(f"/proc/self/fd/{number}") == _NAME
        except OSError:
            return False

    def _with_data(self) -> list[str]:
        """The folders of the project in which other files than code lie; none if they are too many to find or watch.

        Not those of tools and environments.
        """
        found: list[str] = []
        pending = [self._rootdir]
        looked_at = 0
        while pending:
            folder = pending.pop()
            looked_at += 1
            try:
                with os.scandir(folder) as entries:
                    held = [*entries]
            except OSError:
                continue
            if any(entry.name == "pyvenv.cfg" for entry in held):
                continue
            folders = [entry for entry in held if entry.is_dir(follow_symlinks=False)]
            names = {entry.name for entry in held}.difference(entry.name for entry in folders)
            pending += (e.path for e in folders if not e.name.startswith(".") and e.name not in _OTHERS)
            if any(map(_is_data, names)):
                found.append(folder)
            if len(found) > MOST or looked_at + len(pending) > MOST_LOOKED_AT:
                return []
        return found


def _is_data(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not name.endswith(_BESIDE)
