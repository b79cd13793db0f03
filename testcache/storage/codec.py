"""Manifests, sources and small values as bytes and back: what the store keeps.

    manifest  = format(1 byte) msgpack [names, kinds, digests, parts, blobs, tests]
    names     = [shared, rest]   sorted; each name begins with `shared` bytes of the one before
    kinds     = one byte a name; digests = one byte string a name: names, kinds, digests are the reads
    parts     = [[step, ...], ...]   ascending positions in the reads, each as the step from the last
    blobs     = [bytes, ...]   outcomes, labels, lines and report templates, each once
    tests     = [shared, rest, [traces or nil, ...], [failed or nil, ...]]   sorted by node id
    trace     = [parts, outcome, reports, duration_s, recorded_at, lines, max_age_s, labels, left, found, since]
    left      = blobs of msgpack [place, value, access or nil]; access is a blob of [names, files, added, wide]
    found     = blobs of msgpack [filler, place, value, late, at]
    report    = [template, [float, ...]]
    template  = msgpack [[name, ...], {...}]   names of the floats, and everything else
    source    = format(1 byte) msgpack {field of testcache.code.source.Source: value, ...}

Traces name parts, and parts name reads, by position, so that what 25 tests share is there once: about
0.6 KiB a test at 30 inputs a test. Durations differ in reports that are otherwise the same, so floats
are taken out of the template.

Decoding is typed and bounded: bytes from anywhere give a value or BadRecord, in bounded memory, and run
no code.

Format history: 1 (first); manifests 2: leftovers; 3: access, since; 4: late; 5: at; 6: files of lines;
sources 2: definitions; 3: docstrings.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from testcache.errors import BadRecord
from testcache.model import Access, Digest, Found, Input, Kind, Leftover, Manifest, NodeId, Read, Trace
from testcache.storage.fold import MAX_EXPANDED_BYTES, Names, fold, unfold

if TYPE_CHECKING:
    from testcache.code.source import Source

MANIFEST_FORMAT = 6
SOURCE_FORMAT = 17
MAX_RECORD_BYTES = 64 << 20

_Fields = tuple[str | bytes | int | None, ...]

T = TypeVar("T")
_KINDS = {int(kind): kind for kind in Kind}
_DECODERS: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
_SURROGATES, _BIG_INT = 1, 2  # codes of msgpack extensions


class _Trace(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    parts: list[int]
    outcome: int
    reports: list[tuple[int, list[float]]]
    duration_s: float
    recorded_at: float
    lines: int
    max_age_s: float
    labels: list[int]
    left: list[int]
    found: list[int]
    since: float


class _Tests(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    names: Names
    traces: list[list[_Trace] | None]
    failed: list[float | None]


class _Manifest(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    names: Names
    kinds: bytes
    digests: list[bytes]
    parts: list[list[int]]
    blobs: list[bytes]
    tests: _Tests


class _Blobs:
    """Byte strings, each with its position of first use, and what was packed into one already."""

    def __init__(self) -> None:
        self.positions: dict[bytes, int] = {}
        self._accesses: dict[Access, int] = {}
        self._packed: dict[_Fields, int] = {}
        self._founds: dict[frozenset[Found], list[int]] = {}

    def add(self, blob: bytes) -> int:
        return self.positions.setdefault(blob, len(self.positions))

    def pack(self, rows: Collection[_Fields]) -> list[int]:
        """Positions of leftovers: 1,000 tests that found 600 each share most, and packing one costs 1 us."""
        packed = self._packed
        for row in sorted((row for row in rows if row not in packed), key=_sortable):
            packed[row] = self.add(_pack_fields(row))
        return sorted(packed[row] for row in rows)

    def pack_found(self, found: frozenset[Found]) -> list[int]:
        """The same for what a trace found, once for all traces that found just this."""
        if found not in self._founds:
            self._founds[found] = self.pack(found)
        return self._founds[found]

    def pack_left(self, trace: Trace) -> list[int]:
        """Positions of what a trace left, each with how code comes upon it."""
        known = {place: self._pack_access(one) for place, one in sorted(trace.access.items())}
        return self.pack([(place, value, known.get(place)) for place, value in trace.left])

    def _pack_access(self, access: Access) -> int:
        if access not in self._accesses:
            names = [[*map(_to_bytes, sorted(some))] for some in (access.names, access.files)]
            self._accesses[access] = self.add(msgspec.msgpack.encode([*names, access.added, access.wide]))
        return self._accesses[access]


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest; equal manifests give equal bytes, whatever the order of their dicts.

    Reports may hold None, bool, int, float, str, bytes, lists and dicts with str keys; tuples come
    back as lists.

    Raises:
        BadRecord: something else in a report, or too large.
    """
    with _named("manifest"):
        nodes = sorted((_to_bytes(node), node) for node in {**manifest.traces, **manifest.failed})
        parts: dict[frozenset[Read], int] = {}
        blobs = _Blobs()
        rows = []
        for _, node in nodes:
            traces = manifest.traces.get(node)
            rows.append(None if traces is None else [_pack_trace(trace, parts, blobs) for trace in traces])
        reads = sorted((_to_bytes(read.input.name), read.input.kind, read.digest, read) for read in _union(parts))
        position = {row[3]: index for index, row in enumerate(reads)}
        record = _Manifest(
            names=fold([row[0] for row in reads]),
            kinds=bytes(row[1] for row in reads),
            digests=[row[2] for row in reads],
            parts=[_steps(sorted(position[read] for read in part)) for part in parts],
            blobs=list(blobs.positions),
            tests=_Tests(fold([name for name, _ in nodes]), rows, [manifest.failed.get(node) for _, node in nodes]),
        )
        return _bounded(bytes([MANIFEST_FORMAT]) + msgspec.msgpack.encode(record))


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest; equal parts are the very same frozenset, as they were stored once.

    Cost: about 1 ms for 25 tests with 30 inputs each.

    Raises:
        BadRecord: not a manifest of this format, or too large.
    """
    with _named("manifest"):
        record = _decoder(_Manifest).decode(_body(data, MANIFEST_FORMAT))
        names = [_to_text(name) for name in unfold(record.names)]
        reads = [
            Read(Input(_KINDS[kind], name), Digest(value))
            for kind, name, value in zip(record.kinds, names, record.digests, strict=True)
        ]
        parts = [frozenset(map(reads.__getitem__, accumulate(map(_natural, steps)))) for steps in record.parts]
        unpack = _Unpacking(parts, record.blobs)
        manifest = Manifest()
        tests = record.tests
        for name, rows, failed in zip(unfold(tests.names), tests.traces, tests.failed, strict=True):
            node = NodeId(_to_text(name))
            if rows is not None:
                manifest.traces[node] = [unpack.trace(row) for row in rows]
            if failed is not None:
                manifest.failed[node] = failed
        return manifest


def encode_source(source: Source) -> bytes:
    """Return the bytes of what is known about one Python file. Raises BadRecord: too large."""
    with _named("source"):
        return _bounded(bytes([SOURCE_FORMAT]) + msgspec.msgpack.encode(source))


def decode_source(data: bytes) -> Source:
    """Return the source record. Raises BadRecord: not one of this format, or too large."""
    from testcache.code.source import Source

    with _named("source"):
        return _decoder(Source).decode(_body(data, SOURCE_FORMAT))


def encode_value(value: object) -> bytes:
    """Return the bytes of a msgspec struct, dataclass or builtin.

    Raises:
        BadRecord: none of these, or too large.
    """
    with _named("value"):
        return _bounded(msgspec.msgpack.encode(value))


def decode_value(data: bytes, type_: type[T]) -> T:
    """Return what `encode_value` wrote, checked against its type.

    Raises:
        BadRecord: it is something else, or too large.
    """
    with _named(getattr(type_, "__name__", str(type_))):
        return _decoder(type_).decode(_bounded(data))


def _pack_trace(trace: Trace, parts: dict[frozenset[Read], int], blobs: _Blobs) -> _Trace:
    return _Trace(
        parts=[parts.setdefault(part, len(parts)) for part in trace.parts],
        outcome=blobs.add(_to_bytes(trace.outcome)),
        reports=[_pack_report(report, blobs) for report in trace.reports],
        duration_s=trace.duration_s,
        recorded_at=trace.recorded_at,
        lines=blobs.add(trace.lines),
        max_age_s=trace.max_age_s or 0,  # one byte instead of nine
        labels=[blobs.add(_to_bytes(label)) for label in trace.labels],
        left=blobs.pack_left(trace),
        found=blobs.pack_found(trace.found),
        since=trace.since,
    )


def _sortable(fields: _Fields) -> tuple[str | bytes | int, ...]:
    return tuple(-1 if field is None else field for field in fields)


def _pack_fields(fields: _Fields) -> bytes:
    return msgspec.msgpack.encode([_to_bytes(field) if isinstance(field, str) else field for field in fields])


def _pack_report(report: dict[str, Any], blobs: _Blobs) -> tuple[int, list[float]]:
    floats = {name: value for name, value in report.items() if type(value) is float}
    rest = {name: value for name, value in report.items() if name not in floats}
    try:
        template = msgspec.msgpack.encode((list(floats), rest))
    except (UnicodeEncodeError, OverflowError):
        template = msgspec.msgpack.encode((list(floats), _widened(rest)))
    return blobs.add(template), list(floats.values())


def _widened(value: Any) -> Any:
    """Put texts with lone surrogates and integers beyond 64 bits, which msgpack lacks, into extensions."""
    if isinstance(value, str):
        data = _to_bytes(value)
        whole = data.decode("utf-8", "replace").encode() == data
        return value if whole else msgspec.msgpack.Ext(_SURROGATES, data)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, (list, tuple)):
        return [_widened(item) for item in value]
    if isinstance(value, dict):
        return {key: _widened(item) for key, item in value.items()}
    return value


def _narrowed(code: int, data: memoryview) -> object:
    if code == _SURROGATES:
        return _to_text(bytes(data))
    if code == _BIG_INT:
        return int.from_bytes(data, "big", signed=True)
    raise ValueError(f"unknown extension {code}")


class _Unpacking:
    """The tables of one record while its traces are put together."""

    def __init__(self, parts: list[frozenset[Read]], blobs: list[bytes]) -> None:
        self._parts = parts
        self._blobs = blobs
        self._texts = functools.cache(lambda position: _to_text(self._blob(position)))
        self._left = MAX_EXPANDED_BYTES
        self._leftover = functools.cache(self._unpack_leftover)
        self._found = functools.cache(self._unpack_found)
        self._all_found = functools.cache(lambda positions: frozenset(map(self._found, positions)))
        self._access = functools.cache(self._unpack_access)

    def trace(self, row: _Trace) -> Trace:
        left = [*map(self._leftover, row.left)]
        return Trace(
            parts=tuple(self._parts[_natural(position)] for position in row.parts),
            outcome=self._texts(row.outcome),
            reports=tuple(self._report(template, floats) for template, floats in row.reports),
            duration_s=row.duration_s,
            recorded_at=row.recorded_at,
            lines=self._blob(row.lines),
            max_age_s=row.max_age_s,
            labels=tuple(self._texts(position) for position in row.labels),
            left=frozenset(one for one, _ in left),
            found=self._all_found(tuple(row.found)),
            access={one.place: access for one, access in left if access is not None},
            since=row.since,
        )

    def _unpack_leftover(self, position: int) -> tuple[Leftover, Access | None]:
        place, value, access = _decoder(tuple[bytes, bytes, int | None]).decode(self._blob(position))
        return Leftover(_to_text(place), Digest(value)), None if access is None else self._access(access)

    def _unpack_access(self, position: int) -> Access:
        decoder = _decoder(tuple[list[bytes], list[bytes], bool, bool])
        names, files, added, wide = decoder.decode(self._blob(position))
        return Access(frozenset(map(_to_text, names)), frozenset(map(_to_text, files)), added, wide)

    def _unpack_found(self, position: int) -> Found:
        filler, place, value, late, at = _decoder(tuple[bytes, bytes, bytes, bool, bytes]).decode(self._blob(position))
        return Found(NodeId(_to_text(filler)), _to_text(place), Digest(value), late, NodeId(_to_text(at)))

    def _report(self, template: int, floats: list[float]) -> dict[str, Any]:
        blob = self._blob(template)
        self._left -= len(blob)  # decoded anew for each report: who replays one may change it
        if self._left < 0:
            raise ValueError("reports unfold to too much")
        names, rest = _report_decoder().decode(blob)
        rest.update(zip(names, floats, strict=True))
        return rest

    def _blob(self, position: int) -> bytes:
        return self._blobs[_natural(position)]


def _decoder(type_: type[T]) -> msgspec.msgpack.Decoder[T]:
    decoder = _DECODERS.get(type_)
    if decoder is None:
        decoder = _DECODERS[type_] = msgspec.msgpack.Decoder(type_)
    return decoder


@functools.cache
def _report_decoder() -> msgspec.msgpack.Decoder[tuple[list[str], dict[str, Any]]]:
    return msgspec.msgpack.Decoder(tuple[list[str], dict[str, Any]], ext_hook=_narrowed)


def _steps(positions: list[int]) -> list[int]:
    return [position - before for before, position in zip([0, *positions], positions, strict=False)]


def _union(parts: Iterable[frozenset[Read]]) -> frozenset[Read]:
    return frozenset().union(*parts)


def _natural(number: int) -> int:
    if number < 0:
        raise ValueError("a negative position")  # Python would count from the end
    return number


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _body(data: bytes, expected: int) -> memoryview:
    if len(data) < 1 or data[0] != expected:
        raise ValueError(f"its format is {data[0] if data else 'missing'}, not {expected}")
    return memoryview(_bounded(data))[1:]


def _bounded(data: bytes) -> bytes:
    if len(data) > MAX_RECORD_BYTES:
        raise ValueError(f"it takes {len(data)} bytes of at most {MAX_RECORD_BYTES}")
    return data


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    # MsgspecError and UnicodeError are ValueErrors; RecursionError: arrays nested a thousand deep.
    try:
        yield
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, RecursionError) as error:
        raise BadRecord(f"a {what} cannot be encoded or decoded: {error}") from error
