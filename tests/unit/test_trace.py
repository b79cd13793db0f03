"""Deciding: what a test found in memory must have been left by traces that hold themselves."""

from __future__ import annotations

from typing import Any

import pytest

from testcache.model import Digest, Found, Hit, Input, Kind, Leftover, Miss, NodeId, Read, Trace
from testcache.reasons import Reason
from testcache.structs import replace
from testcache.trace import Verifier

A, B, C, D = (NodeId(f"t.py::{name}") for name in "abcd")


def value(text: str) -> Digest:
    return Digest(text.encode().ljust(16, b"."))


def leftover(place: str, text: str = "1") -> Leftover:
    return Leftover(f"m.py::{place}", value(text))


def found(filler: NodeId, place: str, text: str = "1") -> Found:
    return Found(filler, *leftover(place, text))


def trace(reads: str = "", left: tuple[Leftover, ...] = (), found: tuple[Found, ...] = (), age_s: float = 0.0) -> Trace:
    """A trace that read some files: those in capitals have changed since."""
    files = frozenset(Read(Input(Kind.FILE, name.lower()), value(name)) for name in reads)
    return Trace((files,), "passed", (), 0.1, 100.0, max_age_s=age_s, left=frozenset(left), found=frozenset(found))


def verifier(traces: dict[NodeId, list[Trace]], *, learns: bool = True) -> Verifier:
    return Verifier(lambda asked: value(asked.name), traces_of=lambda node: traces.get(node, ()), learns=learns)


def decide(traces: dict[NodeId, list[Trace]], node: NodeId, *, learns: bool = True) -> Hit | Miss:
    return verifier(traces, learns=learns).decide(traces[node], now_s=200.0)


def test_a_miss_names_what_has_changed_since_the_trace_that_is_nearest() -> None:
    """After work on another branch, whose trace is the newest, an edit here is told, and not that branch."""
    traces = {A: [trace("XYz"), trace("xY"), trace("XyZ")]}
    miss = decide(traces, A)
    assert isinstance(miss, Miss)
    assert miss.nearest is traces[A][1]
    assert [change.input.name for change in miss.changes] == ["y"]


class TestWaiting:
    """A hit, or a miss that names what it waits for."""

    def test_what_a_trace_that_holds_has_left_is_there(self) -> None:
        """The filler is unchanged: both are replayed."""
        traces = {A: [trace("x", left=(leftover("P"),))], B: [trace("y", found=(found(A, "P"),))]}
        assert decide(traces, B) == Hit(traces[B][0])

    @pytest.mark.parametrize(
        "fillers",
        [
            [],
            [trace("X", left=(leftover("P"),))],
            [trace("x", left=(leftover("P", "2"),))],
            [trace("x", left=(leftover("Q"),))],
            [trace("X", left=(leftover("P"),)), trace("x", left=(leftover("P", "2"),))],
        ],
        ids=["unknown", "changed", "another value", "another place", "each has something else"],
    )
    def test_it_waits_for_a_filler_that_does_not_hold_or_leaves_something_else(self, fillers: list[Trace]) -> None:
        """One trace of the filler must hold and have left just this."""
        traces = {A: fillers, B: [trace("y", found=(found(A, "P"),))]}
        assert decide(traces, B) == Miss(Reason.LEFTOVER, (), traces[B][0], (found(A, "P"),))

    def test_any_trace_of_the_filler_will_do(self) -> None:
        """A filler with several traces: an older one, which holds, has left it."""
        fillers = [trace("X", left=(leftover("P", "2"),)), trace("x", left=(leftover("P"),))]
        assert isinstance(decide({A: fillers, B: [trace(found=(found(A, "P"),))]}, B), Hit)

    def test_another_trace_of_the_same_test_that_need_not_wait_is_a_hit(self) -> None:
        """A test is only waiting if none of its traces holds in full."""
        traces = {A: [], B: [trace("y", found=(found(A, "P"),)), trace("z")]}
        assert decide(traces, B) == Hit(traces[B][1])

    def test_its_own_inputs_come_first(self) -> None:
        """Whose own inputs have changed runs at once."""
        decision = decide({A: [], B: [trace("Y", found=(found(A, "P"),))]}, B)
        assert isinstance(decision, Miss)
        assert decision.reason is Reason.INPUT_CHANGED
        assert not decision.waits_for

    def test_only_what_is_missing_is_waited_for(self) -> None:
        """What is there is not named, and the rest is sorted."""
        traces = {
            A: [trace("x", left=(leftover("P"),))],
            C: [trace(found=(found(B, "R"), found(A, "P"), found(B, "Q")))],
        }
        decision = decide(traces, C)
        assert isinstance(decision, Miss)
        assert decision.waits_for == (found(B, "Q"), found(B, "R"))

    def test_what_a_filler_found_counts_for_those_behind_it(self) -> None:
        """C rests on B, and B on A: if A has changed both wait, each for the one before it."""
        second = trace("y", left=(leftover("Q"),), found=(found(A, "P"),))
        traces = {A: [trace("X", left=(leftover("P"),))], B: [second], C: [trace(found=(found(B, "Q"),))]}
        behind, last = decide(traces, B), decide(traces, C)
        assert isinstance(behind, Miss)
        assert isinstance(last, Miss)
        assert behind.waits_for == (found(A, "P"),)
        assert last.waits_for == (found(B, "Q"),)

    def test_an_expired_filler_is_waited_for(self) -> None:
        """It will run, and nobody knows what it leaves then."""
        fresh, old = (trace("x", left=(leftover("P"),), age_s=age_s) for age_s in (500.0, 50.0))
        waiting = [trace(found=(found(A, "P"),))]
        assert isinstance(decide({A: [fresh], B: waiting}, B), Hit)
        assert isinstance(decide({A: [old], B: waiting}, B), Miss)


