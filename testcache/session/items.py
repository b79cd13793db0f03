"""What a test depends on by being the test it is: its function, its classes, the fixtures it would get."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import pytest

from testcache.code.looks import PARAMETRIZE
from testcache.code.parameters import all_rows, row_of
from testcache.inputs import files as fs
from testcache.model import ABSENT, EVERY, Input, Kind, NodeId, Read
from testcache.recording.context import Context
from testcache.recording.observer import Observer
from testcache.session import marker
from testcache.settings import Settings

_OF_MARKS = frozenset(
    {"own_markers", "iter_markers", "iter_markers_with_node", "pytestmark", "param_index", "indices", PARAMETRIZE}
)
"""Names by which code comes upon the rows of other tests, or upon which row it is."""


class ItemInputs:
    """Finds what every item of a run depends on before it does anything."""

    def __init__(self, config: pytest.Config, observer: Observer, settings: Settings) -> None:
        self._config = config
        self._observer = observer
        self._settings = settings
        self._chains: dict[str, tuple[list[str], list[Read]]] = {}
        self._named: dict[tuple[str, frozenset[str], int, int], frozenset[Read]] = {}
        self._plugin_files: list[str] | None = None
        self._around: dict[str, tuple[list[str], list[str]]] = {}
        self._links: dict[str, tuple[int, list[str], frozenset[Context]]] = {}
        self._group: tuple[object, type | None] = (None, None)
        self._told = (0, False)

    def plugin_registered(self) -> None:
        """There is one more plugin, which may be one of the project's own."""
        self._plugin_files = None

    def charge(self, item: pytest.Item, context: Context) -> None:
        """Charge code and links that make up the item itself."""
        tape = self._observer.tape
        for function in _wrapped(getattr(item, "obj", None)):
            code = getattr(function, "__code__", None)
            if code is not None and tape.roots.is_first_party(code.co_filename):
                context.places.add((code.co_filename, code.co_firstlineno))
        context.links.update(self._linked(str(item.path)))

    def reads(
        self, item: pytest.Item, node: NodeId, marks: Sequence[pytest.Mark], asked: Iterable[str] = ()
    ) -> frozenset[Read]:
        """Inputs that no observer can see: what would be picked up by name if it appeared.

        `marks` are those of ours on the test; `asked` are names of fixtures that the test, or a fixture of it, asked
        for while it ran.
        """
        own_file = str(item.path)
        common = self._by_name(own_file, frozenset((*getattr(item, "fixturenames", ()), *asked)))
        return common.union(self._special(item, own_file), self._rows(item), self._declared(node, marks))

    def _special(self, item: pytest.Item, own_file: str) -> Iterator[Read]:
        """What a test rests on that is no plain function."""
        tape = self._observer.tape
        if not isinstance(item, pytest.Function):
            yield Read(Input(Kind.FILE, tape.roots.name(own_file)), tape.files.digest(own_file))
            yield Read(Input(Kind.DEFINITIONS, EVERY), ABSENT)  # a doctest, say: its code is a text
        if item.parent is not self._group[0]:  # a test asks all that it lies in for the nearest class
            self._group = item.parent, getattr(item, "cls", None)
        cls = self._group[1]
        if cls is not None:
            files = self._files_of(own_file)
            for file, block in _classes(cls):
                loaded = tape.loaded.get(file)
                if loaded is not None:
                    path, source, name = tape.roots.name(file), loaded.source, block.partition(".")[0]
                    if file in files:
                        yield Read(Input(Kind.BLOCK, f"{path}::{block}"), source.blocks.get(block, ABSENT))
                    if name in source.definitions:  # pytest has found it: what runs may all be that of a base
                        yield Read(Input(Kind.DEFINITIONS, f"{path}::{name}"), ABSENT)

    def _rows(self, item: pytest.Item) -> Iterator[Read]:
        """The rows of parameters that a test is made of; all rows, for who may look at them, or has others."""
        callspec = getattr(item, "callspec", None)
        params, name = getattr(callspec, "params", {}), getattr(callspec, "id", "")
        for function in _wrapped(getattr(item, "obj", None)):
            code = getattr(function, "__code__", None)
            loaded = self._observer.tape.loaded.get(code.co_filename) if code is not None else None
            if code is None or loaded is None:
                continue
            source, path = loaded.source, self._observer.tape.roots.name(code.co_filename)
            block = source.block_at(code.co_firstlineno)
            for number, names in enumerate(source.tables.get(block, ())):
                read = all_rows(block, number)
                if params.keys() >= {*names} and not self._are_rows_told():
                    read = row_of(source.blocks, block, number, [params[one] for one in names], name)
                yield Read(Input(Kind.BLOCK, f"{path}::{read}"), source.blocks[read])

    def _are_rows_told(self) -> bool:
        """Whether loaded code of the project goes through marks, which hold all rows, or names tests by itself."""
        loaded = self._observer.tape.loaded
        if len(loaded) != self._told[0]:
            mentions = chain.from_iterable(module.source.mentions.values() for module in loaded.values())
            named = len(self._config.hook.pytest_make_parametrize_id.get_hookimpls()) > 1
            self._told = (len(loaded), named or any(not _OF_MARKS.isdisjoint(names) for names in mentions))
        return self._told[1]

    def _files_of(self, own_file: str) -> list[str]:
        """The files in which a test of this file may find its fixtures."""
        plugins = self._project_plugins()
        known = self._around.get(own_file)
        if known is None or known[0] is not plugins:
            known = self._around[own_file] = (plugins, [own_file, *self._chain(own_file)[0], *plugins])
        return known[1]

    def _linked(self, own_file: str) -> frozenset[Context]:
        """The imports of these files."""
        files, loaded = self._files_of(own_file), self._observer.tape.loaded
        known = self._links.get(own_file)
        if known is None or known[0] != len(loaded) or known[1] is not files:
            contexts = frozenset(loaded[file].context for file in files if file in loaded)
            known = self._links[own_file] = (len(loaded), files, contexts)
        return known[2]

    def _by_name(self, own_file: str, names: frozenset[str]) -> frozenset[Read]:
        """For each fixture name, its block or its absence in each file that could define it, and which could come."""
        tape = self._observer.tape
        files = self._files_of(own_file)
        key = (own_file, names, len(files), len(tape.loaded))
        if key not in self._named:
            found = [*self._chain(own_file)[1]]
            for file in files:
                loaded = tape.loaded.get(file)
                if loaded is not None:
                    path, blocks = tape.roots.name(file), loaded.source.blocks
                    found += [Read(Input(Kind.BLOCK, f"{path}::{n}"), blocks.get(n, ABSENT)) for n in names]
            self._named[key] = frozenset(found)
        return self._named[key]

    def _chain(self, own_file: str) -> tuple[list[str], list[Read]]:
        """The conftest files that serve a test file, and which of them, and of `__init__.py`, could appear."""
        known = self._chains.get(own_file)
        if known is not None:
            return known
        folder = os.path.dirname(own_file)
        if folder not in self._chains:
            tape = self._observer.tape
            conftests: list[str] = []
            beside: list[Read] = []
            place = folder
            while place.startswith(tape.roots.rootdir):
                for name in ("conftest.py", "__init__.py"):
                    path = os.path.join(place, name)
                    beside.append(Read(Input(Kind.EXISTS, tape.roots.name(path)), fs.kind_of(path)))
                conftests.append(os.path.join(place, "conftest.py"))
                if place == tape.roots.rootdir:
                    break
                place = os.path.dirname(place)
            self._chains[folder] = (conftests, beside)
        self._chains[own_file] = self._chains[folder]
        return self._chains[folder]

    def _project_plugins(self) -> list[str]:
        """Files of the project's own plugin modules that are no conftest files."""
        if self._plugin_files is None:
            files = {getattr(plugin, "__file__", None) for plugin in self._config.pluginmanager.get_plugins()}
            loaded = self._observer.tape.loaded
            found = {one for one in files if isinstance(one, str) and not one.endswith("conftest.py") and one in loaded}
            self._plugin_files = sorted(found)
        return self._plugin_files

    # -- declarations

    def _declared(self, node: NodeId, marks: Sequence[pytest.Mark]) -> Iterator[Read]:
        for name in (*self._settings.env, *marker.texts(marks, "env")):
            asked = Input(Kind.VARIABLE, name)
            yield Read(asked, self._observer.world.digest_of(asked))
        patterns = marker.texts(marks, "inputs")
        for declared in self._settings.inputs:
            if any(test.covers(node) for test in declared.for_):
                patterns += [str(pattern) for pattern in declared.files]
        for pattern in patterns:
            yield from self._files(pattern)

    def _files(self, pattern: str) -> Iterator[Read]:
        """The files that a glob matches now, and the folders in which it looked for them."""
        tape = self._observer.tape
        magic = re.search(r"[*?\[]", pattern)
        if magic is None:
            path = os.path.join(tape.roots.rootdir, pattern)
            yield Read(Input(Kind.FILE, tape.roots.name(path)), tape.files.digest(path))
            return
        for match in sorted(glob.glob(pattern, root_dir=tape.roots.rootdir, recursive=True)):
            path = os.path.join(tape.roots.rootdir, match)
            yield Read(Input(Kind.FILE, tape.roots.name(path)), tape.files.digest(path))
        start = os.path.dirname(os.path.join(tape.roots.rootdir, pattern[: magic.start()]))
        folders = [start]
        if "/" in pattern[magic.start() :]:  # a match may appear in any folder below
            for folder, below, _ in os.walk(start):
                below[:] = [name for name in below if not tape.roots.is_ignored(os.path.join(folder, name))]
                folders += [os.path.join(folder, name) for name in below]
        for folder in folders:
            yield Read(Input(Kind.LISTING, tape.roots.name(folder)), fs.listing_of(folder))

    def never(self, node: NodeId, marks: Sequence[pytest.Mark]) -> str | None:
        """Why this test is declared never to be cached, or None."""
        if marker.is_never(marks):
            return "@pytest.mark.testcache(never=True)"
        for pattern in self._settings.never:
            if pattern.covers(node):
                return f"the setting never = {pattern}"
        return None


def bearers_of(group: pytest.Collector) -> list[tuple[str, object]]:
    """The objects of pytest that the tests of a group share with others: code may set attributes on them."""
    return [("config", group.config), *((node.nodeid or "session", node) for node in group.listchain())]


def _wrapped(function: Any) -> Iterator[Any]:
    seen = 0
    while function is not None and seen < 20:
        function = getattr(function, "__func__", function)
        yield function
        function = getattr(function, "__wrapped__", None)
        seen += 1


def _classes(cls: type) -> Iterator[tuple[str, str]]:
    """The test's class and its bases: the file and the name of each."""
    for base in cls.__mro__:
        file = getattr(sys.modules.get(base.__module__), "__file__", None)
        if isinstance(file, str):
            yield file, base.__qualname__
