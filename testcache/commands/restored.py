"""What came with bundles and whether it is of use here: lines for `testcache doctor`."""

from __future__ import annotations

from collections.abc import Iterator

from testcache.environments import Difference, differences
from testcache.exchange.arrivals import Arrival, arrivals
from testcache.exchange.outgoing import MODE as IMPORTED
from testcache.exchange.printable import printable
from testcache.inputs.roots import Roots
from testcache.outlook import drift
from testcache.project import Project
from testcache.report import moment, number
from testcache.storage.history import Run, facts_of, runs
from testcache.storage.store import Store

SHOWN = 3
DIFFERENCES_SHOWN = 4
_CAUSES = ("python", "platform", "pytest", "plugin ")
"""What a reader should see first: flags and the like mostly follow from these."""

REMEDY_INPUTS = "install and check out the same here; testcache explain TEST says more before a run"

_REMEDIES = {
    "bundle-unsigned": "export it where TESTCACHE_KEY is set",
    "bundle-unverified": "set TESTCACHE_KEY, or import with --unverified",
    "bundle-forged": "set the key that it was signed with, or add that to TESTCACHE_KEYS_OLD",
    "bundle-replayed": "give both sides the same setting `project`, and look at the clocks",
    "bundle-newer": "update testcache",
    "bundle-oversized": "raise the setting max-size, or export less",
    "bundle-elsewhere": "keep the bundles of each Python and platform apart: testcache ci key",
}


def findings(project: Project, store: Store) -> Iterator[tuple[str, str]]:
    """Yield (what is found, what to do or "") for the latest bundles, at most `SHOWN`, and their use."""
    came = arrivals(store)
    latest = {one.name: one for one in came}
    for one in sorted(latest.values(), key=lambda arrival: arrival.at)[-SHOWN:]:
        yield _of_one(one)
    taken = [one for one in came if not one.slug]
    if taken:
        yield from _of_use(project, store, taken[-1])


def _of_one(one: Arrival) -> tuple[str, str]:
    if one.slug:
        remedy = _REMEDIES.get(one.slug, "make it anew: testcache export")
        return f"{one.name}: refused {moment(one.at)}: {one.why} [{one.slug}]", remedy
    signed = "signature verified" if one.signed else "signature not verified"
    where = ", ".join(one.machines)
    return f"{one.name}: {number(one.tests, 'test')} taken in {moment(one.at)}, {signed}, {where}", ""


def _of_use(project: Project, store: Store, last: Arrival) -> Iterator[tuple[str, str]]:
    """Why nothing of it is replayed, if that is so: the nearest environment that came, and what differs."""
    kept = runs(store)
    own = next((run for run in reversed(kept) if run.mode != IMPORTED and run.at > last.at), None)
    if own is not None and (own.cached or not own.total):
        return
    ranked = sorted(
        ((_differing(project, store, run, own), run.at) for run in kept if run.mode == IMPORTED),
        key=lambda pair: (len(pair[0]), -pair[1]),
    )
    if not ranked:
        return
    nearest = ranked[0][0]
    if nearest:
        yield (
            f"nothing of it can be replayed here: {important(nearest)}",
            "record where all of this is as it is here",
        )
    elif own is not None:
        yield (
            f"nothing of it was replayed, though Python, platform and plugins are the same: {differing(own)}",
            REMEDY_INPUTS,
        )


def differing(run: Run) -> str:
    """What made the tests of a run run, in most of them."""
    if not run.differed:
        return "inputs were not compared, as nothing was recorded for these tests"
    return "other " + ", ".join(f"{printable(name)} ({number(count, 'test')})" for name, count in run.differed.items())


def important(found: tuple[Difference, ...]) -> str:
    """The differences that others follow from, and how many more there are."""
    ranked = sorted(found, key=lambda one: (not one.name.startswith(_CAUSES), one.name))
    words = ", ".join(f"{one.name}: {one.words}" for one in ranked[:DIFFERENCES_SHOWN])
    return words + (f" and {len(ranked) - DIFFERENCES_SHOWN} more" if len(ranked) > DIFFERENCES_SHOWN else "")


def _differing(project: Project, store: Store, came: Run, own: Run | None) -> tuple[Difference, ...]:
    recorded = facts_of(store, bytes.fromhex(came.environment))
    if own is None:
        return drift(recorded, Roots(str(project.rootdir)))
    return differences(recorded, facts_of(store, bytes.fromhex(own.environment)))
