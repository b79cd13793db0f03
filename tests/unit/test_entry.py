"""Entries that travel alone: each is about one thing, for one project, under one key."""

from __future__ import annotations

import pytest
from travel import KEY, NO_KEY, OTHER_KEY

from testcache.exchange.entry import MAX_VALUE_BYTES, Entry, Kind, pack, seal, unpack, unseal
from testcache.exchange.keyring import Keyring
from testcache.exchange.refusals import Damaged, Forged, Refused, Unsigned
from testcache.structs import replace

ENTRY = Entry(Kind.MANIFEST, bytes(range(16)), b"tests/test_a.py", b"the value")


@pytest.mark.parametrize("keyring", [KEY, NO_KEY])
def test_what_is_sealed_opens(keyring: Keyring) -> None:
    """With a key and without."""
    assert unseal(seal(ENTRY, "shop", keyring), ENTRY.about, "shop", keyring) == ENTRY


@pytest.mark.parametrize(
    "asked",
    [
        replace(ENTRY, path=b"tests/test_b.py").about,
        replace(ENTRY, environment=bytes(16)).about,
        replace(ENTRY, kind=Kind.COLLECTED).about,
    ],
)
def test_it_cannot_be_moved(asked: tuple[Kind, bytes, bytes]) -> None:
    """Under the key of another test file, environment or kind it is refused."""
    with pytest.raises(Damaged, match="something else"):
        unseal(seal(ENTRY, "shop", KEY), asked, "shop", KEY)


def test_it_cannot_change_the_project_or_the_key() -> None:
    """The project is signed with it; an unsigned one is refused where there is a key."""
    sealed = seal(ENTRY, "shop", KEY)
    for project, keyring in (("bank", KEY), ("shop", OTHER_KEY)):
        with pytest.raises(Forged):
            unseal(sealed, ENTRY.about, project, keyring)
    with pytest.raises(Unsigned):
        unseal(seal(ENTRY, "shop", NO_KEY), ENTRY.about, "shop", KEY)


@pytest.mark.parametrize("keyring", [KEY, NO_KEY])
def test_any_changed_bit_is_refused(keyring: Keyring) -> None:
    """Each bit of it, and each length that it could be cut to."""
    sealed = seal(ENTRY, "shop", keyring)
    start = 0 if keyring else 32  # without a key the place of the signature says nothing
    for bit in range(8 * start, 8 * len(sealed)):
        bad = bytearray(sealed)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Refused):
            unseal(bytes(bad), ENTRY.about, "shop", keyring)
    for end in range(len(sealed)):
        with pytest.raises(Refused):
            unseal(sealed[:end], ENTRY.about, "shop", keyring)


def test_a_length_is_checked_before_it_is_believed() -> None:
    """An entry that claims four gigabytes is refused by its head."""
    data = bytearray(pack(ENTRY))
    data[21:25] = b"\xff\xff\xff\xff"
    with pytest.raises(Damaged, match="claims"):
        unpack(bytes(data))
    with pytest.raises(ValueError, match="too long"):
        pack(replace(ENTRY, value=bytes(MAX_VALUE_BYTES + 1)))
