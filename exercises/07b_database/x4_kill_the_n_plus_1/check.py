"""X4: what does one page cost the database?"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from guiche import seed_data
from inprod.messages import _
from inprod.testing import Answer, NotYet, Once, saw, wait_until
from inprod.testing.postgres import Postgres
from inprod.testing.proxy import Proxy, ProxyMaker
from inprod.testing.redis_ import Redis

PAGE = "/me/orders"
STATEMENTS = 4
ROWS = 1.2  #: for each thing on the page
BYTES = 1_000  #: for each order, item and note
BLOCKS = 10  #: for each block of the five tables
ANSWERED = 8.0  #: seconds; a busy machine needs less than two
HALF = 0.5
CROWD = 1.0  #: seconds in which a second statement comes, where it does not wait for the first one
FRAME = re.compile(r'File "[^"]*guiche/history\.py", line (\d+), in [^\n]*\n([^\n]*)')

#: A customer, an event with a picture, and orders with 0 to 3 items and notes: nothing that an answer can know.
MAKE = """
WITH who AS (
    INSERT INTO users (email, name, password_hash, role)
    SELECT %(name)s || '@example.com', 'X', password_hash, role FROM users WHERE email = %(like)s RETURNING id
), event AS (
    INSERT INTO events (slug, title, description, starts_at, venue, banner, banner_type)
    VALUES (%(name)s, %(word)s, 'X', now(), 'X', %(banner)s, 'image/svg+xml') RETURNING id
), tier AS (
    INSERT INTO tiers (event_id, name, price_cents, capacity)
    SELECT id, %(word)s || n, 100, 100 FROM event, generate_series(1, 3) AS n RETURNING id
), plan AS (
    SELECT n, md5(random()::text)::uuid AS id, (SELECT array_agg(id) FROM tier) AS tiers
    FROM generate_series(1, %(orders)s) AS n
), made AS (
    INSERT INTO orders (id, user_id, status, total_cents, idempotency_key, created_at)
    SELECT plan.id, who.id, (ARRAY['pending', 'paid', 'refused', 'cancelled', 'expired'])[ceil(random() * 5)],
        random() * 1e6, plan.id, now() - n / 3 * interval '1 day 1.000001 s' - interval '1 h' FROM plan, who
), notes AS (
    INSERT INTO order_notes (order_id, body)
    SELECT id, %(word)s || random() FROM plan, generate_series(1, (n + n / 4) %% 4) ORDER BY random()
)
INSERT INTO order_items (order_id, tier_id, qty, unit_cents)
SELECT id, CASE WHEN random() < 0.5 THEN tiers[ceil(random() * 3)] ELSE ceil(random() * 500) END,
    ceil(random() * 9), random() * 1e5 FROM plan, generate_series(1, n %% 4) ORDER BY random()
