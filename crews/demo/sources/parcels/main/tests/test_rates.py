from decimal import Decimal

import pytest

from parcels.rates import price


def test_two_kilograms_are_included():
    assert price("2", "national") == Decimal("5.40")


def test_each_kilogram_begun_costs_extra():
    assert price("3.2", "national") == Decimal("7.30")


@pytest.mark.parametrize("weight", ["0", "-1", "30.1"])
def test_a_weight_that_no_parcel_has_is_refused(weight):
    with pytest.raises(ValueError, match="weighs up to"):
        price(weight, "local")


def test_an_unknown_zone_is_refused():
    with pytest.raises(ValueError, match="zone is one of"):
        price("1", "moon")
