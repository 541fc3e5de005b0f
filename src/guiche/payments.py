"""The payment provider, seen from our side: one call, two ways to fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

_CONNECT = 2.0


class PaymentsDown(Exception):
    """No answer that counts: it is unknown whether money moved. Ask again with the same key."""


class PaymentRefused(Exception):
    """The provider answered, and the answer is no: asking again changes nothing."""


@dataclass(frozen=True)
class Charge:
    """Money that moved."""

    id: str
    order_id: str
    amount_cents: int


class PaymentsClient:
    """Asks the provider at `base_url`; waits `timeout` seconds at most for each step of the conversation."""

    def __init__(self, base_url: str, timeout: float = 5.0) -> None:
        self._base_url = base_url
        self._timeout = httpx.Timeout(timeout, connect=min(timeout, _CONNECT))

    @cached_property
    def _client(self) -> httpx.Client:
        # Made at first use: a process that forks before has no connection to share by accident.
        return httpx.Client(base_url=self._base_url, timeout=self._timeout, trust_env=False)

    def charge(self, order_id: str, amount_cents: int, key: str, request_id: str) -> Charge:
        """Charge an order once: the provider answers the same `key` with the same charge.

        Raises:
            PaymentsDown: not reached, too slow, or an answer that makes no sense; try again later.
            PaymentRefused: the customer's payment was declined.
        """
        headers = {"Idempotency-Key": key, "X-Request-ID": request_id}
        wanted = {"order_id": order_id, "amount_cents": amount_cents}
        try:
            answer = self._client.post("/charges", json=wanted, headers=headers)
        except httpx.HTTPError as error:
            raise PaymentsDown(f"no answer from the provider: {type(error).__name__}") from error
        if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
            raise PaymentRefused("the provider declined the payment")
        if answer.status_code not in (httpx.codes.OK, httpx.codes.CREATED):
            raise PaymentsDown(f"the provider answered {answer.status_code}")
        return _charge(answer, wanted)

    def close(self) -> None:
        """Close the connections; idempotent."""
        if "_client" in self.__dict__:
            self._client.close()
            del self.__dict__["_client"]


def _charge(answer: httpx.Response, wanted: dict[str, Any]) -> Charge:
    try:
        told = answer.json()
        charge = Charge(id=str(told["id"]), order_id=told["order_id"], amount_cents=told["amount_cents"])
    except (ValueError, KeyError, TypeError) as error:
        raise PaymentsDown("the provider's answer can't be read") from error
    if {"order_id": charge.order_id, "amount_cents": charge.amount_cents} != wanted:
        raise PaymentsDown("the provider answered about another charge")
    return charge
