"""What of a test counts by its rows of parameters."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testcache.code.parameters import row_of
from testcache.code.source import Source, parse

TEXT = st.text(st.characters(exclude_characters="_"))  # a file that says `__dict__` may look at all that is in it
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=6,
)
BODY = "def test_it(a, b): assert a == b\n"


def source(rows: str, names: str = '"a, b"') -> Source:
    text = f"import pytest\n@pytest.mark.parametrize({names}, {rows})\n{BODY}"
    return parse(text.encode("utf-8", "surrogatepass"), collected=True)


@settings(deadline=None)
@given(
    st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4), st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4)
)
def test_a_test_without_its_rows_is_the_same(
    rows: list[tuple[object, object]], others: list[tuple[object, object]]
) -> None:
    """And the whole table is another one, if a row is."""
    one, other = source(repr(rows)), source(repr(others))
    assert one.blocks["test_it"] == other.blocks["test_it"]
    assert (one.blocks["test_it[0*]"] == other.blocks["test_it[0*]"]) == (repr(rows) == repr(others))


def test_what_is_not_plain_stays_in_the_test() -> None:
    """It counts for all of its tests."""
    for rows in ("[(1, f())]", "[(1, 2)] + []", "[*ROWS]", "[(1, {2})]", "[(1, 2, 3)]", "[1]", "ROWS", "[(1, not 2)]"):
        assert source(rows).tables == {}, rows
    for names in ("NAMES", '"a,"', '["a"]', "()"):
        assert source("[(1, 2)]", names).tables == {}, names
    assert source("[(1, 2)]", '("a", "b")').tables == {"test_it": (("a", "b"),)}
    assert source("[(1, -2)]").tables == {"test_it": (("a", "b"),)}


@pytest.mark.parametrize(
    ("rows", "name", "values", "is_found"),
    [
        ("[(1, 'x'), (2, 'x')]", "2-x", (2, "x"), True),
        ("[(1, 'x'), (2, 'x')]", "low0-2-x-other", (2, "x"), True),
        ("[(1, 'x'), (2, 'x')]", "2-x", (2, "y"), False),
        ("[(1, [2]), (2, [2])]", "2-b1", (2, [2]), True),
        ("[(1, [2]), (2, [2])]", "2-b0", (2, [2]), False),
        ("[(1, 'x'), ('1', 'x')]", "1-x0", (1, "x"), False),
        ("[(None, -1.5), ('', b'\\xff')]", "None--1.5", (None, -1.5), True),
        ("[(None, -1.5), ('', b'\\xff')]", "-\\xff", ("", b"\xff"), True),
        ("[('\u00e9\\n', 1)]", "\\xe9\\n-1", ("\u00e9\n", 1), True),
    ],
)
def test_a_row_is_found_by_what_names_its_test(
    rows: str, name: str, values: tuple[object, ...], is_found: bool
) -> None:
    """If it has these values, and no other row has its name."""
    found = row_of(source(rows).blocks, "test_it", 0, values, name)
    assert (found != "test_it[0*]") == is_found
