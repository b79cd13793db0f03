"""Two manifests of the same file made one, so that neither of two runs loses what the other recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from testcache.model import ABSENT, INSIDE, TRACES_PER_TEST, Found, Leftover, Manifest, NodeId, Trace
from testcache.storage.codec import encode_manifest
from testcache.structs import replace

_STATES = 2


def merge_manifests(old: Manifest, new: Manifest, *, limit: int = TRACES_PER_TEST) -> Manifest:
    """Return what both know: every trace once, newest first, at most `limit` a test.

    Traces with the same reads, leftovers and outcome are one, as it was recorded last, since it was first; of those
    that differ in interiors only, two states of each are kept. A test counts as failed unless a trace was recorded
    after the failure. The order of the arguments does not matter, merging again changes nothing, and traces recorded
    at the same moment are ordered by their bytes.
    """
    merged = Manifest()
    for node in sorted({*old.traces, *new.traces}):
        traces = _newest([*old.traces.get(node, ()), *new.traces.get(node, ())], limit)
        if traces:
            merged.traces[node] = traces
    for node in sorted({*old.failed, *new.failed}):
        failed_at = max(side.failed[node] for side in (old, new) if node in side.failed)
        traces = merged.traces.get(node, [])
        if not traces or traces[0].recorded_at <= failed_at:
            merged.failed[node] = failed_at
    return merged


def _newest(traces: list[Trace], limit: int) -> list[Trace]:
    kept: dict[tuple[object, ...], Trace] = {}
    states: dict[tuple[object, ...], set[Leftover]] = {}
    for trace in _ordered(_distinct(traces)):
        inside = frozenset(one for one in trace.found if one.is_inside)
        own = frozenset(one for one in trace.left if not one.place.endswith(INSIDE))
        identity = (trace.reads, trace.outcome, own, trace.found - inside)
        if not _shows(inside, states.setdefault(identity, set())) and (*identity, inside) not in kept:
            continue
        newest = kept.setdefault((*identity, inside), trace)
        if trace.since < newest.since and not inside:
            kept[(*identity, inside)] = replace(newest, since=trace.since)
    return [*kept.values()][:limit]


def _shows(inside: Collection[Found], states: set[Leftover]) -> bool:
    """Whether a trace is the newest with one of the two latest states of an interior, which it adds to `states`.

    Two show that it does not matter; more would push out the traces of other branches.
    """
    mine = {one.state for one in inside} or {Leftover(INSIDE, ABSENT)}
    count = Counter(state.place for state in states)
    news = {state for state in mine - states if count[state.place] < _STATES}
    states |= news
    return bool(news)


def _distinct(traces: list[Trace]) -> list[Trace]:
    """Drop equal traces (an import of what is already here): comparing is cheaper than encoding."""
    by_time: dict[float, list[Trace]] = {}
    for trace in traces:
        same_time = by_time.setdefault(trace.recorded_at, [])
        if trace not in same_time:
            same_time.append(trace)
    return [trace for same_time in by_time.values() for trace in same_time]


def _ordered(traces: list[Trace]) -> list[Trace]:
    """Newest first; encoding is only paid for when two were recorded at the same moment."""
    if len({trace.recorded_at for trace in traces}) == len(traces):
        return sorted(traces, key=lambda trace: trace.recorded_at, reverse=True)
    return sorted(traces, key=lambda trace: (trace.recorded_at, _bytes(trace)), reverse=True)


def _bytes(trace: Trace) -> bytes:
    return encode_manifest(Manifest({NodeId(""): [trace]}))
