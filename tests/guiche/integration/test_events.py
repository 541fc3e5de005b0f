"""The page of one event, and the search for many."""

from __future__ import annotations

import json
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from guiche.events import PAGE_SIZE, Search, load_page, search
from guiche.models import Event
from inprod.testing import wait_until
from tests.guiche.integration.conftest import statements
from tests.guiche.rows import STARTS, add_event


def test_page(engine: Engine, session: Session, sessions: sessionmaker[Session]) -> None:
    """What it shows, as JSON has it, by one statement."""
    event = add_event(session, cents=[9_000, 4_000], banner=b"<svg/>")
    event.tiers[1].sold = 3
    session.commit()
    with sessions() as fresh, statements(engine) as sent:
        page = load_page(fresh, "nona-sinfonia")
    assert page == {
        "id": event.id,
        "slug": "nona-sinfonia",
        "title": "Nona Sinfonia, de Beethoven",
        "description": "Em três atos.",
        "venue": "Sala Anísio Leão",
        "starts_at": "2026-12-12T23:00:00+00:00",
        "tiers": [
            {"id": event.tiers[0].id, "name": "Setor 1", "price_cents": 9_000, "left": 10},
            {"id": event.tiers[1].id, "name": "Setor 2", "price_cents": 4_000, "left": 7},
        ],
    }
    assert json.loads(json.dumps(page)) == page
    assert len(sent) == 1


def reads(url: str) -> int:
    """How often `events` was read, once every other session's numbers are in."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

        def alone() -> bool:
            row = connection.execute(others).fetchone()
            return row is not None and row[0] == 0

        assert wait_until(alone, timeout=10)
        row = connection.execute(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'events'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_page_reads_events_once(
    engine: Engine, session: Session, sessions: sessionmaker[Session], database_url: str
) -> None:
    """Postgres's own count, without and with fresh statistics, and for an event without tiers."""
    for n in range(40):
        add_event(session, f"e{n}", cents=[100, 200, 300] if n else [])
    session.commit()
    session.close()
    for slug in ("e0", "e7", "e7", "nowhere"):
        engine.dispose()
        before = reads(database_url)
        with sessions() as fresh:
            load_page(fresh, slug)
        engine.dispose()
        assert reads(database_url) - before == 1, slug
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("ANALYZE")


def test_no_page(session: Session) -> None:
    """An unknown slug, and text that no database can hold; an event without tiers has a page."""
    add_event(session, "sem-setores", cents=[])
    assert load_page(session, "nowhere") is load_page(session, "a\0b") is load_page(session, "\udc80") is None
    assert (load_page(session, "sem-setores") or {})["tiers"] == []


@pytest.fixture
def programme(session: Session) -> None:
    """Four events."""
    day = timedelta(days=1)
    add_event(session, "opera", title="Ópera do Malandro", venue="Cine São Luís", cents=[9_000, 5_000])
    add_event(session, "baile", title="baile_funk 100%", cents=[2_000], starts_at=STARTS - day)
    add_event(session, "zabumba", title="Zabumba", cents=[7_000, 6_000, 8_000], starts_at=STARTS + day)
    add_event(session, "aula", title="Aula aberta", cents=[], starts_at=STARTS - 2 * day)
    session.commit()


@pytest.mark.parametrize(
    ("wanted", "slugs"),
    [
        (Search(), ["aula", "baile", "opera", "zabumba"]),
        (Search(descending=True), ["zabumba", "opera", "baile", "aula"]),
        (Search(sort="title"), ["aula", "baile", "opera", "zabumba"]),
        (Search(sort="title", descending=True), ["zabumba", "opera", "baile", "aula"]),
        (Search(sort="price"), ["baile", "opera", "zabumba", "aula"]),
        (Search(sort="price", descending=True), ["zabumba", "opera", "baile", "aula"]),
        (Search(q="ÓPERA"), ["opera"]),
        (Search(q="são l"), ["opera"]),
        (Search(q="%"), ["baile"]),
        (Search(q="_"), ["baile"]),
        (Search(q="\\"), []),
        (Search(q="\0"), []),
        (Search(q="' OR 1=1 --"), []),
        (Search(min_cents=6_000), ["opera", "zabumba"]),
        (Search(max_cents=5_000), ["baile", "opera"]),
        (Search(min_cents=6_000, max_cents=8_999), ["zabumba"]),
        (Search(min_cents=9_000, max_cents=5_000), []),
        (Search(min_cents=10**30), []),
        (Search(min_cents=-(10**30), max_cents=10**30), ["baile", "opera", "zabumba"]),
        (Search(max_cents=-5), []),
        (Search(after=STARTS), ["opera", "zabumba"]),
        (Search(q="a", min_cents=1, after=STARTS, sort="title"), ["opera", "zabumba"]),
    ],
)
@pytest.mark.usefixtures("programme")
def test_search(session: Session, wanted: Search, slugs: list[str]) -> None:
    """Words, prices, order."""
    found = search(session, wanted)
    assert [event.slug for event in found.events] == slugs
    assert (found.total, found.pages) == (len(slugs), 1)


@pytest.mark.parametrize("sort", ["", "id", "title; DROP TABLE events", "Title"])
def test_unknown_order(sort: str) -> None:
    """What a visitor writes into the address never becomes SQL."""
    with pytest.raises(ValueError, match="starts_at"):
        Search(sort=sort)


@pytest.mark.usefixtures("programme")
def test_what_is_listed(session: Session) -> None:
    """The cheapest price of all tiers, also when the search is for a dearer one, and all free seats."""
    (opera,) = search(session, Search(q="malandro", min_cents=9_000)).events
    assert (opera.title, opera.venue, opera.starts_at) == ("Ópera do Malandro", "Cine São Luís", STARTS)
    assert (opera.from_cents, opera.left) == (5_000, 20)
    (aula,) = search(session, Search(q="aula")).events
    assert (aula.from_cents, aula.left) == (None, 0)


def test_pages(engine: Engine, session: Session) -> None:
    """Each event is on one page, whatever they have in common; two statements a page."""
    session.add_all(
        Event(slug=f"e{n}", title="Samba", description="", venue="", starts_at=STARTS) for n in range(2 * PAGE_SIZE + 1)
    )
    session.commit()
    seen: list[str] = []
    for page in (1, 2, 3):
        with statements(engine) as sent:
            found = search(session, Search(sort="title", page=page))
        assert len(sent) == 2
        assert (found.total, found.pages, found.page) == (2 * PAGE_SIZE + 1, 3, page)
        seen += [event.slug for event in found.events]
    assert sorted(seen) == sorted(f"e{n}" for n in range(2 * PAGE_SIZE + 1))
    assert search(session, Search(page=4)).events == search(session, Search(page=10**40)).events == ()
    assert search(session, Search(page=0)).page == 1
