"""Amounts of money, in cents."""

from decimal import ROUND_HALF_UP, Decimal


def cents(text: str) -> int:
    """Read an amount such as "4.20"."""
    return int((Decimal(text) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def shown(amount: int) -> str:
    """Write an amount with two decimals."""
    return f"{amount // 100}.{amount % 100:02d}"


def share(amount: int, rate: Decimal) -> int:
    """Take a share of an amount, rounded half up."""
    return int((amount * rate).quantize(Decimal(1), ROUND_HALF_UP))
