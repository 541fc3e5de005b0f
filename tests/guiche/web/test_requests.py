"""What surrounds every request: ids, log lines, numbers, headers, origins, failures."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from guiche.logs import JsonFormatter
from guiche.web import version
from guiche.web.app import create_app
from guiche.wiring import Services
from tests.guiche.web.conftest import JSON
from tests.guiche.web.fakes import AwaySession


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What was logged, as it would be printed."""
    return [json.loads(JsonFormatter().format(record)) for record in caplog.records]


def test_version(client: FlaskClient) -> None:
    """The version of the settings, as JSON."""
    assert client.get("/version").get_json() == {"version": "7.8.9"}


def test_starts_without_the_version_view(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blueprint without a view is no reason not to serve."""
    from flask import Blueprint

    monkeypatch.setattr(version, "blueprint", Blueprint("version", __name__))
    client = create_app(services).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/version").status_code == 404


def test_alive_without_any_server(client: FlaskClient) -> None:
    """Nothing else is asked."""
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_not_ready_without_postgres(client: FlaskClient) -> None:
    """Nobody listens: 503, and which server it is."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"status": "not ready", "postgres": "away", "redis": "away"}


@pytest.mark.parametrize("given", ["buy-1", "A.b_c-9", "x" * 64])
def test_a_good_request_id_is_kept(client: FlaskClient, given: str) -> None:
    """Whoever asks can find the line."""
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "é", 'a"b', "a/b"])
def test_a_bad_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    """Nothing from outside but a short word reaches the log."""
    made = [client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] for _again in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in made)
    assert made[0] != made[1]


