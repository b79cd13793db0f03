"""How long the set-ups took that a file's or a class's tests share: what splitting them would repeat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from testcache.clock import clock

SHARED_SCOPES = frozenset({"module", "class"})
"""A session's set-up is repeated by each worker anyhow."""


class SetupTimes:
    """Seconds by the node id of a file or class; a set-up that runs twice counts once, as the longer one."""

    def __init__(self) -> None:
        self._longest: dict[tuple[str, str], float] = {}
        self._inner = 0.0

    @contextmanager
    def measure(self, node: str, fixture: str) -> Iterator[None]:
        """Time one set-up without those that it asks for; without a `node` it counts for nobody."""
        outer, self._inner = self._inner, 0.0
        start = clock.perf_counter()
        try:
            yield
        finally:
            whole = clock.perf_counter() - start
            own, self._inner = whole - self._inner, outer + whole
            if node and own > self._longest.get((node, fixture), 0.0):
                self._longest[node, fixture] = own

    def seconds(self) -> dict[str, float]:
        """What each file or class sets up once, together."""
        total: dict[str, float] = {}
        for (node, _), seconds in self._longest.items():
            total[node] = total.get(node, 0.0) + seconds
        return total


def longest(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Join what two processes measured."""
    return {node: max(first.get(node, 0.0), second.get(node, 0.0)) for node in {*first, *second}}
