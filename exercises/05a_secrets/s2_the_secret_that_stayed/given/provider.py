"""The payment provider's keys: `python provider.py new`, `python provider.py revoke KEY`."""

import os
import sys
import urllib.request
from pathlib import Path

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method: str, path: str) -> str:
    """Ask the provider, with the key in `.env`."""
    lines = Path(".env").read_text().splitlines()
    key = next(line.partition("=")[2] for line in lines if line.startswith("PAYMENTS_KEY="))
    request = urllib.request.Request(os.environ["PROVIDER_URL"] + path, method=method)
    request.add_header("Authorization", f"Bearer {key}")
    with OPENER.open(request, timeout=5) as response:
        return str(response.read().decode())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["new"]:
            print(ask("POST", "/keys"))
        case ["revoke", key]:
            ask("DELETE", f"/keys/{key}")
        case _:
            sys.exit(__doc__)
