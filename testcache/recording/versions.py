"""Versions of dicts: CPython up to 3.12 numbers every change of every dict (PEP 509), and the number can be read.

However much a dict holds, its number tells whether it has changed.
"""

from __future__ import annotations

import sys
from ctypes import c_ssize_t, c_uint64, sizeof
from typing import Final

_OFFSET: Final = object.__basicsize__ + sizeof(c_ssize_t)
"""Where the number stands: behind what every object begins with, and how many entries there are."""


def place_of(held: object) -> int:
    """The address at which the number of a dict lies for as long as the dict is alive."""
    return id(held) + _OFFSET


def _are_there() -> bool:
    """Whether this interpreter numbers changes, and in this place."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 13):
        return False
    probe: dict[str, object] = {}
    number = c_uint64.from_address(place_of(probe))
    seen = [number.value]
    for change in (("a", 1), ("a", 2), ("b", 1)):
        probe.update([change])
        seen.append(number.value)
    del probe["a"]
    return len({*seen, number.value}) == len(seen) + 1 and probe.get("b") == 1 and number.value not in seen


AVAILABLE: Final = _are_there()