"""
#: Rows that are written anew move to another place, and stand there in another order.
SHUFFLE = (
    "UPDATE order_items SET qty = qty WHERE id %% 2 = 0 AND order_id IN (SELECT id FROM orders WHERE user_id = %s)",
    "UPDATE order_notes SET body = body WHERE id %% 2 = 0 AND order_id IN (SELECT id FROM orders WHERE user_id = %s)",
)
#: What is committed between two visits, one after the other.
CHANGES = (
    """
    WITH made AS (
        INSERT INTO orders (id, user_id, status, total_cents, idempotency_key)
        VALUES (%(new)s::uuid, %(id)s, 'pending', 4711, %(new)s::text) RETURNING id
    ), item AS (INSERT INTO order_items (order_id, tier_id, qty, unit_cents) SELECT id, 1, 2, 3 FROM made)
    INSERT INTO order_notes (order_id, body) SELECT id, %(word)s FROM made
    """,
    "UPDATE orders SET status = CASE status WHEN 'paid' THEN 'cancelled' ELSE 'paid' END WHERE id = %(order)s",
    "UPDATE order_notes SET body = %(word)s WHERE order_id = %(order)s",
    "UPDATE events SET title = %(word)s WHERE slug = %(name)s",
    """
    WITH mine AS (SELECT id FROM orders WHERE user_id = %(id)s),
    items AS (DELETE FROM order_items WHERE order_id IN (SELECT id FROM mine)),
    notes AS (DELETE FROM order_notes WHERE order_id IN (SELECT id FROM mine))
    DELETE FROM orders WHERE user_id = %(id)s
    """,
)
#: What each customer must see: one plain statement, one row for each order.
ORACLE = """
WITH mine AS (SELECT * FROM orders WHERE user_id = %s),
items AS (
    SELECT i.order_id, json_agg(json_build_object(
        'event', e.title, 'tier', t.name, 'qty', i.qty, 'unit_cents', i.unit_cents) ORDER BY i.id) AS list
    FROM mine JOIN order_items i ON i.order_id = mine.id JOIN tiers t ON t.id = i.tier_id
    JOIN events e ON e.id = t.event_id GROUP BY i.order_id
),
notes AS (
    SELECT n.order_id, json_agg(n.body ORDER BY n.id) AS list
    FROM mine JOIN order_notes n ON n.order_id = mine.id GROUP BY n.order_id
)
SELECT mine.id::text, status, total_cents, created_at,
    coalesce(items.list, '[]') AS items, coalesce(notes.list, '[]') AS notes
FROM mine LEFT JOIN items ON items.order_id = mine.id LEFT JOIN notes ON notes.order_id = mine.id
ORDER BY created_at DESC, mine.id DESC
"""
SIZE = """
SELECT sum(pg_relation_size(name::regclass)) / 8192 AS blocks
FROM unnest(ARRAY['orders', 'order_items', 'order_notes', 'tiers', 'events']) AS name
"""

Orders = list[dict[str, Any]]


@dataclass(frozen=True)
class Customer:
    """Somebody who is logged in."""

    name: str
    id: int
    client: httpx.Client


@dataclass(frozen=True)
class Visit:
    """One GET: what came, what should have come, and what Postgres counted."""

    name: str
    wanted: Orders
    got: Any
    calls: int
    rows: int
    blocks: int
    bytes: int
    sent: int  #: bytes in the other direction

    @property
    def objects(self) -> int:
        """Orders, items and notes on the page."""
        return sum(1 + len(order["items"]) + len(order["notes"]) for order in self.wanted)

    @property
    def things(self) -> int:
        """The same with their tiers and events."""
        tiers = {(item["event"], item["tier"]) for order in self.wanted for item in order["items"]}
        return self.objects + len(tiers) + len({event for event, _tier in tiers})

    @property
    def pairs(self) -> int:
        """Rows of a join of both lists."""
        return sum(max(1, len(order["items"])) * max(1, len(order["notes"])) for order in self.wanted)


@dataclass
class Evidence:
    """What was seen while the application ran; it runs once for all observations."""

    visits: list[Visit] = field(default_factory=list)  #: Ana, Bruno, a customer of the check's own
    changes: list[tuple[str, Visit]] = field(default_factory=list)
    tables: int = 0  #: blocks of the five tables
    sessions: int = 0  #: that waited while somebody held the items
    together: float = 0.0  #: how much of all that is sent to Postgres was sent by then
    stored: list[str] = field(default_factory=list)  #: new keys in Redis


@pytest.fixture
def start(answer: Answer, package: Path, start_guiche: Callable[..., Any]) -> Callable[..., Any]:
    """Starts the application; where it does not come up because of the answer's file, that file is what is told."""

    def started(**how: Any) -> Any:
        try:
            return start_guiche(**how)
        except NotYet:
            answer.begin("guiche/history.py:orders_of", [], under=package).close()
            raise

    return started


