"""Files, folders and links: what audit events and the `stat` family of calls give away.

There is no audit event for `os.stat`, `os.lstat`, `os.access` and `os.readlink`, so these four are
wrapped. Does not see: files read by C code without an audit event; and of a whole result, that of `os.stat` or
`os.scandir`, only what the asking file has a name for (`testcache.recording.details`).
"""

from __future__ import annotations

import linecache
import os
import re
import stat
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from testcache.inputs import files as fs
from testcache.inputs.distributions import Distributions
from testcache.inputs.variables import CURRENT_FOLDER, Variables
from testcache.model import ABSENT, Kind
from testcache.recording.context import Context
from testcache.recording.details import Details
from testcache.recording.origin import METADATA, Origin
from testcache.recording.shelves import is_for_all
from testcache.recording.tape import Tape
from testcache.recording.unseen import step_aside, unseen

_PRESENCE = frozenset(
    {"exists", "lexists", "isfile", "isdir", "islink", "ismount", "is_file", "is_dir", "is_symlink", "realpath",
     "resolve", "which", "makedirs", "mkdir", "_joinrealpath", "rmtree", "access", "copytree"}
)  # fmt: skip
"""Library functions that ask for presence and kind only: a file's size does not matter to them."""

_TEMPORARY = "<tmp>"
_folder = os.getcwd
"""Before it is wrapped."""

