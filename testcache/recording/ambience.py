"""What tests and imports change around them and do not put back: environment variables, the state of the process."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator

from testcache.code.source import Source
from testcache.inputs.variables import Variables
from testcache.model import EVERY, Input, Kind
from testcache.recording import surroundings
from testcache.recording.anatomy import MISSING
from testcache.recording.bearers import Bearers
from testcache.recording.borrowed import Borrowed
from testcache.recording.change import Change
from testcache.recording.dials import SETTERS
from testcache.recording.surroundings import EVERYBODY, Surroundings

HOLDER = "environ"
_ALL = frozenset((EVERYBODY,))


def slot(name: str) -> str:
    """The place of a variable, which is also the name by which code comes upon it: that it has read it."""
    return f"{HOLDER}[{name}]"


class Ambience:
    """Compares that with what it was; values of variables are only known by keyed digests.

    Attributes:
        bearers: objects of the test runner.
        surroundings: the state of the process.
    """

    def __init__(self, variables: Variables, name: Callable[[str], str], is_project: Callable[[str], bool]) -> None:
        """Begin; `name` gives the stored name of a path, `is_project` says whether a file is the project's own."""
        self._variables = variables
        self.surroundings = Surroundings(name)
        self._borrowed = Borrowed(is_project)
        self._has_borrowed = False
        self.bearers = Bearers()
        self._base = self._last = _environment()

    def adopt(self) -> None:
        """Take all for what it is before all tests."""
        self.surroundings.adopt()
        self._borrowed.adopt()
        self._base = self._last = _environment()

    def hear(self, code: Source) -> None:
        """A file is about to be executed: what it may set is watched from now on. Cost: 0.1 us a function."""
        for words in code.mentions.values():
            if not words.isdisjoint(SETTERS):
                self.surroundings.hear(words)
        if code.borrowed:
            self._borrowed.hear(code.borrowed)

    def asked(self, reads: Collection[Input]) -> Iterator[str]:
        """The names by which those come upon what has changed here who have these reads. Cost: 0.1 us a read."""
        yield from (EVERY if "*" in name else slot(name) for kind, name in reads if kind is Kind.VARIABLE)
        if self.surroundings.differ:
            yield from surroundings.asked({kind for kind, _ in reads})
        if self._has_borrowed:
            yield EVERYBODY

    def changes(self) -> Iterator[Change]:
        """What has changed since the last look. Cost: 4 us."""
        yield from self.surroundings.changes()
        for path, before, value, restored in self._borrowed.changes():
            self._has_borrowed = True
            yield Change(
                surroundings.HOLDER, surroundings.slot(path), before, value, _ALL, frozenset(), restored, False
            )
        yield from self.bearers.changes()
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
