"""What was sold."""

from world import buy, furnish

from guiche import jobs
from guiche.sales import sales


def test_a_paid_order_is_in_the_report(sessions):
    with sessions() as session:
        order = buy(session, furnish(session, "heloisa"), qty=2).order
    with sessions.begin() as session:
        assert jobs.settle(session, order.id, "charge-1")
    with sessions() as session:
        assert [(sold.slug, sold.orders, sold.seats) for sold in sales(session)] == [("heloisa", 1, 2)]


def test_an_unpaid_order_is_not(session):
    buy(session, furnish(session, "iara"))
    assert sales(session) == ()
