"""What modules that are imported before all tests leave in one another.

1. A test file imports `plugin.py`, which appends itself to a list of `registry.py`.
2. The test of another file reads that list. It rests on this import as it does on what tests before it have left.

So an import is followed like a test (`testcache.recording.leftovers`): it leaves something, and may have come upon what
imports before it had left. What a module is when its own import ends is its own; all that others do to it later is
theirs. Each value is a fingerprint of what it was before, too, so that the order of imports counts.
Does not see: what is left in modules of libraries; what hooks of pytest have left, for a module that is imported then;
what is done to a module while it is being imported itself, but who gets that module has imported the one who does it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from itertools import chain, takewhile
from os.path import basename, dirname, splitext
from types import ModuleType
from typing import Any, Final

from testcache.digest import of_fields
from testcache.model import ABSENT, COLLECTED, HOOKS, INSIDE, Access, Digest, Found, NodeId, import_of
from testcache.recording import anatomy
from testcache.recording.ambience import Ambience
from testcache.recording.anatomy import MISSING
from testcache.recording.census import Census
from testcache.recording.change import Change
from testcache.recording.context import Context, Place
from testcache.recording.homes import Home
from testcache.recording.keepers import Names
from testcache.recording.ledger import Ledger
from testcache.recording.portrait import portrait
from testcache.recording.recorder import BODY_LINE
from testcache.recording.remains import Entry, Remains
from testcache.recording.steps import step_between
from testcache.recording.surroundings import slot
from testcache.recording.tape import Tape
from testcache.structs import Struct, field

SUBCLASSES: Final = "__subclasses__"
SEARCH_PATH: Final = slot("path")
_NOTHING: Names = frozenset()


class Import(Struct, eq=False):
    """One import of a module of the project.

    Attributes:
        node: stands for it where tests have their node ids.
        path: the file.
        context: what it is charged with.
        importers: the contexts of the modules that were being imported when it was, the first one by pytest.
        plain: whether it was executed once, under its own name and with nothing prepared: so its importers had no say.
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
    plain: bool
    left: dict[str, Digest] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    found: set[Found] = field(default_factory=set)
    seen: frozenset[Found] = frozenset()
    rests_on: frozenset[Found] = frozenset()


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
        self._is_over = False
        self._summaries: dict[NodeId, Found] = {}
        self._seen_by: dict[frozenset[Context], frozenset[Found]] = {}
        self.done: dict[NodeId, Import] = {}

    def begins(self, path: str, context: Context, module: ModuleType) -> None:
        """A module is about to be executed; up to now it was the one around it that changed something, or hooks did."""
        node = import_of(self._tape.place_name(path))
        if self._open:
            for change in self._changes():
                self._take(self._open[-1], change)
        else:
            self.close()
        again = self.done.pop(node, None)
        if again is not None:
            again.plain = False
        importers = tuple(one.context for one in self._open)
        self._open.append(again or Import(node, path, context, importers, _is_plain(path, module)))

    def ends(self, module: ModuleType | None) -> None:
        """It is watched from now on; None if its import has failed. Cost: a look."""
        one = self._open.pop()
        self.done[one.node] = one
        self._summed = 0  # also where it was executed before
        source = self._tape.loaded[one.path].source
        names = frozenset(chain.from_iterable(source.mentions.values()))
        self._census.hear(names)
        if module is not None:
            held = anatomy.dict_of(module) or {}
            classes = self._new_classes(held)
            self._census.adopt([module])
            self._derived += ((one, change) for change in self._derivations(one, classes))
        for change in self._changes():
            self._take(one, change)
        self.derives = self.derives or SUBCLASSES in names
        self._take_derived()
        one.found.update(self._found_by(one))

    def come_upon(self, context: Context) -> None:
        """What has been collected rests on what was found for that, such as its parameters."""
        if self._remains.entries and not self._is_over:
            context.found = (context.found or frozenset()).union(self._found(context, context.places))
            context.at = COLLECTED

    def _found_by(self, one: Import) -> Iterator[Found]:
        """What an import may have come upon of all that is left by now; hooks of collection: all."""
        if not one.path:
            yield from (found for entry in self._remains.entries.values() for found in entry.found)
        elif self._remains.entries:
            source = self._tape.loaded[one.path].source
            values = (source.uses.get(name, frozenset()) for name in source.definitions)
            classes = (source.mentions.get(name, frozenset()) for name in source.classes)
            body = source.mentions.get("", frozenset()).union(*values, *classes)
            yield from self._found(one.context, one.context.places - {(one.path, BODY_LINE)}, body)

    def _found(self, context: Context, places: Set[Place], names: Names = _NOTHING) -> Iterator[Found]:
        self._remains.begin()
        asked = names.union(self._ambience.asked(context.reads))
        for entry in self._remains.reached(places, self._ledger.mentions, asked):
            yield from entry.found

    def close(self) -> None:
        """What hooks of pytest have changed up to now stands for an import; it is not known what they came upon: all.

        Pytest itself adds the folders of test files to `sys.path`.
        """
        changes = [change for change in self._changes() if change.place != SEARCH_PATH]
        if changes:
            one = self.done.pop(HOOKS) if HOOKS in self.done else Import(HOOKS, "", self._tape.run, (), plain=False)
            self.done[HOOKS] = one  # behind all that it may have come upon
            one.found.update(self._found_by(one))
            self._summed = 0
            for change in changes:
                self._take(one, change)

    def _changes(self) -> Iterator[Change]:
        """What has changed since the last look."""
        look = self._census.changes()
        self._remains.drop(look.gone)
        yield from (change for change in look.changes if change.holder not in look.gone)
        yield from self._ambience.changes()

    def _take_derived(self) -> None:
        """Only now, as somebody asks for that: most modules derive some class.

        Imports that ended meanwhile have come upon it as if it had been taken at once: as they will in the next run.
        """
        if not (self.derives and self._derived):
            return
        makers, ended = {one.node for one, _ in self._derived}, []
        for one in takewhile(lambda _: makers, reversed(self.done.values())):
            makers.discard(one.node)
            ended.append(one)
        places: set[str] = set()
        for one in reversed(ended):
            for _, change in [each for each in self._derived if each[0] is one]:
                self._take(one, change)
                places.add(change.place)
            one.found.update(found for found in self._found_by(one) if found.place in places)
        self._derived.clear()

    def _new_classes(self, held: dict[str, Any]) -> list[type]:
        """The classes that a module has made, also in classes, or by functions of others."""
        found: dict[int, type] = {}
        queue = [*held.values()]
        while queue:
            value = queue.pop()
            if issubclass(type(value), type) and id(value) not in found and not self._census.knows(value):
                found[id(value)] = value
                queue += anatomy.namespace(value).values()
        return [*found.values()]

    def _derivations(self, one: Import, classes: Iterable[type]) -> Iterator[Change]:
        """Classes of other modules from which these are derived: they know that themselves."""
        derived: dict[str, list[str]] = {}
        for cls in classes:
            for base in filter(None, map(self._census.home, anatomy.mro(cls))):
                derived.setdefault(base, []).append(anatomy.names_of(cls)[1])
        own = f"{self._tape.place_name(one.path)}::"
        for base, names in derived.items():
            if not base.startswith(own):
                slot = f"{base}.{SUBCLASSES}"
                value = ",".join(sorted(names))
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

    def end(self) -> None:
        """The first test begins."""
        self.close()
        self._is_over = True

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
            known = self._seen_by[modules] = frozenset(map(self._as_found, imports))
        return known

    def _as_found(self, one: Import) -> Found:
        """What those find who rest on it."""
        if one.node not in self._summaries:
            self._summaries[one.node] = Found(one.node, one.node, digest_of(one.seen))
        return self._summaries[one.node]

    def _sum_up(self) -> None:
        if self._summed == len(self.done):
            return
        self._summed = len(self.done)
        self._seen_by.clear()
        self._summaries.clear()
        by_context = {one.context: one for one in self.done.values() if one.path}
        all_below: dict[NodeId, set[NodeId]] = {}
        for node, one in self.done.items():
            inner = map(by_context.get, self._ledger.closure(one.context))
            all_below[node] = {node, HOOKS, *(each.node for each in inner if each is not None)}
        for node, one in self.done.items():
            one.seen = frozenset(each for each in one.found if each.filler not in all_below[node])
        for node, below in all_below.items():
            seen = chain.from_iterable(self.done[each].seen for each in below & self.done.keys())
            self.done[node].rests_on = frozenset(each for each in seen if each.filler not in below)


def _is_plain(path: str, module: ModuleType) -> bool:
    """Whether a module that is about to be executed is as an import statement makes it."""
    held = anatomy.dict_of(module) or {}
    name = held.get("__name__")
    own = splitext(basename(path))[0]
    own = basename(dirname(path)) if own == "__init__" else own
    prepared = any(not (type(key) is str and key.startswith("__")) for key in held)
    return not prepared and type(name) is str and name.rpartition(".")[2] == own and sys.modules.get(name) is module


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
