"""How values look to a customer: money, dates where the event is, statuses in words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import Flask

from guiche import logs, pricing
from guiche.web.context import visitor

ZONE = ZoneInfo("America/Sao_Paulo")

#: In words: what an order is, and what that means for whoever looks at it.
STATUS = {
    "pending": ("Waiting for payment", "We are collecting the payment. That takes a few seconds."),
    "paid": ("Paid", "Your tickets are on their way to you by email."),
    "refused": ("Payment refused", "Nothing was charged, and the seats are free again. Order again to retry."),
    "cancelled": ("Cancelled", "You cancelled this order. The seats are free again."),
    "expired": ("Expired", "The payment did not arrive in time. The seats are free again."),
}  # fmt: skip


def money(cents: int) -> str:
    """R$ 1,234.50; the space does not break."""
    sign = "−" if cents < 0 else ""
    return f"{sign}R$\N{NO-BREAK SPACE}{Decimal(abs(cents)) / 100:,.2f}"


def local(moment: datetime | str) -> datetime:
    """The moment on a clock in São Paulo."""
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(ZONE)


def day(moment: datetime | str) -> str:
    """Sat 12 Dec 2026"""
    when = local(moment)
    return f"{when:%a} {when.day} {when:%b} {when.year}"


def clock(moment: datetime | str) -> str:
    """20:00"""
    return f"{local(moment):%H:%M}"


def is_past(moment: datetime | str) -> bool:
    """Whether it has begun."""
    return local(moment) < datetime.now(UTC)


def by_event(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items of one event and tier at one price as one line, below their event: a long order stays readable."""

    def event(item: dict[str, Any]) -> str:
        return str(item["event"])

    def line(item: dict[str, Any]) -> tuple[str, int]:
        return str(item["tier"]), int(item["unit_cents"])

    return [
        {
            "event": title,
            "lines": [
                {"tier": tier, "unit_cents": cents, "qty": sum(item["qty"] for item in same)}
                for (tier, cents), same in groupby(sorted(of_event, key=line), key=line)
            ],
        }
        for title, of_event in groupby(sorted(items, key=event), key=event)
    ]


def register(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.filters.update(money=money, day=day, clock=clock, local=local, by_event=by_event)
    app.jinja_env.tests["past"] = is_past
    app.jinja_env.globals.update(
        STATUS=STATUS,
        DISCOUNT_FROM=pricing.DISCOUNT_FROM,
        DISCOUNT_PERCENT=pricing.DISCOUNT_PERCENT,
        visitor=visitor,
        new_key=lambda: str(uuid4()),
        request_id=logs.request_id.get,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
