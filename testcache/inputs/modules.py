"""Where an import would be found now: the answer that changes when a module appears or is shadowed."""

from __future__ import annotations

import importlib.machinery
import os
import sys
from collections.abc import Iterator, Sequence
from os import listdir
from os.path import abspath, dirname, isdir, join

from testcache import digest
from testcache.inputs.roots import Roots
from testcache.model import ABSENT, Digest

_SUFFIXES = (
    *importlib.machinery.EXTENSION_SUFFIXES,
    *importlib.machinery.SOURCE_SUFFIXES,
    *importlib.machinery.BYTECODE_SUFFIXES,
)
"""In the order in which the import system looks for them: what is compiled wins over its source."""

REST = "*"
"""Stands for the interpreter's own search path in the name of an input: it differs between machines."""


def search_names(roots: Roots, path: list[str]) -> str:
    """Name a search path: the project's own entries one by one, everything else as `*`."""
    names: list[str] = []
    for entry in path:
        folder = abspath(entry or ".")
        own = roots.is_first_party(folder + os.sep + "x.py") and not roots.is_installed(folder + os.sep)
        name = roots.name(folder) if own and folder.startswith(roots.rootdir) else REST
        if name not in names:
            names.append(name)
    return ":".join(names)


def extended(name: str, roots: Roots) -> str:
    """A submodule, and where it is looked for: if its package has other folders than its own in `__path__`; else ""."""
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    file, path = getattr(package, "__file__", None), getattr(package, "__path__", None)
    if not isinstance(file, str) or type(path) is not list or path == [dirname(file)]:
        return ""
    return f"{last}@{':'.join(roots.name(abspath(folder)) for folder in path)}"


class Modules:
    """Finds modules by look-ups in folder listings, the way the import system does, without importing.

    `search` stands in for this process's own search path, if given.
    """

    def __init__(self, roots: Roots, search: Sequence[str] | None = None) -> None:
        self._roots = roots
        self._search = search
        self._listings: dict[str, frozenset[str]] = {}
        self._found: dict[str, tuple[str, ...]] = {}

    def location(self, name: str) -> Digest:
        """Say where `dotted.name@search:path` would be found; ABSENT if nowhere. Cost: set look-ups."""
        places = self.places(name)
        return digest.of_fields("module", *map(self._roots.name, places)) if places else ABSENT

    def places(self, name: str) -> tuple[str, ...]:
        """Where that is: a file, or the portions of a namespace package."""
        dotted, _, search = name.partition("@")
        return self._locate(dotted, search)

    def listed(self) -> Iterator[str]:
        """Every folder whose entries have decided where a module is."""
        yield from self._listings

    def forget(self) -> None:
        """Look at the folders anew; tests may have added modules since."""
        self._listings.clear()
        self._found.clear()

    def _locate(self, dotted: str, search: str) -> tuple[str, ...]:
        key = f"{dotted}@{search}"
        if key not in self._found:
            parent, _, last = dotted.rpartition(".")
            if parent:
                folders = [dirname(p) if "__init__." in p else p for p in self._locate(parent, search)]
            else:
                folders = self._folders(search)
            self._found[key] = self._in_folders(folders, last)
        return self._found[key]

    def _folders(self, search: str) -> list[str]:
        folders: list[str] = []
        for entry in search.split(":"):
            if entry == REST:
                path = sys.path if self._search is None else self._search
                own = self._roots.rootdir + os.sep
                outside = (abspath(p) for p in path if p)
                folders += (folder for folder in outside if not (folder + os.sep).startswith(own))
            else:
                folders.append(self._roots.path(entry))
        return folders

    def _in_folders(self, folders: list[str], last: str) -> tuple[str, ...]:
        portions: list[str] = []
        for folder in folders:
            names = self._names(folder)
            if last in names:
                inside = self._names(join(folder, last))
                for suffix in _SUFFIXES:
                    if "__init__" + suffix in inside:
                        return (join(folder, last, "__init__" + suffix),)
            for suffix in _SUFFIXES:
                if last + suffix in names:
                    return (join(folder, last + suffix),)
            if last in names and isdir(join(folder, last)):
                portions.append(join(folder, last))
        return tuple(portions)

    def _names(self, folder: str) -> frozenset[str]:
        known = self._listings.get(folder)
        if known is None:
            try:
                known = frozenset(listdir(folder))
            except OSError:
                known = frozenset()
            self._listings[folder] = known
        return known
