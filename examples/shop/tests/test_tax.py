from shop.cart import Cart
from shop.tax import tax


def test_tax_of_the_country():
    assert tax(10_000) in (1900, 2000, 810)


def test_gross_has_the_tax(articles, monkeypatch):
    monkeypatch.setenv("SHOP_COUNTRY", "AT")
    cart = Cart(articles)
    cart.add("cup")
    assert cart.gross() == 1440
