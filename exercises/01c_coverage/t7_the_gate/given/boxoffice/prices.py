"""What an order costs, in cents."""

DISCOUNT_FROM = 10_000


def total(prices, coupon=0):
    """The sum, 15 % less from 100.00 on, less the coupon, and never below 0."""
    cents = sum(prices)
    if cents >= DISCOUNT_FROM:
        cents = cents * 85 // 100
    return max(0, cents - coupon)


def per_person(cents, people):
    """A fair share, rounded up, so that the sum is never short."""
    return -(-cents // people)
