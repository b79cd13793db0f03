"""Leftovers: what each test left in long-lived objects, and which of it the later ones may have come upon.

1. Test A ends: the census says which places hold something else than before, and A is their *filler*.
2. Test B begins: all places that are not as they were at first, and their fillers, are its *state*.
3. B ends: what of that state its code mentions by name is *found* by B, and its result rests on it.

A place that holds again what it held at first is in nobody's way, unless another test has put it back. What a wide
fixture filled is no leftover for the tests that use the fixture: they rest on it anyway. The inputs of A do not count
for B: a later run compares what A leaves then with what B found (`testcache.trace`).

A number that A counts up, or a list that it adds to, depends on all tests before A. There A leaves a *step*, too,
in a place with a `+` behind it, so that a run of A alone can be compared; the value is a fingerprint of the step
and of the value before it. If A itself is not stored, B rests on the step and on what B would have found without A.
What a module counts while A imports it is a step of its own: the next time that may happen before all tests.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import chain
from types import FunctionType, ModuleType
from typing import Final

from testcache.code.looks import EVERYWHERE
from testcache.model import Access, Found, Leftover, NodeId
from testcache.recording import anatomy
from testcache.recording.ambience import Ambience
from testcache.recording.anatomy import Types
from testcache.recording.bearers import Bearer
from testcache.recording.census import Census
from testcache.recording.change import Change, Look
from testcache.recording.context import Context, Place
from testcache.recording.finds import Finds
from testcache.recording.homes import Home, Homes, homes_of
from testcache.recording.importing import Importing
from testcache.recording.interiors import Interiors
from testcache.recording.keepers import Found as Watched
from testcache.recording.latecomers import Latecomers
from testcache.recording.ledger import Account, Ledger
from testcache.recording.legacy import Legacy, place_of
from testcache.recording.remains import Entry, Remains, is_within
from testcache.recording.shelves import Shelves
from testcache.recording.tape import Tape

_NOTHING: frozenset[Found] = frozenset()
_NONE_LEFT: frozenset[Leftover] = frozenset()
"""Each new empty set is an object of 200 bytes, that the garbage collector looks at for as long as the run goes on."""

_MEDDLING: frozenset[str] = EVERYWHERE | {"cache_clear", "cache_info"}
"""Names of those who may know what is in an `lru_cache` without being given any of it."""

_PLAIN: Final = Types(list, dict, set, bytearray, deque, defaultdict, OrderedDict, Counter, FunctionType)
"""Of what is held by the end of a fixture."""

OFTEN: Final = 4
"""Test files that are looked at for each test, on average, if it is another one's turn: 1 us each."""


