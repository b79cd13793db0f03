from decimal import Decimal

import pytest

from shop.money import cents, share, shown


@pytest.mark.parametrize(("text", "amount"), [("4.20", 420), ("0.005", 1)])
def test_cents(text, amount):
    assert cents(text) == amount


def test_shown():
    assert shown(1205) == "12.05"


def test_share_rounds_half_up():
    assert share(50, Decimal("0.01")) == 1
