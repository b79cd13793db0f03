"""Portraits: equal for equal values, different for all others, and no code of a project ever runs for one."""

from __future__ import annotations

import asyncio
import collections
import contextvars
import dataclasses
import datetime
import enum
import functools
import re
import threading
import tracemalloc
import types
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mute import MUTE, Mute

from testcache.recording import portrait as module
from testcache.recording.parts import UNKNOWN
from testcache.recording.portrait import Painter, identify, portrait


class Box:
    """Anything with attributes."""

    def __init__(self, **held: object) -> None:
        self.__dict__.update(held)


class Slotted:
    """Attributes in slots, one of them maybe unset."""

    __slots__ = ("x", "y")

    def __init__(self, x: object) -> None:
        self.x = x


class Colour(enum.Enum):
    """A member counts by its name and value."""

    RED = 1
    GREEN = 2


@dataclasses.dataclass
class Point:
    """Two numbers."""

    x: object
    y: object


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


class Named(dict[str, object]):
    """A dict with attributes."""


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.sampled_from(Colour), st.dates()
)
Recipe = tuple[Any, ...]
"""How to build a value: a leaf, or the way to put others together."""

RECIPES: st.SearchStrategy[Recipe] = st.recursive(
    st.tuples(st.just("leaf"), LEAVES),
    lambda inner: st.tuples(
        st.sampled_from(["list", "tuple", "deque", "box", "slots", "dict", "point", "cell", "bound", "set of boxes"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def build(recipe: Recipe) -> Any:
    """A value made anew, so that nothing but its content is that of another one."""
    sort, rest = recipe
    if sort == "leaf":
        return rest
    parts = [build(part) for part in rest]
    match sort:
        case "list":
            return parts
        case "tuple":
            return tuple(parts)
        case "deque":
            return collections.deque(parts)
        case "box":
            return Box(**{f"a{number}": part for number, part in enumerate(parts)})
        case "slots":
            return Slotted(parts)
        case "dict":
            return dict(enumerate(parts))
        case "point":
            return Point(parts[0], parts[-1] if len(parts) > 1 else None)
        case "cell":
            return lambda: parts
        case "bound":
            return Box(x=parts).__init__  # type: ignore[misc]
    return {Box(x=part) for part in parts}


def leaves(recipe: Recipe, at: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    sort, rest = recipe
    if sort == "leaf":
        return [at]
    seen = {0, len(rest) - 1} if sort == "point" else range(len(rest))  # it leaves out what is between these
    return [path for number in sorted(seen) for path in leaves(rest[number], (*at, number))]


def with_leaf(recipe: Recipe, path: tuple[int, ...], leaf: object) -> Recipe:
    if not path:
        return ("leaf", leaf)
    sort, rest = recipe
    return sort, [with_leaf(part, path[1:], leaf) if at == path[0] else part for at, part in enumerate(rest)]


class TestContent:
    """Equal if and only if nobody could tell."""

    def test_a_method_of_a_compiled_pattern_is_its_pattern(self) -> None:
        """Tokenizers keep `re.compile(...).match` in tables; it is the same in every process."""
        method = re.compile("a").match
        again = re._compiler.compile("a").match  # type: ignore[attr-defined]
        assert portrait(method) == portrait(again)
        assert portrait(method) not in (portrait(re.compile("b").match), portrait(re.compile("a").search))

    @settings(deadline=None, max_examples=150)
    @given(RECIPES)
    def test_the_same_built_anew_has_the_same_portrait(self, recipe: Recipe) -> None:
        """Containers, objects, slots, closures, methods and sets of objects, in each other."""
        assert portrait(build(recipe)) == portrait(build(recipe))

    @settings(deadline=None, max_examples=150)
    @given(RECIPES, LEAVES, st.data())
    def test_another_leaf_is_another_portrait(self, recipe: Recipe, leaf: object, data: st.DataObject) -> None:
        """Wherever in it one value is replaced by another one."""
        path = data.draw(st.sampled_from(leaves(recipe)))
        changed = with_leaf(recipe, path, leaf)
        assume(repr(changed) != repr(recipe))
        assert portrait(build(changed)) != portrait(build(recipe))

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (1, True),
            (1, 1.0),
            (0.0, -0.0),
            ("1", 1),
            ("a", b"a"),
            ([], ()),
            ([1], (1,)),
            ({}, []),
            (set(), frozenset()),
            ({1: 2}, [1, 2]),
            ({1: 2, 3: 4}, {3: 4, 1: 2}),
            ([[1], 2], [[1, 2]]),
            (["a\nint:1"], ["a", 1]),
            (collections.deque([1], 1), collections.deque([1])),
            (collections.defaultdict(list), collections.defaultdict(int)),
            (Box(a=1), Box(b=1)),
            (Box(a=1), {"a": 1}),
            (Slotted(1), Box(x=1)),
            (Named(a=1), {"a": 1}),
            (Colour.RED, Colour.GREEN),
            (Colour, Colour.RED),
            (ValueError, TypeError),
            (Exception("a"), Exception("b")),
            (re.compile("a"), re.compile("a", re.IGNORECASE)),
            (functools.partial(int, base=2), functools.partial(int, base=3)),
            (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
            (datetime.time(1, fold=0), datetime.time(1, fold=1)),
            (slice(1), slice(2)),
            (range(3), range(4)),
            (bytearray(b"a"), bytearray(b"b")),
            (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
            (len, print),
            ([].append, [1].append),
            (str.upper, str.lower),
            (staticmethod(len), staticmethod(print)),
            (property(len), property(print)),
            (lambda: 1, lambda: 2),
            (lambda x=1: x, lambda x=2: x),
        ],
    )  # fmt: skip
    def test_what_differs_in_one_thing(self, one: object, other: object) -> None:
        """Types, order, signs, names, settings: each of them counts."""
        assert portrait(one) != portrait(other)
        assert portrait([one]) != portrait([other])
        assert portrait(Box(x=one)) != portrait(Box(x=other))

    @pytest.mark.parametrize("size", [None, 0, 2, 8])
    def test_what_a_cache_knows_counts(self, size: int | None) -> None:
        """Arguments and results of an `lru_cache`, with a bound or without."""

        def ask(*calls: int) -> bytes:
            cached = functools.lru_cache(size)(lambda n: [n])
            for call in calls:
                cached(call)
            return portrait(cached)

        assert ask(1, 2) == ask(1, 2)
        assert (ask(1, 2) != ask(1, 3)) is (size != 0)
        assert (ask(1) != ask()) is (size != 0)

    def test_an_attribute_of_a_class_made_by_a_call_counts(self) -> None:
        """Nobody else knows what it was given."""
        one, other = (type("Made", (), {"x": x, "__module__": "nowhere"}) for x in (1, 2))
        assert portrait(one) != portrait(other)

    def test_a_weak_reference_counts_by_what_it_refers_to(self) -> None:
        """And differs from one whose object is gone."""
        box, other = Box(a=1), Box(a=1)
        alive = portrait(weakref.ref(box))
        assert alive == portrait(weakref.ref(other))
        gone = weakref.ref(other)
        del other
        assert portrait(gone) != alive
        assert portrait(weakref.WeakValueDictionary({"a": box})) == portrait(weakref.WeakValueDictionary({"a": box}))


class TestShape:
    """Which object it is counts within one value."""

    def test_shared_and_equal_parts_differ(self) -> None:
        """What is appended to one is in the other only if both are one."""
        shared: list[int] = []
        assert portrait([shared, shared]) != portrait([[], []])
        assert portrait([shared, shared]) == portrait([*[[]] * 2])

    def test_an_object_in_a_set_and_beside_it(self) -> None:
        """`current in active` tells whether it is the same one."""
        box = Box(a=1)
        assert portrait([{box}, box]) != portrait([{box}, Box(a=1)])
        one, other = Box(x=box), Box(x=box)
        apart = {Box(x=Box(a=1)), Box(x=Box(a=1))}
        assert portrait({one, other}) != portrait(apart)
        assert portrait({one, other}) == portrait({Box(x=box), Box(x=box)})

    def test_cycles_end(self) -> None:
        """Through lists, attributes, closures and sets; and those of another shape differ."""

        def ring(size: int) -> list[Any]:
            links: list[Any] = [[number] for number in range(size)]
            for number, link in enumerate(links):
                link.append(links[(number + 1) % size])
            return links[0]  # type: ignore[no-any-return]

        assert portrait(ring(3)) == portrait(ring(3))
        assert portrait(ring(3)) != portrait(ring(4))

        def hole() -> Box:
            box = Box(name="a")
            box.me = lambda: box  # type: ignore[attr-defined]
            box.all = {box, Box(other=box)}  # type: ignore[attr-defined]
            return box

        assert portrait(hole()) == portrait(hole())

    def test_long_chains_end(self) -> None:
        """A thousand objects in a row are no deeper than one; sets in sets end as unknown."""
        chain: object = None
        nested: Any = frozenset()
        for _ in range(3000):
            chain = Box(next=chain)
            nested = frozenset({nested, 1})
        assert portrait(chain) == portrait(chain)
        assert portrait(nested) != portrait(nested)

    def test_the_order_of_a_set_does_not_count(self) -> None:
        """It rests on hashes of texts, which are others in each process."""
        names = [f"name{number}" for number in range(50)]
        assert portrait(set(names)) == portrait(set(reversed(names)))
        boxes = [Box(a=number % 7) for number in range(50)]
        assert portrait(set(boxes)) == portrait({Box(a=number % 7) for number in range(50)})

    def test_the_class_of_an_object_is_not_entered(self) -> None:
        """Its code is an input, and what it keeps is found where it is kept."""
        before = portrait(Box(a=1))
        Box.extra = 5  # type: ignore[attr-defined]
        try:
            assert portrait(Box(a=1)) == before
        finally:
            del Box.extra  # type: ignore[attr-defined]


class TestUnknown:
    """What cannot be looked into is never equal to anything."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda: iter([1]),
            lambda: (n for n in [1]),
            lambda: memoryview(b"a"),
            lambda: [[n] for n in range(module.MOST_PARTS + 1)],
        ],
    )
    def test_it_differs_from_itself(self, make: Callable[[], object]) -> None:
        """An iterator, a view of bytes, or too much of anything."""
        value = make()
        assert portrait(value) != portrait(value)

    def test_much_that_is_plain_is_no_problem(self) -> None:
        """A list of texts is one object."""
        texts = [str(number) for number in range(100_000)]
        assert portrait(texts) == portrait(list(texts))

    @pytest.mark.parametrize("make", [bytes, bytearray, lambda data: data.decode(), lambda data: Text(data.decode())])
    def test_long_texts_are_told_apart_without_copies_of_them(self, make: Callable[[bytes], object]) -> None:
        """Many megabytes in a list take the memory of one of them while they are looked at."""
        parts = [make(b"x" * (1 << 20)) for _ in range(16)]
        tracemalloc.start()
        before = portrait(parts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20
        parts[7] = make(b"x" * ((1 << 20) - 1) + b"y")
        assert portrait(parts) != before

    def test_a_huge_number_is_written_out(self) -> None:
        """Python refuses to write more than 4300 digits in decimal."""
        assert portrait(10**6000) != portrait(10**6000 + 1)


class TestNothingRuns:
    """No method of a project is called."""

    @pytest.mark.parametrize("make", MUTE, ids=lambda make: make.__name__)
    def test_of_objects_whose_methods_all_raise(self, make: Callable[[], object]) -> None:
        """Alone, as an element, a key, an attribute, an argument or in what it is compared with."""
        wrapped: list[Callable[[Any], object]] = [
            lambda it: it,
            lambda it: [it],
            lambda it: (it, it),
            lambda it: Box(x=it),
            lambda it: types.MappingProxyType({"a": it}),
            lambda it: functools.partial(print, it),
            slice,
            Exception,
            lambda it: lambda: it,
            type,
        ]
        for wrap in wrapped:
            assert len(portrait(wrap(make()))) == 16

    def test_of_a_time_zone_of_the_project(self) -> None:
        """The text of a time names its zone."""

        class Zone(datetime.tzinfo):
            def utcoffset(self, _: object) -> Any:
                raise AssertionError

            dst = tzname = __repr__ = __reduce__ = utcoffset  # type: ignore[assignment]

        for value in (datetime.datetime(2020, 1, 1, tzinfo=Zone()), datetime.time(1, tzinfo=Zone())):
            assert len(portrait(value)) == 16

    def test_of_a_view_of_a_mapping_of_the_project(self) -> None:
        """A view of a dict is cheap; a view of something else asks that."""
        assert len(portrait(types.MappingProxyType(Mute()))) == 16


@pytest.mark.parametrize("key", ["secret", 17, ("a", 1), b"x", None, Box(a=1), 10**6000], ids=range(7))
def test_a_key_is_named_without_being_shown(key: object) -> None:
    """The name of a place is stored and printed: a key may be a secret."""
    assert re.fullmatch(r"#[0-9a-f]{16}", identify(key))


def test_what_a_thread_keeps_counts() -> None:
    """The attributes of a `threading.local`, in this thread."""
    one, other = threading.local(), threading.local()
    one.x, other.x = 1, 1
    assert portrait(one) == portrait(other)
    other.x = 2
    assert portrait(one) != portrait(other)


def test_what_pytest_has_is_not_drawn(request: pytest.FixtureRequest) -> None:
    """A test that keeps itself, or what it was asked with, leads to all other tests; a node counts by its id."""
    before = Painter.total
    assert portrait([request.node]) == portrait([request.node])
    assert portrait([request.node]) != portrait([request.node.parent])
    assert portrait([request, request.config]) == portrait([request, request.config])
    assert Painter.total - before < 40


@pytest.mark.parametrize(
    ("act", "same"),
    [
        (lambda loop: loop.run_until_complete(asyncio.sleep(0)), True),
        (lambda loop: loop.run_until_complete(loop.run_in_executor(None, int)), False),
        (lambda loop: loop.set_debug(not loop.get_debug()), False),
        (lambda loop: loop.set_exception_handler(lambda _, __: None), False),
        (lambda loop: loop.call_later(60, int), False),
        (lambda loop: setattr(loop, "name", "mine"), False),
        (lambda loop: loop.close(), False),
    ],
    ids=["ran", "has an executor", "debug", "handler", "later", "attribute", "closed"],
)
def test_a_loop_that_has_nothing_to_do_is_like_another(
    act: Callable[[asyncio.AbstractEventLoop], object], same: bool
) -> None:
    """Which sockets and selector it has nobody can tell; what it is to do, and how, counts."""
    first, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        assert portrait([first]) == portrait([other])
        act(other)
        assert (portrait([first]) == portrait([other])) is same
    finally:
        first.close()
        other.close()


def test_a_pool_of_ones_own_is_what_it_keeps() -> None:
    """A class derived from the library's may have attributes; which threads there are nobody can tell."""

    class Pool(ThreadPoolExecutor):
        def __init__(self, name: str) -> None:
            super().__init__(1, thread_name_prefix="pool")
            self.name = name

    pools = [Pool("a"), Pool("a"), Pool("b")]
    assert portrait([pools[0]]) == portrait([pools[1]]) != portrait([pools[2]])


def test_what_stands_for_something_unknown_is_never_the_same() -> None:
    """Our own objects are no wrappers: no two of these are alike."""
    assert portrait([UNKNOWN]) != portrait([UNKNOWN])


def test_a_context_is_its_variables() -> None:
    """Copies are alike; another value, or one variable more, is another context."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("number")
    empty, one, same, two = (contextvars.Context() for _ in range(4))
    for context, value in ((one, 1), (same, 1), (two, 2)):
        context.run(variable.set, value)
    assert portrait([one]) == portrait([same]) == portrait([one.copy()])
    assert len({portrait([context]) for context in (empty, one, two)}) == 3
