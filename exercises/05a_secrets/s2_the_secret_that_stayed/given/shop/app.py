"""Tickets."""

from shop.settings import KEY


def ticket(seat: int, date: str) -> str:
    """A ticket, paid with the provider's key."""
    return f"seat {seat}, {date}, paid: {bool(KEY)}"
