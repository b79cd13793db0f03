"""Labels: what a thing in an interior is told by: a plain value as it is, anything else by its class or its name."""

from __future__ import annotations

import functools
import threading
import time
import types
from collections import deque
from collections.abc import Collection
from typing import Any, Final

from testcache.digest import of_bytes
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, Types
from testcache.recording.expansion import is_foreign, is_memo
from testcache.recording.insides import inside_of
from testcache.recording.parts import can_be_looked_into
from testcache.recording.plain import atom, is_plain, spelled
from testcache.recording.portrait import portrait

_DATA: Final = frozenset({"__len__", "__iter__", "__getitem__", "__next__", "__array__", "__arrow_c_stream__"})
"""What an object written in C has that holds elements."""

_FOLLOWED: Final = Types(
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType,
    type(threading.Lock()), type(threading.RLock()),
)  # fmt: skip
"""Types whose objects are told by their label, or of which the parts are followed."""

_CONTAINERS: Final = (dict, list, set, frozenset, tuple, deque)
"""The elements of what is written in C on top of these are followed, too: a frozen dict of an ORM."""

_REGION: Final = 22
"""Bits of an identity by which objects differ that lie within 64 MiB: arenas of the interpreter lie side by side."""

_FEW_MORE: Final = 5_000
"""Objects that come in before it is looked where they lie: calendars keep thousands of moments, each a large number."""

_CLOCKS: Final = (time.time, time.monotonic, time.perf_counter)

_DIGITS: Final = 4
"""Of a fraction of a second: hardly any written number has more, hardly any measured one less."""

_LONG: Final = 16
"""Characters or bytes from which a text may be a token."""

_LARGE: Final = 10**9
"""A number from which it may be a time, or an address."""

FEW: Final = 8
"""Elements of a tuple that are told apart, if it leads to objects: these are followed."""


class Addresses:
    """Where the objects of this process lie.

    Attributes:
        met: the identities of those that are known.
    """

    def __init__(self) -> None:
        self.met: Collection[int] = ()
        self._regions: set[int] = set()
        self._counted = -_FEW_MORE

    def have(self, number: int) -> bool:
        """Whether a number is what `id` or `hash` say of an object that lies where others do, or has lain there.

        Does not see: a region where the first of some thousand objects lie. Cost: 0.5 us, seldom 20 ns an object known.
        """
        if number < _LARGE:
            return False
        near = {at + step for at in (number >> _REGION, number >> _REGION + 4) for step in (-1, 0, 1)}
        self._counted = min(self._counted, len(self.met))
        if near.isdisjoint(self._regions) and len(self.met) - self._counted >= _FEW_MORE:
            self._counted = len(self.met)
            self._regions |= {key >> _REGION for key in self.met}
        return not near.isdisjoint(self._regions)


class Clocks:
    """The clocks of a process, since this was made."""

    def __init__(self) -> None:
        self._begun = [clock() for clock in _CLOCKS]

    def have_shown(self, value: float) -> bool:
        """Whether a number is a moment since then, and not one that somebody has written down, such as a timeout.

        What clocks say is no input of a test.
        """
        is_measured = round(value, _DIGITS) != value
        return is_measured and any(begun <= value <= clock() for clock, begun in zip(_CLOCKS, self._begun, strict=True))


def passes(value: Any) -> bool:
    """Whether a plain value may be another one each time: a time, a token, a random number."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) >= _LONG
    if kind is float or kind is int:
        return kind is float or abs(value) >= _LARGE
    return len(spelled(value)) >= _LONG


def is_exact(value: object) -> bool:
    """Whether the label says all that there is, or the parts are followed."""
    kind = type(value)
    if kind in ATOMS:
        return True
    if issubclass(kind, type):
        return anatomy.has_its_name(value)
    if kind in _FOLLOWED or inside_of(kind) is not None or is_memo(kind):
        return True
    if issubclass(kind, _CONTAINERS) and not anatomy.is_of_python(kind):
        return True
    if not can_be_looked_into(kind):
        return has_bytes(value)
    if is_foreign(kind):
        return bool(spelled(value)) and not is_plain(kind)
    return bool(spelled(value)) or (anatomy.is_transparent(kind) and not issubclass(kind, BaseException))


def has_data(kind: type) -> bool:
    """Whether objects of a class hold elements, and do not only act, as a compiled validator does."""
    return any(not _DATA.isdisjoint(anatomy.namespace(base)) for base in anatomy.mro(kind))


def has_bytes(value: object) -> bool:
    """Whether an object written in C gives its content as bytes, as an array does."""
    if anatomy.is_of_python(type(value)):
        return False
    try:
        with memoryview(value):  # type: ignore[arg-type]
            return True
    except (TypeError, ValueError, BufferError):
        return False


def label(thing: Any) -> str:
    """A plain value as it is, a class or function by its name, anything else by its class."""
    kind = type(thing)
    if kind in ATOMS:
        return atom(thing)
    if issubclass(kind, type):
        return ".".join(anatomy.names_of(thing))
    if not can_be_looked_into(kind) and has_bytes(thing):
        with memoryview(thing) as view:
            return f"{'.'.join(anatomy.names_of(kind))} {view.format}{view.shape} {of_bytes(view.tobytes()).hex()}"
    name = anatomy.names_of(kind)
    text = _title(thing, kind) or spelled(thing)
    return f"{'.'.join(name)} {text}" if text else ".".join(name)


def _title(thing: Any, kind: type) -> str:
    """What tells functions, modules and references apart by their names."""
    if kind is types.FunctionType:
        return f"{thing.__module__}.{thing.__qualname__} {_code(thing.__code__)}"
    if kind is types.BuiltinFunctionType:
        return f"{thing.__module__}.{thing.__qualname__}"
    if kind is types.MethodType:
        return label(thing.__func__)
    if kind is types.ModuleType:
        return str((anatomy.dict_of(thing) or {}).get("__name__"))
    return ""


@functools.cache
def _code(code: types.CodeType) -> str:
    return portrait(code).hex()
