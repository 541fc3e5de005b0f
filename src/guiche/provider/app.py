"""The provider's HTTP interface; PUT /behaviour makes it slow, absent, refusing or forgetful."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Request, Response, status
from pydantic import BaseModel, ConfigDict, Field

from guiche import logs
from guiche.provider.ledger import Behaviour, KeyReused, Ledger
from guiche.provider.webhooks import Webhooks

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ChargeWanted(BaseModel):
    """The body of POST /charges."""

    model_config = ConfigDict(extra="forbid")

    order_id: str = Field(min_length=1, max_length=64)
    amount_cents: int = Field(ge=0)


class BehaviourWanted(BaseModel):
    """The body of PUT /behaviour: what is left out is normal again."""

    model_config = ConfigDict(extra="forbid")

    delay: float = Field(default=0.0, ge=0, le=60)
    down: bool = False
    refuse: bool = False
    duplicate: bool = False
    webhooks: bool = True


def create_app(webhooks: Webhooks) -> FastAPI:
    """The service with an empty ledger."""
    ledger = Ledger()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.behaviour = Behaviour()
        yield
        await webhooks.close()

    app = FastAPI(title="Payment provider", lifespan=lifespan)

    @app.middleware("http")
    async def with_request_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        token = logs.request_id.set(request_id)
        try:
            response = await call_next(request)
        finally:
            logs.request_id.reset(token)
        response.headers["X-Request-ID"] = request_id
        return response

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/charges")
    async def charges() -> list[dict[str, Any]]:
        return [charge.as_json() for charge in ledger.all()]

    @app.post("/charges", status_code=status.HTTP_201_CREATED)
    async def charge(
        wanted: ChargeWanted,
        response: Response,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    ) -> dict[str, Any]:
        behaviour: Behaviour = app.state.behaviour
        order = {"order_id": wanted.order_id, "amount_cents": wanted.amount_cents}
        if behaviour.down:
            log.warning("charge not possible: down", extra=order)
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "down for maintenance")
        if behaviour.refuse:
            log.info("charge refused", extra=order)
            await asyncio.sleep(behaviour.delay)
            raise HTTPException(status.HTTP_402_PAYMENT_REQUIRED, "the card was declined")
        try:
            made, is_new = ledger.charge(
                order_id=wanted.order_id,
                amount_cents=wanted.amount_cents,
                key=idempotency_key,
                request_id=logs.request_id.get() or "",
                forget=behaviour.duplicate,
            )
        except KeyReused:
            raise HTTPException(status.HTTP_409_CONFLICT, "the key belongs to another charge") from None
        log.info("charged" if is_new else "charged before", extra={**order, "charge_id": made.id})
        if is_new and behaviour.webhooks:
            webhooks.send(made)
        # The money has moved: who gives up waiting now does not know it.
        await asyncio.sleep(behaviour.delay)
        if not is_new:
            response.status_code = status.HTTP_200_OK
        return made.as_json()

    @app.put("/behaviour")
    async def behave(wanted: BehaviourWanted) -> dict[str, Any]:
        app.state.behaviour = Behaviour(**wanted.model_dump())
        log.info("behaviour set", extra={"behaviour": asdict(app.state.behaviour)})
        return asdict(app.state.behaviour)

    return app
