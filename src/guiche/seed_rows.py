"""The rows of the sample data, as text for COPY: the same ones each time."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, groupby, islice

from guiche import banners, pricing
from guiche import seed_data as data

_DAY = 86_400
_HISTORY = 330  #: days of orders before NOW
_STATUSES, _STATUS_ODDS = ("paid", "cancelled", "expired", "refused"), (88, 5, 4, 3)
_COUNTS_SEATS = frozenset({"paid"})  #: seed orders are old, and so none is pending: it would expire at once
_NULL = "\\N"

#: In an order that foreign keys allow.
COLUMNS = {
    "users": ("id", "email", "name", "password_hash", "role"),
    "events": ("id", "slug", "title", "description", "starts_at", "venue", "banner", "banner_type"),
    "tiers": ("id", "event_id", "name", "price_cents", "capacity", "sold"),
    "orders": ("id", "user_id", "status", "total_cents", "idempotency_key", "created_at"),
    "order_items": ("id", "order_id", "tier_id", "qty", "unit_cents"),
    "order_notes": ("id", "order_id", "body"),
    "payments": ("id", "order_id", "provider_ref", "status", "created_at"),
    "reviews": ("id", "event_id", "user_id", "body", "link", "created_at"),
}


@dataclass(frozen=True)
class Table:
    """Rows of one table; `text` is in COPY's text format."""

    name: str
    columns: tuple[str, ...]
    text: str


@dataclass(eq=False)
class _Event:
    id: int
    slug: str
    title: str
    about: str
    venue: str
    starts: int
    hot: float  #: how often somebody buys


@dataclass(eq=False)
class _Tier:
    id: int
    event: _Event
    name: str
    cents: int
    sold: int = 0


@dataclass
class _Plan:
    """An order before it has its items."""

    at: int
    user: int
    items: int
    notes: int


@dataclass
class _Orders:
    orders: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    payments: list[str] = field(default_factory=list)


def tables() -> Iterator[Table]:
    """Every table in an order that foreign keys allow."""
    rng = random.Random(data.RANDOM_SEED)  # noqa: S311 - the same rows each time is the point
    events = _events(rng)
    tiers = _tiers(rng, events)
    bought = _orders(rng, tiers)
    texts = {
        "users": _users(rng),
        "events": _event_rows(rng, events),
        "tiers": _tier_rows(tiers),
        "orders": bought.orders,
        "order_items": bought.items,
        "order_notes": bought.notes,
        "payments": bought.payments,
        "reviews": _reviews(rng, events),
    }
    for name, rows in texts.items():
        yield Table(name, COLUMNS[name], "".join(rows))


