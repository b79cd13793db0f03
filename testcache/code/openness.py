"""Whether a class of another file is open: whether making a subclass of it runs no code and cannot fail.

A class statement that only *assumes* its base to be open is a definition as long as that holds. It is looked
up where all files are known: in the file that the base is imported from, through the imports of packages on
the way. A base that is in none of the files (a library's), or that itself rests on such a one, is not open.
If a base ceases to be open, its form changes, which concerns everybody who imports it.

Does not see: a module that another one gives a different class of that name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testcache.code.attributes import Facts
    from testcache.code.source import Source

_OPEN, _CLASS, _ASSUMES = "open ", "class", " <"
_SORTS = frozenset({"plain", "exception", "protocol", "dataclass", "frozen dataclass"})
_FARTHEST = 8
"""Imports and bases that are followed one after the other; more look like a circle."""


def form_of(facts: Facts) -> str:
    """The form of a class: `open class <.base.Field` if it may have subclasses, and assumes that `Field` may."""
    is_open = facts.open and facts.sort in _SORTS and not facts.parameters
    return (_OPEN if is_open else "") + _CLASS + "".join(_ASSUMES + place for place in sorted(facts.assumes))


def assumptions(form: str) -> list[str]:
    """Which classes a form assumes to be open."""
    return form.split(_ASSUMES)[1:]


class Openness:
    """Looks classes up in some files, by their stored names."""

    def __init__(self, source_of: Callable[[str], Source | None], files: Set[str]) -> None:
        self._source_of = source_of
        self._files = files
        self._ends: dict[str, list[str]] = {}
        for path in files:
            self._ends.setdefault(posixpath.basename(path), []).append(path)

    def unsure(self) -> Iterator[tuple[str, str]]:
        """The definitions, with their files, that assume a class to be open which is not."""
        for path in self._files:
            source = self._source_of(path)
            for name, one in source.definitions.items() if source is not None else ():
                if not self.holds(one.form, path):
                    yield path, name

    def holds(self, form: str, path: str) -> bool:
        """Are all classes open that a definition of this form in a file assumes to be?"""
        return all(self._is_open(place, path, _FARTHEST) for place in assumptions(form))

    def _is_open(self, place: str, path: str, left: int) -> bool:
        name = place.rpartition(".")[2]
        found = self._file(place[: -len(name)], path)
        source = self._source_of(found) if found and left else None
        if source is None:
            return False
        if name not in source.definitions:
            return name in source.imports and self._is_open(source.imports[name], found, left - 1)
        form = source.definitions[name].form
        return form.startswith(_OPEN) and all(self._is_open(one, found, left - 1) for one in assumptions(form))

    def _file(self, module: str, path: str) -> str:
        """The file of a module as another file names it, `..shop.tax.`; "" if it is none of the files or not sure."""
        name = module.strip(".").replace(".", "/")
        if not module.startswith("."):
            return self._anywhere(name)
        folder = posixpath.dirname(path)
        for _ in range(len(module) - len(module.lstrip(".")) - 1):
            if not folder:
                return ""
            folder = posixpath.dirname(folder)
        base = posixpath.join(folder, name)
        ways = [f"{base}.py"] if name else []
        found = [one for one in (*ways, posixpath.join(base, "__init__.py")) if one in self._files]
        return found[0] if len(found) == 1 else ""

    def _anywhere(self, name: str) -> str:
        """The one file that can be imported under an absolute name: what is above it is no package."""
        found = []
        for end in (f"{name}.py", f"{name}/__init__.py"):
            for path in self._ends.get(posixpath.basename(end), ()):
                above = path[: len(path) - len(end)]
                if path == end or (path.endswith(f"/{end}") and f"{above}__init__.py" not in self._files):
                    found.append(path)
        return found[0] if len(found) == 1 else ""
