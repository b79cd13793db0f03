"""What an object is made of, found without running any code of its own.

Classes may define `__dict__`, `__eq__`, `__hash__` and `__iter__` as they like, so that only the slots of the
interpreter itself are used: what a class statement of a project adds is never called.
"""

from __future__ import annotations

import functools
import gc
import threading
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from typing import Any, Final

from testcache.recording.identity import identity

ATOMS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)})
"""Types whose values are compared and written out as they are."""

_TRANSPARENT: Final = frozenset(
    {object, dict, list, set, frozenset, tuple, OrderedDict, defaultdict, deque,
     int, float, str, bytes, type, BaseException, Exception}
)  # fmt: skip
"""Types of the interpreter of which all that an object of a subclass holds can be looked at."""

LRU: Final = type(functools.lru_cache(len))
MISSING: Final = object()
_SELF_MADE: Final = frozenset({"__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"})
"""What the interpreter keeps in the dict of a class for itself; `_abc_impl` caches answers of isinstance."""

_Slot = types.GetSetDescriptorType | types.MemberDescriptorType
_dicts: dict[type, _Slot | None] = {}
_slots: dict[type, tuple[tuple[str, types.MemberDescriptorType], ...]] = {}


def dict_of(thing: object) -> dict[str, Any] | None:
    """The instance dict of an object, None if it has none."""
    kind = type(thing)
    if kind not in _dicts:
        bases = type.__dict__["__mro__"].__get__(kind)
        if issubclass(kind, threading.local):  # a subclass has a dict of its own beside that of the thread
            bases = (threading.local,)
        found = (base.__dict__.get("__dict__") for base in bases)
        _dicts[kind] = next((one for one in found if isinstance(one, _Slot)), None)  # a member, for modules
    getter = _dicts[kind]
    if getter is None:
        return None
    held = getter.__get__(thing)
    return held if type(held) is dict else None


def slots_of(thing: object) -> tuple[tuple[str, types.MemberDescriptorType], ...]:
    """The slots that the classes of an object's type declare with `__slots__`."""
    kind = type(thing)
    known = _slots.get(kind)
    if known is None:
        members = [
            (name, value)
            for base in type.__dict__["__mro__"].__get__(kind)
            if "__slots__" in base.__dict__
            for name, value in base.__dict__.items()
            if type(value) is types.MemberDescriptorType
        ]
        known = _slots[kind] = tuple(members)
    return known


def value_of(slot: types.MemberDescriptorType, thing: object) -> object:
    """What an object has in a slot, MISSING if nothing."""
    try:
        return slot.__get__(thing)
    except AttributeError:
        return MISSING


def class_dict(cls: type) -> dict[str, Any]:
    """The dict behind the view that a class gives of its attributes."""
    found: dict[str, Any] = gc.get_referents(cls.__dict__)[0]
    return found


def attributes(cls: type) -> Iterator[tuple[str, object]]:
    """The attributes of a class that somebody may have set."""
    return ((name, value) for name, value in list(class_dict(cls).items()) if name not in _SELF_MADE)


def content(thing: object) -> tuple[object, ...] | None:
    """The elements of a sequence or set, in its order; None if it is neither."""
    if isinstance(thing, tuple):
        return tuple(tuple.__iter__(thing))
    if isinstance(thing, list):
        return tuple(list.__iter__(thing))
    if isinstance(thing, deque):
        return tuple(deque.__iter__(thing))
    if isinstance(thing, (set, frozenset)):
        return tuple((set if isinstance(thing, set) else frozenset).__iter__(thing))  # type: ignore[arg-type]
    return None


def items(thing: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """The pairs of a dict, or of a subclass of it."""
    if isinstance(thing, OrderedDict):
        return list(OrderedDict.items(thing))
    return list(dict.items(thing))


def cache_of(cached: object) -> dict[Any, Any]:
    """The dict in which a `functools.lru_cache` keeps what it knows; its instance dict is the only later one."""
    own = dict_of(cached)
    found = [one for one in gc.get_referents(cached) if type(one) is dict and one is not own]
    return found[-1]


def cached_pairs(cached: object) -> list[tuple[object, object]]:
    """Keys and results of a `functools.lru_cache`.

    A bounded one keeps links in its dict, of which only the cache itself tells what is in them: it names the
    links' type, the key and the result in turn.
    """
    held = cache_of(cached)
    link = next((type(value) for value in held.values()), None)
    if link is None or link.__name__ != "_lru_list_elem":
        return items(held)
    parts = gc.get_referents(cached)
    return [(parts[at + 1], parts[at + 2]) for at in range(0, 3 * len(held), 3)]


def same(one: object, other: object) -> bool:
    """Whether two values cannot be told apart: the same object, or equal values of a plain type."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in ATOMS:
        return one == other and (kind is not float or repr(one) == repr(other))
    if kind is tuple:
        mine, theirs = content(one), content(other)
        assert mine is not None
        assert theirs is not None
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return False


def key_of(thing: object) -> object:
    """Something to look an arbitrary key of a dict up by, without calling its `__hash__`."""
    return thing if type(thing) in ATOMS else ("key", identity(thing))


def is_transparent(kind: type) -> bool:
    """Whether all that objects of a class hold is found in its elements, attributes and slots."""
    bases = type.__dict__["__mro__"].__get__(kind)
    return all(base in _TRANSPARENT or is_of_python(base) for base in bases)


@functools.cache
def is_of_python(cls: type) -> bool:
    """Whether a class was made by a class statement: it adds a dict, weak references and slots at most."""
    if not cls.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE
        return False
    pointer = 8
    base = cls.__base__
    if base is None:
        return False
    extra: int = cls.__basicsize__ - base.__basicsize__
    declared = cls.__dict__.get("__slots__", ())
    names = (declared,) if isinstance(declared, str) else tuple(declared)
    room = pointer * (len([name for name in names if name not in ("__dict__", "__weakref__")]) + 2)
    return "__module__" in cls.__dict__ and 0 <= extra <= room
