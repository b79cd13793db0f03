"""Runs of watched functions are bracketed, whatever happens inside them."""

from __future__ import annotations

import coverage
import pytest
from programs import Session, void

from testcache.recording.recorder import Place

pytest_plugins = ["programs"]
pytestmark = [
    pytest.mark.skipif(coverage.Coverage.current() is not None, reason="measures coverage itself"),
    pytest.mark.usefixtures("bytecode"),
]


def test_an_extent_brackets_each_run_of_a_watched_function(bracketing: Session) -> None:
    """entered comes before and left after, in the order of the calls."""
    line = bracketing.program.line
    bracketing.recorder.watch(str(bracketing.program.path), [line("plain"), line("caller")])
    module = bracketing.load()
    bracketing.listener.heard.clear()
    module.caller()
    plain, caller = line("plain"), line("caller")
    assert bracketing.listener.heard == [
        ("entered", caller),
        *[("entered", plain), ("left", plain)] * 2,
        ("left", caller),
    ]


def test_a_function_can_be_watched_after_it_ran(bracketing: Session) -> None:
    """watch also holds for code that was executed before, and only from then on."""
    module = bracketing.load()
    module.recursive(1)
    assert bracketing.listener.heard == []
    line = bracketing.program.line("recursive")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module.recursive(1)
    assert bracketing.listener.heard == [("entered", line)] * 2 + [("left", line)] * 2


def test_takes_inside_the_callbacks_divide_what_ran(bracketing: Session) -> None:
    """A take at entered and at left gives the extent's own functions; the mark of the function too."""
    parts: list[set[str]] = []
    program = bracketing.program
    bracketing.recorder.watch(str(program.path), [program.line("caller")])
    module = bracketing.load()
    bracketing.recorder.take()
    bracketing.listener.then = lambda place: parts.append(program.names(bracketing.recorder.take()))
    module.recursive(0)
    module.caller()
    module.decorated(1)
    assert [*parts, program.names(bracketing.recorder.take())] == [
        {"recursive"},
        {"caller", "plain"},
        {"decorate", "decorated"},
    ]


def test_a_watched_function_that_raises_does_not_stay_open(bracketing: Session) -> None:
    """An extent that ended by an exception is ended at the latest by settle."""
    program = bracketing.program
    bracketing.recorder.watch(str(program.path), [program.line("fails"), program.line("plain")])
    module = bracketing.load()
    bracketing.listener.heard.clear()
    module.catches()
    bracketing.recorder.settle()
    fails, plain = program.line("fails"), program.line("plain")
    assert bracketing.listener.heard == [("entered", fails), ("left", fails)]
    module.catches()
    module.plain()
    assert bracketing.listener.heard[2:] == [
        ("entered", fails),
        ("left", fails),
        ("entered", plain),
        ("left", plain),
    ]


def test_a_watched_generator_is_bracketed_or_declared_flooded(bracketing: Session) -> None:
    """No part of a generator runs unannounced: each piece is bracketed, or flooded was called."""
    line = bracketing.program.line("numbers")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module = bracketing.load()
    list(module.numbers())
    if bracketing.recorder.name == "probes":
        assert bracketing.listener.heard == [("flooded", line)]
    else:
        assert bracketing.listener.heard == [("entered", line), ("left", line)] * 4


def test_a_function_that_runs_too_often_floods_once_in_a_period(bracketing: Session) -> None:
    """After 200 extents a function is only recorded, until the next period."""
    line = bracketing.program.line("plain")
    bracketing.recorder.watch(str(bracketing.program.path), [line])
    module = bracketing.load()
    bracketing.recorder.take()
    bracketing.listener.heard.clear()
    bracketing.listener.then = lambda place: void(bracketing.recorder.take())
    for _ in range(300):
        module.plain()
    assert bracketing.listener.heard == [*[("entered", line), ("left", line)] * 200, ("flooded", line)]
    assert bracketing.program.names(bracketing.recorder.take()) == {"plain"}
    module.plain()
    assert bracketing.listener.heard[401:] == [("entered", line), ("left", line)]


def test_functions_with_ends_are_not_bracketed(bracketing: Session) -> None:
    """Each end is told with its frame, one by an exception too, until the function is bracketed again."""
    program, listener, ends = bracketing.program, bracketing.listener, []
    bracketing.recorder.watch(str(program.path), [program.line("plain"), program.line("fails")])
    module = bracketing.load()
    listener.heard.clear()
    for name in ("plain", "fails"):
        listener.ends[program.place(name)] = lambda frame: ends.append(frame.f_code.co_name)
    assert bracketing.ran(lambda: (module.caller(), module.catches())) == {"caller", "plain", "catches", "fails"}
    assert (listener.heard, ends) == ([], ["plain", "plain", "fails"])
    listener.ends.clear()
    module.plain()
    assert [word for word, _ in listener.heard] == ["entered", "left"]


def test_a_function_is_looked_at_before_its_variables_change(bracketing: Session) -> None:
    """Before each of the lines given, and after each round of a loop, while it runs."""
    if not bracketing.recorder.looks:
        pytest.skip("probes do not look")
    line = bracketing.program.line("rebound")
    bracketing.recorder.watch(str(bracketing.program.path), [line], {line: {line + 1, line + 3, line + 5}})
    module = bracketing.load()
    bracketing.listener.heard.clear()
    for _ in range(2):
        assert module.rebound() == 2
        bracketing.recorder.take()
    lines = [number - line for word, number in bracketing.listener.heard if word == "passed"]
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert [number for number in lines[: len(lines) // 2] if number in (1, 3)] == [1, 3]
    assert lines.count(5) >= 4


def test_an_error_in_a_callback_stays_out_of_the_tested_code(bracketing: Session) -> None:
    """The tested function returns as usual, and the recorder remembers the failure."""

    def broken(place: Place) -> None:
        raise RuntimeError("ours")

    bracketing.recorder.watch(str(bracketing.program.path), [bracketing.program.line("plain")])
    bracketing.listener.then = broken
    module = bracketing.load()
    assert module.plain() == 2
    assert bracketing.recorder.failure == "RuntimeError: ours"
