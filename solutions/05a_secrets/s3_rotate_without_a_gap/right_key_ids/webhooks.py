"""Webhooks: the key that the message names, from a file that is read when it has changed."""

import hmac
import json
import os
from threading import Lock

from redis import Redis

import ledger


class Keys:
    """Keys by id, as the file has them now."""

    def __init__(self, path):
        self.path, self.lock = path, Lock()
        self.seen, self.by_id = None, {}

    def get(self, key_id):
        with self.lock:
            try:
                now = os.stat(self.path)
            except OSError:
                self.seen, self.by_id = None, {}
                return None
            seen = (now.st_mtime_ns, now.st_ino, now.st_size)
            if seen != self.seen:
                with open(self.path) as file:
                    pairs = [line.strip().partition(" ")[::2] for line in file]
                self.seen, self.by_id = seen, {k: v for k, v in pairs if k and v}
            return self.by_id.get(key_id)


keys = Keys(os.environ["WEBHOOK_KEYS_FILE"])
redis = Redis.from_url(os.environ["REDIS_URL"])


def receive(headers, body):
    key = keys.get(headers.get("X-Key-Id"))
    if key is None:
        return 403
    made = hmac.digest(key.encode(), body, "sha256").hex()
    if not hmac.compare_digest(made.encode(), (headers.get("X-Signature") or "").encode()):
        return 403
    event = json.loads(body)
    if redis.sadd("webhooks", event["id"]) == 0:
        return 409
    ledger.settle(event["order"], event["cents"])
    return 204
