"""What the shop sells, from data/catalog.json."""

import json
from dataclasses import dataclass
from pathlib import Path

from shop.money import cents

FILE = Path(__file__).parents[1] / "data" / "catalog.json"


@dataclass(frozen=True)
class Article:
    name: str
    price: int
    grams: int


def load(file: Path = FILE) -> dict[str, Article]:
    """Read all articles by name."""
    raw = json.loads(file.read_text(encoding="utf-8"))
    return {name: Article(name, cents(entry["price"]), entry["grams"]) for name, entry in raw.items()}


def cheapest(articles: dict[str, Article]) -> Article:
    return min(articles.values(), key=lambda article: article.price)
