"""The e-mail provider, over HTTP at MAIL_URL. To be read and used, not changed."""

import json
import os
import urllib.error
import urllib.request

TIMEOUT = 5.0


class Down(Exception):
    """Not now: the provider is away, or has too much to do."""


class Refused(Exception):
    """Never: the provider does not take this mail, today or tomorrow."""


def send(ticket: int, address: str) -> str:
    """Send one ticket; returns the provider's receipt."""
    body = json.dumps({"ticket": ticket, "to": address}).encode()
    request = urllib.request.Request(os.environ["MAIL_URL"], body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return str(json.load(response)["receipt"])
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        raise (Down if error.code == 503 else Refused)(text) from error
    except OSError as error:
        raise Down(str(error)) from error
