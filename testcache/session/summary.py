"""What a run says of itself at its end: the closing lines, and the facts that are kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from testcache import report as text
from testcache.clock import clock
from testcache.environments import lines
from testcache.model import Miss
from testcache.reasons import Reason
from testcache.session import neighbours
from testcache.storage.history import Run

DIFFERED = 5
"""Inputs that are kept: a lock file, a setting or a widely used module is behind most of what runs."""

if TYPE_CHECKING:
    from testcache.session.runner import Runner


class Summary:
    """A plugin that reads what its run has come to; it changes nothing."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def facts(self) -> Run:
        results = self._run.results.values()
        team = self._run.config.pluginmanager.get_plugin("testcache-shared")
        asked, came = team.numbers if team is not None else (0, 0)
        return Run(
            at=clock.time(),
            environment=self._run.environment.hex(),
            mode=self._run.mode,
            recorder=self._run.recording.observer.recorder.name,
            total=self._run.total,
            cached=len(self._run.hits),
            saved_s=self.saved_s(),
            spent_s=sum(result.duration_s for result in results),
            reasons={reason.slug: count for reason, count in self._ran().items()},
            not_stored={reason.slug: count for reason, count in self._not_stored().items()},
            failed=sum(1 for result in results if result.trace is None and not result.problems),
            wrong=self.wrong(),
            audited=self._run.proof.checked(self._run.results),
            options={name: value.hex() for name, value in self._run.world.options.items()},
            search=self._run.notes.search(self._run.world.roots),
            collection=self._run.notes.collection(),
            effort=self._run.distribution.effort(),
            asked=asked,
            came=came,
            differed=dict(self._differed().most_common(DIFFERED)),
            cpu_s=self._run.distribution.cpu_s or self._run.workforce.cpu_s,
        )

    def saved_s(self) -> float:
        return sum(hit.duration_s for hit in self._run.hits.values())

    def _ran(self) -> Counter[Reason]:
        ran: Counter[Reason] = Counter()
        for node, result in self._run.results.items():
            if result.problems:
                continue  # counted as uncacheable
            decision = self._run.decisions.get(node)
            ran[decision.reason if isinstance(decision, Miss) else Reason.NEW] += 1
        return ran

    def _differed(self) -> Counter[str]:
        """The input of each test's nearest result that was looked at first and is another one now."""
        missed = (decision for node, decision in self._run.decisions.items() if node in self._run.results)
        return Counter(text.place(miss.changes[0]) for miss in missed if isinstance(miss, Miss) and miss.changes)

    def _common_problem(self) -> Generator[str, None, None]:
        """What keeps most tests from being stored, with an example: a plugin did it, or every test does it."""
        for reason, count in self._not_stored().most_common(1):
            if count > 1 and 2 * count > self._run.total:
                yield f"testcache: {text.number(count, 'test')}: not stored: {reason.sentence} [{reason.slug}]"
                problems = (result.problems[0] for result in self._run.results.values() if result.problems)
                yield f"    {next(evidence for slug, evidence in problems if slug == reason.slug)}"

    def _not_stored(self) -> Counter[Reason]:
        return Counter(Reason.of(result.problems[0][0]) for result in self._run.results.values() if result.problems)

    def wrong(self) -> int:
        """How many wrong hits a verification or an audit has found."""
        return sum(1 for found in self._run.proof.contradictions(self._run.results) if found.is_wrong_hit)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        yield  # the closing line stands below pytest's own short summary
        if self._run.config.option.collectonly:
            return
        for found in self._run.proof.contradictions(self._run.results):
            for number, line in enumerate(found.lines()):
                terminalreporter.write_line(line, red=number == 0)
        verbose = self._verbose_lines() if self._run.config.option.verbose > 0 else self._common_problem()
        for line in (*neighbours.lines(self._run.results.values()), *verbose):
            terminalreporter.write_line(line)
        if self._run.complaint:
            terminalreporter.write_line(self._run.complaint, yellow=True)
        for line in (*lines(self._run.drift), *self._parallel_lines()):
            terminalreporter.write_line(line)
        line = text.closing_line(self._run.total, len(self._run.hits), self._ran(), self._not_stored(), self.saved_s())
        terminalreporter.write_line(line)

    def _parallel_lines(self) -> Generator[str, None, None]:
        if self._run.config.option.verbose >= 0:
            yield from self._run.distribution.lines()
        yield from self._run.workforce.shard_lines()

    def _verbose_lines(self) -> Generator[str, None, None]:
        for node, result in sorted(self._run.results.items()):
            decision = self._run.decisions.get(node)
            if isinstance(decision, Miss):
                yield from text.decision_lines(node, decision)
            if result.problems:
                slug, evidence = result.problems[0]
                yield f"testcache: {node}: not stored: {Reason.of(slug).sentence} [{slug}]"
                yield f"    {evidence}"
