"""Which objects hold what a function filled, as found from its frame."""

from __future__ import annotations

import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from testcache.recording.holders import Held, Plan
from testcache.recording.keep import Keep
from testcache.slots import EACH, Slot

ATTRIBUTE = Slot("self", (), "x")
ELEMENT = Slot("self", ("rows",), "")


class Plain:
    shared: dict[str, int] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.x: Any = 1
        self.rows: Any = {}


class Slotted:
    __slots__ = ("__weakref__", "rows", "x")

    def __init__(self) -> None:
        self.x = 1
        self.rows: dict[str, int] = {}


class Closed:
    __slots__ = ("x",)

    def __init__(self, x: object = 1) -> None:
        self.x = x


class Property(Plain):
    @property
    def x(self) -> int:
        return 1

    @x.setter
    def x(self, value: int) -> None:
        Plain.shared["x"] = value


class Elsewhere(Plain):
    def __setattr__(self, name: str, value: object) -> None:
        Plain.shared[name] = 1


class Rows(dict[str, int]):
    """A dict of the project."""


class Borg(Rows):
    everything: dict[str, int] = {}  # noqa: RUF012

    def __setitem__(self, key: str, value: int) -> None:
        self.everything[key] = value


def frame_of(self: object) -> FrameType:
    """A frame whose variable `self` is the object."""
    return sys._getframe()


def held_under(*slots: Slot, keep: Keep | None = None) -> Held:
    return Held(Plan.of(slots), keep or Keep())


@pytest.mark.parametrize("kind", [Plain, Slotted])
@pytest.mark.parametrize("slot", [ATTRIBUTE, ELEMENT])
def test_what_an_object_holds_goes_with_it(kind: type, slot: Slot) -> None:
    """As long as the object lives it can be seen, and not a moment longer."""
    held, thing = held_under(slot), kind()
    assert held.watch(frame_of(thing))
    assert held.is_seen()
    del thing
    assert not held.is_seen()


def test_a_container_that_others_have_too_is_not_told_by_its_owner() -> None:
    """It lives as long as one of them."""
    thing = Plain()
    elsewhere = thing.rows = {"a": 1}
    keep = Keep()
    held = held_under(ELEMENT, keep=keep)
    assert held.watch(frame_of(thing))
    del thing
    keep.release()
    assert held.is_seen()
    del elsewhere
    keep.release()
    assert not held.is_seen()


def test_objects_with_slots_only_are_kept_and_let_go_together() -> None:
    """One that only another one that is kept still has is not seen by anybody."""
    inner = Closed()
    outer = Closed([inner])
    keep = Keep()
    of_inner, of_outer = held_under(ATTRIBUTE, keep=keep), held_under(ATTRIBUTE, keep=keep)
    assert of_inner.watch(frame_of(inner))
    assert of_outer.watch(frame_of(outer))
    del inner
    keep.release()
    assert of_inner.is_seen()
    del outer
    keep.release()
    assert not of_inner.is_seen()
    assert not of_outer.is_seen()


def test_an_element_under_a_known_key_is_followed() -> None:
    """A dict in a dict is kept itself; what is under another key is not looked at."""
    thing = Plain()
    inner = {"a": 1}
    thing.rows = {"here": inner, "there": object}
    keep = Keep()
    held = held_under(Slot("self", ("rows", "[here"), ""), Slot("self", ("rows", "[missing"), ""), keep=keep)
    assert held.watch(frame_of(thing))
    del thing
    keep.release()
    assert held.is_seen()
    del inner
    keep.release()
    assert not held.is_seen()


def test_an_attribute_of_an_element_is_that_of_each() -> None:
    """Which one it was is not known when the function ends."""
    thing = Plain()
    for several in (list, tuple):
        thing.rows = several([Plain(), Plain()])
        held = held_under(Slot("self", ("rows", EACH), "new"))
        assert held.watch(frame_of(thing))
        last = thing.rows[1]
        thing.rows = None
        assert held.is_seen()
        del last
        assert not held.is_seen()


def test_a_look_keeps_no_value_alive() -> None:
    """What a variable had is gone as soon as it has another value, as without us."""

    def replaced() -> object:
        thing: Plain | None = Plain()
        reference = weakref.ref(thing)
        assert held_under(Slot("thing", (), "x")).watch(sys._getframe())
        thing = None
        return reference()

    assert replaced() is None


def test_nothing_that_matters_is_kept_alive() -> None:
    """A shared container with objects in it is given up instead of being held."""
    thing = Plain()
    elsewhere = thing.rows = {"a": object()}
    assert not held_under(ELEMENT).watch(frame_of(thing))
    assert elsewhere is thing.rows


def make_shared() -> Plain:
    thing, other = Plain(), Plain()
    thing.__dict__ = other.__dict__
    kept.append(other)
    return thing


kept: list[object] = []
EVERYBODY = {
    "a property": (Property, ATTRIBUTE),
    "a class that stores elsewhere": (Elsewhere, ATTRIBUTE),
    "a shared dict of attributes": (make_shared, ATTRIBUTE),
    "an object that nobody can refer to weakly": (lambda: Closed(Plain()), ATTRIBUTE),
    "an element of what is no dict": (lambda: Closed(Rows(a=1)), Slot("self", ("x", "[a"), "")),
    "a container of the class": (Plain, Slot("self", ("shared",), "")),
    "a container that stores in its class": (Borg, Slot("self", (), "")),
    "a module": (lambda: sys, ATTRIBUTE),
    "a name that nobody knows, in a class with a property": (Property, Slot("self", (), "*")),
}


@pytest.mark.parametrize("case", EVERYBODY)
def test_what_may_be_elsewhere_too_is_everybodys(case: str) -> None:
    """Then no object stands for it."""
    make, slot = EVERYBODY[case]
    assert not held_under(slot).watch(frame_of(make()))


@pytest.mark.parametrize("kind", [OrderedDict, Rows, set])
def test_a_container_that_can_be_referred_to_stands_for_itself(kind: Callable[[], object]) -> None:
    """Whoever owns it."""
    held, container = held_under(Slot("self", (), "")), kind()
    assert held.watch(frame_of(container))
    assert held.is_seen()
    del container
    assert not held.is_seen()


@pytest.mark.parametrize("value", [None, 1, "text", (1, 2)])
def test_plain_values_hold_nothing(value: object) -> None:
    """`total += 1` is no store."""
    held = held_under(Slot("self", (), ""))
    assert held.watch(frame_of(value))
    assert not held.is_seen()


def test_a_variable_without_a_value_holds_nothing() -> None:
    """The function did not come to that place."""
    held = held_under(Slot("other", (), "x"))
    assert held.watch(frame_of(1))
    assert not held.is_seen()


def test_no_code_of_the_project_is_run() -> None:
    """Looking does not call properties or `__getattr__`."""

    class Loud(Plain):
        def __getattr__(self, name: str) -> object:
            raise AssertionError(name)

        @property
        def rows(self) -> object:
            raise AssertionError("rows")

        @rows.setter
        def rows(self, value: object) -> None: ...

    assert not held_under(ELEMENT).watch(frame_of(Loud()))
    assert not held_under(Slot("self", ("missing",), "")).watch(frame_of(Loud()))


def generator(self: object) -> Any:
    yield sys._getframe()


def test_functions_that_are_suspended_are_not_followed() -> None:
    """A snapshot of their variables would keep old values alive."""
    running = generator(Plain())
    assert not held_under(ATTRIBUTE).watch(next(running))
