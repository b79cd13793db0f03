"""Insides: what an object written in C keeps is read without any code of a project, and never waits."""

from __future__ import annotations

import decimal
import hashlib
import io
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy
import pytest

from testcache.recording import insides
from testcache.recording.insides import LARGEST, inside_of, look
from testcache.recording.portrait import portrait


def test_of_other_objects_nothing_is_known() -> None:
    """Also of those that are much the same, but written in Python."""
    for thing in (object(), threading.Lock(), random.SystemRandom, "text", [1]):
        assert inside_of(type(thing)) is None
        assert look(thing) == {}


Connect = Callable[..., sqlite3.Connection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connections that are closed at last: Python 3.13 warns of others."""
    with ExitStack() as stack:

        def made(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = sqlite3.connect(*args, **{"check_same_thread": False, **options})
            return stack.enter_context(closing(connection))

        yield made


class Text(io.StringIO):
    def getvalue(self) -> str:
        raise AssertionError("code of the project")

    def tell(self) -> int:
        raise AssertionError("code of the project")


class Database(sqlite3.Connection):
    def backup(self, *_: Any, **__: Any) -> None:
        raise AssertionError("code of the project")

    @property
    def total_changes(self) -> int:
        raise AssertionError("code of the project")


def test_what_a_project_adds_to_a_class_is_not_asked(connect: Connect) -> None:
    """Its methods and properties stand beside those of the class in C."""
    text = Text("x")
    before = look(text)
    text.write("yy")
    assert before != look(text) != {}
    database = connect(":memory:", factory=Database)
    before = look(database)
    database.execute("CREATE TABLE t(x)")
    assert before != look(database) != {}


def test_no_statement_is_executed_for_a_look(connect: Connect) -> None:
    """A project may trace those that it executes."""
    database = connect(":memory:")
    database.execute("CREATE TABLE t(x)")
    traced: list[str] = []
    database.set_trace_callback(traced.append)
    look(database)
    database.execute("INSERT INTO t VALUES (1)")
    del traced[:]
    look(database)
    assert not traced
    assert database.in_transaction


def test_what_is_read_does_not_count_and_what_is_put_back_is_as_it_was(connect: Connect) -> None:
    """In a transaction, too."""
    database = connect(":memory:", isolation_level=None)
    database.execute("CREATE TABLE t(x)")
    before = look(database)
    database.execute("SELECT * FROM t").fetchall()
    assert look(database) == before
    database.execute("BEGIN")
    database.execute("INSERT INTO t VALUES (1)")
    assert look(database) != before
    database.execute("ROLLBACK")
    assert look(database) == before


def test_equal_databases_are_equal_wherever_they_are(tmp_path: Path, connect: Connect) -> None:
    """So a test that leaves the same again has nobody run behind it."""

    def filled(path: str) -> sqlite3.Connection:
        database = connect(path)
        database.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (1);")
        return database

    assert look(filled(":memory:")) == look(filled(":memory:"))
    assert look(filled(str(tmp_path / "x"))) == look(filled(str(tmp_path / "y")))


def test_what_a_database_has_held_before_does_not_count(connect: Connect) -> None:
    """A suite may make all tables for each test, and drop them: nothing is left then."""
    database = connect(":memory:", isolation_level=None)
    before = look(database)
    for number in range(3):
        database.execute("CREATE TABLE t(x)")
        filled = [look(database)]
        for text in ("a", "b" * 10 * number, "c"):
            database.execute("INSERT INTO t VALUES (?)", (text,))
            filled.append(look(database))
        assert len({str(each) for each in filled}) == 4
        database.execute("DROP TABLE t")
        assert look(database) == before


def test_a_database_of_another_thread_or_too_large_a_one_counts_by_its_changes(connect: Connect) -> None:
    """What cannot be read is not compared with other processes."""

    def look_at(seen: list[dict[object, object]]) -> None:
        seen.append(look(database))

    database = connect(":memory:", isolation_level=None, check_same_thread=True)
    database.execute("CREATE TABLE t(x)")
    seen: list[dict[object, object]] = []
    thread = threading.Thread(target=look_at, args=(seen,))
    thread.start()
    thread.join()
    assert str(seen[0]["content"]).endswith(" 0")
    large = connect(":memory:", isolation_level=None)
    large.execute("CREATE TABLE t(x)")
    large.execute("INSERT INTO t VALUES (zeroblob(?))", (2 * LARGEST,))
    assert str(look(large)["content"]).endswith(" 1")


def test_a_locked_database_is_waited_for_no_longer_than_the_project_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """And not twice: a copy would be tried again until the lock is gone."""
    locked: list[int] = []
    monkeypatch.setattr(insides, "_locked", locked)
    one, other = (connect(tmp_path / "x", isolation_level=None, timeout=0.1) for _ in range(2))
    one.execute("CREATE TABLE t(x)")
    one.execute("BEGIN EXCLUSIVE")
    for _ in range(2):
        assert str(look(other)["content"]).endswith(" 0")
    assert len(locked) == 1


@pytest.mark.parametrize("make", [io.StringIO, io.BytesIO, lambda: sqlite3.connect(":memory:")])
def test_what_is_closed_keeps_nothing(make: Callable[[], Any]) -> None:
    """And raises nothing."""
    thing = make()
    assert look(thing) != {}
    thing.close()
    assert look(thing) == {}


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (lambda: io.StringIO("a"), lambda thing: thing.write("b")),
        (lambda: io.BytesIO(b"a"), lambda thing: thing.seek(1)),
        (lambda: hashlib.sha256(b"a"), lambda thing: thing.update(b"b")),
        (decimal.Context, lambda thing: thing.divide(1, 3)),
    ],
)
def test_in_a_portrait_it_counts_by_what_it_keeps(make: Callable[[], Any], change: Callable[[Any], object]) -> None:
    """In whatever list or table it lies."""
    assert portrait([make()]) == portrait([make()])
    changed = make()
    change(changed)
    assert portrait([changed]) != portrait([make()])


def test_arrays_count_by_shape_and_type_too() -> None:
    """The same bytes may mean something else; of objects those count that are in it."""
    array = numpy.zeros((2, 4), dtype="i4")
    assert look(array) == look(array.copy())
    assert look(array) != look(array.reshape(4, 2)) != look(array.view("f4")) != look(array)
    held = numpy.array([[], {}], dtype=object)
    assert look(held)["parts"] == ([], {})
