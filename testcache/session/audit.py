"""Drawing the hits that really run: a random share of them, or as many as a number of seconds allows."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

import pytest

from testcache.model import NodeId
from testcache.quantities import Audit

SEED = "TESTCACHE_AUDIT_SEED"
"""An environment variable that makes the draw the same each time; for tests of the audit itself."""


def wanted(config: pytest.Config, default: Audit) -> Audit:
    """What `--cached-audit` asks for, or the setting. Raises pytest.UsageError."""
    raw = config.known_args_namespace.cached_audit
    if raw is None:
        return default
    try:
        return Audit.parse(raw)
    except ValueError:
        raise pytest.UsageError(f"--cached-audit={raw}: expected {Audit.written_as} [option-value]") from None


def source() -> random.Random:
    """Fresh randomness for each run, so that in time every hit is drawn."""
    return random.Random(os.environ.get(SEED))  # noqa: S311  # a sample, no secret


def draw(audit: Audit, hits: Mapping[NodeId, float], chance: random.Random) -> frozenset[NodeId]:
    """Choose among hits with their recorded seconds.

    Of a share, the part below one test is drawn by chance: 2% of 10 tests is one test in five runs.
    With seconds, a test that does not fit into what is left is passed over: one that alone takes longer
    than the budget is never drawn.
    """
    order = sorted(hits)
    chance.shuffle(order)
    if audit.share:
        return frozenset(order[: int(len(order) * audit.share + chance.random())])
    drawn: set[NodeId] = set()
    left_s = float(audit.seconds)
    for node in order:
        if hits[node] <= left_s:
            drawn.add(node)
            left_s -= hits[node]
    return frozenset(drawn if audit.seconds else ())
