"""How wrong hits can still be, after so many were looked at and so many were wrong; pure."""

from __future__ import annotations

import math

_HALVINGS = 60  # each halves the interval: 2**-60 is below what a float near 1 can tell apart


def upper_bound(wrong: int, audited: int, *, level: float = 0.95) -> float:
    """The one-sided upper confidence bound on the share of wrong hits, from 0.0 to 1.0.

    Args:
        wrong: hits that turned out to be wrong, at most `audited`.
        audited: hits that really ran; with none the bound is 1.0.
        level: how sure to be.

    Source: Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of
    the binomial", Biometrika 26, 1934. Cost: `wrong` + 1 terms for each of 60 halvings.
    """
    if not 0 <= wrong <= audited or not 0 < level < 1:
        raise ValueError(f"{wrong} wrong of {audited} at level {level}")
    if wrong == audited:
        return 1.0
    if wrong == 0:
        return -math.expm1(math.log1p(-level) / audited)  # the exact solution of (1 - p)**audited == 1 - level
    low, high = wrong / audited, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(wrong, audited, middle) > 1 - level:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, of: int, share: float) -> float:
    """The probability of at most so many, if each has this share. By logarithms: C(10000, 50) is no float."""
    if share >= 1.0:
        return 0.0
    return math.fsum(
        math.exp(
            math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
            + k * math.log(share) + (of - k) * math.log1p(-share)
        )
        for k in range(count + 1)
    )  # fmt: skip