class TestIndifferent:
    """Who has passed with two states of what libraries keep does not wait for a third."""

    ran = trace("x", left=(leftover("P!", "3"),))

    @pytest.mark.parametrize(
        ("other", "shown"),
        [
            ({"reads": "y", "found": (found(A, "P!", "2"),)}, True),
            ({"reads": "yz", "found": (found(A, "P!", "2"),)}, True),
            ({"reads": "y"}, False),
            ({"reads": "y", "found": (found(A, "R!", "2"),)}, False),
            ({"reads": "y", "found": (found(C, "P!", "1"),)}, False),
            ({"reads": "Y", "found": (found(A, "P!", "2"),)}, False),
            ({"reads": "y", "found": (found(A, "P!", "2"),), "outcome": "skipped"}, False),
        ],
        ids=["another state", "other reads", "nothing", "elsewhere", "the same state", "other code", "another outcome"],
    )
    def test_two_states(self, other: dict[str, Any], shown: bool) -> None:
        """Both traces hold, and ended in the same way."""
        first = trace("y", found=(found(A, "P!", "1"),))
        second = replace(trace(other["reads"], found=other.get("found", ())), outcome=other.get("outcome", "passed"))
        places = verifier({}).indifferent_to(first, [first, second])
        assert places == ({"m.py::P!"} if shown else set())

    def test_what_the_project_knows_matters_all_the_same(self) -> None:
        """The miss says that it does not wait for the rest."""
        traces = [trace("y", found=(found(A, "P!", text), found(A, "Q"))) for text in "12"]
        assert decide({A: [self.ran], B: traces}, B) == Miss(
            Reason.LEFTOVER, (), traces[0], (found(A, "Q"),), frozenset({found(A, "P!", "1")})
        )

    def test_only_where_that_may_be_concluded(self) -> None:
        """Else it waits for what it found."""
        traces = [trace("y", found=(found(A, "P!", text),)) for text in "12"]
        assert decide({A: [self.ran], B: traces}, B) == Hit(traces[0])
        waits = Miss(Reason.LEFTOVER, (), traces[0], (found(A, "P!", "1"),))
        assert decide({A: [self.ran], B: traces}, B, learns=False) == waits

    def test_each_interior_by_itself(self) -> None:
        """That one does not matter says nothing about another."""
        traces = [trace("y", found=(found(A, "P!", text), found(A, "Q!"))) for text in "12"]
        assert decide({A: [self.ran], B: traces}, B) == Miss(
            Reason.LEFTOVER, (), traces[0], (found(A, "Q!"),), frozenset({found(A, "P!", "1")})
        )

    def test_a_filler_that_is_indifferent(self) -> None:
        """What it left is there, whatever it had found."""
        fillers = [trace("y", left=(leftover("Q"),), found=(found(A, "P!", text),)) for text in "12"]
        traces = {A: [self.ran], B: fillers, C: [trace("z", found=(found(B, "Q"),))]}
        assert decide(traces, C) == Hit(traces[C][0])


