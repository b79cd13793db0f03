"""Outdated hits: those whose trace read a file that is something else by now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from os.path import dirname

from testcache.inputs.world import World
from testcache.model import Change, Kind, Miss, NodeId, Trace
from testcache.storage.index import Index


def outdated(hits: Mapping[NodeId, Trace], written: Collection[str], world: World) -> dict[NodeId, Miss]:
    """Those of these hits that are none any more, as some of the paths that have been written were inputs."""
    names, folders = _names(written, world)
    found = {}
    for node, trace in hits.items():
        changes = tuple(_changes(trace, names, folders, world))
        if changes:
            found[node] = Miss(changes[0].reason, changes, trace)
    return found


def readers_of(written: Collection[str], index: Index, world: World) -> set[str]:
    """The test files of an index some of whose tests may rest on one of these paths. Cost: a look-up a read."""
    names, folders = _names(written, world)
    names |= folders
    asked = {number for number, content in enumerate(index.contents) if content.name in names}
    asked |= {number for number, fact in enumerate(index.facts, len(index.contents)) if fact.name in names}
    return {file.path for file in index.files if not asked.isdisjoint(file.numbers())} if asked else set()


def _names(written: Collection[str], world: World) -> tuple[set[str], set[str]]:
    """The stored names of paths, and of the folders that they are in."""
    name = world.roots.name
    return set(map(name, written)), {name(dirname(path)) for path in written}


def _changes(trace: Trace, names: Collection[str], folders: Collection[str], world: World) -> Iterator[Change]:
    for part in trace.parts:
        for read in part:
            asked = read.input
            if asked.name in (folders if asked.kind is Kind.LISTING else names):
                now = world.digest_again(asked)
                if now != read.digest:
                    yield Change(asked, read.digest, now)
