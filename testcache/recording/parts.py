"""Parts: the words and values that an object of each class comes down to in its portrait."""

from __future__ import annotations

import contextvars
import datetime
import enum
import functools
import gc
import os
import re
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, Types
from testcache.recording.identity import identity
from testcache.recording.insides import inside_of
from testcache.recording.memo import Memo
from testcache.recording.plain import is_written_out

_OURS: Final = __name__.partition(".")[0]
"""Our own package: a project that keeps `builtins.__import__` keeps an object of it."""

UNKNOWN: Final = type("Unknown", (), {"__slots__": ()})()
"""Stands for a value that nobody looks at, because that would take too long: no two of them are the same."""

_EMPTY: Final = Types(object, threading.Thread, type(threading.Lock()), type(threading.RLock()))
"""Types whose objects have nothing to tell apart but which one they are."""


class Word:
    """A word of a portrait, to be told from any value."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def unknown() -> str:
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
    if _is_ours(thing):  # it stands before `os.stat`, say, and closes over all that we know
        yield dict(zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)).get("original")
        return
    if "<" in thing.__qualname__:
        yield from _of_code(thing.__code__)
    yield thing.__defaults__
    yield thing.__kwdefaults__
    yield from thing.__closure__ or ()
    yield thing.__dict__


def _of_method(thing: Any) -> Iterator[object]:
    yield thing.__func__
    if not _is_ours(thing.__func__):
        yield thing.__self__


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


def _of_context(thing: Any) -> Iterator[object]:
    for variable, value in sorted(thing.items(), key=lambda pair: pair[0].name):
        yield variable.name
        yield value


def _of(*names: str) -> Callable[[Any], Iterator[object]]:
    """What comes down to a few attributes of the interpreter's own."""
    return lambda thing: (getattr(thing, name) for name in names)


_SPECIAL: Final[dict[int, Callable[[Any], Iterator[object]]]] = {
    identity(kind): parts
    for kind, parts in (
        (types.FunctionType, _of_function),
        (types.CodeType, _of_code),
        (types.CellType, _of_cell),
        (types.MethodType, _of_method),
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
        (contextvars.Context, _of_context),
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


def _is_ours(function: object) -> bool:
    module = function.__globals__.get("__name__") if type(function) is types.FunctionType else None
    return type(module) is str and module.partition(".")[0] == _OURS


def _of_node(thing: Any) -> Iterator[object]:
    base = next(base for base in anatomy.mro(type(thing)) if anatomy.names_of(base) == _NODE)
    yield base.__dict__["nodeid"].__get__(thing)


def _all_but(names: frozenset[str]) -> Callable[[Any], Iterator[object]]:
    """What comes down to all attributes, also those of derived classes, but for some of the interpreter's own."""
    return lambda thing: (
        part for pair in (anatomy.dict_of(thing) or {}).items() if pair[0] not in names for part in pair
    )


_RUNNER: Final = frozenset({"_pytest", "pluggy"})
_OF_A_POOL: Final = frozenset({"_work_queue", "_idle_semaphore", "_threads", "_shutdown_lock"})
_NODE: Final = ("_pytest.nodes", "Node")

_BY_NAME: Final[dict[tuple[object, object], Callable[[Any], Iterable[object]]]] = {
    _NODE: _of_node,
    ("_pytest.config", "Config"): lambda _: (),
    ("_pytest.fixtures", "FixtureRequest"): lambda _: (),
    ("_pytest.fixtures", "FixtureDef"): lambda _: (),
    ("_pytest.fixtures", "FixtureManager"): lambda _: (),
    ("pluggy._manager", "PluginManager"): lambda _: (),
    anatomy.LOOP: _all_but(anatomy.OF_A_LOOP),
    ("concurrent.futures.thread", "ThreadPoolExecutor"): _all_but(_OF_A_POOL),
}
"""What holds for classes of modules that need not be loaded, and for those derived from them; of pytest's, for its own
alone: a project may keep something in an object of its own. Objects of pytest lead to all that it has: to draw a test
that was kept by its class (`request.cls.item = request.node`) took 0.1 s.
"""


def _by_name(kind: type) -> Callable[[Any], Iterable[object]] | None:
    is_runners = _root(kind) in _RUNNER
    bases = (base for base in anatomy.mro(kind) if is_runners or _root(base) not in _RUNNER)
    return next(filter(None, map(_BY_NAME.get, map(anatomy.names_of, bases))), None)


def _root(kind: type) -> str:
    return str(anatomy.names_of(kind)[0]).partition(".")[0]


def _hidden(_: object) -> Iterable[object]:
    return (Word(unknown()),)


def _sort(kind: type) -> Callable[[Any], Iterable[object]] | None:
    """How objects of a class come down to parts; None for elements, attributes and slots."""
    if is_written_out(kind):
        return lambda thing: (Word(repr(thing)),)
    if kind in _EMPTY:
        return lambda _: ()
    if kind is type(UNKNOWN):
        return _hidden
    known = _by_name(kind)
    if known is not None:
        return known
    special = _SPECIAL.get(identity(kind)) or next((p for base, p in _SUBCLASSES if issubclass(kind, base)), None)
    if special is not None or anatomy.is_transparent(kind):
        return special
    inside = inside_of(kind)
    if inside is None or not inside.whole or anatomy.is_of_python(kind):
        return _hidden
    return lambda thing: (part for pair in inside.reader(thing, inside.base).items() for part in pair)


sort_of: Final = Memo(lambda kind: (Word(".".join(anatomy.names_of(kind))), _sort(kind)))


def can_be_looked_into(kind: type) -> bool:
    """Whether nothing that an object of a class holds escapes a portrait."""
    return kind in ATOMS or sort_of(kind)[1] is not _hidden
