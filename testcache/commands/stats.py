"""`testcache stats`: what the cache holds, and what it has saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from testcache.confidence import upper_bound
from testcache.exchange.outgoing import MODE as IMPORTED
from testcache.model import EnvironmentKey, NodeId
from testcache.project import Project
from testcache.reasons import Reason
from testcache.report import moment, number, seconds, size
from testcache.storage.history import Run, Uncached, runs, uncached
from testcache.storage.manifests import known_files, load_manifests
from testcache.storage.store import Store
from testcache.storage.tally import Replayed, replayed
from testcache.structs import Struct, field
from testcache.terminal import bold, columns, say

SHOWN = 5


class _Contents(Struct):
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
        kept = [run for run in runs(store) if run.mode != IMPORTED]
        quick = replayed(store.folder)
        volume = store.volume()
    say(
        f"testcache: {project.store_name}: {size(volume)}, {number(len(contents.durations), 'test')}, "
        f"{number(contents.traces, 'trace')}, {number(len(contents.environments), 'environment')}"
    )
    for line in [*_totals(kept, quick), *_remote(kept), *_workers(kept), *_latest(kept, quick), *_slowest(contents)]:
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
            for node, traces in manifest.tests.items():
                contents.traces += len(traces)
                if traces and traces[0].recorded_at > newest.get(node, 0.0):
                    newest[node] = traces[0].recorded_at
                    contents.durations[node] = traces[0].duration_s
    return contents


def _totals(kept: list[Run], quick: list[Replayed]) -> Iterator[str]:
    if not kept:
        return
    count = len(kept) + len(quick)
    asked = sum(run.total for run in kept) + sum(tests for _, tests, _ in quick)
    cached = sum(run.cached for run in kept) + sum(tests for _, tests, _ in quick)
    saved = sum(run.saved_s for run in kept) + sum(saved_s for _, _, saved_s in quick)
    share = f" ({100 * cached / asked:.0f}%)" if asked else ""
    yield bold(f"{number(count, 'run')} since {moment(min([run.at for run in kept] + [at for at, _, _ in quick]))}")
    spent = seconds(sum(run.spent_s for run in kept))
    yield f"    saved       {seconds(saved)}, {seconds(saved / count)} a run; tests took {spent}"
    yield f"    replayed    {cached:,} of {number(asked, 'test')}{share}"
    yield from _counted("run because", (run.reasons for run in kept))
    yield from _counted("not stored", (run.not_stored for run in kept))
    failed, wrong = sum(run.failed for run in kept), sum(run.wrong for run in kept)
    if failed:
        yield f"    failed      {number(failed, 'time')}"
    if wrong:
        yield f"    wrong hits  {wrong} [{Reason.WRONG_HIT.slug}]"
    looked = [run for run in kept if run.audited]  # older runs did not say how many hits they compared
    audited, lied = sum(run.audited for run in looked), sum(run.wrong for run in looked)
    if audited:
        bound = 100 * upper_bound(min(lied, audited), audited)
        yield (
            f"    audited     {number(audited, 'hit')}, {lied:,} wrong: with 95% confidence at most "
            f"{bound:.2g}% of hits are"
        )


def _remote(kept: list[Run]) -> Iterator[str]:
    asking = [run for run in kept if run.asked]
    if asking:
        asked, came = sum(run.asked for run in asking), sum(run.came for run in asking)
        yield f"    remote      {number(asked, 'entry')} asked for in {number(len(asking), 'run')}, {came:,} taken in"


def _workers(kept: list[Run]) -> Iterator[str]:
    """What workers (`-n`) cost and gave, over all runs that had some."""
    efforts = [run.effort for run in kept if run.effort is not None]
    if not efforts:
        return
    work, paid = sum(each.work_s for each in efforts), sum(each.workers * each.wall_s for each in efforts)
    idle, start = sum(each.idle_s for each in efforts), sum(each.start_s for each in efforts)
    share = f"{100 * work / paid:.0f}% efficient, " if paid else ""
    yield (
        f"    workers     in {number(len(efforts), 'run')}: {share}{seconds(idle)} idle, "
        f"{seconds(start / len(efforts))} to start"
    )
    replaced = sum(each.replaced for each in efforts)
    if replaced:
        yield f"    replaced    {number(replaced, 'worker')}, for their memory"


def _counted(label: str, tallies: Iterable[dict[str, int]]) -> Iterator[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    if total:
        yield f"    {label:<11} " + ", ".join(f"{count:,} {slug}" for slug, count in total.most_common())


def _latest(kept: list[Run], quick: list[Replayed]) -> Iterator[str]:
    rows = [(run.at, run.total, run.cached, run.ran, run.saved_s, _effort(run), run.mode) for run in kept]
    rows += [(at, tests, tests, 0, saved_s, "", "nothing changed") for at, tests, saved_s in quick]
    if rows:
        yield bold("latest runs")
    yield from columns(
        (
            (
                f"    {moment(at)}",
                number(total, "test"),
                f"{cached:,} cached",
                f"{ran:,} run",
                f"{seconds(saved_s)} saved" if cached else "",
                effort,
                "" if mode == "on" else mode,
            )
            for at, total, cached, ran, saved_s, effort, mode in sorted(rows, reverse=True)[:SHOWN]
        ),
        right=frozenset({1, 2, 3, 4}),
    )


def _effort(run: Run) -> str:
    """`2 workers, 71% efficient`; nothing for a run in one process."""
    effort = run.effort
    return f"{number(effort.workers, 'worker')}, {effort.efficiency:.0%} efficient" if effort is not None else ""


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
