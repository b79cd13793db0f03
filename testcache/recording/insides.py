"""Insides: what objects written in C keep where the garbage collector tells nothing of it: a text, numbers, a database.

Only classes of the standard library and numpy that are in wide use are known. Nothing is imported for them, and of a
class that a project derives from one no code is run.
Does not see: what is larger than `LARGEST`; statements that change the tables of a database while a transaction is
open, or that run in another thread, unless they change rows; objects of any other class written in C.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from array import array
from collections.abc import Callable
from ctypes import string_at
from itertools import pairwise
from typing import Any, Final

from testcache.digest import of_bytes, of_text
from testcache.model import Digest
from testcache.recording import anatomy, words
from testcache.recording.memo import Memo
from testcache.structs import Struct

LARGEST: Final = 1 << 20
"""Bytes that are compared after each test: 0.1 ms."""

MOST_ELEMENTS: Final = 10_000
"""Objects in an array of numpy that are followed."""

_PAGES: Final = 256
"""Pages of a database that are compared: 1 MiB. A small one takes 15 us."""

_EVERYBODYS: Final = (("random", "_inst"), ("numpy.random.mtrand", "_rand"))
_MOST_IMAGES: Final = 64
_COUNTERS: Final = ((0, 0), (24, 28), (40, 48), (56, 60), (92, 100))
"""Where the header of a database counts changes, also those of its tables, and says what its first table decides."""

_SCANNER: Final = type(re.compile("").scanner(""))  # type: ignore[attr-defined]
"""What `re.finditer` goes through a text with."""

_COPIED: Final = frozenset({0, 101})
"""SQLITE_OK and SQLITE_DONE: anything else would be tried again for ever."""

_PROCESS: Final = os.urandom(8).hex()
"""In what can be compared in this process, but not with what another one has left."""


class _Large(Exception):
    """A database is not copied: it has too many pages, or is locked."""


class Inside(Struct, frozen=True):
    """How objects of one class are read.

    Attributes:
        base: the class.
        reader: gives what an object keeps, by slot; raises if it is closed or used by another thread.
        whole: whether that is all that there is to tell of it.
    """

    base: Any
    reader: Callable[[Any, Any], dict[Any, object]]
    whole: bool

    def read(self, thing: object) -> dict[Any, object]:
        """What an object keeps; nothing, if it cannot be asked just now."""
        try:
            return self.reader(thing, self.base)
        except Exception:  # closed, half made, of another thread: each class has errors of its own for it
            return {}


def look(thing: object) -> dict[Any, object]:
    """What an object keeps whose class is known. Cost: 2 us; a small database, 20 us."""
    inside = inside_of(type(thing))
    return inside.read(thing) if inside is not None else {}


def is_everybodys(thing: object) -> bool:
    """Whether that is the generator behind `random.random` or `numpy.random.rand`, which is a dial.

    Code imports its methods by name, and each test that asks for a number changes it: nobody rests on that but who
    has it seeded (`testcache.recording.dials`).
    """
    return any(thing is (anatomy.dict_of(sys.modules.get(module)) or {}).get(name) for module, name in _EVERYBODYS)


def of_numbers(numbers: tuple[int, ...]) -> str:
    """A digest of the state of a generator of random numbers: as a text it would take 60 us."""
    return of_bytes(array("L", numbers).tobytes()).hex()


def _text(thing: Any, base: Any) -> dict[Any, object]:
    content, newline, position, _ = base.__getstate__(thing)
    return {"content": of_text(content).hex(), "newline": newline, "position": position}


def _data(thing: Any, base: Any) -> dict[Any, object]:
    content, position, _ = base.__getstate__(thing)
    return {"content": of_bytes(content).hex(), "position": position}


def _random(thing: Any, base: Any) -> dict[Any, object]:
    return {"content": of_numbers(base.getstate(thing))}


def _context(thing: Any, base: Any) -> dict[Any, object]:
    return {"content": base.__repr__(thing)}


def _hash(thing: Any, _base: Any) -> dict[Any, object]:
    return {"content": type(thing).hexdigest(thing)}


def _map(thing: Any, base: Any) -> dict[Any, object]:
    size = base.__len__(thing)
    content = base.__getitem__(thing, slice(None)) if size <= LARGEST else b""
    return {"content": of_bytes(content).hex(), "position": base.tell(thing)}


def _record(thing: Any, _base: Any) -> dict[Any, object]:
    """Numbers, arrays and structures of ctypes; with what they hold on to where they have addresses of it."""
    with memoryview(thing) as view:
        content = view.tobytes() if view.nbytes <= LARGEST else b""
    parts = tuple(part for part in gc.get_referents(thing) if not issubclass(type(part), type))
    return {"content": of_bytes(content).hex(), "parts": parts}


def _array(thing: Any, base: Any) -> dict[Any, object]:
    shape, dtype = base.shape.__get__(thing), base.dtype.__get__(thing)
    if dtype.hasobject:
        parts = tuple(base.ravel(thing).tolist()) if base.size.__get__(thing) <= MOST_ELEMENTS else ()
        return {"shape": shape, "parts": parts}
    content = base.tobytes(thing) if base.nbytes.__get__(thing) <= LARGEST else b""
    return {"shape": shape, "type": dtype.str, "content": of_bytes(content).hex()}


def _scanner(thing: Any, base: Any) -> dict[Any, object]:
    """That one has gone on shows in its memory, behind the counter and the class; not how far, to another process."""
    memory = string_at(id(thing) + object.__basicsize__, base.__basicsize__ - object.__basicsize__)
    return {"content": f"{_PROCESS} {of_bytes(memory).hex()}"}


def _generator(thing: Any, _base: Any) -> dict[Any, object]:
    return {"content": of_text(repr(type(thing).state.__get__(thing))).hex()}


def _database(thing: Any, base: Any) -> dict[Any, object]:
    rows = f"{_PROCESS} {base.total_changes.__get__(thing)}"
    content = (_copy(thing, base) if not base.in_transaction.__get__(thing) else "") or rows
    settings = ("isolation_level", "row_factory", "text_factory")
    return {"content": content, **{name: getattr(base, name).__get__(thing) for name in settings}}


def _copy(database: Any, base: Any) -> str:
    """A digest of all that is in a database, "" if that is too much, or it is locked or belongs to another thread.

    No statement is executed for it in the connection of the project, which may trace them. SQLite waits for a lock as
    long as the project has told it to: once a process. Cost: 15 us as long as nothing is written, then 0.1 ms and more.
    """
    module = sys.modules["_sqlite3"]
    if _locked:
        return ""
    copy = module.connect(":memory:", isolation_level=None)
    try:
        base.backup(database, copy, pages=_PAGES, progress=_check)
        image = of_bytes(copy.serialize())
        if image not in _contents:
            if len(_contents) > _MOST_IMAGES:
                _contents.clear()
            copy.execute("VACUUM")
            _contents[image] = of_bytes(_without_counters(copy.serialize())).hex()
        return _contents[image]
    except (_Large, module.Error):
        return ""
    finally:
        copy.close()


def _without_counters(database: bytes) -> bytes:
    """A database that holds the same whenever it was filled: without how often it was changed, and by which version."""
    parts = [database[end:begin] for (_, end), (begin, _) in pairwise((*_COUNTERS, (len(database), 0)))]
    return b"".join(parts)


def _check(status: int, _left: int, pages: int) -> None:
    if status not in _COPIED:
        _locked.append(status)
    if pages > _PAGES or status not in _COPIED:
        raise _Large


_contents: Final[dict[Digest, str]] = {}
"""What an image of a database comes down to: tables that were dropped and rows that were deleted leave traces in it."""

_locked: Final[list[int]] = []
"""What SQLite has said of a database that it could not copy."""

_KNOWN: Final = (
    ("_io", "StringIO", _text, True),
    ("_io", "BytesIO", _data, True),
    ("_random", "Random", _random, False),
    ("_decimal", "Context", _context, True),
    ("_hashlib", "HASH", _hash, True),
    ("_hashlib", "HMAC", _hash, False),
    ("_blake2", "blake2b", _hash, False),
    ("_blake2", "blake2s", _hash, False),
    ("mmap", "mmap", _map, False),
    ("_ctypes", "_SimpleCData", _record, False),
    ("_ctypes", "Structure", _record, False),
    ("_ctypes", "Union", _record, False),
    ("_ctypes", "Array", _record, False),
    ("_sqlite3", "Connection", _database, False),
    ("numpy", "ndarray", _array, False),
    ("numpy.random.bit_generator", "BitGenerator", _generator, False),
)


def _find(kind: type) -> Inside | None:
    if kind is _SCANNER:
        return Inside(kind, _scanner, False) if words.AVAILABLE else None
    bases = {*map(id, anatomy.mro(kind))}
    for module, name, reader, whole in _KNOWN:
        base = (anatomy.dict_of(sys.modules.get(module)) or {}).get(name)
        if id(base) in bases:
            return Inside(base, reader, whole)
    return None


inside_of: Final = Memo(_find)
"""How objects of a class are read; None if it is not known."""
