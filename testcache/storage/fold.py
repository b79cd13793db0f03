"""Sorted names, each written as what it does not share with the one before it."""

from __future__ import annotations

import msgspec

MAX_EXPANDED_BYTES = 256 << 20
"""Names that share prefixes and reports that share templates may unfold to this much in all."""


class Names(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Of each name how many bytes it shares with the one before, and the rest."""

    shared: list[int]
    rest: list[bytes]


def fold(names: list[bytes]) -> Names:
    """Fold names that ascend."""
    shared = [_common(before, name) for before, name in zip([b"", *names], names, strict=False)]
    return Names(shared, [name[count:] for count, name in zip(shared, names, strict=True)])


def unfold(folded: Names) -> list[bytes]:
    """The names. Raises ValueError: there are none such, or too long ones."""
    names, name, left = [], b"", MAX_EXPANDED_BYTES
    for shared, rest in zip(folded.shared, folded.rest, strict=True):
        if not 0 <= shared <= len(name):
            raise ValueError("a name shares more than there is")
        name = name[:shared] + rest
        left -= len(name)
        if left < 0:
            raise ValueError("names unfold to too much")
        names.append(name)
    return names


def _common(first: bytes, second: bytes) -> int:
    """Length of the longest common prefix, by halving: slices compare faster than a loop over bytes."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
