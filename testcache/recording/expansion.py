"""Expansion: what the census looks at in place of an object that it comes upon: its keepers, or other objects.

Which these are is found out once a class. Does not see: a class that is given another `__module__` later.
"""

from __future__ import annotations

import contextvars
import gc
import itertools
import logging
import os
import re
import sys
import types
import weakref
from array import array
from collections import deque, namedtuple
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, Final

from testcache.code.looks import SET_CLASS
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, Types
from testcache.recording.identity import identity
from testcache.recording.insides import inside_of, is_everybodys
from testcache.recording.keepers import Found, Keeper, number
from testcache.recording.kinds import (
    ATTRIBUTES,
    BYTES,
    CACHE,
    CELL,
    CLASS,
    COUNT,
    ELEMENTS,
    FROZEN,
    FUNCTION,
    GENERATOR,
    INSIDE,
    ITERATOR,
    LOGGER,
    LOOP,
    OF_CLASS,
    PAIRS,
    PARTS,
    SLOTS,
    TUPLE,
    VARIABLE,
    WEAK_ELEMENTS,
    WEAK_KEYS,
    WEAK_VALUES,
    Kind,
)
from testcache.recording.memo import Memo
from testcache.recording.plain import is_row
from testcache.structs import Struct, replace

_OPAQUE: Final = Types(
    types.ModuleType, types.CodeType, types.FrameType, types.TracebackType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType, types.CoroutineType,
    re.Pattern, weakref.ref, weakref.KeyedRef, type(namedtuple("Row", "field").field),  # type: ignore[attr-defined]
)  # fmt: skip
"""Types whose objects keep nothing, are watched elsewhere (modules), or are over when a test is (coroutines)."""

_BUILTIN: Final = (types.BuiltinFunctionType, types.MethodWrapperType, type(re.compile("").match))
"""Functions of the interpreter, bound to an object: the last are those that are told their class."""

_ALIASES: Final = (types.GenericAlias, types.UnionType)
"""Such as `list[int]` and `int | None`: they find out their parameters when they are first asked for them."""

_EXAMPLES: Final[tuple[Any, ...]] = (
    [], (), "", "\u20ac", b"", bytearray(), {}, {}.values(), {}.items(), set(), range(1), range(1 << 70),
)  # fmt: skip
_TURNED: Final[tuple[Any, ...]] = ([], (), {}, range(1))
_ITERATORS: Final = (*(type(iter(one)) for one in _EXAMPLES), *(type(reversed(one)) for one in _TURNED))
"""Types that go on in place and tell how much is left."""

_FOREIGN: Final = frozenset(
    {"_pytest", "pytest", "pluggy", "xdist", "testcache", "hypothesis", "os", "pathlib", "typing"}
)
"""Packages whose objects are not entered: pytest's change with every test, and those of the standard library
keep nothing but caches, or what is watched otherwise, such as the environment."""

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
"""Where the standard library lies."""

_MEMOS: Final = frozenset({("sqlalchemy.util._collections", "LRUCache")})
"""Classes of libraries that remember what is worked out from their keys alone, and count how often they were asked: a
compiled statement is the same for everybody. Each query that a test adds would rerun all tests that use the engine."""

_TABLES: Final = Types(logging.Manager, logging.PlaceHolder)
"""The ways from one logger to all others, which libraries have made."""

Parts = Sequence[Keeper | Found]


class Expansion:
    """Expands what is found.

    Args:
        modules: the names in places of the modules of the project; classes and functions of others are not entered.
        is_library: whether a class is a library's, or rests on one.
        mentioned: all names that code of the project mentions, as it is loaded.
    """

    def __init__(
        self, modules: Mapping[str, str], is_library: Callable[[type], bool], mentioned: Container[str]
    ) -> None:
        self._modules = modules
        self.is_library = is_library
        self.mentioned = mentioned

    def home(self, thing: Any) -> str | None:
        """The place of a class or function of the project."""
        is_class = issubclass(type(thing), type)
        module, name = anatomy.names_of(thing) if is_class else (thing.__module__, thing.__qualname__)
        file = self._modules.get(module) if type(module) is str else None
        return None if file is None else f"{file}::{name}"

    def __call__(self, found: Found) -> Parts:
        """The keepers that an object stands for, or what to look at in its place. Cost: 1 us and more."""
        thing = found.thing
        if found.kind is not None:
            return [_keeper(found, thing, found.kind, found.owner or thing)]
        return _way_of(type(thing))(self, found, thing)


