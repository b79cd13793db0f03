"""Rows: whatever becomes of a list is seen, and no list is asked for what it holds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from testcache.recording.keepers import Keeper
from testcache.recording.kinds import ELEMENTS
from testcache.recording.rows import SIZE, Rows


class Sly:
    """Equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


STEPS: dict[str, Callable[[list[Any]], object]] = {
    "set": lambda held: held.__setitem__(-1, Sly()) if held else None,
    "append": lambda held: held.append(Sly()),
    "pop": lambda held: held.pop() if held else None,
    "clear": lambda held: held.clear(),
    "refill": lambda held: held.__setitem__(slice(None), [Sly() for _ in held]),
    "reverse": lambda held: held.reverse(),
    "extend": lambda held: held.extend([1] * 500),
    "look": lambda held: (held[:], len(held), held == [1], sorted(held, key=id)),
}


def keeper_of(thing: object) -> Keeper:
    return Keeper(thing, ELEMENTS, thing, "m.py::X", frozenset(), frozenset())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=20), st.data())
def test_each_list_that_changes_is_seen_once(lengths: list[int], data: st.DataObject) -> None:
    """Though what is new is equal to what was there, and may lie where that lay."""
    keepers = [keeper_of([Sly() for _ in range(length)]) for length in lengths]
    rows = Rows()
    assert all(map(rows.add, keepers))
    steps = data.draw(st.lists(st.tuples(st.sampled_from(keepers), st.sampled_from(sorted(STEPS))), max_size=8))
    before = [keeper.thing[:] for keeper in keepers]  # type: ignore[index]
    for keeper, step in steps:
        STEPS[step](keeper.thing)  # type: ignore[arg-type]
    pairs: Any = zip(keepers, before, strict=True)
    changed = [keeper for keeper, held in pairs if [*map(id, keeper.thing)] != [*map(id, held)]]
    assert {*map(id, rows.changed())} == {*map(id, changed)}
    assert rows.changed() == []


def test_what_a_list_held_is_not_taken_for_what_has_come_in_its_place() -> None:
    """An address is given again as soon as an object is gone; so those that were seen are kept."""
    for _ in range(200):
        keeper = keeper_of([object()])
        rows = Rows()
        rows.add(keeper)
        keeper.thing.clear()  # type: ignore[attr-defined]
        keeper.thing.append(object())  # type: ignore[attr-defined]
        assert rows.changed() == [keeper]


def test_each_of_many_is_told_apart() -> None:
    """Over several groups, and when some of them are watched no longer."""
    keepers = [keeper_of([number]) for number in range(2 * SIZE + 5)]
    rows = Rows()
    assert all(map(rows.add, keepers))
    gone = frozenset(keepers[1 : SIZE + 3])
    rows.drop(gone)
    written = [keepers[at] for at in (0, 1, SIZE + 3, 2 * SIZE + 4)]
    for keeper in written:
        keeper.thing[0] = "new"  # type: ignore[index]
    assert {*map(id, rows.changed())} == {id(keeper) for keeper in written if keeper not in gone}


def test_what_is_empty_or_has_code_of_its_own_is_not_watched_here() -> None:
    rows = Rows()
    assert not any(map(rows.add, map(keeper_of, ([], (1,), {1}, type("Own", (list,), {})([1])))))


def test_other_threads_may_go_on() -> None:
    """They fill, clear and sort what is looked at, at any moment."""
    lists: list[list[object]] = [[object() for _ in range(1 + number % 4)] for number in range(200)]
    interval, stop = sys.getswitchinterval(), threading.Event()

    def work(own: list[list[object]]) -> None:
        while not stop.is_set():
            for held in own:
                held.append(object())
                held.sort(key=id)
                held.clear()
                held.extend([object(), object()])

    threads = [threading.Thread(target=work, args=(lists[half::2],), daemon=True) for half in range(2)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for _ in range(100):
            rows = Rows()
            for held in lists:
                rows.add(keeper_of(held))
            for _ in range(3):
                rows.changed()
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        for thread in threads:
            thread.join()
