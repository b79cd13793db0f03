"""The codec: what is stored comes back equal and small; anything else is BadRecord; merging has no order."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifests import DIGESTS, MANIFESTS, PLAIN

from testcache.code.source import Source, parse
from testcache.errors import BadRecord
from testcache.model import (
    Access,
    Digest,
    Found,
    Input,
    Kind,
    Leftover,
    Manifest,
    NodeId,
    Read,
    Trace,
)
from testcache.storage import codec, fold
from testcache.storage.codec import (
    decode_manifest,
    decode_source,
    decode_value,
    encode_manifest,
    encode_source,
    encode_value,
)
from testcache.structs import replace

HEAD = bytes([codec.MANIFEST_FORMAT])
FOUND_ROW = msgspec.msgpack.encode([b"t.py::a", b"m.py::P", b"1" * 16, False, b""])
LEFT_ROW, ACCESS_ROW, ASTRAY_ROW = (msgspec.msgpack.encode([b"m.py::P", b"1" * 16, one]) for one in (None, 7, -2))
ACCESS = msgspec.msgpack.encode([[b"P"], [b"m.py"], True, False])
BROKEN_ROW = msgspec.msgpack.encode([b"t.py::a", b"\xff", b"1" * 16, False, b""])


def file_of_tests(tests: int = 25, inputs: int = 300, each: int = 30) -> Manifest:
    """A manifest of the usual size: shared inputs, a shared part, three plain reports a test."""
    chance = random.Random(1)  # noqa: S311
    paths = [f"src/package/sub_{i % 7}/module_{i}.py" for i in range(40)]
    names = paths + [f"{paths[i % 40]}::Class{i % 5}.method_number_{i}" for i in range(inputs - 40)]
    reads = [
        Read(Input(Kind.BLOCK if "::" in name else Kind.BODY, name), Digest(chance.randbytes(16))) for name in names
    ]
    shared = frozenset(chance.sample(reads, each // 2))
    manifest = Manifest()
    for number in range(tests):
        own = frozenset(chance.sample(reads, each // 2))
        reports = tuple(plain_report(when, chance.random()) for when in ("setup", "call", "teardown"))
        node = NodeId(f"tests/unit/test_module.py::test_function_with_a_name[{number}-value]")
        manifest.traces[node] = [Trace((shared, own), "passed", reports, chance.random(), 1.7e9 + number)]
    return manifest


def plain_report(when: str, duration: float) -> dict[str, Any]:
    return {
        "outcome": "passed",
        "longrepr": None,
        "when": when,
        "user_properties": [],
        "sections": [],
        "duration": duration,
        "start": 1.7e9 + duration,
        "stop": 1.7e9 + 2 * duration,
        "$report_type": "TestReport",
    }


class TestManifest:
    """Round trips, size and sharing."""

    @settings(deadline=None, max_examples=50)
    @given(MANIFESTS)
    def test_what_is_encoded_is_decoded(self, manifest: Manifest) -> None:
        """Equal after a round trip, whatever the names, reports and numbers are."""
        assert decode_manifest(encode_manifest(manifest)) == manifest

    @settings(deadline=None, max_examples=50)
    @given(MANIFESTS)
    def test_equal_manifests_have_equal_bytes(self, manifest: Manifest) -> None:
        """The order of tests in a manifest does not show in its bytes."""
        turned = Manifest(dict(reversed(list(manifest.traces.items()))), dict(reversed(list(manifest.failed.items()))))
        assert encode_manifest(turned) == encode_manifest(manifest)

    def test_a_test_takes_less_than_a_kibibyte(self) -> None:
        """25 tests with 30 of 300 inputs each: about 600 bytes a test, digests of the inputs included."""
        manifest = file_of_tests()
        assert len(encode_manifest(manifest)) / len(manifest.traces) < 700

    def test_a_plain_report_takes_forty_bytes(self) -> None:
        """Reports that differ in their times only share the rest."""
        with_reports = file_of_tests()
        without = Manifest(
            {node: [replace(trace, reports=()) for trace in traces] for node, traces in with_reports.traces.items()}
        )
        more = len(encode_manifest(with_reports)) - len(encode_manifest(without))
        assert more / (3 * len(with_reports.traces)) < 40

    def test_what_many_tests_found_is_stored_once(self) -> None:
        """A thing that one test left and 500 found takes a few bytes for each of them, and is one object."""
        alike = frozenset(
            {Found(NodeId("tests/test_a.py::test_first"), "src/m.py::CACHE['a']", Digest(b"1" * 16), True)}
        )
        nodes = [NodeId(f"t.py::test[{number}]") for number in range(500)]
        without = Manifest({node: [Trace((), "passed", (), 0.1, 1.0)] for node in nodes})
        manifest = Manifest({node: [Trace((), "passed", (), 0.1, 1.0, found=alike)] for node in nodes})
        data = encode_manifest(manifest)
        assert len(data) - len(encode_manifest(without)) < 500 * 3 + 100
        decoded = [traces[0].found for traces in decode_manifest(data).traces.values()]
        assert {*decoded} == {alike}
        assert len({id(one) for found in decoded for one in found}) == 1

    def test_how_one_comes_upon_a_leftover_is_stored_once(self) -> None:
        """Equal after a round trip; the next trace that left the same takes no more for it."""
        left = frozenset({Leftover("m.py::P", Digest(b"1" * 16)), Leftover("m.py::P+", Digest(b"2" * 16))})
        access = {"m.py::P": Access(frozenset({"P", "\udc80"}), frozenset({"m.py"}), added=True, wide=False)}
        trace = Trace((), "passed", (), 0.1, 2.0, left=left, access=access, since=1.0)
        one = Manifest({NodeId("x"): [trace]})
        two = Manifest({NodeId("x"): [trace], NodeId("y"): [trace]})
        assert decode_manifest(encode_manifest(two)) == two
        bare = {node: [replace(trace, left=frozenset(), access={})] for node in two.traces}
        more = len(encode_manifest(two)) - len(encode_manifest(one))
        assert (
            more
            <= len(encode_manifest(Manifest(bare)))
            - len(encode_manifest(Manifest({NodeId("x"): bare[NodeId("x")]})))
            + 2
        )

    def test_equal_parts_come_back_as_one_object(self) -> None:
        """Traces that shared a set of reads share one again, so that a check looks at it once."""
        parts = [frozenset({Read(Input(Kind.FILE, "a"), Digest(b"1" * 16))}) for _ in range(2)]
        traces = [Trace((part,), "passed", (), 0.1, 1.0) for part in parts]
        decoded = decode_manifest(encode_manifest(Manifest({NodeId("x"): traces})))
        first, second = decoded.traces[NodeId("x")]
        assert first.parts[0] is second.parts[0]

    def test_equal_reports_come_back_as_two_objects(self) -> None:
        """Who replays a report may change it; the next one is not affected."""
        decoded = decode_manifest(encode_manifest(file_of_tests(tests=2)))
        first, second = (traces[0].reports[0] for traces in decoded.traces.values())
        first["sections"].append("x")
        assert second["sections"] == []

    def test_a_tuple_comes_back_as_a_list(self) -> None:
        """Reports are plain data."""
        manifest = Manifest({NodeId("x"): [Trace((), "passed", ({"p": [("a", 1)]},), 0.0, 0.0)]})
        assert decode_manifest(encode_manifest(manifest)).traces[NodeId("x")][0].reports == ({"p": [["a", 1]]},)

    @pytest.mark.parametrize("value", [object(), {1, object()}, lambda: 0, 1j])
    def test_what_is_not_plain_data_is_refused(self, value: object) -> None:
        """A report that cannot be stored says so when it is stored."""
        with pytest.raises(BadRecord):
            encode_manifest(Manifest({NodeId("x"): [Trace((), "passed", ({"p": value},), 0.0, 0.0)]}))


class TestDamage:
    """Bytes from anywhere give a value or BadRecord."""

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, data: bytes) -> None:
        """Nothing but BadRecord comes out of garbage."""
        for decode in (decode_manifest, decode_source):
            for body in (data, HEAD + data, bytes([codec.SOURCE_FORMAT]) + data):
                try:
                    decode(body)
                except BadRecord:
                    continue

    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_flipped_bytes(self, data: st.DataObject) -> None:
        """Nor out of a manifest with changed, missing or additional bytes."""
        whole = bytearray(encode_manifest(file_of_tests(tests=2, inputs=50, each=6)))
        for _ in range(data.draw(st.integers(1, 3))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        del whole[data.draw(st.integers(len(whole) // 2, len(whole))) :]
        with contextlib.suppress(BadRecord):
            decode_manifest(bytes(whole))

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            bytes([codec.MANIFEST_FORMAT + 1]) + b"\x90",
            HEAD + b"\x91" * 100_000,
            HEAD + b"\xdd\xff\xff\xff\xff",
            HEAD + b"\x90",
        ],
        ids=["empty", "newer", "nested", "huge", "short"],
    )
    def test_hostile_bytes(self, body: bytes) -> None:
        """Too new, too deep, too long and too short are all BadRecord."""
        with pytest.raises(BadRecord):
            decode_manifest(body)

    def record(self, **changes: object) -> bytes:
        tests = codec._Tests(fold.Names([0], [b"x"]), [None], [1.0])
        fields: dict[str, Any] = {
            "names": fold.Names([0], [b"a"]),
            "kinds": b"\x03",
            "digests": [b"d"],
            "parts": [[0]],
            "blobs": [b"passed", b"", b"\x92\x90\x80", LEFT_ROW, FOUND_ROW, BROKEN_ROW, ACCESS_ROW, ACCESS, ASTRAY_ROW],
            "tests": tests,
        }
        return HEAD + msgspec.msgpack.encode(codec._Manifest(**{**fields, **changes}))

    def one_trace(self, **changes: object) -> codec._Tests:
        fields: dict[str, Any] = {
            "parts": [0],
            "outcome": 0,
            "reports": [(2, [])],
            "duration_s": 0.0,
            "recorded_at": 0.0,
            "lines": 1,
            "max_age_s": 0.0,
            "labels": [],
            "left": [],
            "found": [],
            "since": 0.0,
        }
        trace = codec._Trace(**{**fields, **changes})
        return codec._Tests(fold.Names([0], [b"x"]), [[trace]], [None])

    def test_the_records_below_are_whole_otherwise(self) -> None:
        """Without a change they decode, so each change below is what is refused."""
        decode_manifest(self.record())
        decode_manifest(self.record(tests=self.one_trace()))
        decode_manifest(self.record(tests=self.one_trace(left=[3], found=[4])))
        decode_manifest(self.record(tests=self.one_trace(left=[6])))

    @pytest.mark.parametrize(
        "changes",
        [
            {"kinds": b"\xff"},
            {"kinds": b"\x03\x03"},
            {"digests": []},
            {"parts": [[1]]},
            {"parts": [[-1]]},
            {"parts": [[0, 9]]},
            {"names": fold.Names([1], [b"a"])},
            {"names": fold.Names([-1], [b"a"])},
            {"names": fold.Names([0], [b"\xff"])},
            {"names": fold.Names([0], [])},
        ],
    )
    def test_tables_that_do_not_fit(self, changes: dict[str, object]) -> None:
        """Unknown kinds, tables of different lengths, positions outside the table."""
        with pytest.raises(BadRecord):
            decode_manifest(self.record(**changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"parts": [1]},
            {"parts": [-1]},
            {"outcome": 3},
            {"outcome": -1},
            {"lines": 9},
            {"labels": [9]},
            {"reports": [(2, [1.0])]},
            {"reports": [(0, [])]},
            {"reports": [(-1, [])]},
            {"left": [9]},
            {"left": [-1]},
            {"left": [1]},
            {"left": [4]},
            {"left": [8]},
            {"found": [9]},
            {"found": [-1]},
            {"found": [3]},
            {"found": [5]},
        ],
    )
    def test_traces_that_do_not_fit(self, changes: dict[str, object]) -> None:
        """A trace that refers to what is not there."""
        with pytest.raises(BadRecord):
            decode_manifest(self.record(tests=self.one_trace(**changes)))

    def test_names_cannot_unfold_without_bound(self) -> None:
        """A thousand short entries that each repeat a megabyte are refused before they take a gigabyte."""
        names = fold.Names([0] + [1_000_000] * 1000, [b"a" * 1_000_000] + [b""] * 1000)
        data = self.record(names=names, kinds=b"\x03" * 1001, digests=[b""] * 1001)
        with pytest.raises(BadRecord, match="unfold"):
            decode_manifest(data)

    def test_reports_cannot_unfold_without_bound(self) -> None:
        """Nor can reports that each repeat a large template."""
        template = msgspec.msgpack.encode(([], {"text": "a" * 1_000_000}))
        tests = self.one_trace(reports=[(2, [])] * 1000)
        with pytest.raises(BadRecord, match="unfold"):
            decode_manifest(self.record(blobs=[b"passed", b"", template], tests=tests))


class Row(msgspec.Struct):
    """A struct as other modules define them."""

    path: str
    size: int


class TestOtherRecords:
    """Sources and small values."""

    def test_a_real_source_comes_back(self) -> None:
        """What was found in a Python file, this one, is the same after a round trip."""
        source = parse(Path(__file__).read_bytes(), collected=True)
        assert source.blocks
        assert decode_source(encode_source(source)) == source

    @settings(deadline=None)
    @given(
        st.builds(
            Source,
            body=DIGESTS,
            blocks=st.dictionaries(PLAIN, DIGESTS, max_size=3),
            spans=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), PLAIN), max_size=3).map(tuple),
            mentions=st.dictionaries(PLAIN, st.frozensets(PLAIN, max_size=3), max_size=3),
            parsed=st.booleans(),
        )
    )
    def test_any_source_comes_back(self, source: Source) -> None:
        """Equal after a round trip, whatever the fields hold."""
        assert decode_source(encode_source(source)) == source

    def test_a_value_comes_back_as_its_type(self) -> None:
        """Structs of other modules are encoded and checked by their type."""
        rows = [Row("a.py", 3), Row("b.py", 4)]
        assert decode_value(encode_value(rows), list[Row]) == rows

    @pytest.mark.parametrize("value", [Row("a", 1), [1], ["a", 1], None, b"x"])
    def test_a_value_of_another_type_is_refused(self, value: object) -> None:
        """What was written for one type is not read as another."""
        with pytest.raises(BadRecord):
            decode_value(encode_value(value), list[Row])
