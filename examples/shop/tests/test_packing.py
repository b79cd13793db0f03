from shop.cart import Cart
from shop.packing import parcels


def test_a_whole_order(articles):
    order = [articles[name].grams for name in ("kettle", "cup", "cup", "coffee", "coffee", "tea", "tea")]
    assert parcels(order + [60, 60, 60, 60, 60], limit=2000) == 2


def test_the_weight_of_a_cart(articles):
    cart = Cart(articles)
    cart.add("kettle")
    cart.add("cup", 2)
    assert cart.grams() == 1930
