from shop.catalog import cheapest


def test_prices_are_cents(articles):
    assert articles["tea"].price == 420


def test_the_cheapest_article(articles):
    assert cheapest(articles).name == "filter"