@pytest.fixture
def seen(
    once: Once,
    start: Callable[..., Any],
    postgres: Postgres,
    redis: Redis,
    proxy: ProxyMaker,
    rng: random.Random,
) -> Evidence:
    """The evidence of one run."""
    return once(lambda: Run(postgres, redis, proxy(postgres.url), rng).watch(start))


class Run:
    """Asks the application for pages, and Postgres for what they cost."""

    def __init__(self, postgres: Postgres, redis: Redis, between: Proxy, rng: random.Random) -> None:
        self.seen = Evidence()
        self.postgres = postgres
        self.redis = redis
        self.between = between
        self.rng = rng
        self.usual: Counter[str] = Counter()

    def watch(self, start: Callable[..., Any]) -> Evidence:
        """Visit the page as three customers, change something, and visit it again."""
        name = f"x{self.rng.getrandbits(40):x}"
        self.make(name)
        self.app = start(database_url=self.between.url, redis_url=self.redis.url, only=("web",), workers=1)
        emails = (seed_data.ANA, seed_data.BRUNO, f"{name}@example.com")
        customers = [self.login(email) for email in emails]
        keys = set(self.redis.client.scan_iter())
        self.usual = self.statements_of_any_request(customers[0])
        self.seen.tables = int(self.postgres.rows(SIZE)[0]["blocks"])
        for customer in customers:
            self.seen.visits.append(self.visit(customer))
        bruno = self.seen.visits[1]
        if bruno.calls > STATEMENTS:
            self.look_closer(customers[1], bruno)
        for change, customer in self.changes(customers, name):
            self.seen.changes.append((change, self.visit(customer)))
            if bruno.calls > STATEMENTS or bruno.blocks > BLOCKS * self.seen.tables:
                break  # a page that takes seconds is not asked for more often than it has to be
        self.seen.stored = sorted(str(key) for key in set(self.redis.client.scan_iter()) - keys)
        return self.seen

    def word(self) -> str:
        """A title, a name or a note."""
        return f"{self.rng.choice(seed_data.NOTES)} “{self.rng.getrandbits(32):x}” %s \\ 'ção'"

    def make(self, name: str) -> None:
        """A customer with orders of the check's own."""
        values = {"name": name, "like": seed_data.ANA, "word": self.word(), "orders": self.rng.randint(52, 60)}
        self.postgres.rows("SELECT setseed(%s)", self.rng.random())
        self.postgres.execute(MAKE, {**values, "banner": self.rng.randbytes(30_000)})
        for statement in SHUFFLE:
            self.postgres.execute(statement, self.number(f"{name}@example.com"))

    def number(self, email: str) -> int:
        """The customer's id."""
        return int(self.postgres.rows("SELECT id FROM users WHERE email = %s", email)[0]["id"])

    def login(self, email: str) -> Customer:
        """A customer, logged in."""
        known = {seed_data.ANA: "Ana", seed_data.BRUNO: "Bruno"}
        name = known.get(email) or self.rng.choice(seed_data.FIRST_NAMES)
        return Customer(name, self.number(email), self.app.login(email))

    def changes(self, customers: list[Customer], name: str) -> Iterator[tuple[str, Customer]]:
        """What was committed just now, one after the other, and who sees it."""
        ana, bruno, third = customers
        whose = (third, ana, bruno, third, third)
        names = (
            _("a new order"),
            _("another status"),
            _("another note"),
            _("another title"),
            _("the end of all orders"),
        )
        orders = {visit.name: [order["id"] for order in visit.wanted if order["notes"]] for visit in self.seen.visits}
        for what, customer, statement in zip(names, whose, CHANGES, strict=True):
            values = {
                "name": name,
                "id": customer.id,
                "word": self.word(),
                "order": self.rng.choice(orders[customer.name]),
            }
            self.postgres.execute(statement, {**values, "new": str(UUID(int=self.rng.getrandbits(128)))})
            yield what, customer

    def statements_of_any_request(self, customer: Customer) -> Counter[str]:
        """What the application sends for a request of a customer, whatever the page."""
        self.postgres.forget_statements()
        customer.client.get(f"/orders/{UUID(int=self.rng.getrandbits(128))}")
        return Counter({one.query: one.calls for one in self.postgres.statement_stats()})

    def visit(self, customer: Customer) -> Visit:
        """One GET and what it cost."""
        wanted = self.postgres.rows(ORACLE, customer.id)
        for order in wanted:
            order["created_at"] = order["created_at"].astimezone(UTC).isoformat()
        self.postgres.forget_statements()
        self.between.reset_counts()
        got = self.get(customer)
        wait_until(lambda: not self.postgres.busy(), timeout=ANSWERED, what="the request is over")
        received, sent = self.between.received, self.between.sent
        counted = [one for one in self.postgres.statement_stats() if one.calls > self.usual[one.query]]
        return Visit(
            name=customer.name,
            wanted=wanted,
            got=got,
            calls=sum(one.calls - self.usual[one.query] for one in counted),
            rows=sum(one.rows for one in counted),
            blocks=sum(one.shared_blks_hit + one.shared_blks_read for one in counted),
            bytes=received,
            sent=sent,
        )

    def get(self, customer: Customer) -> Any:
        """The orders in the page; whatever keeps it from coming is told with the line of the answer."""
        try:
            answered = customer.client.get(PAGE, timeout=ANSWERED)
        except httpx.TransportError as error:
            late = isinstance(error, httpx.TimeoutException)
            raise saw(
                "no-answer",
                did="Logged in as {name} and sent `GET {page}`.",
                saw="There was no answer: {error}.",
                needs="the page, within a second or two",
                why="A request without an end keeps its thread and its connection. After a few, nobody is served.",
                try_="Look for a loop without an end, for a table that is read as a whole, or for `os._exit`.",
                name=customer.name,
                page=PAGE,
                error=_("nothing came within {s:g} s").format(s=ANSWERED) if late else str(error).rstrip("."),
            ) from None
        if answered.status_code != 200:
            raise saw(
                "page-fails",
                did="Logged in as {name} and sent `GET {page}`.",
                saw="It answered {status}. {log}",
                needs="200, and the orders as JSON",
                why="An exception that nobody expects ends the request, and the customer sees an error page.",
                try_="Read that line. Some orders have no items or no notes, and some customers have no orders.",
                name=customer.name,
                page=PAGE,
                status=answered.status_code,
                log=self.why_it_failed(),
            )
        return answered.json().get("orders")

    def why_it_failed(self) -> str:
        """The last exception in the web's log, and the answer's last line that it passed."""
        traces: list[str] = []

        def logged() -> bool:
            traces.extend(str(one["exc"]) for one in self.app.events("web") if one.get("exc"))
            return bool(traces)

        if not wait_until(logged, timeout=2.0, what="the failure is in the log"):
            return _("Its log tells no exception.")
        message = traces[-1].strip().splitlines()[-1][:300]
        lines = FRAME.findall(traces[-1])
        if not lines:
            return f"`{message}`"
        number, code = lines[-1]
        where = _("{file}, line {line}: {code}").format(file="guiche/history.py", line=number, code=code.strip())
        return f"`{message} – {where}`"

    def look_closer(self, customer: Customer, usual: Visit) -> None:
        """Hold the items, and see what comes while the first statement waits for them."""
        with ThreadPoolExecutor(1) as pool, self.postgres.lock("order_items"):
            self.between.reset_counts()
            asking = pool.submit(self.get, customer)

            def many() -> bool:
                self.seen.sessions = self.postgres.waiting("order_items")
                self.seen.together = self.between.sent / max(1, usual.sent)
                return self.seen.sessions > 1 or self.seen.together > HALF or asking.done()

            wait_until(
                lambda: self.postgres.waiting("order_items") or asking.done(), timeout=ANSWERED, what="one waits"
            )
            wait_until(many, timeout=CROWD, what="more come")
            # Nobody needs the rest of this page.
            self.between.cut()
        self.between.heal()


