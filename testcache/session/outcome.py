"""One test's reports, and whether together they are a clean first-attempt outcome."""

from __future__ import annotations

from typing import Final

import pytest

from testcache.structs import Struct, field

_PHASES: Final = ("setup", "call", "teardown")


class Attempt(Struct):
    """The reports of one test as they are made: set-up, sub-tests, call, teardown."""

    reports: list[pytest.TestReport] = field(default_factory=list)
    stopped: str = ""
    """The plugin that did not let it run, because of how others have ended; see `testcache.session.gates`."""

    def made(self, report: pytest.TestReport) -> None:
        """Take the report of a phase.

        Each sub-test makes a plain call report too, of which only the last, the test's own, is ever
        logged; so a call report replaces the one before it.
        """
        if report.when == "call":
            self.reports = [r for r in self.reports if r.when != "call" or type(r) is not pytest.TestReport]
        self.reports.append(report)

    def logged(self, report: pytest.TestReport) -> None:
        """Take a sub-test's report: it is logged without being made like the others."""
        if type(report) is not pytest.TestReport:
            self.reports.append(report)

    @property
    def summary(self) -> str:
        """The phases and outcomes, for the evidence of what is not stored."""
        phases = ", ".join(f"{report.when} {report.outcome}" for report in self.reports) or "no report"
        return f"{phases}, by {self.stopped}" if self.stopped else phases

    @property
    def duration_s(self) -> float:
        return sum(report.duration for report in self.reports)

    @property
    def failed(self) -> bool:
        return any(report.outcome not in ("passed", "skipped") for report in self.reports)

    def outcome(self) -> str | None:
        """ "passed", "skipped" or "xfailed" if that is all there is to say; None if not to be stored.

        Not stored: failures and errors, an unexpected pass, a second attempt (rerun plugins), a run
        that was cut short; a skip by a plugin because of how another test has ended.
        """
        if not self.stopped and _is_plain_pass(self.reports):
            return "passed"
        phases = [report.when for report in self.reports]
        if self.failed or self.stopped or phases.count("setup") != 1 or phases.count("teardown") != 1:
            return None
        if any(hasattr(report, "rerun") for report in self.reports):
            return None
        expected = [report for report in self.reports if hasattr(report, "wasxfail")]
        if any(report.outcome == "passed" for report in expected):
            return None
        if expected:
            return "xfailed"
        main = [report for report in self.reports if type(report) is pytest.TestReport]
        if "call" not in phases and not any(report.outcome == "skipped" for report in self.reports):
            return None
        return "skipped" if any(report.outcome == "skipped" for report in main) else "passed"


def _is_plain_pass(reports: list[pytest.TestReport]) -> bool:
    """Whether set-up, call and teardown have passed, as in most tests; nothing else has been said of them."""
    if len(reports) != len(_PHASES):
        return False
    for report, phase in zip(reports, _PHASES, strict=True):
        held = report.__dict__
        if type(report) is not pytest.TestReport or held["outcome"] != "passed" or held["when"] != phase:
            return False
        if "wasxfail" in held or "rerun" in held:
            return False
    return True
