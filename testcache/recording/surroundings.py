"""The state of the process itself that tests and imports change and do not put back: what later tests find.

Only where something has changed does anybody rest on it: on the working directory who reads files, on `sys.path` who
looks for modules; on what every piece of code may feel, such as the limit of recursion, everybody.
What few projects set is read only where code says so (`testcache.recording.dials`).
"""

from __future__ import annotations

import _locale
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from os import getcwd  # as it is before it is watched
from os.path import dirname, isabs, isfile, join
from typing import Any, Final

from testcache.model import Kind
from testcache.recording.anatomy import MISSING
from testcache.recording.change import Change
from testcache.recording.dials import DIALS

HOLDER: Final = "process"
_TEXTS: Final = frozenset((str,))

_FILES: Final = frozenset((Kind.FILE, Kind.EXISTS, Kind.STAT, Kind.TIMES, Kind.LISTING, Kind.LINK, Kind.PERMISSIONS))
_NAMES: Final = {
    "cwd": frozenset("getcwd getcwdb cwd abspath absolute resolve realpath chdir fchdir".split()),  # noqa: SIM905
    "path": frozenset(("path", "meta_path", "import_module", "find_spec")),
    "decimal": frozenset(("decimal", "Decimal", "getcontext", "localcontext", "setcontext")),
}
_ASKED: Final = _NAMES | {state: dial.names for state, dial in DIALS.items() if dial.names}
"""By which names code asks for a state; for the others nobody has to ask."""

_KINDS: Final = {"cwd": _FILES, "path": frozenset((Kind.MODULE,))}
"""Reads that depend on a state."""

_OF_PYTEST: Final = "LogCaptureHandler"
"""While one of these hangs on the root logger, in each phase of a test, its level may be what pytest has set."""


def slot(state: str) -> str:
    """The place of a state, which is also the name by which those come upon it who need not name it."""
    return f"{HOLDER}[{state}]"


EVERYBODY: Final = slot("*")
"""The name by which everybody comes upon what is in no table of ours."""


def asked(kinds: Set[Kind]) -> frozenset[str]:
    """The names by which a test comes upon states that reads of these kinds depend on, and upon those of everybody."""
    depending = (slot(state) for state, those in _KINDS.items() if not kinds.isdisjoint(those))
    return _FELT.union(depending)


def is_for_all(place: str) -> bool:
    """Whether everybody comes upon a state."""
    state = _state_at(place)
    return bool(state) and state not in _ASKED


def kinds_of(place: str) -> frozenset[Kind]:
    """Reads that depend on the state in a place."""
    return _KINDS.get(_state_at(place), frozenset())


def _state_at(place: str) -> str:
    """The state in a place, "" if it is another one: a file may be called `process.py`."""
    return place[len(HOLDER) + 1 : -1] if place.startswith(f"{HOLDER}[") else ""


