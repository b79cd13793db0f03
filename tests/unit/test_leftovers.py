"""Leftovers: what a test left is found by those later tests whose code may come upon it, and by no others."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from testcache.inputs.files import Files
from testcache.inputs.roots import Roots
from testcache.inputs.sources import Sources
from testcache.inputs.variables import Variables
from testcache.model import ABSENT, STEP, Found, Leftover, NodeId
from testcache.recording.ambience import Ambience
from testcache.recording.context import Context
from testcache.recording.ledger import Ledger
from testcache.recording.leftovers import Leftovers
from testcache.recording.legacy import CLEARED
from testcache.recording.piles import MOST_KEYS
from testcache.recording.portrait import portrait
from testcache.recording.tape import Tape

A, B, C, D = (NodeId(f"t.py::{name}") for name in "abcd")
numbers = itertools.count()

MODULE = """
class Box:
    value = None
TABLE, BOX, COUNT, REG = {}, Box(), 0, []
def fill(value): TABLE["a"] = value
def read(): return TABLE.get("a")
def clear(): TABLE.clear()
def register(): REG.append(Box())
def change(value): REG[0].value = value
def look(): return [box.value for box in REG]
def swap(table):
    global TABLE
    TABLE = table
def far(): return Box
def any_name(name): return globals()[name]
"""


class Played:
    """Tests that run one after the other, as the session tells of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tape = Tape(Roots(str(folder)), Files(), Sources(lambda _: None))
        variables = Variables({}, self.tape.roots, b"salt")
        self.ledger = Ledger(self.tape, variables)
        ambience = Ambience(variables, self.tape.place_name, self.is_project)
        self.leftovers = Leftovers(self.tape, self.ledger, self.is_project, ambience)
        self.leftovers.watch()
        self.files: dict[str, str] = {}

    def is_project(self, path: str) -> bool:
        """Whether it lies in the folder."""
        return path.startswith(str(self.folder))

    def load(self, text: str) -> Any:
        """A real module of the project, registered as the import of it would."""
        name = f"m_{next(numbers)}"
        path = self.folder / f"{name}.py"
        path.write_text(text)
        loaded = self.tape.load(str(path))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        with self.tape.executing(str(path), loaded, module):
            spec.loader.exec_module(module)
        self.files[name] = str(path)
        return module

    def context(self, *functions: FunctionType, name: str = "") -> Context:
        places = {(function.__code__.co_filename, function.__code__.co_firstlineno) for function in functions}
        return Context(name, places=places)

    def run(
        self, node: NodeId, *calls: tuple[Any, ...], uses: tuple[Context, ...] = ()
    ) -> tuple[set[Leftover], set[Found]]:
        """Run some functions as one test; what it left, and what it found."""
        self.leftovers.begin(node)
        test = self.context(*(function for function, *_ in calls), name=node)
        test.links.update(uses)
        for function, *arguments in calls:
            function(*arguments)
        left = self.leftovers.end()
        reached = self.leftovers.link(test)
        return set(left), set(self.leftovers.found(node, test, self.ledger.account(test), reached))

    def place(self, module: ModuleType, slot: str) -> str:
        return f"{module.__name__}.py::{slot}"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    before = set(sys.modules)
    yield Played(tmp_path)
    for name in set(sys.modules) - before:
        del sys.modules[name]


def fillers(found: set[Found]) -> set[NodeId]:
    return {one.filler for one in found}


class TestLeft:
    """What a test leaves."""

    def test_it_is_named_by_its_place_and_value(self, played: Played) -> None:
        """Another value is another leftover; the next test, which does nothing, leaves nothing."""
        m = played.load(MODULE)
        ((place, value),), _ = played.run(A, (m.fill, "1"))
        assert place.startswith(played.place(m, "TABLE["))
        assert value == portrait("1")
        assert played.run(B, (m.fill, "2"))[0] == {Leftover(place, portrait("2"))}
        assert played.run(C, (m.far,))[0] == set()

    def test_what_is_taken_away_is_left_as_absent(self, played: Played) -> None:
        """It was there at first, and is not any more."""
        m = played.load(MODULE + "TABLE['z'] = 1")
        ((_, value),), _ = played.run(A, (m.clear,))
        assert value == ABSENT

    def test_what_is_as_it_was_is_not_left(self, played: Played) -> None:
        """A test that puts back what it changed leaves nothing; one that does so for another one, just that."""
        m = played.load(MODULE)
        assert played.run(A, (m.fill, 1), (m.clear,)) == (set(), set())
        played.run(A, (m.fill, 1))
        cleared = played.run(B, (m.clear,))[0]
        assert {one.place for one in cleared} == {played.place(m, "TABLE") + CLEARED}
        assert played.run(C, (m.read,))[1] == {Found(B, *one) for one in cleared}


