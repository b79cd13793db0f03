"""Splitting the tests that must run over machines that cannot talk to each other; pure and deterministic.

Every shard makes the same plan from the same cache: longest first, each to the shard with the least so
far, ties by node id. Tests that need not run are replayed by shard 1, so that the reports of all shards
together hold each test once.

Does not see: that another shard decided from another state of the cache or of the code, as it does when
shards run one after the other on one store that each of them writes. Its plan would differ, and a test
could be in none. A plan's digest is printed for that; `--shard I/N@DIGEST` refuses to run under any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Self

from testcache import digest
from testcache.errors import SettingError
from testcache.model import NodeId
from testcache.parallel.costs import Costs
from testcache.structs import Struct

_WRITTEN = re.compile(r"([1-9]\d{0,3})/([1-9]\d{0,3})(?:@([0-9a-f]{8}))?")
EXPECTED = 'I/N such as "2/4", I/N@PLAN, or "auto" (from the variables of the CI system)'

CI_VARIABLES = (
    ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
)
"""Variables of a job's number and of how many there are, and with which number counting begins. CI_NODE_*
are GitLab's, from 1; Buildkite and CircleCI count from 0."""


class Shard(Struct, frozen=True):
    """One of `total` shards; `number` counts from 1. `plan` is the digest that it insists on, or ""."""

    number: int
    total: int
    plan: str = ""

    @classmethod
    def parse(cls, text: str, variables: Mapping[str, str]) -> Self:
        """Read `--shard`; "auto" outside of any CI system's parallel jobs is 1/1. Raises SettingError."""
        if text == "auto":
            return cls._of_ci(variables)
        match = _WRITTEN.fullmatch(text)
        if match is None or int(match[1]) > int(match[2]):
            raise SettingError(f"--shard={text}: expected {EXPECTED} [option-value]")
        return cls(int(match[1]), int(match[2]), match[3] or "")

    @classmethod
    def _of_ci(cls, variables: Mapping[str, str]) -> Self:
        for index, total, first in CI_VARIABLES:
            asked = variables.get(index, ""), variables.get(total, "")
            if not all(asked):
                continue
            if not all(text.isdigit() for text in asked) or not 0 <= int(asked[0]) - first < int(asked[1]):
                raise SettingError(
                    f"--shard=auto: {index}={asked[0]}, {total}={asked[1]}: "
                    f"expected a number from {first}, and how many there are [option-value]"
                )
            return cls(int(asked[0]) - first + 1, int(asked[1]))
        return cls(1, 1)

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


class ShardPlan(Struct, frozen=True):
    """Who runs what.

    Attributes:
        shards: the tests of each shard, each sorted.
        seconds: predicted, of each shard.
        digest: eight characters that differ if any test would run elsewhere.
    """

    shards: tuple[frozenset[NodeId], ...]
    seconds: tuple[float, ...]
    digest: str


def plan(nodes: Iterable[NodeId], costs: Costs, total: int) -> ShardPlan:
    """Deal tests out to `total` shards by predicted seconds. Cost: a sort."""
    groups: dict[str, list[NodeId]] = {}
    for node in set(nodes):
        groups.setdefault(node if costs.is_known(node) else _function(node), []).append(node)
    shards: list[set[NodeId]] = [set() for _ in range(total)]
    names: list[list[tuple[str, int]]] = [[] for _ in range(total)]
    loads = [0.0] * total
    ranked = sorted((-sum(_rounded(costs.seconds(node)) for node in group), name) for name, group in groups.items())
    for cost, name in ranked:
        least = min(range(total), key=lambda number: (loads[number], number))
        shards[least].update(groups[name])
        names[least].append((name, len(groups[name])))
        loads[least] -= cost
    return ShardPlan(
        tuple(frozenset(shard) for shard in shards),
        tuple(loads),
        digest.of_fields("shards", *map(sorted, names)).hex()[:8],
    )


def _function(node: NodeId) -> str:
    """A node id without its parameters."""
    path, mark, name = node.partition("::")
    return path + mark + name.partition("[")[0]


def _rounded(seconds: float) -> float:
    """In whole milliseconds, at least one: tests of no measurable length are dealt out evenly, too."""
    return max(1, round(seconds * 1000)) / 1000