_Way = Callable[[Expansion, Found, Any], Parts]


def _find_way(kind: type) -> _Way:
    """How objects of a class are expanded."""
    if kind in ATOMS or kind in _OPAQUE or issubclass(kind, _ALIASES):
        return _nothing
    if issubclass(kind, type):
        return _class
    if known := _WAYS.get(identity(kind)):
        return known
    if issubclass(kind, logging.Logger):
        return _logger
    if anatomy.LOOP in map(anatomy.names_of, anatomy.mro(kind)):
        return _loop
    return _nothing if is_foreign(kind) or is_memo(kind) else _object


def is_foreign(kind: type) -> bool:
    """Whether objects of a class are not entered."""
    return anatomy.names_of(kind)[0].partition(".")[0] in _FOREIGN or kind in _TABLES


def is_memo(kind: type) -> bool:
    """Whether objects of a class remember only what anybody would work out again."""
    return anatomy.names_of(kind) in _MEMOS


def _is_standard(cached: object) -> bool:
    """Whether a cache is the standard library's own, such as `urlsplit`: what it knows of an address never changes.

    One that the project puts around `os.path.exists` is not, nor one in a `sched.py` of its own.
    """
    held = anatomy.dict_of(cached) or {}
    module, name = held.get("__module__"), held.get("__qualname__")
    if type(module) is not str or type(name) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return False
    file = (anatomy.dict_of(sys.modules.get(module)) or {}).get("__file__")
    return type(file) is str and file.startswith(_LIBRARY) and anatomy.is_called(cached, module, name)


def _keeper(found: Found, thing: object, kind: Kind, owner: object) -> Keeper:
    keeper = Keeper(thing, kind, owner, found.place, found.names, found.files)
    keeper.inside, keeper.path, keeper.vague = found.inside, found.path, found.vague
    return keeper


def _borne(keeper: Keeper, bearer: object) -> Keeper:
    """From Python 3.13 on an object holds the values of its dict itself, until the dict is given to another one."""
    if sys.version_info >= (3, 13):
        keeper.bearer = bearer
    return keeper


def _function(function: Any, place: str, found: Found) -> list[Found]:
    """What a function keeps: its attributes, what it closes over, and its defaults."""
    parts = [replace(found, thing=function.__dict__, place=place, kind=FUNCTION)]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        names, way = frozenset((name,)), _onwards(found, name)
        parts.append(replace(found, thing=cell, place=f"{place}<{name}>", names=names, kind=CELL, path=way))
    for at, value in enumerate((*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())):
        parts.append(replace(found, thing=value, place=f"{place}({at})", path=_onwards(found, str(at))))
    return parts


def _onwards(found: Found, step: str) -> int:
    """The way from an object of an interior to a part of it."""
    return number(f"{found.path:x}", step) if found.inside else 0


class _Shape(Struct, frozen=True):
    """What an object of a class may hold besides attributes: elements, slots, and parts that nothing else tells of."""

    elements: Kind | None
    slots: bool
    inside: bool
    parts: bool


def _find_shape(kind: type) -> _Shape:
    elements = next((sort for bases, sort in _ELEMENTS if issubclass(kind, bases)), None)
    slots = bool(anatomy.slots_of_kind(kind)) and elements is None
    rest = not slots and not anatomy.is_transparent(kind)
    inside = rest and inside_of(kind) is not None
    return _Shape(elements, slots, inside, rest and not inside)


