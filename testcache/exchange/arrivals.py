"""Which bundles came into a store and which were refused, for `doctor` and the summary of a CI job.

history / arrivals   the last `KEPT` of them, oldest first
"""

from __future__ import annotations

from pathlib import Path

from testcache.clock import clock
from testcache.errors import BadRecord
from testcache.exchange.bundle import Header, opened
from testcache.exchange.incoming import take, verify
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.printable import printable
from testcache.exchange.refusals import Elsewhere, Refused
from testcache.storage.codec import decode_value, encode_value
from testcache.storage.store import Store
from testcache.structs import Struct

KEPT = 50
_HISTORY, _ARRIVALS = "history", b"arrivals"


class Arrival(Struct, frozen=True):
    """One bundle that came.

    Attributes:
        at: seconds since the epoch.
        name: of the file.
        slug, why: of the refusal; "" if it was taken in.
        signed: its signature was verified.
        content: the digest of its entries, in hexadecimal.
        machines: interpreter and platform of its environments, in words.
        tests, traces: how many it held.
        changed: values of the store that it changed; 0 if all was known.
    """

    at: float
    name: str
    slug: str = ""
    why: str = ""
    signed: bool = False
    content: str = ""
    machines: tuple[str, ...] = ()
    tests: int = 0
    traces: int = 0
    changed: int = 0


def receive(
    store: Store,
    path: Path,
    *,
    project: str,
    keyring: Keyring,
    limits: Limits,
    unverified: bool = False,
    machine: str = "",
) -> Arrival:
    """Verify a bundle, take it in, and note that; a refused one is noted with its reason.

    `machine` refuses bundles that hold nothing of such a machine.

    Raises StoreError: the store cannot be written.
    """
    now = clock.time()
    try:
        with opened(path, project=project, keyring=keyring, limits=limits, unverified=unverified) as bundle:
            if machine and machine not in machines(bundle.header):
                held = ", ".join(machines(bundle.header)) or "nothing"
                raise Elsewhere(f"it was recorded on {held}, and this is {machine}")
            contents = verify(bundle, now_s=now)
            arrival = Arrival(
                at=now,
                name=printable(path.name),
                signed=bundle.signed,
                content=bundle.header.content,
                machines=machines(bundle.header),
                tests=len(contents.tests),
                traces=contents.traces,
                changed=take(store, bundle, contents),
            )
    except Refused as refusal:
        arrival = Arrival(now, printable(path.name), refusal.slug, str(refusal))
    note(store, arrival)
    return arrival


def machines(header: Header) -> tuple[str, ...]:
    """The interpreters and platforms of a bundle, each once."""
    return tuple(sorted({printable(machine) for _, machine in header.environments}))


def note(store: Store, arrival: Arrival) -> None:
    """Keep an arrival. Raises StoreError."""

    def change(old: bytes | None) -> bytes:
        return encode_value([*_decoded(old), arrival][-KEPT:])

    store.update(_HISTORY, _ARRIVALS, change)


def arrivals(store: Store) -> list[Arrival]:
    """All kept arrivals, oldest first."""
    return _decoded(store.get(_HISTORY, _ARRIVALS))


def _decoded(data: bytes | None) -> list[Arrival]:
    try:
        return [] if data is None else decode_value(data, list[Arrival])
    except BadRecord:
        return []
