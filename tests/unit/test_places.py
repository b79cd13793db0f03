"""A place is never given twice, and always the one with the least number that is free."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from testcache.recording.places import Places

NAMES = st.sampled_from(["f", "f~2", "g", "f~x", "f~2~2"])


@given(st.lists(st.tuples(st.booleans(), NAMES, st.integers(0, 30)), max_size=60))
def test_the_least_that_is_free(steps: list[tuple[bool, str, int]]) -> None:
    """As if each number had been tried from the first one on."""
    places, taken = Places(), list[str]()
    for drops, name, at in steps:
        if drops and taken:
            places.drop(taken.pop(at % len(taken)))
        elif not drops:
            number, expected = 1, name
            while expected in taken:
                number += 1
                expected = f"{name}~{number}"
            assert places.take(name) == expected
            taken.append(expected)
