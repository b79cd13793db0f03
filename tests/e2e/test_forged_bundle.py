"""Forged and damaged bundles and entries, 12,000 of them: none is taken in, executed, or the end of the process.

`TESTCACHE_FUZZ=10000` makes 10,000 of each kind of bundle; it takes half a minute.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import travel
from travel import ENVIRONMENT, FACTS, KEY, NO_KEY, OTHER_KEY, come, contents, made, send

from testcache.exchange import entry as entries
from testcache.exchange.bundle import MAGIC, Header, Writer
from testcache.exchange.entry import Entry, Kind
from testcache.exchange.keyring import Keyring
from testcache.exchange.limits import Limits
from testcache.exchange.outgoing import machine_of
from testcache.exchange.refusals import Refused
from testcache.exchange.variables import marked
from testcache.storage.codec import decode_manifest, encode_manifest, encode_value

FUZZ = int(os.environ.get("TESTCACHE_FUZZ", "0"))
BUNDLES, INSIDES, ENTRIES = FUZZ or 2000, FUZZ or 300, 10_000
LIMITS = Limits(packed_bytes=1 << 20, unpacked_bytes=8 << 20, entries=1000)
HEAD, TAIL, MAC = 14, 32 + 1, 32

Forger = Callable[[random.Random, bytes, bytes, bytes], bytes]
"""Makes a bundle out of chance, a signed bundle, a signed one of another store, and a pickle."""


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.path),)


def flipped(chance: random.Random, data: bytes, _: bytes, __: bytes) -> bytes:
    changed = bytearray(data)
    for _number in range(chance.choice([1, 1, 2, 8])):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: random.Random, data: bytes, _: bytes, __: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def lengthened(chance: random.Random, data: bytes, other: bytes, _: bytes) -> bytes:
    return data + chance.choice([b"\0", chance.randbytes(chance.randrange(1, 80)), other])


def spliced(chance: random.Random, data: bytes, other: bytes, _: bytes) -> bytes:
    """The beginning of one and the end of another, or a stretch of it in the middle."""
    at, length = chance.randrange(len(data)), chance.randrange(1, 200)
    if chance.random() < 0.5:
        return data[:at] + other[at:]
    return data[:at] + other[at : at + length] + data[at + length :]


def removed(chance: random.Random, data: bytes, _: bytes, __: bytes) -> bytes:
    at = chance.randrange(len(data) - 1)
    return data[:at] + data[at + chance.randrange(1, 50) :]


def lied_about_lengths(chance: random.Random, data: bytes, _: bytes, __: bytes) -> bytes:
    at = chance.choice([10, HEAD + int.from_bytes(data[10:14], "big")])
    length = chance.choice([0, 1, 2**20, 2**31, 2**32 - 1, chance.randrange(2**32)])
    return data[:at] + length.to_bytes(4, "big") + data[at + 4 :]


def digested_anew(chance: random.Random, data: bytes, other: bytes, payload: bytes) -> bytes:
    """Changed, with a digest that fits: only the signature tells."""
    body = flipped(chance, data[: -TAIL - MAC], other, payload)
    return body + hashlib.sha256(body).digest() + data[-MAC - 1 :]


def without_signature(chance: random.Random, data: bytes, other: bytes, payload: bytes) -> bytes:
    body = data[: -TAIL - MAC]
    if chance.random() < 0.5:
        body = flipped(chance, body, other, payload)
    return body + hashlib.sha256(body).digest() + b"\0"


def moved_signature(chance: random.Random, data: bytes, other: bytes, _: bytes) -> bytes:
    return data[:-MAC] + chance.choice([other[-MAC:], bytes(MAC), chance.randbytes(MAC)])


def noise(chance: random.Random, data: bytes, _: bytes, payload: bytes) -> bytes:
    start = chance.choice([b"", MAGIC, data[:HEAD], data[:100], payload, MAGIC + payload])
    return start + chance.randbytes(chance.randrange(400))


FORGERS: list[Forger] = [
    flipped, cut, lengthened, spliced, removed, lied_about_lengths, digested_anew, without_signature,
    moved_signature, noise,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    travel.close_all()


@pytest.fixture
def payload(tmp_path: Path) -> bytes:
    return pickle.dumps(Payload(tmp_path / "executed"))


def test_none_is_taken_in(tmp_path: Path, payload: bytes) -> None:
    """Whatever is done to a signed bundle, the store stays as it was and a reason is given."""
    here, other, there = (made(tmp_path / name, at=at) for name, at in [("a", 1e3), ("b", 2e3), ("c", 3e3)])
    send(here, tmp_path / "signed", keyring=KEY)
    send(other, tmp_path / "other", keyring=OTHER_KEY)
    whole, elsewhere = (tmp_path / "signed").read_bytes(), (tmp_path / "other").read_bytes()
    before = contents(there)
    chance = random.Random(6)  # noqa: S311
    reasons: Counter[str] = Counter()
    for number in range(BUNDLES):
        forger = FORGERS[number % len(FORGERS)]
        while (bad := forger(chance, whole, elsewhere, payload)) == whole:
            pass  # a cut of nothing, or bytes that were replaced by their like
        (tmp_path / "bad").write_bytes(bad)
        arrival = come(there, tmp_path / "bad", keyring=KEY, limits=LIMITS)
        assert arrival.slug.startswith("bundle-"), (number, forger.__name__, arrival)
        assert arrival.changed == 0
        reasons[arrival.slug] += 1
    print(dict(reasons))
    assert contents(there) == before
    assert not (tmp_path / "executed").exists()
    assert come(there, tmp_path / "signed", keyring=KEY, limits=LIMITS).slug == ""


def packed(path: Path, parts: list[Entry], keyring: Keyring, *, header: bytes = b"") -> None:
    """A bundle that is well-formed outside, whatever is in its entries or in its header."""
    environments = [(key.hex(), machine_of(FACTS)) for key in sorted({part.environment for part in parts})]
    with path.with_name("spool").open("w+b") as spool, path.open("wb") as target:
        writer = Writer(spool)
        for part in sorted(parts):
            writer.add(part)
        writer.finish(target, project="shop", salts=[], environments=environments, keyring=keyring)
    if header:
        data = path.read_bytes()
        old = int.from_bytes(data[10:14], "big")
        body = data[:10] + len(header).to_bytes(4, "big") + header + data[HEAD + old : -TAIL]
        path.write_bytes(body + hashlib.sha256(body).digest() + b"\0")


def test_what_is_inside_is_checked_as_well(tmp_path: Path, payload: bytes) -> None:
    """Entries that do not decode are refused even if the seal fits: no key means that anybody can seal."""
    here, there = made(tmp_path / "a"), made(tmp_path / "b", at=3e3)
    manifest, _ = marked(decode_manifest(contents(here)[ENVIRONMENT + b"test_0.py"]), "c0ffee")
    good = encode_manifest(manifest)
    before = contents(there)
    chance = random.Random(7)  # noqa: S311
    taken = 0
    for number in range(INSIDES):
        kind = chance.choice(list(Kind))
        path = b"" if kind in (Kind.FACTS, Kind.RUN) else chance.choice([b"test_0.py", b"test_0.py", b"\xff", payload])
        value = bytearray(chance.choice([good, good, payload, encode_value({"a": 1}), chance.randbytes(90), b""]))
        for _ in range(chance.choice([1, 3, 9]) if value else 0):
            value[chance.randrange(len(value))] = chance.randrange(256)
        part = Entry(kind, ENVIRONMENT, path, bytes(value))
        packed(tmp_path / "bad", [part], NO_KEY)
        arrival = come(there, tmp_path / "bad", limits=LIMITS)
        taken += not arrival.slug
        if arrival.slug:
            assert contents(there) == before, number
        before = contents(there)
    print(taken, "changed entries were well-formed and taken in, unsigned")
    assert taken < INSIDES / 4  # some changes leave a well-formed manifest with other fingerprints
    assert not (tmp_path / "executed").exists()


def test_a_header_is_checked_as_well(tmp_path: Path, payload: bytes) -> None:
    """A pickle, wrong types and noise where the header should be."""
    there = made(tmp_path / "b")
    header = Header("shop", [("id", b"x")], [], 0, 0, 0, "")
    for bad in (
        payload,
        encode_value(header),
        encode_value(["shop"]),
        b"\xc1" * 50,
        encode_value({"project": 7}),
    ):
        packed(tmp_path / "bad", [], NO_KEY, header=bad)
        assert come(there, tmp_path / "bad").slug == "bundle-damaged"
    assert not (tmp_path / "executed").exists()


def test_a_bomb_is_refused_in_bounded_time_and_memory(tmp_path: Path) -> None:
    """Entries that pack to nothing: what is unpacked counts, also where the header lies about it."""
    there = made(tmp_path / "b")
    parts = [Entry(Kind.MANIFEST, ENVIRONMENT, b"test_%03d.py" % i, bytes(8 << 20)) for i in range(20)]
    packed(tmp_path / "bomb", parts, NO_KEY)
    assert (tmp_path / "bomb").stat().st_size < 100_000
    assert come(there, tmp_path / "bomb", limits=LIMITS).slug == "bundle-oversized"
    small = Header("shop", [], [(ENVIRONMENT.hex(), "x")], 20, 20, 1000, "")
    packed(tmp_path / "liar", parts, NO_KEY, header=encode_value(small))
    start = time.monotonic()
    assert come(there, tmp_path / "liar", limits=LIMITS).slug in ("bundle-damaged", "bundle-oversized")
    assert time.monotonic() - start < 5


def test_the_payload_works(tmp_path: Path, payload: bytes) -> None:
    """Unpickling it does make the folder: otherwise the tests above would prove nothing."""
    pickle.loads(payload)  # noqa: S301
    assert (tmp_path / "executed").exists()


def test_entries_that_travel_alone(tmp_path: Path, payload: bytes) -> None:
    """Sealed entries, forged by the same means."""
    entry = Entry(Kind.MANIFEST, ENVIRONMENT, b"test_0.py", payload)
    sealed = entries.seal(entry, "shop", KEY)
    other = entries.seal(Entry(Kind.MANIFEST, ENVIRONMENT, b"test_1.py", b"x"), "shop", OTHER_KEY)
    chance = random.Random(8)  # noqa: S311
    for _ in range(ENTRIES):
        bad = sealed
        while bad == sealed:
            bad = chance.choice([flipped, cut, lengthened, spliced, removed])(chance, sealed, other, payload)
        with pytest.raises(Refused):
            entries.unseal(bad, entry.about, "shop", KEY)
    assert not (tmp_path / "executed").exists()
