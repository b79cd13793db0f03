"""Adding to entries of the remote so that nothing of anybody is lost: read, merge, replace what was read.

With an engine that replaces a value only in the version that was read, who was overtaken begins again.

With one that cannot (plain HTTP), whoever wrote looks again until a value that holds its own has stood for
`settle_s` without a change. Each writing has a nonce, so an unchanged value was not written in between.
Race: (1) A reads, (2) B reads, (3) A writes, (4) B writes, which drops what A wrote, (5) A looks again,
finds its own missing, and writes again. (2) to (4) is shorter than `settle_s`, the time that A waits: the engine does
not write what was read too long ago, and who is late reads again, fewer values at once.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from testcache.remote.backend import Backend, Held, RemoteSlow
from testcache.remote.spread import THREADS

Merge = Callable[[bytes | None], bytes | None]
"""What a value becomes, given what it is (None: there is none); None if it may stay."""

_PER_ROUND = 240
"""Values that are read, merged and written together: what is written when time is up stays written."""

_PAUSE_S = 0.02


def push(backend: Backend, merges: Mapping[str, Merge], until: float) -> None:
    """Replace each value by what its merge makes of it. Merging twice must change nothing.

    Raises RemoteError; RemoteSlow: it is later than `until`, and some are not written.
    """
    if backend.settle_s:
        _push_and_look(backend, merges, until)
        return
    for batch in _rounds(merges, _PER_ROUND):
        left = batch
        while left:
            left = _overtaken(backend, left, until)
            if left:
                time.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  # so that two do not meet again


def _rounds(merges: Mapping[str, Merge], count: int) -> Iterator[dict[str, Merge]]:
    pending = iter(merges.items())
    while batch := dict(islice(pending, count)):
        yield batch


def _overtaken(backend: Backend, merges: Mapping[str, Merge], until: float) -> dict[str, Merge]:
    """One round; those whose value somebody else has written meanwhile."""
    found = _read(backend, merges, until)
    values = {key: (value, found[key]) for key, value in _merged(merges, found).items()}
    overtaken: set[str] = set()
    backend.put_many(values, until, lambda key, replaced: None if replaced else overtaken.add(key))
    return {key: merges[key] for key in overtaken}


def _push_and_look(backend: Backend, merges: Mapping[str, Merge], until: float) -> None:
    unwritten, standing = set(merges), dict[str, bytes]()
    while unwritten or standing:
        standing.update(_written(backend, {key: merges[key] for key in unwritten}, until))
        unwritten = set()
        wait_s = backend.settle_s
        if not standing or time.monotonic() + wait_s >= until:
            return
        time.sleep(wait_s)
        found = _read(backend, standing, until)
        for key, before in list(standing.items()):
            held = found[key]
            if held is not None and held.value == before:
                del standing[key]
            elif held is not None and merges[key](held.value) is None:
                standing[key] = held.value  # somebody has added to it: watch that
            else:
                del standing[key]
                unwritten.add(key)


def _written(backend: Backend, merges: Mapping[str, Merge], until: float) -> dict[str, bytes]:
    """Read, merge and write without delay between; what was written."""
    left, count, written = dict(merges), THREADS, dict[str, bytes]()
    while left:
        batch = dict(islice(left.items(), count))
        found = _read(backend, batch, until)
        values = _merged(batch, found)
        answers: dict[str, bool] = {}
        pairs = {key: (value, found[key]) for key, value in values.items()}
        backend.put_many(pairs, until, answers.__setitem__)
        written |= {key: value for key, value in values.items() if answers.get(key)}
        late = {key for key in values if not answers.get(key)}
        left = {key: merge for key, merge in left.items() if key in late or key not in batch}
        count = max(1, count // 2) if late else count
    return written


def _read(backend: Backend, keys: Iterable[str], until: float) -> dict[str, Held | None]:
    """What there is under all keys. Raises RemoteError, also if one was not answered."""
    if time.monotonic() >= until:
        raise RemoteSlow("not all results were sent in time")
    found: dict[str, Held | None] = {}
    backend.get_many(keys, until, found.__setitem__)
    return found


def _merged(merges: Mapping[str, Merge], found: Mapping[str, Held | None]) -> dict[str, bytes]:
    """What is to be written; nothing for a value that may stay."""
    values = {}
    for key, merge in merges.items():
        held = found[key]
        value = merge(held.value if held is not None else None)
        if value is not None:
            values[key] = value
    return values
