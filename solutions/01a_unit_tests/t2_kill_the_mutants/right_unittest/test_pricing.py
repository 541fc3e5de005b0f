"""Tests for pricing.total() that need no package."""

import unittest

from pricing import total


class TestTotal(unittest.TestCase):
    def test_nothing_costs_nothing(self):
        self.assertEqual(total([]), 0)

    def test_equal_prices_count_twice(self):
        self.assertEqual(total([300, 300]), 600)

    def test_discount_starts_at_10_000(self):
        self.assertEqual(total([9_999]), 9_999)
        self.assertEqual(total([10_000]), 8_500)

    def test_discount_is_on_the_whole_sum(self):
        self.assertEqual(total([15_000, 15_000]), 25_500)

    def test_half_a_cent_goes_up(self):
        self.assertEqual(total([10_010]), 8_509)
        self.assertEqual(total([10_030]), 8_526)

    def test_less_than_half_a_cent_goes_down(self):
        self.assertEqual(total([10_005]), 8_504)

    def test_coupon_comes_last(self):
        self.assertEqual(total([30_000], 2_000), 23_500)

    def test_coupon_leaves_the_discount(self):
        self.assertEqual(total([10_000], 500), 8_000)

    def test_nobody_pays_less_than_0(self):
        self.assertEqual(total([100], 200), 0)

    def test_coupon_below_0(self):
        with self.assertRaises(ValueError):
            total([100], -1)