MEMOS = """
import functools
@functools.lru_cache(maxsize=None)
def square(number): return number * number
@functools.lru_cache(maxsize=2)
def cube(number): return number ** 3
def ask(*numbers): return [square(number) for number in numbers]
def ask_few(*numbers): return [cube(number) for number in numbers]
def size(): return square.cache_info().currsize
def forget(): square.cache_clear()
"""


class TestResultsOfALruCache:
    """Only who was given an earlier result rests on who asked for it first."""

    def test_who_asks_for_something_new_finds_nothing(self, played: Played) -> None:
        """Whatever others have asked for."""
        m = played.load(MEMOS)
        assert played.run(A, (m.ask, 1))[1] == set()
        assert played.run(B, (m.ask, 2))[1] == set()

    def test_who_is_given_an_earlier_result_finds_all(self, played: Played) -> None:
        """Nobody tells which."""
        m = played.load(MEMOS)
        played.run(A, (m.ask, 1))
        played.run(B, (m.ask, 2))
        assert fillers(played.run(C, (m.ask, 2))[1]) == {A, B}

    def test_its_own_results_may_have_been_those_of_others(self, played: Played) -> None:
        """A test that asks twice was given a result: which, is not known."""
        m = played.load(MEMOS)
        played.run(A, (m.ask, 1))
        assert fillers(played.run(B, (m.ask, 2, 2))[1]) == {A}

    @pytest.mark.parametrize("look", ["size", "forget"])
    def test_who_looks_into_it_finds_all(self, played: Played, look: str) -> None:
        """How many results there are is no result; and who clears the cache clears its counts, too."""
        m = played.load(MEMOS)
        played.run(A, (m.ask, 1))
        assert fillers(played.run(B, (getattr(m, look),), (m.ask, 1))[1]) == {A}

    def test_what_came_back_after_a_clear_was_asked_for_before(self, played: Played) -> None:
        """The counts are as they were, but in between one result was given."""
        m = played.load(MEMOS)
        played.run(A, (m.ask, 1), (m.ask, 1))
        assert m.square.cache_info()[:2] == (1, 1)
        assert fillers(played.run(B, (m.ask, 1), (m.forget,), (m.ask, 1, 1))[1]) == {A}

    def test_a_small_one_that_lets_go_of_results(self, played: Played) -> None:
        """Who pushes the results of others out has not come upon them."""
        m = played.load(MEMOS)
        played.run(A, (m.ask_few, 1, 2))
        assert played.run(B, (m.ask_few, 3, 4))[1] == set()
        assert fillers(played.run(C, (m.ask_few, 4))[1]) == {B}

    def test_hundreds_of_results(self, played: Played) -> None:
        """They are told apart, and who cleared the cache has left all of them absent."""
        m = played.load(MEMOS)
        many = [NodeId(f"t.py::{number}") for number in range(2 * MOST_KEYS)]
        for number, node in enumerate(many):
            left, found = played.run(node, (m.ask, number))
            assert (len(left), found) == (1, set())
        assert fillers(played.run(A, (m.ask, 7))[1]) == {*many}
        played.run(B, (m.forget,))
        played.run(C, (m.ask, 7))
        assert fillers(played.run(D, (m.ask, 7))[1]) == {C}


