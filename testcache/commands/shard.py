"""`testcache shard`: how the tests that must run would be split over several machines."""

from __future__ import annotations

from collections.abc import Iterator

from testcache.errors import SettingError
from testcache.model import Hit, Miss, NodeId
from testcache.outlook import Outlook
from testcache.parallel.costs import Costs
from testcache.parallel.shard import ShardPlan, plan
from testcache.project import Project
from testcache.report import number, seconds
from testcache.storage.timings import load_timings
from testcache.terminal import bold, columns, say

MOST_SHARDS = 9999


def run(project: Project, total: int, *, everything: bool) -> int:
    """Print the plan that `pytest --cached --shard I/TOTAL` follows here; always 0.

    Does not see tests that were never collected: a run that finds such has another plan, with another
    digest. Raises StoreError, and SettingError for a number that is none of shards.
    """
    if not 1 <= total <= MOST_SHARDS:
        raise SettingError(f"--plan={total}: expected a number from 1 to {MOST_SHARDS} [option-value]")
    store = project.store()
    outlook = None
    if store is not None:
        with store:
            outlook = Outlook.of(project, store)
            if outlook is not None:
                for line in _lines(outlook, total, everything=everything):
                    say(line)
                return 0
    say(f"testcache: {project.store_name}: nothing is recorded yet: no plan can be made before a run")
    return 0


def _lines(outlook: Outlook, total: int, *, everything: bool) -> Iterator[str]:
    nodes, costs = _misses(outlook)
    made = plan(nodes, costs, total)
    yield (f"testcache: plan {made.digest}: {number(len(nodes), 'test')} must run, about {seconds(sum(made.seconds))}")
    yield from columns(
        [
            (f"    {index}/{total}", number(len(tests), "test"), f"about {seconds(spent)}")
            for index, (tests, spent) in enumerate(zip(made.shards, made.seconds, strict=True), 1)
        ],
        right=frozenset({1}),
    )
    if everything:
        yield from _tests(made, costs)
    fresh = outlook.unknown_files() + [name for path in outlook.files() for name in outlook.added(path)]
    if fresh:
        yield f"testcache: never recorded, a run's plan will differ: {', '.join(sorted(fresh))}"


def _tests(made: ShardPlan, costs: Costs) -> Iterator[str]:
    for index, tests in enumerate(made.shards, 1):
        yield bold(f"{index}/{len(made.shards)}")
        rows = sorted((-costs.seconds(node), node) for node in tests)
        yield from columns(((f"    {seconds(-cost)}", node) for cost, node in rows), right=frozenset({0}))


def _misses(outlook: Outlook) -> tuple[list[NodeId], Costs]:
    """The known tests that would run, with what a run would take their costs to be."""
    paths = sorted({*outlook.files(), *outlook.other_files()})
    known = {NodeId(node): spent for node, spent in load_timings(outlook.store, paths).tests.items()}
    misses = []
    for path in paths:
        for node in outlook.expected(path) or outlook.known_elsewhere(path):
            decision = outlook.decide(node)
            if not isinstance(decision, Hit):
                misses.append(node)
            trace = decision.trace if isinstance(decision, Hit) else None
            if isinstance(decision, Miss):
                trace = decision.nearest
            if trace is not None:
                known[node] = max(trace.duration_s, known.get(node, 0.0))
    return misses, Costs(known)
