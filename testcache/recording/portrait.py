"""Fingerprints of values in memory: equal ones mean that no test could tell the values apart.

What cannot be looked into (an open file, an array of a C library, too much of anything) gets a fingerprint
that nothing else will ever have: unknown means different.
Functions and classes count by their names, and by what a function closes over: their code is an input of
whoever runs it. Functions without a name of their own, such as lambdas, count by their code, too.
Does not see: the attributes of a class that is defined in a function, if no code of that function runs later;
how often a `functools.lru_cache` was asked; the traceback and the cause of an exception.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import gc
import os
import pathlib
import re
import threading
import types
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, Final

from testcache.digest import of_bytes, of_text
from testcache.model import Digest
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, MISSING, Types
from testcache.recording.identity import identity
from testcache.recording.insides import inside_of
from testcache.recording.memo import Memo

MOST_PARTS: Final = 20_000
"""Objects that one portrait may name: about 100 ms. A filled table of a grammar has a few thousand."""

UNKNOWN: Final = type("Unknown", (), {"__slots__": ()})()
"""Stands for a value that nobody looks at, because that would take too long: no two of them are the same."""

LONG: Final = 256
"""Characters or bytes up to which a text stands in a portrait as it is."""

MOST_DEPTH: Final = 40
"""Sets in sets that one portrait follows: each takes a few frames of Python's stack."""

_WRITTEN_OUT: Final = Types(
    datetime.date, datetime.timedelta, datetime.timezone, decimal.Decimal, fractions.Fraction, uuid.UUID, range,
    pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath,
)  # fmt: skip
"""Types whose `repr` says all there is, and runs no code of a project."""

_EMPTY: Final = Types(object, threading.Thread, type(threading.Lock()), type(threading.RLock()))
"""Types whose objects have nothing to tell apart but which one they are."""


def portrait(value: object, met: list[object] | None = None) -> Digest:
    """The fingerprint of a value and of the objects it leads to, added to `met`: 5 us each, 1 us a plain value."""
    if type(value) in ATOMS:
        return of_text(atom(value))
    painter = Painter()
    digest = painter.paint(value)
    if met is not None:
        met += painter.kept
    return digest


class Painter:
    """Writes one value down, naming objects that come up again by the order in which they came."""

    most = MOST_PARTS
    total = 0  # parts of all portraits of this process

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self.kept: list[object] = []
        self._parts = 0
        self._depth = 0

    def paint(self, value: object) -> Digest:
        """The digest of the words that a value comes down to. Not by recursion, but for the elements of sets."""
        words: list[str] = []
        queue: list[object] = [value]
        while queue:
            thing = queue.pop()
            kind = type(thing)
            if kind is Word:
                words.append(thing.text)  # type: ignore[attr-defined]
                continue
            if kind in ATOMS:
                words.append(atom(thing))
                continue
            number = self._numbers.get(identity(thing))
            if number is not None:
                words.append(f"again:{number}")
            elif self._parts >= self.most:
                return self.too_much(words)
            else:
                self._parts += 1
                Painter.total += 1
                self._keep(thing)
                queue.append(_END)
                queue += self.parts_of(thing)[::-1]
        return of_text("\n".join(words))

    def too_much(self, _words: list[str]) -> Digest:
        return of_text(_unknown())

    def _keep(self, thing: object) -> None:
        self._numbers[identity(thing)] = len(self.kept)
        self.kept.append(thing)

    def parts_of(self, thing: object) -> tuple[object, ...]:
        """The words and values that an object comes down to."""
        word, parts = _sort_of(type(thing))
        try:
            return (word, *(self._own(thing) if parts is None else parts(thing)))
        except (
            AttributeError,
            TypeError,
            ValueError,
            RuntimeError,
        ):  # half made, or changed by another thread just now
            return (word, Word(_unknown()))

    def _own(self, thing: Any) -> Iterator[object]:
        """Elements, pairs, arguments, attributes and slots."""
        kind = type(thing)
        if issubclass(kind, dict):
            if issubclass(kind, collections.defaultdict):
                yield _FACTORY.__get__(thing)
            for key, value in anatomy.items(thing):
                yield key
                yield value
        elif issubclass(kind, (set, frozenset)):
            yield from self.elements(anatomy.content(thing) or ())
        elif issubclass(kind, (list, tuple, collections.deque)):
            if issubclass(kind, collections.deque):
                yield _LENGTH.__get__(thing)
            yield from anatomy.content(thing) or ()
        elif issubclass(kind, BaseException):
            yield BaseException.__dict__["args"].__get__(thing)
        else:
            yield from (Word(_PLAIN[base](thing)) for base in _PLAIN if issubclass(kind, base))
        yield Word("with")
        for name, value in (anatomy.dict_of(thing) or {}).items():
            yield name
            yield value
        for name, slot in anatomy.slots_of(thing):
            value = anatomy.value_of(slot, thing)
            if value is not MISSING:
                yield name
                yield value

    def elements(self, elements: Iterable[object]) -> Iterator[object]:
        """The elements of a set, in an order that rests on nothing but what they are.

        Each is written down on its own first; what two of them share, or what comes up again later, has its
        number from that order.
        """
        if self._depth == MOST_DEPTH:
            yield Word(_unknown())
            return
        self._depth += 1
        drawn = []
        before = len(self.kept)
        for element in elements:
            digest = self.paint(element)
            drawn.append((digest, self.kept[before:]))
            for thing in self.kept[before:]:
                del self._numbers[identity(thing)]
            del self.kept[before:]
        self._depth -= 1
        for digest, things in sorted(drawn, key=itemgetter(0)):
            yield Word(digest.hex())
            for thing in things:
                known = self._numbers.get(identity(thing))
                if known is None:
                    self._keep(thing)
                else:
                    yield Word(f"also:{known}")


