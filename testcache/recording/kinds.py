"""Kinds: how long-lived objects of each sort are looked at.

What an object holds is a dict of slots: the names of a module, the keys of a dict, the elements of a set. A list, a
closure or an object written in C has one slot for all that it holds. A label is a slot in the name of a place.
"""

from __future__ import annotations

import contextvars
import gc
import weakref
from collections.abc import Callable, Iterator
from operator import length_hint
from types import AsyncGeneratorType, TracebackType
from typing import Any, Final

from testcache.recording import anatomy, insides
from testcache.recording.anatomy import ATOMS, MISSING
from testcache.recording.identity import identity
from testcache.recording.portrait import identify
from testcache.recording.sketch import sketch
from testcache.structs import Struct

_NOT_ATTRIBUTES: Final = frozenset(
    {"__builtins__", "__spec__", "__loader__", "__cached__", "__file__", "__warningregistry__", "__annotations__",
     "__doc__", "__slotnames__", "@py_builtins", "@pytest_ar",
     "tearDown_exceptions", "_class_cleanups", "_classSetupFailed"}
)  # fmt: skip
"""What Python, pytest and unittest keep in modules and classes for themselves."""

_TO_DO: Final = frozenset({"_ready", "_scheduled"})
"""What an event loop still has to call."""

_NOT_OF_A_LOGGER: Final = frozenset({"_cache", "parent", "manager", "name"})
"""A cache, and the way to all other loggers; the rest is what tests set."""

_RUNNER: Final = "_pytest.logging"
"""Whose handlers hang in loggers while a test runs, emptied before each phase of it."""


_referent: Final[Callable[[Any], object]] = weakref.ref.__call__
"""What a weak reference leads to, None if that is gone."""

WHOLE: Final = type("Whole", (), {})()
"""The one slot of what is compared as a whole."""


class Key:
    """A key of a dict as a slot: looked up by identity, so that no `__hash__` of a project runs."""

    __slots__ = ("_brief", "_label", "key")

    def __init__(self, key: object) -> None:
        self.key = key
        self._label = ""
        self._brief: Key | None = None

    @property
    def label(self) -> str:
        """The key in the name of a place; written once, as what is unknown is written differently each time."""
        if not self._label:
            self._label = identify(self.key)
        return self._label

    @property
    def brief(self) -> Key:
        """The same for the name of what lies behind it, which gets a number if several have that name."""
        if self._brief is None:
            self._brief = _Brief(self.key)
        return self._brief

    def __eq__(self, other: object) -> bool:
        return type(other) is Key and self.key is other.key

    def __hash__(self) -> int:
        return identity(self.key)


class _Brief(Key):
    """Its label is a sketch: the portraits of a thousand keys that lead to one another take minutes."""

    __slots__ = ()

    @property
    def label(self) -> str:
        if not self._label:
            self._label = f"#{sketch(self.key).hex()[:16]}"
        return self._label


class Kind(Struct, frozen=True):
    """How an object of one sort is looked at.

    Attributes:
        look: what an object holds, by slot.
        label: a slot as part of a place.
        named: whether code writes the slot as a name.
        told: whether the garbage collector tells what it refers to.
        fixed: whether it can never refer to anything else.
        weak: of what holds weak references: for each, the object that it leads to, the slot, and what is in that.
    """

    look: Callable[[Any], dict[Any, object]]
    label: Callable[[Any], str]
    named: bool = False
    told: bool = True
    fixed: bool = False
    weak: Callable[[Any], Iterator[tuple[object, object, object]]] | None = None


# -- looks


def _module(held: dict[str, object]) -> dict[Any, object]:
    found: dict[Any, object] = dict(held)  # a copy and a few removals: a tenth of a loop in Python
    for name in _NOT_ATTRIBUTES:
        found.pop(name, None)
    return found


def _class(cls: type) -> dict[Any, object]:
    return {name: value for name, value in anatomy.attributes(cls) if name not in _NOT_ATTRIBUTES}


def _function(held: dict[Any, object]) -> dict[Any, object]:
    """But not what hypothesis writes on test functions for itself: a random seed, say."""
    found = dict(held)
    for name in [name for name in found if type(name) is str and name.startswith("_hypothesis_internal_use")]:
        del found[name]
    return found


def _pairs(thing: dict[Any, object]) -> dict[Any, object]:
    atoms = ATOMS.ids  # `slot_of`, without a call for each pair of what may be a large table
    return {key if identity(type(key)) in atoms else Key(key): value for key, value in anatomy.items(thing)}


def slot_of(key: object) -> object:
    """The slot of a key."""
    return key if identity(type(key)) in ATOMS.ids else Key(key)


def _elements(thing: object) -> dict[Any, object]:
    content = anatomy.content(thing)
    if issubclass(type(thing), (set, frozenset)) and content is not None:
        return {slot_of(element): element for element in content}
    return {WHOLE: content}


def _weak_keys(table: dict[Any, object]) -> Iterator[tuple[object, object, object]]:
    yield from ((_referent(ref), Key(ref), value) for ref, value in anatomy.items(table))


def _weak_values(table: dict[Any, Any]) -> Iterator[tuple[object, object, object]]:
    yield from ((thing := _referent(ref), slot_of(key), thing) for key, ref in anatomy.items(table))


