"""Objects that are kept alive until the test ends, because they cannot be referred to weakly."""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import MemberDescriptorType
from typing import Final, cast

from testcache.recording.identity import identity

COUNTS = sys.version_info < (3, 14) and "t" not in getattr(sys, "abiflags", "")
"""Whether the number of references says who holds an object: later versions borrow some."""

IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes, tuple, frozenset, range, type(Ellipsis)})
_PLAIN = IMMUTABLE - {tuple, frozenset}
FEW = 500
"""Parts that are looked through before something counts as too large to be plain."""

_HEAP = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: the class was made while Python runs, as those of a class statement are."""


class NoObject:
    """Stands for an answer that is no object of the project."""


ABSENT: Final = NoObject()


class Keep:
    """What is kept until the test ends because it cannot be referred to weakly.

    Attributes:
        objects: by their identities.
    """

    def __init__(self) -> None:
        self.objects: dict[int, object] = {}
        self._slots: dict[type, Collection[MemberDescriptorType] | None] = {}

    def add(self, holder: object) -> bool:
        """Keep an object alive; False if somebody might notice."""
        known = identity(holder) in self.objects
        if not known and self._is_plain(holder):
            self.objects[identity(holder)] = holder
            known = True
        return known

    def _is_plain(self, holder: object) -> bool:
        """Whether all that something leads to is a few plain values, besides what is kept already."""
        queue, left = [holder], FEW
        while queue and left:
            value = queue.pop()
            left -= 1
            if identity(value) not in self.objects:
                parts = self._parts(value)
                if parts is None or len(parts) > FEW:
                    return False
                queue += [part for part in parts if type(part) not in _PLAIN]
        return not queue

    def _parts(self, holder: object) -> Collection[object] | None:
        """What a list, a dict or an object with slots holds; None if it may hold other things too."""
        kind = type(holder)
        if kind is list:
            return cast("list[object]", holder)
        if kind is dict:
            items = cast("dict[object, object]", holder)
            return [*items, *items.values()]
        if kind not in self._slots:
            self._slots[kind] = _slots_of(kind)
        slots = self._slots[kind]
        return None if slots is None else [value for slot in slots if (value := value_of(slot, holder)) is not ABSENT]

    def release(self) -> None:
        """Let go of all that nobody else has, and of what only that had."""
        objects, before = list(self.objects.values()), -1
        self.objects.clear()
        while len(objects) != before:
            before, left = len(objects), []
            while objects:
                holder = objects.pop()
                if sys.getrefcount(holder) > 2:  # `holder`, and the argument
                    left.append(holder)
            objects = left
        self.objects.update((identity(holder), holder) for holder in objects)


def _slots_of(kind: type) -> list[MemberDescriptorType] | None:
    """The slots of a class of the project whose objects hold these and nothing else, and end without a word."""
    own = [base for base in kind.__mro__ if base is not object]
    only = (
        COUNTS
        and bool(own)
        and not kind.__dictoffset__
        and not kind.__weakrefoffset__
        and not kind.__itemsize__
        and all(
            base.__flags__ & _HEAP and "__slots__" in base.__dict__ and "__del__" not in base.__dict__ for base in own
        )
    )
    found = [value for base in own for value in base.__dict__.values() if isinstance(value, MemberDescriptorType)]
    return found if only else None


def value_of(slot: MemberDescriptorType, holder: object) -> object:
    """What an object has in a slot; ABSENT if nothing."""
    try:
        return slot.__get__(holder)
    except AttributeError:
        return ABSENT
