"""`testcache explain`: why a test would be replayed or run, or what a reason means."""

from __future__ import annotations

import difflib
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from testcache.advice import ADVICE, GROUPS
from testcache.environments import Difference
from testcache.errors import UnknownTest
from testcache.model import Hit, Miss, NodeId, Trace
from testcache.outlook import Outlook
from testcache.project import Project
from testcache.quantities import TestPattern
from testcache.reasons import Reason
from testcache.report import (
    NOUNS,
    headline,
    moment,
    number,
    place,
    python_of,
    seconds,
    short,
    values,
    waiting_lines,
    words_of,
)
from testcache.storage.history import Uncached, facts_of
from testcache.terminal import say

SHOWN = 3
"""Differences shown without --all: more would bury when it was recorded and what to type."""

_NEAR = 3
_RECORDED = "    recorded"


def named(text: str) -> Reason | None:
    """The reason with this slug, with or without its brackets."""
    slug = text.strip("[]")
    return next((reason for reason in Reason if reason.slug == slug), None)


def explain_reason(reason: Reason) -> int:
    """Say what a reason means and what can be done."""
    say(headline(reason.slug, reason.group.value, reason))
    for line in textwrap.wrap(f"{GROUPS[reason.group]} {ADVICE[reason]}", 100):
        say(f"    {line}")
    return 0


def run(project: Project, asked: str, *, everything: bool) -> int:
    """Explain every test that `asked` names: 0 if all would be replayed, 1 if one would run.

    Raises:
        UnknownTest: nobody has seen such a test here.
        StoreError: the store cannot be used.
    """
    store = project.store()
    if store is None:
        raise UnknownTest(f"{asked}: nothing is recorded in {project.store_name}; start with: pytest --cached")
    with store:
        outlook = Outlook.of(project, store)
        if outlook is None:
            raise UnknownTest(f"{asked}: no run is recorded in {project.store_name}; start with: pytest --cached")
        nodes = _tests(outlook, asked)
        stale = 0
        above: tuple[str, ...] = ()
        for node in nodes:
            found, runs = _explained(outlook, node, everything=everything)
            first, *lines = found
            stale += runs
            why = tuple(line.partition(";")[0] for line in lines if not line.startswith(_RECORDED))
            if runs and not everything and why and why == above:
                say(f"{first}; as above")
                continue
            for line in (first, *lines) if runs or everything or len(nodes) == 1 else (first,):
                say(line)
            above = why if runs else ()
        if len(nodes) > 1:
            say(f"testcache: {number(len(nodes), 'test')}: {len(nodes) - stale} cached, {stale} would run")
    return 1 if stale else 0


# -- which tests are meant


def _tests(outlook: Outlook, asked: str) -> list[NodeId]:
    """The known tests that a text names, as pytest would take it: from the current folder or the rootdir."""
    for text in _spellings(outlook.project, asked):
        pattern = TestPattern(text)
        paths = [path for path in _all_files(outlook) if pattern.covers(path) or text.startswith(f"{path}::")]
        if any(text == node for path in paths for node in _all_tests(outlook, path)):
            return [NodeId(text)]
        for tests in (outlook.expected, lambda path: _all_tests(outlook, path)):
            found = [node for path in paths for node in tests(path) if pattern.covers(node)]
            if found:
                return found
    near = _nearest(asked, [node for path in _all_files(outlook) for node in _all_tests(outlook, path)])
    hint = "".join(f"\n    did you mean {shlex.quote(node)}" for node in near)
    raise UnknownTest(f"{asked}: no such test is recorded [unknown-test]{hint}")


def _spellings(project: Project, asked: str) -> Iterator[str]:
    path, separator, rest = asked.partition("::")
    here = Path.cwd()
    if (here / path).exists() and (here / path).is_relative_to(project.rootdir):
        yield (here / path).resolve().relative_to(project.rootdir.resolve()).as_posix() + separator + rest
    yield asked


def _all_files(outlook: Outlook) -> list[str]:
    return sorted({*outlook.files(), *outlook.other_files()})


def _all_tests(outlook: Outlook, path: str) -> list[NodeId]:
    return sorted({*outlook.known(path), *outlook.known_elsewhere(path)})


def _nearest(asked: str, nodes: list[NodeId]) -> Sequence[str]:
    """The known tests or the reason that look most like what was typed."""
    name = asked.rpartition("::")[2].partition("[")[0]
    same = [node for node in nodes if name in node]
    if name and same:
        return sorted(same, key=lambda node: (len(node), node))[:_NEAR]
    slugs = difflib.get_close_matches(asked, [reason.slug for reason in Reason], n=1, cutoff=0.8)
    if slugs:
        return slugs
    names = {node.rpartition("::")[2].partition("[")[0]: node for node in nodes}
    return [names[near] for near in difflib.get_close_matches(name, names, n=_NEAR, cutoff=0.75)]


