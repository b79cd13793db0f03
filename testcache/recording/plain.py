"""Plain values: how numbers and texts are written down, alone or all at once in tables and rows.

The interpreter itself writes such a table in 50 ns a value, which take 1 us one by one.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import gc
import pathlib
import re
import uuid
from collections.abc import Callable, Sequence
from sys import getsizeof
from typing import Any, Final

from testcache.digest import of_bytes, of_text
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, Types
from testcache.recording.identity import identity

LONG: Final = 256
"""Characters or bytes up to which a text is written as it is."""

_WRITTEN_OUT: Final = Types(
    datetime.date, datetime.timedelta, datetime.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID, range,
    pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
)  # fmt: skip
"""Types whose `repr` says all there is, and runs no code of a project."""


_CONTAINERS: Final = Types(dict, list, tuple)
_ATOM_IDS: Final = ATOMS.ids
_TREE_IDS: Final = _ATOM_IDS | _CONTAINERS.ids
_ROOM: Final = getsizeof("x" * LONG)
"""Bytes that hardly any longer text has room in."""


def tree(thing: object, most: int) -> tuple[str, list[object]] | None:
    """What such a container comes down to, and all containers in it.

    None if there are more than `most`, if something else is among them, or if one of them comes up twice.
    """
    if type(thing) not in _CONTAINERS:
        return None
    found: list[object] = []
    level = [thing]
    while level and len(found) <= most:
        found += level
        parts = gc.get_referents(*level)
        kinds = [*map(identity, map(type, parts))]
        if not _TREE_IDS.issuperset(kinds) or _has_long(parts):
            return None
        level = [part for part, kind in zip(parts, kinds, strict=True) if kind not in _ATOM_IDS]
    is_tree = len({*map(identity, found)}) == len(found) <= most
    text = _written(thing) if is_tree else ""
    return (text, found) if text else None


def flat(thing: Any) -> str:
    """What a container comes down to that holds plain values alone; "" if it holds anything else."""
    kind = type(thing)
    if kind not in _CONTAINERS:
        return ""
    parts = [*thing, *thing.values()] if kind is dict else thing
    is_flat = _ATOM_IDS.issuperset(map(identity, map(type, parts))) and not _has_long(parts)
    return _written(thing) if is_flat else ""


def is_row(thing: tuple[object, ...]) -> bool:
    """Whether a tuple holds plain values alone: nothing in it ever changes, or leads anywhere."""
    return _ATOM_IDS.issuperset(map(identity, map(type, thing)))


def _has_long(parts: Sequence[object]) -> bool:
    if not any(map(_ROOM.__lt__, map(getsizeof, parts))):
        return False
    return any(isinstance(part, (str, bytes)) and len(part) > LONG for part in parts)


def _written(thing: object) -> str:
    try:
        return repr(thing)
    except (ValueError, RecursionError):  # a number too long for a text, or too deep
        return ""


_HASH: Final = 2**32
"""Hardly any text has a hash below that."""
BASES: Final[dict[type, Callable[[Any], str]]] = {
    int: lambda thing: _hashed(thing) or int.__format__(thing, "x"),
    float: float.__repr__,
    str: lambda thing: _text(str.__str__(thing)),
    bytes: lambda thing: _text(bytes.__getitem__(thing, slice(None))),
}


def atom(thing: object) -> str:
    """A plain value with its type; numbers in hexadecimal, for long ones have no other text."""
    if type(thing) is int:
        return f"int:{thing:x}"
    written = _text(thing) if isinstance(thing, (str, bytes)) and len(thing) > LONG else repr(thing)
    return f"{type(thing).__name__}:{written}"


def spelled(thing: object) -> str:
    """What an object holds, but for its attributes, if its class can write that down as a text; else ""."""
    kind = type(thing)
    if is_written_out(kind) or kind is re.Pattern:
        return repr(thing)
    if is_plain(kind):
        return next(text(thing) for base, text in BASES.items() if issubclass(kind, base))
    return ""


def is_plain(kind: type) -> bool:
    """Whether objects of a class are numbers or texts, and may have attributes besides."""
    return issubclass(kind, tuple(BASES))


def _text(thing: str | bytes) -> str:
    """What a text or bytes come down to: long ones to a digest, or a portrait would take several times their memory."""
    if len(thing) <= LONG:
        return repr(thing)
    return f"long:{(of_text(thing) if isinstance(thing, str) else of_bytes(thing)).hex()}"


def _hashed(thing: int) -> str:
    """A text that an object holds of which it is the hash, as a named constant of an ORM: each process has another."""
    number = int.__index__(thing)
    held = anatomy.dict_of(thing) if abs(number) >= _HASH else None
    found = (text for text in (held or {}).values() if type(text) is str and hash(text) == number)
    return "".join(f"hash:{_text(text)}" for text in found)


def is_written_out(kind: type) -> bool:
    """Whether the `repr` of an object of a class says all there is, and runs no code of a project."""
    return kind in _WRITTEN_OUT
