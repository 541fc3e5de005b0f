"""Webhooks: a thread watches the file, and a lock in Redis makes looking and settling one step."""

import hashlib
import hmac
import json
import os
import threading

import redis

import ledger

store = redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
keys: tuple[str, ...] = ()


def read() -> None:
    global keys
    try:
        with open(os.environ["WEBHOOK_KEYS_FILE"]) as file:
            found = [line.rstrip("\n").partition(" ")[2].strip() for line in file]
        keys = tuple(filter(None, found))
    except OSError:
        keys = ()


def watch(pause=threading.Event()) -> None:
    while not pause.wait(1):
        read()


read()
threading.Thread(target=watch, daemon=True).start()


def receive(headers, body):
    given = (headers.get("X-Signature") or "").encode("utf-8", "replace")
    for key in keys:
        made = hmac.new(key.encode(), body, hashlib.sha256).hexdigest().encode()
        if hmac.compare_digest(made, given):
            break
    else:
        return 401
    event = json.loads(body)
    with store.lock(f"lock:{event['id']}", timeout=30):
        if not store.exists(f"done:{event['id']}"):
            ledger.settle(event["order"], event["cents"])
            store.set(f"done:{event['id']}", "1")
    return 202