class Surroundings:
    """Compares the state of the process with what it was.

    Attributes:
        differ: whether anything has ever changed.

    Args:
        name: gives the stored name of a path.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self.differ = False
        self._readers = dict(_READERS)
        self._homes: dict[str, str] = {}
        self._last: tuple[Any, ...] = (None,) * len(_READERS)
        self._base = self._last = self._now()

    def hear(self, words: Set[str]) -> None:
        """Code says these words that is about to be executed for the first time: it may turn dials."""
        for state, dial in DIALS.items():
            if state not in self._readers and not words.isdisjoint(dial.setters):
                self._readers[state] = dial.read
                value = (dial.read(),)
                self._last, self._base = self._last + value, self._base + value

    def adopt(self) -> None:
        """Take the state for what it is before all tests."""
        self._base = self._last = self._now()

    def collected(self, file: str) -> None:
        """A test file of which tests are to run: pytest puts its folder, or that of its package, first in `sys.path`.

        It may do so again when the first test of a package is set up, also of one further up: that is nobody's doing.
        """
        folder = dirname(file)
        if folder not in self._homes:
            self._homes[folder] = _home_of(folder)
            above = dirname(folder)
            while above != dirname(above):
                if isfile(join(above, "__init__.py")):
                    self._homes[above] = _home_of(above)
                above = dirname(above)

    def loaded(self, files: Iterable[str]) -> None:
        """Pytest has imported these, late: their folders are in `sys.path` as if that had been before all tests."""
        for file in files:
            self.collected(file)
        known = self._last[_PATH]
        added = tuple(folder for folder in _path() if folder in self._homes.values() and folder not in known)
        self._base, self._last = (
            (*state[:_PATH], added + state[_PATH], *state[_PATH + 1 :]) for state in (self._base, self._last)
        )

    def changes(self) -> Iterator[Change]:
        """What has changed since the last look. Cost: 2 us, and those of the dials."""
        now, last = self._now(), self._last
        if now == last:
            return
        self._last = now
        self.differ = True
        for state, value, before, base in zip(self._readers, now, last, self._base, strict=True):
            if state == "path":
                value, before, base = map(self._ordered, (value, before, base))  # noqa: PLW2901
            if value != before:
                place = slot(state)
                names = _ASKED.get(state, frozenset()) | {place}
                told = (self._told(before), self._told(value))
                yield Change(HOLDER, place, *told, names, frozenset(), restored=value == base, added=False)

    def _now(self) -> tuple[Any, ...]:
        """For what cannot be told at the moment, what it was."""
        now = [read() for read in self._readers.values()]
        if MISSING in now:
            now = [before if value is MISSING else value for value, before in zip(now, self._last, strict=True)]
        return tuple(now)

    def _ordered(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The search path, with the folders of test files behind all others: pytest moves them to the front."""
        homes = {*self._homes.values()}
        each = dict.fromkeys(path)
        return (*(one for one in each if one not in homes), *sorted(one for one in each if one in homes))

    def _told(self, value: Any) -> object:
        """A value as it is on another machine, too."""
        if isinstance(value, tuple) and all(type(part) is str for part in value):
            return ":".join(self._name(part) if isabs(part) else part for part in value)
        return value


def _home_of(folder: str) -> str:
    """The folder that pytest searches for the test files in another one: the one above their package."""
    while isfile(join(folder, "__init__.py")) and dirname(folder) != folder:
        folder = dirname(folder)
    return folder


def _cwd() -> tuple[str, ...]:
    try:
        return (getcwd(),)
    except OSError:  # it has been removed
        return ("",)


def _path() -> tuple[str, ...]:
    path = tuple(sys.path)
    return path if _TEXTS.issuperset(map(type, path)) else tuple(part for part in path if type(part) is str)


def _decimal() -> str:
    module = sys.modules.get("decimal")
    if module is None:
        return "28 ROUND_HALF_EVEN -999999 999999 1 0"  # what it begins with, whoever imports it first
    context = module.getcontext()
    return f"{context.prec} {context.rounding} {context.Emin} {context.Emax} {context.capitals} {context.clamp}"


def _current_locale() -> str:
    return _locale.setlocale(_locale.LC_ALL)


def _timeout() -> float | None:
    module = sys.modules.get("_socket")
    return module.getdefaulttimeout() if module is not None else None


def _logging() -> object:
    """What the root logger lets pass; not to be told while pytest has a say in that."""
    module = sys.modules.get("logging")
    if module is None:
        return "30 0"
    if any(type(handler).__name__ == _OF_PYTEST for handler in module.root.handlers):
        return MISSING
    return f"{module.root.level} {module.root.manager.disable}"


_READERS: Final[dict[str, Callable[[], Any]]] = {
    "cwd": _cwd,
    "path": _path,
    "decimal": _decimal,
    "locale": _current_locale,
    "logging": _logging,
    "recursion": sys.getrecursionlimit,
    "socket": _timeout,
}
_PATH: Final = [*_READERS].index("path")
_FELT: Final = frozenset(slot(state) for state in (*_READERS, *DIALS) if state not in _ASKED)
"""The names of those for which nobody has to ask."""
