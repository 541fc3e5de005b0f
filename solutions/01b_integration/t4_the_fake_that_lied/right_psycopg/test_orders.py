from datetime import UTC, date, datetime

import psycopg
import pytest

from guiche.repo import OrderRepo


@pytest.fixture
def repo(session):
    return OrderRepo(session)


@pytest.fixture
def rows(pg, session):
    def read(sql, *args):
        session.commit()
        with psycopg.connect(pg) as connection:
            return connection.execute(sql, args).fetchall()

    return read


def test_one_row_for_one_key(repo, world, rows):
    for _again in range(3):
        repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=3, key="k")
    assert rows("SELECT count(*) FROM orders") == [(1,)]
    assert rows("SELECT sold FROM tiers WHERE id = %s", world.tier.id) == [(3,)]


@pytest.mark.parametrize(("hour", "day"), [(2, 9), (3, 10), (12, 10)])
def test_days_of_sao_paulo(repo, world, hour, day):
    at = datetime(2026, 6, 10, hour, 0, tzinfo=UTC)
    repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k", at=at)
    found = {
        n: len(repo.placed_on(world.customer.id, date(2026, 6, n))) for n in (9, 10, 11)
    }
    assert found == {9: 0, 10: 0, 11: 0} | {day: 1}


@pytest.mark.parametrize("text", ["nona", "NONA", "de beethoven"])
def test_find(repo, world, text):
    repo.place(user_id=world.customer.id, tier_id=world.tier.id, qty=1, key="k")
    assert len(repo.find(world.customer.id, text)) == 1
