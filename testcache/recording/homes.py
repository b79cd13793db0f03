"""Homes: where the modules, classes and functions are defined that some objects are, or are made from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from types import FunctionType, ModuleType

from testcache.model import ABSENT, Digest, Input, Kind
from testcache.recording import anatomy
from testcache.recording.identity import identity

_MRO = type.__dict__["__mro__"]

Home = tuple[str, str]
"""The absolute name of a file, and the name of a definition in it, "" for the file itself."""


def homes_of(things: Iterable[object]) -> frozenset[Home]:
    """An object has those of its class and of all bases. Cost: 1 us an object; runs no code of a project."""
    kinds: dict[int, type] = {}
    named: set[tuple[object, str]] = set()
    for thing in things:
        kind = type(thing)
        if kind is ModuleType:
            named.add(((anatomy.dict_of(thing) or {}).get("__name__"), ""))
        elif kind is FunctionType:
            named.add((thing.__module__, thing.__qualname__))  # type: ignore[attr-defined]
        elif issubclass(kind, type):
            kinds[identity(thing)] = thing  # type: ignore[assignment]
        kinds[identity(kind)] = kind
    for kind in kinds.values():
        named.update(map(anatomy.names_of, _MRO.__get__(kind)))
    return frozenset(_files(named))


def _files(named: Iterable[tuple[object, str]]) -> Iterator[Home]:
    for module, name in named:
        held = anatomy.dict_of(sys.modules.get(module)) if type(module) is str else None
        file = (held or {}).get("__file__")
        if type(file) is str:
            yield file, name.partition(".")[0]


class Homes:
    """What a test reads that comes upon objects: one object for each set of homes, and each definition in them.

    Of a hundred homes most are in each of a hundred sets: objects of their own had the garbage collector look at twice
    as many.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self._name = name
        self._known: dict[frozenset[Home], tuple[Set[str], Mapping[Input, Digest]]] = {}
        self._definitions: dict[Home, Input] = {}

    def rested_on(self, homes: frozenset[Home]) -> tuple[Set[str], Mapping[Input, Digest]]:
        """The files of these homes, and the definitions as inputs."""
        known = self._known.get(homes)
        if known is None:
            defined = [self._definition(home) for home in homes if home[1]]
            known = self._known[homes] = {file for file, _ in homes}, dict.fromkeys(defined, ABSENT)
        return known

    def _definition(self, home: Home) -> Input:
        known = self._definitions.get(home)
        if known is None:
            file, name = home
            known = self._definitions[home] = Input(Kind.DEFINITIONS, f"{self._name(file)}::{name}")
        return known