def in_utc(text: object) -> object:
    """A moment as the starter writes it, where it is the same one in another form of ISO 8601."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return text
    same = "T" in str(text) and found.tzinfo is not None and not found.utcoffset()
    return found.astimezone(UTC).isoformat() if same else text


def alike(values: list[Any]) -> list[str]:
    """The same for two lists that differ in nothing but the order."""
    return sorted(json.dumps(value, sort_keys=True) for value in values)


def brief(value: Any) -> object:
    """Of an order, what its place depends on."""
    return {key: value[key] for key in ("created_at", "id")} if isinstance(value, dict) and "id" in value else value


def short(value: object) -> str:
    """A value as JSON has it, or its beginning."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:159] + "…"


def first_difference(got: Any, wanted: Any, where: str) -> tuple[str, Any, Any] | None:
    """Where two values differ, and how: as deep inside as it gets."""
    if where.endswith(".created_at"):
        got = in_utc(got)
    if isinstance(got, dict) and isinstance(wanted, dict):
        if got.keys() != wanted.keys():
            return f"{where}.keys()", list(got), list(wanted)
        parts = [(got[key], wanted[key], f"{where}.{key}") for key in wanted]
    elif isinstance(got, list) and isinstance(wanted, list):
        if len(got) != len(wanted):
            return f"len({where})", len(got), len(wanted)
        if got != wanted and alike(got) == alike(wanted):
            return where, got, wanted
        parts = [(mine, its, f"{where}[{n}]") for n, (mine, its) in enumerate(zip(got, wanted, strict=True))]
    else:
        return None if got == wanted and type(got) is type(wanted) else (where, got, wanted)
    found = (first_difference(*part) for part in parts)
    return next((one for one in found if one is not None), None)


