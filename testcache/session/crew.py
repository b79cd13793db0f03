"""Which workers run the misses: none, as many as asked for, or as many as are worth their start."""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest

import pytest

from testcache.report import number
from testcache.session.distribution import Distribution
from testcache.session.remote import Remote
from testcache.session.workforce import Work, Workforce
from testcache.storage.store import Store


class Crew:
    """Chooses from the addresses that the command line gives to xdist."""

    def __init__(self, config: pytest.Config, distribution: Distribution, workforce: Workforce, remote: Remote) -> None:
        self._config = config
        self._distribution = distribution
        self._workforce = workforce
        self._remote = remote

    def choose(self, work: Work, store: Store | None, *, measured: bool, skipped: bool) -> list[str]:
        """An address for each worker that runs these tests; none if this process does.

        Args:
            measured: coverage is measured, and pytest-cov has prepared to do that in workers, not here.
            skipped: this process did not import every test file.

        Raises UsageError if a chosen machine is unfit.
        """
        specs = self._distribution.specs()
        if not self._distribution.splits or not work.nodes:
            return specs
        here = [spec for spec in specs if not self._remote.is_remote(spec)]
        why = f"{len(specs)} asked for, {len(work.nodes)} to run"
        # What ends its process must not end this one.
        least = int(measured or work.crashes)
        if self._distribution.auto:
            plan = self._workforce.choose(work, store, limit=self._distribution.limit, least=least, skipped=skipped)
            there = [spec for spec in specs if self._remote.is_remote(spec)]
            specs, why = ([*here[: plan.workers], *there] if plan.workers else []), plan.why
        elif self._distribution.counted and here == specs and not least and self._workforce.may_do_without(work):
            plan = self._workforce.respect(min(len(specs), len(work.nodes)), work, store, skipped=skipped)
            if not plan.workers:
                specs, why = [], plan.why
        specs = specs[: len(work.nodes)]
        self._remote.prepare(specs)
        if self._config.option.verbose > 0:
            reporter = self._config.pluginmanager.getplugin("terminalreporter")
            reporter.write_line(f"testcache: {number(len(specs), 'worker')}: {why}")
        return specs


def run_here(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Run tests in this process, as pytest's own loop does: those that workers collected under other ids."""
    for item, following in zip_longest(items, items[1:]):
        if session.shouldfail or session.shouldstop:
            return
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def replay_here(session: pytest.Session, items: list[pytest.Item], replay: Callable[[pytest.Item], None]) -> None:
    """The same for those that are replayed, without asking who else runs tests or stands around one that runs."""
    for item in items:
        if session.shouldfail or session.shouldstop:
            return
        replay(item)
