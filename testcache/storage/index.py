"""The index: what the last complete run of one command line rested on, in one value.

If nothing in it changed, every test is a hit and nothing need be imported or collected; if something
did, it tells which test files that concerns. It is a shortcut only: whatever it does not settle is
decided by the manifests.

Format 6 (msgpack arrays): format, environment key, time in seconds, contents [(name, digest, signature)], facts
[(kind, name, digest)], files [(path, held, acts, read numbers as packed uint32, tests, shown, deselected, left)],
shown, derives; and of each test: name, line, domain, outcome, durations, reports (unless they are three plain passes).
"""

from __future__ import annotations

from array import array
from typing import Any

import msgspec

from testcache.errors import BadRecord

INDEX_FORMAT = 6
SPACE = "index"


class Content(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A file whose content counts: stored name, digest, and its stat when that was last known."""

    name: str
    digest: bytes
    signature: tuple[int, int, int, int]


class Fact(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Any other input with its fingerprint; `kind` is a number of `Kind`."""

    kind: int
    name: str
    digest: bytes


class IndexedTest(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """What a replay shows: `name` is the node id behind `path::`."""

    name: str
    line: int | None
    domain: str
    outcome: str
    durations_s: list[float]
    reports: list[dict[str, Any]]

    @property
    def duration_s(self) -> float:
        return sum(self.durations_s)


class IndexedFile(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """A test file.

    Attributes:
        held: each of its tests can be replayed while its reads hold.
        acts: the files below it, or itself, that change what other files see when they are imported: if any test is to
            run, this one must be imported unless others have imported them all.
        shown: what its collection shows besides its tests: a skip, warnings.
        deselected: how many of its tests the command line leaves out.
        left: the names by which code comes upon what its tests leave in memory, but for results of caches.
    """

    path: str
    held: bool
    acts: list[str]
    reads: bytes
    tests: list[IndexedTest]
    shown: list[dict[str, Any]]
    deselected: int
    left: list[str]

    def resting_on(self, reads: bytes, *, held: bool) -> IndexedFile:
        """The same file in another index."""
        return msgspec.structs.replace(self, reads=reads, held=held)

    def numbers(self) -> array[int]:
        """The numbers of its reads: contents first, then facts."""
        numbers = array("I")
        numbers.frombytes(self.reads)
        return numbers


class Index(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """See the module; `shown` is what the collection of folders shows, `derives` is that of `Importing`."""

    format: int
    environment: bytes
    written_at: float
    contents: list[Content]
    facts: list[Fact]
    files: list[IndexedFile]
    shown: list[dict[str, Any]]
    derives: bool

    @property
    def total(self) -> int:
        return sum(len(file.tests) for file in self.files)


def encode_index(index: Index) -> bytes:
    """Encode an index; BadRecord if a report holds what is not plain data."""
    try:
        return msgspec.msgpack.encode(index)
    except (TypeError, ValueError, OverflowError) as problem:
        raise BadRecord(f"an index cannot be encoded: {problem} [entry-corrupt]") from problem


def decode_index(data: bytes) -> Index:
    """Decode an index. Raises BadRecord for anything else. Cost: about 0.5 ms per 1,000 tests."""
    try:
        index = msgspec.msgpack.decode(data, type=Index)
    except (msgspec.MsgspecError, ValueError) as problem:
        raise BadRecord(f"an index does not decode: {problem} [entry-corrupt]") from problem
    known = len(index.contents) + len(index.facts)
    if index.format != INDEX_FORMAT or any(len(file.reads) % 4 for file in index.files):
        raise BadRecord("an index of another format [entry-corrupt]")
    if any(number >= known for file in index.files for number in file.numbers()):
        raise BadRecord("an index refers to reads it does not have [entry-corrupt]")
    return index


__all__ = ["Content", "Fact", "Index", "IndexedFile", "IndexedTest", "decode_index", "encode_index"]
