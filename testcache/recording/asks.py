"""Asks: calls about files and folders for which there is no audit event, or one that does not tell all.

`os.stat`, `os.lstat`, `os.access`, `os.readlink` and a few others are wrapped. Does not see: of a whole result of
`os.stat`, what the asking file has no name for (`testcache.recording.details`).
"""

from __future__ import annotations

import glob
import linecache
import os
import stat
from collections.abc import Callable
from typing import Any

from testcache.inputs import files as fs
from testcache.model import ABSENT, Kind
from testcache.recording.guard import guarded
from testcache.recording.origin import METADATA, Origin
from testcache.recording.reads import Reads
from testcache.recording.tape import Tape
from testcache.recording.unseen import aside, unseen

_PRESENCE = frozenset(
    {"exists", "lexists", "isfile", "isdir", "islink", "ismount", "is_file", "is_dir", "is_symlink", "realpath",
     "resolve", "which", "makedirs", "mkdir", "_joinrealpath", "rmtree", "access", "copytree"}
)  # fmt: skip
"""Library functions that ask for presence and kind only: a file's size does not matter to them."""

_COMPARED = "cmp"
"""The function of `filecmp`: whether files hold the same does not depend on their times, if they do."""

_ABILITIES: tuple[set[Any], ...] = (
    os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids
)  # fmt: skip


