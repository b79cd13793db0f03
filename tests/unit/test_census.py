"""The census: what has changed in memory is reported if and only if it has, and nothing else is kept alive."""

from __future__ import annotations

import collections
import gc
import importlib
import logging
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from memory import FULL, World
from mute import MUTE

from testcache.recording import census as module


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    before = set(sys.modules)
    yield World(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "a variable": (lambda m: vars(m).update(COUNT=1), "m.py::COUNT"),
    "a new variable": (lambda m: setattr(m, "NEW", 1), "m.py::NEW"),
    "a variable that goes": (lambda m: delattr(m, "COUNT"), "m.py::COUNT"),
    "a key": (lambda m: m.TABLE.update(a=1), "m.py::TABLE["),
    "a list": (lambda m: m.LIST.append(1), "m.py::LIST"),
    "a set": (lambda m: m.SET.add(1), "m.py::SET{"),
    "a deque": (lambda m: m.QUEUE.append(1), "m.py::QUEUE"),
    "a defaultdict": (lambda m: m.FACTORY["a"], "m.py::FACTORY["),
    "an ordered dict": (lambda m: m.ORDERED.update(a=1), "m.py::ORDERED["),
    "a subclass of list": (lambda m: m.ROWS.append(1), "m.py::ROWS"),
    "an attribute of a subclass of list": (lambda m: setattr(m.ROWS, "x", 1), "m.py::ROWS.x"),
    "a subclass of dict": (lambda m: m.OWN.update(a=1), "m.py::OWN["),
    "an attribute": (lambda m: setattr(m.BOX, "x", 1), "m.py::BOX.x"),
    "a slot": (lambda m: setattr(m.SLOTTED, "x", 1), "m.py::SLOTTED.x"),
    "a slot that goes": (lambda m: delattr(m.SLOTTED, "y"), "m.py::SLOTTED.y"),
    "something deep": (lambda m: m.DEEP["a"][0].b["c"][0].add(1), "m.py::DEEP["),
    "in a tuple": (lambda m: m.PAIR[1].update(a=1), "m.py::PAIR["),
    "a class": (lambda m: setattr(m.Box, "kind", "crate"), "m.py::Box.kind"),
    "a table of a class": (lambda m: m.Box.table.update(a=1), "m.py::Box.table["),
    "a closure": (lambda m: m.ASK("a"), "m.py::memo.<locals>.ask<kept>["),
    "a variable of a closure": (lambda m: m.STEP(), "m.py::counter.<locals>.step<count>"),
    "a cache": (lambda m: m.cached("a"), "m.py::cached("),
    "a cache with a bound": (lambda m: m.bounded("a"), "m.py::bounded("),
    "a default": (lambda m: m.default("a"), "m.py::default(0)["),
    "an attribute of a function": (lambda m: setattr(m.marked, "x", 1), "m.py::marked.x"),
    "an argument of a partial": (lambda m: m.PARTIAL("a"), "m.py::PARTIAL["),
    "an attribute of this thread": (lambda m: setattr(m.LOCAL, "x", 1), "m.py::LOCAL.x"),
    "bytes": (lambda m: m.BYTES.append(1), "m.py::BYTES"),
    "a context variable": (lambda m: m.CURRENT.set(1), "m.py::CURRENT"),
    "the level of a logger": (lambda m: m.LOG.setLevel(10), "m.py::LOG.level"),
    "a handler of a logger": (lambda m: m.LOG.addHandler(logging.NullHandler()), "m.py::LOG.handlers"),
    "other handlers of a logger": (lambda m: vars(m.LOG).update(handlers=[m.BOX]), "m.py::LOG.handlers"),
}


ALIASES = """
import collections.abc, typing
class Box: pass
CALL = collections.abc.Callable[[Box], None]
ROWS, TEXT, BOTH = list[Box], typing.Optional[Box], Box | None
"""