class TestPiles:
    """A table to which hundreds of tests add is known by who added last."""

    @pytest.mark.parametrize(
        ("table", "add"), [("{}", "T[new] = new"), ("set()", "T.add(new)"), ("[]", "T.append(new)")]
    )
    def test_what_a_reader_rests_on_does_not_grow(self, played: Played, table: str, add: str) -> None:
        """The last one that added, and with it, by what it found itself, all before."""
        m = played.load(f"T = {table}\ndef add(new): {add}\ndef read(): return len(T)\n")
        many = [NodeId(f"t.py::{number}") for number in range(2 * MOST_KEYS)]
        sizes = [len(played.run(node, (m.add, str(number)))[1]) for number, node in enumerate(many)]
        assert max(sizes) <= MOST_KEYS + 2
        found = played.run(A, (m.read,))[1]
        assert many[-1] in fillers(found)
        assert len(found) <= MOST_KEYS + 2

    def test_another_value_anywhere_changes_what_is_found_at_the_end(self, played: Played) -> None:
        """What a test adds is a step from what was before."""
        ends = []
        for odd in ("x", "y"):
            m = played.load("T = {}\ndef add(key, value): T[key] = value\ndef read(): return len(T)\n")
            for number in range(2 * MOST_KEYS):
                value = odd if number == MOST_KEYS + 9 else "z"
                played.run(NodeId(f"t.py::{number}"), (m.add, str(number), value))
            ends.append({one.value for one in played.run(A, (m.read,))[1] if one.place.endswith("[*]")})
        assert len(ends[0]) == len(ends[1]) == 1
        assert ends[0] != ends[1]

    def test_a_key_that_goes_is_seen(self, played: Played) -> None:
        """Then the pile is not what it was with one step more."""
        m = played.load("T = {}\ndef add(key): T[key] = key\ndef drop(key): del T[key]\ndef read(): return len(T)\n")
        for number in range(2 * MOST_KEYS):
            played.run(NodeId(f"t.py::{number}"), (m.add, str(number)))
        left, _ = played.run(A, (m.drop, "3"))
        assert [one.place.endswith("[*]") for one in left] == [True]
        assert A in fillers(played.run(B, (m.read,))[1])

    def test_what_lies_in_it_is_watched(self, played: Played) -> None:
        """A list in a pile that a test adds to."""
        m = played.load(
            "T = {}\ndef add(key): T[key] = []\ndef change(key): T[key].append(1)\ndef read(key): return T[key]\n"
        )
        for number in range(MOST_KEYS + 9):
            played.run(NodeId(f"t.py::{number}"), (m.add, str(number)))
        played.run(A, (m.change, str(MOST_KEYS + 5)))
        played.run(B, (m.change, "3"))
        assert {A, B} <= fillers(played.run(C, (m.read, "3"))[1])


