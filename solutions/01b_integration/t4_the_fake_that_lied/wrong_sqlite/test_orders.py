import sqlite3

import pytest


@pytest.fixture
def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE orders (id integer primary key, key text unique, title text)")
    return connection


def test_same_key(database):
    for _again in range(2):
        database.execute("INSERT INTO orders (key, title) VALUES ('k', 'Nona') ON CONFLICT (key) DO NOTHING")
    assert database.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_find(database):
    database.execute("INSERT INTO orders (key, title) VALUES ('k', 'Nona')")
    assert database.execute("SELECT count(*) FROM orders WHERE title LIKE '%nona%'").fetchone() == (1,)
