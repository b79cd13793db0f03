"""What runs leave behind for `status`, `stats`, `explain` and `doctor`; no decision of a run rests on it.

    history / runs                    the last `KEPT_RUNS` runs, oldest first
    history / facts    + environment  what is behind an environment key, by name
    history / uncached + environment  tests whose latest run was not stored, by node id, and why
    collected / environment + path    node ids of a test file that was collected in full

A value that does not decode (damaged, or of another version) counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from testcache.errors import BadRecord
from testcache.model import NodeId, Result
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.effort import Effort
from testcache.storage.manifests import manifest_key
from testcache.storage.store import Change, Store
from testcache.structs import Struct, field

KEPT_RUNS = 200
EVIDENCE_CHARS = 300
"""A list of a thousand files as evidence would be stored again with every run."""

MAYBE_SECRET = ("ini ", "option ")
"""Beginnings of the names of facts that are kept as digests, keyed with the store's salt."""

_HISTORY = "history"
_COLLECTED = "collected"
_RUNS = b"runs"
_FACTS = b"facts\0"
_UNCACHED = b"uncached\0"

T = TypeVar("T")


class Run(Struct, frozen=True):
    """One run in numbers.

    Attributes:
        at: seconds since the epoch, at its end.
        environment: its environment key, in hexadecimal.
        mode, recorder: as its header said.
        total, cached: tests collected and replayed.
        saved_s, spent_s: recorded seconds of the replayed tests, and seconds of those that ran.
        reasons: tests that ran and may be stored, or failed, by slug.
        not_stored: tests that ran and were not stored although they did not fail, by slug.
        failed: tests that ran and failed.
        wrong: wrong hits that verifying or an audit found.
        options: digests of the options that conftest files added, in hexadecimal.
        search: its `sys.path` as stored names.
        collection: ini settings that say which files hold tests.
        effort: what its workers cost and gave; None without -n.
        audited: hits that really ran and were compared, by an audit or by verifying.
        asked, came: entries that the remote was asked for, and those that were taken in.
        differed: inputs in words that made most tests run, and how many.
        cpu_s: seconds of CPU that running and replaying took, in the processes that ran tests; 0 if not known.
    """

    at: float
    environment: str
    mode: str
    recorder: str
    total: int
    cached: int
    saved_s: float
    spent_s: float
    reasons: dict[str, int]
    not_stored: dict[str, int]
    failed: int
    wrong: int
    options: dict[str, str]
    search: list[str]
    collection: dict[str, list[str]]
    effort: Effort | None = None
    audited: int = 0
    asked: int = 0
    came: int = 0
    differed: dict[str, int] = field(default_factory=dict)
    cpu_s: float = 0.0

    @property
    def ran(self) -> int:
        """How many tests ran."""
        return sum(self.reasons.values()) + sum(self.not_stored.values())


class Uncached(Struct, frozen=True):
    """Why the latest run of a test was not stored, how long it took, and when it ended."""

    slug: str
    evidence: str
    duration_s: float
    at: float


def save_run(store: Store, run: Run, facts: Mapping[str, str], results: Iterable[Result]) -> None:
    """Append one run and what it learned, in one transaction. Raises StoreError."""
    environment = bytes.fromhex(run.environment)
    latest = list(results)

    def add_run(old: bytes | None) -> bytes:
        return encode_value([*_decoded(old, list[Run], []), run][-KEPT_RUNS:])

    def add_uncached(old: bytes | None) -> bytes:
        table = _decoded(old, dict[str, Uncached], {})
        for result in latest:
            table.pop(result.node_id, None)
            if result.problems:
                slug, evidence = result.problems[0]
                table[result.node_id] = Uncached(slug, evidence[:EVIDENCE_CHARS], result.duration_s, result.recorded_at)
        return encode_value(table)

    changes: list[tuple[str, bytes, Change]] = [
        (_HISTORY, _RUNS, add_run),
        (_HISTORY, _FACTS + environment, lambda _: encode_value(dict(facts))),
        (_HISTORY, _UNCACHED + environment, add_uncached),
    ]
    store.update_many(changes)


def facts_key(environment: bytes) -> tuple[str, bytes]:
    """Space and key of the facts behind an environment key."""
    return _HISTORY, _FACTS + environment


def runs_key() -> tuple[str, bytes]:
    """Space and key of the runs."""
    return _HISTORY, _RUNS


def collected_key(environment: bytes, path: bytes) -> tuple[str, bytes]:
    """Space and key of the node ids of one test file."""
    return _COLLECTED, environment + path


def with_run(old: bytes | None, run: Run) -> bytes:
    """The stored runs with one that was made elsewhere, unless there is one under its environment."""
    kept = _decoded(old, list[Run], [])
    if any(own.environment == run.environment for own in kept):
        return encode_value(kept)
    return encode_value(sorted([run, *kept], key=lambda one: one.at)[-KEPT_RUNS:])


def runs(store: Store) -> list[Run]:
    """All kept runs, oldest first."""
    return _decoded(store.get(_HISTORY, _RUNS), list[Run], [])


def facts_of(store: Store, environment: bytes) -> dict[str, str]:
    """What is behind an environment key: a short text, or a digest where the value may be a secret."""
    return _decoded(store.get(_HISTORY, _FACTS + environment), dict[str, str], {})


def uncached(store: Store, environment: bytes) -> dict[NodeId, Uncached]:
    """Tests whose latest run under this environment was not stored."""
    table = _decoded(store.get(_HISTORY, _UNCACHED + environment), dict[str, Uncached], {})
    return {NodeId(node): why for node, why in table.items()}


def save_collected(store: Store, environment: bytes, files: Mapping[str, list[NodeId]]) -> None:
    """Keep the node ids of test files that were collected in full. Cost: writes only what differs."""
    wanted = {
        manifest_key(environment, path): encode_value([node.removeprefix(path) for node in nodes])
        for path, nodes in files.items()
    }
    known = store.get_many(_COLLECTED, list(wanted))
    changed = [(_COLLECTED, key, value) for key, value in wanted.items() if known.get(key) != value]
    if changed:
        store.put_many(changed)


def collected(store: Store, environment: bytes, paths: Iterable[str]) -> dict[str, list[NodeId]]:
    """The node ids of these test files when they were last collected in full; others are left out."""
    wanted = {manifest_key(environment, path): path for path in paths}
    found = store.get_many(_COLLECTED, list(wanted))
    lists = {wanted[key]: _decoded(value, list[str], []) for key, value in found.items()}
    return {path: [NodeId(path + rest) for rest in names] for path, names in lists.items() if names}


def _decoded(data: bytes | None, type_: type[T], empty: T) -> T:
    try:
        return empty if data is None else decode_value(data, type_)
    except BadRecord:
        return empty
