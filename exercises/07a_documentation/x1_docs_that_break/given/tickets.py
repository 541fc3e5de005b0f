"""What tickets cost, in whole cents."""

from __future__ import annotations

CHILD = 12


def price(cents: int, age: int) -> int:
    """What one ticket costs: children under twelve pay half, rounded up."""
    return (cents + 1) // 2 if age < CHILD else cents


def share(cents: int, people: int) -> int:
    """What each of a group pays, rounded up so that no cent is missing."""
    return -(-cents // people)
