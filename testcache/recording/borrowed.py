"""Borrowed places: what the project's code sets or fills in modules and classes of libraries, and leaves so.

A project that does that says so in its code (`testcache.code.borrowed`); just these places are looked at after each
test. Who knows what in a library depends on them: everybody comes upon what has changed there.
Does not see: what a library sets by itself, what code sets whose file does not import what it sets it in, and items of
a table whose keys are worked out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from types import FunctionType, ModuleType
from typing import Any, Final

from testcache.code.borrowed import BY_IMPORT, WHOLE
from testcache.recording import anatomy
from testcache.recording.anatomy import MISSING, same
from testcache.structs import Struct

_ELSEWHERE: Final = frozenset(
    {"sys.modules[]", "sys.path[]", "sys.path", "sys.path_importer_cache[]", "sys.stdout", "sys.stderr", "sys.stdin",
     "os.environ[]", "os.environ", "warnings.filters[]", "warnings.filters"}
)  # fmt: skip
"""What is watched in another way, is filled by every import, or is pytest's to put back."""

_OF_PYTEST: Final = frozenset({"pytest", "_pytest", "pluggy", "xdist", "testcache"})

_MOST: Final = 1000
"""Elements of a container that is compared after each test: 20 us."""


_Change = tuple[str, object, object, bool]
"""A path, what was there, what is there now, and whether that is as at first."""


class _Loan(Struct, eq=False):
    """One place: an attribute, an item or all of a container, as it was at first and at the last look."""

    path: str
    held: Any
    slot: object
    base: object
    last: object

    def look(self) -> object:
        return content(self.held) if self.slot is WHOLE else dict.get(self.held, self.slot, MISSING)


class Borrowed:
    """Compares those places with what they were.

    Args:
        is_project: whether a file is the project's own: what is in there is watched as all else that is.
    """

    def __init__(self, is_project: Callable[[str], bool]) -> None:
        self._is_project = is_project
        self._heard: set[str] = set()
        self._missing: dict[str, bool] = {}
        self._loans: list[_Loan] = []
        self._news: list[_Change] = []
        self._loaded = 0

    def hear(self, paths: Iterable[str]) -> None:
        """A file is about to be executed that sets these: what another one that imports it has set is not its doing."""
        self._look_again()
        for marked in paths:
            path = marked.removeprefix(BY_IMPORT)
            if path not in self._heard and path not in _ELSEWHERE:
                self._heard.add(path)
                self._missing[path] = marked != path
        self._find(new=False)

    def _look_again(self) -> None:
        """Look for what was not there, if anything was loaded since."""
        if self._missing and len(sys.modules) != self._loaded:
            self._news += self._find(new=True)

    def adopt(self) -> None:
        """Take all for what it is before all tests."""
        for loan in self._loans:
            loan.base = loan.last = loan.look()

    def changes(self) -> Iterator[_Change]:
        """The path of each place that has changed since the last look, what was there, and is, and whether as at first.

        Cost: 0.1 us a place, and 10 ns an element.
        """
        self._look_again()
        news, self._news = self._news, []
        yield from news
        for loan in self._loans:
            now, before = loan.look(), loan.last
            if now is not before and not _are_one(now, before) and not same(now, before):
                loan.last = now
                # a set has another order in each process
                shown = frozenset(loan.held) if loan.slot is WHOLE and issubclass(type(loan.held), set) else now
                yield loan.path, before, shown, same(now, loan.base)

    def _find(self, *, new: bool) -> list[_Change]:
        """Look for the places of modules that are loaded by now.

        With `new`, what is found has been loaded by whoever may have set it at once: it has changed, unless it is of
        the library's own making.
        """
        changed: list[_Change] = []
        self._loaded = len(sys.modules)
        for path, by_import in [*self._missing.items()]:
            found = self._resolve(path)
            if found is None:
                continue
            del self._missing[path]
            if found is _NOT_OURS:
                continue
            held, slot = found
            loan = _Loan(path, held, slot, MISSING, MISSING)
            loan.base = loan.last = loan.look()
            self._loans.append(loan)
            if new and slot is not WHOLE and loan.last is not MISSING and (by_import or not _is_original(loan)):
                loan.base = MISSING
                changed.append((path, MISSING, loan.last, False))
        return changed

    def _resolve(self, path: str) -> tuple[Any, object] | None:
        """The dict that holds a place, and its key there; None if that is not loaded."""
        whole, key = path.endswith(WHOLE), MISSING
        names, _, item = path.removesuffix(WHOLE).partition("[")
        parts = names.split(".")
        if item:
            key = item.removesuffix("]")
        thing: Any = None
        for at in range(len(parts), 0, -1):
            thing = sys.modules.get(".".join(parts[:at]))
            if issubclass(type(thing), ModuleType):
                break
        else:
            return _NOT_OURS if parts[0] in sys.modules else None
        file = (anatomy.dict_of(thing) or {}).get("__file__")
        if (parts[0] in _OF_PYTEST and not _is_added(path, thing)) or (type(file) is str and self._is_project(file)):
            return _NOT_OURS
        rest = parts[at:]
        if not whole and key is MISSING:
            if not rest:
                return _NOT_OURS
            key = rest.pop()
        for part in rest:
            thing = (_namespace(thing) or {}).get(part, MISSING)
            if thing is MISSING:
                return None
        if whole or item:
            # A table that is filled under keys that are worked out is a memo: attrs adds each class that it makes to
            # `linecache.cache`. Everybody would rest on all of it.
            if content(thing) is None or bool(item) != issubclass(type(thing), dict):
                return _NOT_OURS
            return thing, WHOLE if whole else key
        held = _namespace(thing)
        return _NOT_OURS if held is None else (held, key)


_NOT_OURS: Final[tuple[Any, object]] = (None, None)


def _is_added(path: str, thing: Any) -> bool:
    """Whether a project passes something on from test to test in an attribute that it gives to `pytest` itself."""
    held = anatomy.dict_of(thing) or {}
    package, _, name = path.partition(".")
    return package == held.get("__name__") == "pytest" and name.isidentifier() and name not in held.get("__all__", ())


def _namespace(thing: Any) -> dict[str, Any] | None:
    return anatomy.class_dict(thing) if issubclass(type(thing), type) else anatomy.dict_of(thing)


def content(thing: Any) -> tuple[object, ...] | None:
    """The elements of a container, or keys and then values; None if it is none, or too large."""
    if issubclass(type(thing), dict):
        return (*dict.keys(thing), *dict.values(thing)) if dict.__len__(thing) <= _MOST else None
    if issubclass(type(thing), (list, set)):
        found = anatomy.content(thing)
        return found if found is not None and len(found) <= _MOST else None
    return None


def _are_one(now: object, before: object) -> bool:
    """Whether two contents are of the very same objects. Cost: 15 ns an element."""
    if type(now) is not tuple or type(before) is not tuple or len(now) != len(before):
        return False
    return all(map(is_, now, before))


def _is_original(loan: _Loan) -> bool:
    """Whether a function or class is what its name stands for in its own module."""
    value: Any = loan.last
    if type(value) is FunctionType:
        return str(value.__module__).partition(".")[0] == loan.path.partition(".")[0]
    return issubclass(type(value), type) and anatomy.has_its_name(value)
