"""Files, folders and links: what audit events give away.

Does not see: files read by C code without an audit event; and of the entries of `os.scandir`, only what the asking
file has a name for (`testcache.recording.details`).
"""

from __future__ import annotations

import os
import re
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

_TEMPORARY = "<tmp>"
_folder = os.getcwd
"""Before it is wrapped (`testcache.recording.asks`)."""

_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Reads:
    """Charges file system reads to the top of the tape."""

    def __init__(self, tape: Tape, origin: Origin, distributions: Distributions, variables: Variables) -> None:
        self._tape = tape
        self._origin = origin
        self._distributions = distributions
        self.variables = variables
        self.details = Details(tape)
        self.passed: object = None  # the name that is being opened in a folder given by its descriptor
        self.handlers: dict[str, Callable[[tuple[Any, ...]], None]] = {
            "open": self.opens,
            "os.listdir": lambda args: self._listed(args[0]),
            "os.scandir": lambda args: self._listed(args[0], handed_on=True),
            "os.mkdir": lambda args: self._made(self.at(args[0], args[2])),
            "tempfile.mkdtemp": lambda args: self._created(args[0]),
            "tempfile.mkstemp": lambda args: self._created(args[0]),  # a random name: no later run finds it
            "os.rename": self._renamed,
            "os.link": self._linked,
            "os.symlink": lambda args: self._wrote(self.at(args[1], args[2])),
            "os.remove": lambda args: self._wrote(self.at(args[0], args[1])),
            "os.rmdir": lambda args: self._wrote(self.at(args[0], args[1])),
            "os.chmod": lambda args: self._tape.touch(self._path(self.at(args[0], args[2])) or ""),
            "os.truncate": lambda args: self._wrote(args[0], follow=True),
            "sqlite3.connect": self._database,
            "ctypes.dlopen": lambda args: self._opened(args[0]),
        }

    # -- paths

    def _path(self, raw: object) -> str | None:
        if isinstance(raw, int) or raw is None:
            return None
        try:
            return fs.absolute(raw) if raw else None  # type: ignore[arg-type]  # "" is nowhere, not the current folder
        except (TypeError, ValueError, OSError):
            return None

    @staticmethod
    def at(raw: object, descriptor: int | None) -> object:
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
            self.asked_folder()
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
        name = self._tape.on_shelf(path, own=self._tape.top.ending)
        if name and self._origin.find()[1]:
            self._tape.note(self._tape.top, Kind.VARIABLE, name, ABSENT)

    def asked_folder(self) -> None:
        """It matters from where the run was started, unless code has gone elsewhere meanwhile."""
        here = self.variables.counts(CURRENT_FOLDER) and _folder() == self.variables.at_start(CURRENT_FOLDER)
        if here and self._origin.find()[1]:
            value = self.variables.fingerprint(CURRENT_FOLDER)
            self._tape.note(self._tape.top, Kind.VARIABLE, CURRENT_FOLDER, value)

    # -- audit events

    def opens(self, args: tuple[Any, ...]) -> None:
        """A path, a mode or None, and flags."""
        raw, mode, flags = args[0], args[1], args[2]
        if raw is self.passed and raw is not None:
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
        self._needs_folder(raw)
        appends = isinstance(flags, int) and flags & os.O_APPEND
        if not appends or not self._exists(raw):
            self._wrote(raw, follow=True)
        else:
            self._tape.touch(self._path(raw) or "")

    def _needs_folder(self, raw: object) -> None:
        """Nothing can be made where there is no folder: that there is none is why it fails."""
        path = self._path(raw)
        if path is not None and not os.path.isdir(os.path.dirname(path)):
            self._asked(os.path.dirname(os.fsdecode(raw)))  # type: ignore[arg-type]

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
            self.details.entries(frame, context, path)
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
        self._needs_folder(raw)
        places = {path, fs.real_place(path)}
        if not self._tape.roots.name(path).startswith(_TEMPORARY):  # it may outlive the run, and be there the next time
            self._asked(raw)
            self._tape.makers.update(dict.fromkeys(places, self._tape.top))
        elif not is_for_all():
            self._tape.shelve(places)
        self._tape.touch(path)
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
        self._opened(self.at(args[0], args[2]))
        self._wrote(self.at(args[1], args[3]))

    def _renamed(self, args: tuple[Any, ...]) -> None:
        old, new = self.at(args[0], args[2]), self.at(args[1], args[3])
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
