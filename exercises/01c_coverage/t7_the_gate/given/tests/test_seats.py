"""Tests of the seats."""

import pytest
from boxoffice.seats import SoldOut, free, together


def test_sold_seats_are_not_free():
    assert free(5, {1, 4}) == [2, 3, 5]


def test_neighbours_sit_together():
    assert together([1, 3, 4, 5], 3) == [3, 4, 5]


def test_too_many_people_are_told():
    with pytest.raises(SoldOut):
        together([1, 3], 2)
