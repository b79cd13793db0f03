"""What a run says of two environments."""

from __future__ import annotations

import pytest

from testcache.environments import Difference


@pytest.mark.parametrize(
    ("recorded", "now", "words"),
    [
        ("3.12.1", "3.13.0", "3.12.1 -> 3.13.0"),
        (None, "1", "absent -> 1"),
        ("", "x", '"" -> x'),
        ("0123456789abcdef", "fedcba9876543210", "01234567 -> fedcba98"),
        ("a" * 80 + "b1", "a" * 80 + "c1", f"...{'a' * 20}b1 -> ...{'a' * 20}c1"),
    ],
)
def test_both_values_are_shown(recorded: str | None, now: str | None, words: str) -> None:
    """A difference shows in its words, also far behind in a long value."""
    assert Difference("name", recorded, now).words == words
