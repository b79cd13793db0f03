"""What an object is made of: everything of it, and nothing by running its own code."""

from __future__ import annotations

import collections
import functools
import itertools
import operator
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
import wrapt
from hypothesis import given, settings
from hypothesis import strategies as st
from mute import MUTE

from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, MISSING, Types, same


class Box:
    """Attributes of any name."""


class Slotted:
    """Attributes in slots."""

    __slots__ = ("x",)


class More(Slotted):
    """Slots of its own, those of its base, and a dict."""

    __slots__ = ("__dict__", "y")


class Odd(type):
    """A metaclass whose classes cannot be looked up in a set."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        raise AssertionError


class OddOne(metaclass=Odd):
    """An object of such a class."""


class TestAttributes:
    """Dicts and slots."""

    def test_the_instance_dict_is_the_one_that_is_written_to(self) -> None:
        """Not a copy: what it holds is what the object has."""
        box = Box()
        held = anatomy.dict_of(box)
        assert held is not None
        held["x"] = 1
        assert box.x == 1  # type: ignore[attr-defined]
        assert anatomy.dict_of(Slotted()) is None
        assert anatomy.dict_of(5) is None
        assert anatomy.dict_of(types) is types.__dict__

    def test_a_dict_of_another_name_is_no_instance_dict(self) -> None:
        """A property or an attribute `__dict__` of a class is not asked."""

        class Lying:
            @property
            def __dict__(self) -> Any:  # type: ignore[override]
                raise AssertionError

        lying = Lying()
        held = anatomy.dict_of(lying)
        assert held is None or held == {}

    def test_what_stands_for_something_without_a_dict_has_none(self) -> None:
        """A proxy that is written in C passes the question on."""
        assert anatomy.dict_of(wrapt.ObjectProxy(5)) is None
        box = Box()
        assert anatomy.dict_of(wrapt.ObjectProxy(box)) in (None, anatomy.dict_of(box))

    def test_a_thread_has_attributes_of_its_own(self) -> None:
        """Those of a `threading.local`, also of a subclass, are those of this thread."""

        class Local(threading.local):
            pass

        for local in (threading.local(), Local()):
            local.x = 1
            held = anatomy.dict_of(local)
            assert held is not None
            assert held["x"] == 1

    def test_slots_are_found_in_all_bases(self) -> None:
        """An unset one has no value."""
        more = More()
        more.y = 2  # type: ignore[attr-defined]
        found = {name: anatomy.value_of(slot, more) for name, slot in anatomy.slots_of(more)}
        assert found == {"y": 2, "x": MISSING}
        assert anatomy.slots_of(Box()) == ()

    def test_the_dict_of_a_class_is_the_one_behind_its_view(self) -> None:
        """What is set on the class appears in it; what the interpreter keeps there is left out."""

        class Made:
            a = 1

        Made.b = 2  # type: ignore[attr-defined]
        assert anatomy.class_dict(Made)["b"] == 2
        assert {"a", "b"} <= dict(anatomy.attributes(Made)).keys()
        assert not {"__dict__", "__weakref__"} & dict(anatomy.attributes(Made)).keys()

    def test_a_class_that_cannot_be_hashed(self) -> None:
        """A metaclass with `__eq__` and without `__hash__` is no problem."""
        one = OddOne()
        one.x = 1  # type: ignore[attr-defined]
        assert anatomy.dict_of(one) == {"x": 1}
        assert anatomy.slots_of(one) == ()
        assert anatomy.is_transparent(OddOne)
        assert OddOne not in ATOMS
        assert OddOne in Types(OddOne)


class TestContent:
    """Elements and pairs."""

    @pytest.mark.parametrize(
        ("thing", "content"),
        [
            ([1, 2], (1, 2)),
            ((1, 2), (1, 2)),
            ({1}, (1,)),
            (frozenset({1}), (1,)),
            (collections.deque([1, 2]), (1, 2)),
            ({1: 2}, None),
            ("ab", None),
            (Box(), None),
        ],
    )
    def test_elements(self, thing: object, content: object) -> None:
        """Of sequences and sets; nothing else has any."""
        assert anatomy.content(thing) == content

    def test_pairs_come_in_the_order_of_their_dict(self) -> None:
        """An OrderedDict has an order of its own."""
        ordered = collections.OrderedDict(a=1, b=2)
        ordered.move_to_end("a")
        assert anatomy.items(ordered) == [("b", 2), ("a", 1)]
        assert anatomy.items({"a": 1, "b": 2}) == [("a", 1), ("b", 2)]

    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from([None, 1, 3, 100]),
        st.booleans(),
        st.lists(st.one_of(st.integers(0, 5), st.text(max_size=1), st.just(2.0)), max_size=12),
    )
    def test_what_an_lru_cache_knows(self, size: int | None, typed: bool, calls: list[Any]) -> None:
        """As many pairs as it says, with the results of the calls; asking for them changes nothing."""

        @functools.lru_cache(size, typed)
        def ask(key: object) -> tuple[str, object]:
            return "result", key

        for call in calls:
            ask(call)
        before = ask.cache_info()
        pairs = anatomy.cached_pairs(ask)
        assert ask.cache_info() == before
        assert len(pairs) == before.currsize
        last = calls[-(size or 100) :]
        assert all(isinstance(value, tuple) and value[0] == "result" for _, value in pairs)
        assert {value[1] for _, value in pairs} >= set(last[-1:])  # type: ignore[index]

    def test_attributes_of_a_cached_function_are_not_its_cache(self) -> None:
        """It may be given some before it is asked, or after."""
        early, late = (functools.lru_cache(None)(len) for _ in range(2))
        early.x = 1  # type: ignore[attr-defined]
        early("a")
        late("a")
        late.x = 1  # type: ignore[attr-defined]
        assert [value for _, value in anatomy.cached_pairs(early)] == [1]
        assert [value for _, value in anatomy.cached_pairs(late)] == [1]


NESTED: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary()),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)


class TestSame:
    """Equal in a way that nobody can tell."""

    @settings(deadline=None)
    @given(NESTED, NESTED)
    def test_plain_values_are_the_same_if_they_read_the_same(self, one: Any, other: Any) -> None:
        """Numbers, texts and tuples of them: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
        assert same(one, other) is (repr(one) == repr(other) and "nan" not in repr(one)) or one is other
        assert same(one, one)

    @pytest.mark.parametrize(
        ("one", "other"), [(0.0, -0.0), (complex(0, 0.0), complex(0, -0.0)), (1, True), (1, 1.0), ((1,), (True,))]
    )
    def test_equal_numbers_may_differ(self, one: object, other: object) -> None:
        """By their type, or by the sign of a zero."""
        assert one == other
        assert not same(one, other)

    def test_of_all_else_only_the_same_object_is_the_same(self) -> None:
        """Two empty lists are two: what is appended to one is not in the other."""
        shared: list[int] = []
        assert same((1, shared), (1, shared))
        assert not same([], [])
        assert not same((shared,), ([],))
        assert not same((), (1,))

    def test_long_chains_of_tuples(self) -> None:
        """Lists as other languages have them: a pair in a pair, ten thousand times."""
        chains: list[Any] = [None, None]
        for number in range(10_000):
            chains = [(number, chain) for chain in chains]
        assert same(*chains)

    @pytest.mark.parametrize("make", MUTE, ids=lambda make: make.__name__)
    def test_no_method_is_called(self, make: Callable[[], object]) -> None:
        """Not even of two objects that say that they are equal to everything."""
        one, other = make(), make()
        assert same(one, one)
        assert not same(one, other)
        assert not same((one,), (other,))


