"""Outdated hits: those whose trace read a file that is something else by now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from os.path import dirname

from testcache.inputs.world import World
from testcache.model import Change, Kind, Miss, NodeId, Trace


def outdated(hits: Mapping[NodeId, Trace], written: Collection[str], world: World) -> dict[NodeId, Miss]:
    """Those of these hits that are none any more, as some of the paths that have been written were inputs."""
    name = world.roots.name
    names, folders = set(map(name, written)), {name(dirname(path)) for path in written}
    found = {}
    for node, trace in hits.items():
        changes = tuple(_changes(trace, names, folders, world))
        if changes:
            found[node] = Miss(changes[0].reason, changes, trace)
    return found


def _changes(trace: Trace, names: Collection[str], folders: Collection[str], world: World) -> Iterator[Change]:
    for part in trace.parts:
        for read in part:
            asked = read.input
            if asked.name in (folders if asked.kind is Kind.LISTING else names):
                now = world.digest_again(asked)
                if now != read.digest:
                    yield Change(asked, read.digest, now)
