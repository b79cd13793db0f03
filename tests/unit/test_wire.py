"""Results on their way: what is packed is unpacked, once for what is shared; anything else is BadRecord."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testcache.errors import BadRecord
from testcache.model import ABSENT, Access, Digest, Found, Input, Kind, Leftover, NodeId, Read, Result, Trace
from testcache.storage import wire
from testcache.storage.journal import Journal, recover
from testcache.storage.wire import Packer, Unpacker

NAMES = st.one_of(st.text(max_size=8), st.sampled_from(["m.py::P", "t.py::a"]))
DIGESTS = st.one_of(st.just(ABSENT), st.binary(min_size=16, max_size=16).map(Digest))
LEFT = st.frozensets(st.builds(Leftover, NAMES, DIGESTS), max_size=3)
FOUND = st.frozensets(st.builds(Found, NAMES.map(NodeId), NAMES, DIGESTS), max_size=3)
READS = st.frozensets(st.builds(Read, st.builds(Input, st.sampled_from(Kind), NAMES), DIGESTS), max_size=3)


@st.composite
def results(draw: st.DrawFn) -> Result:
    left, took_s, at = draw(LEFT), draw(st.floats(0, 9)), draw(st.floats(0, 9))
    problems = tuple(draw(st.lists(st.tuples(NAMES, NAMES), max_size=2)))
    access = {
        one.place: Access(
            frozenset(draw(st.sets(NAMES))),
            frozenset(draw(st.sets(NAMES))),
            *draw(st.tuples(st.booleans(), st.booleans())),
        )
        for one in left
    }
    trace = None
    if draw(st.booleans()):
        parts, found = tuple(draw(st.lists(READS, max_size=2))), draw(FOUND)
        trace = Trace(parts, "passed", ({"when": "call"},), took_s, at, left=left, found=found, access=access)
    return Result("t.py", NodeId(draw(NAMES)), trace, problems, took_s, at, left, access)


BATCHES = st.lists(st.lists(results(), max_size=3), max_size=3)


def packed(batches: list[list[Result]]) -> list[bytes]:
    packer = Packer()
    return [packer.pack(batch) for batch in batches]


def one_result(left: list[object], found: list[object], *rows: list[object], access: Sequence[object] = ()) -> bytes:
    """A batch as another program might write it."""
    row = ["r", "t.py", "t.py::a", "passed", [], [], 0.1, 1.0, b"", 0.0, [], [], left, found, access]
    return wire._ENCODER.encode([*rows, row])


@settings(deadline=None, max_examples=60)
@given(BATCHES)
def test_what_is_packed_is_unpacked(batches: list[list[Result]]) -> None:
    """Equal after a round trip, what was left and found included, also without a trace."""
    unpacker = Unpacker()
    assert [unpacker.unpack(data) for data in packed(batches)] == batches


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(BATCHES)
def test_what_was_journalled_is_recovered(tmp_path: Path, batches: list[list[Result]]) -> None:
    """The journal of a killed run gives back what each test left and found."""
    journal = Journal.create(tmp_path / "cache")
    for data in packed(batches):
        journal.append(data)
    os.close(journal._descriptor)
    unpacker = Unpacker()
    found = [unpacker.unpack(data) for _, payloads in recover(tmp_path / "cache") for data in payloads]
    assert found == batches


def test_what_is_shared_is_sent_once() -> None:
    """A leftover that many tests found takes two bytes in each result after the first."""
    alike = frozenset({Found(NodeId("t.py::first"), "m.py::CACHE" * 20, Digest(b"1" * 16))})
    trace = Trace((), "passed", (), 0.1, 1.0, found=alike)
    first, *later = packed([[Result("t.py", NodeId(str(number)), trace)] for number in range(9)])
    assert all(len(data) < len(first) - 200 for data in later)


def test_a_leftover_is_not_mistaken_for_something_found() -> None:
    """The same place and value, left by one and found by another."""
    left = frozenset({Leftover("m.py::P", Digest(b"1" * 16))})
    one = Found(NodeId(""), "m.py::P", Digest(b"1" * 16))
    found = frozenset({one, one._replace(late=True), one._replace(at=NodeId("t.py::g"))})
    both = Result("t.py", NodeId("a"), Trace((), "passed", (), 0.1, 1.0, left=left, found=found), left=left)
    batch = Unpacker().unpack(Packer().pack([both]))
    assert batch[0].left == left
    assert batch[0].trace is not None
    assert batch[0].trace.found == found


class TestDamage:
    """Bytes from anywhere give results or BadRecord."""

    ROW = ("l", "t.py::f", "m.py::P", b"1" * 16, False, "")
    ACCESS = ("w", ["P"], ["m.py"], True, False)

    def test_the_records_below_are_whole_otherwise(self) -> None:
        """Without a change it decodes."""
        assert Unpacker().unpack(one_result([0], [0], [*self.ROW], [*self.ACCESS], access=[("m.py::P", 0)]))

    @pytest.mark.parametrize(
        "data",
        [
            one_result([1], [], [*ROW]),
            one_result([], [1], [*ROW]),
            one_result([-1], [], [*ROW]),
            one_result([], [-1], [*ROW]),
            one_result([0], []),
            one_result([0], [], ["l", "", "m.py::P", b"1" * 17, False, ""]),
            one_result([0], [], ["l", "", 7, b"1" * 16, False, ""]),
            one_result([0], [], ["l", "", "m.py::P", b"1" * 16, False]),
            one_result(["0"], [], [*ROW]),
            one_result([], [], access=[("m.py::P", 0)]),
            one_result([], [], [*ACCESS], access=[("m.py::P", -1)]),
            one_result([], [], ["w", ["P"], "m.py", True, False], access=[("m.py::P", 0)]),
        ],
        ids=range(12),
    )
    def test_what_was_left_or_found_does_not_fit(self, data: bytes) -> None:
        """Numbers that lead nowhere, values that are no fingerprints, rows that are too short."""
        with pytest.raises(BadRecord):
            Unpacker().unpack(data)

    @settings(deadline=None, max_examples=200)
    @given(st.data())
    def test_flipped_bytes(self, data: st.DataObject) -> None:
        """Nothing but BadRecord comes out of a damaged batch."""
        left = frozenset({Leftover("m.py::P", Digest(b"1" * 16))})
        found = frozenset({Found(NodeId("t.py::f"), "m.py::Q", Digest(b"2" * 16))})
        result = Result("t.py", NodeId("a"), Trace((), "passed", (), 0.1, 1.0, left=left, found=found), left=left)
        whole = bytearray(Packer().pack([result]))
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(BadRecord):
            Unpacker().unpack(bytes(whole))
