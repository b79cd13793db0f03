"""The directory of a scope's environments: what was written comes back, in its own place only, and stays small."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest
from travel import FACTS, KEY, NO_KEY, OTHER_KEY

from testcache.exchange.keyring import Keyring
from testcache.exchange.refusals import Damaged, Forged, Refused, Unsigned, Unverified
from testcache.remote.directory import AGAIN_S, KEPT, Known, joined, key_of, opened
from testcache.structs import replace

OWN = Known("a" * 32, 1e9, FACTS)
PLACE = ("shop", "branch:main")


def written(known: list[Known], own: Known = OWN, keyring: Keyring = KEY) -> bytes:
    parcel = joined(known, own, *PLACE, keyring)
    assert parcel is not None
    return parcel


def read(parcel: bytes, keyring: Keyring = KEY, *, scope: str = PLACE[1], unverified: bool = False) -> list[Known]:
    return opened(parcel, PLACE[0], scope, keyring, unverified=unverified)


def test_what_was_joined_is_read() -> None:
    """Newest first, each environment once, written again once a day."""
    first = read(written([]))
    assert first == [OWN]
    assert joined(first, replace(OWN, at=OWN.at + AGAIN_S - 1), *PLACE, KEY) is None
    other = replace(OWN, environment="b" * 32, at=OWN.at + 5)
    both = read(written(first, other))
    assert both == [other, OWN]
    later = replace(OWN, at=OWN.at + AGAIN_S)
    assert read(written(both, later)) == [later, other]


def test_it_stays_small() -> None:
    """The environments that were written last."""
    known: list[Known] = []
    for number in range(KEPT + 5):
        known = read(written(known, replace(OWN, environment=f"{number:032x}", at=OWN.at + number)))
    assert [int(one.environment, 16) for one in known] == list(range(KEPT + 4, 4, -1))


def test_what_may_be_secret_needs_a_key() -> None:
    """Digests of options and ini settings are keyed with a salt that without a key everybody knows."""
    assert "option randomly_seed" in read(written([]))[0].facts
    assert read(written([], keyring=NO_KEY), NO_KEY)[0].facts.keys() == {"python", "platform"}


def test_it_opens_in_its_own_place_for_those_who_have_the_key() -> None:
    """Not for another scope, not under another key, and not without a signature where there is a key."""
    parcel = written([])
    for refused, keyring, scope in (
        (Forged, KEY, "pull:7"),
        (Forged, OTHER_KEY, PLACE[1]),
        (Unverified, NO_KEY, PLACE[1]),
    ):
        with pytest.raises(refused):
            read(parcel, keyring, scope=scope)
    with pytest.raises(Unsigned):
        read(written([], keyring=NO_KEY))
    assert read(parcel, NO_KEY, unverified=True) == [OWN]
    assert key_of(*PLACE) != key_of(PLACE[0], "pull:7")


@pytest.mark.parametrize("keyring", [KEY, NO_KEY])
def test_forgeries_are_refused(keyring: Keyring, tmp_path: Path) -> None:
    """Damaged, cut, or a pickle: nothing of it is used, with or without a key."""
    good, dice = written([], keyring=keyring), random.Random(1)  # noqa: S311
    first = 0 if keyring else 32
    for _ in range(500):
        bad = bytearray(good)
        bad[dice.randrange(first, len(bad))] ^= 1 << dice.randrange(8)
        cut = good[: dice.randrange(len(good))]
        for parcel in (bytes(bad), cut):
            with pytest.raises(Refused):
                read(parcel, keyring)
    with pytest.raises(Refused):
        read(pickle.dumps(tmp_path), keyring)
    with pytest.raises(Damaged):
        read(written([], replace(OWN, at=float("nan")), keyring), keyring)
