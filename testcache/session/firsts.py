"""Firsts: tests that were the first to put a key into a table where another one that must run would put something else.

1. Test A registers a class `Item` by its name. Test B has an `Item` of its own, finds that there is one, and leaves it.
2. B is edited, and runs. A is a hit: there is no `Item` now, and B registers its own.
3. That is not what the tests behind it had found, and whether B would have left A's in its place is not known: all of
   them run.

So A runs, too, and before B: then B shows what it does in a run of all. That B uses a key is guessed by the names in
its code, and that it would put something else there by what A has put: something that is defined in A itself. What is
remembered of a calculation is the same, whoever comes first. Where the guess is wrong A runs in vain, or those of 3 do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cache
from typing import TYPE_CHECKING

from testcache.model import Input, Kind, NodeId, Trace
from testcache.readers import SourceOf
from testcache.recording.portrait import identify
from testcache.session.names import path_of
from testcache.session.waiting import recorded

if TYPE_CHECKING:
    from testcache.session.runner import Runner


def firsts(
    runner: Runner, nodes: Iterable[NodeId], waiting: Iterable[NodeId], hits: Callable[[], Mapping[NodeId, Trace]]
) -> set[NodeId]:
    """The hits, and the tests that wait, which are to run with those of these tests that must.

    None if they would take longer than all who have found what they had left; and where workers run the tests, each
    some of them. Cost: a look at what those that must run had found; where that is anything of this kind, at all.

    Args:
        hits: gives the traces of all hits.
    """
    if runner.distribution.held_back:
        return set()
    spared = {*runner.hits, *waiting}
    traces: Mapping[NodeId, Trace] = recorded(runner.decisions)
    found: set[NodeId] = set()
    places: set[str] = set()
    queue = [node for node in nodes if node not in spared]
    while queue:
        node = queue.pop()
        trace = traces.get(node)
        if trace is None or not trace.found:
            continue
        keys = {_written(name) for name in _names(node, trace, runner.world.source)}
        named = [one for one in trace.found if one.filler in spared and one.place[one.place.rfind("[") :] in keys]
        defined = _definitions(trace) if named else set()
        named = [one for one in named if _definition_of(one.filler) in defined]
        if named and not found:
            traces = {**traces, **hits()}
        fresh = {one.filler for one in named} - found
        found |= fresh
        places.update(one.place for one in named)
        queue += fresh
    readers = _readers([traces[node] for node in spared - found if node in traces], places)
    return found if _duration_s(map(traces.get, found)) <= _duration_s(readers) else set()


def _readers(traces: Iterable[Trace], places: Set[str]) -> Iterator[Trace]:
    """Those who have found anything there. Cost: a look at each set of what was found, which many traces share."""
    known: dict[int, bool] = {}
    for trace in traces if places else ():
        if id(trace.found) not in known:
            known[id(trace.found)] = not places.isdisjoint(one.place for one in trace.found)
        if known[id(trace.found)]:
            yield trace


def _duration_s(traces: Iterable[Trace | None]) -> float:
    return sum(trace.duration_s for trace in traces if trace is not None)


def _definition_of(test: NodeId) -> Input:
    """The function or class at the top of its file that a test is in; who comes upon what is made of it has read it."""
    path, _, rest = test.partition("::")
    return Input(Kind.DEFINITIONS, f"{path}::{rest.partition('::')[0].partition('[')[0]}")


def _definitions(trace: Trace) -> set[Input]:
    return {read.input for part in trace.parts for read in part if read.input.kind is Kind.DEFINITIONS}


def _names(node: NodeId, trace: Trace, source_of: SourceOf) -> Iterable[str]:
    """Those in the code of its own file that a test has run."""
    path = path_of(node)
    source = source_of(path)
    for kind, name in (read.input for read in trace.parts[0]):
        file, _, block = name.partition("::")
        if kind is Kind.BLOCK and file == path and source is not None:
            yield from source.mentions.get(block, ())


@cache
def _written(name: str) -> str:
    """A name as a key of a table at the end of the name of a place."""
    return f"[{identify(name)}]"
