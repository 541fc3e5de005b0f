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


from itertools import combinations, product


def promised(paid, days, insured):
    share = 100 if days >= 30 else 50 if days >= 7 else 0
    return paid if insured else max(0, paid * share // 100 - FEE)


def keeps(case):
    try:
        return refund(*case) == promised(*case)
    except Exception:
        return False


edges = list(
    product((0, 249, 250, 251, 100_000), (0, 6, 7, 29, 30, 365), (True, False))
)
ways = {
    case: (case[2], case[1] >= 30, case[1] >= 7, case[0] > 2 * FEE)
    for case in edges
    if keeps(case)
}
calls = next(
    three
    for three in combinations(ways, 3)
    if any(ways[case][0] for case in three)
    and any(not ways[case][0] and ways[case][1] for case in three)
    and any(not ways[case][0] and ways[case][2] and not ways[case][1] for case in three)
    and any(not ways[case][0] and ways[case][3] for case in three)
)
breaks = next(case for case in edges if not keeps(case))
