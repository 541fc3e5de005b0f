"""The sample data: the same each time, and without contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from guiche import seed, seed_data
from guiche.passwords import check_password
from guiche.pricing import total
from inprod.services.base import Services
from tests.guiche.conftest import POSTGRES

TABLES: tuple[LiteralString, ...] = (
    "users", "events", "tiers", "orders", "order_items", "order_notes", "payments", "reviews", "outbox",
    "webhook_events",
)  # fmt: skip
ORDER_ROWS: LiteralString = """
    SELECT o.id, o.total_cents, array_agg(i.unit_cents), array_agg(i.qty)
    FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id
"""


def checksums(url: str) -> dict[str, Any]:
    """Number of rows and a checksum over all of them, by table."""
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(
                "SELECT count(*), md5(string_agg(row::text, '' ORDER BY row::text)) FROM " + table + " AS row"
            ).fetchone()
            for table in TABLES
        }


@pytest.fixture
def connection(seeded_url: str) -> Iterator[psycopg.Connection]:
    """A connection to the sample data."""
    with psycopg.connect(seeded_url) as opened:
        yield opened


def one(connection: psycopg.Connection, query: LiteralString, *values: Any) -> Any:
    """The single value that a query has."""
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def test_two_fills_are_the_same(servers: Services, empty_url: str) -> None:
    """Every byte of every table, once as the database's user and once through another role."""
    seed.fill(empty_url)
    with servers.lease(POSTGRES, "guiche") as lease:
        assert lease.postgres is not None
        assert "options=" in lease.postgres.judge_url
        seed.fill(lease.postgres.judge_url)
        assert checksums(empty_url) == checksums(lease.postgres.judge_url)


def test_there_is_as_much_as_promised(connection: psycopg.Connection) -> None:
    """Rows by table."""
    counts = {table: one(connection, "SELECT count(*) FROM " + table) for table in TABLES}
    assert (counts["events"], counts["users"], counts["orders"], counts["reviews"]) == (200, 5_000, 60_000, 20_000)
    assert 195_000 < counts["order_items"] < 205_000
    assert counts["order_notes"] > 2_000
    assert counts["outbox"] == counts["webhook_events"] == 0


def test_known_customers(connection: psycopg.Connection) -> None:
    """Ana and Bruno have as many orders as the course says, each with 20 items and 20 notes; Carla has none."""
    for email, wanted in {**seed_data.KNOWN_ORDERS, seed_data.CARLA: 0, seed_data.STAFF: 0}.items():
        rows = connection.execute(
            "SELECT (SELECT count(*) FROM order_items WHERE order_id = o.id),"
            " (SELECT count(*) FROM order_notes WHERE order_id = o.id)"
            " FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = %s",
            [email],
        ).fetchall()
        assert rows == [(seed_data.KNOWN_ITEMS, seed_data.KNOWN_ITEMS)] * wanted
    assert one(connection, "SELECT role FROM users WHERE email = %s", seed_data.STAFF) == "staff"


def test_everybody_has_the_same_password(connection: psycopg.Connection) -> None:
    """One hash for all, and it fits."""
    hashes = connection.execute("SELECT DISTINCT password_hash FROM users").fetchall()
    assert len(hashes) == 1
    assert check_password(hashes[0][0], seed_data.PASSWORD)
    assert not check_password(hashes[0][0], seed_data.PASSWORD + " ")


def test_seats_add_up(connection: psycopg.Connection) -> None:
    """What a tier has sold is what its orders hold."""
    wrong: LiteralString = """
        SELECT count(*) FROM tiers LEFT JOIN (
            SELECT tier_id, sum(qty) AS held FROM order_items JOIN orders ON orders.id = order_id
            WHERE status IN ('pending', 'paid') GROUP BY tier_id
        ) AS orders ON tier_id = tiers.id
        WHERE sold <> coalesce(held, 0)
    """
    assert one(connection, wrong) == 0
    assert one(connection, "SELECT sum(sold) FROM tiers") > 100_000