class Leftovers:
    """Follows the memory of one process from test to test.

    Attributes:
        overlooked: places that are of no interest, nor what lies in them.
        failure: why nothing is known of memory any more, or "": then no result may be stored.
        importing: follows imports before all tests.
        lost: tests of which it is not known what they have left, with a place that one of them has changed.
    """

    def __init__(
        self,
        tape: Tape,
        ledger: Ledger,
        is_project: Callable[[str], bool],
        ambience: Ambience,
        *,
        by_content: bool = False,
    ) -> None:
        self._tape = tape
        self._ambience = ambience
        self._shelves = Shelves(tape)
        self._ledger = ledger
        self._interiors = Interiors(self._is_library, by_content=by_content)
        self._census = Census(tape.place_name, is_project, self._interiors)
        ambience.bearers.words = self._interiors.mentioned
        self._is_project = is_project
        self._read: set[str] = set()
        self.overlooked: frozenset[str] = frozenset()
        self.failure = ""
        self.lost: dict[NodeId, str] = {}
        self._file = ""
        self._near: frozenset[str] | None = None
        self._since: list[NodeId] = []
        self._test: NodeId | None = None
        self._remains = Remains()
        self._legacy = Legacy(self._remains, self._homes)
        self._before_tests = True
        self.importing = Importing(tape, ledger, self._census, ambience, self._remains, self._homes)
        self._within: list[str] = []
        self._latecomers = Latecomers(tape, ledger, ambience, self._remains)
        self._values: dict[object, list[Watched]] = {}
        self._hits: dict[str, int] = {}
        self._rests = Homes(tape.roots.name)
        self._finds = Finds(self._remains)

    # -- before all tests

    def watch(self) -> None:
        """Follow the imports from now on."""
        self._tape.watcher = self
        self._safely(lambda: self._census.adopt([*sys.modules.values()]))

    def _rebase(self) -> None:
        self.importing.end()
        self._adopt([*sys.modules.values()])
        self._census.rebase()
        self._ambience.adopt()
        self._legacy.first = dict(self._remains.entries)

    def is_watched(self, thing: object) -> bool:
        """Whether an object is one of those that the project's own objects lead to."""
        return self._interiors.holds(thing)

    # -- a test

    def begin(self, test: NodeId, file: str = "", bearers: Sequence[Bearer] = ()) -> None:
        """A test of a file begins; `bearers` are objects of the test runner that its code may reach."""
        if self._before_tests:
            self._before_tests = False
            self._safely(self._rebase)
        if file != self._file or self._near is None:
            loaded = self._tape.loaded.get(file) if self._census.watches.divided else None
            near = None if loaded is None else self._ledger.files_below(loaded.context)
            self.settle(near if len(self._census.watches) > OFTEN * len(self._since) else None)
            self._file, self._near = file, near
            if file:
                self._ambience.surroundings.collected(file)
        self._since.append(test)
        self._test = test
        self._ambience.bearers.carry(bearers)
        self._remains.begin()
        self._hits = self._census.hits()
        self._legacy.begin()

    def all_run(self) -> None:
        """Before the first test: none is replayed that might come upon what is noticed late."""
        self._census.watches.divided = True

    def end(self) -> frozenset[Leftover]:
        """What the test left that ends now. Cost: a look of the census, and a portrait of all that it filled."""
        self.look(near=self._near)
        self._test = None
        return self._legacy.leftovers()

    def files_loaded(self, files: Iterable[str]) -> None:
        """Test files have been imported between two tests: that their folders are searched is nobody's doing."""
        self._ambience.surroundings.loaded(files)

    def settle(self, among: Collection[str] | None = None) -> None:
        """Look at functions in files that were not near: any test since all were looked at may have changed one.

        None of these can be stored then. With `among`, only some of these files are looked at; a test that goes on
        counts from where all were.
        """
        since, near = self._since, self._near
        if since and near is not None:
            self._safely(lambda: self._miss(since, self._census.missed(near, among)))
        if among is None:
            self._since = [] if self._test is None else [self._test]

    def _miss(self, since: list[NodeId], look: Look) -> None:
        self.lost.update((test, look.changes[0].place) for test in since if look.changes)
        self._take(look.changes, look.gone, since[-1], None, "")

    def close(self) -> None:
        """The last test has been settled: nothing is looked at any more."""
        self._census.close()

    def access(self) -> dict[str, Access]:
        """How code comes upon what the test has left that has just ended."""
        return self._legacy.access()

    def not_stored(self, test: NodeId) -> None:
        """The test that has just ended has no trace, so nobody could ask it later what it had found itself."""
        self._legacy.not_stored(test)

    @contextmanager
    def watched(self, test: NodeId, known: Mapping[Leftover, NodeId]) -> Iterator[None]:
        """For the length of one more run of a test, out of turn and without a result.

        What it leaves is the doing of those of whom that is `known`: in a run of all they would have been the first.
        """
        self.begin(test)
        try:
            yield
        finally:
            self.end()
            self._legacy.give(known)

    def found(self, node: NodeId, test: Context, account: Account, reached: set[Entry]) -> frozenset[Found]:
        """What the test may have come upon that earlier ones left; `reached` is what `link` has given.

        What an import or a wide fixture came upon counts for all who rest on it, as it was when that ran.
        """
        files, finds = self._ledger.files(account.modules), self._finds
        steps = [entry for entry in map(self._remains.before, self._legacy.steps) if entry is not None]
        test.found = own = finds.among(reached, files, account.contexts, steps)
        found = {*own, *self.importing.seen_by(account.modules)}
        found.update(self._latecomers.found(account.modules, account.contexts))
        for context in (*account.contexts, *(self._latecomers.contexts & account.modules)):
            if context.found is None:
                context.found = finds.among(self._reached(context), files, frozenset(context.reachable()))
                context.at = node
            if context.found and context is not test:
                found |= finds.dated(context.found - own, context.at)
        found |= self.late(account, found)
        return finds.shared([one for one in found if one.filler != node])

    def late(self, account: Account, found: Set[Found]) -> set[Found]:
        """What the ends of wide fixtures have come upon since, and the test had not; or have judged."""
        late = frozenset[Found]().union(*(context.late for context in account.contexts))
        judged = frozenset[Found]().union(*(context.judged for context in account.contexts))
        known = {one._replace(late=True, at=NodeId("")) for one in found} if late else set()
        return {one for one in late if one in judged or one not in known}

    def link(self, test: Context, *, everything: bool = False) -> set[Entry]:
        """What the test may have come upon; it, and the fixtures that it uses, rest on the homes of that, too.

        `everything` says that the test's own code is not known by name: it is a text.
        """
        if self._remains.are_none:
            return set()
        reached = self._reached(test, self._silent(test))
        if everything:
            reached.update(self._remains.all_before())
        for context in test.reachable():
            entries = reached if context is test else self._reached(context)
            self._rest_on(context, frozenset[Home]().union(*{entry.homes for entry in entries}))  # most have the same
        return reached

    def _rest_on(self, context: Context, homes: frozenset[Home]) -> None:
        files, reads = self._rests.rested_on(homes)
        context.links.update([self._tape.loaded[file].context for file in files])
        context.reads |= reads

    def _silent(self, test: Context) -> Collection[str]:
        """Each `lru_cache` that gave no result during the test: all that was asked of it was new to it."""
        hits = self._census.hits()
        filled = hits.keys() & self._hits.keys() & self._remains.holders()
        silent = {place for place in filled if hits[place] == self._hits[place]}
        if silent and any(not _MEDDLING.isdisjoint(self._ledger.mentions(place)) for place in test.places):
            return ()
        return silent

    def _reached(self, context: Context, silent: Collection[str] = (), names: Iterable[str] = ()) -> set[Entry]:
        """What a context may have come upon of that which was left before the test; `names` are known to lead there."""
        asked = (*self._ambience.asked(context.reads), *names)
        return self._remains.reached(context.places, self._ledger.mentions, asked, silent)

    def met_at(self, places: Iterable[Place]) -> set[str]:
        """In which places code comes upon what tests have left by now."""
        self._remains.begin()
        reached = self._remains.reached(places, self._ledger.mentions)
        return {place_of(found) for entry in reached for found in entry.found}

    def _adopt(self, modules: Iterable[ModuleType]) -> None:
        self._read_mentions()
        self._census.adopt(modules)

    def _read_mentions(self) -> None:
        """Code that is new may come upon what is old, by names that did not count until now."""
        loaded = self._tape.loaded
        if len(loaded) != len(self._read):
            files = loaded.keys() - self._read
            self._read |= files
            mentions = chain.from_iterable(loaded[file].source.mentions.values() for file in files)
            late = self._census.mention(frozenset(chain.from_iterable(mentions)))
            if late:
                self._remains.widen(late)

    def _is_library(self, module: str) -> bool:
        """Whether a module is neither the project's nor the interpreter's."""
        file = (anatomy.dict_of(sys.modules.get(module)) or {}).get("__file__")
        return type(file) is str and not self._tape.roots.is_stdlib(file) and not self._is_project(file)

    # -- what happens within one

    def import_begins(self, path: str, context: Context, module: ModuleType) -> None:
        """A module is imported: what has changed up to now is not its doing."""
        self._safely(lambda: self._ambience.hear(self._tape.loaded[path].source))
        if self._before_tests:
            self._safely(lambda: self.importing.begins(path, context, module))
            return
        if not self._within:
            self.settle()
            self.look(near=self._near)
        self._within.append(context.name)

    def import_ends(self, module: ModuleType | None) -> None:
        """It is watched as it is when its import ends."""
        if self._before_tests:
            self._safely(lambda: self.importing.ends(module))
            return
        if module is not None:
            path = module.__file__ or ""
            self._safely(lambda: self._latecomers.arrives(path, self._test, self._legacy))
            self._safely(lambda: self._adopt([module]))
        file = self._within.pop()
        if not self._within:
            self.look(importing=file)

    def before_fixture(self) -> None:
        """A wide fixture is about to be set up or torn down: what has changed up to now is the test's own."""
        self.settle()
        self.look(near=self._near)

    def after_fixture(
        self, fixture: Context, definition: object, name: str, value: object, file: str, held: Mapping[str, object]
    ) -> None:
        """A wide fixture has run: what it filled is known by it, and its value is watched from now on.

        So is what its end has `held` until then, which nobody else may lead to: variables of a generator. If there is
        any, that end comes upon the value, too, by whatever name.
        """
        self.look(fixture)
        self._safely(lambda: self._adopt_values(definition, name, value, file, held))

    def _adopt_values(
        self, definition: object, name: str, value: object, file: str, held: Mapping[str, object]
    ) -> None:
        watched = self._values[definition] = [self._census.adopt_value(name, value, file)]
        if held:
            own = {variable: one for variable, one in held.items() if self._is_own(one)}
            watched.append(self._census.adopt_value(f"{name}()", own, file))

    def _is_own(self, value: object) -> bool:
        """Whether that is the project's own or plain: a server of a library changes with each test, for nobody."""
        kind = type(value)
        return kind in _PLAIN or anatomy.names_of(kind)[0] == "unittest.mock" or self._census.home(kind) is not None

    def fixture_gone(self, fixture: Context, definition: object, *, judges: bool = False) -> None:
        """The teardown of a wide fixture has run, which may have judged, and its value is of no interest any more."""
        watched = self._values.pop(definition, [])
        names = {name for one in watched for name in one.names} if len(watched) > 1 else ()
        reached = self._reached(fixture, names=names)
        seen = _NOTHING.union(*(entry.found for entry in reached if entry.fixture is not fixture))
        late = {one._replace(late=True) for one in seen}
        fixture.late |= late
        if judges:
            fixture.judged |= late
        for one in watched:
            self._safely(functools.partial(self._let_go, one))

    def _let_go(self, value: Watched) -> None:
        self._legacy.let_go(value.names, self._census.forget(value))

    def look(self, fixture: Context | None = None, importing: str = "", near: Collection[str] | None = None) -> None:
        """What has changed since the last look is the doing of the test that runs, in a wide fixture or not.

        Functions that are apart are looked at in files that are near; with None, in all.
        """
        test = self._test
        if test is not None:
            self._safely(lambda: self._look(test, fixture, importing, near))

    def _look(self, test: NodeId, fixture: Context | None, importing: str, near: Collection[str] | None) -> None:
        self._read_mentions()
        look = self._census.changes(near)
        changes = [*look.changes, *self._ambience.changes(), *self._shelves.changes()]
        self._take(changes, look.gone, test, fixture, importing)

    def _take(
        self, changes: Iterable[Change], gone: frozenset[str], test: NodeId, fixture: Context | None, importing: str
    ) -> None:
        for change in changes:
            place = change.place
            if self.overlooked and any(is_within(place, other) for other in self.overlooked):
                continue
            self._legacy.take(change, test, fixture, importing, is_gone=change.holder in gone)
        self._remains.drop(gone)

    def _homes(self, met: Iterable[object]) -> frozenset[Home]:
        """Where that comes from, in files of the project: code may read a constant there and run none of it."""
        return frozenset(home for home in homes_of(met) if home[0] in self._tape.loaded)

    def _safely(self, act: Callable[[], None]) -> None:
        """An object that defies being looked at must not end a run."""
        if not self.failure:
            try:
                act()
            except Exception as error:
                self.failure = f"memory could not be looked at: {type(error).__name__}: {error}"
