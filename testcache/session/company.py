"""The company of a test: others that would have left it something in memory, and have not where it runs alone.

A test that failed the last time, while those before it are replayed; and one that has to run because of what another
one leaves in the value of a wide fixture, which was torn down in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from typing import TYPE_CHECKING

from testcache.leaks import fillers_of
from testcache.model import SHELF, Found, Hit, Miss, NodeId, Result, Trace
from testcache.reasons import Reason
from testcache.session.names import path_of

if TYPE_CHECKING:
    from testcache.session.runner import Runner


class Company:
    """See `testcache.session.neighbours`.

    Args:
        hits: gives the traces of all tests that are replayed.
        load: imports the files of tests that can only be replayed otherwise.
    """

    def __init__(
        self,
        runner: Runner,
        hits: Callable[[], Mapping[NodeId, Trace]],
        load: Callable[[Collection[NodeId]], None],
    ) -> None:
        self._runner = runner
        self._hits = hits
        self._load = load

    def failed_before(self, node: NodeId) -> bool:
        """Whether it has failed the last time, as far as the store knows."""
        decision = self._runner.decisions.get(node)
        return isinstance(decision, Miss) and decision.reason is Reason.NOT_PASSED

    def is_wanted(self, node: NodeId) -> bool:
        """Whether to see if it passes in company, too."""
        return self.failed_before(node) or self._is_shared(node)

    def of(self, node: NodeId, before: Set[NodeId]) -> set[NodeId]:
        """Those of the tests before it that would have left it something; from now on they can run."""
        trace = self._runner.results[node].trace
        others = self.fillers(node) & before
        if trace is not None and self.failed_before(node):
            hits = {other: hit for other, hit in self._hits().items() if other in before}
            others |= fillers_of(trace, hits, self._runner.world.source)
        self._load(others)
        return others

    def _is_shared(self, node: NodeId) -> bool:
        """Whether it has to run because of what another test leaves in a wide fixture."""
        decision = self._runner.decisions.get(node)
        return isinstance(decision, Miss) and any(map(_is_of_a_fixture, decision.waits_for))

    def fillers(self, node: NodeId) -> set[NodeId]:
        """Those who would have left it something in a wide fixture, and these; it was torn down in between, perhaps."""
        found: set[NodeId] = set()
        queue = [node] if self._is_shared(node) else []
        while queue:
            decision = self._runner.decisions.get(queue.pop())
            trace = decision.trace if isinstance(decision, Hit) else decision.nearest if decision is not None else None
            rests_on = {*(trace.found if trace is not None else ())}
            rests_on.update(decision.waits_for if isinstance(decision, Miss) else ())
            fresh = {one.filler for one in rests_on if _is_of_a_fixture(one)} - found
            found |= fresh
            queue.extend(fresh)
        return found - {node}

    def found(self, node: NodeId) -> set[NodeId]:
        """Those in other files that are replayed, and had left it something."""
        decision = self._runner.decisions.get(node)
        fillers = self._replayed(decision.nearest if isinstance(decision, Miss) else None)
        return {one for one in fillers if path_of(one) != path_of(node)}

    def _replayed(self, trace: Trace | None) -> set[NodeId]:
        """The fillers of what a test has found that are replayed."""
        return {one.filler for one in trace.found} & self._runner.hits.keys() if trace is not None else set()

    def with_fillers(self, nodes: Set[NodeId], most: int) -> set[NodeId]:
        """These, and those that had left them something; from now on they can run. None if there are too many.

        Hundreds add to a registry: that a test fails because these were replayed is not likely.
        """
        found, queue = set(nodes), [*nodes]
        hits = self._hits() if nodes else {}
        while queue and len(found) <= most:
            fresh = self._replayed(hits.get(queue.pop())) - found
            found |= fresh
            queue += fresh
        if len(found) > most:
            return set()
        self._load(found)
        return found

    def result(self, node: NodeId) -> Result:
        """The result that it has now."""
        return self._runner.results[node]

    def keep(self, result: Result) -> None:
        """This is its result after all."""
        self._runner.take([result])


def _is_of_a_fixture(found: Found) -> bool:
    return "()" in found.place or SHELF in found.place
