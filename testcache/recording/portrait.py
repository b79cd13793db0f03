"""Fingerprints of values in memory: equal ones mean that no test could tell the values apart.

What cannot be looked into (an open file, an array of a C library, too much of anything) gets a fingerprint
that nothing else will ever have: unknown means different.
Functions and classes count by their names, and by what a function closes over: their code is an input of
whoever runs it.
Does not see: the attributes of a class that is defined in a function, if no code of that function runs later.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import os
import pathlib
import re
import sys
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from testcache.digest import of_text
from testcache.model import Digest
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, MISSING
from testcache.recording.identity import identity

MOST_PARTS: Final = 20_000
"""Objects that one portrait may name: about 20 ms. A filled table of a grammar has a few thousand."""

SETS_IN_SETS: Final = 2
"""Each level of sets in the elements of sets is painted anew for each element."""

_WRITTEN_OUT: Final = frozenset(
    {datetime.date, datetime.time, datetime.datetime, datetime.timedelta, datetime.timezone, decimal.Decimal,
     fractions.Fraction, uuid.UUID, range, slice, bytearray,
     pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath}
)  # fmt: skip
"""Types whose `repr` says all there is, and runs no code of a project."""

_EMPTY: Final = frozenset({object, threading.Thread, type(threading.Lock()), type(threading.RLock()), type(MISSING)})
"""Types whose objects have nothing to tell apart but which one they are."""

_CONTAINERS: Final = (dict, list, set, frozenset, tuple, collections.deque)


def portrait(value: object) -> Digest:
    """The fingerprint of a value and of all that it leads to. Cost: about 1 us an object."""
    return _Painter().paint(value)


class _Painter:
    """Writes one value down, naming objects that come up again by the order in which they came."""

    def __init__(self, *, within: int = 0) -> None:
        self._within = within
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []

    def paint(self, value: object) -> Digest:
        tokens: list[str] = []
        queue: list[object] = [value]
        while queue:
            thing = queue.pop()
            if type(thing) is _Word:
                tokens.append(thing.text)
                continue
            if type(thing) in ATOMS:
                tokens.append(f"{type(thing).__name__}:{thing!r}")
                continue
            number = self._seen.get(identity(thing))
            if number is not None:
                tokens.append(f"again:{number}")
                continue
            if len(self._kept) >= MOST_PARTS:
                tokens.append(_unknown())
                break
            self._seen[identity(thing)] = len(self._kept)
            self._kept.append(thing)
            try:
                parts = [*self._parts(thing), _END]
            except (AttributeError, TypeError, ValueError, RuntimeError):
                parts = [_Word(_unknown())]  # half made, or changed by another thread just now
            queue.extend(reversed(parts))
        return of_text("\n".join(tokens))

    def _parts(self, thing: object) -> Iterator[object]:
        """The words and values that an object comes down to."""
        kind = type(thing)
        if kind in _WRITTEN_OUT:
            yield _Word(f"{kind.__name__}={thing!r}")
            return
        if kind in _EMPTY:
            yield _Word(kind.__name__)
            return
        special = _SPECIAL.get(kind)
        if special is None and issubclass(kind, (type, enum.Enum, weakref.ref)):
            special = _of_class if issubclass(kind, type) else _of_member if issubclass(kind, enum.Enum) else _of_ref
        if special is not None:
            yield _Word(f"<{kind.__name__}")
            yield from special(self, thing)
            return
        if not anatomy.is_transparent(kind):
            yield _Word(_unknown())
            return
        yield _Word(f"<{kind.__module__}.{kind.__qualname__}")
        yield from self._own(thing)

    def _own(self, thing: object) -> Iterator[object]:
        """Elements, pairs, arguments, attributes and slots."""
        if isinstance(thing, dict):
            for key, value in anatomy.items(thing):
                yield key
                yield value
        elif isinstance(thing, (set, frozenset)):
            yield from self._elements(anatomy.content(thing) or ())
        elif isinstance(thing, _CONTAINERS):
            yield from anatomy.content(thing) or ()
        elif isinstance(thing, BaseException):
            yield BaseException.__dict__["args"].__get__(thing)
        else:
            for plain in (int, float, str, bytes):
                if isinstance(thing, plain):
                    yield _Word(plain.__repr__(thing))
        held = anatomy.dict_of(thing)
        if held is not None:
            for name, value in held.items():
                yield _Word(f".{name}")
                yield value
        for name, slot in anatomy.slots_of(thing):
            value = anatomy.value_of(slot, thing)
            if value is not MISSING:
                yield _Word(f".{name}")
                yield value

    def _elements(self, elements: Sequence[object]) -> Iterator[object]:
        """The elements of a set in an order that does not depend on where they lie; not of sets in sets in sets."""
        if self._within == SETS_IN_SETS and any(type(element) not in ATOMS for element in elements):
            yield _Word(_unknown())
            return
        for digest in sorted(_Painter(within=self._within + 1).paint(element) for element in elements):
            yield _Word(digest.hex())


class _Word:
    """A word of a portrait, to be told from any value."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_END: Final = _Word(">")


