"""Legacy: what the test that runs has left in memory up to now, from one look at memory to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from testcache.digest import of_fields
from testcache.model import ABSENT, INSIDE, STEP, Access, Digest, Found, Leftover, NodeId
from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change
from testcache.recording.context import Context
from testcache.recording.homes import Home
from testcache.recording.keepers import Names
from testcache.recording.portrait import portrait
from testcache.recording.remains import Entry, Remains
from testcache.recording.steps import Step, step_between
from testcache.structs import replace

_NOTHING: frozenset[Found] = frozenset()
_NONE_LEFT: frozenset[Leftover] = frozenset()
"""Each new empty set is an object of 200 bytes, that the garbage collector looks at for as long as the run goes on."""

AS_AT_FIRST: Final = of_fields("as at first")
"""The value of a place that holds again what it held before all tests, though a test had left something there."""

CLEARED: Final = "-"
"""Stands behind the place of a table of which a test has removed what others had added."""


def place_of(left: Leftover | Found) -> str:
    """Where that is, also if it is a step."""
    return left.place.partition(STEP)[0]


class Legacy:
    """Takes changes of memory, and says what has come of them when the test ends.

    Attributes:
        first: what there was before all tests.
        left: the values that the test has left, by place.
        gone: how code comes upon places of which nothing is known any more.
        steps: how far the test has counted, or what it has added to lists.

    Args:
        homes: where, in files of the project, objects come from.
    """

    def __init__(self, remains: Remains, homes: Callable[[list[object]], frozenset[Home]]) -> None:
        self._remains = remains
        self._homes = homes
        self._added: set[str] = set()
        self._imported: dict[str, frozenset[Found]] = {}
        self.first: Mapping[str, Entry] = {}
        self.left: dict[str, Digest] = {}
        self.gone: dict[str, Access] = {}
        self.steps: dict[str, Step] = {}
        self._drawn: dict[str, Digest] = {}  # portraits of the steps

    def begin(self) -> None:
        """A test begins."""
        self.left, self.gone, self.steps, self._drawn, self._imported = {}, {}, {}, {}, {}

    def leftovers(self) -> frozenset[Leftover]:
        """All that the test has left."""
        if not self.left and not self.steps:
            return _NONE_LEFT
        steps = ((place + STEP, self._drawn[place]) for place in self.steps)
        return frozenset(Leftover(place, value) for place, value in (*self.left.items(), *steps)) or _NONE_LEFT

    def access(self) -> dict[str, Access]:
        """How code comes upon that."""
        if not (self.left or self.gone or self._imported):
            return {}
        steps = self._remains.accesses(self._imported, ()).items()  # those of what it has imported
        imported = {found.place: one for place, one in steps for found in self._imported[place]}
        return self.gone | self._remains.accesses(self.left, self._added) | imported

    def give(self, known: Mapping[Leftover, NodeId]) -> None:
        """Take what the test that has just ended has left for the doing of others, of whom that is known."""
        for place, value in self.left.items():
            entry, filler = self._remains.entries.get(place), known.get(Leftover(place, value))
            if entry is not None and filler is not None:
                self._remains.put(place, replace(entry, found=frozenset((Found(filler, place, value),))))

    def not_stored(self, test: NodeId) -> None:
        """The test that has just ended has no trace, so nobody could ask it later what it had found itself."""
        for place in self.steps:
            entry, before = self._remains.entries.get(place), self._remains.before(place)
            if entry is not None:
                found = self._imported.get(place, _NOTHING) | {Found(test, place + STEP, self._drawn[place])}
                self._remains.put(place, replace(entry, found=found.union(before.found if before else ())))

    def let_go(self, names: Names, gone: frozenset[str]) -> None:
        """Nothing leads to these objects any more; but others may use the fixture after this test, by its name."""
        entries = self._remains.entries
        left = (place for place in self.left if place in entries and entries[place].holder in gone)
        accesses = self._remains.accesses(left, self._added)
        self.gone |= {place: one._replace(names=names) for place, one in accesses.items()}
        self._remains.drop(gone)

    # -- changes

    def take(self, change: Change, test: NodeId, fixture: Context | None, importing: str, *, is_gone: bool) -> None:
        """A place holds something else than at the last look; `importing` is the module that has just been imported.

        `is_gone` says that nothing leads there any more.
        """
        place = change.place
        before = self._remains.entries.get(place)
        self._remains.put(place, self.first.get(place))
        if change.restored or is_gone:
            self.left.pop(place, None)
            self.steps.pop(place, None)
            if not is_gone and not place.endswith(INSIDE):
                self._put_back(change, test, fixture)
            return
        step = step_between(change.before, change.value)
        if importing and step is not None:
            self._remains.put(place, self._behind_import(test, importing, step, change, before))
            return
        if change.added:
            self._added.add(place)
        met: list[object] = []
        value = self.left[place] = self._value(change, step, met)
        found = self._imported.get(place, _NOTHING) | {Found(test, place, value)}
        homes = self._homes(met)
        self._remains.put(place, Entry(found, value, change.holder, change.names, change.files, fixture, homes))

    def _put_back(self, change: Change, test: NodeId, fixture: Context | None) -> None:
        """What an earlier test had left is gone: who comes behind finds it as at first because of this one."""
        earlier = self._remains.before(change.place)
        is_result = change.added and change.place.endswith(")")  # of a cache, which may let go of it at any time
        if earlier is not None and earlier is not self.first.get(change.place) and not is_result:
            place = change.holder + CLEARED if change.added else change.place  # one for all keys of a table
            self.left[place] = AS_AT_FIRST
            found = frozenset((Found(test, place, AS_AT_FIRST),))
            self._remains.put(
                place, Entry(found, AS_AT_FIRST, change.holder, change.names, change.files, fixture, frozenset())
            )

    def _value(self, change: Change, step: Step | None, met: list[object]) -> Digest:
        """The fingerprint of what the test has left in a place up to now; what that leads to is added to `met`."""
        place = change.place
        earlier = self.steps.pop(place, None)
        if earlier is not None and step is not None and type(earlier) is type(step):
            step = earlier + step  # type: ignore[operator]
        elif place in self.left:  # something else than a step was first, or comes now
            step = None
        if place.endswith(INSIDE):
            return Digest(change.value)  # type: ignore[arg-type]
        if step is None:
            return ABSENT if change.value is MISSING else portrait(change.value, met)
        self.steps[place] = step
        drawn = self._drawn[place] = portrait(step, met)
        before = self._remains.before(place)
        return of_fields(drawn, before.value if before is not None else ABSENT)

    def _behind_import(self, test: NodeId, file: str, step: Step, change: Change, before: Entry | None) -> Entry:
        """What a place is when a module that the test imports has made a step there."""
        met: list[object] = []
        found = Found(test, f"{change.place}{STEP}{file}", portrait(step, met))
        homes = self._homes(met)
        self.left[found.place] = found.value
        self._imported[change.place] = self._imported.get(change.place, _NOTHING) | {found}
        if before is None:
            return Entry(frozenset((found,)), ABSENT, change.holder, change.names, change.files, None, homes)
        return replace(before, found=before.found | {found}, homes=before.homes | homes)
