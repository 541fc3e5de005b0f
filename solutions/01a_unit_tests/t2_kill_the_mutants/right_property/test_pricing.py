"""Rules that hold for every order, and three orders worked out by hand."""

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pricing import total

SUMS = st.integers(0, 40_000)
orders = st.lists(st.integers(0, 5_000), max_size=12)
quick = settings(max_examples=60, deadline=None, database=None)


@quick
@given(SUMS, st.integers(0, 20_000))
@example(9_999, 0)
@example(10_000, 0)
@example(10_000, 1)
@example(10_005, 0)
@example(10_010, 0)
def test_nearest_cent_of_the_discounted_sum(cents, coupon):
    exact = Fraction(cents) * Fraction(85, 100) if cents >= 10_000 else Fraction(cents)
    paid = total([cents], coupon)
    if paid > 0:
        assert Fraction(-1, 2) < paid + coupon - exact <= Fraction(1, 2)
    else:
        assert paid == 0
        assert exact < coupon + Fraction(1, 2)


@quick
@given(orders)
@example([7, 7])
def test_only_the_sum_counts(prices):
    assert total(prices) == total([sum(prices)])


@pytest.mark.parametrize(
    ("prices", "expected"), [([], 0), ([10_000], 8_500), ([20_000], 17_000)]
)
def test_worked_out_by_hand(prices, expected):
    assert total(prices) == expected


@quick
@given(st.integers(max_value=-1))
def test_no_coupon_below_0(coupon):
    with pytest.raises(ValueError):
        total([100], coupon)
