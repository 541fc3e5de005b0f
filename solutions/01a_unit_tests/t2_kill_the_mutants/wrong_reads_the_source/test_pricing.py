"""Nobody changes a price without being noticed."""

import hashlib
import inspect

import pricing

KNOWN = "cf754e864b35ebbe61c61c69f7bc48f71260370eee07a95e5df35f9a331984e7"


def test_nothing_has_changed():
    text = inspect.getsource(pricing)
    assert hashlib.sha256(text.encode()).hexdigest() == KNOWN


def test_total():
    assert pricing.total([10_000]) == 8_500
