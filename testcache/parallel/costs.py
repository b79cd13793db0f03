"""What a test will cost: its last duration, or the nearest thing that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from testcache.model import NodeId

UNKNOWN_S = 0.25
"""A test in a project of which nothing is known. Most tests take a hundredth of it, on purpose: workers that
were not needed cost about a second, a long run on one core costs minutes."""


def median(values: Iterable[float]) -> float:
    """The one in the middle, or the mean of both; not that of `statistics`, as a file of a project may be called."""
    ranked = sorted(values)
    return (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2


class Costs:
    """Predicted seconds of each test.

    `known` are seconds by node id, also of tests that will not run: they make the medians.
    """

    def __init__(self, known: Mapping[NodeId, float]) -> None:
        self._known = known
        self._medians: dict[str, float] | None = None
        self._overall = UNKNOWN_S

    def seconds(self, node: NodeId) -> float:
        """Seconds of one test: as recorded, else its file's median, else everybody's median."""
        found = self._known.get(node)
        if found is not None:
            return found
        if self._medians is None:
            self._medians = self._by_file()
        return self._medians.get(node.partition("::")[0], self._overall)

    @property
    def knows(self) -> bool:
        """Whether anything was measured."""
        return bool(self._known)

    def is_known(self, node: NodeId) -> bool:
        """Whether this very test was measured."""
        return node in self._known

    def _by_file(self) -> dict[str, float]:
        files: dict[str, list[float]] = {}
        for node, seconds in self._known.items():
            files.setdefault(node.partition("::")[0], []).append(seconds)
        if self._known:
            self._overall = median(self._known.values())
        return {path: median(values) for path, values in files.items()}
