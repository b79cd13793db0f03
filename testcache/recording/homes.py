"""Homes: where the modules, classes and functions are defined that some objects are, or are made from."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FunctionType, ModuleType

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