def _object(expansion: Expansion, found: Found, thing: Any) -> Parts:
    """Elements, attributes and slots; of what may have other parts, what it keeps inside, or all that it refers to."""
    kind = type(thing)
    shape = _shape_of(kind)
    keepers = []
    if shape.elements is not None:
        keepers.append(_keeper(found, thing, shape.elements, thing))
    held = anatomy.dict_of(thing)
    if held is not None:
        keepers.append(_borne(_keeper(found, held, ATTRIBUTES, held), thing))
    if shape.slots:
        keepers.append(_keeper(found, thing, SLOTS, thing))
    elif shape.inside:
        keepers.append(_keeper(found, thing, INSIDE, thing))
    elif shape.parts and gc.is_tracked(thing):
        keepers.append(_keeper(found, thing, PARTS, thing))
    if SET_CLASS in expansion.mentioned and all(keeper.thing is not thing for keeper in keepers):
        keepers.append(_keeper(found, thing, OF_CLASS, thing))
    library = expansion.is_library(kind)
    for keeper in keepers:
        keeper.library = library
    return keepers


def _nothing(_expansion: Expansion, _found: Found, _thing: Any) -> Parts:
    return []


def _class(expansion: Expansion, found: Found, thing: Any) -> Parts:
    place = expansion.home(thing)
    if place is None:
        return []
    keeper = Keeper(anatomy.class_dict(thing), CLASS, thing, place, found.names, found.files)
    keeper.library = expansion.is_library(thing)
    return [keeper]


def _any_function(expansion: Expansion, found: Found, thing: Any) -> Parts:
    place = expansion.home(thing)
    if place is not None:  # the project's own, wherever a library keeps it
        return _function(thing, place, replace(found, inside="", path=0, vague=False))
    return _function(thing, found.inside, found) if found.inside else []


def _wrapper(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [replace(found, thing=thing.__func__)]


def _lru_cache(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    if _is_standard(thing):
        return []
    wrapped = (anatomy.dict_of(thing) or {}).get("__wrapped__")
    return [_keeper(found, anatomy.cache_of(thing), CACHE, thing), replace(found, thing=wrapped)]


def _referents(found: Found, thing: Any) -> list[Found]:
    return [replace(found, thing=part) for part in gc.get_referents(thing)]


def _variable(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [_keeper(found, thing, VARIABLE, thing), *_referents(found, thing)]


def _builtin(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [] if is_everybodys(thing.__self__) else [replace(found, thing=thing.__self__)]


def _method(expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [*_builtin(expansion, found, thing), replace(found, thing=thing.__func__)]


def _iterator(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [_keeper(found, thing, ITERATOR, thing), *_referents(found, thing)]


def _tuple(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [] if is_row(thing) else [_keeper(found, thing, TUPLE, thing)]


def _logger(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [_borne(_keeper(found, anatomy.dict_of(thing), LOGGER, thing), thing)]


def _loop(_expansion: Expansion, found: Found, thing: Any) -> Parts:
    return [_borne(_keeper(found, anatomy.dict_of(thing), LOOP, thing), thing)]


def _as(kind: Kind) -> _Way:
    """Of objects that are one keeper."""
    return lambda _, found, thing: [_keeper(found, thing, kind, thing)]


def _data_as(kind: Kind) -> _Way:
    """Of tables that hold weakly."""
    return lambda _, found, thing: [_keeper(found, thing.data, kind, thing.data)]


_ELEMENTS: Final[tuple[tuple[Any, Kind], ...]] = (
    (dict, PAIRS), (tuple, TUPLE), (frozenset, FROZEN), ((list, set, deque), ELEMENTS),
)  # fmt: skip

_WAYS: Final[dict[int, _Way]] = {
    identity(kind): way
    for kinds, way in (
        ((types.FunctionType,), _any_function),
        ((staticmethod, classmethod), _wrapper),
        ((anatomy.LRU,), _lru_cache),
        ((contextvars.ContextVar,), _variable),
        (_BUILTIN, _builtin),
        ((types.MethodType,), _method),
        (_ITERATORS, _iterator),
        ((types.GeneratorType, types.AsyncGeneratorType), _as(GENERATOR)),
        ((itertools.count,), _as(COUNT)),
        ((bytearray, array), _as(BYTES)),
        ((tuple,), _tuple),
        ((frozenset,), _as(FROZEN)),
        ((weakref.WeakKeyDictionary,), _data_as(WEAK_KEYS)),
        ((weakref.WeakValueDictionary,), _data_as(WEAK_VALUES)),
        ((weakref.WeakSet,), _data_as(WEAK_ELEMENTS)),
    )
    for kind in kinds
}

_way_of: Final = Memo(_find_way)
_shape_of: Final = Memo(_find_shape)
