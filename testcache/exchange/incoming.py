"""Taking a bundle into a store: all is checked before the first write, and one transaction writes it."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from testcache.errors import BadRecord
from testcache.exchange.bundle import Bundle
from testcache.exchange.entry import ENVIRONMENT_BYTES, Entry, Kind
from testcache.exchange.plausible import examine
from testcache.exchange.refusals import Damaged
from testcache.exchange.variables import unmarked
from testcache.model import ABSENT, Manifest, NodeId
from testcache.model import Kind as InputKind
from testcache.storage import leaks
from testcache.storage.codec import decode_manifest, decode_value
from testcache.storage.history import Run, collected_key, facts_key, runs_key, with_run
from testcache.storage.index import SPACE as INDEX
from testcache.storage.manifests import MANIFEST, merged
from testcache.storage.salts import SALTS, adding, salt_id
from testcache.storage.store import META, SALT, Change, Store
from testcache.structs import Struct, field


class Contents(Struct):
    """What a verified bundle holds.

    Attributes:
        tests: different node ids.
        traces: results in all.
        salts: in how many test files each salt is named.
    """

    tests: set[NodeId] = field(default_factory=set)
    traces: int = 0
    salts: Counter[str] = field(default_factory=Counter)


def verify(bundle: Bundle, *, now_s: float) -> Contents:
    """Decode and check every entry of a bundle. Raises Refused. Cost: 1 ms per 25 tests."""
    environments = {key for key, _ in bundle.header.environments}
    contents = Contents()
    for entry in bundle.entries():
        if len(entry.environment) != ENVIRONMENT_BYTES or entry.environment.hex() not in environments:
            raise Damaged("an entry belongs to an environment that the header does not name")
        try:
            _look(entry, contents, now_s)
        except (BadRecord, UnicodeDecodeError) as error:
            raise Damaged("an entry does not decode") from error
    return contents


def take(store: Store, bundle: Bundle, contents: Contents) -> int:
    """Merge a verified bundle into the store: all of it, or nothing. Returns how many values changed.

    Merging traces is a union: the order of bundles does not matter, and taking one in again changes
    nothing. Of the rest, which only `status` and its like ask for, what is here already stays. A store
    without results takes over the salt that most of the bundle is keyed with, so that what it
    records itself is keyed alike; any other keeps the bundle's salts beside its own.

    Race: (1) we see a store without results, (2) a run records the first ones, (3) we replace the
    salt: variables of that run no longer match, and its tests run again.

    Raises StoreError.
    """
    known = {name: salt for name, salt in bundle.salts.items() if salt_id(salt) == name}
    salt = store.salt
    if store.count(MANIFEST) == 0:
        ranked = sorted(((-count, name) for name, count in contents.salts.items() if name in known))
        salt = known[ranked[0][1]] if ranked else salt
    own = salt_id(salt)
    foreign = {name: other for name, other in known.items() if name != own}
    changed: list[bytes] = []
    leaving: defaultdict[bytes, set[NodeId]] = defaultdict(set)

    def counting(key: bytes, change: Change) -> Change:
        def counted(old: bytes | None) -> bytes:
            new = change(old)
            if new != old:
                changed.append(key)
            return new

        return counted

    def items() -> Iterator[tuple[str, bytes, Change]]:
        if salt != store.salt:
            yield META, SALT, lambda _: salt
        if foreign:
            yield META, SALTS, adding(foreign)
        for entry in bundle.entries():
            space, key, change = _change(entry, own, leaving[entry.environment])
            yield space, key, counting(key, change)
        for environment, nodes in leaving.items():  # found out while the entries before were taken in
            if nodes:
                yield leaks.marking(environment, nodes)

    store.update_many(items())
    store.salt = salt
    if changed:  # the index is a shortcut that does not know of the failures that came in
        store.delete(INDEX, list(store.keys(INDEX)))
    return len(changed)


def _look(entry: Entry, contents: Contents, now_s: float) -> None:
    path = entry.path.decode("utf-8", "surrogatepass")
    if (entry.kind in (Kind.FACTS, Kind.RUN)) != (not path):
        raise Damaged("an entry names no test file, or one too many")
    if entry.kind is Kind.FACTS:
        decode_value(entry.value, dict[str, str])
    elif entry.kind is Kind.RUN:
        if decode_value(entry.value, Run).environment != entry.environment.hex():
            raise Damaged("a run is filed under another environment")
    elif entry.kind is Kind.COLLECTED:
        decode_value(entry.value, list[str])
    else:
        manifest = decode_manifest(entry.value)
        examine(manifest, path, now_s=now_s)
        contents.tests.update(manifest.tests)
        contents.traces += sum(map(len, manifest.traces.values()))
        contents.salts.update(_salts(manifest))


def _salts(manifest: Manifest) -> set[str]:
    found = set()
    parts = {part for traces in manifest.traces.values() for trace in traces for part in trace.parts}
    for part in parts:
        for read in part:
            if read.input.kind is InputKind.VARIABLE and read.digest != ABSENT:
                _, named, salt = read.input.name.partition("=")
                if not named:
                    raise Damaged("a variable does not say what it is keyed with")
                found.add(salt)
    return found


def _change(entry: Entry, own: str, leaving: set[NodeId]) -> tuple[str, bytes, Change]:
    """Where an entry goes, and how; notes which tests leave something that is not known of them."""
    if entry.kind is Kind.FACTS:
        return *facts_key(entry.environment), lambda old: entry.value if old is None else old
    if entry.kind is Kind.RUN:
        run = decode_value(entry.value, Run)
        return *runs_key(), lambda old: with_run(old, run)
    if entry.kind is Kind.COLLECTED:
        return *collected_key(entry.environment, entry.path), lambda old: entry.value if old is None else old
    manifest = unmarked(decode_manifest(entry.value), own)

    def join(old: bytes | None) -> bytes:
        known = Manifest()
        if old is not None:
            with contextlib.suppress(BadRecord):
                known = decode_manifest(old)
        leaving.update(leaks.leaving(known, manifest))
        return merged(old, new=manifest)

    return MANIFEST, entry.environment + entry.path, join
