"""A cart: articles, their number, and what they cost."""

from collections import Counter
from decimal import Decimal

from shop.catalog import Article
from shop.money import share
from shop.tax import tax


def discount(count: int, price: int) -> int:
    """Give five per cent on ten or more of a kind."""
    if count >= 10:
        return share(count * price, Decimal("0.05"))
    return 0


class Cart:
    def __init__(self, articles: dict[str, Article]) -> None:
        self.articles = articles
        self.counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        if name not in self.articles:
            raise KeyError(f"no article {name}")
        self.counts[name] += count

    def net(self) -> int:
        total = 0
        for name, count in self.counts.items():
            price = self.articles[name].price
            total += count * price - discount(count, price)
        return total

    def gross(self) -> int:
        return self.net() + tax(self.net())

    def grams(self) -> int:
        return sum(self.articles[name].grams * count for name, count in self.counts.items())
