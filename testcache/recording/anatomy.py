"""What an object is made of, found without running any code of its own.

Classes may define `__dict__`, `__class__`, `__eq__`, `__hash__` and `__iter__` as they like, and so may their
metaclasses. Only the slots of the interpreter itself are used, and types are looked up by identity: a lazy object
stays unfilled, and nothing that a class statement of a project adds is called.
"""

from __future__ import annotations

import functools
import gc
import sys
import threading
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from itertools import chain, compress
from operator import is_not
from typing import Any, Final

from testcache.recording.addresses import begins_with
from testcache.recording.identity import identity
from testcache.recording.memo import Memo


class Types:
    """A set of types that asks no metaclass for `__hash__` or `__eq__`."""

    __slots__ = ("ids", "kept")

    def __init__(self, *types: type) -> None:
        self.kept = types
        self.ids = frozenset(map(identity, types))  # a third of the price of `in`, where it is asked often

    def __contains__(self, kind: object) -> bool:
        return identity(kind) in self.ids


ATOMS: Final = Types(type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
"""Types whose values are compared and written out as they are."""

_TRANSPARENT: Final = Types(
    object, dict, list, set, frozenset, tuple, OrderedDict, defaultdict, deque,
    int, float, str, bytes, type, BaseException, Exception,
)  # fmt: skip
"""Types of the interpreter of which all that an object of a subclass holds can be looked at."""

_SEQUENCES: Final[tuple[Any, ...]] = (tuple, list, deque, set, frozenset)
_SIGNED: Final = Types(float, complex)
"""Equal numbers of these types may differ in the sign of a zero."""

LRU: Final = type(functools.lru_cache(len))
MISSING: Final = object()
_SELF_MADE: Final = frozenset({"__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"})
"""What the interpreter keeps in the dict of a class for itself; `_abc_impl` caches answers of isinstance."""

_Slot = types.GetSetDescriptorType | types.MemberDescriptorType
_Slots = tuple[tuple[str, types.MemberDescriptorType], ...]
_of_thread: Final[Callable[[object, str], dict[str, Any]]] = threading.local.__dict__["__getattribute__"]

mro: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
"""A class and its bases, whatever its metaclass makes of `__mro__`."""

namespace: Final[Callable[[type], types.MappingProxyType[str, Any]]] = type.__dict__["__dict__"].__get__
"""The view that a class gives of its attributes."""


LOOP: Final = ("asyncio.base_events", "BaseEventLoop")
"""The class of event loops; it need not be loaded."""

OF_A_LOOP: Final = frozenset(
    "_selector _ssock _csock _thread_id _clock_resolution _internal_fds _asyncgens _transports _watcher "  # noqa: SIM905
    "_old_agen_hooks _current_handle _timer_cancelled_count".split()
)
"""Attributes by which one event loop that has nothing to do differs from another, for nobody who uses it."""


def names_of(cls: type) -> tuple[str, str]:
    """The module and the qualified name of a class."""
    module = namespace(cls).get("__module__", "builtins")
    return module if type(module) is str else "?", type.__dict__["__qualname__"].__get__(cls)


def has_its_name(cls: Any) -> bool:
    """Whether a class is what its name stands for in its module."""
    return is_called(cls, *names_of(cls))


def is_called(thing: object, module: str, name: str) -> bool:
    """Whether a qualified name stands for a thing in a module."""
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        held = class_dict(value) if issubclass(type(value), type) else dict_of(value)
        value = (held or {}).get(part)
    return value is thing


def dict_of(thing: object) -> dict[str, Any] | None:
    """The instance dict of an object, None if it has none; of a `threading.local` that of this thread."""
    kind = type(thing)
    if issubclass(kind, threading.local):  # a subclass has a dict of its own, which nothing is written to
        return _of_thread(thing, "__dict__")
    getter = _getter_of(kind)
    if getter is None:
        return None
    try:
        own = getter.__get__(thing)
    except Exception:  # a proxy written in C, such as wrapt's, asks what it stands for, which may have none
        return None
    return own if type(own) is dict else None


def _find_getter(kind: type) -> _Slot | None:
    found = (namespace(base).get("__dict__") for base in mro(kind))
    return next((one for one in found if issubclass(type(one), _Slot)), None)  # a member, for modules


def slots_of(thing: object) -> _Slots:
    """The slots that the classes of an object's type declare with `__slots__`."""
    return _slots_of(type(thing))


def slots_of_kind(kind: type) -> _Slots:
    """The same for a class."""
    return _slots_of(kind)


def _find_slots(kind: type) -> _Slots:
    return tuple(
        (name, value)
        for base in mro(kind)
        if "__slots__" in namespace(base)
        for name, value in namespace(base).items()
        if type(value) is types.MemberDescriptorType
    )


def value_of(slot: types.MemberDescriptorType, thing: object) -> object:
    """What an object has in a slot, MISSING if nothing."""
    try:
        return slot.__get__(thing)
    except AttributeError:
        return MISSING


def class_dict(cls: type) -> dict[str, Any]:
    """The dict behind the view that a class gives of its attributes."""
    found: dict[str, Any] = gc.get_referents(namespace(cls))[0]
    return found


def attributes(cls: type) -> Iterator[tuple[str, object]]:
    """The attributes of a class that somebody may have set."""
    return ((name, value) for name, value in list(class_dict(cls).items()) if name not in _SELF_MADE)


def content(thing: object) -> tuple[object, ...] | None:
    """The elements of a sequence or set, in its order; None if it is neither."""
    kind = type(thing)
    if kind is list or kind is tuple or kind is set:
        return tuple(thing)  # type: ignore[arg-type]
    base = next((base for base in _SEQUENCES if issubclass(kind, base)), None)
    return None if base is None else tuple(base.__iter__(thing))


def items(thing: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """The pairs of a dict, or of a subclass of it, in its order."""
    return list((OrderedDict if issubclass(type(thing), OrderedDict) else dict).items(thing))


def row_of(thing: dict[Any, Any]) -> tuple[object, ...]:
    """The same as a row, each value behind its key. Cost: 25 ns a pair, a third of that of going through them."""
    if issubclass(type(thing), OrderedDict):
        return tuple(chain.from_iterable(items(thing)))
    held = dict.copy(thing)  # in one call: another thread may go on filling it
    row: list[object] = [None] * (2 * len(held))
    row[::2], row[1::2] = held.keys(), held.values()
    return tuple(row)


def cache_of(cached: object) -> dict[Any, Any]:
    """The dict in which a `functools.lru_cache` keeps what it knows; its instance dict is the only later one."""
    own = dict_of(cached)
    found = [one for one in gc.get_referents(cached) if type(one) is dict and one is not own]
    return found[-1]


def hits_of(cached: Any) -> int:
    """How often a `functools.lru_cache` has given an earlier result."""
    hits: int = LRU.__dict__["cache_info"](cached).hits
    return hits


def is_bounded(cached: Any) -> bool:
    """Whether a `functools.lru_cache` lets go of results."""
    return LRU.__dict__["cache_info"](cached).maxsize is not None


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
    """Whether two values cannot be told apart: the same object, or equal values of a plain type.

    A tuple is as its elements are. Cost: 0.1 us; a tuple, 1 us an element.
    """
    pairs = [(one, other)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        kind = type(one)
        if kind is not type(other):
            return False
        if kind is tuple:
            if tuple.__len__(one) != tuple.__len__(other):  # type: ignore[arg-type]
                return False
            row, others = content(one) or (), content(other) or ()
            if not begins_with(row, others):
                pairs += compress(zip(row, others, strict=True), map(is_not, row, others))
        elif kind not in ATOMS or not (one == other and (kind not in _SIGNED or repr(one) == repr(other))):
            return False
    return True


def is_submodule(value: object, slot: object) -> bool:
    """Whether a package got it as an attribute because it was imported."""
    if not issubclass(type(value), types.ModuleType):
        return False
    name = (dict_of(value) or {}).get("__name__")
    return type(name) is str and name.endswith(f".{slot}")


def is_transparent(kind: type) -> bool:
    """Whether all that objects of a class hold is found in its elements, attributes and slots."""
    return all(base in _TRANSPARENT or is_of_python(base) for base in mro(kind))


def is_of_python(cls: type) -> bool:
    """Whether a class was made by a class statement: it adds a dict, weak references and slots at most."""
    return _made_by_statement(cls)


def _find_of_python(cls: type) -> bool:
    base = _of_type("__base__", cls)
    if base is None or not _is_made_at_run_time(cls):
        return False
    own = namespace(cls)
    extra: int = _of_type("__basicsize__", cls) - _of_type("__basicsize__", base)
    slots = [1 for value in own.values() if type(value) is types.MemberDescriptorType] if "__slots__" in own else []
    room = len(slots) + ("__dict__" in own) + ("__weakref__" in own)
    return "__module__" in own and 0 <= extra <= 8 * room


def _is_made_at_run_time(cls: type) -> bool:
    return bool(_of_type("__flags__", cls) & (1 << 9))  # Py_TPFLAGS_HEAPTYPE


def _of_type(name: str, cls: type) -> Any:
    return type.__dict__[name].__get__(cls)


def _stays(cls: type) -> bool:
    """Whether a class is the interpreter's own, or what its name stands for in its module and the classes round it."""
    if not _is_made_at_run_time(cls):
        return True
    module, name = names_of(cls)
    value: Any = sys.modules.get(module)
    held = types.ModuleType.__getattribute__(value, "__dict__") if issubclass(type(value), types.ModuleType) else {}
    for part in name.split("."):
        value = held.get(part)
        held = class_dict(value) if issubclass(type(value), type) else {}
    return value is cls


_getter_of: Final = Memo(_find_getter, lambda _, found: found is not None and not _stays(found.__objclass__))
_slots_of: Final = Memo(_find_slots, lambda kind, found: bool(found) and not _stays(kind))
_made_by_statement: Final = Memo(_find_of_python)
