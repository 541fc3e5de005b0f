"""S7: who gets what, by whose order, with which verb; and who gets in where nobody has decided?"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest
from itsdangerous import URLSafeSerializer

from guiche import seed_data
from inprod.messages import _
from inprod.testing import Answer, NotYet, Once, saw
from inprod.testing import system as processes
from inprod.testing.postgres import Postgres

REFUSED = (401, 403, 404)
ANSWERED = 5.0
SERVING = "serving at "
PORT = re.compile(SERVING + r"(\d+)")

#: Reads the answer, adds what its file can't know, and serves.
SERVE = f"""
import sys
import api, shop
from flask import Blueprint
from werkzeug.serving import make_server

word = sys.argv[1]
everything = "SELECT id, user_id, total_cents FROM orders ORDER BY created_at DESC LIMIT 50"
later = Blueprint(word, __name__, url_prefix="/" + word)

@later.get("/orders")
def export():
    return shop.rows(everything)

def newest():
    return shop.rows(everything)

def buyers():
    return shop.rows(everything)

def forget(note):
    return shop.change("DELETE FROM order_notes WHERE id = %s", note)

shop.app.register_blueprint(later)
shop.app.add_url_rule("/orders/" + word, "orders_" + word, newest)
shop.app.add_url_rule("/events/" + word, "events_" + word, buyers)
shop.app.add_url_rule("/notes/<int:note>", "note_" + word, forget, methods=["DELETE"])
server = make_server("127.0.0.1", 0, shop.app)
print("{SERVING}" + str(server.port), flush=True)
server.serve_forever()
"""
SALES = "SELECT status, sum(total_cents)::bigint FROM orders GROUP BY status ORDER BY status"
#: All that an attack could change.
STATE = """
SELECT json_build_array(
    (SELECT json_agg(u ORDER BY u.id) FROM users u WHERE u.id = ANY(%(people)s)),
    (SELECT json_agg(o ORDER BY o.id) FROM orders o WHERE o.user_id = ANY(%(people)s)),
    (SELECT json_agg(n ORDER BY n.id) FROM order_notes n
        WHERE n.order_id = ANY(%(orders)s::uuid[]))
) AS state
"""


@dataclass(frozen=True)
class Customer:
    """Somebody with an account; customers have two orders, with a note each."""

    id: int
    name: str
    orders: tuple[str, ...] = ()
    notes: tuple[int, ...] = ()
    secrets: tuple[str, ...] = ()  #: what nobody else may read


@dataclass(frozen=True)
class Ask:
    """One request."""

    verb: str
    path: str
    body: dict[str, Any] | None = None
    query: tuple[tuple[str, str | int | float | bool | None], ...] = ()
    sees: Any = None  #: the JSON that whoever may ask gets

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query)
        shown = f"{self.verb} {self.path}{'?' if query else ''}{query}"
        return f"{shown} {json.dumps(self.body, ensure_ascii=False)}" if self.body else shown


@dataclass(frozen=True)
class Reply:
    """What came, and whether anything in the database is another than before."""

    status: int
    text: str
    changed: bool

    @property
    def data(self) -> Any:
        """The JSON, or the text where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return self.text


