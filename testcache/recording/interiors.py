"""Interiors: what libraries keep in their own objects, summed up by the object of the project that leads there.

An ORM, a web framework or a client fills hundreds of attributes as tests go by: memos, counters, compiled
statements. An attribute that no code of the project mentions is read and set by the library alone, so that nobody
needs to know them one by one: all that an engine keeps is one place, `database.py::engine!`. Plain values under a name
that is mentioned are told apart even there: `app.state.debug = True` is a key in a dict of the library.
Who comes upon it rests on it, until that is shown not to matter (`testcache.trace`). An object written in C that holds
something nobody can look at, such as a table of data, makes the interior *opaque*: it is never the same again.
A state is 16 bytes: two sums over all that the interior holds, each thing by the way that leads to it from the object
of the project. The first leaves out what may be a time or a token: where they differ, two states differ for sure. In
whatever order memos are filled, they are the same; but keys of a table count in their order.
Unknown means different: what is not a plain value, a class that has a name or an object whose parts are followed makes
the second sum another one each time, unless the user says that tests do not mind (`library-state = "learned"`).
Does not see: keys that change places in a table with more than `MOST_KEYS`; which of several objects of one class a
reference leads to, if they come in with it; what hashes and addresses of objects, and moments of this run, are exactly.
"""

from __future__ import annotations

import os
import types
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from testcache.model import INSIDE, OPAQUE
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS, MISSING
from testcache.recording.identity import identity
from testcache.recording.keepers import Keeper, Names, both, number
from testcache.recording.kinds import ATTRIBUTES, CLASS, FUNCTION, PAIRS, PARTS, SLOTS, Key
from testcache.recording.labels import FEW, Addresses, Clocks, has_bytes, has_data, is_exact, label, passes
from testcache.recording.memo import Memo
from testcache.recording.parts import can_be_looked_into
from testcache.recording.plain import is_row

_OF_NAMES: Final = frozenset({ATTRIBUTES, CLASS, FUNCTION, PARTS, SLOTS})
"""How objects are looked at whose slots have names; the keys of a library's table are the project's."""

MOST_KEYS: Final = 1_000
"""Keys of a table that count in their order: 1 ms after each test that adds one."""

_ORDER: Final = object()
"""Stands for the order of the keys of a table among its slots."""


