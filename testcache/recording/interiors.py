"""Interiors: what libraries keep in their own objects, summed up by the object of the project that leads there.

An ORM, a web framework or a client fills hundreds of attributes as tests go by: memos, counters, compiled
statements. An attribute that no code of the project mentions is read and set by the library alone, so that nobody
needs to know them one by one: all that an engine keeps is one place, `database.py::engine!`. Plain values under a name
that is mentioned are told apart even there: `app.state.debug = True` is a key in a dict of the library.
Who comes upon it rests on it, until that is shown not to matter (`testcache.trace`). An object written in C that holds
something nobody can look at, such as a table of data, makes the interior *opaque*: it is never the same again.
A state is 16 bytes. The first 8 are a sum that leaves out what may be a time or a token: where they differ, two states
differ for sure. The rest is a digest of all changes in their order: only what came about in the same way is the same.
Unknown means different: what is not a plain value, a class that has a name or an object whose parts are followed (a
function, a decimal number, a connection) makes the rest another one each time. If the user says that tests do not mind
(`library-state = "learned"`), the rest is a sum, too, of all that can be told: a memo filled in another order is the
same.
Does not see: keys that change places in a table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from testcache.digest import of_bytes, of_fields, of_text
from testcache.model import INSIDE, OPAQUE
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, MISSING
from testcache.recording.keepers import Keeper, Names, both, is_foreign
from testcache.recording.kinds import ATTRIBUTES, CLASS, FUNCTION, PARTS, SLOTS, Key
from testcache.recording.memo import Memo
from testcache.recording.parts import can_be_looked_into
from testcache.recording.plain import atom, is_plain, spelled

_OF_NAMES: Final = frozenset({ATTRIBUTES, CLASS, FUNCTION, PARTS, SLOTS})
"""How objects are looked at whose slots have names; the keys of a library's table are the project's."""

_DATA: Final = frozenset({"__len__", "__iter__", "__getitem__", "__next__", "__array__", "__arrow_c_stream__"})
"""What an object written in C has that holds elements."""

_LONG: Final = 16
"""Characters or bytes from which a text may be a token."""

_LARGE: Final = 10**9
"""A number from which it may be a time, or an address."""

_FEW: Final = 8
"""Elements of a key that are told apart."""


class Interiors:
    """The interiors of one process.

    Attributes:
        adopting: whether what enters now was there at first.
        mentioned: all names that code of the project mentions, as it is loaded.

    Args:
        is_library: whether a module, by its name, is a library's.
        by_content: whether a state is the same if it holds the same, as far as that can be told.
    """

    def __init__(self, is_library: Callable[[str], bool], *, by_content: bool = False) -> None:
        self._by_content = by_content
        self.adopting = False
        self.mentioned: set[str] = set()
        self._passed_over: set[str] = set()
        self.is_library = Memo(lambda kind: any(is_library(anatomy.names_of(base)[0]) for base in anatomy.mro(kind)))
        """Whether a class is a library's, or rests on one."""
        self._sums: dict[str, int] = {}
        self._contents: dict[str, int] = {}
        self._news: dict[str, list[str]] = {}
        self._history: dict[str, bytes] = {}
        self._access: dict[str, tuple[Names, Names]] = {}
        self._touched: set[str] = set()
        self._opaque: set[str] = set()
        self._inexact: set[str] = set()
        self._differing: dict[str, set[tuple[Keeper, object]]] = {}

    def of(self, keeper: Keeper, slot: Any) -> str:
        """The place of the interior to which a slot belongs; "" if it is a place of its own."""
        if keeper.inside:
            return keeper.inside
        is_inner = keeper.library and keeper.kind in _OF_NAMES and slot not in self.mentioned
        return keeper.place + INSIDE if is_inner else ""

    def way(self, keeper: Keeper, slot: Any) -> tuple[str, Names]:
        """The interior to which a slot belongs, and the names by which code may come upon what is in it."""
        inside = self.of(keeper, slot)
        return inside, self._names_of(keeper, slot) if inside else keeper.names_of(slot)

    def _names_of(self, keeper: Keeper, slot: Any) -> Names:
        """Names that nobody mentions lead nobody anywhere, for as long as that is so; a library has thousands."""
        if not keeper.kind.named or slot in self.mentioned:
            return keeper.names_of(slot)
        self._passed_over.add(slot)
        return keeper.names

    def mention(self, names: Names) -> Names:
        """Code that is loaded mentions these names; those are returned that have been passed over until now."""
        late = self._passed_over & names
        self._passed_over -= late
        self.mentioned |= names
        return frozenset(late)

    def tells_apart(self, keeper: Keeper, slot: Any, *values: object) -> bool:
        """Whether a slot of an interior is one that the project sets or reads by a roundabout way."""
        is_named = type(slot) is str and slot in self.mentioned and not keeper.late
        return is_named and all(value is MISSING or type(value) in ATOMS for value in values)

    # -- sums

    def enter(self, keeper: Keeper) -> None:
        """All that a late object of an interior holds counts from now on."""
        if not self.adopting:
            self._add_all(keeper, 1)

    def leave(self, keeper: Keeper) -> None:
        """Nothing leads to it any more, or it turns out to have been there at first."""
        self._add_all(keeper, -1)

    def change(self, place: str, keeper: Keeper, slot: Any, before: object, value: object, *, restored: bool) -> None:
        """A slot holds something else; or what it held at first."""
        differing = self._differing.setdefault(place, set())
        (differing.discard if restored else differing.add)((keeper, slot))
        self._add(place, slot, value, 1)
        self._add(place, slot, before, -1)
        names, files = self._access.get(place, (frozenset(), keeper.files))
        self._access[place] = (names | self._names_of(keeper, slot), both(files, keeper.files))
        self._touched.add(place)

    def _add_all(self, keeper: Keeper, sign: int) -> None:
        for slot, value in keeper.last.items():
            self._add(keeper.inside, slot, value, sign)

    def _add(self, place: str, slot: Any, value: object, sign: int) -> None:
        """Count what a slot holds, or no longer. Cost: 2 us; a list, 1 us an element."""
        label = _label(slot.key if type(slot) is Key else slot)
        parts: Any = (anatomy.content(value) or ()) if type(value) is tuple else (value,)
        if value is not MISSING:
            if not all(map(self._is_known, parts)):
                self._opaque.add(place)
            if not all(map(_is_exact, (*parts, slot.key if type(slot) is Key else None))):
                self._inexact.add(place)
            told = (type(part).__name__ if _passes(part) else _label(part) for part in parts)
            _count(self._sums, place, label, told, sign)
            if self._by_content:
                _count(self._contents, place, label, map(_label, parts), sign)
        if sign > 0 and not self._by_content:
            held = ["-"] if value is MISSING else map(_label, parts)
            self._news.setdefault(place, []).append("\n".join((label, *held)))

    def _is_known(self, value: object) -> bool:
        """Whether an object is told by its label, and by what it leads to."""
        kind = type(value)
        return can_be_looked_into(kind) or not (self.is_library(kind) and _has_data(kind)) or _has_bytes(value)

    def touched(self) -> list[tuple[str, bytes, Names, Names]]:
        """The interiors that have changed since the last look: place, sum, and how code comes upon them.

        The sum is empty if all is as it was at first.
        """
        found = []
        for place in sorted(self._touched):
            value = self._sums.get(place, 0).to_bytes(8, "big") + self._rest(place)
            if not self._differing.get(place):
                self._forget(place)
                found += [(one, b"", *self._access[place]) for one in (place, place + OPAQUE)]
            elif place in self._opaque:
                found.append((place + OPAQUE, os.urandom(16), *self._access[place]))
            else:
                found.append((place, value, *self._access[place]))
        self._touched.clear()
        return found

    def _rest(self, place: str) -> bytes:
        """What makes two states of an interior the same, besides their sums."""
        if self._by_content:
            return self._contents.get(place, 0).to_bytes(8, "big")
        past = of_fields(self._history.get(place, b"").hex(), *self._news.pop(place, ()))[:8]
        self._history[place] = os.urandom(8) if place in self._inexact else past
        return self._history[place]

    def _forget(self, place: str) -> None:
        for known in (self._sums, self._contents, self._news, self._history, self._differing):
            known.pop(place, None)
        self._inexact.discard(place)
        self._opaque.discard(place)

    def rebase(self) -> None:
        """All is now as it is at first."""
        for place in [*self._sums, *self._history, *self._differing, *self._opaque, *self._inexact]:
            self._forget(place)
        self._touched.clear()

    def drop(self, gone: Collection[Keeper]) -> frozenset[str]:
        """Nothing leads to these objects any more; the interiors that are gone, or as they were at first."""
        places = set()
        for keeper in gone:
            place = keeper.inside or keeper.place + INSIDE
            if keeper.inside:
                self.leave(keeper)
            if place in self._differing:
                places.add(place)
                self._differing[place] = {one for one in self._differing[place] if one[0] is not keeper}
        restored = {place for place in places if not self._differing[place]}
        for place in restored:
            self._forget(place)
        return frozenset(restored.union(place + OPAQUE for place in restored))


