"""Stamps: no way to write to an object leaves its stamp as it was, on any interpreter that has one."""

from __future__ import annotations

import re
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from types import CellType, ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testcache.recording import anatomy
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import ATTRIBUTES, CELL, ELEMENTS, PAIRS, SLOTS, Kind
from testcache.recording.stamps import SIZE, Stamps, stamp_of
from testcache.recording.versions import AVAILABLE, IN_OBJECTS

NOWHERE: frozenset[str] = frozenset()
OFTEN = 200
"""Times a change is made: the interpreter has replaced its instructions by quicker ones by then."""

needs_versions = pytest.mark.skipif(not AVAILABLE, reason="this interpreter has no versions of dicts")


class Plain:
    value = 0


class Slotted(Plain):
    __slots__ = ("other",)


def keeper_of(thing: object, kind: Kind = PAIRS, bearer: object = None) -> Keeper:
    keeper = Keeper(thing, kind, thing, "m.py::X", NOWHERE, NOWHERE)
    keeper.bearer = bearer if IN_OBJECTS else None
    return keeper


def watched(*keepers: Keeper) -> Stamps:
    stamps = Stamps()
    for keeper in keepers:
        stamp = stamp_of(keeper)
        assert stamp
        stamps.add(keeper, stamp)
    return stamps


def test_who_has_one() -> None:
    """Dicts up to Python 3.13; cells, and objects with slots that a class statement has made."""
    assert (sys.version_info < (3, 14)) == AVAILABLE
    assert bool(stamp_of(keeper_of({}))) == AVAILABLE
    assert not stamp_of(keeper_of([], ELEMENTS))
    assert stamp_of(keeper_of(CellType(1), CELL))
    assert stamp_of(keeper_of(Slotted(), SLOTS))
    assert not stamp_of(keeper_of(re.compile("x"), SLOTS))  # written in C


def test_who_has_none_where_objects_hold_their_values() -> None:
    """A dict that some object may fill of which we do not know."""
    thing = Plain()
    thing.value = 1
    assert bool(stamp_of(keeper_of(vars(thing)))) == (not IN_OBJECTS)


Way = tuple[Any, Callable[[int], None], object]
"""What is watched, how it is changed, and the object whose attributes these are."""


def _of_an_object(cls: type, more: int = 0) -> Way:
    thing = cls()

    def change(number: int) -> None:
        thing.value = number

    change(-1)
    for number in range(more):
        setattr(thing, f"attribute_{number}", number)
    return anatomy.dict_of(thing) or {}, change, thing


def _of_what_is_set_and_deleted(cls: type) -> Way:
    thing = cls()

    def change(number: int) -> None:
        if number % 2:
            del thing.value
        else:
            thing.value = number

    thing.other = 1
    return anatomy.dict_of(thing) or {}, change, thing


def _of_a_dict_of_somebody_else(cls: type) -> Way:
    """It has been the object's, which got another one."""
    thing = cls()
    thing.value = 0
    held = anatomy.dict_of(thing) or {}
    thing.__dict__ = {"value": 1}

    def change(number: int) -> None:
        held["value"] = number + 1

    return held, change, thing


def _of_a_class() -> Way:
    cls = type("Made", (), {"value": None})

    def change(number: int) -> None:
        cls.value = number  # type: ignore[attr-defined]

    return anatomy.class_dict(cls), change, None


def _of_a_module() -> Way:
    module = ModuleType("made")
    exec("value = None\ndef change(number):\n    global value\n    value = number\n", module.__dict__)  # noqa: S102
    return module.__dict__, module.change, None


def _of_a_loop() -> Way:
    """Its body counts in the dict of the module, as a function's does not."""
    held: dict[str, Any] = {"value": 0}
    code = compile("value += 1", "<made>", "exec")
    return held, lambda _: exec(code, held), None  # noqa: S102


def _of_items(kind: Callable[[], Any]) -> Way:
    held = kind()
    held["value"] = 0

    def change(number: int) -> None:
        held["value"] = number + 1

    return held, change, None


WAYS: dict[str, Callable[[], Way]] = {
    "an attribute": lambda: _of_an_object(Plain),
    "one of many attributes": lambda: _of_an_object(Plain, more=50),
    "an attribute that comes and goes": lambda: _of_what_is_set_and_deleted(Plain),
    "an item of what was an object's": lambda: _of_a_dict_of_somebody_else(Plain),
    "an attribute of an exception": lambda: _of_an_object(type("Error", (Exception,), {})),
    "an attribute beside slots": lambda: _of_an_object(Slotted),
    "an attribute of a class": _of_a_class,
    "a global": _of_a_module,
    "a name of a module": _of_a_loop,
    "an item": lambda: _of_items(dict),
    "an item of an OrderedDict": lambda: _of_items(OrderedDict),
    "an item of a defaultdict": lambda: _of_items(lambda: defaultdict(int)),
    "an item of a Counter": lambda: _of_items(Counter),
}


