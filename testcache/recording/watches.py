"""Watches: snapshots of all that is watched, with the attributes of functions in test files apart.

A suite of 100,000 tests has as many functions that may get an attribute, and to look at each of them after each test
took longer than the test. Where all tests of a run really run, only those are looked at that are in a test's own file,
or in what this imports. Where some are replayed, what a test leaves may tell which of them must run: all is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from testcache.inputs.sources import is_collected
from testcache.recording.empties import Empties
from testcache.recording.keepers import Keeper
from testcache.recording.kinds import FUNCTION
from testcache.recording.snapshot import Snapshots
from testcache.recording.stamps import is_told


class Watches:
    """All keepers that may come to refer to something else; where nothing tells of it, they are looked at each time.

    Attributes:
        divided: whether functions without attributes are watched apart, by test file.
    """

    def __init__(self) -> None:
        self.divided = False
        self._common = Snapshots()
        self._apart: dict[str, Empties] = {}
        self._untold: list[Keeper] = []

    def rebase(self, keepers: Iterable[Keeper]) -> None:
        """Watch just these, as they are now."""
        self._common, self._apart, self._untold = Snapshots(), {}, []
        for keeper in keepers:
            self.add(keeper)

    def __len__(self) -> int:
        """How many test files there are."""
        return len(self._apart)

    def add(self, keeper: Keeper) -> None:
        """Watch a keeper as it is now."""
        if keeper.kind.fixed:
            return
        if not is_told(keeper):
            self._untold.append(keeper)
        elif not (self._is_apart(keeper) and self._apart.setdefault(min(keeper.files), Empties()).add(keeper)):
            self._common.add(keeper)

    def _is_apart(self, keeper: Keeper) -> bool:
        if not self.divided or keeper.kind is not FUNCTION or keeper.late or len(keeper.files) != 1:
            return False
        (file,) = keeper.files
        return is_collected(file) and not file.endswith("conftest.py")

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these late ones no longer."""
        self._common.drop(gone)
        self._untold = [keeper for keeper in self._untold if keeper not in gone]

    def changed(self, near: Collection[str] | None) -> list[Keeper]:
        """Those that may refer to something else than at the last look; of what is apart, in these files.

        With None, in all.
        """
        files = self._apart.keys() if near is None else self._apart.keys() & near
        return [*self._filled(files), *self._common.changed(), *self._untold]

    def missed(self, near: Collection[str], among: Collection[str] | None) -> list[Keeper]:
        """Those in other files, in all or in some. Cost: 1 us a file, and 5 ns a function."""
        files = self._apart.keys() if among is None else self._apart.keys() & among
        return self._filled(files - {*near})

    def _filled(self, files: Iterable[str]) -> list[Keeper]:
        """Functions that have got attributes are watched like all else from now on."""
        found = [keeper for file in sorted(files) for keeper in self._apart[file].filled()]
        for keeper in found:
            self._common.add(keeper)
        return found