def slug_of(title: str) -> str:
    """ "O Último Trem" → "o-ultimo-trem"."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _events(rng: random.Random) -> list[_Event]:
    made = [
        _Event(n, slug, title, _about(data.KINDS[0][2], venue), venue, _evening(days, 20, 0), 0.02)
        for n, (slug, title, venue, days) in enumerate(data.KNOWN_EVENTS, 1)
    ]
    programme = [(f"{w} – {who}", text) for works, groups, text in data.KINDS for w in works for who in groups]
    rng.shuffle(programme)
    for title, text in programme[: data.EVENTS - len(made)]:
        venue = rng.choice(data.VENUES)
        starts = _evening(rng.randrange(-_HISTORY + 20, 240), rng.randrange(18, 23), rng.choice((0, 0, 30)))
        hot = 1 / (rng.randrange(1, 60) + 4)
        made.append(_Event(len(made) + 1, slug_of(title), title, _about(text, venue), venue, starts, hot))
    return made


def _about(text: str, venue: str) -> str:
    return f"{text} Em cartaz: {venue}. Portas abertas uma hora antes."


def _evening(days: int, hour: int, minute: int) -> int:
    return int((data.NOW + timedelta(days=days)).replace(hour=hour, minute=minute).timestamp())


def _tiers(rng: random.Random, events: list[_Event]) -> list[_Tier]:
    made: list[_Tier] = []
    for event in events:
        base = rng.randrange(20, 91) * 100
        for name, times in data.TIERS:
            made.append(_Tier(len(made) + 1, event, name, round(base * times / 100) * 100 - 10))
    return made


def _plans(rng: random.Random) -> list[_Plan]:
    """Who orders when, oldest first; more and more people come."""
    now = int(data.NOW.timestamp())
    plans = [
        _Plan(now - rng.randrange(3600, 50 * _DAY), ids[email], data.KNOWN_ITEMS, data.KNOWN_ITEMS)
        for ids in [{email: number for number, email, _name, _role in data.KNOWN_USERS}]
        for email, orders in data.KNOWN_ORDERS.items()
        for _n in range(orders)
    ]
    rest = data.ORDERS - len(plans)
    sizes = rng.choices((1, 2, 3, 4, 5, 6, 8), (14, 22, 22, 18, 12, 8, 4), k=rest)
    noted = rng.choices((0, 1, 2), (95, 4, 1), k=rest)
    first = len(data.KNOWN_USERS) + 1
    for size, notes in zip(sizes, noted, strict=True):
        ago = int((1 - rng.random() ** 0.7) * _HISTORY * _DAY) + 60
        plans.append(_Plan(now - ago, first + int(rng.random() * (data.USERS - first + 1)), size, notes))
    plans.sort(key=lambda plan: (plan.at, plan.user))
    return plans


def _orders(rng: random.Random, tiers: list[_Tier]) -> _Orders:
    made = _Orders()
    statuses = iter(rng.choices(_STATUSES, _STATUS_ODDS, k=data.ORDERS))
    seats = cycle(rng.choices((1, 2, 3, 4), (30, 50, 12, 8), k=99_991))
    item = note = 0
    for number, (plan, chosen) in enumerate(_baskets(rng, tiers), 1):
        status, bits, at = next(statuses), f"{rng.getrandbits(128):032x}", _stamp(plan.at)
        order = f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
        prices: list[int] = []
        for tier, qty in zip(chosen, seats, strict=False):
            item += 1
            prices += [tier.cents] * qty
            if status in _COUNTS_SEATS:
                tier.sold += qty
            made.items.append(f"{item}\t{order}\t{tier.id}\t{qty}\t{tier.cents}\n")
        made.orders.append(f"{order}\t{plan.user}\t{status}\t{pricing.total(prices)}\tseed-{number:06d}\t{at}\n")
        if status == "paid":
            paid = f"{len(made.payments) + 1}\t{order}\tch_{bits[:16]}\tsucceeded\t{_stamp(plan.at + 4)}\n"
            made.payments.append(paid)
        for text in rng.choices(data.NOTES, k=plan.notes) if plan.notes else ():
            note += 1
            made.notes.append(f"{note}\t{order}\t{text}\n")
    return made


def _baskets(rng: random.Random, tiers: list[_Tier]) -> Iterator[tuple[_Plan, Collection[_Tier]]]:
    """Each order with the tiers that it takes: of events that were still to come, and the popular ones more often."""
    for day, group in groupby(_plans(rng), key=lambda plan: plan.at // _DAY):
        plans = list(group)
        on_sale = [tier for tier in tiers if tier.event.starts > (day + 1) * _DAY]
        odds = [tier.event.hot for tier in on_sale]
        picked = iter(rng.choices(on_sale, odds, k=sum(plan.items for plan in plans)))
        for plan in plans:
            basket = islice(picked, plan.items)
            if plan.items == data.KNOWN_ITEMS:
                yield plan, rng.sample(on_sale, plan.items)
            else:
                yield plan, dict.fromkeys(basket)


def _users(rng: random.Random) -> Iterator[str]:
    for number, email, name, role in data.KNOWN_USERS:
        yield f"{number}\t{email}\t{name}\t{data.PASSWORD_HASH}\t{role}\n"
    for number in range(len(data.KNOWN_USERS) + 1, data.USERS + 1):
        first, last = rng.choice(data.FIRST_NAMES), rng.choice(data.LAST_NAMES)
        email = f"{slug_of(first)}.{slug_of(last)}.{number}@example.com"
        yield f"{number}\t{email}\t{first} {last}\t{data.PASSWORD_HASH}\tcustomer\n"


def _event_rows(rng: random.Random, events: list[_Event]) -> Iterator[str]:
    painter = banners.Painter(rng)
    for event in events:
        starts = _stamp(event.starts)
        picture = f"\\\\x{painter.paint().hex()}\t{banners.TYPE}"
        yield f"{event.id}\t{event.slug}\t{event.title}\t{event.about}\t{starts}\t{event.venue}\t{picture}\n"


def _tier_rows(tiers: list[_Tier]) -> Iterator[str]:
    last_seat = next(tier for tier in tiers if tier.event.slug == data.LAST_SEAT)
    for tier in tiers:
        room = -(-(tier.sold + 40 + tier.sold // 5) // 10) * 10
        if tier.event.slug == data.ON_SALE:
            room += 2_000
        elif tier.event.slug in (data.SOLD_OUT, data.LAST_SEAT):
            room = tier.sold + (1 if tier is last_seat else 0)
        yield f"{tier.id}\t{tier.event.id}\t{tier.name}\t{tier.cents}\t{room}\t{tier.sold}\n"


def _reviews(rng: random.Random, events: list[_Event]) -> Iterator[str]:
    now, first = int(data.NOW.timestamp()), len(data.KNOWN_USERS) + 1
    past = [event for event in events if event.starts < now - _DAY]
    moments = []
    for event in rng.choices(past, [event.hot for event in past], k=data.REVIEWS):
        ended = event.starts + 7_200
        moments.append((ended + int(rng.random() * (now - ended)), event))
    moments.sort(key=lambda moment: (moment[0], moment[1].id))
    for number, (at, event) in enumerate(moments, 1):
        body = f"{rng.choice(data.REVIEW_STARTS)} {rng.choice(data.REVIEW_ENDS)}"
        link = f"https://blog.example/{event.slug}/{number}" if rng.random() < 0.06 else _NULL
        user = first + int(rng.random() * (data.USERS - first + 1))
        yield f"{number}\t{event.id}\t{user}\t{body}\t{link}\t{_stamp(at)}\n"


def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ")
