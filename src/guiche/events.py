"""Events: the page of one, and the search for many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, Session

from guiche.models import Event, Tier
from guiche.plain import storable

PAGE_SIZE = 24
LAST_PAGE = 1_000_000
MOST_CENTS = 2**31 - 1  #: of a price, in Postgres
SORTS = ("title", "starts_at", "price")


@dataclass(frozen=True)
class Search:
    """What somebody looks for: a word of title or venue, and a seat for a price between two, in cents."""

    q: str = ""
    min_cents: int | None = None
    max_cents: int | None = None
    sort: str = "starts_at"  #: one of SORTS
    descending: bool = False
    page: int = 1
    after: datetime | None = None

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise ValueError(f"events are sorted by one of {', '.join(SORTS)}")


@dataclass(frozen=True)
class Listed:
    """An event in a list; `from_cents` is its cheapest tier, None when it has none."""

    slug: str
    title: str
    venue: str
    starts_at: datetime
    from_cents: int | None
    left: int


@dataclass(frozen=True)
class Found:
    """One page of a search."""

    events: tuple[Listed, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE_SIZE))


def load_page(session: Session, slug: str) -> dict[str, Any] | None:
    """What the page of an event shows, as JSON has it: one statement, and `events` is read once."""
    if not storable(slug):
        return None
    tier = func.json_build_object(
        "id", Tier.id, "name", Tier.name, "price_cents", Tier.price_cents, "left", Tier.capacity - Tier.sold
    )
    tiers = select(func.json_agg(aggregate_order_by(tier, Tier.id))).where(Tier.event_id == Event.id)
    columns = Event.id, Event.slug, Event.title, Event.description, Event.venue, Event.starts_at
    row = session.execute(select(*columns, tiers.scalar_subquery().label("tiers")).where(Event.slug == slug)).first()
    if row is None:
        return None
    return {**row._mapping, "starts_at": row.starts_at.astimezone(UTC).isoformat(), "tiers": row.tiers or []}


def search(session: Session, wanted: Search) -> Found:
    """Events that match, a page of them."""
    page = max(1, min(wanted.page, LAST_PAGE))
    if not storable(wanted.q):
        return Found((), 0, page)
    tiers = (
        select(
            Tier.event_id,
            func.min(Tier.price_cents).label("from_cents"),
            func.sum(Tier.capacity - Tier.sold).label("left"),
        )
        .group_by(Tier.event_id)
        .subquery()
    )
    matching = _conditions(wanted)
    total = session.scalar(select(func.count()).select_from(Event).where(*matching)) or 0
    columns = {"title": _alphabetical(Event.title), "starts_at": Event.starts_at, "price": tiers.c.from_cents}
    column = columns[wanted.sort]
    rows = session.execute(
        select(Event.slug, Event.title, Event.venue, Event.starts_at)
        .add_columns(tiers.c.from_cents, func.coalesce(tiers.c.left, 0).label("left"))
        .outerjoin(tiers, tiers.c.event_id == Event.id)
        .where(*matching)
        .order_by((column.desc() if wanted.descending else column.asc()).nulls_last(), Event.id)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    )
    return Found(tuple(Listed(**row._mapping) for row in rows), total, page)


def _conditions(wanted: Search) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.q:
        # autoescape: %, _ and \ are characters like others for somebody who searches.
        title, venue = (column.icontains(wanted.q, autoescape=True) for column in (Event.title, Event.venue))
        found.append(title | venue)
    if wanted.min_cents is not None or wanted.max_cents is not None:
        lowest = 0 if wanted.min_cents is None else min(max(0, wanted.min_cents), MOST_CENTS)
        highest = MOST_CENTS if wanted.max_cents is None else min(max(-1, wanted.max_cents), MOST_CENTS)
        found.append(Event.tiers.any(Tier.price_cents.between(lowest, highest)))
    if wanted.after is not None:
        found.append(Event.starts_at >= wanted.after)
    return found


def _alphabetical(column: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[str]:
    """Á beside A, whatever the server's collation is."""
    return func.translate(func.lower(column), "áàâãäéèêëíìîïóòôõöúùûüçñ", "aaaaaeeeeiiiiooooouuuucn")
