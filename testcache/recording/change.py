"""Changes: what a look of the census finds in long-lived objects."""

from __future__ import annotations

from testcache.recording.keepers import Names
from testcache.structs import Struct, field


class Change(Struct, frozen=True, eq=False):
    """One slot that holds something else than at the last look.

    Attributes:
        holder: the place of the object that has the slot.
        place: that of the slot.
        before: what it held at the last look; MISSING if nothing.
        value: what it holds; MISSING if nothing.
        names: by which code may reach it.
        files: modules in which one of the names stands.
        restored: whether it holds what it held at first.
        added: whether it is a key or an element that was not there at first.
    """

    holder: str
    place: str
    before: object
    value: object
    names: Names
    files: Names
    restored: bool
    added: bool


class Look(Struct, frozen=True):
    """What a look of the census found; `gone` are places of objects that nothing leads to any more."""

    changes: list[Change] = field(default_factory=list)
    gone: frozenset[str] = frozenset()