def difference(visit: Visit) -> NotYet | None:
    """How the JSON differs from what it should be."""
    found = first_difference(visit.got, visit.wanted, "orders")
    if found is None:
        return None
    where, got, wanted = found
    if where == "len(orders)" and got < wanted:
        return saw(
            "orders-missing",
            did="Logged in as {name}, who has {orders} orders, and sent `GET {page}`.",
            saw="There are {got} orders in the JSON.",
            needs="all of them",
            why="What is not on this page was never bought, as far as the customer can tell.",
            try_="Look for a limit, and for a join that drops orders without items or without notes.",
            name=visit.name,
            page=PAGE,
            orders=wanted,
            got=got,
        )
    if isinstance(got, list) and isinstance(wanted, list) and alike(got) == alike(wanted):
        place = next(n for n, (mine, its) in enumerate(zip(got, wanted, strict=True)) if mine != its)
        return saw(
            "another-order",
            did="Logged in as {name}, sent `GET {page}`, and looked at `{where}`.",
            saw="All is there, in another order. At place {place} stands `{got}`",
            needs="`{wanted}` at that place",
            why="Without ORDER BY, Postgres gives rows as it finds them: in order today, not after the next UPDATE.",
            try_="Write ORDER BY into each statement whose rows go into a list.",
            name=visit.name,
            page=PAGE,
            where=where,
            place=place,
            got=short(brief(got[place])),
            wanted=short(brief(wanted[place])),
        )
    return saw(
        "another-json",
        did="Logged in as {name}, who has {orders} orders, sent `GET {page}`, and looked at `{where}`.",
        saw="`{got}`",
        needs="`{wanted}`",
        why="Others read this JSON, too. What they don't find under its name is missing for them.",
        try_="Compare the dict that you build with the one of the starter, key by key.",
        name=visit.name,
        orders=len(visit.wanted),
        page=PAGE,
        where=where,
        got=short(got),
        wanted=short(wanted),
    )


