"""Whether two rows hold the very same objects is told without asking any of them, also where they are long."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testcache.recording import anatomy, piles
from testcache.recording.addresses import begins_with
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import ELEMENTS, PAIRS, WHOLE
from testcache.recording.snapshot import SIZE, Snapshots


class Sly:
    """Equal to everything, and fails if it is asked for a hash."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def keeper_of(thing: object, kind: Any = ELEMENTS) -> Keeper:
    return Keeper(thing, kind, thing, "m.py::X", frozenset(), frozenset())


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 299), st.booleans())
def test_a_row_begins_with_another_if_it_holds_the_same_objects(long: int, short: int, at: int, other: bool) -> None:
    """Not if one of them is only equal."""
    row = tuple(Sly() for _ in range(long))
    start: list[object] = [*row[:short], *(Sly() for _ in range(short - long))]
    if other and at < len(start):
        start[at] = Sly()
    wanted = len(start) <= len(row) and all(one is two for one, two in zip(start, row, strict=False))
    assert begins_with(row, tuple(start)) is wanted


@given(st.integers(65, 200), st.data())
def test_long_rows_of_plain_values_are_the_same_if_these_are_equal(length: int, data: st.DataObject) -> None:
    """A float that is another zero is not."""
    row = tuple(float(number) for number in range(length))
    copy = tuple(float(number) for number in range(length))
    assert anatomy.same(row, copy)
    at = data.draw(st.integers(0, length - 1))
    other = -0.0 if at == 0 else row[at] + 1
    assert not anatomy.same(row, (*copy[:at], other, *copy[at + 1 :]))


@pytest.mark.parametrize("table", [dict, OrderedDict])
def test_a_table_as_a_row_has_each_value_behind_its_key(table: Any) -> None:
    """In the order that the table has, also if that has been changed."""
    held = table((number, str(number)) for number in range(4))
    if table is OrderedDict:
        held.move_to_end(0)
    pairs = [*held.items()]
    assert anatomy.row_of(held) == tuple(part for pair in pairs for part in pair)


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_a_set_that_grows_keeps_the_order_in_which_its_elements_came(
    before: set[int], added: set[int], gone: set[int]
) -> None:
    """So that what is new is a step; if any has gone, there is none."""
    things = [object() for _ in range(61)]
    held = {things[number] for number in before}
    keeper = keeper_of(held)
    keeper.kind, keeper.last = piles._SET, {WHOLE: tuple(held)}
    held |= {things[number] for number in added}
    held -= {things[number] for number in gone}
    row = piles.in_order(keeper, tuple(held))
    assert len(row) == len(held)
    assert set(row) == held
    assert begins_with(row, keeper.last[WHOLE]) is before.isdisjoint(gone)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["append", "replace", "remove", "clear", "nothing"])
def test_a_long_list_that_has_grown_is_looked_at_each_time(change: str) -> None:
    """It is copied, which costs less than to ask what it refers to; a short one is told by its references."""
    held: list[object] = []
    keeper, short = keeper_of(held), keeper_of([Sly()])
    snapshots = Snapshots()
    snapshots.add(keeper)
    snapshots.add(short)
    for _ in range(3):
        held += [Sly() for _ in range(SIZE)]
        assert snapshots.changed() == [keeper]
    if change == "append":
        held.append(Sly())
    elif change == "replace":
        held[SIZE] = Sly()
    elif change == "remove":
        del held[0]
    elif change == "clear":
        held.clear()
    assert keeper in snapshots.changed()
    snapshots.drop(frozenset([keeper]))
    held.append(Sly())
    assert snapshots.changed() == []


def test_a_table_that_is_a_pile_grows_by_its_pairs() -> None:
    keeper = keeper_of({number: object() for number in range(piles.MOST_KEYS + 2)}, PAIRS)
    keeper.last = keeper.look()
    piles.pile_up(keeper)
    before = keeper.last[WHOLE]
    keeper.thing["new"] = value = object()  # type: ignore[index]
    row = keeper.look()[WHOLE]
    assert begins_with(row, before)  # type: ignore[arg-type]
    assert row[len(before) :] == ("new", value)  # type: ignore[arg-type,index]