class TestTransparent:
    """Whether elements, attributes and slots are all there is."""

    @pytest.mark.parametrize("kind", [Box, Slotted, More, dict, collections.OrderedDict, type("Rows", (list,), {})])
    def test_of_classes_that_are_made_by_a_statement(self, kind: type) -> None:
        """They add a dict, weak references and slots at most."""
        assert anatomy.is_transparent(kind)

    @pytest.mark.parametrize(
        "kind",
        [
            memoryview,
            itertools.count,
            operator.itemgetter,
            type(functools.cmp_to_key(len)),  # type: ignore[arg-type]
            functools.partial,
            threading.local,
            OSError,
            type("Partial", (functools.partial,), {}),
            type(threading.Lock()),
        ],
    )
    def test_of_classes_that_are_written_in_c(self, kind: type) -> None:
        """What they hold may be anywhere; a subclass of theirs is no better."""
        assert not anatomy.is_transparent(kind)


@pytest.mark.parametrize("make", MUTE, ids=lambda make: make.__name__)
def test_nothing_of_a_project_runs(make: Callable[[], object]) -> None:
    """All questions are answered about objects whose every method raises, and whose metaclass does."""
    thing = make()
    anatomy.dict_of(thing)
    anatomy.slots_of(thing)
    anatomy.content(thing)
    anatomy.is_transparent(type(thing))
    anatomy.class_dict(type(thing))
    assert list(anatomy.attributes(type(thing)))
    assert anatomy.names_of(type(thing))[0]
    if issubclass(type(thing), dict):
        assert anatomy.items(thing)  # type: ignore[arg-type]
