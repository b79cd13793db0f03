"""The census: what outlives a test and can be reached by a name of the project, and what of it has changed.

It begins with the attributes of first-party modules, classes and functions, follows them into every container
and object, and remembers what each holds. A look asks dicts for their version, and the garbage collector what other
objects refer to now: about 0.1 ms a test for a project of 5,000 lines. Only where that differs is looked closer.
What comes in later is *late*: it is watched for as long as something leads to it.

Does not see: what a library keeps in its own modules and classes; contents of arrays of C libraries; attributes that
change places, or one that goes while another one gets the very same value; who walks through what is held weakly; what
lies behind `MOST_KEEPERS` objects. What a name led to when a test began stays alive until the census after it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from operator import attrgetter, is_
from types import ModuleType
from typing import Any, Final

from testcache.recording import anatomy, piles
from testcache.recording.addresses import begins_with
from testcache.recording.anatomy import MISSING, same
from testcache.recording.change import Change, Look
from testcache.recording.expansion import Expansion
from testcache.recording.frontier import Frontier
from testcache.recording.identity import identity
from testcache.recording.interiors import Interiors
from testcache.recording.keepers import Found, Keeper, Names, both, covers, unnamed
from testcache.recording.kinds import CACHE, INSIDE, MODULE, WHOLE, Key
from testcache.recording.order import arranged
from testcache.recording.parts import UNKNOWN
from testcache.recording.places import Places
from testcache.recording.portrait import Painter
from testcache.recording.watches import Watches

MOST_KEEPERS: Final = 200_000
"""Objects that are watched: 1 to 2 ms a test, if most of them are quiet."""

FEW: Final = 300
"""Late objects that are swept whenever one of them may be gone: 1 ms. More of them only when they have doubled: in
a suite whose 350 tests each add classes to a registry a sweep takes 25 ms."""

NOWHERE: Names = frozenset()
_trail: Final[Callable[[Found], tuple[str, int]]] = attrgetter("inside", "path")
"""The order of ways into an interior, the same in each run: the first one to an object gives its path."""


class Census:
    """Watches the long-lived objects of one process.

    Args:
        name: gives the stored name of a path.
        is_project: says whether a file is the project's own.
        interiors: sums up what libraries keep.
    """

    def __init__(self, name: Callable[[str], str], is_project: Callable[[str], bool], interiors: Interiors) -> None:
        self._name = name
        self._is_project = is_project
        self._interiors = interiors
        self._modules: dict[str, str] = {}
        self._met, self._keepers = dict[int, tuple[object, Names, Names]](), dict[int, Keeper]()
        interiors.addresses.met, interiors.keepers = self._met, self._keepers
        self._expanded = Expansion(self._modules, interiors.is_library, interiors.mentioned)
        self.home = self._expanded.home
        self._inner: set[int] = set()
        self._apart: dict[tuple[Keeper, str], str] = {}
        self._late: set[int] = set()
        self._late_keepers, self._bearers = set[Keeper](), set[Keeper]()
        self._values: set[Found] = set()
        self._places, self.watches = Places(), Watches()
        self._caches, self._weak, self._entered = list[Keeper](), list[Keeper](), list[Found]()
        self._heard: Names = NOWHERE
        self._lost = False  # whether something late was let go of
        self._swept = 0

    def adopt(self, modules: Iterable[ModuleType]) -> None:
        """Watch modules from now on; those that are no files of the project, or watched already, are left out.

        Those that others import come first, so that what they define is found there.
        """
        found = []
        for module in modules:
            held = anatomy.dict_of(module) or {}
            file, own = held.get("__file__"), held.get("__name__")
            if type(file) is str and type(own) is str and identity(held) not in self._met and self._is_project(file):
                name = self._name(file)
                self._modules[own] = name
                found.append(Found(held, name, NOWHERE, frozenset((name,)), MODULE))
        for one in found:
            self._grow([one], late=False)

    def knows(self, thing: object) -> bool:
        """Whether an object has been looked at."""
        return identity(thing) in self._met

    def adopt_value(self, name: str, value: object, file: str) -> Found:
        """Watch a value that is handed on by a name, such as that of a fixture, until it is forgotten.

        `file` is that of the project that does so; without one the name may stand anywhere.
        """
        found = Found(value, f"{file}::{name}()", frozenset((name,)), frozenset((file,) if file else ()))
        self._values.add(found)
        self._interiors.adopting = True
        self._grow([found], late=True)
        self._interiors.adopting = False
        return found

    def forget(self, value: Found) -> frozenset[str]:
        """Let go of such a value; the places of the objects to which nothing else leads."""
        self._values.discard(value)
        if any(True for _ in self._expanded(unnamed(value.thing))):
            return self._sweep()
        return self._drop(self._late & {identity(value.thing)}, self._late_keepers)  # most have no value

    def close(self) -> None:
        """Watch nothing any more: all goes here, where garbage is looked for thrice among it as the process ends."""
        for held in (self._keepers, self._met, self._late_keepers, self._bearers, self._values):
            held.clear()
        self._caches, self._weak, self.watches = [], [], Watches()

    def mention(self, names: Names) -> Names:
        """Code that is loaded mentions these names: what they lead to in the interiors may now be come upon by them.

        Those are returned that did not count until now. Cost: 0.2 us an object, if there are such.
        """
        late = self._heard | self._interiors.mention(names)
        self._heard = NOWHERE
        found: dict[bool, list[Found]] = {False: [], True: []}
        for keeper in self._keepers.values() if late else ():
            for slot in keeper.last:
                if type(slot) is str and slot in late:
                    inside = keeper.found_in(slot, *self._interiors.way(keeper, slot))
                    found[keeper.late or slot in keeper.grown] += inside
        for is_late, inside in found.items():
            self._grow(inside, late=is_late)
        return late

    def hear(self, names: Names) -> None:
        """The same, but what they lead to is looked for at the next `mention` only: each passes through all objects."""
        self._heard |= self._interiors.mention(names)

    def rebase(self) -> None:
        """What there is now is what there is at first. Cost: 1 us an object."""
        self._sweep()
        for keeper in self._weak:
            keeper.last = self._look(keeper)
        for keeper in self._keepers.values():
            keeper.base, keeper.late, keeper.grown = keeper.last, False, {}
        self._late, self._late_keepers, self._bearers = set(), set(), set()
        self._interiors.rebase()
        self.watches.rebase(self._keepers.values())

    def changes(self, near: Collection[str] | None = None) -> Look:
        """What has changed since the last look, which this one is now; of functions that are apart, in files near.

        With None, in all files.
        """
        return self._look_at(self.watches.changed(near))

    def missed(self, near: Collection[str], among: Collection[str] | None = None) -> Look:
        """Which functions that are apart have got attributes in other files than those near, all or some."""
        return self._look_at(self.watches.missed(near, among))

    def _look_at(self, changed: Iterable[Keeper]) -> Look:
        self._lost = False
        changed, count = [*changed], len(self._met)
        found = self._compared(keeper for keeper in changed if keeper.kind.weak is None)
        has_met_more = len(self._met) != count
        found += self._compared(one for one in (self._weak if has_met_more else changed) if one.kind.weak is not None)
        is_worth_it = len(self._late) < FEW or len(self._late) > 2 * self._swept  # what is let go of later lives on
        gone = self._sweep() if self._lost and is_worth_it else frozenset()
        for place, total, names, files in self._interiors.touched():
            found.append(Change(place, place, MISSING, total, names, files, not total, False))
        return Look(found, gone)

    def _compared(self, keepers: Iterable[Keeper]) -> list[Change]:
        found = [*chain.from_iterable(map(self._compare, keepers))]
        self._grow(sorted(self._entered, key=_trail), late=True)
        self._entered.clear()
        return found

    def hits(self) -> dict[str, int]:
        """How often each `functools.lru_cache` has given an earlier result, by its place. Cost: 0.5 us each."""
        return {keeper.place: anatomy.hits_of(keeper.owner) for keeper in self._caches}

    def _grow(self, start: Iterable[Found], *, late: bool) -> None:
        """Follow references from some objects to all that is to be watched."""
        queue = Frontier(start)
        while queue:
            found = queue.pop()
            if not self._is_news(found, late=late):
                continue
            for part in self._expanded(found):
                if isinstance(part, Found):
                    queue.add((part,))
                    continue
                keeper = self._keepers.get(identity(part.thing))
                if keeper is not None:
                    keeper.names |= part.names
                    keeper.files = both(keeper.files, part.files)
                    if keeper.inside and keeper.late and (not late or not part.inside):
                        self._interiors.leave(keeper)
                    if keeper.inside and not part.inside:
                        keeper.inside, keeper.place = "", self._places.take(part.place)
                    if not late:
                        keeper.late = False
                        self._late_keepers.discard(keeper)
                elif len(self._keepers) < MOST_KEEPERS:
                    keeper = self._keepers[identity(part.thing)] = part
                    keeper.place = keeper.inside or self._places.take(keeper.place)
                    keeper.base = keeper.last = self._look(keeper)
                    keeper.late = late
                    if late:
                        self._late_keepers.add(keeper)
                        if keeper.inside:
                            self._interiors.enter(keeper)
                    if keeper.kind is CACHE:
                        self._caches.append(keeper)
                    if keeper.kind.weak is not None:
                        self._weak.append(keeper)
                    self.watches.add(keeper)
                else:
                    continue
                queue.add(keeper.below(self._interiors.way))

    def _is_news(self, found: Found, *, late: bool) -> bool:
        """Whether an object has not been met, or not by these names, or only as a late or a library's one."""
        key = identity(found.thing)
        known = self._met.get(key)
        if known is None:
            self._met[key] = (found.thing, found.names, found.files)
            if late:
                self._late.add(key)
            if found.inside:
                self._inner.add(key)
            return True
        is_known = found.names <= known[1] and covers(known[2], found.files)
        if is_known and (late or key not in self._late) and (found.inside or key not in self._inner):
            return False
        if not found.inside:
            self._inner.discard(key)
        self._met[key] = (found.thing, known[1] | found.names, both(known[2], found.files))
        if not late:
            self._late.discard(key)
        return True

    def _compare(self, keeper: Keeper) -> list[Change]:
        """The slots of a keeper that have changed; what they hold now is watched in place of what they held."""
        last, looked = keeper.last, self._look(keeper)
        whole = looked.get(WHOLE)
        if type(whole) is tuple and type(last.get(WHOLE)) is tuple and not self._interiors.of(keeper, WHOLE):
            compare = self._compare_results if piles.is_cache(keeper) else self._compare_whole
            return compare(keeper, whole)
        alike = same if keeper.kind is INSIDE else is_  # what is kept in C is a new object at each look
        if len(looked) == len(last) and all(map(is_, looked, last)) and all(map(alike, looked.values(), last.values())):
            return []  # something has been set and put back
        has_keys = identity(Key) in set(map(identity, map(type, looked)))
        known = {slot: slot for slot in last if has_keys}  # named once: what is unknown has another name each time
        now = {known.get(slot, slot): value for slot, value in looked.items()} if known else looked
        pairs = ((slot, now.get(slot, MISSING), value) for slot, value in last.items())
        slots = [slot for slot, value, before in pairs if value is not before and not same(value, before)]
        slots += [slot for slot in now if slot not in last]
        keeper.last = now
        found = []
        painted, (ahead, rearranged) = Painter.total, arranged(keeper, last)
        for slot in slots:
            if Painter.total - painted > piles.MOST_PARTS and not keeper.inside and piles.blur(keeper, last):
                return self._compare(keeper)
            value, first = now.get(slot, MISSING), keeper.base.get(slot, MISSING)
            if first is MISSING and anatomy.is_submodule(value, slot):
                continue
            restored, before = same(value, first), last.get(slot, MISSING)
            interior = self._interiors.of(keeper, slot)
            if interior and not self._interiors.tells_apart(keeper, slot, before, value):
                self._interiors.change(interior, keeper, slot, value, restored=restored)
            else:
                place, names = self._place_of(keeper, slot), keeper.names_of(slot)
                value = (ahead[slot], value) if slot in ahead else self._itself(value)
                added = first is MISSING and not keeper.kind.named and slot is not WHOLE
                found.append(Change(keeper.place, place, before, value, names, keeper.files, restored, added))
            if keeper.grown.pop(slot, None) is not None or (keeper.late and slot in last):
                self._lost = True
            if slot in now and (keeper.late or not restored):
                inside = keeper.found_in(slot, *self._interiors.way(keeper, slot))
                if not keeper.late:
                    keeper.grown[slot] = inside
                    self._bearers.add(keeper)
                self._entered += inside
        found += rearranged
        if not keeper.inside:
            piles.pile_up(keeper)
        return found

    def _itself(self, value: object) -> object:
        """An object that has been there from the first look on is that very one; a copy of it is another."""
        keeper = self._keepers.get(identity(value)) or self._keepers.get(identity(anatomy.dict_of(value)))
        return value if keeper is None or keeper.late or keeper.inside else (keeper.place, value)

    def _place_of(self, keeper: Keeper, slot: Any) -> str:
        """The place of a slot; of one in an interior, where no object has a place of its own, a new one."""
        if not keeper.inside:
            return keeper.place_of(slot)
        known = self._apart.get((keeper, slot))
        if known is None:
            known = self._apart[keeper, slot] = self._places.take(f"{keeper.inside}.{slot}")
        return known

    def _compare_whole(self, keeper: Keeper, content: tuple[object, ...]) -> list[Change]:
        """The same for a list or a pile: what is added at its end is looked at alone."""
        before: Any = keeper.last[WHOLE]
        value = piles.in_order(keeper, content)
        grows = begins_with(value, before)
        if (grows and len(value) == len(before)) or same(value, before):
            return []
        keeper.last = {WHOLE: value}
        restored = same(value, keeper.base.get(WHOLE, MISSING))
        inside = piles.found_in(keeper, len(before) if grows else 0)
        if not grows and (keeper.grown.pop(WHOLE, None) is not None or keeper.late):
            self._lost = True
        if keeper.late or not restored:
            if not keeper.late:
                keeper.grown[WHOLE] = [*keeper.grown.get(WHOLE, ()), *inside]
                self._bearers.add(keeper)
            self._entered += inside
        place, names = keeper.place_of(WHOLE), keeper.names_of(WHOLE)
        if piles.is_blurred(keeper):
            before, value = MISSING, UNKNOWN
        return [Change(keeper.place, place, before, value, names, keeper.files, restored, piles.is_pile(keeper))]

    def _compare_results(self, keeper: Keeper, content: tuple[object, ...]) -> list[Change]:
        """The same for many results of an `lru_cache`; they are told apart."""
        before: Any = keeper.last[WHOLE]
        if not begins_with(content, before):
            piles.spread(keeper)
            return self._compare(keeper)
        keeper.last = {WHOLE: content}
        inside = piles.found_in(keeper, len(before))
        if not keeper.late:
            keeper.grown[WHOLE] = [*keeper.grown.get(WHOLE, ()), *inside]
            self._bearers.add(keeper)
        self._entered += inside
        files = keeper.files
        news = ((keeper.place_of(slot), slot, value) for slot, value in piles.results(keeper.last, len(before)))
        return [
            Change(keeper.place, place, MISSING, value, keeper.names_of(slot), files, False, True)
            for place, slot, value in news
        ]

    def _look(self, keeper: Keeper) -> dict[Any, object]:
        """What a keeper holds now; of what it holds weakly, only what can be reached in another way, too.

        Nobody else can ask for the rest, and it goes whenever the interpreter looks for garbage.
        """
        if keeper.kind.weak is None:
            return keeper.look()
        met = self._met
        return {slot: value for thing, slot, value in keeper.kind.weak(keeper.owner) if identity(thing) in met}

    def _sweep(self) -> frozenset[str]:
        """Let go of late objects that nothing leads to any more; their places. Cost: 2 us a late object.

        An object that has been met before keeps its place and what it held at first, wherever it has moved. By which
        way it is led to does not matter here: to name them all took most of the time of a run with large tables.
        """
        self._bearers = {keeper for keeper in self._bearers if keeper.grown}
        grown = chain.from_iterable(chain.from_iterable(keeper.grown.values()) for keeper in self._bearers)
        late, reached, kept = self._late, set[int](), set[Keeper]()
        queue = [*late.intersection(identity(found.thing) for found in chain(self._values, grown))]
        while queue:
            key = queue.pop()
            if key in reached:
                continue
            reached.add(key)
            parts = {identity(part.thing) for part in self._expanded(unnamed(self._met[key][0]))}
            queue += late & parts
            for keeper in filter(None, map(self._keepers.get, (key, *parts))):
                if keeper not in kept:
                    kept.add(keeper)
                    queue += late.intersection(map(identity, keeper.held()))
        gone = self._drop(self._late - reached, kept)
        self._swept = len(self._late)
        return gone

    def _drop(self, met: set[int], kept: set[Keeper]) -> frozenset[str]:
        for key in met:
            del self._met[key]
        self._late -= met
        self._inner -= met
        gone = frozenset(self._late_keepers - kept)
        self._late_keepers -= gone
        if gone:
            for keeper in gone:
                del self._keepers[identity(keeper.thing)]
                self._places.drop(keeper.place)
            self.watches.drop(gone)
            for row in (self._caches, self._weak):
                row[:] = [keeper for keeper in row if keeper not in gone]
        return frozenset(keeper.place for keeper in gone if not keeper.inside) | self._interiors.drop(gone)
