"""Tells the shop about charges: signed, and again until it is taken or too much time has passed."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time

import httpx

from guiche import signatures
from guiche.provider.ledger import Charge

log = logging.getLogger(__name__)

_TIMEOUT = 5.0
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  #: seconds before each attempt


class Webhooks:
    """Sends to `url`, signed with `key`; without a URL nothing is sent."""

    def __init__(self, url: str, key: str) -> None:
        if url and not key:
            raise ValueError("a webhook needs a key to sign with")
        self._url = url
        self._key = key
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, charge: Charge) -> None:
        """Send `charge.succeeded` in the background."""
        if self._url:
            task = asyncio.get_running_loop().create_task(self._deliver(charge))
            self._tasks.add(task)  # the loop itself keeps only a weak reference
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, charge: Charge) -> None:
        event = {"id": f"evt_{secrets.token_hex(8)}", "type": "charge.succeeded", "data": charge.as_json()}
        body = json.dumps(event).encode()
        async with httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client:
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                if await self._post(client, body, charge, str(event["id"])):
                    return
        log.error("webhook given up", extra={"event_id": event["id"], "order_id": charge.order_id})

    async def _post(self, client: httpx.AsyncClient, body: bytes, charge: Charge, event_id: str) -> bool:
        headers = {
            "Content-Type": "application/json",
            "X-Request-ID": charge.request_id,
            signatures.HEADER: signatures.sign(self._key, body, int(time.time())),
        }
        told = {"event_id": event_id, "order_id": charge.order_id}
        try:
            answer = await client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            log.warning("webhook not delivered", extra={**told, "reason": type(error).__name__})
            return False
        log.info("webhook answered", extra={**told, "status": answer.status_code})
        return answer.is_success
