"""What the payment provider tells us: who may say so, and how often does it count?"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path

from redis import Redis

import ledger

KEYS = Path(os.environ["WEBHOOK_KEYS_FILE"])
REMEMBERED = 30 * 24 * 3600  # seconds; the provider gives up after three days
redis = Redis.from_url(os.environ["REDIS_URL"])


def known_keys() -> list[str]:
    """The keys that are valid now; an empty one is none."""
    try:
        rows = [line.split() for line in KEYS.read_text().splitlines()]
    except FileNotFoundError:
        return []
    return [row[1] for row in rows if len(row) == 2]


def is_signed(body: bytes, given: str) -> bool:
    """Whether a valid key has signed these bytes."""
    made = [hmac.new(key.encode(), body, hashlib.sha256) for key in known_keys()]
    return any(hmac.compare_digest(m.hexdigest().encode(), given.encode()) for m in made)


def receive(headers: Mapping[str, str], body: bytes) -> int:
    """Judge a message, and settle the order that it speaks of."""
    if not is_signed(body, headers.get("X-Signature") or ""):
        return 401
    event = json.loads(body)
    if redis.exists(f"webhook:{event['id']}"):
        return 200
    ledger.settle(event["order"], event["cents"])
    redis.set(f"webhook:{event['id']}", 1, ex=REMEMBERED)
    return 200
