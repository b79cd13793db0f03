"""Keepers: the long-lived objects that the census watches, and what each holds.

An object may be two keepers, as a subclass of list is: one for its elements, one for its attributes.
Does not see: a function that gets other defaults; a slot that takes over the value of another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from testcache.digest import of_text
from testcache.model import OPAQUE
from testcache.recording import anatomy
from testcache.recording.anatomy import ATOMS
from testcache.recording.identity import identity
from testcache.recording.kinds import PAIRS, WEAK_KEYS, WEAK_VALUES, WHOLE, Key, Kind
from testcache.structs import Struct, field

Names = frozenset[str]

_ATOMS: Final = ATOMS.ids

_RANKED: Final = frozenset({PAIRS, WEAK_KEYS, WEAK_VALUES})
"""How tables are looked at, whose keys have an order."""

MOST_FILES: Final = 32
"""Modules that are told apart in which a name stands. A tree of tokens that 300 lexers import by its name would be gone
round 300 times."""


def both(files: Names, others: Names) -> Names:
    """The modules of two ways to an object; anywhere, if that is one of them or they are too many."""
    found = files | others if files and others else frozenset[str]()
    return found if len(found) <= MOST_FILES else frozenset()


def covers(files: Names, others: Names) -> bool:
    """Whether these modules are among others, or these are anywhere."""
    return not files or (bool(others) and others <= files)


class Keeper(Struct, eq=False):
    """One object that is watched.

    Attributes:
        thing: the object, or its dict.
        owner: the object that is looked at.
        place: where it was found first: `path::NAME.attribute[#key]`, with `~2` and so on if that is taken.
        names: those by which code may reach it.
        files: the modules in which one of these names stands.
        base, last: what it held at first, and at the last look, by slot.
        late: whether it came in after the first look, and goes when nothing leads to it any more.
        grown: what is in the slots that hold something else than at first; only kept for what is not late.
        reordered: whether its keys have been told to stand in an order of their own.
        bearer: the object whose dict this is, if the garbage collector has to be asked about that, too.
        library: whether its class is a library's, or rests on one.
        inside: the place of the interior that it belongs to, "" if it is the project's to know.
        path: stands for the way that leads there in the interior, the same in each run.
        vague: whether that leads to other objects, too.
        counted: what has been counted of what it held, for a way into an interior.
    """

    thing: object
    kind: Kind
    owner: object
    place: str
    names: Names
    files: Names
    base: Mapping[Any, object] = field(default_factory=dict)
    last: Mapping[Any, object] = field(default_factory=dict)
    late: bool = False
    grown: dict[Any, Sequence[Found]] = field(default_factory=dict)
    reordered: bool = False
    bearer: object = None
    library: bool = False
    inside: str = ""
    path: int = 0
    vague: bool = False
    counted: tuple[Mapping[Any, object], dict[Any, int]] = ({}, {})

    def look(self) -> dict[Any, object]:
        return self.kind.look(self.owner)

    def place_of(self, slot: Any) -> str:
        return self.place + self.kind.label(slot)

    def names_of(self, slot: Any) -> Names:
        """The names by which code may reach what is in a slot.

        Those of the object count for its attributes, too: a library may read them, or `==` of a dataclass.
        """
        return self.names | {slot} if self.kind.named else self.names

    def step(self, slot: Any) -> str:
        """A slot in the way to what is in it: an object that is a key of a table by its class and its rank."""
        if type(slot) is not Key:
            return "" if slot is WHOLE else repr(slot)
        rank = self._counted().get(slot, "") if self.kind in _RANKED else ""
        return f"{rank} {'.'.join(anatomy.names_of(type(slot.key)))}"

    def _confuses(self, slot: Any) -> bool:
        """Whether that leads to other elements of a set, too."""
        return type(slot) is Key and self.kind not in _RANKED and self._counted()[identity(type(slot.key))] > 1

    def _counted(self) -> dict[Any, int]:
        """The ranks of slots in a table; of a set, how many elements there are of each class."""
        if self.counted[0] is not self.last:
            keys = (identity(type(slot.key)) for slot in self.last if type(slot) is Key)
            ranks = {slot: rank for rank, slot in enumerate(self.last)} if self.kind in _RANKED else Counter(keys)
            self.counted = self.last, ranks
        return self.counted[1]

    def found_in(self, slot: Any, inside: str, names: Names) -> Sequence[Found]:
        """What is in a slot, and an object that is its key, on the way into the census; plain values are not.

        `inside` is the place of the interior to which the slot belongs, `names` are those by which code may get there.
        """
        value = self.last[slot]
        if not inside and slot is not WHOLE and type(slot) is not Key:  # nearly all
            is_plain = identity(type(value)) in _ATOMS
            return () if is_plain else [Found(value, self.place + self.kind.label(slot), names, self.files)]
        parts: list[tuple[int | None, object]] = [(None, value)]
        if slot is WHOLE and type(value) is tuple:  # made for the look
            parts = [*enumerate(value)]
        elif type(slot) is Key and slot.key is not value:
            parts.append((0, slot.key))
        parts = [(at, part) for at, part in parts if identity(type(part)) not in _ATOMS]
        if not parts:
            return ()
        if inside:
            trail = (f"{self.path:x}", self.kind.look.__name__, self.step(slot))
            ways, vague = [number(*trail, str(at)) for at, _ in parts], self.vague or self._confuses(slot)
            return [
                Found(part, inside, names, self.files, inside=inside, path=way, vague=vague)
                for (_, part), way in zip(parts, ways, strict=True)
            ]
        place = self.place_of(slot.brief if type(slot) is Key else slot)
        return [Found(part, place if at is None else f"{place}[{at}]", names, self.files) for at, part in parts]

    def held(self) -> Iterable[object]:
        """All objects that this leads to, with plain values among them. Cost: 20 ns each."""
        whole = self.last.get(WHOLE)
        parts = whole if type(whole) is tuple else ()
        keys = () if self.kind.named else (slot.key for slot in self.last if type(slot) is Key)
        return chain(self.last.values(), parts, keys)

    def below(self, way: Callable[[Keeper, Any], tuple[str, Names]]) -> list[Found]:
        """All that this leads to; `way` gives the interior to which a slot belongs, and the names that lead there."""
        slots = [slot for slot, value in self.last.items() if identity(type(value)) not in _ATOMS or type(slot) is Key]
        if not self.inside and not self.library:  # all of it is in places of its own
            return [found for slot in slots for found in self.found_in(slot, "", self.names_of(slot))]
        return [found for slot in slots for found in self.found_in(slot, *way(self, slot))]


class Found(Struct, eq=False):  # not frozen, which would take three times as long; a test makes thousands
    """An object on the way into the census: with `kind` None it is still to be found out what it is."""

    thing: object
    place: str
    names: Names
    files: Names
    kind: Kind | None = None
    owner: object = None
    inside: str = ""
    path: int = 0
    vague: bool = False


def number(*texts: str) -> int:
    """Stands for these texts in a sum."""
    return int.from_bytes(of_text("\n".join(texts))[:8], "big")


def unnamed(thing: object) -> Found:
    """An object that is met by no name, and followed as far as one in an interior is."""
    return Found(thing, "", frozenset(), frozenset(), inside=OPAQUE)
