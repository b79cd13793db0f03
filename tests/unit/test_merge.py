"""Merging: what two writers have is kept, whatever the order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from manifests import MANIFESTS

from testcache.model import TRACES_PER_TEST, Digest, Found, Input, Kind, Leftover, Manifest, NodeId, Read, Trace
from testcache.storage.merge import merge_manifests
from testcache.structs import replace


class TestMerge:
    """Two runs at once, an import, a pull: nothing is lost and the order does not matter."""

    @settings(deadline=None, max_examples=50)
    @given(MANIFESTS, MANIFESTS)
    def test_the_order_does_not_matter(self, one: Manifest, two: Manifest) -> None:
        """Merging is commutative, and merging what is in already changes nothing."""
        merged = merge_manifests(one, two)
        assert merge_manifests(two, one) == merged
        assert merge_manifests(merged, two) == merged
        assert merge_manifests(one, merged) == merged
        assert merge_manifests(merged, merged) == merged

    @settings(deadline=None, max_examples=50)
    @given(MANIFESTS, MANIFESTS, MANIFESTS)
    def test_the_grouping_does_not_matter(self, one: Manifest, two: Manifest, three: Manifest) -> None:
        """Three machines may merge in any order."""
        left = merge_manifests(merge_manifests(one, two), three)
        assert merge_manifests(one, merge_manifests(two, three)) == left

    def trace(self, at: float, what: bytes = b"1", outcome: str = "passed") -> Trace:
        reads = frozenset({Read(Input(Kind.FILE, "a"), Digest(what * 16))})
        return Trace((reads,), outcome, (), 0.1, at)

    def merged(self, old: list[Trace], new: list[Trace], limit: int = TRACES_PER_TEST) -> list[Trace]:
        node = NodeId("x")
        result = merge_manifests(Manifest({node: old}), Manifest({node: new}), limit=limit)
        return result.traces[node]

    def test_the_same_execution_is_kept_once(self) -> None:
        """Same reads and outcome are one trace, as recorded last; another outcome is another trace."""
        assert self.merged([self.trace(1.0)], [self.trace(2.0)]) == [self.trace(2.0)]
        skipped = self.trace(1.0, outcome="skipped")
        assert self.merged([skipped], [self.trace(2.0)]) == [self.trace(2.0), skipped]

    def test_what_was_left_or_found_makes_another_trace(self) -> None:
        """Same reads, but other traces in memory: both executions are kept."""
        plain = self.trace(1.0)
        left = replace(self.trace(2.0), left=frozenset({Leftover("m.py::P", Digest(b"1" * 16))}))
        found = replace(self.trace(3.0), found=frozenset({Found(NodeId("t"), "m.py::P", Digest(b"1" * 16))}))
        assert self.merged([plain, left], [found]) == [found, left, plain]

    def test_what_libraries_kept_makes_two_traces_at_most(self) -> None:
        """They show that it does not matter; more would push out those of other branches."""
        traces = [
            replace(
                self.trace(float(at)),
                left=frozenset({Leftover("m.py::P!", Digest(bytes([at]) * 16))}),
                found=frozenset({Found(NodeId("t"), "m.py::P!", Digest(bytes([max(at, 4)]) * 16))}),
            )
            for at in range(1, 6)
        ]
        other = self.trace(0.5, b"2")
        assert self.merged([other, *traces[:2]], traces[2:]) == [traces[4], traces[3], other]

    def test_two_states_of_each_interior_are_kept(self) -> None:
        """The newest traces that show them."""
        states = [{"P!": 1, "Q!": 1}, {"P!": 1, "Q!": 2}, {"P!": 2, "Q!": 2}, {"P!": 3, "Q!": 2}]
        traces = [
            replace(
                self.trace(float(at)),
                found=frozenset(Found(NodeId("t"), place, Digest(bytes([value]) * 16)) for place, value in one.items()),
            )
            for at, one in enumerate(states)
        ]
        assert self.merged(traces[:2], traces[2:]) == [traces[3], traces[2], traces[0]]

    def test_the_same_execution_is_known_since_the_first(self) -> None:
        """Recorded again, it holds as of the last time, and was there from the first."""
        old, new = (replace(self.trace(at), since=at - 0.5) for at in (1.0, 2.0))
        known = replace(new, since=0.5)
        assert self.merged([old], [new]) == self.merged([new], [old]) == self.merged([known], [old]) == [known]

    def test_reads_split_in_other_parts_are_the_same_reads(self) -> None:
        """How reads were grouped says nothing about what was executed."""
        first, second = (Read(Input(Kind.FILE, name), Digest(b"1" * 16)) for name in "ab")
        one = Trace((frozenset({first, second}),), "passed", (), 0.1, 1.0)
        two = Trace((frozenset({first}), frozenset({second})), "passed", (), 0.1, 2.0)
        assert self.merged([one], [two]) == [two]

    def test_only_the_newest_are_kept(self) -> None:
        """More traces than the limit drop the oldest."""
        traces = [self.trace(float(number), bytes([number])) for number in range(12)]
        assert self.merged(traces[:6], traces[6:]) == traces[:3:-1]
        assert self.merged(traces[:6], traces[6:], limit=2) == traces[:9:-1]

    @pytest.mark.parametrize(("failed_at", "stays"), [(0.5, False), (1.0, True), (1.5, True)])
    def test_a_failure_counts_until_a_later_success(self, failed_at: float, stays: bool) -> None:
        """The newer knowledge wins; at the same moment the failure does, since unknown means run."""
        node = NodeId("x")
        passed, failed = Manifest({node: [self.trace(1.0)]}), Manifest(failed={node: failed_at})
        assert (node in merge_manifests(passed, failed).failed) is stays
        assert (node in merge_manifests(failed, passed).failed) is stays
