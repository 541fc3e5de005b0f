"""What a customer gets back."""

FEE = 250


def refund(paid, days, insured):
    """Cents that a customer gets back.

    paid is 0 to 100_000 cents, days before the concert are 0 to 365, insured is True
    or False.

    Insured, you get back everything, on any day. Otherwise the share depends on the
    day: all of it 30 days before or earlier, half (rounded down) 7 to 29 days before,
    nothing after that. The fee of 250 is taken off what is left, and nobody gets back
    less than 0.
    """
    if insured:
        return paid
    if days >= 30:
        share = 100
    elif days >= 7:
        share = 50
    back = paid * share // 100
    if back > FEE:
        back -= FEE
    return back


calls = [
    (0, 0, True),
    (100_000, 30, False),
    (1, 29, False),
]

breaks = (250, 365, False)
