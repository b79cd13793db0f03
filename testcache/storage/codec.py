"""Manifests, sources and small values as bytes and back: what the store keeps.

    manifest  = format(1 byte) msgpack [names, kinds, digests, parts, blobs, tests]
    names     = [shared, rest]   sorted; each name begins with `shared` bytes of the one before
    kinds     = one byte a name; digests = one byte string a name: names, kinds, digests are the reads
    parts     = [[step, ...], ...]   ascending positions in the reads, each as the step from the last
    blobs     = [bytes, ...]   outcomes, labels, lines and report templates, each once
    tests     = [shared, rest, [traces or nil, ...], [failed or nil, ...]]   sorted by node id
    trace     = [parts, outcome, reports, duration_s, recorded_at, lines, max_age_s, labels, left, found]
    left, found = blobs of msgpack [place, value] and [filler, place, value]
    report    = [template, [float, ...]]
    template  = msgpack [[name, ...], {...}]   names of the floats, and everything else
    source    = format(1 byte) msgpack {field of testcache.source.Source: value, ...}

Traces name parts, and parts name reads, by position, so that what 25 tests share is there once: about
0.6 KiB a test at 30 inputs a test. Durations differ in reports that are otherwise the same, so floats
are taken out of the template.

Decoding is typed and bounded: bytes from anywhere give a value or BadRecord, in bounded memory, and run
no code.

Format history: 1 (first); manifests 2: leftovers; sources 2: definitions; sources 3: docstrings.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from testcache.errors import BadRecord
from testcache.model import Digest, Found, Input, Kind, Leftover, Manifest, NodeId, Read, Trace

if TYPE_CHECKING:
    from testcache.source import Source

MANIFEST_FORMAT = 2
SOURCE_FORMAT = 10
MAX_RECORD_BYTES = 64 << 20
MAX_EXPANDED_BYTES = 256 << 20
"""Names that share prefixes and reports that share templates may unfold to this much in all."""

T = TypeVar("T")
_KINDS = {int(kind): kind for kind in Kind}
_DECODERS: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
_SURROGATES, _BIG_INT = 1, 2  # codes of msgpack extensions


class _Names(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    shared: list[int]
    rest: list[bytes]


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


class _Tests(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    names: _Names
    traces: list[list[_Trace] | None]
    failed: list[float | None]


class _Manifest(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    names: _Names
    kinds: bytes
    digests: list[bytes]
    parts: list[list[int]]
    blobs: list[bytes]
    tests: _Tests


class _Blobs:
    """Byte strings, each with its position of first use, and what was packed into one already."""

    def __init__(self) -> None:
        self.positions: dict[bytes, int] = {}
        self._packed: dict[Leftover | Found, int] = {}

    def add(self, blob: bytes) -> int:
        return self.positions.setdefault(blob, len(self.positions))

    def pack(self, rows: Collection[Leftover] | Collection[Found]) -> list[int]:
        """Positions of leftovers: 1,000 tests that found 600 each share most, and packing one costs 1 us."""
        packed = self._packed
        for row in sorted(row for row in rows if row not in packed):
            packed[row] = self.add(_pack_fields(row))
        return sorted(packed[row] for row in rows)


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
            names=_fold([row[0] for row in reads]),
            kinds=bytes(row[1] for row in reads),
            digests=[row[2] for row in reads],
            parts=[_steps(sorted(position[read] for read in part)) for part in parts],
            blobs=list(blobs.positions),
            tests=_Tests(_fold([name for name, _ in nodes]), rows, [manifest.failed.get(node) for _, node in nodes]),
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
        names = [_to_text(name) for name in _unfold(record.names)]
        reads = [
            Read(Input(_KINDS[kind], name), Digest(value))
            for kind, name, value in zip(record.kinds, names, record.digests, strict=True)
        ]
        parts = [frozenset(map(reads.__getitem__, accumulate(map(_natural, steps)))) for steps in record.parts]
        unpack = _Unpacking(parts, record.blobs)
        manifest = Manifest()
        tests = record.tests
        for name, rows, failed in zip(_unfold(tests.names), tests.traces, tests.failed, strict=True):
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
    from testcache.source import Source

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
        left=blobs.pack(trace.left),
        found=blobs.pack(trace.found),
    )


def _pack_fields(fields: tuple[str | bytes, ...]) -> bytes:
    return msgspec.msgpack.encode([field if isinstance(field, bytes) else _to_bytes(field) for field in fields])


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

    def trace(self, row: _Trace) -> Trace:
        return Trace(
            parts=tuple(self._parts[_natural(position)] for position in row.parts),
            outcome=self._texts(row.outcome),
            reports=tuple(self._report(template, floats) for template, floats in row.reports),
            duration_s=row.duration_s,
            recorded_at=row.recorded_at,
            lines=self._blob(row.lines),
            max_age_s=row.max_age_s,
            labels=tuple(self._texts(position) for position in row.labels),
            left=frozenset(map(self._leftover, row.left)),
            found=frozenset(map(self._found, row.found)),
        )

    def _unpack_leftover(self, position: int) -> Leftover:
        place, value = _decoder(tuple[bytes, bytes]).decode(self._blob(position))
        return Leftover(_to_text(place), Digest(value))

    def _unpack_found(self, position: int) -> Found:
        filler, place, value = _decoder(tuple[bytes, bytes, bytes]).decode(self._blob(position))
        return Found(NodeId(_to_text(filler)), _to_text(place), Digest(value))

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


def _fold(names: list[bytes]) -> _Names:
    shared = [_common(before, name) for before, name in zip([b"", *names], names, strict=False)]
    return _Names(shared, [name[count:] for count, name in zip(shared, names, strict=True)])


def _unfold(folded: _Names) -> list[bytes]:
    names, name, left = [], b"", MAX_EXPANDED_BYTES
    for shared, rest in zip(folded.shared, folded.rest, strict=True):
        if not 0 <= shared <= len(name):
            raise ValueError("a name shares more than there is")
        name = name[:shared] + rest
        left -= len(name)
        if left < 0:
            raise ValueError("names unfold to too much")
        names.append(name)
    return names


def _common(first: bytes, second: bytes) -> int:
    """Length of the longest common prefix, by halving: slices compare faster than a loop over bytes."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


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
