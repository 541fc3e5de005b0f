import pytest
from pricing import price


@pytest.mark.parametrize(("place", "cents"), [("stalls", 9_000), ("balcony", 4_500), ("Stalls", 9_000)])
def test_known_place(place, cents):
    assert price(place.lower()) == cents


def testing_two_places(places):
    assert len(places) == 2


def check_cheapest():
    assert price("balcony") < price("stalls")


def test_unknown_place():
    with pytest.raises(KeyError):
        price("roof")


def test_unknown_place():  # noqa: F811
    with pytest.raises(KeyError):
        price("cellar")