def _unknown() -> str:
    return f"unknown:{os.urandom(16).hex()}"


def _of_class(_: _Painter, thing: Any) -> Iterator[object]:
    module, name = type.__dict__["__module__"].__get__(thing), type.__dict__["__qualname__"].__get__(thing)
    yield _Word(f"{module}.{name}")
    if "<" in name:
        return
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        held = anatomy.class_dict(value) if isinstance(value, type) else anatomy.dict_of(value)
        value = (held or {}).get(part)
    if value is not thing:  # made by a call: its attributes were computed
        yield dict(anatomy.attributes(thing))


def _of_member(_: _Painter, thing: Any) -> Iterator[object]:
    cls = type(thing)
    held = anatomy.dict_of(thing) or {}
    yield _Word(f"{cls.__module__}.{cls.__qualname__}.{held.get('_name_')}")
    yield held.get("_value_")


def _of_ref(_: _Painter, thing: Any) -> Iterator[object]:
    yield weakref.ref.__call__(thing)


def _of_function(_: _Painter, thing: Any) -> Iterator[object]:
    yield _Word(f"{thing.__module__}.{thing.__qualname__}")
    yield thing.__defaults__
    yield thing.__kwdefaults__
    for cell in thing.__closure__ or ():
        yield from _of_cell(_, cell)
    yield thing.__dict__


def _of_cell(_: _Painter, thing: Any) -> Iterator[object]:
    try:
        yield thing.cell_contents
    except ValueError:
        yield _Word("empty")


def _of_method(_: _Painter, thing: Any) -> Iterator[object]:
    yield thing.__func__
    yield thing.__self__


def _of_builtin(_: _Painter, thing: Any) -> Iterator[object]:
    yield _Word(f"{thing.__module__}.{thing.__qualname__}")
    if thing.__self__ is not None and not isinstance(thing.__self__, types.ModuleType):
        yield thing.__self__


def _of_module(_: _Painter, thing: Any) -> Iterator[object]:
    yield _Word(str((anatomy.dict_of(thing) or {}).get("__name__")))


def _of_pattern(_: _Painter, thing: Any) -> Iterator[object]:
    yield thing.pattern
    yield thing.flags


def _of_partial(_: _Painter, thing: Any) -> Iterator[object]:
    yield from (thing.func, thing.args, thing.keywords)


def _of_wrapper(_: _Painter, thing: Any) -> Iterator[object]:
    yield thing.__func__


def _of_property(_: _Painter, thing: Any) -> Iterator[object]:
    yield from (thing.fget, thing.fset, thing.fdel)


def _of_cache(_: _Painter, thing: Any) -> Iterator[object]:
    yield (anatomy.dict_of(thing) or {}).get("__wrapped__")
    yield from anatomy.cached_pairs(thing)


def _of_view(_: _Painter, thing: Any) -> Iterator[object]:
    yield dict(thing)


def _of_descriptor(_: _Painter, thing: Any) -> Iterator[object]:
    yield _Word(f"{thing.__objclass__.__qualname__}.{thing.__name__}")


def _of_namespace(_: _Painter, thing: Any) -> Iterator[object]:
    yield anatomy.dict_of(thing)


_SPECIAL: Final[dict[type, Callable[[_Painter, Any], Iterator[object]]]] = {
    types.FunctionType: _of_function,
    types.CellType: _of_cell,
    types.MethodType: _of_method,
    types.BuiltinFunctionType: _of_builtin,
    types.ModuleType: _of_module,
    types.MappingProxyType: _of_view,
    types.SimpleNamespace: _of_namespace,
    types.MemberDescriptorType: _of_descriptor,
    types.GetSetDescriptorType: _of_descriptor,
    types.MethodDescriptorType: _of_descriptor,
    types.WrapperDescriptorType: _of_descriptor,
    types.ClassMethodDescriptorType: _of_descriptor,
    re.Pattern: _of_pattern,
    functools.partial: _of_partial,
    staticmethod: _of_wrapper,
    classmethod: _of_wrapper,
    property: _of_property,
    anatomy.LRU: _of_cache,
    threading.local: _of_namespace,
}


def identify(key: object) -> str:
    """How a key of a dict is written in the name of a place: never in clear, as it may be a secret."""
    return f"#{portrait(key).hex()[:16]}"
