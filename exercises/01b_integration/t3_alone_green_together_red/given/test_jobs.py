"""What the worker does. It opens sessions of its own, and commits them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from world import buy, furnish

from guiche import jobs, outbox
from guiche.models import Order


def services(sessions):
    return SimpleNamespace(sessions=sessions, settings=SimpleNamespace(order_minutes=15))


def test_unpaid_orders_expire(sessions):
    with sessions() as session:
        order = buy(session, furnish(session, "elisa"), at=datetime.now(UTC) - timedelta(hours=1)).order
    assert jobs.expire_unpaid(services(sessions)) == 1
    with sessions() as session:
        assert session.get(Order, order.id).status == "expired"


def test_new_orders_do_not_expire(sessions):
    with sessions() as session:
        buy(session, furnish(session, "fabio"))
    assert jobs.expire_unpaid(services(sessions)) == 0


def test_work_that_was_asked_for_is_found_once(sessions):
    with sessions() as session:
        order = buy(session, furnish(session, "gloria")).order
    with sessions.begin() as session:
        outbox.write(session, "charge_order", {"order_id": str(order.id)})
    for expected in (["charge_order"], []):
        with sessions.begin() as session:
            found = outbox.take(session, 50)
            assert [message.topic for message in found] == expected
            for message in found:
                outbox.mark_sent(session, message)
