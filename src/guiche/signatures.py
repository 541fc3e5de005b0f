"""Signed messages between services: who holds a key wrote these bytes, and not long ago."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

HEADER = "X-Payments-Signature"
TOLERANCE = 300  #: seconds that a message may be old; clocks may differ by as much


class BadSignature(Exception):
    """The message is not to be trusted; the text says why, and never contains a key."""


def sign(key: str, body: bytes, timestamp: int) -> str:
    """The header for `body`: `t=<seconds>,v1=<hex>`; the time is signed along, so that nobody can renew it.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("an empty key signs nothing")
    return f"t={timestamp},v1={_digest(key, body, timestamp)}"


def verify(keys: Iterable[str], body: bytes, header: str, now: float) -> None:
    """Return when one of `keys` signed `body` within the last minutes; several keys allow a change of keys.

    Raises:
        BadSignature: the header is malformed, too old or from the future, or no key made it.
        ValueError: there is no key, or an empty one: everybody could sign.
    """
    known = tuple(keys)
    if not known or not all(known):
        raise ValueError("an empty key would let everybody sign")
    timestamp, given = _parts(header)
    if abs(now - timestamp) > TOLERANCE:
        raise BadSignature("the signature is too old, or from the future")
    # All keys are tried, whatever the outcome: the time taken tells nothing about which one it was.
    found = [hmac.compare_digest(_digest(key, body, timestamp), given) for key in known]
    if not any(found):
        raise BadSignature("no known key made this signature")


def _parts(header: str) -> tuple[int, str]:
    fields = dict(part.strip().partition("=")[::2] for part in header.split(","))
    timestamp, given = fields.get("t", ""), fields.get("v1", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and given.isascii() and given):
        raise BadSignature(f"{HEADER} is missing or malformed")
    return int(timestamp), given


def _digest(key: str, body: bytes, timestamp: int) -> str:
    return hmac.new(key.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
