"""Who holds what a memo-shaped function filled: found from its variables at the moment it ends.

The answer is an object: when that one is dead, nobody can see what was filled. Nothing of the tested
code is run to find it, and nothing is kept alive by it but lists and dicts of a few plain values, until the
test ends. Wherever it could be somewhere else as well (a
property, a shared `__dict__`, a class attribute, a list that somebody else has too) the answer is that
everybody may hold it.

Does not see: a copy of the object, or what the function stored handed on, when a later function that
does not test first puts that where it outlives the test.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Mapping
from types import FrameType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Final

from testcache.slots import ANY, MUTATORS, Slot

_COUNTS = sys.version_info < (3, 14) and "t" not in getattr(sys, "abiflags", "")
"""Whether the number of references says who holds an object: later versions borrow some."""

_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, type(Ellipsis)})
_PLAIN = _IMMUTABLE - {tuple, frozenset}
_FEW = 64
_SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CONTAINERS = (dict, list, set, bytearray, deque, OrderedDict, defaultdict, Counter)


class _Everybody:
    """Stands for an answer that is no object."""


_SETATTR: Final[object] = object.__dict__["__setattr__"]
EVERYBODY: Final = _Everybody()
_MISSING: Final = _Everybody()
_ABSENT: Final = _Everybody()


class Held:
    """The objects that hold what one function filled in one test.

    Those that can be referred to weakly are. A plain list or dict cannot: if nobody but its owner has it,
    the owner stands for it; else it is kept, if its contents are such that nobody notices.
    """

    def __init__(self) -> None:
        self._weak: dict[int, weakref.ref[object]] = {}
        self._kept: dict[int, object] = {}
        self._known: dict[tuple[int, Slot], weakref.ref[object]] = {}

    def watch(self, frame: FrameType, slots: Iterable[Slot]) -> bool:
        """Remember all objects that hold what the function of this frame filled.

        False if everybody may see it. Cost: 2 us, and 1 us for each slot.
        """
        if frame.f_code.co_flags & _SUSPENDS:  # a snapshot of the variables would keep old values alive
            return False
        variables = frame.f_locals
        return all(self._watch(frame, variables, slot) for slot in slots)

    def is_seen(self) -> bool:
        """Whether one of the objects is alive."""
        if any(reference() is not None for reference in self._weak.values()):
            return True
        return any(sys.getrefcount(kept) > 3 for kept in self._kept.values())  # the dict, `kept`, the argument

    def _watch(self, frame: FrameType, variables: Mapping[str, object], slot: Slot) -> bool:
        key = (id(variables.get(slot.root)), slot)
        known = self._known.get(key)
        if known is not None and known() is variables[slot.root]:
            return True
        holder = _holder(frame, variables, slot)
        if holder is EVERYBODY:
            return False
        kind = type(holder)
        if holder is None:
            return True
        if not kind.__weakrefoffset__:
            if kind in _CONTAINERS:
                self._kept[id(holder)] = holder
            return kind in _CONTAINERS
        known = self._weak.get(id(holder))
        if known is None or known() is not holder:
            known = self._weak[id(holder)] = weakref.ref(holder)
        if slot.attribute and slot.attribute != ANY and not slot.chain:  # the rest may be another one next time
            self._known[key] = known
        return True


def _holder(frame: FrameType, variables: Mapping[str, object], slot: Slot) -> object:
    """The object without which nobody sees the slot; None if nothing was filled that outlives the call."""
    held = variables.get(slot.root, _MISSING)
    if held is _MISSING:  # not bound yet, or the code of a comprehension in the same line
        return None
    owner: object = None
    for name in slot.chain:
        if type(held) in _IMMUTABLE:
            return None
        owner, held = held, _attribute(held, name)
        if held is _MISSING or (held is _ABSENT and _has_elsewhere(type(owner), name)):
            return EVERYBODY
        if held is _ABSENT:
            return None  # nothing is there that could have been filled
    if slot.owner:
        owner = _owner(variables, slot.owner, held)
    kind = type(held)
    if kind in _IMMUTABLE:
        return None
    if slot.attribute:
        return _holder_of_attribute(held, slot.attribute)
    if not _is_container(kind):
        return EVERYBODY
    if kind.__weakrefoffset__:
        return held
    if not _COUNTS:
        return EVERYBODY
    if slot.root not in frame.f_code.co_cellvars:
        mine = sum(value is held for value in variables.values())
        if isinstance(variables, dict):  # a snapshot, which holds what the frame holds once more
            mine *= 2
        # `held` here, and the argument of the count
        if sys.getrefcount(held) <= mine + 2 + (owner is not None) and type(owner).__weakrefoffset__:
            return owner
    return held if _is_plain(held) else EVERYBODY


def _owner(variables: Mapping[str, object], path: tuple[str, ...], held: object) -> object:
    """The object that has the container under the last name of the path; None if there is no such."""
    owner: object = None
    found = variables.get(path[0])
    for name in path[1:]:
        owner, found = found, _attribute(found, name)
    return owner if found is held else None


def _is_plain(container: object) -> bool:
    """Whether a list or dict may be kept alive for a while: it holds nothing but a few plain values."""
    if isinstance(container, dict):
        return len(container) <= _FEW and all(
            type(key) in _PLAIN and type(value) in _PLAIN for key, value in container.items()
        )
    return isinstance(container, list) and len(container) <= _FEW and all(type(value) in _PLAIN for value in container)


def _attribute(owner: object, name: str) -> object:
    """What an object itself has under a name, without running any code of its class.

    _ABSENT if it has nothing there itself, _MISSING if that cannot be said.
    """
    kind = type(owner)
    if kind.__getattribute__ is not object.__getattribute__:
        return _MISSING
    found = _in_class(kind, name)
    if isinstance(found, MemberDescriptorType):
        try:
            return found.__get__(owner)
        except AttributeError:
            return _ABSENT
    if hasattr(type(found), "__set__") or _is_shared(owner):
        return _MISSING
    return _own(owner).get(name, _ABSENT)


def _holder_of_attribute(owner: object, name: str) -> object:
    """The object itself if whoever asks for that attribute of it gets what it keeps; None if it was not set."""
    if isinstance(owner, type):
        plain = type(owner).__setattr__ is type.__setattr__ and _in_class(type(owner), name) is _MISSING
        return owner if plain else EVERYBODY
    if name == ANY:
        kind = type(owner)
        usual = _in_class(kind, "__setattr__") is _SETATTR and not _has_setters(kind)
        return owner if usual and not _is_shared(owner) else EVERYBODY
    value = _attribute(owner, name)
    if value is _MISSING or value is _ABSENT:
        usual = _in_class(type(owner), "__setattr__") is _SETATTR
        return None if value is _ABSENT and usual else EVERYBODY
    return owner


def _has_elsewhere(kind: type, name: str) -> bool:
    """Whether such an object may have an attribute that is not its own: one of the class, or of another object."""
    return _in_class(kind, name) is not _MISSING or _in_class(kind, "__getattr__") is not _MISSING


def _has_setters(kind: type) -> bool:
    """Whether setting an attribute of such an object may do something else instead."""
    plain = (MemberDescriptorType, GetSetDescriptorType)
    return any(
        hasattr(type(value), "__set__") and not isinstance(value, plain)
        for base in kind.__mro__
        for value in base.__dict__.values()
    )


def _in_class(kind: type, name: str) -> object:
    for base in kind.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return _MISSING


def _own(owner: object) -> dict[str, object]:
    """The attributes of an object; empty if it has none of its own, or none that can be had safely."""
    if isinstance(_in_class(type(owner), "__dict__"), GetSetDescriptorType):
        found: dict[str, object] = object.__getattribute__(owner, "__dict__")
        return found
    return {}


def _is_shared(owner: object) -> bool:
    """Whether the attributes of an object may be those of another one too."""
    found = _in_class(type(owner), "__dict__")
    if found is _MISSING:
        return False
    if not _COUNTS or not isinstance(found, GetSetDescriptorType):
        return True
    own = object.__getattribute__(owner, "__dict__")
    return sys.getrefcount(own) > 3  # the object, `own`, and the argument of the count


def _is_container(kind: type) -> bool:
    """Whether filling such a container changes the container itself, and nothing that others have too.

    Does not see: a class of the project whose own `__setitem__` fills what another object holds.
    """
    if kind in _CONTAINERS:
        return True
    known = _judged.get(kind)
    if known is None:
        bases = [base for base in kind.__mro__ if base in _CONTAINERS]
        own = kind.__mro__[: kind.__mro__.index(bases[0])] if bases else ()
        known = _judged[kind] = bool(bases) and not any(map(_may_share, own))
    return known


def _may_share(kind: type) -> bool:
    """Whether methods that fill a container may reach one of the class or of the module."""
    if any(isinstance(value, _CONTAINERS) for value in kind.__dict__.values()):
        return True
    for name in (*MUTATORS, "__iadd__"):
        function = kind.__dict__.get(name)
        if function is None:
            continue
        if not isinstance(function, FunctionType) or set(function.__code__.co_freevars) - {"__class__"}:
            return True
        if any(isinstance(function.__globals__.get(used), _CONTAINERS) for used in function.__code__.co_names):
            return True
    return False


_judged: weakref.WeakKeyDictionary[type, bool] = weakref.WeakKeyDictionary()
