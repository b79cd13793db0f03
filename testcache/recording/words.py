"""Words of memory at many addresses, compared in one call: 2 to 5 ns a word, where one of ctypes for each takes 20.

A buffer may lead through pointers to what it shows (the suboffsets of PEP 3118), and a `memoryview` follows them in C.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_ssize_t,
    c_void_p,
    py_object,
    pythonapi,
    sizeof,
    string_at,
)
from itertools import chain
from math import prod
from typing import Any, Final

_FORMAT: Final = b"Q"
WIDTH: Final = sizeof(c_void_p)
"""Bytes."""

_PART: Final = 64 * WIDTH
"""Bytes that are compared at once where something has changed: 0.1 us, and 5 us to look at each word in them."""


class _Buffer(Structure):
    """`Py_buffer`, as it has been since Python 3.3."""

    _fields_ = (
        ("buf", c_void_p), ("obj", c_void_p), ("len", c_ssize_t), ("itemsize", c_ssize_t),
        ("readonly", c_int), ("ndim", c_int), ("format", c_char_p), ("shape", POINTER(c_ssize_t)),
        ("strides", POINTER(c_ssize_t)), ("suboffsets", POINTER(c_ssize_t)), ("internal", c_void_p),
    )  # fmt: skip


def show(addresses: array[int], *steps: tuple[int, int, int]) -> memoryview:
    """What lies at these addresses, for as long as the array neither grows nor goes.

    Args:
        steps: one for each dimension: how many there are, how many bytes they are apart, and how far behind the
            pointer that stands there the next one lies; -1 if no pointer stands there.
    """
    make: Any = pythonapi.PyMemoryView_FromBuffer
    make.restype, make.argtypes = py_object, [POINTER(_Buffer)]
    shape, strides, suboffsets = ((c_ssize_t * len(steps))(*each) for each in zip(*steps, strict=True))
    start, _ = addresses.buffer_info()
    size = WIDTH * prod(shape)
    view: memoryview = make(
        byref(_Buffer(start, None, size, WIDTH, 1, len(steps), _FORMAT, shape, strides, suboffsets, None))
    )
    return view


class Words:
    """The words at addresses which stay valid: whoever asks keeps alive what lies there, also while it asks.

    An import in another thread may add some in the midst of a look: the addresses that are looked at never change, and
    neither they nor what lies there goes as long as somebody holds them.
    """

    __slots__ = ("_addresses", "_fresh", "_seen", "_shown")

    def __init__(self) -> None:
        self._addresses = array("Q")
        self._seen = b""
        self._fresh: list[tuple[range, bytes]] = []
        self._shown: tuple[array[int], memoryview, memoryview] | None = None

    def add(self, addresses: range) -> None:
        """Look at the words in a stretch of memory, too, as they are now."""
        self._fresh.append((addresses, string_at(addresses.start, WIDTH * len(addresses))))

    def _join(self) -> None:
        fresh, self._fresh = self._fresh, []
        self._addresses = self._addresses + array("Q", chain.from_iterable(stretch for stretch, _ in fresh))
        self._seen = b"".join((self._seen, *(seen for _, seen in fresh)))
        self._shown = None

    def keep(self, numbers: Iterable[int]) -> None:
        """Look only at some of the words, by their numbers, which are counted anew."""
        self._join()
        kept = [*numbers]
        self._seen = b"".join(self._seen[WIDTH * at : WIDTH * (at + 1)] for at in kept)
        self._addresses = array("Q", [self._addresses[at] for at in kept])

    def changed(self) -> list[int]:
        """The numbers of those that are others than at the last look, which this one is now."""
        if self._fresh:
            self._join()
        shown = self._shown
        if shown is None:
            addresses = self._addresses
            if not addresses:
                return []
            words = show(addresses, (len(addresses), WIDTH, 0))
            shown = self._shown = addresses, words, memoryview(self._seen).cast("Q")
        addresses, now, seen = shown
        if now == seen:
            return []
        old, new = self._seen, now.tobytes()
        self._seen, self._shown = new, (addresses, now, memoryview(new).cast("Q"))
        parts = range(0, len(new), _PART)
        spots = chain.from_iterable(
            range(at, min(at + _PART, len(new)), WIDTH) for at in parts if new[at : at + _PART] != old[at : at + _PART]
        )
        return [at // WIDTH for at in spots if new[at : at + WIDTH] != old[at : at + WIDTH]]


def _are_there() -> bool:
    """Whether this interpreter has objects where `id` says, and shows words that pointers lead to."""
    if sys.implementation.name != "cpython" or WIDTH != 8:
        return False
    held = array("Q", (1, 2, 3))
    start, _ = held.buffer_info()
    words = Words()
    for at in (2, 0, 1):
        words.add(range(start + at * WIDTH, start + (at + 1) * WIDTH, WIDTH))
    before = words.changed()
    held[0] = held[2] = 5
    return not before and words.changed() == [0, 1] and not words.changed()


AVAILABLE: Final = _are_there()
