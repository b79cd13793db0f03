"""Value added tax of the country in SHOP_COUNTRY."""

import json
import os
from decimal import Decimal
from pathlib import Path

from shop.money import share

FILE = Path(__file__).parents[1] / "data" / "tax.json"


def country() -> str:
    return os.environ.get("SHOP_COUNTRY", "DE")


def rate() -> Decimal:
    return Decimal(json.loads(FILE.read_text(encoding="utf-8"))[country()])


def tax(net: int) -> int:
    return share(net, rate())