class Word:
    """A word of a portrait, to be told from any value."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_FACTORY: Final = collections.defaultdict.__dict__["default_factory"]
_LENGTH: Final = collections.deque.__dict__["maxlen"]
_END: Final = Word(">")
_HASH: Final = 2**32
"""Hardly any text has a hash below that."""
_PLAIN: Final[dict[type, Callable[[Any], str]]] = {
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
    if kind in _WRITTEN_OUT or kind is re.Pattern:
        return repr(thing)
    if is_plain(kind):
        return next(text(thing) for base, text in _PLAIN.items() if issubclass(kind, base))
    return ""


def is_plain(kind: type) -> bool:
    """Whether objects of a class are numbers or texts, and may have attributes besides."""
    return issubclass(kind, tuple(_PLAIN))


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


def _unknown() -> str:
    return f"unknown:{os.urandom(16).hex()}"


def _of_class(thing: Any) -> Iterator[object]:
    module, name = anatomy.names_of(thing)
    yield Word(f"{module}.{name}")
    if "<" not in name and not anatomy.has_its_name(thing):  # made by a call: its attributes were computed
        yield dict(anatomy.attributes(thing))


def _of_member(thing: Any) -> Iterator[object]:
    held = anatomy.dict_of(thing) or {}
    yield type(thing)
    yield held.get("_name_")
    yield held.get("_value_")


def _of_function(thing: Any) -> Iterator[object]:
    yield thing.__module__
    yield thing.__qualname__
    if "<" in thing.__qualname__:
        yield from _of_code(thing.__code__)
    yield thing.__defaults__
    yield thing.__kwdefaults__
    yield from thing.__closure__ or ()
    yield thing.__dict__


def _of_code(code: types.CodeType) -> Iterator[object]:
    """What code does, wherever it stands."""
    yield code.co_code
    yield code.co_names
    yield code.co_consts


def _of_cell(thing: Any) -> Iterator[object]:
    try:
        yield thing.cell_contents
    except ValueError:
        yield Word("empty")


def _of_builtin(thing: Any) -> Iterator[object]:
    yield Word(f"{thing.__module__}.{thing.__qualname__}")
    yield thing.__self__


def _of_module(thing: Any) -> Iterator[object]:
    yield (anatomy.dict_of(thing) or {}).get("__name__")


def _of_cache(thing: Any) -> Iterator[object]:
    yield (anatomy.dict_of(thing) or {}).get("__wrapped__")
    for key, value in anatomy.cached_pairs(thing):
        yield key
        yield value


def _of_time(thing: Any) -> Iterator[object]:
    yield Word(repr(thing.replace(tzinfo=None)))
    yield thing.tzinfo


def _of_descriptor(thing: Any) -> Iterator[object]:
    yield thing.__objclass__
    yield thing.__name__


def _of_reference(thing: Any) -> Iterator[object]:
    yield weakref.ref.__call__(thing)


def _of(*names: str) -> Callable[[Any], Iterator[object]]:
    """What comes down to a few attributes of the interpreter's own."""
    return lambda thing: (getattr(thing, name) for name in names)


