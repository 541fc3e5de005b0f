"""The shop's entry: a table of rules, and nothing but Python."""

import os
import re
from pathlib import Path

import shop

URL = r"https?://([^/@\s]*@)?[A-Za-z0-9.-]+(:\d+)?(/\S*)?"
RULES = {
    "SECRET_KEY": (r"(?=.*\S)(?!.*changeme).{32,}", "32 characters or more, not the example"),
    "PAYMENTS_URL": (URL, "an address with http or https, a host, and maybe a port"),
    "PORT": (r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]", "1 to 65535"),
}


class ConfigError(Exception):
    """What is wrong, by name."""


def env_file() -> dict[str, str]:
    path = Path(".env")
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line)


def load() -> dict[str, str]:
    found = env_file() | dict(os.environ)
    wrong = [
        f"{name} must be {expected}"
        for name, (rule, expected) in RULES.items()
        if not re.fullmatch(rule, found.get(name, ""))
    ]
    if wrong:
        raise ConfigError("; ".join(wrong))
    return found


if __name__ == "__main__":
    values = load()
    shop.serve(
        secret_key=values["SECRET_KEY"],
        payments_url=values["PAYMENTS_URL"],
        port=int(values["PORT"]),
    )
