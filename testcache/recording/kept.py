"""Kept: files of the project that libraries have read and may remember: a template, a catalogue of messages.

1. For a test, or an import, code of a library reads a file, asks if there is one, or lists a folder. The objects and
   the variables of modules that its functions work with are its *witnesses*.
2. By the next test some witness may live on, or hold something else, and nothing that is watched leads to it: then the
   library may answer out of its memory from now on, with no look at the file.
3. So what it had read counts for each test that this process runs later. What the library has read anew for one of
   them is the same.

What the project's own objects lead to is watched: it is known of each such memory who has come upon it.
Does not see: what a library remembers of variables and of what the project's code hands over to it; memory that only
code in C knows, or a function that has returned already.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from os import sep
from os.path import dirname
from sys import _getframe
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any, Final

from testcache.model import Digest, Input, Kind
from testcache.recording.anatomy import LRU, MISSING
from testcache.recording.context import Context
from testcache.recording.guard import guarded
from testcache.recording.identity import identity
from testcache.recording.origin import Origin
from testcache.recording.tape import Tape
from testcache.structs import Struct

KINDS: Final = frozenset({Kind.FILE, Kind.EXISTS, Kind.STAT, Kind.TIMES, Kind.LISTING, Kind.LINK})
"""What may be read of files; of an installed one its distribution counts, whoever rests on it."""

_FORGETFUL: Final = frozenset(
    {"pathlib", "posixpath", "genericpath", "os", "glob", "fnmatch", "codecs", "contextlib", "shutil",
     "tempfile", "tokenize", "linecache", "inspect", "traceback", "warnings", "subprocess", "threading", "runpy",
     "pkgutil", "filecmp", "zipfile", "tarfile", "json", "configparser", "unittest", "importlib"}
)  # fmt: skip
"""Modules and packages of the standard library that remember no file, or of which that is seen otherwise."""

_FIXED: Final = (FunctionType, BuiltinFunctionType, ModuleType, type)
_CONTAINERS: Final[tuple[Any, ...]] = (dict, list, set, weakref.WeakValueDictionary, weakref.WeakKeyDictionary)
_HEAP: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE
_OBSERVERS: Final = dirname(__file__) + sep
_MOST_FRAMES: Final = 100


class _Read(Struct, frozen=True):
    """One read, and what may remember it: objects, and variables with what they hold until then."""

    input: Input
    digest: Digest
    objects: tuple[Callable[[], object], ...]
    variables: tuple[tuple[Mapping[str, Any], tuple[str, ...], tuple[object, ...]], ...]


class Kept:
    """Finds out what was read in one process and may be remembered.

    Attributes:
        context: what is kept by now; None if nothing is.

    Args:
        is_watched: whether an object is one of those that the project's own objects lead to.
    """

    def __init__(self, tape: Tape, origin: Origin, is_watched: Callable[[object], bool]) -> None:
        self._tape = tape
        self._origin = origin
        self._is_watched = is_watched
        self._reads: list[_Read] = []
        self._known: dict[Input, Digest] = {}
        self.context: Context | None = None

    @guarded
    def noted(self, read: Input, value: Digest) -> None:
        """A context is charged with a read for the first time. Cost: 2 us; 20 us if a library reads."""
        if read.kind not in KINDS or read.name.startswith("<") or self._known.get(read) == value:
            return
        objects: list[Callable[[], object]] = []
        variables = []
        for frame in self._library_frames():
            code, table = frame.f_code, frame.f_globals
            if not self._origin.is_standard(code.co_filename) and code.co_argcount:
                objects.extend(_reference(frame.f_locals.get(code.co_varnames[0])))
            variables.append((table, code.co_names, _held(table, code.co_names)))
            if code.co_freevars:
                inner = _tables(frame.f_locals, code.co_freevars)
                variables.append((inner, (*inner,), _held(inner, (*inner,))))
        if variables:
            self._reads.append(_Read(read, value, tuple(objects), tuple(variables)))

    def _library_frames(self) -> Iterator[FrameType]:
        """Functions of libraries that read for the project, up to the one that its code has called."""
        frame: FrameType | None = _getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(_OBSERVERS):
            frame = frame.f_back
        for _ in range(_MOST_FRAMES):
            if frame is None or not self._origin.is_library(frame.f_code.co_filename):
                return
            if not _is_forgetful(frame):
                yield frame
            frame = frame.f_back

    def look(self) -> Context | None:
        """Before a test: what may be remembered of all that was read until now."""
        reads, self._reads = self._reads, []
        found = {read.input: read.digest for read in reads if self._is_kept(read)}
        new = {read: value for read, value in found.items() if self._known.get(read) != value}
        if new:
            self._known |= new
            links = {self.context} if self.context is not None else set[Context]()
            self.context = Context("what libraries keep", is_module=True, reads=new, links=links)
        return self.context

    def _is_kept(self, read: _Read) -> bool:
        for held in read.objects:
            witness = held()
            if witness is not None and not self._is_watched(witness):
                return True
        return any(_held(table, names) != before for table, names, before in read.variables)


def _is_forgetful(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return type(name) is str and name.partition(".")[0] in _FORGETFUL


def _reference(witness: object) -> Iterator[Callable[[], object]]:
    """How to ask later for an object on whose behalf a function runs, if Python code has made its class."""
    kind = type(witness)
    if issubclass(kind, _FIXED) or not kind.__flags__ & _HEAP:
        return
    with contextlib.suppress(TypeError):  # its class has slots, and none for this
        yield weakref.ref(witness)


def _tables(held: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What a function closes over and may fill; nothing else, for it would live on with what we know of it."""
    found = {name: held[name] for name in names if name in held}
    return {name: value for name, value in found.items() if issubclass(type(value), (LRU, *_CONTAINERS))}


def _held(table: Mapping[str, Any], names: tuple[str, ...]) -> tuple[object, ...]:
    """What variables hold, and how much of it; functions, classes and modules stay as they are."""
    found = ((name, table.get(name, MISSING)) for name in names)
    return tuple((name, identity(value), _size(value)) for name, value in found if not issubclass(type(value), _FIXED))


def _size(value: Any) -> int:
    if type(value) is LRU:
        return int(value.cache_info().currsize)
    base = next((base for base in _CONTAINERS if issubclass(type(value), base)), None)
    return base.__len__(value) if base is not None else 0
