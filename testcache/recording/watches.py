"""Watches: snapshots of all that is watched, with what only one test file leads to apart.

Where all tests of a run really run, after a test its own file is looked at, and those that it imports: a suite of
100,000 tests has as many functions that may get an attribute, and to look at each of them after each test took longer
than the test. Where some are replayed, what another test file holds may tell which of them must run: all is looked at.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain

from testcache.inputs.sources import is_collected
from testcache.recording.keepers import Keeper
from testcache.recording.snapshot import Snapshots


class Watches:
    """All keepers whose changes are told by what they refer to.

    Attributes:
        divided: whether test files are watched apart.
    """

    def __init__(self) -> None:
        self.divided = False
        self._common = Snapshots()
        self._apart: dict[str, Snapshots] = {}
        self._leading: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """How many test files are watched apart."""
        return len(self._apart)

    def add(self, keeper: Keeper) -> None:
        """Watch a keeper as it is now."""
        if self.divided and not keeper.apart and not keeper.late and len(keeper.files) == 1:
            (file,) = keeper.files
            keeper.apart = file if is_collected(file) and not file.endswith("conftest.py") else ""
        if not keeper.apart:
            self._common.add(keeper)
            return
        self._apart.setdefault(keeper.apart, Snapshots()).add(keeper)
        self.lead(keeper)

    def lead(self, keeper: Keeper) -> None:
        """Code of more files may come upon a keeper that is watched."""
        for file in keeper.files if keeper.apart else ():
            self._leading.setdefault(file, set()).add(keeper.apart)

    def drop(self, gone: frozenset[Keeper]) -> None:
        """Watch these late ones no longer."""
        self._common.drop(gone)

    def changed(self, near: Collection[str] | None) -> list[Keeper]:
        """Those that may refer to something else than at the last look: of what is apart, what these files lead to.

        With None, all.
        """
        files = self._apart if near is None else self._led_to(near)
        return [*self._common.changed(), *chain.from_iterable(self._apart[file].changed() for file in files)]

    def missed(self, near: Collection[str], among: Collection[str] | None) -> list[Keeper]:
        """The others, all or those that some files lead to. Cost: 8 us a test file."""
        files = (self._apart.keys() if among is None else self._led_to(among)) - self._led_to(near)
        return [*chain.from_iterable(self._apart[file].changed() for file in sorted(files))]

    def _led_to(self, near: Collection[str]) -> set[str]:
        return set().union(*(self._leading.get(file, ()) for file in near))
