"""What an order costs."""

from __future__ import annotations

import pytest

from guiche.pricing import total


@pytest.mark.parametrize(
    ("prices", "coupon", "cents"),
    [
        ([], 0, 0),
        ([4_000], 0, 4_000),
        ([5_000, 4_999], 0, 9_999),
        ([5_000, 5_000], 0, 8_500),
        ([10_010], 0, 8_509),  # 8508.5
        ([10_001], 0, 8_501),  # 8500.85
        ([10_003], 0, 8_503),  # 8502.55
        ([10_002], 0, 8_502),  # 8501.7
        ([10_009], 0, 8_508),  # 8507.65
        ([10_029], 0, 8_525),  # 8524.65
        ([10_000], 500, 8_000),
        ([10_499], 500, 8_424),  # the discount is of the sum, not of what the coupon leaves
        ([400], 500, 0),
        ([], 500, 0),
    ],
)
def test_total(prices: list[int], coupon: int, cents: int) -> None:
    """Sum, discount, rounding, coupon, in this order, and never below 0."""
    assert total(prices, coupon) == cents


def test_coupon_below_zero() -> None:
    """It would make an order dearer."""
    with pytest.raises(ValueError, match="below 0"):
        total([4_000], -1)
