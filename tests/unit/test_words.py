"""Words of memory: each that changes is told, once, and no other one."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from testcache.recording.words import WIDTH, Words

ROOM = 200
NUMBERS = st.integers(0, ROOM - 1)


def at(held: array[int], number: int, count: int = 1) -> range:
    start = held.buffer_info()[0] + number * WIDTH
    return range(start, start + count * WIDTH, WIDTH)


@given(st.lists(NUMBERS, min_size=1, max_size=ROOM), st.sets(NUMBERS), st.sets(NUMBERS))
def test_those_that_change_are_told_once(looked_at: list[int], first: set[int], then: set[int]) -> None:
    """Wherever they lie, and if the same one is looked at twice."""
    held = array("Q", range(ROOM))
    words = Words()
    for number in looked_at:
        words.add(at(held, number))
    for step, changing in enumerate((first, then), 1):
        for number in changing:
            held[number] = step * ROOM + number
        assert words.changed() == [place for place, number in enumerate(looked_at) if number in changing]
        assert words.changed() == []


@given(st.lists(NUMBERS, unique=True, min_size=2, max_size=ROOM), st.data())
def test_those_that_are_kept_are_counted_anew(looked_at: list[int], data: st.DataObject) -> None:
    """What has changed before is not forgotten, neither when others go nor when more come."""
    held = array("Q", range(ROOM))
    words = Words()
    for number in looked_at[:-1]:
        words.add(at(held, number))
    changing = data.draw(st.sets(st.sampled_from(looked_at)))
    for number in changing:
        held[number] += ROOM
    kept = data.draw(st.lists(st.integers(0, len(looked_at) - 2), unique=True)) if len(looked_at) > 2 else []
    words.keep(kept)
    words.add(at(held, looked_at[-1]))
    expected = [place for place, number in enumerate(kept) if looked_at[number] in changing]
    assert words.changed() == expected
    held[looked_at[-1]] += ROOM
    assert words.changed() == [len(kept)]


def test_a_stretch_is_as_many_words_as_it_is_long() -> None:
    """One behind it is not looked at; and none at all is nothing."""
    held = array("Q", range(ROOM))
    words = Words()
    assert words.changed() == []
    words.add(at(held, 3, 4))
    held[2] = held[5] = held[7] = 0
    assert words.changed() == [2]
    words.keep([])
    assert words.changed() == []
