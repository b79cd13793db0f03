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
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

from testcache.clock import clock
from testcache.remote.backend import Backend, Held, RemoteError, RemoteSlow, Untaken
from testcache.remote.spread import THREADS

Merge = Callable[[bytes | None], bytes | None]
"""What a value becomes, given what it is (None: there is none); None if it may stay."""

_PER_ROUND = 240
"""Values that are read, merged and written together: what is written when time is up stays written."""

_PAUSE_S = 0.02


def push(backend: Backend, merges: Mapping[str, Merge], until: float) -> dict[str, Untaken]:
    """Replace each value by what its merge makes of it. Merging twice must change nothing.

    Returns the keys whose values the engine does not take; these stay as they are. Raises RemoteError: it takes
    none; RemoteSlow: it is later than `until`, and some are not written.
    """
    untaken: dict[str, Untaken] = {}
    if backend.settle_s:
        _push_and_look(backend, merges, until, untaken)
    else:
        for batch in _rounds(merges, _PER_ROUND):
            left = batch
            while left:
                left = _overtaken(backend, left, until, untaken)
                if left:
                    clock.sleep(random.uniform(0, _PAUSE_S))  # noqa: S311  # so that two do not meet again
    if untaken and len(untaken) == len(merges):
        raise RemoteError(next(iter(untaken.values())).why)
    return untaken


def _rounds(merges: Mapping[str, Merge], count: int) -> Iterator[dict[str, Merge]]:
    pending = iter(merges.items())
    while batch := dict(islice(pending, count)):
        yield batch


def _overtaken(
    backend: Backend, merges: Mapping[str, Merge], until: float, untaken: dict[str, Untaken]
) -> dict[str, Merge]:
    """One round; those whose value somebody else has written meanwhile."""
    found = _read(backend, merges, until)
    values = {key: (value, found[key]) for key, value in _merged(merges, found).items()}
    answers = _put(backend, values, until, untaken)
    return {key: merges[key] for key, replaced in answers.items() if replaced is False}


def _put(
    backend: Backend, values: Mapping[str, tuple[bytes, Held | None]], until: float, untaken: dict[str, Untaken]
) -> dict[str, bool | Untaken]:
    """Try to replace values; note those that the engine does not take."""
    answers: dict[str, bool | Untaken] = {}
    backend.put_many(values, until, answers.__setitem__)
    untaken.update((key, answer) for key, answer in answers.items() if isinstance(answer, Untaken))
    return answers


def _push_and_look(backend: Backend, merges: Mapping[str, Merge], until: float, untaken: dict[str, Untaken]) -> None:
    unwritten, standing = set(merges), dict[str, bytes]()
    while unwritten or standing:
        standing.update(_written(backend, {key: merges[key] for key in unwritten}, until, untaken))
        unwritten = set()
        wait_s = backend.settle_s
        if not standing or clock.monotonic() + wait_s >= until:
            return
        clock.sleep(wait_s)
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


def _written(
    backend: Backend, merges: Mapping[str, Merge], until: float, untaken: dict[str, Untaken]
) -> dict[str, bytes]:
    """Read, merge and write without delay between; what was written."""
    left, count, written = dict(merges), THREADS, dict[str, bytes]()
    while left:
        batch = dict(islice(left.items(), count))
        found = _read(backend, batch, until)
        values = _merged(batch, found)
        answers = _put(backend, {key: (value, found[key]) for key, value in values.items()}, until, untaken)
        written |= {key: value for key, value in values.items() if answers.get(key) is True}
        late = {key for key in values if not answers.get(key)}
        left = {key: merge for key, merge in left.items() if key in late or key not in batch}
        count = max(1, count // 2) if late else count
    return written


def _read(backend: Backend, keys: Iterable[str], until: float) -> dict[str, Held | None]:
    """What there is under all keys. Raises RemoteError, also if one was not answered."""
    if clock.monotonic() >= until:
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