def _weak_elements(refs: set[Any]) -> Iterator[tuple[object, object, object]]:
    yield from ((thing := _referent(ref), slot_of(thing), thing) for ref in anatomy.content(refs) or ())


def _tuple(thing: object) -> dict[Any, object]:
    return dict(enumerate(anatomy.content(thing) or ()))


def _slots(thing: object) -> dict[Any, object]:
    pairs = ((name, anatomy.value_of(slot, thing)) for name, slot in anatomy.slots_of(thing))
    return {name: value for name, value in pairs if value is not MISSING}


def _cell(cell: Any) -> dict[Any, object]:
    try:
        return {WHOLE: cell.cell_contents}
    except ValueError:
        return {}


def _cache(cached: object) -> dict[Any, object]:
    return {slot_of(key): value for key, value in anatomy.cached_pairs(cached)}


def _logger(logger: object) -> dict[Any, object]:
    """But not the handlers of pytest: who puts back the list that was there in a fixture leaves those in it or not."""
    held = anatomy.dict_of(logger) or {}
    found: dict[Any, object] = {name: value for name, value in held.items() if name not in _NOT_OF_A_LOGGER}
    handlers = found.get("handlers")
    if type(handlers) is list:
        found["handlers"] = tuple(one for one in handlers if anatomy.names_of(type(one))[0] != _RUNNER)
    return found


def _loop(loop: object) -> dict[Any, object]:
    """But not what it has to do: a thousand callbacks of a test that has ended are nobody's, and others next time."""
    held = anatomy.dict_of(loop) or {}
    found = {name: value for name, value in held.items() if name not in anatomy.OF_A_LOOP and name not in _TO_DO}
    pool = found.get("_default_executor")
    return found if pool is None else found | {"_default_executor": type(pool)}  # its threads come and go


def _variable(variable: Any) -> dict[Any, object]:
    value = contextvars.copy_context().get(variable, MISSING)
    return {} if value is MISSING else {WHOLE: value}


def _bytes(thing: Any) -> dict[Any, object]:
    return {WHOLE: bytes(thing)}


def _remaining(owner: Any) -> dict[Any, object]:
    """How much is left of an iterator of the interpreter; what it goes through is watched by itself."""
    return {WHOLE: length_hint(owner)}


def _count(counter: object) -> dict[Any, object]:
    text = repr(counter)  # `count(7)`: the only thing that tells how far it is
    number = text[len("count(") : -1]
    return {WHOLE: int(number) if number.isdecimal() else text}


def _generator(generator: Any) -> dict[Any, object]:
    frame = generator.ag_frame if type(generator) is AsyncGeneratorType else generator.gi_frame
    return {WHOLE: (frame.f_lasti if frame is not None else None, *gc.get_referents(generator))}


def _class_of(thing: object) -> dict[Any, object]:
    return {"__class__": type(thing)}


def _parts(thing: object) -> dict[Any, object]:
    """All that it refers to; an exception that is kept has another traceback each time that it is raised."""
    return {WHOLE: tuple(part for part in gc.get_referents(thing) if not issubclass(type(part), (type, TracebackType)))}


# -- labels


def _top(slot: object) -> str:
    return f"::{slot}"


def _dotted(slot: object) -> str:
    return f".{slot}"


def _named(slot: object) -> str:
    return slot.label if isinstance(slot, Key) else identify(slot)


def _subscript(slot: object) -> str:
    return f"[{_named(slot)}]"


def _element(slot: object) -> str:
    """One element of a set, or all of a list, which is compared as a whole."""
    return "" if slot is WHOLE else f"{{{_named(slot)}}}"


def _call(slot: object) -> str:
    return f"({_named(slot)})"


def _nothing(_: object) -> str:
    return ""


MODULE: Final = Kind(_module, _top, named=True)
CLASS: Final = Kind(_class, _dotted, named=True)
ATTRIBUTES: Final = Kind(dict, _dotted, named=True)
FUNCTION: Final = Kind(_function, _dotted, named=True)
PAIRS: Final = Kind(_pairs, _subscript)
WEAK_KEYS: Final = Kind(_pairs, _subscript, weak=_weak_keys)
WEAK_VALUES: Final = Kind(_pairs, _subscript, weak=_weak_values)
WEAK_ELEMENTS: Final = Kind(_elements, _element, weak=_weak_elements)
ELEMENTS: Final = Kind(_elements, _element)
SLOTS: Final = Kind(_slots, _dotted, named=True)
CELL: Final = Kind(_cell, _nothing)
CACHE: Final = Kind(_cache, _call)
LOOP: Final = Kind(_loop, _dotted, named=True, told=False)
LOGGER: Final = Kind(_logger, _dotted, named=True, told=False)
PARTS: Final = Kind(_parts, _nothing)
TUPLE: Final = Kind(_tuple, _subscript, fixed=True)
FROZEN: Final = Kind(_elements, _element, fixed=True)
VARIABLE: Final = Kind(_variable, _nothing, told=False)
COUNT: Final = Kind(_count, _nothing, told=False)
ITERATOR: Final = Kind(_remaining, _nothing, told=False)
GENERATOR: Final = Kind(_generator, _nothing, told=False)
INSIDE: Final = Kind(insides.look, _dotted, told=False)
BYTES: Final = Kind(_bytes, _nothing, told=False)
OF_CLASS: Final = Kind(_class_of, _dotted, named=True, told=False)
