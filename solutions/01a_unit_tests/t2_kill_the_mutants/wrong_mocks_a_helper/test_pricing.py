"""total() in isolation: the discount is tested by itself."""

from unittest import mock

import pricing
import pytest


def test_total_uses_the_discount():
    with mock.patch("pricing._discounted", return_value=700) as discounted:
        assert pricing.total([500, 500], 100) == 600
    discounted.assert_called_once_with(1_000)


@pytest.mark.parametrize(
    ("cents", "expected"),
    [(0, 0), (9_999, 9_999), (10_000, 8_500), (20_000, 17_000), (10_005, 8_504), (10_010, 8_509)],
)
def test_discount(cents, expected):
    assert pricing._discounted(cents) == expected


def test_coupon():
    assert pricing.total([10_000, 10_000], 1_000) == 16_000
    assert pricing.total([10_000], 1) == 8_499
    assert pricing.total([500], 501) == 0
    with pytest.raises(ValueError):
        pricing.total([500], -1)