def test_same_json(seen: Evidence) -> None:
    """The JSON is what it was, also for orders without items or notes."""
    for visit in seen.visits:
        if (differs := difference(visit)) is not None:
            raise differs


def test_statements(seen: Evidence) -> None:
    """50 orders take as many statements as 10, and at most 4."""
    ana, bruno, third = seen.visits
    calls = {ana.calls, bruno.calls, third.calls}
    figures = {"page": PAGE, "ten": ana.calls, "fifty": bruno.calls, "many": third.calls, "orders": len(third.wanted)}
    if len(calls) == 1 and 0 < max(calls) <= STATEMENTS:
        return
    if 0 in calls:
        raise saw(
            "nobody-asked",
            did="Sent `GET {page}` as customers with 10, 50 and {orders} orders, each for the first time.",
            saw="For these pages, the application sent {ten}, {fifty} and {many} statements to Postgres.",
            needs="at least one for each page",
            why="A page that is not read from the database is older than what the customer did a second ago.",
            try_="Read the orders when the request comes, with the session that the function is given.",
            **figures,
        )
    if len(calls) == 1:
        raise saw(
            "too-many-statements",
            did="Sent `GET {page}` as customers with 10, 50 and {orders} orders.",
            saw="Each of these pages took {ten} statements.",
            needs="at most 4",
            why="The number no longer grows with the orders. Each statement is still a round trip, at each visit.",
            try_="Orders, items with tier and event, notes: three questions are enough.",
            **figures,
        )
    if bruno.calls - ana.calls < len(bruno.wanted) - len(ana.wanted):
        raise saw(
            "grows-in-steps",
            did="Sent `GET {page}` as customers with 10, 50 and {orders} orders.",
            saw="They took {ten}, {fifty} and {many} statements.",
            needs="the same number for all of them, at most 4",
            why="Part of the loop is left: the line is less steep, and it still goes up with the orders.",
            try_="Ask once for the children of all orders, however many there are.",
            **figures,
        )
    if seen.sessions > 1:
        raise saw(
            "many-connections",
            did="Sent `GET {page}` as customers with 10 and with 50 orders.",
            saw="They took {ten} and {fifty} statements, over {sessions} or more connections at the same time.",
            needs="the same number of statements for both, at most 4",
            why="It is faster, and the database still does {fifty} things. A few such readers take all connections.",
            try_="Do not ask more quickly, ask less often: once for the children of all orders.",
            sessions=seen.sessions,
            **figures,
        )
    if seen.together > HALF:
        raise saw(
            "pipelined",
            did="Sent `GET {page}` as customers with 10 and with 50 orders.",
            saw="They took {ten} and {fifty} statements, many of them sent together.",
            needs="the same number for both, at most 4",
            why="It is faster, but the database still does {fifty} things. With 5 000 orders you are back.",
            try_="Do not ask more quickly, ask less often: once for the children of all orders.",
            **figures,
        )
    raise saw(
        "one-per-order",
        did="Sent `GET {page}` as customers with 10 and with 50 orders.",
        saw="They took {ten} and {fifty} statements, one after the other.",
        needs="the same number for both, at most 4",
        why="Each order asks for its own children. Whoever buys most waits longest.",
        try_="Ask once for the children of all orders.",
        **figures,
    )


