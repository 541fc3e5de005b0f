"""How templates write money and moments."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask

from guiche.web.parts import customer

ZONE = ZoneInfo("America/Sao_Paulo")


def install(app: Flask) -> None:
    """Give them to every template."""
    app.add_template_filter(money)
    app.add_template_filter(day)
    app.add_template_filter(clock)
    app.add_template_filter(iso)
    app.context_processor(lambda: {"customer": customer()})


def money(cents: int) -> str:
    """`R$ 1.234,50`."""
    whole, rest = divmod(cents, 100)
    return f"R$ {whole:,}".replace(",", ".") + f",{rest:02d}"


def day(moment: datetime | str) -> str:
    """`Fri, 20 November 2026`, in São Paulo."""
    local = _local(moment)
    return f"{local:%a}, {local.day} {local:%B %Y}"


def clock(moment: datetime | str) -> str:
    """`18:00`, in São Paulo."""
    return f"{_local(moment):%H:%M}"


def iso(moment: datetime | str) -> str:
    """For `<time datetime>`."""
    return _local(moment).isoformat(timespec="minutes")


def _local(moment: datetime | str) -> datetime:
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found.astimezone(ZONE)
