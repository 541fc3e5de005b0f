"""Each row is an order, and what the specification says of it."""

from __future__ import annotations

import pytest
from pricing import total


@pytest.mark.parametrize(
    ("prices", "coupon", "expected"),
    [
        ([], 0, 0),
        ([250, 250, 40], 0, 540),
        ([9_999], 0, 9_999),  # the last sum without a discount
        ([10_000], 0, 8_500),  # the first one with it
        ([20_000], 0, 17_000),  # the discount is on the whole sum
        ([10_005], 0, 8_504),  # 8 504.25
        ([10_010], 0, 8_509),  # 8 508.5, and the even cent is below
        ([20_000], 1_000, 16_000),  # the coupon comes after the discount
        ([10_000], 1, 8_499),  # and does not take it away
        ([500], 500, 0),
        ([500], 501, 0),
    ],
)
def test_total(prices: list[int], coupon: int, expected: int) -> None:
    assert total(prices, coupon) == expected


def test_a_coupon_is_never_below_0() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the specification names no message
        total([500], -1)
