"""Environment variables that tests set and do not put back: what later tests of the process find."""

from __future__ import annotations

import os
from collections.abc import Iterator

from testcache.inputs.variables import Variables
from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change

HOLDER = "environ"


def slot(name: str) -> str:
    """The place of a variable, which is also the name by which code comes upon it: that it has read it."""
    return f"{HOLDER}[{name}]"


class Ambience:
    """Compares the environment with what it was; values are only known by keyed digests."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._base = self._last = _environment()

    def adopt(self) -> None:
        """Take the environment for what it is before all tests."""
        self._base = self._last = _environment()

    def changes(self) -> Iterator[Change]:
        """What has changed since the last look. Cost: 2 us."""
        now, last = _environment(), self._last
        if now == last:
            return
        self._last = now
        for key in sorted(now.keys() | last.keys()):
            value, before = now.get(key), last.get(key)
            name = os.fsdecode(key)
            if value != before and self._variables.counts(name):
                place = slot(name)
                restored = value == self._base.get(key)
                yield Change(
                    HOLDER, place, self._of(before), self._of(value), frozenset((place,)), frozenset(), restored, False
                )

    def _of(self, value: bytes | str | None) -> object:
        return MISSING if value is None else self._variables.keyed(os.fsdecode(value)).hex()


def _environment() -> dict[bytes | str, bytes | str]:
    """A copy that asks nobody who watches reads of variables."""
    return os.environ._data.copy()  # type: ignore[attr-defined, no-any-return]
