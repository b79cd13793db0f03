"""Piles: tables to which hundreds of tests add something, compared as a whole from then on.

Each test would come upon each key of all tests before it: of 4,000 tests that fill one dict, 8 million times.
As a pile a table is what a list is, too: what a test adds at its end is a step, and who comes upon it rests on
the step that was made last. Results of an `lru_cache` are compared in the same way, but told apart: most tests come
upon none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, compress
from operator import not_
from typing import Any, Final

from testcache.recording import anatomy
from testcache.recording.addresses import numbered
from testcache.recording.keepers import Found, Keeper
from testcache.recording.kinds import CACHE, ELEMENTS, PAIRS, WHOLE, Key, Kind, slot_of
from testcache.structs import replace

MOST_PARTS: Final = 50_000
"""Objects that the names of those keys of a table may lead to that change at once: 0.3 s."""

MOST_KEYS: Final = 256
"""Keys that tests have added to a table before it is a pile: 30 KB a test that mentions it, in memory."""


def pile_up(keeper: Keeper) -> None:
    """Take a keeper for a pile if tests have added many keys to it."""
    kind = _PILES.get(keeper.kind)
    if kind is None or len(keeper.last) - len(keeper.base) <= MOST_KEYS:
        return
    if kind is _RESULTS and anatomy.is_bounded(keeper.owner):  # each use changes the order, as does each new result
        return
    keeper.kind = kind
    keeper.base, keeper.last = {WHOLE: _flat(keeper.base, kind)}, {WHOLE: _flat(keeper.last, kind)}
    inside = list(chain.from_iterable(keeper.grown.values()))
    keeper.grown = {WHOLE: inside} if inside else {}


def blur(keeper: Keeper, last: Mapping[Any, object]) -> bool:
    """Take a keeper for one of which only is told that it is no more what it was `last`; False if it has no keys.

    They lead to so much that it takes seconds to name them: those of the memo of a parser, to parts of the grammar.
    """
    kind = _BLURS.get(keeper.kind)
    if kind is None:
        return False
    keeper.kind = kind
    keeper.base, keeper.last = {WHOLE: _flat(keeper.base, kind)}, {WHOLE: _flat(last, kind)}
    keeper.grown = {WHOLE: [*chain.from_iterable(keeper.grown.values())]} if keeper.grown else {}
    return True


def is_blurred(keeper: Keeper) -> bool:
    """Whether no two states of it are the same."""
    return keeper.kind in _BLURRED


def spread(keeper: Keeper) -> None:
    """Take a cache that has lost results for a table again."""
    keeper.kind = CACHE
    keeper.base, keeper.last = dict(results(keeper.base)), dict(results(keeper.last))


def results(slots: Mapping[Any, Any], start: int = 0) -> Iterator[tuple[object, object]]:
    """Slots and values of a cache that is a pile, from one element on."""
    content = slots.get(WHOLE, ())
    for key, value in zip(content[start::2], content[start + 1 :: 2], strict=True):
        yield slot_of(key), value


def is_pile(keeper: Keeper) -> bool:
    return keeper.kind in _KINDS


def is_cache(keeper: Keeper) -> bool:
    """Whether this is a pile of results."""
    return keeper.kind is _RESULTS


def in_order(keeper: Keeper, content: tuple[object, ...]) -> tuple[object, ...]:
    """The elements of a pile without an order as they came: those that were there before first."""
    before = keeper.last[WHOLE]
    if keeper.kind is not _SET or type(before) is not tuple:
        return content
    then = set(numbered(before))
    fresh = tuple(compress(content, map(not_, map(then.__contains__, numbered(content)))))
    return before + fresh if len(before) + len(fresh) == len(content) else content


def found_in(keeper: Keeper, start: int) -> list[Found]:
    """What is in a pile or a list from one element on, on the way into the census."""
    content: Any = keeper.last[WHOLE]
    place, names = keeper.place_of(WHOLE), keeper.names_of(WHOLE)
    parts = ((at, content[at]) for at in range(start, len(content)) if type(content[at]) not in anatomy.ATOMS)
    return [Found(part, f"{place}[{at}]", names, keeper.files) for at, part in parts]


def _flat(slots: Mapping[Any, object], kind: Kind) -> tuple[object, ...]:
    keys = (slot.key if type(slot) is Key else slot for slot in slots)
    return (
        tuple(keys)
        if kind is _SET or kind is _BLURS[ELEMENTS]
        else tuple(chain.from_iterable(zip(keys, slots.values(), strict=True)))
    )


def _pairs(table: dict[Any, object]) -> dict[Any, object]:
    return {WHOLE: anatomy.row_of(table)}


def _cached(cached: object) -> dict[Any, object]:
    return {WHOLE: tuple(chain.from_iterable(anatomy.cached_pairs(cached)))}


def _elements(thing: object) -> dict[Any, object]:
    return {WHOLE: anatomy.content(thing)}


_TABLE: Final = replace(PAIRS, look=_pairs, label=lambda _: "[*]")
_RESULTS: Final = replace(CACHE, look=_cached)
_SET: Final = replace(ELEMENTS, look=_elements, label=lambda _: "{*}")
_PILES: Final = {PAIRS: _TABLE, CACHE: _RESULTS, ELEMENTS: _SET}
_KINDS: Final = frozenset(_PILES.values())
_BLURS: Final = {
    kind: replace(kind, look=look, label=lambda _: "[...]")
    for kind, look in ((PAIRS, _pairs), (CACHE, _cached), (ELEMENTS, _elements))
}
_BLURRED: Final = frozenset(_BLURS.values())