def test_one_line_a_request(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """Method, path, route, status, time, id and user; the query, which may hold anything, is left out."""
    caplog.set_level(logging.INFO, "guiche")
    client.get("/events/nothing?token=secret", headers={"X-Request-ID": "one"})
    (record,) = [record for record in caplog.records if record.getMessage() == "request"]
    told = vars(record)
    assert (told["method"], told["path"], told["route"]) == ("GET", "/events/nothing", "/events/<slug>")
    assert (told["status"], told["user_id"]) == (404, None)
    assert 0 <= told["ms"] < 60_000
    assert "secret" not in caplog.text


def test_routes_are_counted_by_template(client: FlaskClient) -> None:
    """A thousand addresses are not a thousand series."""
    for path in ("/events/nona-sinfonia", "/events/a", "/events/b", "/wp-login.php", "/other"):
        client.get(path)
    client.open("/", method="BREW")
    text = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/events/<slug>",status="404"} 2.0' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 2.0' in text
    assert 'method="OTHER"' in text
    assert 'http_request_seconds_count{route="/events/<slug>"} 3.0' in text
    assert "wp-login" not in text
    assert "db_pool_in_use 0.0" in text


@pytest.mark.parametrize("path", ["/login", "/nothing", "/version", "/static/style.css"])
def test_headers(client: FlaskClient, path: str) -> None:
    """Every answer tells the browser what it may not do."""
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_need_nothing_that_the_policy_forbids(client: FlaskClient) -> None:
    """No inline style or script, nothing from elsewhere."""
    for path in ("/login", "/nothing", "/events/nona-sinfonia", "/me/orders"):
        page = client.get(path).text
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", page)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 204),
        ({"Sec-Fetch-Site": "same-origin"}, 204),
        ({"Sec-Fetch-Site": "none"}, 204),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "http://localhost"}, 204),
        ({"Origin": "http://tickets.example"}, 204),
        ({"Origin": "https://tickets.example"}, 403),
        ({"Origin": "http://tickets.example.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_changes_from_other_sites_are_refused(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    """Whatever the cookie says; reading is free."""
    answer = client.post("/logout", headers={**JSON, **headers})
    assert answer.status_code == status
    if status == 403:
        assert answer.get_json()["error"]["code"] == "cross_site"
    assert client.get("/login", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/events/nothing", 404, "not_found"),
        ("GET", "/events/a%00b", 404, "not_found"),
        ("GET", "/events/nona-sinfonia/banner", 404, "not_found"),
        ("DELETE", "/login", 405, "method_not_allowed"),
        ("GET", "/events?sort=id", 400, "bad_parameter"),
        ("GET", "/events?dir=up", 400, "bad_parameter"),
        ("GET", "/events?when=never", 400, "bad_parameter"),
        ("GET", "/events?min_price=1.5", 400, "bad_parameter"),
        ("GET", "/events?max_price=-1", 400, "bad_parameter"),
        ("GET", "/events?page=0", 400, "bad_parameter"),
        ("GET", "/events?page=%C2%B2", 400, "bad_parameter"),
        ("GET", "/me/orders", 401, "login_required"),
        ("GET", "/admin/sales", 401, "login_required"),
        ("POST", "/events/nona-sinfonia/reviews", 401, "login_required"),
        ("POST", "/admin/events/nona-sinfonia", 401, "login_required"),
        ("POST", "/orders/00000000-0000-0000-0000-000000000000/cancel", 401, "login_required"),
        ("GET", "/orders/1", 404, "not_found"),
        ("POST", "/login", 400, "missing_field"),
    ],
)
def test_failures_for_people_and_programs(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    """The same status for both: a page that says what to do, or an object with a code."""
    program = client.open(path, method=method, headers=JSON)
    assert program.status_code == status
    assert program.get_json()["error"]["code"] == code
    assert program.get_json()["error"]["message"]
    person = client.open(path, method=method, headers={"Accept": "text/html,*/*;q=0.8"})
    assert person.status_code == status
    assert person.content_type.startswith("text/html")
    assert "<h1" in person.text


def test_json_that_is_none(client: FlaskClient) -> None:
    """Broken JSON and JSON that is no object are the sender's mistake."""
    for body in ("{", "[]", '"x"', "null"):
        answer = client.post("/login", data=body, content_type="application/json")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "bad_request")


def test_a_body_has_an_end(client: FlaskClient) -> None:
    """Nobody fills the memory."""
    answer = client.post("/login", data={"email": "a", "password": "x" * 100_000}, headers=JSON)
    assert answer.status_code == 413


def test_postgres_away(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    """503 in both forms, a time to come back, and one line with the reason in it."""
    away: Any = AwaySession
    client = create_app(replace(services, sessions=away)).test_client()
    program = client.get("/events", headers=JSON)
    assert (program.status_code, program.get_json()["error"]["code"]) == (503, "unavailable")
    assert program.headers["Retry-After"] == "10"
    failures = [line for line in lines(caplog) if line["level"] == "ERROR"]
    assert [line["msg"] for line in failures] == ["database not available"]
    assert "connection refused" in failures[0]["exc"]
    person = client.get("/")
    assert (person.status_code, "Try again" in person.text) == (503, True)


def test_a_broken_view(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """500 in both forms without a word about the inside; the traceback stands in one line of the log."""

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("inside")

    client = app.test_client()
    program = client.get("/broken", headers=JSON)
    assert (program.status_code, program.get_json()["error"]["code"]) == (500, "internal_error")
    person = client.get("/broken")
    assert person.status_code == 500
    assert "inside" not in person.text + program.text
    failures = [line for line in lines(caplog) if line["level"] == "ERROR"]
    assert len(failures) == 2
    assert all("RuntimeError: inside" in line["exc"] for line in failures)


def test_login_is_limited(client: FlaskClient) -> None:
    """After too many attempts the password is not even looked at."""
    answer = client.post("/login", json={"email": "locked@example.com", "password": "x"})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (429, "too_many_attempts")
    assert answer.headers["Retry-After"] == "900"


def test_a_wrong_login_is_counted_and_tells_nothing(
    client: FlaskClient, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither who exists nor what was typed can be read in answer or log."""
    caplog.set_level(logging.INFO)
    answer = client.post("/login", data={"email": "nobody@example.com", "password": "hunter22"})
    assert answer.status_code == 401
    assert "hunter22" not in answer.text + caplog.text + "".join(map(str, lines(caplog)))
    failures: Any = services.limits
    assert failures.failures == ["nobody@example.com"]


def test_the_page_of_an_event(client: FlaskClient) -> None:
    """Escaped, in São Paulo's time, with price and seats."""
    page = client.get("/events/nona-sinfonia").text
    assert "Nona Sinfonia &lt;b&gt;" in page
    assert "Sat 12 Dec 2026 at 20:00" in page
    assert "R$\N{NO-BREAK SPACE}1,234.50" in page
    assert "Only 3 left" in page
    told = client.get("/events/nona-sinfonia", headers=JSON).get_json()
    assert told["event"]["tiers"][0]["left"] == 3
    assert told["reviews"] == []
