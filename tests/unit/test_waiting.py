"""Tests that wait: who of them may be replayed, once it is known what the others have left this time."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import pytest

from testcache.model import COLLECTED, STEP, Decision, Digest, Found, Hit, Leftover, Miss, NodeId, Result, Trace
from testcache.reasons import Reason
from testcache.session.waiting import Settled, settle, waiting
from testcache.structs import replace

A, B, C, D = (NodeId(f"t.py::{name}") for name in "abcd")


def leftover(place: str, value: str = "1") -> Leftover:
    return Leftover(f"m.py::{place}", Digest(value.encode().ljust(16, b".")))


def found(filler: NodeId, place: str, value: str = "1") -> Found:
    return Found(filler, *leftover(place, value))


def trace(*left: Leftover, found: tuple[Found, ...] = ()) -> Trace:
    return Trace((), "passed", (), 0.1, 1.0, left=frozenset(left), found=frozenset(found))


def waits(*all_found: Found, left: tuple[Leftover, ...] = ()) -> Miss:
    return Miss(Reason.LEFTOVER, (), trace(*left, found=all_found), all_found)


def ran(node: NodeId, *left: Leftover, passed: bool = True, problem: str = "") -> Result:
    problems = ((problem, ""),) if problem else ()
    recorded = trace(*left) if passed and not problem else None
    return Result("t.py", node, recorded, problems, 0.1, 1.0, frozenset(left))


def replayed(tests: dict[NodeId, Miss], *results: Result, order: tuple[NodeId, ...] = ()) -> set[NodeId]:
    return set(settle(tests, {result.node_id: result for result in results}, order).hits)


def test_only_misses_that_wait_are_waiting() -> None:
    """Hits and other misses are not."""
    tests: dict[NodeId, Decision] = {A: Hit(trace()), B: Miss(Reason.NEW), C: waits(found(A, "P"))}
    assert waiting(tests, [A, B, C]) == {C: tests[C]}


@pytest.mark.parametrize("order", [[C, A, B], [B, C]], ids=["behind", "gone"])
def test_nobody_waits_for_who_does_not_come_before(order: list[NodeId]) -> None:
    """The test runs in its turn."""
    assert waiting({C: waits(found(A, "P"))}, order) == {}


@pytest.mark.parametrize(
    ("result", "replay"),
    [
        (ran(A, leftover("P")), True),
        (ran(A, leftover("P"), leftover("Q", "7")), True),
        (ran(A, leftover("P", "2")), False),
        (ran(A), False),
        (ran(A, leftover("P"), passed=False), True),
        (ran(A, leftover("P"), problem="network"), True),
        (ran(B, leftover("P", "2")), False),
    ],
    ids=["the same", "the same and more", "another value", "nothing", "it failed", "not stored", "it did not run"],
)
def test_it_is_replayed_if_its_filler_left_the_same_again(result: Result, replay: bool) -> None:
    """A filler that left something else has its reader run; one that failed may have left the same."""
    assert replayed({C: waits(found(A, "P"))}, result) == ({C} if replay else set())


def at_the_end(filler: NodeId, place: str) -> Found:
    return found(filler, place)._replace(late=True)


@pytest.mark.parametrize(
    ("value", "hits"), [("1", {B, C, D}), ("2", set())], ids=["the same again", "something else for the last"]
)
def test_what_the_end_of_a_fixture_found_is_no_circle(value: str, hits: set[NodeId]) -> None:
    """Two tests that rest on each other so are replayed together or not at all, and with them who rests on them."""
    tests = {
        B: waits(found(A, "P"), at_the_end(D, "R"), left=(leftover("Q"),)),
        C: waits(found(B, "Q")),
        D: waits(found(A, "S"), found(B, "Q"), left=(leftover("R"),)),
    }
    assert replayed(tests, ran(A, leftover("P"), leftover("S", value)), order=(A, B, C, D)) == hits


def test_what_is_replayed_is_what_it_waited_with() -> None:
    """The trace whose own inputs are unchanged."""
    tests = {B: waits(found(A, "P"))}
    assert settle(tests, {A: ran(A, leftover("P"))}, ()).hits == {B: tests[B].nearest}


def test_in_the_order_of_the_run_each_test_is_looked_at_once() -> None:
    """Fifty tests, each resting on all before it and on one that is replayed: of that one is asked fifty times."""
    asked: list[Found] = []

    def is_left(one: Found) -> bool:
        asked.append(one)
        return True

    nodes = tuple(NodeId(f"t.py::{number}") for number in range(50))
    tests = {
        node: waits(found(A, "P"), *(found(before, before) for before in nodes[:number]), left=(leftover(node),))
        for number, node in enumerate(nodes)
    }
    assert settle(tests, {}, nodes, is_left=is_left).hits.keys() == set(nodes)
    assert len(asked) == len(nodes)


@pytest.mark.parametrize(
    ("order", "replay"),
    [((A, B, C), False), ((A, C, B), True), ((B, A, C), True)],
    ids=["between the two", "behind both", "before both"],
)
def test_nobody_may_have_changed_it_since(order: tuple[NodeId, ...], replay: bool) -> None:
    """A test that runs between a filler and its reader may leave something else in the same place now."""
    tests = {C: waits(found(A, "P"))}
    results = ran(A, leftover("P")), ran(B, leftover("P", "2"))
    assert replayed(tests, *results, order=order) == ({C} if replay else set())


def test_all_that_it_waits_for_must_be_left() -> None:
    """One thing that is not left is enough to run."""
    tests = {C: waits(found(A, "P"), found(B, "Q"))}
    assert replayed(tests, ran(A, leftover("P")), ran(B, leftover("Q"))) == {C}
    assert replayed(tests, ran(A, leftover("P")), ran(B, leftover("Q", "2"))) == set()


def test_another_test_may_have_left_it_first() -> None:
    """The filler came second in its process and found it done; then that one counts as the filler from now on."""
    hits = settle({C: waits(found(A, "P"))}, {A: ran(A), B: ran(B, leftover("P"))}, ()).hits
    assert hits[C].found == {found(B, "P")}


def test_if_others_left_different_things_nobody_knows_which_it_would_find() -> None:
    """Unknown means run."""
    results = ran(A), ran(B, leftover("P")), ran(D, leftover("P", "2"))
    assert replayed({C: waits(found(A, "P"))}, *results) == set()


class TestRows:
    """Tests that wait for tests that wait."""

    def test_a_replayed_filler_leaves_what_it_left(self) -> None:
        """A ran and left the same: B is replayed, so C is, too."""
        tests = {C: waits(found(B, "Q")), B: waits(found(A, "P"), left=(leftover("Q"),))}
        assert replayed(tests, ran(A, leftover("P"))) == {B, C}

    def test_a_filler_that_runs_takes_those_behind_it_along(self) -> None:
        """A left something else: B must run, and what it leaves is not known yet, so C runs as well."""
        tests = {C: waits(found(B, "Q")), B: waits(found(A, "P"), left=(leftover("Q"),))}
        assert replayed(tests, ran(A, leftover("P", "2"))) == set()

    def test_who_waits_for_one_that_must_run_now_goes_on_waiting(self) -> None:
        """B may leave the same as before; only if more of what C found is known to have changed does C run at once."""
        tests = {C: waits(found(B, "Q")), B: waits(found(A, "P"), left=(leftover("Q"),))}
        assert settle(tests, {A: ran(A, leftover("P", "2"))}, ()).blocked == {C}
        tests[C] = waits(found(B, "Q"), found(A, "P"))
        assert settle(tests, {A: ran(A, leftover("P", "2"))}, ()).blocked == set()

    def test_who_finds_something_else_runs_now_whomever_it_waits_for(self) -> None:
        """A has left something between the filler, which is replayed, and C: no need to know what B will leave."""
        waiting = waits(found(B, "Q"))
        trace = waiting.nearest
        assert trace is not None
        tests = {
            C: Miss(Reason.LEFTOVER, (), replace(trace, found=trace.found | {found(D, "P")}), waiting.waits_for),
            B: waits(found(A, "R")),
        }
        settled = settle(tests, {A: ran(A, leftover("P", "2"))}, (D, A, B, C))
        assert settled.hits == {}
        assert settled.blocked == set()

    def test_of_those_that_wait_for_one_another_the_first_runs(self) -> None:
        """It may leave what the others found, whoever of them was the first to do so when they were recorded."""
        tests = {C: waits(found(B, "P")), B: waits(found(D, "P")), D: waits(found(C, "P"))}
        assert settle(tests, {A: ran(A)}, (A, B, C, D)).blocked == {C, D}
        results = {A: ran(A), B: ran(B, leftover("P"))}
        assert settle({C: tests[C], D: tests[D]}, results, (A, B, C, D)).hits.keys() == {C, D}

    def test_a_replayed_filler_that_left_something_else_is_none(self) -> None:
        """What it left is what its trace says."""
        tests = {C: waits(found(B, "Q")), B: waits(found(A, "P"), left=(leftover("Q", "2"),))}
        assert replayed(tests, ran(A, leftover("P"))) == {B}

    def test_two_that_wait_for_one_another_run(self) -> None:
        """Nobody else can show that either of them holds."""
        tests = {
            B: waits(found(C, "Q"), left=(leftover("P"),)),
            C: waits(found(B, "P"), left=(leftover("Q"),)),
            D: waits(found(A, "P")),
        }
        assert replayed(tests, ran(A, leftover("P"))) == {D}

    @pytest.mark.parametrize("step", [1, -1])
    def test_thousands_in_a_row(self, step: int) -> None:
        """Each waits for the one before it, in whatever order they stand."""
        nodes = [NodeId(f"t.py::test[{number}]") for number in range(3000)]
        tests = {
            node: waits(
                found(nodes[number - 1] if number else A, "P", str(number)), left=(leftover("P", str(number + 1)),)
            )
            for number, node in list(enumerate(nodes))[::step]
        }
        assert replayed(tests, ran(A, leftover("P", "0"))) == set(nodes)
        assert replayed(tests, ran(A, leftover("P", "x"))) == set()


def counted(place: str, by: str, value: str) -> tuple[Leftover, Leftover]:
    """A step, and the value that came of it."""
    return leftover(place + STEP, by), leftover(place, value)


class TestSteps:
    """A counter that A, B and D count up in this order; C reads it behind B."""

    recorded: ClassVar = {
        A: trace(*counted("P", "+1", "1")),
        B: trace(*counted("P", "+1", "2"), found=(found(A, "P", "1"),)),
    }
    order = (A, B, D, C)

    def settle(self, *results: Result, left: Collection[Found] = (), reads: tuple[Found, ...] = ()) -> Settled:
        tests = {C: waits(*(reads or (found(B, "P", "2"),)))}
        by_node = {result.node_id: result for result in results}
        return settle(tests, by_node, self.order, self.recorded, left.__contains__)

    def test_the_same_step_leaves_the_same_if_those_before_do(self) -> None:
        """B ran alone, and counted from the beginning; A is replayed."""
        done = self.settle(ran(B, *counted("P", "+1", "1")), left={found(A, "P", "1")})
        assert set(done.hits) == {C}
        carried = done.carried[B].of(trace(*counted("P", "+1", "1")))
        assert carried.left == set(counted("P", "+1", "2"))
        assert carried.found == {found(A, "P", "1")}

    def test_if_both_ran(self) -> None:
        """What A left is carried forward first."""
        done = self.settle(ran(A, *counted("P", "+1", "1")), ran(B, *counted("P", "+1", "2")))
        assert set(done.hits) == {C}

    @pytest.mark.parametrize(
        ("results", "left"),
        [
            ([ran(B, *counted("P", "+2", "0+2"))], {found(A, "P", "1")}),
            ([ran(B, *counted("P", "+1", "1"))], set()),
            ([ran(A, *counted("P", "+2", "0+2")), ran(B, *counted("P", "+1", "0+2+1"))], set()),
            ([ran(A, *counted("P", "+2", "0+2")), ran(B)], set()),
            ([ran(B, *counted("P", "+1", "1")), ran(D, *counted("P", "+1", "2"))], {found(A, "P", "1")}),
        ],
        ids=["another step", "nothing before", "another step before", "no step", "another test between"],
    )
    def test_anything_else_has_the_reader_run(self, results: list[Result], left: set[Found]) -> None:
        """It may find another number."""
        assert self.settle(*results, left=left).hits == {}

    def test_a_new_test_before_the_first(self) -> None:
        """A found nothing, and would now."""
        self.order = (D, A, B, C)
        new, first, second = counted("P", "+1", "1"), counted("P", "+1", "2"), counted("P", "+1", "3")
        done = self.settle(ran(D, *new), ran(A, *first), ran(B, *second))
        assert done.hits == {}
        assert done.carried == {}

    def test_who_is_not_stored_is_known_by_its_step(self) -> None:
        """C rests on the step of B and on what A left; a new test between A and B changes that."""
        reads = found(A, "P", "1"), found(B, "P" + STEP, "+1")
        alone = ran(B, *counted("P", "+1", "1"), passed=False)
        assert set(self.settle(alone, left={found(A, "P", "1")}, reads=reads).hits) == {C}
        self.order = (A, D, B, C)
        new = ran(D, *counted("P", "+1", "1"))
        alone = ran(B, *counted("P", "+1", "2"), passed=False)
        assert self.settle(new, alone, left={found(A, "P", "1")}, reads=reads).hits == {}


@pytest.mark.parametrize(
    ("at", "results", "replay"),
    [
        ("", [], False),
        (B, [], True),
        (C, [], False),
        (D, [], False),
        ("t.py::gone", [], False),
        (B, [ran(B)], False),
        (COLLECTED, [], True),
    ],
    ids=[
        "itself",
        "before",
        "by who leaves something else",
        "later",
        "gone",
        "by one that runs",
        "while it was collected",
    ],
)
def test_what_was_found_for_a_fixture_stays(at: str, results: list[Result], replay: bool) -> None:
    """Only those count that leave something else there before the test in whose time it was set up."""
    early = found(A, "P")._replace(at=NodeId(at))
    tests = {D: waits(early, found(C, "Q"))}
    others = [ran(A, leftover("P")), ran(C, leftover("Q"), leftover("P", "7")), *results]
    assert (D in replayed(tests, *others, order=(A, B, C, D))) is replay