_ABILITIES: tuple[set[Any], ...] = (
    os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids
)  # fmt: skip
_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Reads:
    """Charges file system reads to the top of the tape."""

    def __init__(self, tape: Tape, origin: Origin, distributions: Distributions, variables: Variables) -> None:
        self._tape = tape
        self._origin = origin
        self._distributions = distributions
        self.variables = variables
        self._restore: list[tuple[Any, str, Any]] = []
        self._details = Details(tape)
        self._passed: object = None  # the name that is being opened in a folder given by its descriptor
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self._open,
            "os.listdir": lambda args: self._listed(args[0]),
            "os.scandir": lambda args: self._listed(args[0], handed_on=True),
            "os.mkdir": lambda args: self._made(self._at(args[0], args[2])),
            "tempfile.mkdtemp": lambda args: self._created(args[0]),
            "tempfile.mkstemp": lambda args: self._created(args[0]),  # a random name: no later run finds it
            "os.rename": self._renamed,
            "os.link": self._linked,
            "os.symlink": lambda args: self._wrote(self._at(args[1], args[2])),
            "os.remove": lambda args: self._wrote(self._at(args[0], args[1])),
            "os.rmdir": lambda args: self._wrote(self._at(args[0], args[1])),
            "os.truncate": lambda args: self._wrote(args[0], follow=True),
            "sqlite3.connect": self._database,
            "ctypes.dlopen": lambda args: self._opened(args[0]),
        }

    # -- installing

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

    # -- paths

    def _path(self, raw: object) -> str | None:
        if isinstance(raw, int) or raw is None:
            return None
        try:
            return fs.absolute(raw) if raw else None  # type: ignore[arg-type]  # "" is nowhere, not the current folder
        except (TypeError, ValueError, OSError):
            return None

    @staticmethod
    def _at(raw: object, descriptor: int | None) -> object:
        """What a name means in the folder of an open descriptor; -1 and None stand for the current folder."""
        if descriptor is None or descriptor == -1 or not isinstance(raw, (str, bytes, os.PathLike)):
            return raw
        folder = fs.of_descriptor(descriptor)
        return os.path.join(folder, os.fsdecode(raw)) if folder else ""

    def charged(self, raw: object, *, follow: bool = True) -> tuple[Context, str] | None:
        """The context that a read is charged to, and the absolute path; None if it is no input.

        A link in a folder of the run may lead to a file of the project: that is what is read.
        """
        path = self._path(raw)
        if path is None or self._tape.roots.is_ignored(path):
            return None
        if isinstance(raw, (str, bytes)) and not os.path.isabs(raw):
            self._asked_folder()
        for _ in range(fs.MOST_LINKS):
            if not self._tape.is_own_output(path):
                return self._tape.top, path
            self._came_upon(path)
            before, path = path, fs.followed(path, whole=follow)
            if path == before or self._tape.roots.is_ignored(path):
                break
        return None

    def _came_upon(self, path: str) -> None:
        """What lies in a folder that many tests share may be another one's."""
        name = self._tape.on_shelf(path)
        if name and self._origin.find()[1]:
            self._tape.note(self._tape.top, Kind.VARIABLE, name, ABSENT)

    def _asked_folder(self) -> None:
        """It matters from where the run was started, unless code has gone elsewhere meanwhile."""
        here = self.variables.counts(CURRENT_FOLDER) and _folder() == self.variables.at_start(CURRENT_FOLDER)
        if here and self._origin.find()[1]:
            value = self.variables.fingerprint(CURRENT_FOLDER)
            self._tape.note(self._tape.top, Kind.VARIABLE, CURRENT_FOLDER, value)

    # -- audit events

    def _open(self, args: tuple[Any, ...]) -> None:
        raw, mode, flags = args[0], args[1], args[2]
        if raw is self._passed and raw is not None:
            return
        writes = bool(flags & _WRITE) if isinstance(flags, int) else False
        if isinstance(mode, str) and not writes:
            writes = any(letter in mode for letter in "wax+")
        if not writes:
            self._opened(raw)
            return
        if isinstance(flags, int) and flags & os.O_RDWR and not flags & os.O_TRUNC and not flags & os.O_EXCL:
            self._opened(raw)
        if isinstance(flags, int) and flags & os.O_EXCL:
            self._asked(raw)
        appends = isinstance(flags, int) and flags & os.O_APPEND
        if not appends or not self._exists(raw):
            self._wrote(raw, follow=True)
        else:
            self._tape.touch(self._path(raw) or "")

    def _exists(self, raw: object) -> bool:
        path = self._path(raw)
        return path is not None and fs.signature_of(path) is not None

    def _opened(self, raw: object) -> None:
        charged = self.charged(raw)
        if charged is not None and self._origin.find()[1]:
            self.file(*charged)

    def file(self, context: Context, path: str) -> None:
        """Charge the bytes of a file, or its absence."""
        tape = self._tape
        owner = self._distributions.owner(path) if tape.roots.is_installed(path) else None
        if owner is not None:
            tape.note(context, Kind.DISTRIBUTION, owner, self._distributions.fingerprint(owner))
            return
        signature = fs.signature_of(path)
        if signature is None:
            tape.note(context, Kind.FILE, tape.roots.name(path), ABSENT)
            return
        context.signatures.setdefault(path, signature)
        tape.note(context, Kind.FILE, tape.roots.name(path), tape.files.digest_at(path, signature))

    def _listed(self, raw: object, *, handed_on: bool = False) -> None:
        if isinstance(raw, int):
            raw = fs.of_descriptor(raw)
        charged = self.charged(raw if raw is not None else ".")
        if charged is None:
            return
        context, path = charged
        frame, counts, names = self._origin.find()
        if not counts or METADATA in names:
            return
        if handed_on and not names:
            self._details.entries(frame, context, path)
        folder = path + os.sep
        own = frozenset(
            other[len(folder) :]
            for other in (*self._tape.top.written, *self._tape.created)
            if other.startswith(folder) and os.sep not in other[len(folder) :]
        )
        self._tape.note(context, Kind.LISTING, self._tape.roots.name(path), fs.listing_of(path, without=own))

    def _asked(self, raw: object) -> None:
        charged = self.charged(raw)
        if charged is not None and self._origin.find()[1]:
            context, path = charged
            self._tape.note(context, Kind.EXISTS, self._tape.roots.name(path), fs.kind_of(path))

    def _made(self, raw: object) -> None:
        path = self._path(raw)
        if path is None or os.path.isdir(path):
            return
        places = {path, fs.real_place(path)}
        if not self._tape.roots.name(path).startswith(_TEMPORARY):  # it may outlive the run, and be there the next time
            self._asked(raw)
            self._tape.makers.update(dict.fromkeys(places, self._tape.top))
        elif not is_for_all():
            self._tape.shelve(places)
        self._tape.created.update(places)

    def _created(self, raw: object) -> None:
        path = self._path(raw)
        if path is not None:
            places = (path, fs.real_place(path))
            self._tape.shelve(places)
            self._tape.created.update(places)

    def _wrote(self, raw: object, *, follow: bool = False) -> None:
        path = self._path(raw)
        if path is not None:
            for place in {path, fs.real(path) if follow else fs.real_place(path)}:
                self._tape.wrote(place)

    def _linked(self, args: tuple[Any, ...]) -> None:
        """Another name for the same bytes, which are read by it later."""
        self._opened(self._at(args[0], args[2]))
        self._wrote(self._at(args[1], args[3]))

    def _renamed(self, args: tuple[Any, ...]) -> None:
        old, new = self._at(args[0], args[2]), self._at(args[1], args[3])
        if self._exists(old):
            self._opened(old)
        self._wrote(old)
        self._wrote(new)
        source, target = self._path(old), self._path(new)
        if source in self._tape.created and target is not None and os.path.isdir(source):
            self._tape.created.add(target)  # not a file's: what replaces `settings.json` is read under a lasting name

    def _database(self, args: tuple[Any, ...]) -> None:
        raw = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        if raw.startswith("file:"):
            raw = unquote(re.split("[?#]", raw[5:])[0])
            if raw.startswith("//"):  # with a host, which is this one
                raw = "/" + raw[2:].partition("/")[2]
        if raw in ("", ":memory:"):
            return
        if self._exists(raw):
            # besides the file: what is committed but not yet in it, or must be rolled back
            for beside in ("", "-wal", "-journal"):
                self._opened(raw + beside)
            self._tape.touch(self._path(raw) or "")  # whether it is written to is seen by its bytes
        else:
            self._wrote(raw, follow=True)

    # -- wrapped calls

    def _stat(self, original: Callable[..., os.stat_result], *, follow: bool) -> Callable[..., os.stat_result]:
        @unseen
        def asked(path: Any, *args: Any, **options: Any) -> os.stat_result:
            __tracebackhide__ = True
            followed = options.get("follow_symlinks", follow)
            try:
                seen = original(path, *args, **options)
            except BaseException as error:
                if isinstance(error, OSError):
                    self._statted(path, options, None, follow=followed)
                step_aside(error)
                raise
            self._statted(path, options, seen, follow=followed)
            return seen

        return asked

    def _statted(self, raw: object, options: dict[str, Any], seen: os.stat_result | None, *, follow: bool) -> None:
        charged = self.charged(self._at(raw, options.get("dir_fd")), follow=follow)
        if charged is None:
            return
        context, path = charged
        frame, counts, names = self._origin.find()
        if not counts or "checkcache" in names or METADATA in names:
            return
        kind_only = not _PRESENCE.isdisjoint(names)
        if not kind_only:
            self._details.state(frame, context, path)
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
            try:
                answer = original(path, *args, **options)
            except BaseException as error:
                step_aside(error)
                raise
            self._asked_stat(self._at(path, options.get("dir_fd")))
            return answer

        return access

    def _asked_stat(self, raw: object) -> None:
        charged = self.charged(raw)
        if charged is not None and self._origin.find()[1]:
            context, path = charged
            self._tape.note(context, Kind.STAT, self._tape.roots.name(path), fs.stat_of(path))

    def _readlink(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @unseen
        def readlink(path: Any, *args: Any, **options: Any) -> Any:
            __tracebackhide__ = True
            charged = self.charged(self._at(path, options.get("dir_fd")), follow=False)
            if charged is not None and self._origin.find()[1]:
                context, name = charged
                self._tape.note(context, Kind.LINK, self._tape.roots.name(name), fs.link_of(name))
            try:
                return original(path, *args, **options)
            except BaseException as error:
                step_aside(error)
                raise

        return readlink

    def _open_at(self, original: Callable[..., int]) -> Callable[..., int]:
        """The audit event of `os.open` does not tell the folder that a name is meant in."""

        @unseen
        def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            __tracebackhide__ = True
            try:
                if dir_fd is None:
                    return original(path, flags, mode)
                self._open((self._at(path, dir_fd), None, flags))
                self._passed = path
                return original(path, flags, mode, dir_fd=dir_fd)
            except BaseException as error:
                step_aside(error)
                raise
            finally:
                self._passed = None

        return open

    def _current(self, original: Callable[[], str]) -> Callable[[], str]:
        @unseen
        def getcwd() -> str:
            __tracebackhide__ = True
            try:
                folder = original()
            except BaseException as error:
                step_aside(error)
                raise
            self._asked_folder()
            return folder

        return getcwd

    def _times(self, original: Callable[[Any], float]) -> Callable[[Any], float]:
        @unseen
        def times(filename: Any) -> float:
            __tracebackhide__ = True
            charged = self.charged(filename)
            if charged is not None and self._origin.find()[1]:
                context, name = charged
                self._tape.note(context, Kind.TIMES, self._tape.roots.name(name), fs.times_of(name))
            try:
                return original(filename)
            except BaseException as error:
                step_aside(error)
                raise

        return times

    def _lines(self, original: Callable[..., list[str]]) -> Callable[..., list[str]]:
        """`linecache` keeps lines between tests: its second reader opens nothing."""

        @unseen
        def getlines(filename: str, module_globals: Any = None) -> list[str]:
            __tracebackhide__ = True
            charged = self.charged(filename) if filename and not filename.startswith("<") else None
            if charged is not None and self._origin.find()[1]:
                self.file(*charged)
            return original(filename, module_globals)

        return getlines
