"""Versions of dicts: CPython up to 3.13 numbers the changes of all dicts (PEP 509), and the number can be read.

However much a dict holds, its number tells whether it has changed. From 3.13 on an object holds the values of its
attributes itself, until its dict is given to somebody else or gets too big, and these have no number: then the places
in the object are looked at.
"""

from __future__ import annotations

import sys
from ctypes import c_ssize_t, c_uint64, sizeof, string_at
from typing import Final

from testcache.recording.words import WIDTH

_NUMBER: Final = object.__basicsize__ + sizeof(c_ssize_t)
"""Where the number stands: behind what every object begins with, and how many entries there are."""

_VALUES: Final = _NUMBER + 2 * WIDTH
"""Where the address of the values stands if they are somewhere else than in the dict."""

_OWN: Final = -3 * WIDTH
"""Where an object has the address of its dict."""

_FLAGS: Final = 1 << 2 | 1 << 4
"""Py_TPFLAGS_INLINE_VALUES and Py_TPFLAGS_MANAGED_DICT."""

IN_OBJECTS: Final = sys.version_info >= (3, 13)
"""Whether objects may hold the values of their attributes themselves."""


def places_of(held: object, bearer: object | None) -> tuple[range, ...]:
    """The stretches of memory that tell of a change of a dict, for as long as it is alive; none if nothing does.

    Args:
        bearer: the object whose dict this is, if it may hold the values itself; it is kept alive, too.
    """
    number = _words(id(held) + _NUMBER)
    if not IN_OBJECTS:
        return (number,)
    values = _words(id(held) + _VALUES)
    if bearer is None:  # it may be some object's nevertheless: `vars(app)` in a list
        return (number,) if _word(values) == 0 else ()
    kind, own = type(bearer), _words(id(bearer) + _OWN)
    if type.__dict__["__flags__"].__get__(kind) & _FLAGS != _FLAGS or _word(own) != id(held):
        return ()  # an exception, say; or a proxy that shows the dict of somebody else
    start = id(bearer) + type.__dict__["__basicsize__"].__get__(kind)
    room = string_at(start, 1)[0]  # for so many values, behind the word that says so
    return number, values, own, _words(start, 1 + room)


def is_told(held: object, bearer: object | None) -> bool:
    """Whether the garbage collector tells what a dict holds, or its number or memory does.

    It says nothing of values that an object holds itself, if asked about the dict alone.
    """
    return not IN_OBJECTS or _word(_words(id(held) + _VALUES)) == 0 or bool(places_of(held, bearer))


def _words(start: int, count: int = 1) -> range:
    return range(start, start + count * WIDTH, WIDTH)


def _word(place: range) -> int:
    return c_uint64.from_address(place.start).value


def _are_numbered() -> bool:
    """Whether this interpreter numbers changes, and in this place."""
    if sys.implementation.name != "cpython":
        return False
    probe: dict[str, object] = {}
    number = c_uint64.from_address(id(probe) + _NUMBER)
    seen = [number.value]
    for change in (("a", 1), ("a", 2), ("b", 1)):
        probe.update([change])
        seen.append(number.value)
    del probe["a"]
    return len({*seen, number.value}) == len(seen) + 1 and probe.get("b") == 1 and number.value not in seen


class _Probe:
    """Has attributes of its own."""

    def __init__(self) -> None:
        self.a, self.b = object(), object()


def _are_in_objects() -> bool:
    """Whether this interpreter has the values of an object where we look for them."""
    probe = _Probe()
    held = probe.__dict__
    places = places_of(held, probe)
    if len(places) != 4:
        return False
    _, values, own, inside = places
    return (
        _word(own) == id(held)
        and _word(values) == inside.start
        and [c_uint64.from_address(at).value for at in inside[1:3]] == [id(probe.a), id(probe.b)]
    )


AVAILABLE: Final = _are_numbered() and (not IN_OBJECTS or _are_in_objects())
