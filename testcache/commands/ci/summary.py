"""`testcache ci summary`: what the cache did in this job, as Markdown for the job's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from testcache.commands.ci import outputs
from testcache.exchange.arrivals import Arrival, arrivals
from testcache.exchange.outgoing import MODE as IMPORTED
from testcache.exchange.printable import printable
from testcache.model import EnvironmentKey
from testcache.project import Project
from testcache.reasons import Reason
from testcache.report import number, python_of, seconds
from testcache.storage.history import Run, facts_of, runs, uncached
from testcache.storage.manifests import known_files, load_manifests
from testcache.storage.store import Store
from testcache.structs import Struct
from testcache.terminal import say

SLOWEST = 10
_SAME_JOB_S = 6 * 3600.0
"""GitHub ends a job after as long; an arrival before that belongs to another run."""


class _Ran(Struct, frozen=True, order=True):
    """A test that ran: seconds, node id, and why it was not stored or ""."""

    duration_s: float
    node: str
    why: str


def run(project: Project) -> int:
    """Print the page and hand out `hits`, `misses`, `hit-rate` and `saved-seconds`; always 0.

    Raises StoreError.
    """
    store = project.store()
    kept = []
    if store is not None:
        with store:
            kept = [run for run in runs(store) if run.mode != IMPORTED]
            if kept:
                for line in _page(store, kept):
                    say(line)
    if not kept:
        say("### testcache\n\nNo run was recorded in this job.")
    latest = kept[-1] if kept else None
    misses = latest.ran if latest else 0
    outputs.put(
        {
            "hits": str(latest.cached if latest else 0),
            "misses": str(misses),
            "hit-rate": f"{_share(latest):.3f}" if latest else "0.000",
            "saved-seconds": f"{latest.saved_s if latest else 0.0:.1f}",
        }
    )
    return 0


def _share(run: Run) -> float:
    return run.cached / run.total if run.total else 0.0


def _page(store: Store, kept: list[Run]) -> Iterator[str]:
    latest = kept[-1]
    environment = EnvironmentKey(bytes.fromhex(latest.environment))
    came = [one for one in arrivals(store) if latest.at - _SAME_JOB_S < one.at <= latest.at]
    since = max([run.at for run in kept[:-1]] + [one.at for one in came if not one.slug], default=0.0)
    yield f"### testcache: {100 * _share(latest):.0f}% of {number(latest.total, 'test')} replayed"
    yield ""
    yield "| replayed | run | failed | not stored | saved | tests took |"
    yield "|---:|---:|---:|---:|---:|---:|"
    misses, unstored = sum(latest.reasons.values()), sum(latest.not_stored.values())
    yield (
        f"| {latest.cached:,} | {misses:,} | {latest.failed:,} | {unstored:,} "
        f"| {seconds(latest.saved_s)} | {seconds(latest.spent_s)} |"
    )
    yield ""
    yield f"{_cell(python_of(facts_of(store, environment)))}, mode {latest.mode}, recorder {latest.recorder}."
    if latest.asked:
        yield f"\nFrom the remote: {latest.came:,} of {number(latest.asked, 'entry')} asked for."
    if latest.wrong:
        yield f"\n**{number(latest.wrong, 'wrong hit')}** [{Reason.WRONG_HIT.slug}]"
    yield from _why("Why tests ran", latest.reasons)
    yield from _differed(latest)
    yield from _why("Why results were not stored", latest.not_stored)
    yield from _slowest(_ran(store, environment, since))
    yield from _restored(came)


def _why(title: str, counts: dict[str, int]) -> Iterator[str]:
    if not counts:
        return
    sentences = {reason.slug: reason.sentence for reason in Reason}
    yield f"\n**{title}**\n"
    yield "| tests | reason | |"
    yield "|---:|---|---|"
    for slug, count in Counter(counts).most_common():
        yield f"| {count:,} | {_cell(sentences.get(slug, ''))} | `{_cell(slug)}` |"


def _differed(run: Run) -> Iterator[str]:
    if run.differed:
        yield "\n**What was another one than recorded**\n"
        yield "| tests | input |"
        yield "|---:|---|"
        for name, count in run.differed.items():
            yield f"| {count:,} | `{_cell(name)}` |"


def _ran(store: Store, environment: EnvironmentKey, since: float) -> Iterator[_Ran]:
    """Tests of the latest run that passed or were not stored. Does not see: how long failed tests took."""
    paths = [path for key, path in known_files(store) if key == environment]
    for manifest in load_manifests(store, environment, paths)[0].values():
        for node, traces in manifest.tests.items():
            if traces and traces[0].recorded_at > since:
                yield _Ran(traces[0].duration_s, node, "")
    for node, why in uncached(store, environment).items():
        if why.at > since:
            yield _Ran(why.duration_s, node, why.slug)


def _slowest(ran: Iterable[_Ran]) -> Iterator[str]:
    slowest = sorted(ran, reverse=True)[:SLOWEST]
    if slowest:
        yield "\n**Slowest tests that ran**\n"
        yield "| took | test | not stored because |"
        yield "|---:|---|---|"
        for one in slowest:
            yield f"| {seconds(one.duration_s)} | `{_cell(one.node)}` | {_cell(one.why)} |"


def _restored(came: list[Arrival]) -> Iterator[str]:
    if came:
        yield "\n**Restored bundles**\n"
        yield "| bundle | tests | |"
        yield "|---|---:|---|"
        for one in came:
            state = f"refused: {one.why} [{one.slug}]" if one.slug else "taken in, "
            state += "" if one.slug else "signature verified" if one.signed else "signature not verified"
            yield f"| `{_cell(one.name)}` | {one.tests:,} | {_cell(state)} |"


def _cell(text: str) -> str:
    """A text that cannot end its cell, its code or its line, nor begin a tag."""
    plain = printable(text).replace("`", "'").replace("|", "\\|")
    return plain.replace("<", "&lt;") if "<" in plain else plain