class Interiors:
    """The interiors of one process.

    Attributes:
        adopting: whether what enters now was there at first.
        addresses: where objects lie.
        keepers: those that are watched, by the identity of what is looked at.
        mentioned: all names that code of the project mentions, as it is loaded.

    Args:
        is_library: whether a module, by its name, is a library's.
        by_content: whether what cannot be told counts as the same, and in whatever order.
    """

    def __init__(self, is_library: Callable[[str], bool], *, by_content: bool = False) -> None:
        self._by_content = by_content
        self.adopting = False
        self.keepers: Mapping[int, Keeper] = {}
        self.addresses = Addresses()
        self._clocks = Clocks()
        self.mentioned: set[str] = set()
        self._passed_over: set[str] = set()
        self.is_library = Memo(lambda kind: any(is_library(anatomy.names_of(base)[0]) for base in anatomy.mro(kind)))
        """Whether a class is a library's, or rests on one."""
        self._states: defaultdict[str, _State] = defaultdict(_State)
        self._access: dict[str, tuple[Names, Names]] = {}
        self._touched: set[str] = set()

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

    def holds(self, thing: object) -> bool:
        """Whether an object is watched, or its dict is."""
        return identity(thing) in self.keepers or identity(anatomy.dict_of(thing)) in self.keepers

    # -- sums

    def enter(self, keeper: Keeper) -> None:
        """All that a late object of an interior holds counts from now on."""
        if not self.adopting:
            state = self._states[keeper.inside]
            state.late.add(keeper)
            for slot, value in keeper.last.items():
                self._put(state, keeper, slot, value)

    def leave(self, keeper: Keeper) -> None:
        """Nothing leads to it any more, or it turns out to have been there at first."""
        if keeper.inside in self._states:
            self._states[keeper.inside].let_go(keeper)

    def change(self, place: str, keeper: Keeper, slot: Any, value: object, *, restored: bool) -> None:
        """A slot holds something else; or what it held at first, which is nothing new in what was there at first."""
        state = self._states[place]
        if restored:
            state.differing.discard((keeper, slot))
        else:
            state.differing.add((keeper, slot))
        if restored and keeper not in state.late:
            state.take(keeper, slot)
        else:
            self._put(state, keeper, slot, value)
        names, files = self._access.get(place, (frozenset(), keeper.files))
        self._access[place] = (names | self._names_of(keeper, slot), both(files, keeper.files))
        self._touched.add(place)

    def _put(self, state: _State, keeper: Keeper, slot: Any, value: object) -> None:
        """Count what a slot holds now. Cost: 3 us; a list, 1 us an element."""
        state.take(keeper, slot)
        if keeper.kind is PAIRS:
            state.tables.add(keeper)
        state.is_inexact |= keeper.vague
        if value is MISSING and keeper in state.late:
            return
        key = slot.key if type(slot) is Key else slot
        parts: Any = (anatomy.content(value) or ()) if type(value) is tuple else (value,)
        way = [f"{keeper.path:x}", keeper.kind.look.__name__, self._label(key)]
        if value is MISSING:
            told = held = ["-"]
        else:
            if not all(map(self._is_known, parts)):
                state.is_opaque = True
            if not all(map(self._is_exact, (*parts, slot.key if type(slot) is Key else None))):
                state.is_inexact = True
            held = [*map(self._label, parts)]
            told = [type(part).__name__ if passes(part) else label for part, label in zip(parts, held, strict=True)]
        if self._by_content:
            told, held = sorted(told), sorted(held)
        else:
            way.append(keeper.step(slot))
        state.put(keeper, slot, (number(*way, *told), number(*way, *held)))

    def _label(self, thing: Any) -> str:
        """A plain value as it is, but for hashes of objects that go by their address, and for times of this run.

        An ORM keeps the one as a part of its keys, a pool of connections the other. A class or function is told by its
        name, anything else by its class.
        """
        kind = type(thing)
        if kind is int and self.addresses.have(thing):
            return "address"
        if kind is float and self._clocks.have_shown(thing):
            return "moment"
        if kind is tuple:
            return f"({','.join(map(self._label, thing if is_row(thing) else thing[:FEW]))})"
        if kind is types.MethodType or kind is types.BuiltinFunctionType:
            return f"{label(thing)} of {self._label(thing.__self__)}"
        if kind is weakref.ref:
            return f"reference to {self._label(weakref.ref.__call__(thing))}"
        return label(thing) + self._origin(thing)

    def _is_exact(self, thing: Any) -> bool:
        """Whether the label says all that there is, or the parts are followed, as those of weak references are not."""
        if type(thing) is weakref.ref:
            held = weakref.ref.__call__(thing)
            return bool(self._origin(held)) or (issubclass(type(held), type) and is_exact(held))
        return is_exact(thing)

    def _origin(self, thing: object) -> str:
        """Where an object is that is watched by now, and may be told from others of its class by that."""
        keeper = self.keepers.get(identity(thing)) or self.keepers.get(identity(anatomy.dict_of(thing)))
        return f" at {keeper.inside or keeper.place} {keeper.path:x}" if keeper is not None else ""

    def _is_known(self, value: object) -> bool:
        """Whether an object is told by its label, and by what it leads to."""
        kind = type(value)
        return can_be_looked_into(kind) or not (self.is_library(kind) and has_data(kind)) or has_bytes(value)

    def touched(self) -> list[tuple[str, bytes, Names, Names]]:
        """The interiors that have changed since the last look: place, sum, and how code comes upon them.

        The sum is empty if all is as it was at first.
        """
        found = []
        for place in sorted(self._touched):
            state = self._states[place]
            if not state.differing:
                del self._states[place]
                found += [(one, b"", *self._access[place]) for one in (place, place + OPAQUE)]
            elif state.is_opaque:
                found.append((place + OPAQUE, os.urandom(16), *self._access[place]))
            else:
                found.append((place, state.sums[0].to_bytes(8, "big") + self._rest(state), *self._access[place]))
        self._touched.clear()
        return found

    def _rest(self, state: _State) -> bytes:
        """What makes two states of an interior the same, besides the first of their sums."""
        if not self._by_content:
            for keeper in state.tables:
                self._look_at_keys(state, keeper)
            state.tables.clear()
            if state.is_inexact:
                return os.urandom(8)
        return state.sums[1].to_bytes(8, "big")

    def _look_at_keys(self, state: _State, keeper: Keeper) -> None:
        """Keys of a table count in their order."""
        if len(keeper.last) <= MOST_KEYS:
            keys = (slot.key if type(slot) is Key else slot for slot in keeper.last)
            state.put(keeper, _ORDER, (0, number(f"{keeper.path:x}", "keys", *map(self._label, keys))))

    def rebase(self) -> None:
        """All is now as it is at first."""
        self._states.clear()
        self._touched.clear()

    def drop(self, gone: Collection[Keeper]) -> frozenset[str]:
        """Nothing leads to these objects any more; the interiors that are gone, or as they were at first."""
        places = set()
        for keeper in gone:
            place = keeper.inside or keeper.place + INSIDE
            if place in self._states:
                places.add(place)
                self._states[place].let_go(keeper)
        restored = {place for place in places if not self._states[place].differing}
        for place in restored:
            del self._states[place]
        return frozenset(restored.union(place + OPAQUE for place in restored))


class _State:
    """What an interior holds that it did not hold at first."""

    def __init__(self) -> None:
        self.sums = (0, 0)
        self.parts: dict[Keeper, dict[object, tuple[int, int]]] = {}
        self.late: set[Keeper] = set()
        self.differing: set[tuple[Keeper, object]] = set()
        self.tables: set[Keeper] = set()
        self.is_opaque = self.is_inexact = False

    def put(self, keeper: Keeper, slot: object, numbers: tuple[int, int]) -> None:
        """Count a slot."""
        self.take(keeper, slot)
        self.parts.setdefault(keeper, {})[slot] = numbers
        self.add(numbers, 1)

    def take(self, keeper: Keeper, slot: object) -> None:
        """Do not count a slot any more."""
        numbers = self.parts.get(keeper, {}).pop(slot, None)
        if numbers is not None:
            self.add(numbers, -1)

    def add(self, numbers: tuple[int, int], sign: int) -> None:
        """Count, or no longer."""
        one, other = self.sums
        self.sums = (one + sign * numbers[0]) % 2**64, (other + sign * numbers[1]) % 2**64

    def let_go(self, keeper: Keeper) -> None:
        """Do not count an object any more."""
        self.tables.discard(keeper)
        self.late.discard(keeper)
        for slot in [*self.parts.get(keeper, {})]:
            self.take(keeper, slot)
        self.parts.pop(keeper, None)
        self.differing = {one for one in self.differing if one[0] is not keeper}