def test_totals_follow_the_prices(connection: psycopg.Connection) -> None:
    """What an order costs is what pricing says, for each of them."""
    rows = connection.execute(ORDER_ROWS).fetchall()
    assert len(rows) == seed_data.ORDERS
    for order, cents, units, seats in rows:
        prices = [unit for unit, qty in zip(units, seats, strict=True) for _seat in range(qty)]
        assert cents == total(prices), order
    assert one(connection, "SELECT count(*) FROM order_items JOIN tiers t ON t.id = tier_id"
                           " WHERE unit_cents <> price_cents") == 0  # fmt: skip


def test_time_runs_forward(connection: psycopg.Connection) -> None:
    """Orders lie before the fixed moment and before their events; events lie on both sides of it."""
    early: LiteralString = (
        "SELECT count(*) FROM orders o JOIN order_items i ON i.order_id = o.id JOIN tiers t ON t.id = tier_id"
        " JOIN events e ON e.id = event_id WHERE o.created_at >= e.starts_at OR o.created_at >= %s"
    )
    assert one(connection, early, seed_data.NOW) == 0
    assert one(connection, "SELECT count(*) FROM events WHERE starts_at > %s", seed_data.NOW) > 50
    assert one(connection, "SELECT count(*) FROM events WHERE starts_at < %s", seed_data.NOW) > 50
    assert one(connection, "SELECT count(*) FROM reviews JOIN events e ON e.id = event_id"
                           " WHERE created_at < starts_at OR created_at > %s", seed_data.NOW) == 0  # fmt: skip


def test_paid_orders_have_a_payment_and_no_others(connection: psycopg.Connection) -> None:
    """One each; and none is pending, since it would expire at once."""
    statuses: dict[str, int] = dict(
        connection.execute("SELECT status, count(*) FROM orders GROUP BY status").fetchall()
    )
    assert set(statuses) == {"paid", "cancelled", "expired", "refused"}
    paid = one(
        connection, "SELECT count(*) FROM payments JOIN orders ON orders.id = order_id WHERE orders.status = 'paid'"
    )
    assert paid == one(connection, "SELECT count(*) FROM payments") == statuses["paid"]


def test_known_events(connection: psycopg.Connection) -> None:
    """One on sale, one sold out, one with a single seat."""
    left: dict[str, list[int]] = dict(
        connection.execute(
            "SELECT slug, array_agg(capacity - sold ORDER BY tiers.id)"
            " FROM events JOIN tiers ON event_id = events.id GROUP BY slug"
        ).fetchall()
    )
    assert min(left[seed_data.ON_SALE]) > 1_000
    assert sum(left[seed_data.SOLD_OUT]) == 0
    assert sum(left[seed_data.LAST_SEAT]) == 1
    assert len(left) == seed_data.EVENTS


def test_banners_are_pictures(connection: psycopg.Connection) -> None:
    """SVG of 20 to 40 kB, each its own."""
    banners = connection.execute("SELECT banner FROM events WHERE banner_type = 'image/svg+xml'").fetchall()
    assert len({bytes(banner) for (banner,) in banners}) == seed_data.EVENTS
    assert all(20_000 <= len(banner) <= 40_000 and bytes(banner).startswith(b"<svg ") for (banner,) in banners)


def test_new_rows_get_free_ids(connection: psycopg.Connection) -> None:
    """Sequences go on after the sample data."""
    for table, insert in (
        ("users", "INSERT INTO users (email, name, password_hash) VALUES ('new@example.com', 'N', 'x') RETURNING id"),
        ("order_notes", "INSERT INTO order_notes (order_id, body) SELECT id, 'x' FROM orders LIMIT 1 RETURNING id"),
        ("reviews", "INSERT INTO reviews (event_id, user_id, body) VALUES (1, 1, 'x') RETURNING id"),
    ):
        last = one(connection, "SELECT max(id) FROM " + table)
        assert one(connection, insert) == last + 1
    connection.rollback()


def test_foreign_keys_are_back(connection: psycopg.Connection) -> None:
    """Left out while filling, they hold again."""
    assert one(connection, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated") == 8
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("INSERT INTO reviews (event_id, user_id, body) VALUES (100000, 1, 'x')")


def test_data_that_is_there_is_not_replaced(database_url: str) -> None:
    """A shop with one customer stays as it is."""
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO users (email, name, password_hash) VALUES ('a@example.com', 'A', 'x')")
    with pytest.raises(seed.NotEmpty):
        seed.fill(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT email FROM users").fetchall() == [("a@example.com",)]
