"""The definitions behind each fingerprint that a trace may hold, kept so that what changed has a name.

    definitions / fingerprint   msgpack {name: [place, form, digest], ...}

Without them a changed fingerprint still says that something changed; the tests behind it then run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from testcache.errors import BadRecord, StoreError
from testcache.model import Defined, Digest, Kind, Trace
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Store

if TYPE_CHECKING:
    from testcache.code.source import Source

SPACE = "definitions"


def save_definitions(store: Store, traces: Iterable[Trace], source_of: Callable[[str], Source | None]) -> None:
    """Keep what stands behind the fingerprints of these traces, as far as the files are still the same."""
    parts = {id(part): part for trace in traces for part in trace.parts}
    reads = {read for part in parts.values() for read in part if read.input.kind is Kind.DEFINITIONS and read.digest}
    rows = []
    for read in reads:
        source = source_of(read.input.name)
        if source is not None and source.defined == read.digest:
            rows.append((SPACE, bytes(read.digest), encode_value(source.definitions)))
    if rows:
        store.put_many(rows)


def load_definitions(store: Store) -> Callable[[Digest], Mapping[str, Defined] | None]:
    """What answers which definitions were behind a fingerprint; None if nobody kept them."""

    def recorded(digest: Digest) -> Mapping[str, Defined] | None:
        try:
            data = store.get(SPACE, bytes(digest))
            return decode_value(data, dict[str, Defined]) if data is not None else None
        except (BadRecord, StoreError):  # the tests behind it run
            return None

    return recorded