class TestFound:
    """What a test finds."""

    def test_who_names_it_finds_it(self, played: Played) -> None:
        """With the filler; who does not mention the name rests on nothing."""
        m = played.load(MODULE)
        (left,), found = played.run(A, (m.fill, 1))
        assert found == set()
        assert played.run(B, (m.read,))[1] == {Found(A, *left)}
        assert played.run(C, (m.far,))[1] == set()

    def test_who_may_name_anything_finds_everything(self, played: Played) -> None:
        """A name that is put together while the test runs."""
        m = played.load(MODULE + "import sys\ndef wild(name): return sys.modules[__name__].__dict__[name]\n")
        played.run(A, (m.fill, 1))
        assert fillers(played.run(B, (m.any_name, "COUNT"))[1]) <= {A}

    def test_its_own_leftovers_are_none(self, played: Played) -> None:
        """A test that runs twice does not rest on itself."""
        m = played.load(MODULE)
        played.run(A, (m.fill, 1))
        assert played.run(A, (m.read,))[1] == set()

    def test_what_it_fills_itself_was_found_as_it_was_before(self, played: Played) -> None:
        """It may have looked before it wrote."""
        m = played.load(MODULE)
        played.run(A, (m.fill, "1"))
        _, found = played.run(B, (m.fill, "2"))
        assert {(one.filler, one.value) for one in found} == {(A, portrait("1"))}
        _, found = played.run(C, (m.read,))
        assert {(one.filler, one.value) for one in found} == {(B, portrait("2"))}

    def test_a_name_of_another_module_does_not_count(self, played: Played) -> None:
        """Two modules may have a table of the same name, and a test rest on one of them."""
        one, other = played.load(MODULE), played.load(MODULE)
        played.run(A, (one.fill, 1))
        assert played.run(B, (other.read,))[1] == set()
        assert fillers(played.run(C, (other.read,), (one.read,))[1]) == {A}

    def test_who_changed_an_element_is_known_when_others_are_added(self, played: Played) -> None:
        """The list is left by the last one, and what is in it by who put it there."""
        m = played.load(MODULE)
        played.run(A, (m.register,))
        played.run(B, (m.change, 1))
        played.run(C, (m.register,))
        assert fillers(played.run(D, (m.look,))[1]) == {B, C}

    def test_what_lay_in_something_that_is_gone_is_not_found(self, played: Played) -> None:
        """Nobody can come upon it, but upon that it is gone."""
        m = played.load(MODULE)
        played.run(A, (m.fill, {"x": 1}))
        played.run(B, (lambda: m.TABLE["a"].update(y=2),))
        assert fillers(played.run(C, (m.read,))[1]) == {A, B}
        played.run(C, (m.clear,))
        assert {one.place for one in played.run(D, (m.read,))[1]} == {played.place(m, "TABLE") + CLEARED}

    def test_what_is_put_back_has_what_was_left_in_it(self, played: Played) -> None:
        """One test filled a table, others used another one in its place for a while."""
        m = played.load(MODULE)
        first = m.TABLE
        played.run(A, (m.fill, 1))
        played.run(B, (m.swap, {}))
        played.run(C, (m.swap, first))
        assert fillers(played.run(D, (m.read,))[1]) == {A, C}

    def test_modules_that_are_imported_later_are_watched(self, played: Played) -> None:
        """As they are when their import ends."""
        m = played.load(MODULE)
        played.run(A, (m.far,))
        late = played.load(MODULE)
        assert played.run(B, (late.read,)) == (set(), set())
        played.run(C, (late.fill, 1))
        assert fillers(played.run(D, (late.read,))[1]) == {C}

    def test_what_is_overlooked_was_left_by_nobody(self, played: Played) -> None:
        """What hooks of the project write down about tests, say; but not what the test did besides."""
        m = played.load(MODULE)
        played.leftovers.overlooked = frozenset({f"{m.__name__}.py::REG"})
        played.leftovers.begin(A)
        m.fill(1)
        m.register()
        assert [place.partition("[")[0] for place, _ in played.leftovers.end()] == [f"{m.__name__}.py::TABLE"]
        assert played.run(B, (m.look,))[1] == set()
        assert fillers(played.run(C, (m.read,))[1]) == {A}


COUNTER = """
import itertools
NUMBER, LOG, IDS = 0, [], itertools.count()
def count(by=1):
    global NUMBER
    NUMBER += by
def log(entry): LOG.append(entry)
def draw(): return next(IDS)
def put(value):
    global NUMBER
    NUMBER = value
def read(): return NUMBER, LOG
"""


class TestSteps:
    """Counters and lists that every test adds to."""

    @pytest.mark.parametrize(("function", "arguments"), [("count", (3,)), ("log", ("x",)), ("draw", ())])
    def test_the_step_does_not_depend_on_what_was_before(
        self, played: Played, function: str, arguments: tuple[Any, ...]
    ) -> None:
        """The same test leaves the same step behind another test; but not the same value."""
        m, other = played.load(COUNTER), played.load(COUNTER)
        alone, _ = played.run(A, (getattr(m, function), *arguments))
        played.run(B, (getattr(other, function), *arguments))
        behind, found = played.run(A, (getattr(other, function), *arguments))
        assert len(alone) == len(behind) == 2
        assert values(alone, STEP) == values(behind, STEP)
        assert values(alone, "") != values(behind, "")
        assert fillers(found) == {B}

    def test_another_step_is_another_leftover(self, played: Played) -> None:
        """In both of the places."""
        m, other = played.load(COUNTER), played.load(COUNTER)
        one, two = played.run(A, (m.count, 1))[0], played.run(A, (other.count, 2))[0]
        assert values(one, STEP) != values(two, STEP)
        assert values(one, "") != values(two, "")

    def test_a_number_that_became_something_else_is_no_step(self, played: Played) -> None:
        """It does not depend on the one before."""
        m = played.load(COUNTER)
        played.run(A, (m.count, 1))
        assert {place for place, _ in played.run(B, (m.put, "text"))[0]} == {played.place(m, "NUMBER")}
        assert {place for place, _ in played.run(C, (m.put, 1))[0]} == {played.place(m, "NUMBER")}

    def test_what_an_import_counts_is_told_apart(self, played: Played) -> None:
        """The next time the module may be imported before all tests."""
        m = played.load(COUNTER)
        counts = f"import {m.__name__} as m\nm.count(5)\n"
        played.leftovers.begin(A)
        m.count(1)
        played.load(counts)
        m.count(1)
        left = played.leftovers.end()
        step, place = portrait(2), played.place(m, "NUMBER")
        assert Leftover(place + STEP, step) in left
        (imported,) = (one for one in left if "import of" in one.place)
        assert (imported.place.startswith(place), imported.value) == (True, portrait(5))
        assert len(left) == 4  # with what the module found when it was imported
        other = played.load(COUNTER)
        behind, _ = played.run(A, (other.count, 1), (other.count, 1))
        assert values(behind, "") == {one.value for one in left if one.place == place}
        found = played.run(B, (m.read,))[1]
        assert {one.place for one in found} == {place, imported.place}

    def test_who_rests_on_a_step_that_is_not_stored_rests_on_those_before(self, played: Played) -> None:
        """Up to the last test that can be asked what it had found."""
        m = played.load(COUNTER)
        left, _ = sorted(played.run(A, (m.count, 1))[0])
        for node in (B, C):
            played.run(node, (m.count, 1))
            played.leftovers.not_stored(node)
        found = played.run(D, (m.read,))[1]
        step = played.place(m, "NUMBER") + STEP
        assert found == {Found(A, *left), Found(B, step, portrait(1)), Found(C, step, portrait(1))}


