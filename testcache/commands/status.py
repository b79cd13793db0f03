"""`testcache status`: what a run now would replay and what it would run, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from testcache.environments import Difference
from testcache.model import Hit, Input, Miss, NodeId
from testcache.outlook import Outlook
from testcache.project import Project
from testcache.reasons import Reason
from testcache.report import number, seconds, tally, words_of
from testcache.storage.history import Uncached
from testcache.structs import Struct, field
from testcache.terminal import bold, columns, say

CAUSES_SHOWN = 5


class _Counts(Struct):
    """What would become of some tests; those that wait run only if others leave something else than before."""

    cached: int = 0
    waiting: int = 0
    runs: Counter[Reason] = field(default_factory=Counter)
    cached_s: float = 0.0
    runs_s: float = 0.0
    unknown: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def running(self) -> int:
        return sum(self.runs.values())

    def add(self, other: _Counts) -> None:
        self.cached += other.cached
        self.waiting += other.waiting
        self.runs += other.runs
        self.cached_s += other.cached_s
        self.runs_s += other.runs_s
        self.unknown += other.unknown
        self.differences = self.differences or other.differences


def run(project: Project, *, everything: bool) -> int:
    """Print the outlook: 0 if a run would replay every known test, 1 if it would run something.

    Does not see tests of files that were never recorded, only that there are such files. Raises StoreError.
    """
    store = project.store()
    outlook = None
    if store is not None:
        with store:
            outlook = Outlook.of(project, store)
            if outlook is not None:
                return _print(outlook, everything=everything)
    say(f"testcache: {project.store_name}: nothing is recorded yet, everything would run: pytest --cached")
    return 1


def _print(outlook: Outlook, *, everything: bool) -> int:
    total, causes = _Counts(), Counter[Input]()
    rows = []
    for path in sorted({*outlook.files(), *outlook.other_files()}):
        counts = _of_file(outlook, path, causes)
        total.add(counts)
        if counts.running or counts.waiting or (everything and counts.cached):
            why = [_wait(counts.waiting)] if counts.waiting else []
            why += [f"{counts.running} would run ({tally(counts.runs)})"] if counts.running else []
            rows.append((path, f"{counts.cached} cached", ", ".join(why)))
    fresh = outlook.unknown_files()
    rows += [(path, "", "never recorded") for path in fresh]
    for line in columns(rows, right=frozenset({1})):
        say(line)
    for line in _causes(causes, total.differences):
        say(line)
    say(_summary(total, fresh))
    return 1 if total.running or total.waiting or fresh else 0


def _causes(causes: Counter[Input], differences: tuple[Difference, ...]) -> Iterator[str]:
    """The inputs that make most tests run, and what is different about the environment."""
    rows = [(words_of(cause), number(count, "test")) for cause, count in causes.most_common(CAUSES_SHOWN)]
    rows += [(difference.name, difference.words) for difference in differences[:CAUSES_SHOWN]]
    if rows:
        yield bold("what changed")
    for line in columns(rows):
        yield f"    {line}"
    more = len(causes) + len(differences) - len(rows)
    if more:
        yield f"    and {more} more"


def _summary(total: _Counts, fresh: list[str]) -> str:
    count = total.cached + total.waiting + total.running
    waiting = f", {_wait(total.waiting)}" if total.waiting else ""
    text = f"testcache: {number(count, 'test')}: {total.cached} cached{waiting}, {total.running} would run"
    if total.running:
        text += f" ({tally(total.runs)})"
    if fresh:
        text += f", {number(len(fresh), 'file')} never recorded"
    times = []
    if total.running > total.unknown:
        unknown = f" (without {total.unknown} whose time is not known)" if total.unknown else ""
        times.append(f"running takes about {seconds(total.runs_s)}{unknown}")
    if total.cached:
        times.append(f"replaying saves {seconds(total.cached_s)}")
    return "; ".join([text, ", ".join(times)]) if times else text


def _wait(count: int) -> str:
    return f"{count} {'waits' if count == 1 else 'wait'} for other tests"


def _of_file(outlook: Outlook, path: str, causes: Counter[Input]) -> _Counts:
    counts = _Counts(differences=outlook.drift)
    for node in outlook.expected(path):
        decision = outlook.decide(node, everything=True)
        if isinstance(decision, Hit):
            counts.cached += 1
            counts.cached_s += decision.trace.duration_s
        elif isinstance(decision, Uncached):
            counts.runs[_reason(decision.slug)] += 1
            counts.runs_s += decision.duration_s
        else:
            _count_miss(outlook, node, decision, counts)
            causes.update(change.input for change in decision.changes)
    added = len(outlook.added(path))
    if added:
        counts.runs[Reason.NEW] += added
        counts.unknown += added
    return counts


def _count_miss(outlook: Outlook, node: NodeId, miss: Miss, counts: _Counts) -> None:
    """Count a test that would run, or wait; one that is new here may be known under another environment."""
    reason, nearest = miss.reason, miss.nearest
    if miss.is_open:
        counts.waiting += 1
        return
    if reason is Reason.NEW and (other := outlook.elsewhere(node)) is not None:
        reason = Reason.ENVIRONMENT_CHANGED
        nearest, counts.differences = other
    counts.runs[reason] += 1
    if nearest is None:
        counts.unknown += 1
    else:
        counts.runs_s += nearest.duration_s


def _reason(slug: str) -> Reason:
    """The reason of a stored slug; one of another version counts as not observed."""
    return next((reason for reason in Reason if reason.slug == slug), Reason.NOT_OBSERVED)
