import pytest

from shop.cart import Cart


@pytest.fixture
def cart(articles):
    return Cart(articles)


def test_an_empty_cart_costs_nothing(cart):
    assert cart.net() == 0


def test_ten_of_a_kind_are_cheaper(cart):
    cart.add("tea", 10)
    assert cart.net() == 3990


def test_unknown_articles_are_refused(cart):
    with pytest.raises(KeyError, match="no article"):
        cart.add("sofa")
