"""What libraries keep in their objects: one sum for each object of the project, and no place for each attribute."""

from __future__ import annotations

import datetime
import decimal
import functools
import io
import re
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from memory import World

from testcache.model import Digest, Found, NodeId
from testcache.recording.plain import spelled

LIBRARY = """
class Engine:
    def __init__(self):
        self._compiled = {}
        self._counter = 0
        self.headers = {}
        self.pool = Pool()
        self.state = State()
class Pool:
    def __init__(self): self.free = [1, 2]
    def get(self): return self.free
class State:
    def __init__(self): self.__dict__["_held"] = {}
    def __setattr__(self, name, value): self._held[name] = value
    def __getattr__(self, name): return self._held[name]
class Model: pass
"""
OWN = """
import {lib} as lib
ENGINE, OTHER = lib.Engine(), lib.Engine()
ENGINE.headers
class Order(lib.Model): total = 1
"""
INTERIOR = "m.py::ENGINE!"


class Box:
    def __init__(self, held: object) -> None:
        self.held = held

    def get(self) -> object:
        return self.held

    def put(self, held: object) -> None:
        self.held = held


BOX = Box(1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def shop(world: World) -> Any:
    library = world.load(LIBRARY, name="lib")
    world.census.mention(frozenset({"ENGINE", "headers", "Order", "total"}))
    return world.load(OWN.format(lib=library.__name__))


def sums(world: World) -> dict[str, Any]:
    """The sums of the interiors that have changed."""
    return {place: change.value for place, change in world.changes().items() if place.endswith("!")}


def test_all_that_is_not_mentioned_is_one_place(world: World, shop: Any) -> None:
    """An attribute, a key of a table in it, and what another object of the library holds."""
    shop.ENGINE._counter += 1
    shop.ENGINE._compiled["select"] = [object()]
    shop.ENGINE.pool.free.append(3)
    (change,) = world.changes().values()
    assert (change.place, change.holder) == (INTERIOR, INTERIOR)
    assert change.names == {"ENGINE"}
    assert world.changes() == {}


def test_if_tests_do_not_mind_what_it_holds_is_enough(tmp_path: Path) -> None:
    """In whatever order it came, and whatever else there is that nobody can look into."""
    world = World(tmp_path, by_content=True)
    shop = world.load(OWN.format(lib=world.load(LIBRARY, name="lib").__name__))
    held(world, shop, max)
    assert held(world, shop, {"a": 1, "b": [len, 2]}) == held(world, shop, {"b": [2, len], "a": 1})
    for one, other in ((1, 2), ("a" * 32, "b" * 32), (1.5, 2.5), (["a" * 32], ["b" * 32])):
        assert held(world, shop, one) != held(world, shop, other)


def test_code_that_comes_later_comes_upon_it_by_names_that_nobody_mentioned_before(world: World, shop: Any) -> None:
    """`find().pool.free` of a module that a test imports needs no name of the project's."""
    shop.ENGINE.pool.free.append(3)
    assert world.changes()[INTERIOR].names == {"ENGINE"}
    assert world.census.mention(frozenset({"free", "find", "ENGINE"})) == {"free"}
    shop.ENGINE.pool.free.append(4)
    assert world.changes()[INTERIOR].names == {"ENGINE", "free"}
    assert world.census.mention(frozenset({"free"})) == frozenset()


def test_what_is_mentioned_has_a_place_of_its_own(world: World, shop: Any) -> None:
    """The project may read it itself."""
    shop.ENGINE.headers["user"] = "ada"
    (place,) = world.places()
    assert place.startswith("m.py::ENGINE.headers[#")


def test_a_library_class_that_the_project_has_made_its_own(world: World, shop: Any) -> None:
    """What the library adds to it is inside; what the project mentions is not."""
    shop.Order._registry = {}
    shop.Order.total = 2
    assert world.places() == {"m.py::Order!", "m.py::Order.total"}


def test_a_plain_value_by_a_roundabout_way_has_a_place_of_its_own(world: World, shop: Any) -> None:
    """The project names what a dict of the library keeps; objects, and other names, are inside."""
    world.census.mention(frozenset({"debug"}))
    shop.ENGINE.state.debug = True
    assert world.places() == {f"{INTERIOR}.debug"}
    shop.ENGINE.state.other = True
    shop.ENGINE.state.debug = object()
    assert world.places() == {INTERIOR}


def held(world: World, shop: Any, value: object) -> Found:
    """The state of the interior while it holds a value more; after that it is as it was at first."""
    shop.ENGINE._value = value
    found = Found(NodeId("t"), INTERIOR, Digest(sums(world)[INTERIOR]))
    del shop.ENGINE._value
    assert all(change.restored for change in world.changes().values())
    return found


def test_what_holds_the_same_is_the_same_in_whatever_way_it_came_about(world: World, shop: Any) -> None:
    """Elements and keys in another order are another state; as it was at first is nothing."""
    assert held(world, shop, [1, 2]) == held(world, shop, [1, 2]) != held(world, shop, [2, 1])
    assert held(world, shop, {"a": 1, "b": 2}) == held(world, shop, {"a": 1, "b": 2})
    assert held(world, shop, {"a": 1, "b": 2}) != held(world, shop, {"b": 2, "a": 1})
    shop.ENGINE._counter = 1
    first = sums(world)
    shop.ENGINE._counter = 2
    assert sums(world) != first
    shop.ENGINE._counter = 1
    assert sums(world) == first


def test_it_does_not_matter_in_how_many_looks_it_came_about(world: World, shop: Any) -> None:
    """One test may fill what two have filled before; but where a thing stands matters."""
    shop.ENGINE._compiled["a"] = one = shop.lib.Pool()
    sums(world)
    shop.ENGINE._compiled["b"] = other = shop.lib.Pool()
    sums(world)
    one.free[0], other.free[0] = 5, 6
    first = sums(world)
    one.free[0], other.free[0] = 6, 5
    assert sums(world) != first
    shop.ENGINE._compiled.clear()
    sums(world)
    shop.ENGINE._compiled.update(a=shop.lib.Pool(), b=shop.lib.Pool())
    shop.ENGINE._compiled["a"].free[0] = 5
    shop.ENGINE._compiled["b"].free[0] = 6
    assert sums(world) == first


def test_which_object_is_meant_counts_if_it_was_known_before(world: World, shop: Any) -> None:
    """Of two that came later, too: each has a way that led to it first."""
    shop.ENGINE._compiled.update(a=shop.lib.Pool(), b=shop.lib.Pool())
    sums(world)
    one, other = shop.ENGINE._compiled.values()
    states = []
    for thing in (one, other, one):
        shop.ENGINE._value = thing
        states.append(sums(world))
    assert states[0] != states[1]
    assert states[0] == states[2]


def test_which_object_is_meant_counts_if_it_was_there_at_first(world: World, shop: Any) -> None:
    """They are told apart by where they are."""
    one, other = shop.ENGINE.pool, shop.OTHER.pool
    assert held(world, shop, one) == held(world, shop, one) != held(world, shop, other)
    assert held(world, shop, {one: 1}) == held(world, shop, {one: 1}) != held(world, shop, {other: 1})
    weak = weakref.ref(one)
    assert held(world, shop, weak) == held(world, shop, weak) != held(world, shop, weakref.ref(other))


@pytest.mark.parametrize(
    ("one", "other", "sure"),
    [(1, 2, True), ("a", "b", True), (1.5, 2.5, False), (10**9, 10**9 + 1, False), ("a" * 32, "b" * 32, False)],
)
def test_what_may_be_a_time_or_a_token_shows_nothing(
    world: World, shop: Any, one: object, other: object, *, sure: bool
) -> None:
    """It is another state, but does not tell two apart for sure."""
    states = [held(world, shop, value) for value in (one, other)]
    assert states[0] != states[1]
    assert (states[0].state != states[1].state) is sure


def test_what_an_object_that_came_later_holds_counts(world: World, shop: Any) -> None:
    """Until nothing leads to it any more."""
    shop.ENGINE._session = session = type(shop.ENGINE)()
    first = sums(world)
    session._counter = 5
    assert sums(world) != first
    del shop.ENGINE._session
    assert all(change.restored for change in world.changes().values())


def test_the_value_of_a_fixture_begins_as_it_is(world: World, shop: Any) -> None:
    """What it holds at first is nothing that a test has left; with the value its interior is gone."""
    engine = type(shop.ENGINE)()
    value = world.census.adopt_value("engine", engine, "m.py")
    engine.pool.free.append(3)
    assert sums(world).keys() == {"m.py::engine()!"}
    engine.pool.free.pop()
    assert all(change.restored for change in world.changes().values())
    engine.pool.free.append(3)
    world.changes()
    assert "m.py::engine()!" in world.census.forget(value)
    assert world.changes() == {}


def test_an_object_of_the_project_inside_counts_with_what_it_holds(world: World, shop: Any) -> None:
    """The library may hand it out to anybody."""
    states = []
    for total in (3, 4, 3):
        order = shop.Order()
        order.total = total
        states.append(held(world, shop, {1: order}))
    assert states[0] != states[1]
    assert states[0] == states[2]


@pytest.mark.parametrize(
    "make",
    [
        lambda: functools.partial(max, 5),
        lambda: type("Made", (), {"limit": 5}),
        lambda: ValueError(5),
        lambda: {functools.partial(max, 5): 1},
        lambda: weakref.ref(BOX),
        lambda: {Box(1), Box(2)},
        lambda: {"a": {Box(1), Box(2)}},
    ],
    ids=["partial", "class", "exception", "key", "reference", "elements", "elements below"],
)
def test_what_is_not_followed_is_never_the_same(world: World, shop: Any, make: Callable[[], object]) -> None:
    """Unknown means different."""
    assert held(world, shop, make()) != held(world, shop, make())


def closure(number: int) -> Callable[[], int]:
    return lambda: number


@pytest.mark.parametrize(
    "make",
    [
        lambda number: [number].append,
        lambda number: Box(number).get,
        closure,
        lambda number: [lambda: 1, lambda: 2][number - 5],
        lambda number: {closure(number): 1},
        lambda number: {Box(number)},
        lambda number: frozenset({Box(number)}),
        lambda number: io.StringIO(str(number)),
    ],
    ids=["function in C", "method", "closure", "code", "key", "element", "frozen element", "text"],
)
def test_what_is_followed_counts_by_what_it_holds(world: World, shop: Any, make: Callable[[int], object]) -> None:
    """The object of a method, the cells of a function, and its code."""
    assert held(world, shop, make(5)) == held(world, shop, make(5)) != held(world, shop, make(6))


def test_where_objects_lie_and_when_it_is_does_not_count(world: World, shop: Any) -> None:
    """An ORM has hashes of objects in its keys, a pool the moment at which it was opened."""
    one, other = shop.ENGINE, shop.OTHER
    assert held(world, shop, id(one)) == held(world, shop, id(other)) != held(world, shop, 10**9)
    assert held(world, shop, (hash(one), 1)) == held(world, shop, (hash(other), 1)) != held(world, shop, (10**9, 1))
    assert held(world, shop, time.time()) == held(world, shop, time.time()) != held(world, shop, time.time() - 10**6)
    assert held(world, shop, time.monotonic()) != held(world, shop, 1.5)
    now = time.time()
    assert held(world, shop, round(now) + 0.5) != held(world, shop, round(now) + 0.25)  # written by somebody


def test_which_method_is_meant_counts(world: World, shop: Any) -> None:
    """And of which object."""
    box = Box(1)
    assert held(world, shop, box.get) == held(world, shop, Box(1).get) != held(world, shop, box.put)
    assert held(world, shop, [].append) == held(world, shop, [].append) != held(world, shop, [].remove)
    one, other = shop.ENGINE.pool, shop.OTHER.pool
    assert held(world, shop, one.get) == held(world, shop, one.get) != held(world, shop, other.get)


@pytest.mark.parametrize(
    "make",
    [
        decimal.Decimal,
        lambda number: datetime.date(2026, 1, number),
        type("Money", (int,), {}),
        type("Name", (str,), {}),
        lambda number: re.compile(f"a{{{number}}}"),
        lambda number: [range(number)],
        lambda number: {decimal.Decimal(number): 1},
    ],
    ids=["decimal", "date", "number", "text", "pattern", "element", "key"],
)
def test_what_can_be_written_down_is_what_it_says(world: World, shop: Any, make: Callable[[int], object]) -> None:
    """Numbers, dates, patterns, and objects of a class that is made of a number or a text."""
    assert held(world, shop, make(5)) == held(world, shop, make(5)) != held(world, shop, make(6))


def test_a_named_constant_whose_number_is_the_hash_of_its_name(world: World, shop: Any) -> None:
    """The number is another one in each process; the name says all that there is."""

    class Symbol(int):
        name: str

    def symbol(name: str, number: int) -> Symbol:
        made = Symbol(number)
        made.name = name
        return made

    spelled_out = {
        spelled(symbol("ASC", hash("ASC"))),
        spelled(symbol("ASC", 1)),
        spelled(symbol("DESC", hash("DESC"))),
    }
    assert spelled_out == {"hash:'ASC'", "1", "hash:'DESC'"}
    one = held(world, shop, symbol("ASC", hash("ASC")))
    assert one == held(world, shop, symbol("ASC", hash("ASC"))) != held(world, shop, symbol("DESC", hash("DESC")))


def test_by_a_way_without_a_library_it_is_the_projects(world: World, shop: Any) -> None:
    """A list that is found inside first, and by a name of the project later."""
    shop.ENGINE._rows = rows = [1]
    sums(world)
    shop.ROWS = rows
    world.changes()
    rows.append(2)
    assert world.places() == {"m.py::ROWS"}


def test_bytes_of_an_object_written_in_c_count(world: World, shop: Any) -> None:
    """Such as those of an array."""
    one, same, other = (held(world, shop, msgspec.Raw(text)) for text in (b"1 2 3", b"1 2 3", b"1 2 4"))
    assert one == same != other


def test_what_holds_elements_that_nobody_can_look_at_is_never_the_same(world: World, shop: Any) -> None:
    """The interior is opaque from then on: no state of it shows anything about another one."""
    table = pytest.importorskip("backports.zstd").ZstdDict(bytes(20), is_raw=True)
    shop.ENGINE._table = table
    (change,) = world.changes().values()
    assert change.place == f"{INTERIOR}?"
    del shop.ENGINE._table
    shop.ENGINE._counter = 1
    (again,) = world.changes().values()
    assert again.place == f"{INTERIOR}?"
    assert again.value != change.value
    shop.ENGINE._counter = 0
    assert all(one.restored for one in world.changes().values())
