"""The views on real servers: buying, reading, reviewing, selling."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from guiche import logs, seed_data, signatures
from guiche.models import Event, Order, OutboxMessage, Payment, Review, Tier, User, WebhookEvent
from guiche.web.app import create_app
from guiche.wiring import Services
from inprod.testing.proxy import ProxyMaker
from tests.guiche.integration.conftest import statements
from tests.guiche.rows import add_orders
from tests.guiche.web.conftest import JSON

Login = Callable[[str], FlaskClient]
SLUG = "nona-sinfonia"
HTML = {"Accept": "text/html"}


@pytest.fixture
def ana(login: Login) -> FlaskClient:
    """Ana, logged in."""
    return login(seed_data.ANA)


@pytest.fixture
def staff(login: Login) -> FlaskClient:
    """Somebody of the box office, logged in."""
    return login(seed_data.STAFF)


def tiers(rows: Session, slug: str = SLUG) -> list[int]:
    """The ids of an event's tiers."""
    return list(rows.scalars(select(Tier.id).join(Event).where(Event.slug == slug).order_by(Tier.id)))


def buy(client: FlaskClient, tier: int, *, qty: Any = 1, key: str = "", event: str = SLUG) -> TestResponse:
    """Order by JSON."""
    wanted = {"event": event, "tier": tier, "qty": qty}
    return client.post("/orders", json=wanted, headers={**JSON, "Idempotency-Key": key or str(uuid4())})


