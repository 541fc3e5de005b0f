"""What a ticket costs, in cents."""

PRICES = {"stalls": 9_000, "balcony": 4_500}


def price(place: str) -> int:
    return PRICES[place]


def test_price() -> int:
    """What the demo on our home page shows."""
    return price("balcony")
