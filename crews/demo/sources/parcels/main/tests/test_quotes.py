import time
from decimal import Decimal

from parcels.quotes import Quotes


def test_a_quote_is_kept_while_it_holds():
    asked = []
    quotes = Quotes(lambda parcel: asked.append(parcel) or Decimal(len(asked)), holds_s=60)
    assert quotes.get("a") == quotes.get("a") == 1
    assert asked == ["a"]


def test_a_quote_that_holds_no_more_is_asked_for_again():
    asked = []
    quotes = Quotes(lambda parcel: asked.append(parcel) or Decimal(len(asked)), holds_s=0.8)
    assert quotes.get("a") == 1
    time.sleep(0.9)
    assert quotes.get("a") == 2