class Run:
    """Asks as one person for the things of another. Each observation has people of its own."""

    def __init__(
        self, postgres: Postgres, url: str, key: str, log: Callable[[], str], rng: random.Random, new: str
    ) -> None:
        self.postgres = postgres
        self.client = httpx.Client(base_url=url, timeout=ANSWERED, trust_env=False)
        self.sign = URLSafeSerializer(key).dumps
        self.log = log
        self.rng = rng
        self.new = new  #: part of the paths of new routes
        self.people: list[int] = []
        self.orders: list[str] = []
        self.last: Any = None  #: how it was after the last request

    def word(self) -> str:
        return f"{self.rng.choice(seed_data.LAST_NAMES)} {self.rng.getrandbits(40):x}"

    def somebody(self, role: str = "customer") -> Customer:
        """A new account, with orders and notes where it is a customer's."""
        name = self.word()
        insert = "INSERT INTO users (email, name, password_hash, role) VALUES (%s, %s, 'x', %s) RETURNING id"
        user = int(self.one(insert, f"u{self.rng.getrandbits(60):x}@example.com", name, role))
        self.people.append(user)
        self.last = None
        if role == "staff":
            return Customer(user, name)
        orders = tuple(str(UUID(int=self.rng.getrandbits(128), version=4)) for _n in range(2))
        self.orders += orders
        notes, secrets = [], [name, *orders]
        for order in orders:
            total, body = self.rng.randint(100_000_000, 999_999_999), self.word()
            # Two statements: a policy on the notes would not see an order of the same one.
            insert = "INSERT INTO orders (id, user_id, total_cents, idempotency_key) VALUES (%s, %s, %s, %s)"
            self.postgres.execute(insert, order, user, total, order)
            insert = "INSERT INTO order_notes (order_id, body) VALUES (%s, %s) RETURNING id"
            notes.append(int(self.one(insert, order, body)))
            secrets += [str(total), body]
        return Customer(user, name, orders, tuple(notes), tuple(secrets))

    def state(self) -> Any:
        return self.postgres.rows(STATE, {"people": self.people, "orders": self.orders})[0]["state"]

    def one(self, statement: str, *args: Any) -> Any:
        """The only value of a query."""
        return next(iter(self.postgres.rows(statement, *args)[0].values()))

    def send(self, who: Customer | None, ask: Ask, *, token: str = "", claim: Customer | None = None) -> Reply:
        """Send it as somebody, or as nobody, and with `claim` say to be somebody else wherever it can be said."""
        token = token or (str(self.sign(who.id)) if who else "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body, query = ask.body, ask.query
        if who:
            headers["X-User-Id"] = str(who.id)
        if claim:
            said = {name: str(claim.id) for name in ("X-User-Id", "X-User", "X-Forwarded-User")}
            headers |= {**said, "X-Role": "staff", "Cookie": f"user={claim.id}; user_id={claim.id}; role=staff"}
            query = (*query, ("user_id", str(claim.id)), ("staff", "true"))
            body = None if body is None else {**body, "user": claim.id, "user_id": claim.id, "staff": True}
        before = self.last or self.state()
        try:
            got = self.client.request(ask.verb, ask.path, json=body, params=query, headers=headers)
        except httpx.TransportError as error:
            raise no_answer(ask, error) from None
        self.last = self.state()
        return Reply(got.status_code, got.text, self.last != before)

    def last_words(self, status: int) -> str:
        """The exception behind a 500."""
        if status < 500:
            return ""
        lines = [line for line in self.log().splitlines() if re.match(r"[\w.]+(Error|Exception|\w)*: ", line)]
        return _("Its log says: `{line}`").format(line=lines[-1][:200]) if lines else ""

    def refused(self, ask: Ask, got: Reply, whose: Customer | None = None) -> bool:
        """Whether it was a refusal; one that is none of the three, or that does it nevertheless, is told at once."""
        told = any(secret in got.text for secret in (whose.secrets if whose else ()))
        if got.status < 300:
            return False
        if got.changed or (told and got.status in REFUSED):
            raise saw(
                "refused-and-done",
                did="Sent `{ask}` for somebody who may not do this.",
                saw="It answered {status}, and {what}.",
                needs="a refusal, and nothing else",
                why="Whoever asks afterwards finds out that it should not have happened. It has happened.",
                try_="Ask first, and act then. The shortest way is one statement that does both: a condition in"
                " its `WHERE`.",
                ask=ask,
                status=got.status,
                what=_("something in the database was changed") if got.changed else _("the data stood in the answer"),
            )
        if got.status not in REFUSED:
            raise saw(
                "neither-yes-nor-no",
                did="Sent `{ask}` for somebody who may not do this.",
                saw="It answered {status}. {log}",
                needs="401, 403 or 404",
                why="An error that nobody expected keeps this one out by chance. The next change opens the door.",
                try_="Let the view end with `abort(403)`, or the query find no row. A visitor has no `id`.",
                ask=ask,
                status=got.status,
                log=self.last_words(got.status),
            )
        return True


def no_answer(ask: Ask, error: httpx.TransportError) -> NotYet:
    return saw(
        "no-answer",
        did="Sent `{ask}`.",
        saw="{what}",
        needs="an answer, or a refusal",
        why="A view that never ends, or ends its process, takes all other requests with it.",
        try_="Look for a loop without an end, for a lock, or for `exit`.",
        ask=ask,
        what=_("There was no answer within 5 seconds.")
        if isinstance(error, httpx.TimeoutException)
        else _("The connection ended without an answer."),
    )


def mine(run: Run, who: Customer) -> list[Ask]:
    """What somebody may do with the orders of `who`, in an order in which all of it can be done."""
    (first, second), (note, _other) = who.orders, who.notes
    total = run.one("SELECT total_cents FROM orders WHERE id = %s", first)
    done = {"changed": 1}
    own = [{"id": order, "status": "pending"} for order in who.orders]
    return [
        Ask("GET", "/orders", query=(("user", str(who.id)),), sees=own),
        Ask("GET", f"/orders/{first}", sees={"id": first, "status": "pending", "total_cents": total}),
        Ask("HEAD", f"/orders/{first}"),
        Ask("POST", "/notes", {"order": first, "body": run.word()}, sees=int),
        Ask("PUT", f"/notes/{note}", {"order": first, "body": run.word()}, sees=done),
        Ask("PUT", f"/notes/{note}", {"order": second, "body": run.word()}, sees=done),
        Ask("PATCH", f"/users/{who.id}", {"name": run.word()}, sees=done),
        Ask("DELETE", f"/orders/{first}", sees=done),
    ]


def theirs(run: Run, victim: Customer, own: Customer) -> list[Ask]:
    """What nobody may do with somebody else's order, note and name."""
    order, note = victim.orders[0], victim.notes[0]
    return [
        Ask("POST", "/notes", {"order": order, "body": run.word()}),
        Ask("PUT", f"/notes/{note}", {"order": order, "body": run.word()}),
        Ask("PUT", f"/notes/{note}", {"order": own.orders[0], "body": run.word()}),
        Ask("PATCH", f"/users/{victim.id}", {"name": run.word()}),
        Ask("PATCH", f"/users/{victim.id}", {"role": "staff"}),
        Ask("DELETE", f"/orders/{order}"),
    ]


def readings(whose: Customer) -> list[Ask]:
    return [Ask(verb, f"/orders/{whose.orders[0]}") for verb in ("GET", "HEAD")]


def as_wanted(run: Run, ask: Ask, got: Reply) -> bool:
    """Whether the right JSON came, and whether Postgres has what was sent."""
    data = got.data
    if isinstance(ask.sees, list):
        return isinstance(data, list) and sorted(map(str, data)) == sorted(map(str, ask.sees))
    if ask.sees is int:
        made = data.get("id") if isinstance(data, dict) else None
        written = run.postgres.rows("SELECT order_id::text AS order, body FROM order_notes WHERE id = %s", [made])
        return written == [ask.body]
    target = ask.path.rpartition("/")[2]
    if ask.verb == "PUT":
        written = run.postgres.rows("SELECT order_id::text AS order, body FROM order_notes WHERE id = %s", [target])
    elif ask.verb == "PATCH":
        written = run.postgres.rows("SELECT name, role FROM users WHERE id = %s", [target])
        written = [{name: row[name] for name in ask.body or {}} for row in written]
    elif ask.verb == "DELETE":
        return bool(run.one("SELECT status = 'cancelled' FROM orders WHERE id = %s", target) and data == ask.sees)
    else:
        return bool(data == ask.sees or ask.verb == "HEAD")
    return written == [ask.body] and bool(data == ask.sees)


def serve(run: Run, who: Customer | None, ask: Ask) -> Reply:
    """Send what must be answered."""
    got = run.send(who, ask)
    if got.status >= 300 and got.status not in REFUSED:
        raise saw(
            "view-fails",
            did="Sent `{ask}` for somebody who may do this.",
            saw="It answered {status}. {log}",
            needs="200",
            why="Who may do something must be able to do it.",
            try_="Read that line of the log. `me().id` is a number, and what comes from the query is a text.",
            ask=ask,
            status=got.status,
            log=run.last_words(got.status),
        )
    return got


def look_at_what_works(run: Run) -> None:
    for path in ("/healthz", "/events"):
        ask = Ask("GET", path)
        if (got := serve(run, None, ask)).status >= 300:
            raise saw(
                "public-page-closed",
                did="Sent `{ask}` without a login.",
                saw="It answered {status}.",
                needs="200: this page is for everybody",
                why="Nobody buys a ticket who may not see what is on, and an API that seems dead is started again.",
                try_="`request.endpoint` is `healthz` or `events` for the two pages of `shop.py`.",
                ask=ask,
                status=got.status,
            )
    customer, staff = run.somebody(), run.somebody("staff")
    own = [Ask("GET", "/orders", sees=mine(run, customer)[0].sees), *mine(run, customer)]
    for ask in own:
        if (got := serve(run, customer, ask)).status >= 300:
            raise saw(
                "customer-refused",
                did="Logged in as a customer and sent `{ask}`. The orders in it are their own.",
                saw="It answered {status}.",
                needs="200",
                why="A box office that nobody can use is safe, and closed.",
                try_="Compare `me().id` with what the database says: both are numbers. What stands after the"
                " question mark is a text.",
                ask=ask,
                status=got.status,
            )
        unlike(run, ask, got)
    other, third = run.somebody(), run.somebody()
    for ask in (
        *mine(run, other),
        Ask("PUT", f"/notes/{third.notes[0]}", {"order": other.orders[1], "body": run.word()}, sees={"changed": 1}),
        Ask("PATCH", f"/users/{third.id}", {"name": run.word(), "role": "staff"}, sees={"changed": 1}),
        Ask("GET", "/sales"),
    ):
        if (got := serve(run, staff, ask)).status >= 300:
            raise saw(
                "staff-refused",
                did="Logged in as a member of the staff and sent `{ask}` for the orders of a customer.",
                saw="It answered {status}.",
                needs="200",
                why="Somebody stands at the counter with a ticket that is wrong, and the staff can't mend it.",
                try_="`me().staff` is true for them: `… AND (user_id = %s OR %s)`.",
                ask=ask,
                status=got.status,
            )
        if ask.path != "/sales":
            unlike(run, ask, got)
    sold = got.data if isinstance(got.data, list) else []
    if sorted(map(str, sold)) != sorted(map(str, run.postgres.rows(SALES))):
        raise another_answer(ask, got)


def unlike(run: Run, ask: Ask, got: Reply) -> None:
    if not as_wanted(run, ask, got):
        raise another_answer(ask, got)


def another_answer(ask: Ask, got: Reply) -> NotYet:
    return saw(
        "another-answer",
        did="Sent `{ask}` for somebody who may do this.",
        saw="It answered {status} with `{text}`, and that, or what Postgres has now, is not what it was before.",
        needs="the same JSON and the same change as today",
        why="The app for phones is installed a thousand times. It understands the answers of today.",
        try_="Compare with the view as it was given: only the question of who asks is new.",
        ask=ask,
        status=got.status,
        text=" ".join(got.text.split())[:120],
    )


def look_at_reading(run: Run) -> None:
    asks, victim = run.somebody(), run.somebody()
    for ask in readings(victim):
        if not run.refused(ask, run.send(asks, ask), victim):
            raise saw(
                "reads-another",
                did="Logged in as a customer and sent `{ask}`. It is the order of another customer.",
                saw="It answered 200.",
                needs="401, 403 or 404",
                why="Whoever gets hold of a link, from a forwarded mail or a shared screen, reads what is not theirs.",
                try_="Being logged in is one question, whose order it is another. Look for an order of this customer.",
                ask=ask,
            )


def look_at_lists(run: Run) -> None:
    asks, victim = run.somebody(), run.somebody()
    own, other = ("user", str(asks.id)), ("user", str(victim.id))
    for query in ((other,), (own, other), (other, own)):
        ask = Ask("GET", "/orders", query=query)
        got = run.send(asks, ask)
        if any(secret in got.text for secret in victim.secrets):
            raise saw(
                "list-of-another",
                did="Logged in as customer {own} and sent `{ask}`.",
                saw="The orders of customer {other} stand in the answer.",
                needs="no order of anybody else",
                why="A filter is a wish. One loop over all numbers, and somebody has the orders of all customers.",
                try_="The filter is for the staff. For a customer, the list is their own, whatever was asked.",
                own=asks.id,
                other=victim.id,
                ask=ask,
            )
        run.refused(ask, got, victim)


def look_at_changing(run: Run) -> None:
    asks, victim = run.somebody(), run.somebody()
    for ask in theirs(run, victim, asks):
        if not run.refused(ask, got := run.send(asks, ask), victim):
            raise saw(
                "changes-another",
                did="Logged in as a customer and sent `{ask}`. The order, note or user is another customer's.",
                saw="It answered {status}, and {what}.",
                needs="401, 403 or 404, and no change",
                why="The seats of somebody who bought them are free again, and nobody knows who did it.",
                try_="The question stands for each verb: reading is one of five. Look at the endpoint of this one.",
                ask=ask,
                status=got.status,
                what=_("Postgres has the change") if got.changed else _("nothing was changed"),
            )


def look_at_bodies(run: Run) -> None:
    asks, victim = run.somebody(), run.somebody()
    ask = Ask("PUT", f"/notes/{asks.notes[0]}", {"order": victim.orders[0], "body": run.word()})
    if not run.refused(ask, run.send(asks, ask), victim):
        raise saw(
            "moves-to-another",
            did="Logged in as a customer and sent `{ask}`. The note is their own. The order in the body is another"
            " customer's.",
            saw="It answered 200.",
            needs="401, 403 or 404, and the note stays where it was",
            why="Words that Bruno never wrote stand beside his order, and the box office believes them.",
            try_="Two ids come from outside, one in the path and one in the body. Each of them needs the question.",
            ask=ask,
        )
    for body in ({"role": "staff"}, {"name": run.word(), "role": "staff"}):
        ask = Ask("PATCH", f"/users/{asks.id}", body)
        got = run.send(asks, ask)
        if run.one("SELECT role FROM users WHERE id = %s", asks.id) != "customer":
            raise saw(
                "makes-itself-staff",
                did="Logged in as a customer and sent `{ask}`, with their own id.",
                saw="It answered {status}. The customer belongs to the staff now.",
                needs="a role that only the staff can give",
                why="It is their own account, and the one field of it that opens all others.",
                try_="Ask for each field who may write it. From a customer, take the name alone, or refuse.",
                ask=ask,
                status=got.status,
            )
        if got.status >= 300:
            run.refused(ask, got)


def look_at_claims(run: Run) -> None:
    asks, victim, staff = run.somebody(), run.somebody(), run.somebody("staff")
    sales, everything = Ask("GET", "/sales"), Ask("GET", "/orders")
    tries = [(asks, one, victim) for one in (everything, *readings(victim), *theirs(run, victim, asks))]
    tries += [(asks, one, staff) for one in (sales, *readings(victim))]
    for who, ask, claim in tries:
        got = run.send(who, ask, claim=claim)
        if ask is everything and got.status < 300 and not any(secret in got.text for secret in victim.secrets):
            continue
        if not run.refused(ask, got, victim):
            raise saw(
                "believes-what-is-said",
                did="Logged in as customer {own}, and sent `{ask}` with `X-User-Id: {claim}`, and with the same"
                " number as `user_id` in the query, the cookie and the body.",
                saw="It answered {status}, as for {claim}.",
                needs="the answer that customer {own} gets",
                why="Whoever sends a request writes all of it: each header, each cookie, each field.",
                try_="Take it from `me()` alone. The token is signed, so nobody can write one of their own.",
                own=who.id,
                ask=ask,
                claim=claim.id,
                status=got.status,
            )


def look_at_the_staff(run: Run) -> None:
    asks, victim, staff = run.somebody(), run.somebody(), run.somebody("staff")
    sales = Ask("GET", "/sales")
    for ask in (sales, Ask("HEAD", "/sales")):
        if not run.refused(ask, run.send(asks, ask)):
            raise saw(
                "customer-at-the-counter",
                did="Logged in as a customer and sent `{ask}`.",
                saw="It answered 200.",
                needs="401, 403 or 404",
                why="What the house earns is nobody's business, and what stands beside it in a year even less.",
                try_="Being logged in is not enough here: `me().staff` has to be true.",
                ask=ask,
            )
    serve(run, staff, sales)
    run.postgres.execute("UPDATE users SET role = 'customer' WHERE id = %s", staff.id)
    run.last = None
    for ask in (sales, *readings(victim), *theirs(run, victim, asks)):
        if not run.refused(ask, run.send(staff, ask), victim):
            raise saw(
                "role-of-yesterday",
                did="Sent `GET /sales` as a member of the staff, took the role away in Postgres, and sent `{ask}`.",
                saw="It answered 200.",
                needs="401, 403 or 404",
                why="Roles are taken away when somebody leaves in anger. That is the day on which it must hold.",
                try_="`me()` asks Postgres each time. Look for what keeps its answer longer than a request.",
                ask=ask,
            )


def look_at_visitors(run: Run) -> None:
    victim, staff = run.somebody(), run.somebody("staff")
    forged = str(URLSafeSerializer("guess").dumps(staff.id))
    unknown = str(run.sign(self_made := 2**40 + run.rng.getrandbits(30)))
    run.people.append(self_made)
    everything = [Ask("GET", "/orders"), Ask("GET", "/orders", query=(("user", str(victim.id)),)), Ask("GET", "/sales")]
    everything += [*readings(victim), *theirs(run, victim, victim)]
    for number, (token, claim) in enumerate((("", None), ("", staff), (forged, None), (unknown, None))):
        for ask in everything[: None if number < 2 else 4]:
            if not run.refused(ask, got := run.send(None, ask, token=token, claim=claim), victim):
                raise saw(
                    "visitor-let-in",
                    did="Sent `{ask}` {how}.",
                    saw="It answered {status}.",
                    needs="401, 403 or 404",
                    why="Nobody knows who that was, and nobody will find out.",
                    try_="`me().id` is None without a login. One function in front of all views can ask for it.",
                    ask=ask,
                    how=_("with a token that somebody else signed")
                    if token
                    else _("without a token, but with `X-User-Id`")
                    if claim
                    else _("without a token"),
                    status=got.status,
                )


def look_at_new_routes(run: Run) -> None:
    asks, victim = run.somebody(), run.somebody()
    paths = (f"/{run.new}/orders", f"/orders/{run.new}", f"/events/{run.new}")
    new = [*(Ask("GET", path) for path in paths), Ask("DELETE", f"/notes/{victim.notes[0]}")]
    for ask in new:
        if not run.refused(ask, run.send(None, ask), victim):
            raise saw(
                "new-route-open",
                did="Added a route after your file was read, and sent `{ask}` without a login.",
                saw="It answered 200.",
                needs="401, 403 or 404, as long as nobody has said who may use it",
                why="Next year somebody adds an endpoint on a Friday. What they forget decides about your customers.",
                try_="`@app.before_request` is asked before each view, also before those that come later.",
                ask=ask,
            )
    for ask in new:
        if not run.refused(ask, run.send(asks, ask), victim):
            raise saw(
                "new-route-for-customers",
                did="Added a route after your file was read, and sent `{ask}` as a customer.",
                saw="It answered 200.",
                needs="401, 403 or 404, as long as nobody has said that customers may use it",
                why="A login is quickly made. The list of all buyers is then one forgotten line away.",
                try_="Name what is open to customers, route by route, and refuse the rest. `request.endpoint` tells the"
                " view; a path tells less.",
                ask=ask,
            )


LOOKS: dict[str, Callable[[Run], None]] = {
    "works": look_at_what_works,
    "reading": look_at_reading,
    "lists": look_at_lists,
    "changing": look_at_changing,
    "bodies": look_at_bodies,
    "staff": look_at_the_staff,
    "claims": look_at_claims,
    "visitors": look_at_visitors,
    "routes": look_at_new_routes,
}


@pytest.fixture
def found(once: Once, answer: Answer, postgres: Postgres, rng: random.Random) -> Callable[[str], None]:
    """Tells what an observation found; the API runs once for all of them."""
    troubles = once(lambda: watch(answer, postgres, rng))

    def tell(name: str) -> None:
        if name in troubles:
            raise troubles[name]

    return tell


def watch(answer: Answer, postgres: Postgres, rng: random.Random) -> dict[str, NotYet]:
    """Start the API, and look at everything; what is wrong, by observation."""
    troubles: dict[str, NotYet] = {}
    postgres.execute("CREATE INDEX ON order_notes (order_id)")
    word, key = f"x{rng.getrandbits(40):x}", f"{rng.getrandbits(128):x}"
    env = {"DATABASE_URL": postgres.url, "SECRET_KEY": key, "PYTHONUNBUFFERED": "1"}
    api = processes.Program("api", ("python", "serve.py", word), env, SERVING)
    running = processes.start(answer, [api], files={"serve.py": SERVE})
    try:
        port = PORT.findall(running.log("api"))[-1]
        for name, look in LOOKS.items():
            run = Run(postgres, f"http://127.0.0.1:{port}", key, partial(running.log, "api"), rng, word)
            try:
                look(run)
            except NotYet as trouble:
                troubles[name] = trouble
                if trouble.key == "no-answer":
                    raise
            finally:
                run.client.close()
    finally:
        running.close()
    return troubles


def test_who_may(found: Callable[[str], None]) -> None:
    """Customers and staff can do what they may, and everybody sees what is on."""
    found("works")


def test_reading(found: Callable[[str], None]) -> None:
    """A customer can't read somebody else's order."""
    found("reading")


def test_lists(found: Callable[[str], None]) -> None:
    """A list shows nobody else's orders, whatever the filter says."""
    found("lists")


def test_changing(found: Callable[[str], None]) -> None:
    """A customer can't change somebody else's order, note or name, whatever the verb."""
    found("changing")


def test_bodies(found: Callable[[str], None]) -> None:
    """Ids and roles in a body open nothing."""
    found("bodies")


def test_staff(found: Callable[[str], None]) -> None:
    """What is for the staff is for the staff, as Postgres has it at this moment."""
    found("staff")


def test_claims(found: Callable[[str], None]) -> None:
    """What a request says about its sender is not believed."""
    found("claims")


def test_visitors(found: Callable[[str], None]) -> None:
    """Without a login, only the two public pages answer."""
    found("visitors")


def test_new_routes(found: Callable[[str], None]) -> None:
    """A route that nobody has decided about is closed."""
    found("routes")
