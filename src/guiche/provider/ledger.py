"""Every charge that there was, and how the provider behaves today."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """What goes wrong."""

    delay: float = 0.0  #: seconds between the charge and the answer
    down: bool = False  #: answers 503, charges nothing
    refuse: bool = False  #: declines every payment
    duplicate: bool = False  #: forgets keys: charges again
    webhooks: bool = True  #: tells the shop about each charge


@dataclass(frozen=True)
class Charge:
    """Money that moved."""

    id: str
    order_id: str
    amount_cents: int
    key: str
    at: str
    request_id: str

    def as_json(self) -> dict[str, Any]:
        """As the provider's clients see it."""
        return asdict(self)


class KeyReused(Exception):
    """The key came with another order or amount before."""


class Ledger:
    """Charges in order; used from one event loop, and so without locks."""

    def __init__(self) -> None:
        self._charges: list[Charge] = []
        self._by_key: dict[str, Charge] = {}

    def all(self) -> list[Charge]:
        """Every charge, oldest first."""
        return list(self._charges)

    def charge(
        self, *, order_id: str, amount_cents: int, key: str, request_id: str, forget: bool = False
    ) -> tuple[Charge, bool]:
        """The charge of `key`, and whether it is new.

        Raises:
            KeyReused: the key belongs to a charge that differs.
        """
        known = None if forget else self._by_key.get(key)
        if known is not None:
            if (known.order_id, known.amount_cents) != (order_id, amount_cents):
                raise KeyReused(key)
            return known, False
        at = datetime.now(UTC).isoformat()
        made = Charge(f"ch_{secrets.token_hex(8)}", order_id, amount_cents, key, at, request_id)
        self._charges.append(made)
        self._by_key.setdefault(key, made)
        return made, True
