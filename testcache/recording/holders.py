"""Who holds what a memo-shaped function filled: found from its variables at the moment it ends.

The answer is an object: when that one is dead, nobody can see what was filled. Nothing of the tested
code is run to find it, and nothing is kept alive by it but lists, dicts and objects with nothing but slots,
of a few plain values, until the test ends. Wherever it could be somewhere else as well (a property, a shared
`__dict__`, a class attribute, a list that somebody else has too) the answer is that everybody may hold it.

Does not see: a copy of the object, or what the function stored handed on, when a later function that
does not test first puts that where it outlives the test.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Final

from testcache.recording.identity import identity
from testcache.recording.keep import ABSENT, COUNTS, FEW, IMMUTABLE, Keep, NoObject, value_of
from testcache.slots import ANY, EACH, MUTATORS, Slot, is_element

_SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CONTAINERS = (dict, list, set, bytearray, deque, OrderedDict, defaultdict, Counter)


_SETATTR: Final[object] = object.__dict__["__setattr__"]
EVERYBODY: Final = NoObject()
_MISSING: Final = NoObject()


@dataclass(frozen=True, slots=True)
class Plan:
    """The slots of a function in the order in which they are looked at.

    Attributes:
        attributes: by the variable, the attributes that are set of the object itself that it names.
        others: all other slots.
    """

    attributes: Mapping[str, tuple[str, ...]]
    others: tuple[Slot, ...]

    @classmethod
    def of(cls, slots: Iterable[Slot]) -> Plan:
        """Sort slots."""
        attributes: dict[str, tuple[str, ...]] = {}
        others: list[Slot] = []
        for slot in slots:
            if slot.chain or slot.attribute in ("", ANY):
                others.append(slot)
            else:
                attributes[slot.root] = (*attributes.get(slot.root, ()), slot.attribute)
        return cls(attributes, tuple(others))

    def __bool__(self) -> bool:
        return bool(self.attributes or self.others)


class Held:
    """The objects that hold what one function filled in one test.

    Those that can be referred to weakly are. A plain list or dict cannot: if nobody but its owner has it,
    the owner stands for it; else it is kept, as objects with nothing but slots are, if its contents are
    such that nobody notices.
    """

    def __init__(self, plan: Plan, keep: Keep) -> None:
        self._plan = plan
        self._keep = keep
        self._weak: dict[int, weakref.ref[object]] = {}
        self._kept: set[int] = set()
        self._known: dict[str, set[int]] = {root: set() for root in plan.attributes}

    def watch(self, frame: FrameType) -> bool:
        """Remember all objects that hold what the function of this frame filled.

        False if everybody may see it. Cost: 1 us, and 1 us for each slot of an object not seen before.
        """
        flags = frame.f_code.co_flags
        if flags & _SUSPENDS or not flags & inspect.CO_OPTIMIZED or not self._plan:
            return False
        variables = frame.f_locals
        try:
            for root in self._plan.attributes:
                held = variables.get(root)
                known = identity(held) in self._known[root] and self._has(held)
                if not known and not self._watch_attributes(root, held):
                    return False
            return all(self._watch(frame, variables, slot) for slot in self._plan.others)
        finally:
            if isinstance(variables, dict):  # up to 3.12 a snapshot: it would keep values alive that are replaced
                variables.clear()

    def is_seen(self) -> bool:
        """Whether one of the objects is alive."""
        if any(reference() is not None for reference in self._weak.values()):
            return True
        return not self._kept.isdisjoint(self._keep.objects)

    def _watch_attributes(self, root: str, held: object) -> bool:
        if type(held) in IMMUTABLE:
            return True
        complete = True
        for attribute in self._plan.attributes[root]:
            holder = _holder_of_attribute(held, attribute)
            if not self._follow(holder):
                return False
            complete = complete and holder is not None
        if complete:
            self._known[root].add(identity(held))
        return True

    def _watch(self, frame: FrameType, variables: Mapping[str, object], slot: Slot) -> bool:
        if slot.chain and slot.attribute and any(map(is_element, slot.chain)):
            return all(map(self._follow, _elements(variables, slot)))
        return self._follow(_holder(frame, variables, slot))

    def _has(self, holder: object) -> bool:
        known = self._weak.get(identity(holder))
        return identity(holder) in self._kept if known is None else known() is holder

    def _follow(self, holder: object) -> bool:
        if holder is None or self._has(holder):
            return True
        if holder is EVERYBODY:
            return False
        if type(holder).__weakrefoffset__:
            self._weak[identity(holder)] = weakref.ref(holder)
        elif self._keep.add(holder):
            self._kept.add(identity(holder))
        else:
            return False
        return True


def _reach(variables: Mapping[str, object], root: str, chain: Iterable[str]) -> tuple[object, object]:
    """The object that attributes and elements lead to, and the one that has it.

    The object is None if nothing can have been filled there, EVERYBODY if it may lie anywhere.
    """
    owner: object = None
    held = variables.get(root, _MISSING)
    if held is _MISSING:  # not bound yet, or the code of a comprehension in the same line
        return None, None
    for name in chain:
        if type(held) in IMMUTABLE:
            return None, None
        owner, held = held, _element(held, name[1:]) if is_element(name) else _attribute(held, name)
        if held is _MISSING or (held is ABSENT and _has_elsewhere(type(owner), name)):
            return owner, EVERYBODY
        if held is ABSENT:
            return owner, None  # nothing is there that could have been filled
    return owner, held


def _elements(variables: Mapping[str, object], slot: Slot) -> Iterator[object]:
    """The holders of an attribute of one of the elements of a list, tuple or dict: it may be set a moment later."""
    each = slot.chain[-1] == EACH
    _, found = _reach(variables, slot.root, slot.chain[:-1] if each else slot.chain)
    elements: Collection[object] = (found,)
    if each and type(found) is dict:
        elements = list(found.values())
    elif each and found is not None:
        elements = found if isinstance(found, list | tuple) and type(found) in (list, tuple) else (EVERYBODY,)
    for element in elements if len(elements) <= FEW else (EVERYBODY,):
        if element is EVERYBODY:
            yield element
        elif type(element) not in IMMUTABLE:
            holder = _holder_of_attribute(element, slot.attribute)
            yield element if holder is None else holder


def _holder(frame: FrameType, variables: Mapping[str, object], slot: Slot) -> object:
    """The object without which nobody sees the slot; None if nothing was filled that outlives the call."""
    owner, held = _reach(variables, slot.root, slot.chain)
    if held is EVERYBODY:
        return held
    if type(held) in IMMUTABLE:
        return None
    if slot.owner:
        owner = _owner(variables, slot.owner, held)
    if slot.attribute:
        return _holder_of_attribute(held, slot.attribute)
    kind = type(held)
    if not _is_container(kind):
        return EVERYBODY
    if kind.__weakrefoffset__:
        return held
    if not COUNTS:
        return EVERYBODY
    if slot.root not in frame.f_code.co_cellvars:
        mine = sum(value is held for value in variables.values())
        if isinstance(variables, dict):  # a snapshot, which holds what the frame holds once more
            mine *= 2
        # `held` here, and the argument of the count
        if sys.getrefcount(held) <= mine + 2 + (owner is not None) and type(owner).__weakrefoffset__:
            return owner
    return held


def _owner(variables: Mapping[str, object], path: tuple[str, ...], held: object) -> object:
    """The object that has the container under the last name of the path; None if there is no such."""
    owner: object = None
    found = variables.get(path[0])
    for name in path[1:]:
        owner, found = found, _attribute(found, name)
    return owner if found is held else None


def _attribute(owner: object, name: str) -> object:
    """What an object itself has under a name, without running any code of its class.

    ABSENT if it has nothing there itself, _MISSING if that cannot be said.
    """
    kind = type(owner)
    if kind.__getattribute__ is not object.__getattribute__:
        return _MISSING
    found = _in_class(kind, name)
    if isinstance(found, MemberDescriptorType):
        return value_of(found, owner)
    if hasattr(type(found), "__set__") or _is_shared(owner):
        return _MISSING
    return _own(owner).get(name, ABSENT)


def _element(container: object, key: str) -> object:
    """What a dict has under a key; _MISSING if it is another kind of container."""
    return dict.get(container, key, ABSENT) if type(container) is dict else _MISSING


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
    if value is _MISSING or value is ABSENT:
        usual = _in_class(type(owner), "__setattr__") is _SETATTR
        return None if value is ABSENT and usual else EVERYBODY
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
    if not COUNTS or not isinstance(found, GetSetDescriptorType):
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
