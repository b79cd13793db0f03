"""The confidence bound on the share of wrong hits."""

from __future__ import annotations

import math

import pytest

from testcache.confidence import upper_bound


@pytest.mark.parametrize("audited", [1, 10, 100, 3000])
def test_no_wrong_hit_has_a_closed_solution(audited: int) -> None:
    """0 of n gives 1 - 0.05**(1/n), about 3/n."""
    assert upper_bound(0, audited) == pytest.approx(1 - 0.05 ** (1 / audited))


@pytest.mark.parametrize(
    ("wrong", "audited", "bound"), [(1, 10, 0.3942), (1, 100, 0.0466), (5, 100, 0.1023), (10, 50, 0.3162)]
)
def test_known_values(wrong: int, audited: int, bound: float) -> None:
    """The bounds agree with a published table of Clopper-Pearson limits."""
    assert upper_bound(wrong, audited) == pytest.approx(bound, abs=2e-3)


@pytest.mark.parametrize(("wrong", "audited"), [(1, 7), (3, 40), (50, 10_000)])
def test_the_bound_is_where_so_few_would_be_seen_once_in_twenty(wrong: int, audited: int) -> None:
    """At the bound the exact binomial tail is 5%."""
    p = upper_bound(wrong, audited)
    logs = [
        math.log(math.comb(audited, k)) + k * math.log(p) + (audited - k) * math.log1p(-p) for k in range(wrong + 1)
    ]
    assert sum(math.exp(log) for log in logs) == pytest.approx(0.05, rel=1e-6)


def test_the_ends() -> None:
    """Nothing audited says nothing; all wrong may be all wrong; more wrong than audited is a mistake."""
    assert upper_bound(0, 0) == 1.0
    assert upper_bound(4, 4) == 1.0
    with pytest.raises(ValueError, match="5 wrong of 4"):
        upper_bound(5, 4)
