"""`testcache stats`: what the cache holds, and what it has saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from testcache.model import EnvironmentKey, NodeId
from testcache.project import Project
from testcache.reasons import Reason
from testcache.report import moment, number, seconds, size
from testcache.storage.history import Run, Uncached, runs, uncached
from testcache.storage.manifests import known_files, load_manifests
from testcache.storage.store import Store
from testcache.terminal import bold, columns, say

SHOWN = 5


@dataclass(slots=True)
class _Contents:
    """What a store holds.

    Attributes:
        durations: seconds of each test's newest trace.
        unstored: tests whose latest run left no trace.
    """

    traces: int = 0
    environments: set[EnvironmentKey] = field(default_factory=set)
    durations: dict[NodeId, float] = field(default_factory=dict)
    unstored: dict[NodeId, Uncached] = field(default_factory=dict)


def run(project: Project) -> int:
    """Print the figures; always 0. Raises StoreError."""
    store = project.store()
    if store is None:
        say(f"testcache: {project.store_name}: nothing is recorded; start with: pytest --cached")
        return 0
    with store:
        contents = _contents(store)
        kept = runs(store)
        volume = store.volume()
    say(
        f"testcache: {project.store_name}: {size(volume)}, {number(len(contents.durations), 'test')}, "
        f"{number(contents.traces, 'trace')}, {number(len(contents.environments), 'environment')}"
    )
    for line in [*_totals(kept), *_latest(kept), *_slowest(contents)]:
        say(line)
    return 0


def _contents(store: Store) -> _Contents:
    contents = _Contents()
    newest: dict[NodeId, float] = {}
    files: dict[EnvironmentKey, list[str]] = {}
    for environment, path in known_files(store):
        files.setdefault(environment, []).append(path)
    for environment, paths in files.items():
        contents.environments.add(environment)
        contents.unstored |= uncached(store, environment)
        for manifest in load_manifests(store, environment, paths)[0].values():
            for node, traces in manifest.traces.items():
                contents.traces += len(traces)
                if traces and traces[0].recorded_at > newest.get(node, 0.0):
                    newest[node] = traces[0].recorded_at
                    contents.durations[node] = traces[0].duration_s
    return contents


def _totals(kept: list[Run]) -> Iterator[str]:
    if not kept:
        return
    asked, cached = sum(run.total for run in kept), sum(run.cached for run in kept)
    saved, spent = sum(run.saved_s for run in kept), sum(run.spent_s for run in kept)
    share = f" ({100 * cached / asked:.0f}%)" if asked else ""
    yield bold(f"{number(len(kept), 'run')} since {moment(kept[0].at)}")
    yield f"    saved       {seconds(saved)}, {seconds(saved / len(kept))} a run; tests took {seconds(spent)}"
    yield f"    replayed    {cached:,} of {number(asked, 'test')}{share}"
    yield from _counted("run because", (run.reasons for run in kept))
    yield from _counted("not stored", (run.not_stored for run in kept))
    failed, wrong = sum(run.failed for run in kept), sum(run.wrong for run in kept)
    if failed:
        yield f"    failed      {number(failed, 'time')}"
    if wrong:
        yield f"    wrong hits  {wrong} [{Reason.WRONG_HIT.slug}]"


def _counted(label: str, tallies: Iterable[dict[str, int]]) -> Iterator[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    if total:
        yield f"    {label:<11} " + ", ".join(f"{count:,} {slug}" for slug, count in total.most_common())


def _latest(kept: list[Run]) -> Iterator[str]:
    if kept:
        yield bold("latest runs")
        yield from columns(
            (
                (
                    f"    {moment(run.at)}",
                    number(run.total, "test"),
                    f"{run.cached:,} cached",
                    f"{sum(run.reasons.values()):,} run",
                    f"{seconds(run.saved_s)} saved",
                    "" if run.mode == "on" else run.mode,
                )
                for run in reversed(kept[-SHOWN:])
            ),
            right=frozenset({1, 2, 3, 4}),
        )


def _slowest(contents: _Contents) -> Iterator[str]:
    cached = sorted(contents.durations.items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN]
    if cached:
        yield bold("slowest cached tests")
        yield from columns(((f"    {seconds(took)}", node) for node, took in cached))
    unstored = sorted(contents.unstored.items(), key=lambda pair: (-pair[1].duration_s, pair[0]))[:SHOWN]
    if unstored:
        yield bold("slowest uncacheable tests")
        for node, why in unstored:
            yield f"    {seconds(why.duration_s)}  {node} [{why.slug}]"
            yield f"        {why.evidence}"
