"""What the payment provider tells us: who may say so, and how often does it count?"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from pathlib import Path

import ledger

FIRST_LINE = Path(os.environ["WEBHOOK_KEYS_FILE"]).read_text().splitlines()[0]
KEY = FIRST_LINE.partition(" ")[2]


def receive(headers: Mapping[str, str], body: bytes) -> int:
    """Judge a message, and settle the order that it speaks of."""
    made = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    if made != headers.get("X-Signature"):
        return 401
    event = json.loads(body)
    ledger.settle(event["order"], event["cents"])
    return 200