def code(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a failure."""
    return answer.status_code, answer.get_json()["error"]["code"]


def test_buying(ana: FlaskClient, rows: Session, real: Services) -> None:
    """201 with its address; order, seats and the promise to charge are one commit, and the relay is woken."""
    tier = tiers(rows)[0]
    answer = ana.post(
        "/orders",
        json={"event": SLUG, "tier": tier, "qty": 2},
        headers={**JSON, "Idempotency-Key": "k", "X-Request-ID": "buy-1"},
    )
    order = answer.get_json()["order"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/orders/{order['id']}"
    assert (order["status"], order["total_cents"]) == ("pending", 8_000)
    assert [(item["event"], item["qty"], item["unit_cents"]) for item in order["items"]] == [
        ("Nona Sinfonia, de Beethoven", 2, 4_000)
    ]
    assert rows.scalar(select(Tier.sold).where(Tier.id == tier)) == 2
    (message,) = rows.scalars(select(OutboxMessage))
    assert (message.topic, message.payload) == ("charge_order", {"order_id": order["id"], "request_id": "buy-1"})
    queue: Any = real.queue
    assert queue.woken == 1


def test_buying_twice_with_one_key(ana: FlaskClient, rows: Session, real: Services) -> None:
    """200 and the same address; nothing is taken or promised again."""
    tier = tiers(rows)[0]
    first, second = (buy(ana, tier, key="k") for _again in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.headers["Location"] == second.headers["Location"]
    assert rows.scalar(select(Tier.sold).where(Tier.id == tier)) == 1
    assert rows.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_buying_more_than_there_is(ana: FlaskClient, rows: Session) -> None:
    """409, and not a trace of it."""
    assert code(buy(ana, tiers(rows)[0], qty=3)) == (409, "sold_out")
    assert rows.scalar(select(func.count()).select_from(Order)) == 0
    assert rows.scalar(select(func.count()).select_from(OutboxMessage)) == 0


def test_somebody_elses_key(login: Login, rows: Session) -> None:
    """409, and their order is not told."""
    tier = tiers(rows)[0]
    buy(login(seed_data.ANA), tier, key="k")
    assert code(buy(login(seed_data.BRUNO), tier, key="k")) == (409, "key_taken")


@pytest.mark.parametrize("qty", [0, -1, "x", "", None, True, 1.5, [], "²", "9" * 30, 10**30])
def test_an_order_that_is_none(ana: FlaskClient, rows: Session, qty: Any) -> None:
    """400 for every number of seats that can't be one."""
    assert buy(ana, tiers(rows)[0], qty=qty).status_code == 400


def test_a_tier_of_another_event(ana: FlaskClient, rows: Session) -> None:
    """Event and tier must belong together, and exist."""
    assert code(buy(ana, tiers(rows, "samba-de-roda")[0])) == (400, "unknown_tier")
    assert code(buy(ana, 2**62)) == (400, "unknown_tier")
    assert code(buy(ana, tiers(rows)[0], event="a\0b")) == (400, "unknown_tier")


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_an_order_needs_a_key(ana: FlaskClient, rows: Session, key: str) -> None:
    """400 without one, or with a novel."""
    answer = ana.post(
        "/orders",
        json={"event": SLUG, "tier": tiers(rows)[0], "qty": 1},
        headers={**JSON, **({"Idempotency-Key": key} if key else {})},
    )
    assert code(answer) == (400, "idempotency_key")


def test_buying_without_login(login: Login, rows: Session) -> None:
    """401; a person gets the form, and is back at the event afterwards."""
    nobody, tier = login(""), tiers(rows)[0]
    assert code(buy(nobody, tier)) == (401, "login_required")
    page = nobody.post("/orders", data={"event": SLUG, "tier": tier, "qty": 1, "idempotency_key": "k"}, headers=HTML)
    assert page.status_code == 401
    assert f'name="next" value="/events/{SLUG}"' in page.text


def test_a_person_buys_and_cancels(ana: FlaskClient, rows: Session) -> None:
    """Forms all the way: each change ends with a redirect to a page that tells it in words."""
    tier = tiers(rows)[1]
    sent = ana.post("/orders", data={"event": SLUG, "tier": tier, "qty": 1, "idempotency_key": "k"}, headers=HTML)
    assert sent.status_code == 303
    page = ana.get(sent.location, headers=HTML).text
    assert "Your seats are reserved" in page
    assert "R$\N{NO-BREAK SPACE}102.00" in page  # 120, less 15 %
    cancelled = ana.post(f"{sent.location}/cancel", headers=HTML, follow_redirects=True)
    assert "This order is cancelled" in cancelled.text
    assert rows.scalar(select(Tier.sold).where(Tier.id == tier)) == 0


def test_cancelling(ana: FlaskClient, rows: Session) -> None:
    """Twice is fine; what is paid stays."""
    tier = tiers(rows)[0]
    first, second = (buy(ana, tier).location for _order in range(2))
    for _again in range(2):
        answer = ana.post(f"{first}/cancel", headers=JSON)
        assert (answer.status_code, answer.get_json()["order"]["status"]) == (200, "cancelled")
    rows.execute(text("UPDATE orders SET status = 'paid' WHERE status = 'pending'"))
    rows.commit()
    assert code(ana.post(f"{second}/cancel", headers=JSON)) == (409, "not_pending")
    assert 'orders_total{status="cancelled"} 1.0' in ana.get("/metrics").text


def test_orders_of_others(login: Login, rows: Session) -> None:
    """Somebody else's order looks like one that does not exist, to read and to cancel."""
    ana, bruno = login(seed_data.ANA), login(seed_data.BRUNO)
    where = buy(ana, tiers(rows)[0]).location
    assert code(bruno.get(where, headers=JSON)) == (404, "not_found")
    assert code(bruno.post(f"{where}/cancel", headers=JSON)) == (404, "not_found")
    assert code(bruno.get(f"/orders/{uuid4()}", headers=JSON)) == (404, "not_found")
    assert ana.get(where, headers=JSON).get_json()["order"]["status"] == "pending"


def test_my_orders_cost_three_statements(ana: FlaskClient, real: Services) -> None:
    """The page adds none to what the list itself needs."""
    with real.sessions.begin() as session:
        user = session.scalars(select(User).where(User.email == seed_data.ANA)).one()
        add_orders(session, user, session.scalars(select(Tier)).first() or pytest.fail("no tier"), orders=6)
    with statements(real.engine) as sent:
        told = ana.get("/me/orders", headers=JSON).get_json()["orders"]
    assert len(sent) <= 3
    assert (len(told), len(told[0]["items"]), len(told[0]["notes"])) == (6, 3, 2)
    page = ana.get("/me/orders", headers=HTML).text
    assert page.count("3 × Setor 1") == 6  # three lines of one seat are one line of three
    assert page.count("2 notes") == 6


def test_the_list(login: Login) -> None:
    """Searched, filtered by price, sorted, in both forms; nothing found says what to do."""
    client = login("")

    def slugs(query: str) -> list[str]:
        return [event["slug"] for event in client.get(f"/events?{query}", headers=JSON).get_json()["events"]]

    assert slugs("q=SINFONIA") == [SLUG]
    assert slugs("q=salvador") == ["samba-de-roda"]
    assert slugs("q=%25") == []
    assert slugs("sort=price") == ["samba-de-roda", SLUG]
    assert slugs("sort=title&dir=desc") == ["samba-de-roda", SLUG]
    assert slugs("min_price=100") == [SLUG]
    assert slugs("max_price=20") == ["samba-de-roda"]
    assert slugs("q=&min_price=&page=2") == []
    assert "See all events" in client.get("/events?q=nothing", headers=HTML).text
    assert "Go to the first one" in client.get("/events?page=9", headers=HTML).text


def test_a_banner_is_kept(login: Login) -> None:
    """With an ETag and for an hour, without a cookie in sight; as a document it may do nothing."""
    client = login(seed_data.ANA)
    first = client.get(f"/events/{SLUG}/banner")
    assert (first.status_code, first.content_type) == (200, "image/svg+xml")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert "sandbox" in first.headers["Content-Security-Policy"]
    assert not {"Vary", "Set-Cookie"} & set(first.headers.keys())
    again = client.get(f"/events/{SLUG}/banner", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/events/samba-de-roda/banner").status_code == 404


def test_a_review(ana: FlaskClient, rows: Session, caplog: pytest.LogCaptureFixture) -> None:
    """Kept as written, shown as text; only web links; what is wrong comes back with what was typed."""
    caplog.set_level(logging.INFO)
    where = f"/events/{SLUG}/reviews"
    good = {"body": "<script>alert(1)</script>\r\nBravo!", "link": "https://example.com/?a=1&b=2"}
    assert ana.post(where, data=good, headers=HTML).location == f"/events/{SLUG}#reviews"
    page = ana.get(f"/events/{SLUG}", headers=HTML).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nBravo!" in page
    assert 'href="https://example.com/?a=1&amp;b=2"' in page
    for link in ("javascript:alert(1)", "data:text/html,x", "//evil.example", "JaVaScRiPt:alert(1)"):
        bad = ana.post(where, data={"body": "kept text", "link": link}, headers=HTML)
        assert bad.status_code == 400
        assert "kept text" in bad.text
    assert code(ana.post(where, json={"body": " "}, headers=JSON)) == (400, "bad_review")
    assert code(ana.post("/events/none/reviews", json={"body": "x"}, headers=JSON)) == (404, "not_found")
    assert ana.post(where, json={"body": "Bis!"}, headers=JSON).status_code == 201
    assert rows.scalar(select(func.count()).select_from(Review)) == 2
    assert [record.getMessage() for record in caplog.records].count("review added") == 2


def test_a_new_title_is_seen_at_once(staff: FlaskClient, login: Login) -> None:
    """The cached page goes with the old one."""
    reader = login("")
    assert "Nona Sinfonia" in reader.get(f"/events/{SLUG}").text
    answer = staff.post(f"/admin/events/{SLUG}", json={"title": "  Décima \n Sinfonia "}, headers=JSON)
    assert answer.get_json() == {"event": {"slug": SLUG, "title": "Décima Sinfonia"}}
    assert "Décima Sinfonia" in reader.get(f"/events/{SLUG}").text
    page = staff.post(f"/admin/events/{SLUG}", data={"title": "Nona"}, headers=HTML, follow_redirects=True)
    assert "called “Nona” now" in page.text
    assert code(staff.post("/admin/events/none", json={"title": "x"}, headers=JSON)) == (404, "not_found")
    assert staff.post(f"/admin/events/{SLUG}", json={"title": " "}, headers=JSON).status_code == 400


def test_staff_only(ana: FlaskClient, staff: FlaskClient, real: Services) -> None:
    """Customers get 403, and so does a cookie whose role was taken away."""
    for method, path in (("GET", "/admin/sales"), ("POST", f"/admin/events/{SLUG}")):
        assert code(ana.open(path, method=method, json={"title": "x"}, headers=JSON)) == (403, "staff_only")
    assert staff.get("/admin/sales", headers=JSON).status_code == 200
    with real.sessions.begin() as session:
        session.execute(text("UPDATE users SET role = 'customer'"))
    assert code(staff.get("/admin/sales", headers=JSON)) == (403, "staff_only")


def test_sales(staff: FlaskClient, ana: FlaskClient, rows: Session) -> None:
    """Paid seats by event, and nothing that was not paid."""
    buy(ana, tiers(rows)[0])
    assert staff.get("/admin/sales", headers=JSON).get_json() == {"sales": []}
    rows.execute(text("UPDATE orders SET status = 'paid'"))
    rows.commit()
    (sold,) = staff.get("/admin/sales", headers=JSON).get_json()["sales"]
    assert (sold["slug"], sold["orders"], sold["seats"], sold["cents"]) == (SLUG, 1, 1, 4_000)
    assert "R$\N{NO-BREAK SPACE}40.00" in staff.get("/admin/sales", headers=HTML).text


def test_login_and_logout(login: Login) -> None:
    """The cookie can't be read by scripts nor sent by other sites; case of the address is no matter."""
    client = login("")
    answer = client.post("/login", data={"email": " ANA@Example.com ", "password": seed_data.PASSWORD}, headers=HTML)
    assert (answer.status_code, answer.location) == (303, "/me/orders")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/me/orders", headers=JSON).status_code == 200
    assert client.post("/logout", headers=HTML).status_code == 303
    assert client.get("/me/orders", headers=JSON).status_code == 401
    for password in ("wrong", "x" * 1_000, "a\0b"):
        answer = client.post("/login", json={"email": seed_data.ANA, "password": password}, headers=JSON)
        assert code(answer) == (401, "login_failed")


@pytest.mark.parametrize(
    ("following", "lands"),
    [
        ("/events/x?y=1", "/events/x?y=1"),
        ("https://evil.example", "/me/orders"),
        ("//evil.example", "/me/orders"),
        ("/\\evil.example", "/me/orders"),
        ("/\t/evil.example", "/me/orders"),
        ("javascript:alert(1)", "/me/orders"),
        ("", "/me/orders"),
    ],
)
def test_login_leads_nowhere_else(login: Login, following: str, lands: str) -> None:
    """A link to our login can't end at somebody else's page."""
    entered = {"email": seed_data.ANA, "password": seed_data.PASSWORD, "next": following}
    assert login("").post("/login", data=entered, headers=HTML).location == lands


def test_ten_failures_lock_an_account(login: Login) -> None:
    """For a while, and with the right password, too; other accounts go on."""
    client = login("")
    for _attempt in range(10):
        client.post("/login", json={"email": seed_data.ANA, "password": "wrong"}, headers=JSON)
    right = {"email": seed_data.ANA, "password": seed_data.PASSWORD}
    assert code(client.post("/login", json=right, headers=JSON)) == (429, "too_many_attempts")
    assert login(seed_data.BRUNO).get("/me/orders", headers=JSON).status_code == 200


def test_ready(login: Login) -> None:
    """Both servers answer."""
    answer = login("").get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready", "postgres": "ok", "redis": "ok"})


def test_silent_servers_are_away(real: Services, proxy: ProxyMaker) -> None:
    """They take connections and say nothing: told within the deadline; without Redis customers are served."""
    postgres, redis = proxy(real.settings.database_url), proxy(real.settings.redis_url)
    settings = replace(real.settings, database_url=postgres.url, redis_url=redis.url)
    client = create_app(replace(real, settings=settings)).test_client()
    for silent, status, told in (
        (redis, 200, {"status": "ready", "postgres": "ok", "redis": "away"}),
        (postgres, 503, {"status": "not ready", "postgres": "away", "redis": "away"}),
    ):
        silent.freeze()
        began = time.monotonic()
        answer = client.get("/readyz")
        assert time.monotonic() - began < 3
        assert (answer.status_code, answer.get_json()) == (status, told)
    postgres.heal()
    redis.heal()
    assert client.get("/readyz").status_code == 200


def webhook(client: FlaskClient, event: dict[str, Any] | bytes, *, key: str = "second key", age: int = 0) -> int:
    """Send what the provider would; the status."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signature = signatures.sign(key, body, int(time.time()) - age)
    return client.post("/webhooks/payments", data=body, headers={signatures.HEADER: signature}).status_code


def charged(order_id: str, *, cents: int = 4_000, event: str = "evt_1") -> dict[str, Any]:
    """The provider's message about a charge."""
    charge = {"id": f"ch_{order_id[:8]}", "order_id": order_id, "amount_cents": cents}
    return {"id": event, "type": "charge.succeeded", "data": charge}


def test_a_webhook_pays_once(ana: FlaskClient, login: Login, rows: Session, real: Services) -> None:
    """However often it comes, and under another id, too."""
    order_id = buy(ana, tiers(rows)[0]).get_json()["order"]["id"]
    provider = login("")
    for event in ("evt_1", "evt_1", "evt_2"):
        assert webhook(provider, charged(order_id, event=event)) == 200
    assert ana.get(f"/orders/{order_id}", headers=JSON).get_json()["order"]["status"] == "paid"
    assert rows.scalar(select(func.count()).select_from(Payment)) == 1
    topics = select(OutboxMessage.topic).order_by(OutboxMessage.id)
    assert list(rows.scalars(topics)) == ["charge_order", "send_ticket_email"]
    queue: Any = real.queue
    assert queue.woken == 2


def test_webhooks_that_are_not_trusted(ana: FlaskClient, login: Login, rows: Session) -> None:
    """Another key, an old message, no signature: 403, and nothing has changed."""
    order_id = buy(ana, tiers(rows)[0]).get_json()["order"]["id"]
    provider = login("")
    assert webhook(provider, charged(order_id), key="another") == 403
    assert webhook(provider, charged(order_id), age=3_600) == 403
    assert provider.post("/webhooks/payments", json=charged(order_id)).status_code == 403
    assert rows.scalar(select(func.count()).select_from(WebhookEvent)) == 0
    assert ana.get(f"/orders/{order_id}", headers=JSON).get_json()["order"]["status"] == "pending"


def test_webhooks_that_make_no_sense(ana: FlaskClient, login: Login, rows: Session) -> None:
    """400 for what can't be read; another amount, an unknown order or kind is taken and changes nothing."""
    order_id = buy(ana, tiers(rows)[0]).get_json()["order"]["id"]
    provider = login("")
    assert webhook(provider, b"{") == 400
    assert webhook(provider, b"[]") == 400
    assert webhook(provider, {**charged(order_id), "id": ""}) == 400
    assert webhook(provider, charged("no uuid")) == 400
    assert webhook(provider, charged(order_id, cents=1)) == 200
    assert webhook(provider, charged(str(UUID(int=1)), event="evt_2")) == 200
    assert webhook(provider, {"id": "evt_3", "type": "something.new"}) == 200
    assert rows.scalar(select(func.count()).select_from(Payment)) == 0
    assert ana.get(f"/orders/{order_id}", headers=JSON).get_json()["order"]["status"] == "pending"


def test_the_log_tells_what_happened(ana: FlaskClient, rows: Session, caplog: pytest.LogCaptureFixture) -> None:
    """Business events with their ids, under the request's; never a password."""
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(logs.JsonFormatter())
    where = buy(ana, tiers(rows)[0]).location
    ana.post(f"{where}/cancel", headers=JSON)
    ana.post("/login", json={"email": seed_data.ANA, "password": seed_data.PASSWORD}, headers=JSON)
    told = [json.loads(line) for line in caplog.text.splitlines()]
    told = [line for line in told if str(line["logger"]).startswith("guiche.web")]
    assert [line["msg"] for line in told] == [
        "order placed", "request", "order cancelled", "request", "login ok", "request",
    ]  # fmt: skip
    assert len({line["request_id"] for line in told}) == 3
    assert told[0]["order_id"] == where.rpartition("/")[2]
    assert told[1]["user_id"] == told[0]["user_id"]
    assert seed_data.PASSWORD not in caplog.text