@needs_versions
@pytest.mark.parametrize("way", WAYS)
def test_each_write_is_seen(way: str) -> None:
    """Also by the instructions that the interpreter comes to use for what it does often."""
    held, change, bearer = WAYS[way]()
    keeper = keeper_of(held, ATTRIBUTES if bearer else PAIRS, bearer)
    if not stamp_of(keeper):
        pytest.skip("the garbage collector is asked")
    stamps = watched(keeper)
    assert stamps.changed() == []
    for number in range(OFTEN):
        change(number)
        assert stamps.changed() == [keeper]
        assert stamps.changed() == []


class Row(Plain):
    __slots__ = ("first", "second", "third")


class Line(Row):
    __slots__ = ("fourth",)


@pytest.mark.parametrize("cls", [Slotted, Row, Line])
def test_each_slot_is_seen(cls: type) -> None:
    """Set, changed or deleted; what is beside the slots is not asked about."""
    thing = cls()
    keeper = keeper_of(thing, SLOTS)
    stamps = watched(keeper)
    for name, _ in anatomy.slots_of(thing):
        for step in (setattr, setattr, lambda *_, name=name: delattr(thing, name)):
            assert stamps.changed() == []
            step(thing, name, object())
            assert stamps.changed() == [keeper]
    thing.value = 1
    assert stamps.changed() == []


def test_what_a_function_closes_over_is_seen() -> None:
    """As it is set, changed, and gone."""

    def outer() -> tuple[Any, Callable[[object], None], Callable[[], None]]:
        value: object = None

        def put(other: object) -> None:
            nonlocal value
            value = other

        def drop() -> None:
            nonlocal value
            del value

        return lambda: value, put, drop

    function, put, drop = outer()
    keeper = keeper_of(function.__closure__[0], CELL)
    stamps = watched(keeper)
    for number in range(OFTEN):
        put([number])
        assert stamps.changed() == [keeper]
        assert stamps.changed() == []
    drop()
    assert stamps.changed() == [keeper]


@needs_versions
def test_an_object_that_gets_another_dict_is_seen() -> None:
    """And one whose attributes get too many for it."""
    thing, other = Plain(), Plain()
    thing.value = other.value = 1
    keepers = [keeper_of(vars(one), ATTRIBUTES, one) for one in (thing, other)]
    stamps = watched(*keepers)
    thing.__dict__ = {"value": 1}
    assert (keepers[0] in stamps.changed()) == IN_OBJECTS
    for number in range(100):
        setattr(other, f"attribute_{number}", number)
        assert stamps.changed() == keepers[1:]


KEYS = st.sampled_from(["a", "b", 3, ("c",)])
STEPS: dict[str, Callable[[dict[Any, Any], Any, int], object]] = {
    "set": lambda held, key, value: held.__setitem__(key, value),
    "delete": lambda held, key, _: held.pop(key, None),
    "setdefault": lambda held, key, value: held.setdefault(key, value),
    "update": lambda held, key, value: held.update({key: value, "d": value}),
    "join": lambda held, key, value: held.__ior__({key: value}),
    "popitem": lambda held, _, __: held and held.popitem(),
    "clear": lambda held, _, __: held.clear(),
    "init": lambda held, key, value: held.__init__({key: value}),  # type: ignore[misc]
    "look": lambda held, key, _: (held.get(key), key in held, [*held.items()], dict(held), held == {key: 0}),
}


@needs_versions
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), KEYS, st.integers()), max_size=12))
def test_whatever_changes_a_dict_is_seen_and_nothing_else(steps: list[tuple[str, Any, int]]) -> None:
    """A look at it changes nothing."""
    held: dict[Any, Any] = {}
    keeper = keeper_of(held)
    stamps = watched(keeper)
    for step, key, value in steps:
        before = list(held.items())
        STEPS[step](held, key, value)
        seen = stamps.changed()
        if before != list(held.items()):
            assert seen == [keeper]
        if step == "look":
            assert seen == []


@pytest.mark.parametrize("make", [Row, Line])
def test_each_of_many_is_told_apart(make: type) -> None:
    """Over several groups, and when some of them are watched no longer."""
    keepers = [keeper_of(make(), SLOTS) for _ in range(2 * SIZE + 5)]
    stamps = watched(*keepers)
    gone = frozenset(keepers[1 : SIZE + 3])
    stamps.drop(gone)
    written = [keepers[at] for at in (0, 1, SIZE + 3, 2 * SIZE + 4)]
    for keeper in written:
        keeper.thing.third = 1  # type: ignore[attr-defined]
    assert stamps.changed() == [keeper for keeper in written if keeper not in gone]
    assert stamps.changed() == []
