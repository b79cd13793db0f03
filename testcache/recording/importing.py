"""What modules that are imported before all tests leave in one another.

1. A test file imports `plugin.py`, which appends itself to a list of `registry.py`.
2. The test of another file reads that list. It rests on this import as it does on what tests before it have left.

So an import is followed like a test (`testcache.recording.leftovers`): it leaves something, and may have come upon what
imports before it had left. What a module is when its own import ends is its own; all that others do to it later is
theirs. Each value is a fingerprint of what it was before, too, so that the order of imports counts.
Does not see: what is left in modules of libraries; what is done to a module while it is being imported itself, but who
gets that module has imported the one who does it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from types import ModuleType
from typing import Final

from testcache.digest import of_fields
from testcache.model import ABSENT, INSIDE, Access, Digest, Found, NodeId, import_of
from testcache.recording import anatomy
from testcache.recording.ambience import Ambience
from testcache.recording.anatomy import MISSING
from testcache.recording.census import Census
from testcache.recording.change import Change
from testcache.recording.context import Context
from testcache.recording.homes import Home
from testcache.recording.ledger import Ledger
from testcache.recording.portrait import portrait
from testcache.recording.recorder import BODY_LINE
from testcache.recording.remains import Entry, Remains
from testcache.recording.steps import step_between
from testcache.recording.tape import Tape
from testcache.structs import Struct, field

SUBCLASSES: Final = "__subclasses__"


class Import(Struct, eq=False):
    """One import of a module of the project.

    Attributes:
        node: stands for it where tests have their node ids.
        path: the file.
        context: what it is charged with.
        importers: the contexts of the modules that were being imported when it was, the first one by pytest.
        left: what it has left in other modules, by place.
        access: how code comes upon that.
        found: what its own code may have come upon there.
        seen: of that, what is not the doing of a module below it; where there is any, the import itself is a place in
            memory that all come upon who rest on it.
        rests_on: all that it, and those below it, have seen.
    """

    node: NodeId
    path: str
    context: Context
    importers: tuple[Context, ...]
    left: dict[str, Digest] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    found: set[Found] = field(default_factory=set)
    seen: frozenset[Found] = frozenset()
    rests_on: frozenset[Found] = frozenset()

    @property
    def as_found(self) -> Found:
        """What those find who rest on it."""
        return Found(self.node, self.node, digest_of(self.seen))


class Importing:
    """Follows the imports of one process until its first test begins.

    Attributes:
        done: the imports that have ended, in this order.
        derives: whether any code of the project asks a class for its subclasses: these are something left, too.
    """

    def __init__(
        self,
        tape: Tape,
        ledger: Ledger,
        census: Census,
        ambience: Ambience,
        remains: Remains,
        homes: Callable[[list[object]], frozenset[Home]],
    ) -> None:
        self._tape = tape
        self._ledger = ledger
        self._census = census
        self._ambience = ambience
        self._remains = remains
        self._homes = homes
        self._open: list[Import] = []
        self._derived: list[tuple[Import, Change]] = []
        self.derives = False
        self._summed = 0
        self._seen_by: dict[frozenset[Context], frozenset[Found]] = {}
        self.done: dict[NodeId, Import] = {}

    def begins(self, path: str, context: Context) -> None:
        """A module is about to be executed; what has changed up to now is the doing of the one around it.

        Where there is none, a hook did it: what is charged with that counts for the whole run.
        """
        node = import_of(self._tape.place_name(path))
        for change in self._changes():
            if self._open:
                self._take(self._open[-1], change)
        again = self.done.pop(node, None)
        self._open.append(again or Import(node, path, context, tuple(one.context for one in self._open)))

    def ends(self, module: ModuleType | None) -> None:
        """It is watched from now on; None if its import has failed. Cost: a look."""
        one = self._open.pop()
        self.done[one.node] = one
        source = self._tape.loaded[one.path].source
        names = frozenset(chain.from_iterable(source.mentions.values()))
        self._census.hear(names)
        if module is not None:
            self._census.adopt([module])
            self._derived += ((one, change) for change in self._derivations(module))
        for change in self._changes():
            self._take(one, change)
        self.derives = self.derives or SUBCLASSES in names
        self._take_derived()
        if self._remains.entries:
            self._remains.begin()
            body = source.mentions.get("", frozenset()).union(
                *(source.uses.get(name, ()) for name in source.definitions)
            )
            places = one.context.places - {(one.path, BODY_LINE)}
            names = body.union(self._ambience.asked(one.context.reads))
            reached = self._remains.reached(places, self._ledger.mentions, names)
            one.found.update(found for entry in reached for found in entry.found)

    def _changes(self) -> Iterator[Change]:
        """What has changed since the last look."""
        look = self._census.changes()
        self._remains.drop(look.gone)
        yield from (change for change in look.changes if change.holder not in look.gone)
        yield from self._ambience.changes()

    def _take_derived(self) -> None:
        """Only now, as somebody asks for that: most modules derive some class."""
        while self.derives and self._derived:
            self._take(*self._derived.pop(0))

    def _derivations(self, module: ModuleType) -> Iterator[Change]:
        """Classes of other modules from which this one has derived its own: they know that themselves."""
        held = anatomy.dict_of(module) or {}
        derived: dict[str, list[str]] = {}
        for name, value in anatomy.items(held):
            if issubclass(type(value), type) and anatomy.names_of(value)[0] == held.get("__name__"):
                bases = filter(None, map(self._census.home, anatomy.mro(value)))
                for base in bases:
                    derived.setdefault(base, []).append(name)
        own = f"{self._tape.place_name(str(held.get('__file__')))}::"
        for base, names in derived.items():
            if not base.startswith(own):
                slot = f"{base}.{SUBCLASSES}"
                value = ",".join(names)
                yield Change(base, slot, MISSING, value, frozenset((SUBCLASSES,)), frozenset(), False, False)

    def _take(self, one: Import, change: Change) -> None:
        place = change.place
        before = self._remains.entries.get(place)
        met: list[object] = []
        value = of_fields(_value(change, met), before.value if before is not None else ABSENT)
        if before is not None:
            one.found |= before.found
        one.left[place] = value
        one.access[place] = Access(change.names, change.files, added=False, wide=False)
        found = frozenset((Found(one.node, place, value),))
        homes = self._homes(met)
        self._remains.put(place, Entry(found, value, change.holder, change.names, change.files, None, homes))

    def results(self) -> Iterator[Import]:
        """The imports in the order in which they ended, and what each has seen."""
        self._take_derived()
        self._sum_up()
        yield from self.done.values()

    def seen_by(self, modules: frozenset[Context]) -> frozenset[Found]:
        """What those have come upon in memory who rest on these imports. Cost: a look-up, once it is known."""
        known = self._seen_by.get(modules)
        if known is None:
            self._sum_up()
            imports = (one for one in self.done.values() if one.seen and one.context in modules)
            known = self._seen_by[modules] = frozenset(one.as_found for one in imports)
        return known

    def _sum_up(self) -> None:
        if self._summed == len(self.done):
            return
        self._summed = len(self.done)
        self._seen_by.clear()
        by_context = {one.context: one for one in self.done.values()}
        all_below = {
            one.node: {each.node for each in map(by_context.get, self._ledger.closure(one.context)) if each is not None}
            for one in self.done.values()
        }
        for node, one in self.done.items():
            one.seen = frozenset(each for each in one.found if each.filler not in all_below[node])
        for node, below in all_below.items():
            seen = chain.from_iterable(self.done[each].seen for each in below)
            self.done[node].rests_on = frozenset(each for each in seen if each.filler not in below)


def _value(change: Change, met: list[object]) -> Digest:
    """The fingerprint of what has been left: of a counter or a list, what has been added."""
    if change.place.endswith(INSIDE):
        return Digest(change.value)  # type: ignore[arg-type]
    if change.value is MISSING:
        return ABSENT
    step = step_between(change.before, change.value)
    return portrait(change.value if step is None else step, met)


def digest_of(found: Collection[Found]) -> Digest:
    """One fingerprint of all that was come upon."""
    return of_fields(*chain.from_iterable((one.filler, one.place, one.value) for one in sorted(found)))