class Asks:
    """Charges what such calls are told to the top of the tape."""

    def __init__(self, tape: Tape, origin: Origin, reads: Reads) -> None:
        self._tape = tape
        self._origin = origin
        self._reads = reads
        self._restore: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Wrap the calls that have no audit event. Cost: about 1 µs a call from library code."""
        self._wrap(os, "stat", self._stat(os.stat, follow=True))
        self._wrap(os, "lstat", self._stat(os.lstat, follow=False))
        self._wrap(os, "access", self._access(os.access))
        self._wrap(os, "readlink", self._readlink(os.readlink))
        self._wrap(os, "open", self._open_at(os.open))
        self._wrap(os, "getcwd", self._current(os.getcwd))
        for name in ("getmtime", "getctime", "getatime"):
            self._wrap(os.path, name, self._times(getattr(os.path, name)))
        self._wrap(linecache, "getlines", self._lines(linecache.getlines))
        globber: Any = getattr(glob, "_StringGlobber", None)  # of Python 3.13, by which `Path.glob` looks for a name
        if globber is not None and "lstat" in globber.__dict__:
            self._restore.append((globber, "lstat", globber.__dict__["lstat"]))
            globber.lstat = staticmethod(os.lstat)

    def _wrap(self, owner: Any, name: str, wrapper: Any) -> None:
        original = getattr(owner, name)
        self._restore.append((owner, name, original))
        wrapper.__name__, wrapper.__qualname__, wrapper.__module__ = name, name, owner.__name__  # or pickle refuses it
        wrapper.__doc__, wrapper.__wrapped__ = original.__doc__, original
        setattr(owner, name, wrapper)
        for abilities in _ABILITIES:  # asked by the function: `os.open in os.supports_dir_fd`
            if original in abilities:
                abilities.add(wrapper)

    def uninstall(self) -> None:
        """Put the wrapped calls back."""
        while self._restore:
            owner, name, original = self._restore.pop()
            for abilities in _ABILITIES:
                abilities.discard(getattr(owner, name))
            setattr(owner, name, original)

    # -- wrapped calls

    def _stat(self, original: Callable[..., os.stat_result], *, follow: bool) -> Callable[..., os.stat_result]:
        @unseen
        def asked(path: Any, *args: Any, **options: Any) -> os.stat_result:
            __tracebackhide__ = True
            followed = options.get("follow_symlinks", follow)
            try:
                with aside:
                    seen = original(path, *args, **options)
            except OSError:
                self._statted(path, options, None, follow=followed)
                raise
            self._statted(path, options, seen, follow=followed)
            return seen

        return asked

    @guarded
    def _statted(self, raw: object, options: dict[str, Any], seen: os.stat_result | None, *, follow: bool) -> None:
        frame, counts, names = self._origin.find()
        if not counts:  # first: pytest itself asks once a test
            return
        charged = self._reads.charged(self._reads.at(raw, options.get("dir_fd")), follow=follow)
        if charged is None or "checkcache" in names or METADATA in names:
            return
        context, path = charged
        if _COMPARED in names:  # what `filecmp` tells by size and time, and goes on to remember
            self._reads.file(context, path)
            return
        kind_only = not _PRESENCE.isdisjoint(names)
        if not kind_only:
            self._reads.details.state(frame, context, path)
        if "samefile" in names:  # which file it is, however it is reached
            self._tape.note(context, Kind.LINK, self._tape.roots.name(path), fs.link_of(path))
        if not follow and (seen is None or kind_only or stat.S_ISLNK(seen.st_mode)):
            self._tape.note(context, Kind.LINK, self._tape.roots.name(path), fs.link_of(path))
        elif seen is None or kind_only:
            value = ABSENT if seen is None else fs.kind_digest(seen.st_mode)
            self._tape.note(context, Kind.EXISTS, self._tape.roots.name(path), value)
        else:
            self._tape.note(context, Kind.STAT, self._tape.roots.name(path), fs.stat_digest(seen))

    def _access(self, original: Callable[..., bool]) -> Callable[..., bool]:
        @unseen
        def access(path: Any, *args: Any, **options: Any) -> bool:
            __tracebackhide__ = True
            with aside:
                answer = original(path, *args, **options)
            self._asked_stat(self._reads.at(path, options.get("dir_fd")))
            return answer

        return access

    @guarded
    def _asked_stat(self, raw: object) -> None:
        charged = self._reads.charged(raw)
        if charged is not None and self._origin.find()[1]:
            context, path = charged
            self._tape.note(context, Kind.STAT, self._tape.roots.name(path), fs.stat_of(path))

    def _readlink(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @unseen
        def readlink(path: Any, *args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            charged = self._reads.charged(self._reads.at(path, options.get("dir_fd")), follow=False)
            if charged is not None and self._origin.find()[1]:
                context, name = charged
                self._tape.note(context, Kind.LINK, self._tape.roots.name(name), fs.link_of(name))
            with aside:
                return original(path, *args, **options)

        return readlink

    def _open_at(self, original: Callable[..., int]) -> Callable[..., int]:
        """The audit event of `os.open` does not tell the folder that a name is meant in."""

        @unseen
        def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            __tracebackhide__ = True
            try:
                with aside:
                    if dir_fd is None:
                        return original(path, flags, mode)
                    self._reads.opens((self._reads.at(path, dir_fd), None, flags))
                    self._reads.passed = path
                    return original(path, flags, mode, dir_fd=dir_fd)
            finally:
                self._reads.passed = None

        return open

    def _current(self, original: Callable[[], str]) -> Callable[[], str]:
        @unseen
        def getcwd() -> str:
            __tracebackhide__ = True
            with aside:
                folder = original()
            self._reads.asked_folder()
            return folder

        return getcwd

    def _times(self, original: Callable[[Any], float]) -> Callable[[Any], float]:
        @unseen
        def times(filename: Any) -> float:
            __tracebackhide__ = True
            charged = self._reads.charged(filename)
            if charged is not None and self._origin.find()[1]:
                context, name = charged
                self._tape.note(context, Kind.TIMES, self._tape.roots.name(name), fs.times_of(name))
            with aside:
                return original(filename)

        return times

    def _lines(self, original: Callable[..., list[str]]) -> Callable[..., list[str]]:
        """`linecache` keeps lines between tests: its second reader opens nothing."""

        @unseen
        def getlines(filename: str, module_globals: Any = None) -> list[str]:
            __tracebackhide__ = True
            charged = self._reads.charged(filename) if filename and not filename.startswith("<") else None
            if charged is not None and self._origin.find()[1]:
                self._reads.file(*charged)
            return original(filename, module_globals)

        return getlines