class TestWhatIsSeen:
    """Every way in which a module may keep something."""

    @pytest.mark.parametrize("sort", CHANGES)
    def test_a_change_is_reported_once(self, sort: str, world: World) -> None:
        """With its place, by the look after it; and nothing else is."""
        loaded = world.load(FULL)
        assert world.places() == set()
        change, place = CHANGES[sort]
        change(loaded)
        found = world.places()
        assert len(found) == 1, found
        assert found.pop().replace("~2", "").startswith(place)
        assert world.places() == set()

    def test_reading_is_no_change(self, world: World) -> None:
        """Nor is a call that finds what it needs."""
        loaded = world.load(FULL)
        loaded.cached("a")
        loaded.ASK("a")
        world.changes()
        for _ in range(3):
            loaded.cached("a")
            loaded.ASK("a")
            repr(loaded.DEEP)
            assert world.places() == set()

    def test_what_an_alias_of_a_type_finds_out_about_itself_is_no_change(self, world: World) -> None:
        """Its parameters, when somebody asks for them."""
        loaded = world.load(ALIASES)
        world.changes()
        for alias in (loaded.CALL, loaded.ROWS, loaded.TEXT, loaded.BOTH):
            assert alias.__parameters__ == ()
            assert world.places() == set()

    def test_handlers_of_pytest_are_no_change(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        """They hang in loggers while a test runs, and a list that is put back may have them or not."""
        loaded = world.load("import logging\nLOG = logging.getLogger('handlers.of.pytest')")
        world.changes()
        loaded.LOG.handlers = [caplog.handler]
        assert world.places() == set()
        loaded.LOG.handlers.insert(0, logging.NullHandler())
        assert world.places() == {"m.py::LOG.handlers"}
        loaded.LOG.handlers = [caplog.handler]
        assert [change.restored for change in world.census.changes().changes] == [True]

    def test_a_key_in_place_of_another_one_with_the_same_value(self, world: World) -> None:
        """The garbage collector does not tell of keys that are texts."""
        loaded = world.load("DONE = {'a': None}")
        del loaded.DONE["a"]
        loaded.DONE["b"] = None
        assert len(world.places()) == 2

    def test_what_moves_from_one_list_to_the_next(self, world: World) -> None:
        """All that both refer to, one after the other, is what it was before."""
        loaded = world.load("class Job: pass\nTODO, DONE = [Job(), Job()], []")
        loaded.DONE.append(loaded.TODO.pop())
        assert world.places() == {"m.py::TODO", "m.py::DONE"}
        loaded.TODO.append(loaded.DONE.pop())
        assert world.places() == {"m.py::TODO", "m.py::DONE"}

    def test_an_equal_object_in_place_of_another_one(self, world: World) -> None:
        """Two empty lists are two: others may hold the first one. Two equal texts are one."""
        loaded = world.load("LIST, TEXT = [], 'ab'")
        loaded.LIST, loaded.TEXT = [], "".join(["a", "b"])
        assert world.places() == {"m.py::LIST"}

    def test_an_attribute_of_an_object_that_is_a_key(self, world: World) -> None:
        """Who goes through the dict comes upon it."""
        loaded = world.load("class Box: x = None\nKNOWN = {Box(): 1}")
        next(iter(loaded.KNOWN)).x = 1
        assert len(world.places()) == 1

    def test_a_submodule_that_is_imported_is_no_change(self, world: World, tmp_path: Path) -> None:
        """The import makes it an attribute of its package, whoever imports it."""
        (tmp_path / "pack").mkdir()
        (tmp_path / "pack" / "__init__.py").touch()
        (tmp_path / "pack" / "sub.py").touch()
        sys.path.insert(0, str(tmp_path))
        try:
            pack = importlib.import_module("pack")
            world.census.adopt([pack])
            importlib.import_module("pack.sub")
        finally:
            sys.path.remove(str(tmp_path))
        assert world.places() == set()

    def test_other_modules_are_not_watched(self, world: World) -> None:
        """What a library keeps is its own affair."""
        world.census.adopt([collections])
        collections.fresh = 1  # type: ignore[attr-defined]
        try:
            assert world.places() == set()
        finally:
            del collections.fresh  # type: ignore[attr-defined]

    def test_no_more_than_so_many_are_watched(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """What lies behind them is not seen, and nothing breaks."""
        monkeypatch.setattr(module, "MOST_KEEPERS", 3)
        loaded = world.load("FIRST, LAST = {}, [[n] for n in range(9)]")
        for part in loaded.LAST:
            part.append(1)
        loaded.FIRST, loaded.LAST = {}, []
        assert world.places() >= {"m.py::FIRST", "m.py::LAST"}

    @pytest.mark.parametrize("make", MUTE, ids=lambda make: make.__name__)
    def test_no_code_of_a_project_runs(self, make: Callable[[], object], world: World) -> None:
        """Of objects whose methods all raise: as a value, an element, a key, a class, and when they change."""
        loaded = world.load("LIST, TABLE, FIRST = [], {}, None")
        loaded.FIRST = make()
        world.census.adopt([loaded])
        for _ in range(2):
            loaded.LIST.append(make())
            loaded.TABLE[0] = (make(), type(make()))
            assert len(world.places()) >= 2
        loaded.LIST.clear()
        assert world.places() == {"m.py::LIST"}


class TestNames:
    """By which names code may reach what has changed, and in which files these stand."""

    def test_of_a_variable_and_of_what_it_leads_to(self, world: World) -> None:
        """Keys have no names of their own; attributes count under both names."""
        loaded = world.load("class Box: pass\nTABLE, BOX = {'a': []}, Box()")
        loaded.TABLE["a"].append(1)
        loaded.BOX.x = 1
        loaded.OTHER = 1
        names = sorted(tuple(sorted(change.names)) for change in world.changes().values())
        assert names == [("BOX", "x"), ("OTHER",), ("TABLE",)]

    def test_of_an_object_that_has_two(self, world: World) -> None:
        """Both count, also if one of them stands in another file and came later."""
        loaded = world.load("TABLE = {}")
        other = world.load(f"from {loaded.__name__} import TABLE as OURS", name="n")
        other.OURS["a"] = 1
        (change,) = world.changes().values()
        assert change.names == {"TABLE", "OURS"}
        assert change.files == {"m.py", "n.py"}

    def test_two_objects_of_one_place_have_two(self, world: World) -> None:
        """Two functions made by one statement, say."""
        loaded = world.load(FULL + "ONE, TWO = memo(), memo()")
        loaded.ONE("a")
        loaded.TWO("a")
        assert len(world.places()) == 2


class TestRestored:
    """What holds again what it held at first is in nobody's way."""

    @pytest.mark.parametrize(
        ("name", "change", "back"),
        [
            ("COUNT", lambda m: setattr(m, "COUNT", 5), lambda m: setattr(m, "COUNT", 0)),
            ("NEW", lambda m: setattr(m, "NEW", 5), lambda m: delattr(m, "NEW")),
            ("TABLE", lambda m: m.TABLE.update(a=[]), lambda m: m.TABLE.clear()),
            ("LIST", lambda m: m.LIST.append(5), lambda m: m.LIST.pop()),
            ("SET", lambda m: m.SET.add(5), lambda m: m.SET.clear()),
            ("cached", lambda m: m.cached(5), lambda m: m.cached.cache_clear()),
            ("BOX", lambda m: setattr(m.BOX, "x", []), lambda m: delattr(m.BOX, "x")),
        ],
    )
    def test_putting_it_back(
        self, name: str, change: Callable[[Any], object], back: Callable[[Any], object], world: World
    ) -> None:
        """A variable, a key, an element, an attribute, the arguments of a cache."""
        loaded = world.load(FULL)
        change(loaded)
        (found,) = world.changes().values()
        assert found.place.startswith(f"m.py::{name}")
        assert not found.restored
        back(loaded)
        (found,) = world.changes().values()
        assert found.restored

    def test_the_old_object_must_come_back(self, world: World) -> None:
        """An equal one is another one."""
        loaded = world.load("TABLE = {}")
        first = loaded.TABLE
        loaded.TABLE = {"a": 1}
        assert not world.changes()["m.py::TABLE"].restored
        loaded.TABLE = {}
        assert not world.changes()["m.py::TABLE"].restored
        loaded.TABLE = first
        assert world.changes()["m.py::TABLE"].restored

    def test_the_first_object_is_watched_while_another_one_stands_in_for_it(self, world: World) -> None:
        """It will be back."""
        loaded = world.load("TABLE = {}")
        first = loaded.TABLE
        loaded.TABLE = {}
        world.changes()
        first["a"] = 1
        assert len(world.places()) == 1


class TestLate:
    """What comes in after the first look is watched for as long as something leads to it."""

    def test_it_is_watched(self, world: World) -> None:
        """At any depth, with a place of its own."""
        loaded = world.load("TABLE = {}")
        loaded.TABLE["a"] = {"b": []}
        world.changes()
        loaded.TABLE["a"]["b"].append(1)
        assert len(world.places()) == 1
        assert world.places() == set()

    def test_it_is_watched_as_long_as_something_leads_to_it(self, world: World) -> None:
        """It came in by two ways, and one of them is gone."""
        loaded = world.load("class Box: value = None\nREG = {}")
        loaded.REG["a"] = loaded.Box()
        world.changes()
        loaded.REG["b"] = loaded.REG["a"]
        world.changes()
        for key in ("a", "b"):
            one, other = loaded.REG.copy(), loaded.REG.pop(key)
            assert len(world.places()) == 1
            if loaded.REG:
                other.value = 5
                assert len(world.places()) == 1
            del one

    def test_it_keeps_its_place_and_its_beginning_when_others_come(self, world: World) -> None:
        """What was changed in it is still to be known when the list around it grows."""
        loaded = world.load("class Box: value = None\nREG = []")
        loaded.REG.append(loaded.Box())
        world.changes()
        loaded.REG[0].value = 1
        (change,) = world.changes().values()
        loaded.REG.insert(0, loaded.Box())
        look = world.census.changes()
        assert change.holder not in look.gone
        del loaded.REG[1].value
        (back,) = world.changes().values()
        assert (back.place, back.restored) == (change.place, True)

    def test_the_places_of_what_goes_are_named(self, world: World) -> None:
        """With all that only it led to."""
        loaded = world.load("TABLE = {}")
        loaded.TABLE["a"] = {"b": []}
        world.changes()
        loaded.TABLE["a"]["b"].append(1)
        (change,) = world.changes().values()
        del loaded.TABLE["a"]
        assert change.holder in world.census.changes().gone

    def test_what_a_module_holds_that_came_later_still_stays(self, world: World) -> None:
        """It was late at first; then a module was imported that has it for good."""
        loaded = world.load("BOX = None")
        loaded.BOX = [[]]
        world.changes()
        other = world.load(f"from {loaded.__name__} import BOX as OURS", name="n")
        loaded.BOX = None
        world.changes()
        other.OURS[0].append(1)
        assert len(world.places()) == 1

    @pytest.mark.parametrize(
        "go", [lambda m: m.TABLE.clear(), lambda m: setattr(m, "TABLE", None), lambda m: m.TABLE.update(a=1)]
    )
    def test_what_goes_dies(self, go: Callable[[Any], object], world: World) -> None:
        """After the next look nothing of ours holds it, also if it is part of a cycle."""
        loaded = world.load("class Box: pass\nTABLE = {}")
        box = loaded.TABLE["a"] = loaded.Box()
        box.me, box.rows = box, {"b": [loaded.Box()]}
        alive = [weakref.ref(box), weakref.ref(box.rows["b"][0])]
        del box
        world.changes()
        go(loaded)
        world.changes()
        if loaded.TABLE is None:  # its first value is kept: it may come back
            return
        gc.collect()
        assert [ref() for ref in alive] == [None, None]

    def test_thousands_in_a_row(self, world: World) -> None:
        """A list of links that grows by one a look, and then goes at once."""
        loaded = world.load("class Link: next = None\nFIRST = Link()")
        last = loaded.FIRST
        for _ in range(1500):
            last.next = loaded.Link()
            last = last.next
            assert len(world.places()) == 1
        ref = weakref.ref(last)
        del last, loaded.FIRST.next
        world.changes()
        gc.collect()
        assert ref() is None

    def test_a_value_is_watched_until_it_is_forgotten(self, world: World) -> None:
        """That of a fixture, say; then it may die."""
        loaded = world.load("class Box: value = None\nKEPT = []")
        box, kept = loaded.Box(), loaded.Box()
        box.rows = {}
        value = world.census.adopt_value("box", [box, kept], "conftest.py")
        loaded.KEPT.append(kept)
        world.changes()
        box.rows["a"] = 1
        (change,) = world.changes().values()
        assert change.place.startswith("conftest.py::box()[0].rows[")
        assert change.files == {"conftest.py"}
        gone = world.census.forget(value)
        assert change.holder in gone
        kept.value = 1
        assert len(world.places()) == 1  # the module leads to it
        ref = weakref.ref(box)
        del box, value, change
        gc.collect()
        assert ref() is None


class TestOrder:
    """The order of the keys of a table is state, too."""

    def test_keys_that_are_added_at_once_have_one(self, world: World) -> None:
        """It does not matter which others were there before."""
        loaded = world.load("TABLE = {}")
        loaded.TABLE["first"] = 0
        assert [change.value for change in world.changes().values()] == [0]
        loaded.TABLE.update(x=1, y=2)
        assert [change.value for change in world.changes().values()] == [1, ("x", 2)]

    def test_a_key_that_is_moved_and_moved_back(self, world: World) -> None:
        """Once they stand as at first, that is told, and only then."""
        loaded = world.load("TABLE = dict(a=1, b=2)\nOTHER = dict(a=1, b=2)")
        for table, key in ((loaded.TABLE, "a"), (loaded.TABLE, "b")):
            table[key] = table.pop(key)
            (change,) = world.changes().values()
            assert (change.place, change.restored) == ("m.py::TABLE[order]", key == "b")
        loaded.OTHER["b"] = loaded.OTHER.pop("b")
        assert world.changes() == {}

    def test_a_key_that_goes_moves_no_other(self, world: World) -> None:
        """Those behind it still stand one behind the other."""
        loaded = world.load("TABLE = dict(a=1, b=2, c=3)")
        del loaded.TABLE["a"]
        (change,) = world.changes().values()
        assert "order" not in change.place

    def test_keys_that_come_back_in_another_order(self, world: World) -> None:
        """Each holds again what it held at first; they do not stand as they did."""
        loaded = world.load("TABLE = dict(a=1, b=2)")
        loaded.TABLE.clear()
        world.changes()
        loaded.TABLE.update(b=2, a=1)
        assert not world.changes()["m.py::TABLE[order]"].restored
        loaded.TABLE.clear()
        world.changes()
        loaded.TABLE.update(a=1, b=2)
        assert world.changes()["m.py::TABLE[order]"].restored