def _count(sums: dict[str, int], place: str, label: str, texts: Iterable[str], sign: int) -> None:
    """Add what a slot holds to a sum, in which the order of slots and elements does not matter."""
    total = sum(int.from_bytes(of_text(f"{label}\n{text}")[:8], "big") for text in texts)
    sums[place] = (sums.get(place, 0) + sign * total) % 2**64


def _passes(value: Any) -> bool:
    """Whether a plain value may be another one each time: a time, a token, a random number."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) >= _LONG
    if kind is float or kind is int:
        return kind is float or abs(value) >= _LARGE
    return len(spelled(value)) >= _LONG


def _is_exact(value: object) -> bool:
    """Whether the label says all that there is, or the parts are followed."""
    kind = type(value)
    if kind in ATOMS:
        return True
    if issubclass(kind, type):
        return anatomy.has_its_name(value)
    if not can_be_looked_into(kind):
        return _has_bytes(value)
    if is_foreign(kind):
        return bool(spelled(value)) and not is_plain(kind)
    return bool(spelled(value)) or (anatomy.is_transparent(kind) and not issubclass(kind, BaseException))


def _has_data(kind: type) -> bool:
    """Whether objects of a class hold elements, and do not only act, as a compiled validator does."""
    return any(not _DATA.isdisjoint(anatomy.namespace(base)) for base in anatomy.mro(kind))


def _has_bytes(value: object) -> bool:
    """Whether an object written in C gives its content as bytes, as an array does."""
    if anatomy.is_of_python(type(value)):
        return False
    try:
        with memoryview(value):  # type: ignore[arg-type]
            return True
    except (TypeError, ValueError, BufferError):
        return False


def _label(thing: Any) -> str:
    """A plain value as it is, a class or function by its name, anything else by its class."""
    kind = type(thing)
    if kind in ATOMS:
        return atom(thing)
    if kind is tuple:  # a key, mostly
        parts = thing[:_FEW]
        return "(" + ",".join(_label(part) if type(part) is not tuple else "tuple" for part in parts) + ")"
    if issubclass(kind, type):
        return ".".join(anatomy.names_of(thing))
    if not can_be_looked_into(kind) and _has_bytes(thing):
        with memoryview(thing) as view:
            return f"{'.'.join(anatomy.names_of(kind))} {view.format}{view.shape} {of_bytes(view.tobytes()).hex()}"
    name = anatomy.names_of(kind)
    text = thing.__qualname__ if name == ("builtins", "function") else spelled(thing)
    return f"{'.'.join(name)} {text}" if text else ".".join(name)