def test_rows(seen: Evidence) -> None:
    """Postgres sends at most 1.2 rows for each thing on the page."""
    for visit in seen.visits:
        most = int(ROWS * visit.things)
        if visit.rows <= most:
            continue
        figures = {"page": PAGE, "orders": len(visit.wanted), "things": visit.things, "most": most}
        if visit.pairs <= visit.rows <= ROWS * visit.pairs + visit.things:
            items, notes = len(visit.wanted[0]["items"]), len(visit.wanted[0]["notes"])
            raise saw(
                "rows-multiply",
                did="Sent `GET {page}` as a customer with {orders} orders.",
                saw="Statements: {calls}. Rows: {rows}, for {things} things on the page.",
                needs="at most {most} rows",
                why="Rows travel, too. {items} items and {notes} notes of one order, side by side, are {pairs} rows.",
                try_="Load the two lists separately.",
                calls=visit.calls,
                rows=visit.rows,
                items=items,
                notes=notes,
                pairs=items * notes,
                **figures,
            )
        raise saw(
            "rows-for-nothing",
            did="Sent `GET {page}` as a customer with {orders} orders.",
            saw="Statements: {calls}. Rows: {rows}, for {things} things on the page.",
            needs="at most {most} rows",
            why="A table grows with all customers, and so does this page. Rows that you throw away have travelled.",
            try_="Let Postgres choose the rows: only what belongs to orders of this customer.",
            calls=visit.calls,
            rows=visit.rows,
            **figures,
        )


def test_bytes(seen: Evidence) -> None:
    """Postgres sends at most 1 000 bytes for each order, item and note."""
    for visit in seen.visits:
        if visit.bytes > BYTES * visit.objects:
            raise saw(
                "wide-column",
                did="Sent `GET {page}` as a customer with {orders} orders, and counted what Postgres sent.",
                saw="{size:.1f} MB in {rows} rows: {each:.1f} kB for each order, item and note.",
                needs="at most 1 kB",
                why="A column that nobody looks at is read, sent, taken apart and thrown away, for every row.",
                try_="Name the columns that you want. Which one of `events` is wide?",
                page=PAGE,
                orders=len(visit.wanted),
                size=visit.bytes / 1e6,
                rows=visit.rows,
                each=visit.bytes / visit.objects / 1e3,
            )


def test_tables_once(seen: Evidence) -> None:
    """Postgres does not read a table once for each order."""
    bruno = seen.visits[1]
    if bruno.blocks > BLOCKS * seen.tables:
        raise saw(
            "loop-inside",
            did="Sent `GET {page}` as a customer with {orders} orders, and counted the blocks that Postgres touched.",
            saw="Statements: {calls}. Blocks: {blocks}; all five tables together have {tables}.",
            needs="at most {most} blocks",
            why="The loop is inside the statement now: for each order it reads a whole table again.",
            try_="Join or group the items of all orders at once. `EXPLAIN (ANALYZE, BUFFERS)` shows `loops={orders}`.",
            page=PAGE,
            orders=len(bruno.wanted),
            calls=bruno.calls,
            blocks=bruno.blocks,
            tables=seen.tables,
            most=BLOCKS * seen.tables,
        )


def test_fresh(seen: Evidence) -> None:
    """What was committed before the request is on the page, also when no order is left."""
    before = {visit.name: visit.got for visit in seen.visits}
    for what, visit in seen.changes:
        differs = difference(visit)
        if differs is not None and visit.got != before[visit.name]:
            raise differs
        if differs is not None and seen.stored:
            raise saw(
                "old-page-in-redis",
                did="Committed {what} by SQL, and sent `GET {page}` once more.",
                saw="The page was the old one, and Redis holds a new key: `{stored}`.",
                needs="the page with {what}",
                why="Whoever has just bought looks here. An old page says that it did not work, so they buy again.",
                try_="Leave the cache out: with few statements, the page is quick enough without one.",
                what=what,
                page=PAGE,
                stored=seen.stored[0],
            )
        if differs is not None:
            raise saw(
                "old-page",
                did="Committed {what} by SQL, and sent `GET {page}` once more.",
                saw="The page was the old one.",
                needs="the page with {what}",
                why="Whoever has just bought looks here. An old page says that it did not work, so they buy again.",
                try_="Look for what outlives the request: a dict of the module, `lru_cache`, a session of your own.",
                what=what,
                page=PAGE,
            )
        before[visit.name] = visit.got
