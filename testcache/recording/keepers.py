"""Keepers: the long-lived objects that the census watches, and what each leads to.

An object may be two keepers, as a subclass of list is: one for its elements, one for its attributes.
Does not see: a function that gets other defaults; a slot that takes over the value of another one.
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
from collections import Counter, deque, namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from testcache.digest import of_text
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, Types
from testcache.recording.identity import identity
from testcache.recording.insides import inside_of, is_everybodys
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
    PAIRS,
    PARTS,
    SLOTS,
    TUPLE,
    VARIABLE,
    WEAK_ELEMENTS,
    WEAK_KEYS,
    WEAK_VALUES,
    WHOLE,
    Key,
    Kind,
)
from testcache.recording.plain import is_row
from testcache.structs import Struct, field, replace

Names = frozenset[str]

_OPAQUE: Final = Types(
    types.ModuleType, types.CodeType, types.FrameType, types.TracebackType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodDescriptorType,
    types.WrapperDescriptorType, types.ClassMethodDescriptorType, types.CoroutineType, types.AsyncGeneratorType,
    re.Pattern, weakref.ref, weakref.KeyedRef, type(namedtuple("Row", "field").field),  # type: ignore[attr-defined]
)  # fmt: skip
"""Types whose objects keep nothing, are watched elsewhere (modules), or are over when a test is (coroutines)."""

_BUILTIN: Final = Types(types.BuiltinFunctionType, types.MethodWrapperType, type(re.compile("").match))
"""Functions of the interpreter, bound to an object: the last are those that are told their class."""

_ALIASES: Final = (types.GenericAlias, types.UnionType)
"""Such as `list[int]` and `int | None`: they find out their parameters when they are first asked for them."""

_EXAMPLES: Final[tuple[Any, ...]] = (
    [], (), "", "\u20ac", b"", bytearray(), {}, {}.values(), {}.items(), set(), range(1), range(1 << 70),
)  # fmt: skip
_TURNED: Final[tuple[Any, ...]] = ([], (), {}, range(1))
_ITERATORS: Final = Types(*(type(iter(one)) for one in _EXAMPLES), *(type(reversed(one)) for one in _TURNED))
"""Types that go on in place and tell how much is left."""

_FOREIGN: Final = frozenset(
    {"_pytest", "pytest", "pluggy", "xdist", "testcache", "hypothesis", "os", "pathlib", "typing"}
)
"""Packages whose objects are not entered: pytest's change with every test, and those of the standard library
keep nothing but caches, or what is watched otherwise, such as the environment."""

_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
"""Where the standard library lies."""

_WEAK: Final = (
    (weakref.WeakKeyDictionary, WEAK_KEYS),
    (weakref.WeakValueDictionary, WEAK_VALUES),
    (weakref.WeakSet, WEAK_ELEMENTS),
)

_MEMOS: Final = frozenset({("sqlalchemy.util._collections", "LRUCache")})
"""Classes of libraries that remember what is worked out from their keys alone, and count how often they were asked: a
compiled statement is the same for everybody. Each query that a test adds would rerun all tests that use the engine."""

_RANKED: Final = frozenset({PAIRS, WEAK_KEYS, WEAK_VALUES})
"""How tables are looked at, whose keys have an order."""

_TABLES: Final = Types(logging.Manager, logging.PlaceHolder)
"""The ways from one logger to all others, which libraries have made."""


MOST_FILES: Final = 32
"""Modules that are told apart in which a name stands. A tree of tokens that 300 lexers import by its name would be gone
round 300 times."""


def both(files: Names, others: Names) -> Names:
    """The modules of two ways to an object; anywhere, if that is one of them or they are too many."""
    found = files | others if files and others else frozenset[str]()
    return found if len(found) <= MOST_FILES else frozenset()


def covers(files: Names, others: Names) -> bool:
    """Whether these modules are among others, or these are anywhere."""
    return not files or (bool(others) and others <= files)


class Keeper(Struct, eq=False):
    """One object that is watched.

    Attributes:
        thing: the object, or its dict.
        owner: the object that is looked at.
        place: where it was found first: `path::NAME.attribute[#key]`, with `~2` and so on if that is taken.
        names: those by which code may reach it.
        files: the modules in which one of these names stands.
        base, last: what it held at first, and at the last look, by slot.
        late: whether it came in after the first look, and goes when nothing leads to it any more.
        grown: what is in the slots that hold something else than at first; only kept for what is not late.
        bearer: the object whose dict this is, if the garbage collector has to be asked about that, too.
        library: whether its class is a library's, or rests on one.
        inside: the place of the interior that it belongs to, "" if it is the project's to know.
        path: stands for the way that leads there in the interior, the same in each run.
        vague: whether that leads to other objects, too.
        counted: what has been counted of what it held, for a way into an interior.
    """

    thing: object
    kind: Kind
    owner: object
    place: str
    names: Names
    files: Names
    base: Mapping[Any, object] = field(default_factory=dict)
    last: Mapping[Any, object] = field(default_factory=dict)
    late: bool = False
    grown: dict[Any, Sequence[Found]] = field(default_factory=dict)
    bearer: object = None
    library: bool = False
    inside: str = ""
    path: int = 0
    vague: bool = False
    counted: tuple[Mapping[Any, object], dict[Any, int]] = ({}, {})

    def look(self) -> dict[Any, object]:
        return self.kind.look(self.owner)

    def place_of(self, slot: Any) -> str:
        return self.place + self.kind.label(slot)

    def names_of(self, slot: Any) -> Names:
        """The names by which code may reach what is in a slot.

        Those of the object count for its attributes, too: a library may read them, or `==` of a dataclass.
        """
        return self.names | {slot} if self.kind.named else self.names

    def step(self, slot: Any) -> str:
        """A slot in the way to what is in it: an object that is a key of a table by its class and its rank."""
        if type(slot) is not Key:
            return "" if slot is WHOLE else repr(slot)
        rank = self._counted().get(slot, "") if self.kind in _RANKED else ""
        return f"{rank} {'.'.join(anatomy.names_of(type(slot.key)))}"

    def _confuses(self, slot: Any) -> bool:
        """Whether that leads to other elements of a set, too."""
        return type(slot) is Key and self.kind not in _RANKED and self._counted()[identity(type(slot.key))] > 1

    def _counted(self) -> dict[Any, int]:
        """The ranks of slots in a table; of a set, how many elements there are of each class."""
        if self.counted[0] is not self.last:
            keys = (identity(type(slot.key)) for slot in self.last if type(slot) is Key)
            ranks = {slot: rank for rank, slot in enumerate(self.last)} if self.kind in _RANKED else Counter(keys)
            self.counted = self.last, ranks
        return self.counted[1]

    def found_in(self, slot: Any, inside: str, names: Names) -> Sequence[Found]:
        """What is in a slot, and an object that is its key, on the way into the census; plain values are not.

        `inside` is the place of the interior to which the slot belongs, `names` are those by which code may get there.
        """
        value = self.last[slot]
        parts: list[tuple[int | None, object]] = [(None, value)]
        if slot is WHOLE and type(value) is tuple:  # made for the look
            parts = [*enumerate(value)]
        elif type(slot) is Key and slot.key is not value:
            parts.append((0, slot.key))
        parts = [(at, part) for at, part in parts if type(part) not in ATOMS]
        if not parts:
            return ()
        if inside:
            trail = (f"{self.path:x}", self.kind.look.__name__, self.step(slot))
            ways, vague = [number(*trail, str(at)) for at, _ in parts], self.vague or self._confuses(slot)
            return [
                Found(part, inside, names, self.files, inside=inside, path=way, vague=vague)
                for (_, part), way in zip(parts, ways, strict=True)
            ]
        place = self.place_of(slot.brief if type(slot) is Key else slot)
        return [Found(part, place if at is None else f"{place}[{at}]", names, self.files) for at, part in parts]

    def below(self, way: Callable[[Keeper, Any], tuple[str, Names]]) -> list[Found]:
        """All that this leads to; `way` gives the interior to which a slot belongs, and the names that lead there."""
        slots = [slot for slot, value in self.last.items() if type(value) not in ATOMS or type(slot) is Key]
        return [found for slot in slots for found in self.found_in(slot, *way(self, slot))]


class Found(Struct, eq=False):  # not frozen, which would take three times as long; a test makes thousands
    """An object on the way into the census: with `kind` None it is still to be found out what it is."""

    thing: object
    place: str
    names: Names
    files: Names
    kind: Kind | None = None
    owner: object = None
    inside: str = ""
    path: int = 0
    vague: bool = False


def number(*texts: str) -> int:
    """Stands for these texts in a sum."""
    return int.from_bytes(of_text("\n".join(texts))[:8], "big")


def expand(
    found: Found, home: Callable[[Any], str | None], is_library: Callable[[type], bool]
) -> Sequence[Keeper | Found]:
    """The keepers that an object stands for, or what to look at in its place.

    `home` gives the place of a class or function that is the project's, None for others: they are not entered.
    """
    thing: Any = found.thing
    if found.kind is not None:
        return [_keeper(found, thing, found.kind, found.owner or thing)]
    kind = type(thing)
    if kind in ATOMS or kind in _OPAQUE or issubclass(kind, _ALIASES):
        return []
    if issubclass(kind, type):
        place = home(thing)
        if place is None:
            return []
        cls = Keeper(anatomy.class_dict(thing), CLASS, thing, place, found.names, found.files)
        cls.library = is_library(thing)
        return [cls]
    if kind is types.FunctionType:
        place = home(thing)
        if place is not None:  # the project's own, wherever a library keeps it
            return _function(thing, place, replace(found, inside="", path=0, vague=False))
        return _function(thing, found.inside, found) if found.inside else []
    if kind is staticmethod or kind is classmethod:
        return [replace(found, thing=thing.__func__)]
    if kind is anatomy.LRU:
        if _is_standard(thing):
            return []
        wrapped = (anatomy.dict_of(thing) or {}).get("__wrapped__")
        return [_keeper(found, anatomy.cache_of(thing), CACHE, thing), replace(found, thing=wrapped)]
    if kind is contextvars.ContextVar:
        default = [replace(found, thing=part) for part in gc.get_referents(thing)]
        return [_keeper(found, thing, VARIABLE, thing), *default]
    if kind in _BUILTIN:
        return [] if is_everybodys(thing.__self__) else [replace(found, thing=thing.__self__)]
    if kind is types.MethodType:
        bound = [] if is_everybodys(thing.__self__) else [replace(found, thing=thing.__self__)]
        return [*bound, replace(found, thing=thing.__func__)]
    if kind in _ITERATORS:
        return [
            _keeper(found, thing, ITERATOR, thing),
            *(replace(found, thing=part) for part in gc.get_referents(thing)),
        ]
    if kind is types.GeneratorType:
        return [_keeper(found, thing, GENERATOR, thing)]
    if kind is itertools.count:
        return [_keeper(found, thing, COUNT, thing)]
    if kind is bytearray or kind is array:
        return [_keeper(found, thing, BYTES, thing)]
    if kind is tuple:
        return [] if is_row(thing) else [_keeper(found, thing, TUPLE, thing)]
    if kind is frozenset:
        return [_keeper(found, thing, FROZEN, thing)]
    if issubclass(kind, logging.Logger):
        return [_borne(_keeper(found, anatomy.dict_of(thing), LOGGER, thing), thing)]
    if weak := next((held for base, held in _WEAK if base is kind), None):
        return [_keeper(found, thing.data, weak, thing.data)]
    if is_foreign(kind) or is_memo(kind):
        return []
    return _object(found, library=is_library(kind))


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


def _object(found: Found, *, library: bool) -> list[Keeper]:
    """Elements, attributes and slots; of what may have other parts, what it keeps inside, or all that it refers to."""
    thing = found.thing
    kind = type(thing)
    keepers = []
    if issubclass(kind, dict):
        keepers.append(_keeper(found, thing, PAIRS, thing))
    elif issubclass(kind, (tuple, frozenset)):
        keepers.append(_keeper(found, thing, TUPLE if issubclass(kind, tuple) else FROZEN, thing))
    elif issubclass(kind, (list, set, deque)):
        keepers.append(_keeper(found, thing, ELEMENTS, thing))
    held = anatomy.dict_of(thing)
    if held is not None:
        keepers.append(_borne(_keeper(found, held, ATTRIBUTES, held), thing))
    if anatomy.slots_of(thing) and not issubclass(kind, (dict, list, set, deque, tuple, frozenset)):
        keepers.append(_keeper(found, thing, SLOTS, thing))
    elif not anatomy.is_transparent(kind):
        if inside_of(kind) is not None:
            keepers.append(_keeper(found, thing, INSIDE, thing))
        elif gc.is_tracked(thing):
            keepers.append(_keeper(found, thing, PARTS, thing))
    for keeper in keepers:
        keeper.library = library
    return keepers
