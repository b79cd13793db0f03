"""Results on their way from a worker to the controller, and into the journal: small, typed batches.

A stream of batches, each a msgpack list of parts and results. A part (a set of reads) is sent once a
stream and then referred to by its number, because most tests of a file share the greater part of
their reads. Decoding is typed and bounded; a stream that does not decode raises BadRecord.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from testcache.errors import BadRecord
from testcache.model import Access, Digest, Found, Input, Kind, Leftover, NodeId, Read, Result, Trace

MAX_BATCH_BYTES = 256 << 20

_Number = Annotated[int, msgspec.Meta(ge=0)]
"""A position in the rows before; Python would count a negative one from the end."""


class _Part(msgspec.Struct, tag="p", array_like=True, forbid_unknown_fields=True, frozen=True):
    reads: list[tuple[int, str, Annotated[bytes, msgspec.Meta(max_length=16)]]]


class _Left(msgspec.Struct, tag="l", array_like=True, forbid_unknown_fields=True, frozen=True):
    """A leftover; with the test that left it, something found."""

    filler: str
    place: str
    value: Annotated[bytes, msgspec.Meta(max_length=16)]
    late: bool
    at: str


class _Access(msgspec.Struct, tag="w", array_like=True, forbid_unknown_fields=True, frozen=True):
    """How code comes upon a leftover."""

    names: list[str]
    files: list[str]
    added: bool
    wide: bool


class _Result(msgspec.Struct, tag="r", array_like=True, forbid_unknown_fields=True, frozen=True):
    path: str
    node_id: str
    outcome: str
    parts: list[_Number]
    reports: list[dict[str, Any]]
    duration_s: float
    recorded_at: float
    lines: bytes
    max_age_s: float
    labels: list[str]
    problems: list[tuple[str, str]]
    left: list[_Number]
    found: list[_Number]
    access: list[tuple[str, _Number]]


_Row = _Part | _Left | _Access | _Result
_DECODER = msgspec.msgpack.Decoder(list[_Row])
_ENCODER = msgspec.msgpack.Encoder()


class Packer:
    """Encodes the results of one stream."""

    def __init__(self) -> None:
        self._numbers: dict[frozenset[Read], int] = {}
        self._lefts: dict[Leftover | Found, int] = {}
        self._founds: dict[frozenset[Found], list[int]] = {}
        self._accesses: dict[Access, int] = {}

    def pack(self, results: list[Result]) -> bytes:
        """Encode a batch; parts that the stream does not know yet come first.

        Raises BadRecord if a report holds something that is not plain data.
        """
        rows: list[_Row] = []
        for result in results:
            trace = result.trace
            numbers = [self._number(part, rows) for part in trace.parts] if trace is not None else []
            left = [self._left(one, rows) for one in result.left]
            found = self._found(trace.found, rows) if trace is not None else []
            access = [(place, self._access(one, rows)) for place, one in result.access.items()]
            rows.append(
                _Result(
                    path=result.path,
                    node_id=result.node_id,
                    outcome=trace.outcome if trace is not None else "",
                    parts=numbers,
                    reports=list(trace.reports) if trace is not None else [],
                    duration_s=trace.duration_s if trace is not None else result.duration_s,
                    recorded_at=trace.recorded_at if trace is not None else result.recorded_at,
                    lines=trace.lines if trace is not None else b"",
                    max_age_s=trace.max_age_s if trace is not None else 0.0,
                    labels=list(trace.labels) if trace is not None else [],
                    problems=list(result.problems),
                    left=left,
                    found=found,
                    access=access,
                )
            )
        try:
            return _ENCODER.encode(rows)
        except (TypeError, OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as problem:
            raise BadRecord(f"a report holds what cannot be stored: {problem} [entry-corrupt]") from problem

    def _number(self, part: frozenset[Read], rows: list[_Row]) -> int:
        number = self._numbers.get(part)
        if number is None:
            number = self._numbers[part] = len(self._numbers)
            rows.append(_Part([(int(read.input.kind), read.input.name, read.digest) for read in part]))
        return number

    def _found(self, found: frozenset[Found], rows: list[_Row]) -> list[int]:
        numbers = self._founds.get(found)
        if numbers is None:
            pairs = zip(found, map(self._lefts.get, found), strict=True)
            numbers = [self._left(one, rows) if known is None else known for one, known in pairs]
            self._founds[found] = numbers
        return numbers

    def _left(self, one: Leftover | Found, rows: list[_Row]) -> int:
        number = self._lefts.get(one)
        if number is None:
            number = self._lefts[one] = len(self._lefts)
            rows.append(_Left(*one) if isinstance(one, Found) else _Left("", *one, late=False, at=""))
        return number

    def _access(self, one: Access, rows: list[_Row]) -> int:
        number = self._accesses.get(one)
        if number is None:
            number = self._accesses[one] = len(self._accesses)
            rows.append(_Access(sorted(one.names), sorted(one.files), one.added, one.wide))
        return number


class Unpacker:
    """Decodes the results of one stream, in the order they were packed."""

    def __init__(self) -> None:
        self._parts: list[frozenset[Read]] = []
        self._lefts: list[_Left] = []
        self._founds: dict[tuple[int, ...], frozenset[Found]] = {}
        self._accesses: list[Access] = []

    def unpack(self, data: bytes) -> list[Result]:
        """Decode one batch; raises BadRecord for anything but what `pack` writes."""
        if len(data) > MAX_BATCH_BYTES:
            raise BadRecord(f"a batch of {len(data)} bytes is over the limit of {MAX_BATCH_BYTES} [entry-corrupt]")
        try:
            return [result for row in _DECODER.decode(data) for result in self._take(row)]
        except (msgspec.MsgspecError, ValueError, IndexError) as problem:
            raise BadRecord(f"a batch of results does not decode: {problem} [entry-corrupt]") from problem

    def _take(self, row: _Row) -> list[Result]:
        if isinstance(row, _Part):
            self._parts.append(frozenset(Read(Input(Kind(k), n), Digest(d)) for k, n, d in row.reads))
            return []
        if isinstance(row, _Left):
            self._lefts.append(row)
            return []
        if isinstance(row, _Access):
            self._accesses.append(Access(frozenset(row.names), frozenset(row.files), row.added, row.wide))
            return []
        rows = [self._lefts[number] for number in row.left]
        left = frozenset(Leftover(one.place, Digest(one.value)) for one in rows)
        access = {place: self._accesses[number] for place, number in row.access}
        trace = None
        if row.outcome:
            trace = Trace(
                parts=tuple(self._parts[number] for number in row.parts),
                outcome=row.outcome,
                reports=tuple(row.reports),
                duration_s=row.duration_s,
                recorded_at=row.recorded_at,
                lines=row.lines,
                max_age_s=row.max_age_s,
                labels=tuple(row.labels),
                left=left,
                found=self._all_found(tuple(row.found)),
                access=access,
            )
        problems = tuple(row.problems)
        return [Result(row.path, NodeId(row.node_id), trace, problems, row.duration_s, row.recorded_at, left, access)]

    def _all_found(self, numbers: tuple[int, ...]) -> frozenset[Found]:
        if numbers not in self._founds:
            self._founds[numbers] = frozenset(map(self._found, numbers))
        return self._founds[numbers]

    def _found(self, number: int) -> Found:
        row = self._lefts[number]
        return Found(NodeId(row.filler), row.place, Digest(row.value), row.late, NodeId(row.at))
