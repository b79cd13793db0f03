"""Facts as lines: words for inputs, values, numbers and times."""

from __future__ import annotations

from collections import Counter

import pytest

from testcache.model import ABSENT, Change, Digest, Hit, Input, Kind, Miss, NodeId, Trace
from testcache.reasons import Reason
from testcache.report import (
    NOUNS,
    closing_line,
    decision_lines,
    headline,
    number,
    place,
    python_of,
    seconds,
    size,
    values,
)

OLD, NEW = Digest(bytes(range(16))), Digest(bytes(range(16, 32)))
NODE = NodeId("tests/test_a.py::test_a")


def change(kind: Kind, name: str, recorded: Digest = OLD, now: Digest = NEW) -> Change:
    return Change(Input(kind, name), recorded, now)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123, "12 ms"), (0.44, "0.4 s"), (41.3, "41 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_rounded_to_what_matters(value: float, text: str) -> None:
    """A duration has one or two figures, not eight."""
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(640, "640 bytes"), (1500, "1.5 KiB"), (300_000, "293 KiB"), (5 << 30, "5.0 GiB")]
)
def test_sizes_have_a_unit(value: int, text: str) -> None:
    """Bytes are told in the unit that settings use."""
    assert size(value) == text


def test_numbers_agree_with_their_nouns() -> None:
    """One test, two tests, three entries, four days."""
    assert [number(1, "test"), number(2, "test"), number(3, "entry"), number(4, "day")] == [
        "1 test",
        "2 tests",
        "3 entries",
        "4 days",
    ]


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (Kind.BLOCK, "src/a.py::login", "src/a.py, function login"),
        (Kind.BLOCK, "src/a.py::User.login", "src/a.py, function User.login"),
        (Kind.BLOCK, "tests/test_a.py::TestUser", "tests/test_a.py, class TestUser"),
        (Kind.BLOCK, "src/a.py::login#2", "src/a.py, function login (definition 2)"),
        (Kind.BLOCK, "tests/test_a.py::*", "tests/test_a.py, outside its functions"),
        (Kind.BODY, "src/a.py", "src/a.py, outside its functions"),
        (Kind.MODULE, "shop.tax@src:*", "where module shop.tax is found"),
        (Kind.DISTRIBUTION, "*", "which distributions are installed"),
        (Kind.VARIABLE, "TZ", "environment variable TZ"),
    ],
)
def test_an_input_has_words(kind: Kind, name: str, text: str) -> None:
    """Messages name an input as a reader knows it, without the marks of stored names."""
    assert place(change(kind, name)) == text


def test_every_kind_of_input_has_words() -> None:
    """No kind is left without words, or without a noun to count it by."""
    assert set(NOUNS) == set(Kind)
    assert all(place(change(kind, "a.py::b")) for kind in Kind)


def test_both_values_are_told() -> None:
    """Fingerprints by their first digits, absence in words, and no value of a variable at all."""
    assert values(change(Kind.FILE, "a")) == "00010203 -> 10111213"
    assert values(change(Kind.FILE, "a", ABSENT, NEW)) == "absent -> 10111213"
    assert values(change(Kind.EXISTS, "a", Digest(b"f"), ABSENT)) == "there -> absent"
    assert values(change(Kind.VARIABLE, "A")) == "set -> another value"
    assert values(change(Kind.VARIABLE, "A", ABSENT, NEW)) == "unset -> set"
    assert values(change(Kind.VARIABLE, "A", OLD, ABSENT)) == "set -> unset"


def test_a_headline_stands_alone() -> None:
    """The first line of a message has the subject, what happened and the slug."""
    assert headline(NODE, "miss", Reason.NEW) == (
        f"testcache: {NODE}: miss: this test has no recorded result here [new]"
    )


def test_a_decision_is_told_with_its_evidence() -> None:
    """A hit is one line; a miss shows some differences and counts the rest."""
    trace = Trace((), "passed", (), 0.0, 0.0)
    assert len([*decision_lines(NODE, Hit(trace))]) == 1
    changes = tuple(change(Kind.FILE, name) for name in "abcde")
    lines = [*decision_lines(NODE, Miss(Reason.INPUT_CHANGED, changes, trace))]
    assert lines[0].endswith("[input-changed]")
    assert lines[1:] == [f"    file {name}: 00010203 -> 10111213" for name in "abc"] + ["    and 2 more"]


def test_the_closing_line_counts_everything_once() -> None:
    """Hits, misses by reason and uncacheable tests are told apart."""
    ran = Counter({Reason.INPUT_CHANGED: 8, Reason.INPUT_GONE: 1, Reason.NEW: 3})
    line = closing_line(402, 388, ran, Counter({Reason.NETWORK: 2}), 41.0)
    assert line == ("testcache: 402 tests: 388 cached, 12 run (9 changed, 3 new), 2 uncacheable; about 41 s saved")


def test_the_interpreter_is_named_as_people_do() -> None:
    """A recorded environment says Python 3.12.4, or which other Python it was."""
    assert python_of({"python": "cpython 3.12.4 (main, Jan 1 2026)"}) == "Python 3.12.4"
    assert python_of({"python": "pypy 3.11.1 (x)"}) == "pypy 3.11.1"
    assert python_of({}) == "an unknown Python"


@pytest.mark.parametrize("noun", NOUNS.values())
def test_each_kind_of_input_can_be_counted(noun: str) -> None:
    """Its plural is a word: `2 definition sets`, not `2 set of definitionss`."""
    *before, last = number(2, noun).removeprefix("2 ").split()
    assert last.endswith("s")
    assert not last.endswith("ss")
    assert "of" not in before