def values(left: set[Leftover], suffix: str) -> set[bytes]:
    return {value for place, value in left if place.endswith(STEP) == bool(suffix)}


class TestFixtures:
    """Wide fixtures run under one test, for many."""

    def set_up(self, played: Played, m: Any, call: Callable[[], object], value: object) -> Context:
        fixture = played.context(m.fill, name="fixture")
        played.leftovers.before_fixture()
        call()
        played.leftovers.after_fixture(fixture, "definition", "box", value, "conftest.py", {})
        return fixture

    def test_what_it_filled_is_found_by_others_only(self, played: Played) -> None:
        """Who uses the fixture rests on it anyway; who does not, and reads it, has found it."""
        m = played.load(MODULE)
        played.leftovers.begin(A)
        fixture = self.set_up(played, m, lambda: m.fill(1), None)
        played.leftovers.end()
        assert played.run(B, (m.read,), uses=(fixture,))[1] == set()
        assert fillers(played.run(C, (m.read,))[1]) == {A}

    def test_what_another_fixture_found_of_it_counts_for_those_who_use_that_one(self, played: Played) -> None:
        """Also if the first test uses both."""
        m = played.load(MODULE)
        played.leftovers.begin(A)
        filling = self.set_up(played, m, lambda: m.fill(1), None)
        played.leftovers.end()
        reading = played.context(m.read, name="another fixture")
        assert played.run(B, (m.far,), uses=(filling, reading))[0] == set()
        assert fillers(played.run(C, (m.far,), uses=(reading,))[1]) == {A}

    def test_what_the_test_did_before_is_its_own(self, played: Played) -> None:
        """And not the fixture's."""
        m = played.load(MODULE)
        played.leftovers.begin(A)
        m.fill(1)
        fixture = self.set_up(played, m, lambda: None, None)
        played.leftovers.end()
        assert fillers(played.run(B, (m.read,), uses=(fixture,))[1]) == {A}

    def test_its_value_is_watched_until_it_is_torn_down(self, played: Played) -> None:
        """Tests that use it find what others left in it; afterwards it is of no interest."""
        m = played.load(MODULE + "def box(box): return box.value\ndef put(box): box.value = 1\n")
        played.leftovers.begin(A)
        value = m.Box()
        fixture = self.set_up(played, m, lambda: None, value)
        left = played.leftovers.end()
        assert left == frozenset()
        ((place, _),), _ = played.run(B, (m.put, value), uses=(fixture,))
        assert place == "conftest.py::box().value"
        assert played.leftovers._remains.entries.keys() == {place}
        played.leftovers.begin(C)
        played.leftovers.fixture_gone(fixture, "definition")
        assert not played.leftovers._remains.entries