class TestCycles:
    """Two tests may have found what the other one left, in different runs."""

    def test_two_tests_that_only_rest_on_one_another_wait(self) -> None:
        """Neither has been the first: nobody knows where it comes from."""
        traces = {
            A: [trace("x", left=(leftover("P"),), found=(found(B, "Q"),))],
            B: [trace("y", left=(leftover("Q"),), found=(found(A, "P"),))],
        }
        assert isinstance(decide(traces, A), Miss)
        assert isinstance(decide(traces, B), Miss)

    def test_what_was_found_when_a_test_had_ended_closes_no_circle(self) -> None:
        """The teardown of a fixture came upon it: that counts for the test, and not for what the test has left."""
        late = found(B, "Q")._replace(late=True)
        traces = {
            A: [trace("x", left=(leftover("P"),), found=(late,))],
            B: [trace("y", left=(leftover("Q"),), found=(found(A, "P"),))],
        }
        assert isinstance(decide(traces, A), Hit)
        assert isinstance(decide(traces, B), Hit)
        traces[B] = [trace("Y", left=(leftover("Q"),), found=(found(A, "P"),))]
        miss = decide(traces, A)
        assert isinstance(miss, Miss)
        assert miss.waits_for == (late,)

    @pytest.mark.parametrize("order", [(A, B, C), (C, B, A), (B, A, C)])
    def test_a_cycle_with_a_beginning_holds(self, order: tuple[NodeId, ...]) -> None:
        """One of them once ran without the other: all are hits, in whatever order they are decided."""
        traces = {
            A: [trace("x", left=(leftover("P"),), found=(found(B, "Q"),))],
            B: [trace("y", left=(leftover("Q"),), found=(found(A, "P"),)), trace("y", left=(leftover("Q"),))],
            C: [trace("z", found=(found(A, "P"), found(B, "Q")))],
        }
        asked = verifier(traces)
        decisions = [asked.decide(traces[node], now_s=200.0) for node in order]
        assert all(isinstance(decision, Hit) for decision in decisions)

    def test_a_test_does_not_hold_by_itself(self) -> None:
        """What it once found of its own is left by another trace of it, or not at all."""
        alone = trace("x", left=(leftover("P"),), found=(found(A, "P"),))
        assert isinstance(decide({A: [alone]}, A), Miss)
        assert isinstance(decide({A: [alone, trace("x", left=(leftover("P"),))]}, A), Hit)

    def test_thousands_of_tests_in_a_row(self) -> None:
        """Each found what the one before left, as with a counter: the last one can be asked about first."""
        nodes = [NodeId(f"t.py::test[{number}]") for number in range(3000)]
        traces = {
            node: [
                trace(
                    left=(leftover("COUNT", str(number)),),
                    found=(found(nodes[number - 1], "COUNT", str(number - 1)),) if number else (),
                )
            ]
            for number, node in enumerate(nodes)
        }
        assert isinstance(decide(traces, nodes[-1]), Hit)
        traces[nodes[0]] = []
        assert isinstance(decide(traces, nodes[-1]), Miss)


class TestFillers:
    """All that a replayed test rests on."""

    def test_all_of_them_are_given_once(self) -> None:
        """Also those behind the fillers, which two of them share."""
        first = trace("x", left=(leftover("P"),))
        left, right = (trace(name, left=(leftover(name),), found=(found(A, "P"),)) for name in "qr")
        last = trace(found=(found(B, "q"), found(C, "r")))
        fillers = verifier({A: [first], B: [left], C: [right]}).fillers({D: last})
        assert fillers is not None
        assert sorted(map(id, fillers)) == sorted(map(id, (first, left, right)))

    def test_a_missing_one_makes_the_whole_unknown(self) -> None:
        """Then it has to be looked at in full the next time."""
        second = trace("y", left=(leftover("Q"),), found=(found(A, "P"),))
        assert verifier({B: [second]}).fillers({D: trace(found=(found(B, "Q"),))}) is None

    def test_without_anything_found_there_are_none(self) -> None:
        """Most tests."""
        assert verifier({}).fillers({D: trace("x")}) == ()

    def test_in_a_cycle_the_trace_that_began_it_is_given(self) -> None:
        """Whatever is given leads to traces that found nothing."""
        first, later = trace("y", left=(leftover("Q"),)), trace("y", left=(leftover("Q"),), found=(found(A, "P"),))
        second = trace("x", left=(leftover("P"),), found=(found(B, "Q"),))
        fillers = verifier({A: [second], B: [later, first]}).fillers({D: trace(found=(found(A, "P"),))})
        assert fillers is not None
        assert first in fillers
