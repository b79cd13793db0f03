"""How long tests took and shared set-ups took, under any environment; only schedules rest on it.

    timing / path of the test file    seconds by the part of the node id behind the path

Kept apart from traces: a test that failed or cannot be stored has a duration, too, and a new
environment, in which everything runs, is just when durations are wanted. A value that does not decode
counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from testcache.errors import BadRecord
from testcache.model import NodeId
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Change, Store
from testcache.structs import Struct, field

KEPT_TESTS = 20_000
"""A file's latest ones; tests whose ids differ in each run would pile up for ever."""

_TIMING = "timing"


class Timings(Struct):
    """Seconds by node id.

    Attributes:
        tests: set-up, call and teardown of each test in its latest run.
        setups: what all tests of a file or a class share (module- and class-scoped fixtures), by that
            file's or class's node id.
        crashed: tests that took their process with them in their latest run.
    """

    tests: dict[str, float] = field(default_factory=dict)
    setups: dict[str, float] = field(default_factory=dict)
    crashed: list[str] = field(default_factory=list)


def load_timings(store: Store, paths: Iterable[str]) -> Timings:
    """What is known of these test files. Cost: about 20 us a file and 0.2 us a test. Raises StoreError."""
    wanted = {_key(path): path for path in paths}
    found = Timings()
    for key, data in store.get_many(_TIMING, list(wanted)).items():
        path, timings = wanted[key], _decoded(data)
        found.tests.update({path + rest: seconds for rest, seconds in timings.tests.items()})
        found.setups.update({path + rest: seconds for rest, seconds in timings.setups.items()})
        found.crashed += [path + rest for rest in timings.crashed]
    return found


def save_timings(
    store: Store, tests: Mapping[NodeId, float], setups: Mapping[str, float], crashed: Iterable[NodeId]
) -> None:
    """Take over what a run measured, in one transaction. Raises StoreError."""
    files: dict[str, Timings] = {}
    for node in crashed:
        path, rest = _split(node)
        files.setdefault(path, Timings()).crashed.append(rest)
    for node, seconds in tests.items():
        path, rest = _split(node)
        files.setdefault(path, Timings()).tests[rest] = round(seconds, 5)
    for node_of_group, seconds in setups.items():
        path, rest = _split(node_of_group)
        if path in files:
            files[path].setups[rest] = round(seconds, 5)
    if files:
        store.update_many([(_TIMING, _key(path), _joining(fresh)) for path, fresh in files.items()])


def _joining(fresh: Timings) -> Change:
    def change(old: bytes | None) -> bytes:
        known = Timings() if old is None else _decoded(old)
        tests = {rest: seconds for rest, seconds in known.tests.items() if rest not in fresh.tests}
        kept = list((tests | fresh.tests).items())[-KEPT_TESTS:]
        crashed = {rest for rest in known.crashed if rest not in fresh.tests} | set(fresh.crashed)
        return encode_value(Timings(dict(kept), known.setups | fresh.setups, sorted(crashed)[-KEPT_TESTS:]))

    return change


def _decoded(data: bytes) -> Timings:
    try:
        return decode_value(data, Timings)
    except BadRecord:
        return Timings()


def _key(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def _split(node: str) -> tuple[str, str]:
    path, found, rest = node.partition("::")
    return path, found + rest