_SPECIAL: Final[dict[int, Callable[[Any], Iterator[object]]]] = {
    identity(kind): parts
    for kind, parts in (
        (types.FunctionType, _of_function),
        (types.CodeType, _of_code),
        (types.CellType, _of_cell),
        (types.MethodType, _of("__func__", "__self__")),
        (types.BuiltinFunctionType, _of_builtin),
        (type(re.compile("").match), _of_builtin),  # a type of its own: methods that are told their class
        (types.ModuleType, _of_module),
        (types.MappingProxyType, lambda thing: iter(gc.get_referents(thing))),
        (types.SimpleNamespace, lambda thing: iter((anatomy.dict_of(thing),))),
        (types.MemberDescriptorType, _of_descriptor),
        (types.GetSetDescriptorType, _of_descriptor),
        (types.MethodDescriptorType, _of_descriptor),
        (types.WrapperDescriptorType, _of_descriptor),
        (types.ClassMethodDescriptorType, _of_descriptor),
        (datetime.datetime, _of_time),
        (datetime.time, _of_time),
        (bytearray, lambda thing: iter((bytes(thing),))),
        (slice, _of("start", "stop", "step")),
        (re.Pattern, _of("pattern", "flags")),
        (functools.partial, _of("func", "args", "keywords", "__dict__")),
        (staticmethod, _of("__func__")),
        (classmethod, _of("__func__")),
        (property, _of("fget", "fset", "fdel")),
        (anatomy.LRU, _of_cache),
        (threading.local, lambda thing: iter((anatomy.dict_of(thing),))),
    )
}

_SUBCLASSES: Final[tuple[tuple[type, Callable[[Any], Iterator[object]]], ...]] = (
    (type, _of_class),
    (enum.Enum, _of_member),
    (weakref.ref, _of_reference),
    (types.GenericAlias, _of("__origin__", "__args__")),
    (types.UnionType, _of("__args__")),
)
"""What holds for all that is made by a class statement from one of these, too."""


def _hidden(_: object) -> Iterable[object]:
    return (Word(_unknown()),)


def _sort(kind: type) -> Callable[[Any], Iterable[object]] | None:
    """How objects of a class come down to parts; None for elements, attributes and slots."""
    if kind in _WRITTEN_OUT:
        return lambda thing: (Word(repr(thing)),)
    if kind in _EMPTY:
        return lambda _: ()
    if kind is type(UNKNOWN):
        return _hidden
    special = _SPECIAL.get(identity(kind)) or next((p for base, p in _SUBCLASSES if issubclass(kind, base)), None)
    if special is not None or anatomy.is_transparent(kind):
        return special
    inside = inside_of(kind)
    if inside is None or not inside.whole or anatomy.is_of_python(kind):
        return _hidden
    return lambda thing: (part for pair in inside.reader(thing, inside.base).items() for part in pair)


_sort_of: Final = Memo(lambda kind: (Word(".".join(anatomy.names_of(kind))), _sort(kind)))


def can_be_looked_into(kind: type) -> bool:
    """Whether nothing that an object of a class holds escapes a portrait."""
    return kind in ATOMS or _sort_of(kind)[1] is not _hidden


def identify(key: object) -> str:
    """How a key of a dict is written in the name of a place: never in clear, as it may be a secret."""
    return f"#{portrait(key).hex()[:16]}"
