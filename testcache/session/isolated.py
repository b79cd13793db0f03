"""The isolated check: each test alone in a forked child, compared with what was recorded in company.

The children are forked from a process that has collected and run nothing, so each sets its fixtures up
for itself. Nothing is replayed and nothing is stored. Does not see: what modules do when they are
imported (all were, by the collection), and what lies outside the process, such as files that a test leaves.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Generator, Iterator
from typing import Any, NoReturn

import pytest

from testcache.model import Hit, NodeId
from testcache.reasons import Reason
from testcache.report import number
from testcache.session.names import node_id
from testcache.session.outcome import Attempt
from testcache.session.replay import as_shown
from testcache.session.runner import Runner
from testcache.session.unheard import Unheard

_GOOD = ("passed", "skipped", "xfailed")


class Isolated(Runner):
    """A run of `--cached-isolated`: decides like any other, to know what holds, then runs it all."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._recorded: dict[NodeId, str] = {}
        self._alone: dict[NodeId, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        if self.config.option.collectonly or (
            session.testsfailed and not self.config.option.continue_on_collection_errors
        ):
            return None
        self.hits.clear()
        self._recorded = dict(self._in_company())
        unheard = Unheard(self.config)
        for item in session.items:
            attempt = Attempt()
            reports = _alone(item, unheard)
            for report in reports:
                attempt.made(report)
            unheard.tell(item, reports)
            outcome = "failed" if attempt.failed else attempt.outcome() or attempt.summary
            self._alone[node_id(item)] = outcome
            if session.shouldfail or session.shouldstop:
                break
        return True

    def _in_company(self) -> Iterator[tuple[NodeId, str]]:
        """The outcomes that were recorded under the inputs of now; a failure has none, the last one counts."""
        for node, decision in self.decisions.items():
            if isinstance(decision, Hit):
                yield node, decision.trace.outcome
            elif decision.reason is Reason.NOT_PASSED:
                yield node, "failed"

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        yield from super().pytest_sessionfinish(session)
        if list(self._differences()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _differences(self) -> Iterator[tuple[NodeId, str, str]]:
        """Tests with both outcomes: recorded, alone."""
        for node, alone in self._alone.items():
            if self._recorded.get(node, alone) != alone:
                yield node, self._recorded[node], alone

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        yield  # the closing line stands below pytest's own short summary
        if self.config.option.collectonly:
            return
        different = list(self._differences())
        for node, recorded, alone in different:
            what, slug = "ends otherwise alone", Reason.UNSTABLE.slug
            if alone == "failed":
                what, slug = "passes only in company", Reason.NEEDS_NEIGHBOURS.slug
            elif recorded == "failed" and alone in _GOOD:
                what = "passes only alone"
            terminalreporter.write_line(
                f"testcache: {node}: {what}: recorded as {recorded}, {alone} when run alone [{slug}]", red=True
            )
        if self.complaint:
            terminalreporter.write_line(self.complaint, yellow=True)
        compared = len(self._alone.keys() & self._recorded.keys())
        terminalreporter.write_line(
            f"testcache: {number(len(self._alone), 'test')} run alone: {compared - len(different)} ended as recorded, "
            f"{len(different)} otherwise, {len(self._alone) - compared} without a recorded result that holds"
        )


def _alone(item: pytest.Item, unheard: Unheard) -> list[pytest.TestReport]:
    """Run one test in a forked child; its reports, or one failure if the child died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_and_exit(item, unheard, writing)
    os.close(writing)
    with open(reading, "rb") as stream:
        sent = stream.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        what = f"signal {-code}" if code < 0 else f"exit code {code}"
        text = f"the child that ran this test alone ended with {what}"
        return [pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")]
    restore = item.config.hook.pytest_report_from_serializable
    return [as_shown(restore(config=item.config, data=data), data) for data in json.loads(sent)]


def _run_and_exit(item: pytest.Item, unheard: Unheard, writing: int) -> NoReturn:
    """In the child: nothing of it may get back into the parent's session, whatever happens."""
    code = 1
    try:
        reports = unheard.run(item, None)
        convert = item.config.hook.pytest_report_to_serializable
        data = [convert(config=item.config, report=report) for report in reports]
        with open(writing, "wb") as stream:
            stream.write(json.dumps(data, default=str).encode())
        code = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)
