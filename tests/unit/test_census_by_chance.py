"""The census by chance: a change is reported if and only if a slow and plain way to see it all sees one, too."""

from __future__ import annotations

import collections
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memory import World

ATOMS = (int, str, float, bool, type(None))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    before = set(sys.modules)
    yield World(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def content_of(roots: list[object], caches: dict[int, dict[Any, Any]]) -> dict[int, Any]:
    """What is to be found from some objects: another way to see it all, slow and plain."""
    found: dict[int, Any] = {}
    queue = list(roots)
    while queue:
        thing = queue.pop()
        if id(thing) in found or isinstance(thing, ATOMS):
            continue
        parts = slots(thing, caches)
        if type(thing) is tuple:  # is what its elements are
            queue += thing
            continue
        found[id(thing)] = {slot: label(value) for slot, value in parts.items()}
        queue += parts.values()
    return found


def slots(thing: Any, caches: dict[int, dict[Any, Any]]) -> Any:
    if isinstance(thing, ModuleType):
        return {name: value for name, value in vars(thing).items() if name.isupper() or name in ("cached", "Box")}
    if id(thing) in caches:
        return caches[id(thing)]
    if isinstance(thing, dict):
        return thing
    if isinstance(thing, set):
        return {id(value) if not isinstance(value, ATOMS) else value: value for value in thing}
    if isinstance(thing, (list, tuple, collections.deque)):
        return dict(enumerate(thing))
    if isinstance(thing, type):
        return {"kind": thing.kind}  # type: ignore[attr-defined]
    if hasattr(type(thing), "__slots__"):
        return {name: getattr(thing, name) for name in ("x", "y") if hasattr(thing, name)}
    if callable(thing):
        return {"kept": thing.__closure__[0].cell_contents} if thing.__closure__ else {}
    return vars(thing)


def label(value: object) -> object:
    if isinstance(value, ATOMS):
        return type(value), repr(value)
    return tuple(map(label, value)) if type(value) is tuple else id(value)


CHANCE = """
import collections, functools
class Box: kind = "box"
class Slotted: __slots__ = ("x", "y")
TABLE, LIST, SET, QUEUE, BOX, SLOTTED = {"a": [1]}, [{}, []], {1}, collections.deque(), Box(), Slotted()
COUNT, PAIR, OTHER = 0, ([], {}), [7]
def memo():
    kept = {"z": []}
    def ask(): return kept
    return ask
ASK = memo()
@functools.lru_cache(maxsize=None)
def cached(key): return [key]
"""


class Chance:
    """One module, and changes of it that are drawn by chance."""

    def __init__(self, loaded: Any, data: st.DataObject) -> None:
        self.loaded = loaded
        self.data = data
        self.caches: dict[int, dict[Any, Any]] = {id(loaded.cached): {}}
        self.alive: list[object] = []
        self.first = self.holders()

    def holders(self) -> list[Any]:
        """All objects that may be changed, in a certain order; none of them dies, so that none shares an id."""
        seen: dict[int, Any] = {}
        queue: list[Any] = [self.loaded]
        while queue:
            thing = queue.pop(0)
            if id(thing) not in seen and not isinstance(thing, ATOMS):
                seen[id(thing)] = thing
                queue += slots(thing, self.caches).values()
        self.alive += seen.values()
        return list(seen.values())

    def content(self) -> dict[int, Any]:
        return content_of([self.loaded, *self.first], self.caches)

    def pick(self, *options: Any) -> Any:
        return options[self.data.draw(st.integers(0, len(options) - 1))]

    def value(self) -> Any:
        sort = self.pick("atom", "atom", "old", "new", "pair")
        if sort == "atom":
            return self.pick(0, 1, True, 1.0, "a", None)
        if sort == "old":
            return self.pick(*(holder for holder in self.holders() if not isinstance(holder, ModuleType)))
        if sort == "pair":
            return (self.pick(0, 1), self.pick([], 2, self.loaded.BOX))
        return self.pick(
            {}, [], {"b": []}, [[1]], set(), collections.deque([1]), self.loaded.Box(), self.loaded.Slotted()
        )

    def step(self) -> None:
        thing = self.pick(*self.holders(), self.loaded)
        value = self.value()
        self.alive.append(value)
        if isinstance(thing, ModuleType):
            name = self.pick("COUNT", "TABLE", "LIST", "NEW", "BOX")
            self.put(vars(thing), name, value, keep=name != "BOX" and name != "NEW")
        elif id(thing) in self.caches:
            if self.pick(0, 0, 1):
                thing.cache_clear()
                self.caches[id(thing)] = {}
            else:
                key = self.pick(0, 1, 2)
                self.caches[id(thing)][key] = thing(key)
        elif isinstance(thing, dict):
            self.put(thing, self.pick("a", "b", 1), value, keep=False)
        elif isinstance(thing, (list, collections.deque)):
            self.pick(self.append, self.pop, self.move)(thing, value)
        elif isinstance(thing, set):
            value = value if isinstance(value, ATOMS) else self.loaded.Box
            self.pick(thing.add, thing.discard)(value)
        elif isinstance(thing, type):
            thing.kind = self.pick("box", "crate")  # type: ignore[attr-defined]
        elif not callable(thing) and not isinstance(thing, tuple):
            name = self.pick("x", "y")
            if self.pick(0, 1) and hasattr(thing, name):
                delattr(thing, name)
            else:
                setattr(thing, name, value)

    def put(self, table: dict[Any, Any], key: Any, value: Any, *, keep: bool) -> None:
        if keep or not self.pick(0, 0, 1):
            table[key] = value
        elif key in table and key != "BOX":
            moved = table.pop(key)
            if table is not vars(self.loaded) and self.pick(0, 1):
                table[self.pick("c", 2)] = moved

    def append(self, thing: Any, value: Any) -> None:
        thing.append(value)

    def pop(self, thing: Any, _: Any) -> None:
        if thing:
            thing.pop()

    def move(self, thing: Any, _: Any) -> None:
        others = [holder for holder in self.holders() if isinstance(holder, (list, collections.deque))]
        if thing:
            self.pick(*others).append(thing.pop())


@settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_a_change_is_reported_if_and_only_if_there_is_one(world: World, data: st.DataObject) -> None:
    """Whatever is done to a module and all that it leads to: tables, objects, slots, closures, caches, cycles."""
    world = World(world.folder)
    chance = Chance(world.load(CHANCE), data)
    last = chance.content()
    for _ in range(data.draw(st.integers(1, 12))):
        for _ in range(data.draw(st.integers(0, 3))):
            chance.step()
        now = chance.content()
        found = world.places()
        assert bool(found) is (now != last), found
        last = now