# -- what is said about one


def _explained(outlook: Outlook, node: NodeId, *, everything: bool) -> tuple[Iterable[str], bool]:
    decision = outlook.decide(node, everything=True)
    recorded_on = python_of(facts_of(outlook.store, outlook.environment))
    if isinstance(decision, Uncached):
        return _uncached_lines(node, decision), True
    if isinstance(decision, Hit):
        return _hit_lines(node, decision.trace, recorded_on, everything=everything), False
    if decision.reason is Reason.ENVIRONMENT_CHANGED:
        return _environment_lines(node, decision.nearest, outlook.drift, everything=everything), True
    if decision.reason is Reason.NEW and (other := outlook.elsewhere(node)) is not None:
        return _environment_lines(node, *other, everything=everything), True
    failed_at = outlook.manifest(node.partition("::")[0]).failed.get(node)
    return _miss_lines(node, decision, recorded_on, failed_at, everything=everything), True


def _hit_lines(node: NodeId, trace: Trace, recorded_on: str, *, everything: bool) -> Iterator[str]:
    yield headline(node, "hit", Reason.CACHED)
    reads = sorted(trace.reads)
    if everything:
        yield from (f"    {words_of(read.input)}: {short(read.digest)}" for read in reads)
    else:
        kinds = Counter(read.input.kind for read in reads)
        counts = ", ".join(number(kinds[kind], noun) for kind, noun in NOUNS.items() if kinds[kind])
        yield f"    {number(len(reads), 'input')}: {counts}"
    for label in trace.labels:
        yield f"    {label}"
    took = seconds(trace.duration_s)
    yield f"{_RECORDED} {moment(trace.recorded_at)} on {recorded_on}: {trace.outcome} in {took}"


def _miss_lines(
    node: NodeId, miss: Miss, recorded_on: str, failed_at: float | None, *, everything: bool
) -> Iterator[str]:
    yield headline(node, "miss", miss.reason)
    changes, nearest = miss.changes, miss.nearest
    if miss.reason is Reason.NOT_PASSED and failed_at is not None:
        yield f"    it failed {moment(failed_at)}" + (
            f"; it last passed {moment(nearest.recorded_at)}, since then:" if nearest and changes else ""
        )
    limit = len(changes) if everything else SHOWN
    for index, change in enumerate(changes[:limit]):
        rest = ""
        if nearest is not None and index == min(limit, len(changes)) - 1:
            rest = _rest(len(nearest.reads), len(changes), min(limit, len(changes)))
        yield f"    {place(change)}: {values(change)}{rest}"
    yield from waiting_lines(miss, limit=len(miss.waits_for) if everything else SHOWN)
    if nearest is not None:
        more = "" if len(changes) <= limit else f"; all of it: testcache explain --all {shlex.quote(node)}"
        yield f"{_RECORDED} {moment(nearest.recorded_at)} on {recorded_on}{more}"


def _rest(reads: int, changed: int, shown: int) -> str:
    """What there is beyond the differences that are shown."""
    parts = []
    if changed > shown:
        parts.append(f"{changed - shown} more changed")
    same = reads - changed
    if same == 1:
        parts.append("the other input is unchanged")
    elif same:
        parts.append(f"the other {same} inputs are unchanged")
    return "; " + ", ".join(parts) if parts else ""


def _environment_lines(
    node: NodeId, trace: Trace | None, differences: tuple[Difference, ...], *, everything: bool
) -> Iterator[str]:
    yield headline(node, "miss", Reason.ENVIRONMENT_CHANGED)
    for difference in differences if everything else differences[:SHOWN]:
        yield f"    {difference.name}: {difference.words}"
    more = len(differences) - SHOWN
    if more > 0 and not everything:
        yield f"    and {more} more: testcache explain --all {shlex.quote(node)}"
    if trace is not None:
        yield f"{_RECORDED} {moment(trace.recorded_at)}: {trace.outcome} in {seconds(trace.duration_s)}"


def _uncached_lines(node: NodeId, why: Uncached) -> Iterator[str]:
    reason = named(why.slug)
    if reason is None:  # written by another version
        yield f"testcache: {node}: uncacheable [{why.slug}]"
    else:
        yield headline(node, reason.group.value, reason)
    if why.evidence:
        yield f"    {why.evidence}"
    yield f"    it ran {moment(why.at)} in {seconds(why.duration_s)} and runs again each time"
    yield f"    what can be done: testcache explain {why.slug}"
