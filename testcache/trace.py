"""Checking recorded traces against the world; pure: no pytest, no store, no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from testcache.model import Change, Decision, Digest, Hit, Input, Manifest, Miss, NodeId, Read, Trace
from testcache.reasons import Reason

DigestOf = Callable[[Input], Digest]


NEW = Miss(Reason.NEW)
"""A test without any trace."""


class Verifier:
    """Verifies traces; a set of reads that several traces share is checked once.

    `digest_of` gives an input's fingerprint now, ABSENT if there is nothing; it is asked at most
    once an input and part. Source: the matching step of constructCT on terminal inputs (Mokhov,
    Mitchell and Peyton Jones, "Build Systems a la Carte", JFP 2020, section 5.3-5.4).
    """

    def __init__(self, digest_of: DigestOf) -> None:
        self._digest_of = digest_of
        self._checked: dict[int, tuple[frozenset[Read], Read | None]] = {}

    def verify(self, trace: Trace) -> Read | None:
        """The first read that is no longer true, or None: the trace holds."""
        for part in trace.parts:
            known = self._checked.get(id(part))
            if known is None:
                known = (part, self._first_change(part))
                self._checked[id(part)] = known  # keeps the part alive, so its id stays its own
            if known[1] is not None:
                return known[1]
        return None

    def _first_change(self, part: frozenset[Read]) -> Read | None:
        digest_of = self._digest_of
        for read in part:
            if digest_of(read.input) != read.digest:
                return read
        return None

    def changes(self, trace: Trace) -> Iterator[Change]:
        """All the differences between a trace and the world, sorted by input."""
        for read in sorted(trace.reads):
            now = self._digest_of(read.input)
            if now != read.digest:
                yield Change(read.input, read.digest, now)

    def decide_test(self, manifest: Manifest, node: NodeId, *, now_s: float, everything: bool = False) -> Decision:
        """`decide` for one test of a manifest: a miss of a test that failed the last time is for that reason."""
        decision = self.decide(manifest.traces.get(node, ()), now_s=now_s, everything=everything)
        if isinstance(decision, Miss) and node in manifest.failed:
            return Miss(Reason.NOT_PASSED, decision.changes, decision.nearest)
        return decision

    def decide(self, traces: Sequence[Trace], *, now_s: float, everything: bool = False) -> Decision:
        """Find a trace that holds, or say why none does.

        Args:
            traces: of one test, newest first.
            now_s: seconds since the epoch, for traces that declare a `max_age_s`.
            everything: on a miss, collect all changes of the nearest trace instead of one.

        Returns:
            Hit, or Miss with the reason of the nearest trace: the one with the fewest changes if
            `everything`, the newest otherwise.
        """
        expired: Trace | None = None
        for trace in traces:
            if self.verify(trace) is None:
                if trace.max_age_s and now_s - trace.recorded_at > trace.max_age_s:
                    expired = expired or trace
                    continue
                return Hit(trace)
        if expired is not None:
            return Miss(Reason.EXPIRED, (), expired)
        if not traces:
            return NEW
        if everything:
            ranked = sorted(
                ((tuple(self.changes(t)), -t.recorded_at, t) for t in traces), key=lambda r: (len(r[0]), r[1])
            )
            changes, _, nearest = ranked[0]
        else:
            nearest = traces[0]
            read = self.verify(nearest)
            assert read is not None
            changes = (Change(read.input, read.digest, self._digest_of(read.input)),)
        return Miss(changes[0].reason, changes, nearest)
