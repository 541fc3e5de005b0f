"""Which seats are free, and which are side by side."""


class SoldOut(Exception):
    """There are fewer seats than were asked for."""


def free(capacity, sold):
    """The seats that are left, in order."""
    return [seat for seat in range(1, capacity + 1) if seat not in sold]


def together(seats, people):
    """The first run of neighbours for so many people."""
    for first in seats:
        run = list(range(first, first + people))
        if set(run) <= set(seats):
            return run
    raise SoldOut(people)
