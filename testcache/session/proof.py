"""Hits put to the proof: which really run, what came of them, and which may not be replayed any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from testcache import report as text
from testcache.model import Decision, EnvironmentKey, Hit, Miss, NodeId, Result, Trace
from testcache.quantities import Audit
from testcache.reasons import Reason
from testcache.session import audit as audits
from testcache.session.names import path_of
from testcache.storage.quarantine import Quarantine
from testcache.storage.store import Store
from testcache.structs import Struct, replace
from testcache.trace import DigestOf, Refine

FORCED = {"refresh": Reason.REFRESH, "verify": Reason.VERIFY}
_CHECKED = {Reason.VERIFY: "--cached=verify", Reason.AUDIT: "--cached-audit"}


class Contradiction(Struct, frozen=True):
    """A test that ran although a trace of it held, or had lied before, and ended otherwise.

    Attributes:
        reason: why it ran.
        recorded: the trace; None if only the outcome before is known, a failure.
        was, now: outcomes in words: "passed", "failed", ...
    """

    result: Result
    reason: Reason
    recorded: Trace | None
    was: str
    now: str

    @property
    def is_wrong_hit(self) -> bool:
        """Whether it would have been replayed, had it not been checked."""
        return self.reason in _CHECKED

    def lines(self) -> Iterator[str]:
        """The message: its first line stands alone."""
        node, trace = self.result.node_id, self.recorded
        if self.is_wrong_hit:
            how, slug = _CHECKED[self.reason], Reason.WRONG_HIT.slug
            yield f"testcache: {node}: WRONG HIT: stored as {self.was}, {self.now} when run ({how}) [{slug}]"
        else:
            yield f"testcache: {node}: {Reason.UNSTABLE.sentence} [{Reason.UNSTABLE.slug}]"
        count = len(trace.reads) if trace is not None else 0
        same = f"its {text.number(count, 'recorded input')} {'is' if count == 1 else 'are'} unchanged"
        if trace is None:
            yield f"    it {self.was} before and {self.now} now, with the same inputs"
        else:
            yield f"    {same}, so it depends on something testcache does not see: clock, network, files read by C code"
            yield (
                f"    recorded {text.moment(trace.recorded_at)}: {self.was} in {text.seconds(trace.duration_s)}; "
                f"now: {self.now} in {text.seconds(self.result.duration_s)}; it runs every time from now on"
            )
        yield (
            "    declare it with @pytest.mark.testcache(inputs=[...]) or exclude it with "
            "@pytest.mark.testcache(never=True)"
        )


class Proof:
    """Part of a run's decisions.

    Attributes:
        held: of each test that runs although a trace of it holds, that trace.
    """

    def __init__(self, mode: str, audit: Audit) -> None:
        self._forced = FORCED.get(mode)
        self._audit = audit
        self._quarantine: Quarantine | None = None
        self.decisions: dict[NodeId, Decision] = {}
        self.held: dict[NodeId, Trace] = {}

    def begin(self, store: Store, environment: EnvironmentKey, digest_of: DigestOf, refine: Refine) -> None:
        """Load what lied before. Raises StoreError."""
        self._quarantine = Quarantine(store, environment, digest_of, refine)

    def settle(self, decisions: dict[NodeId, Decision]) -> dict[NodeId, Trace]:
        """Turn hits that must run into misses, in place; return the hits that are left."""
        assert self._quarantine is not None
        self.decisions = decisions
        for node, decision in decisions.items():
            if isinstance(decision, Miss):
                if self._forced is not None and decision.reason is not Reason.MARKED_NEVER:
                    decisions[node] = Miss(self._forced)
            elif self._forced is not None:
                self._run(node, decision, self._forced)
            elif self._quarantine.holds(node):
                self._run(node, decision, Reason.QUARANTINED)
        hits = {node: found.trace for node, found in decisions.items() if isinstance(found, Hit)}
        durations = {node: trace.duration_s for node, trace in hits.items()}
        for node in audits.draw(self._audit, durations, audits.source()):
            self._run(node, Hit(hits.pop(node)), Reason.AUDIT)
        running = {path_of(node) for node in decisions.keys() - hits.keys()}
        for path in filter(self._quarantine.is_joined, running):
            for node in [node for node in hits if path_of(node) == path]:
                self._run(node, Hit(hits.pop(node)), Reason.WITH_NEIGHBOURS)
            for node, decision in decisions.items():
                if isinstance(decision, Miss) and decision.waits_for and path_of(node) == path:
                    decisions[node] = replace(decision, waits_for=())  # with the others, not behind them
        return hits

    def _run(self, node: NodeId, hit: Hit, reason: Reason) -> None:
        self.held[node] = hit.trace
        self.decisions[node] = Miss(reason, (), hit.trace)

    # -- afterwards

    def contradictions(self, results: Mapping[NodeId, Result]) -> list[Contradiction]:
        """What ended otherwise than recorded, sorted by node id."""
        found = []
        for node, result in sorted(results.items()):
            decision, now = self.decisions.get(node), _outcome(result)
            if not isinstance(decision, Miss) or now is None or decision.reason is Reason.MARKED_NEVER:
                continue
            trace = self.held.get(node)
            if trace is not None and trace.outcome != now:
                found.append(Contradiction(result, decision.reason, trace, trace.outcome, now))
            elif decision.reason is Reason.NOT_PASSED and self._has_lied(node, result.trace):
                found.append(Contradiction(result, decision.reason, None, "failed", now))
        return found

    def _has_lied(self, node: NodeId, trace: Trace | None) -> bool:
        return trace is not None and self._quarantine is not None and self._quarantine.holds(node)

    def checked(self, results: Mapping[NodeId, Result]) -> int:
        """Hits that were compared with what really came of them."""
        ran = (self.decisions.get(node) for node in self.held.keys() & results.keys())
        return sum(1 for decision in ran if isinstance(decision, Miss) and decision.reason in _CHECKED)

    def untrue(self, results: Mapping[NodeId, Result]) -> list[Result]:
        """Results that show a stored trace to be of no use: it holds, and yet it did not end like that."""
        return [results[node] for node in self.held if node in results and results[node].trace is None]

    def may_index(self, node: NodeId, trace: Trace) -> bool:
        """Whether the index may replay a test without a look at what lied."""
        return not self._has_lied(node, trace)

    def join(self, path: str) -> None:
        """The tests of this file need one another."""
        if self._quarantine is not None:
            self._quarantine.join(path)

    def save(self, results: Mapping[NodeId, Result]) -> None:
        """Keep what lied. Raises StoreError."""
        if self._quarantine is None:
            return
        for contradiction in self.contradictions(results):
            if contradiction.recorded is not None:
                self._quarantine.add(contradiction.result.node_id, contradiction.recorded)
        self._quarantine.save()


def _outcome(result: Result) -> str | None:
    """How a test ended, None if that is not known to differ from what would be stored."""
    if result.trace is not None:
        return result.trace.outcome
    if not result.problems:
        return "failed"
    slug, evidence = result.problems[0]
    return evidence if slug == Reason.OUTCOME.slug else None
