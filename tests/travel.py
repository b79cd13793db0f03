"""Stores with traces made by hand, and bundles of them, for tests that need no run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from testcache.digest import of_text
from testcache.exchange.arrivals import Arrival, receive
from testcache.exchange.bundle import Header
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.outgoing import export
from testcache.model import Input, Kind, Manifest, NodeId, Read, Trace
from testcache.storage.codec import encode_manifest
from testcache.storage.history import Run, save_run
from testcache.storage.manifests import MANIFEST, manifest_key
from testcache.storage.store import Store

ENVIRONMENT = bytes(range(16))
FACTS = {"python": "cpython 3.12.1 (main)", "platform": "linux x86_64", "option randomly_seed": "c0ffee"}
KEY = Keyring((b"a key of the whole team, 1",))
OTHER_KEY = Keyring((b"a key of somebody else, 2",))
NO_KEY = Keyring()
LIMITS = Limits()


def report(when: str, **more: Any) -> dict[str, Any]:
    return {"$report_type": "TestReport", "when": when, "duration": 0.25, **more}


def trace(*reads: tuple[Kind, str, bytes], at: float = 1000.0, **changes: Any) -> Trace:
    part = frozenset(Read(Input(kind, name), of_text(value.hex())) for kind, name, value in reads)
    fields: dict[str, Any] = {
        "parts": (part,),
        "outcome": "passed",
        "reports": (report("setup"), report("call"), report("teardown")),
        "duration_s": 0.75,
        "recorded_at": at,
    }
    return Trace(**(fields | changes))


def manifest(path: str, count: int = 3, *, at: float = 1000.0) -> Manifest:
    """Traces of some tests of a file: each read a file, a variable and one thing of its own."""
    common = ((Kind.BODY, path, b"body"), (Kind.VARIABLE, "HOME", b"home"))
    return Manifest(
        {
            NodeId(f"{path}::test_{i}"): [trace(*common, (Kind.BLOCK, f"{path}::test_{i}", b"%d" % i), at=at)]
            for i in range(count)
        },
        {NodeId(f"{path}::test_failing"): at},
    )


def put(store: Store, path: str, content: Manifest, environment: bytes = ENVIRONMENT) -> None:
    store.put_many([(MANIFEST, manifest_key(environment, path), encode_manifest(content))])


def fill(store: Store, *, files: int = 3, at: float = 1000.0, environment: bytes = ENVIRONMENT) -> None:
    """Some test files, and the run that recorded them."""
    for number in range(files):
        put(store, f"test_{number}.py", manifest(f"test_{number}.py", at=at), environment)
    run = Run(
        at=at + 5, environment=environment.hex(), mode="on", recorder="monitoring", total=9, cached=0,
        saved_s=0.0, spent_s=2.0, reasons={"new": 9}, not_stored={}, failed=0, wrong=0, options={}, search=["."],
        collection={},
    )  # fmt: skip
    save_run(store, run, FACTS, [])


_OPEN: list[Store] = []


def store(folder: Path) -> Store:
    """Open a store that `close_all` closes."""
    _OPEN.append(Store.open(folder))
    return _OPEN[-1]


def made(folder: Path, **filling: Any) -> Store:
    made = store(folder)
    fill(made, **filling)
    return made


def close_all() -> None:
    while _OPEN:
        _OPEN.pop().close()


def send(store: Store, file: Path, *, project: str = "shop", keyring: Keyring = NO_KEY) -> Header:
    return export(store, file, project=project, keyring=keyring)


def come(
    store: Store, file: Path, *, project: str = "shop", keyring: Keyring = NO_KEY, limits: Limits = LIMITS,
    unverified: bool = False,
) -> Arrival:  # fmt: skip
    return receive(store, file, project=project, keyring=keyring, limits=limits, unverified=unverified)


def contents(store: Store) -> dict[bytes, bytes]:
    """All manifests of a store."""
    return store.get_many(MANIFEST, list(store.keys(MANIFEST)))
