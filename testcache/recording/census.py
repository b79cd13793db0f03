"""The census: what outlives a test and can be reached by a name of the project, and what of it has changed.

It begins with the attributes of first-party modules, classes and functions, follows them into every container
and object, and remembers what each holds. A look asks the garbage collector what those objects refer to now: 15 ns
a reference, about 0.1 ms a test for a project of 5,000 lines. Only where that differs is looked closer.

Does not see: what a library keeps in its own modules and classes; contents of arrays of C libraries; keys of a
dict that change places; what lies behind `MOST_KEEPERS` objects. What a name led to when a test began stays
alive until the census after it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import is_not
from types import ModuleType
from typing import Any, Final

from testcache.recording import anatomy
from testcache.recording.anatomy import MISSING, same
from testcache.recording.identity import identity
from testcache.recording.keepers import MODULE, Found, Growth, Keeper, Names, expand

MOST_KEEPERS: Final = 200_000
"""Objects that are watched: about 20 ms a test."""

CHUNK: Final = 256
"""Objects that are compared at once; where something has changed, these are looked at one by one for 0.1 ms."""

NOWHERE: Names = frozenset()


@dataclass(slots=True, eq=False)
class _Chunk:
    """Some keepers, and all that they referred to at the last look."""

    keepers: list[Keeper] = field(default_factory=list)
    things: list[object] = field(default_factory=list)
    references: list[object] = field(default_factory=list)

    def refresh(self) -> None:
        self.things = [keeper.thing for keeper in self.keepers]
        self.references = gc.get_referents(*self.things)

    def add(self, keeper: Keeper) -> None:
        self.keepers.append(keeper)
        self.things.append(keeper.thing)
        self.references += gc.get_referents(keeper.thing)

    def is_changed(self) -> bool:
        now = gc.get_referents(*self.things)
        return len(now) != len(self.references) or any(map(is_not, now, self.references))


@dataclass(frozen=True, slots=True)
class Change:
    """One slot that holds something else than at the last look.

    Attributes:
        value: what it holds; MISSING if nothing.
        names: by which code may reach it.
        files: modules in which one of the names stands.
        restored: whether it holds what it held at first.
    """

    place: str
    value: object
    names: Names
    files: Names
    restored: bool


class Census:
    """Watches the long-lived objects of one process.

    Args:
        name: gives the stored name of a path.
        is_project: says whether a file is the project's own.
    """

    def __init__(self, name: Callable[[str], str], is_project: Callable[[str], bool]) -> None:
        self._name = name
        self._is_project = is_project
        self._modules: dict[str, str] = {}
        self._keepers: dict[int, Keeper] = {}
        self._met: dict[int, tuple[object, Names, Names]] = {}
        self._places: set[str] = set()
        self._chunks: list[_Chunk] = []
        self._untold: list[Keeper] = []

    def adopt(self, modules: Iterable[ModuleType]) -> None:
        """Watch modules from now on; those that are no files of the project, or watched already, are left out.

        Those that others import come first, so that what they define is found there.
        """
        found = []
        for module in modules:
            held = anatomy.dict_of(module)
            file = held.get("__file__") if held is not None else None
            if isinstance(file, str) and identity(held) not in self._met and self._is_project(file):
                name = self._name(file)
                self._modules[module.__name__] = name
                found.append(Found(held, name, NOWHERE, frozenset((name,)), MODULE))
        for one in found:
            self._watch(self._grow([one]).keepers)

    def adopt_value(self, name: str, value: object, file: str) -> Growth:
        """Watch a value that the project hands on by a name, such as that of a fixture, until it is forgotten."""
        growth = self._grow([Found(value, f"{file}::{name}()", frozenset((name,)), frozenset((file,)))])
        self._watch(growth.keepers)
        return growth

    def changes(self) -> list[Change]:
        """What has changed since the last look, which this one is now."""
        changed = [chunk for chunk in self._chunks if chunk.is_changed()]
        keepers = [keeper for chunk in changed for keeper in chunk.keepers]
        found = [change for keeper in [*keepers, *self._untold] for change in self._compare(keeper)]
        for chunk in changed:
            chunk.refresh()
        return found

    # -- finding

    def _home(self, thing: Any) -> str | None:
        """The place of a class or function of the project."""
        module = getattr(thing, "__module__", None)
        file = self._modules.get(module) if isinstance(module, str) else None
        return None if file is None else f"{file}::{thing.__qualname__}"

    def _grow(self, start: Iterable[Found]) -> Growth:
        """Follow references from some objects to all that is to be watched."""
        growth = Growth()
        queue = list(start)
        while queue:
            found = queue.pop()
            if not self._is_news(found, growth):
                continue
            for part in expand(found, self._home):
                if isinstance(part, Found):
                    queue.append(part)
                    continue
                keeper = self._keepers.get(identity(part.thing))
                if keeper is None:
                    if len(self._keepers) == MOST_KEEPERS:
                        continue
                    keeper = self._keepers[identity(part.thing)] = part
                    keeper.place = self._unique(keeper.place)
                    keeper.base = keeper.last = keeper.look()
                    growth.keepers.append(keeper)
                else:
                    keeper.names |= part.names
                    keeper.files |= part.files
                queue += keeper.below()
        return growth

    def _is_news(self, found: Found, growth: Growth) -> bool:
        """Whether an object has not been met, or not by these names."""
        key = identity(found.thing)
        known = self._met.get(key)
        if known is None:
            self._met[key] = (found.thing, found.names, found.files)
            growth.met.append(key)
            return True
        if found.names <= known[1] and found.files <= known[2]:
            return False
        self._met[key] = (found.thing, known[1] | found.names, known[2] | found.files)
        return True

    def _unique(self, place: str) -> str:
        """Two functions made by one statement, say, have the same name."""
        number, found = 1, place
        while found in self._places:
            number += 1
            found = f"{place}~{number}"
        self._places.add(found)
        return found

    def _watch(self, keepers: Iterable[Keeper]) -> None:
        for keeper in keepers:
            if not keeper.kind.told:
                self._untold.append(keeper)
            elif not keeper.kind.fixed:
                if not self._chunks or len(self._chunks[-1].keepers) >= CHUNK:
                    self._chunks.append(_Chunk())
                self._chunks[-1].add(keeper)

    # -- comparing

    def _compare(self, keeper: Keeper) -> list[Change]:
        """The slots of a keeper that have changed; what they hold now is watched in place of what they held."""
        now, last = keeper.look(), keeper.last
        slots = [slot for slot in last if slot not in now or not same(now[slot], last[slot])]
        slots += [slot for slot in now if slot not in last]
        keeper.last = now
        found = []
        for slot in slots:
            value, first = now.get(slot, MISSING), keeper.base.get(slot, MISSING)
            if isinstance(value, ModuleType) and first is MISSING and value.__name__.endswith(f".{slot}"):
                continue  # a package gets a submodule as an attribute when that is imported
            if slot in keeper.grown:
                self.forget(keeper.grown.pop(slot))
            restored = same(value, first)
            found.append(Change(keeper.place_of(slot), value, keeper.names_of(slot), keeper.files, restored))
            if not restored and value is not MISSING:
                growth = keeper.grown[slot] = self._grow(keeper.found_in(slot))
                self._watch(growth.keepers)
        return found

    def forget(self, growth: Growth) -> None:
        """Let go of what was found in a slot that holds something else now."""
        for key in growth.met:
            self._met.pop(key, None)
        for keeper in growth.keepers:
            self._keepers.pop(identity(keeper.thing), None)
            self._places.discard(keeper.place)
            for below in keeper.grown.values():
                self.forget(below)
        gone = set(growth.keepers)
        for chunk in self._chunks:
            if not gone.isdisjoint(chunk.keepers):
                chunk.keepers = [keeper for keeper in chunk.keepers if keeper not in gone]
                chunk.refresh()
        self._untold = [keeper for keeper in self._untold if keeper not in gone]
