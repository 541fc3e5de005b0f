"""Outgoing mail: through a server, or as files for a machine that has none."""

from __future__ import annotations

import hashlib
import os
import smtplib
import tempfile
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

SENDER = Address("Guichê", "tickets", "guiche.example")
TIMEOUT = 10.0


class Mailer:
    """Sends to `url`: `smtp://host:port`, `smtps://` for TLS, or `file:///folder` for one .eml file a message."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder: Path | None = None
        self._host, self._port = "", 0
        self._connect: type[smtplib.SMTP] = smtplib.SMTP
        if parts.scheme == "file" and parts.path:
            self._folder = Path(unquote(parts.path))
        elif parts.scheme in ("smtp", "smtps") and parts.hostname:
            self._connect = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
            self._host, self._port = parts.hostname, parts.port or (465 if parts.scheme == "smtps" else 25)
        else:
            raise ValueError("expected smtp://host:port or file:///folder")

    def send(self, to: str, subject: str, body: str, key: str) -> None:
        """Send a message; the same `key` makes the same message, so that a second sending can be recognised.

        Raises:
            OSError: it was not taken; smtplib's errors are OSErrors too.
        """
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        message = EmailMessage()
        message["From"] = SENDER
        message["To"] = to  # a line break in an address or subject is refused by EmailMessage
        message["Subject"] = subject
        message["Message-ID"] = f"<{name}@{SENDER.domain}>"
        message.set_content(body)
        if self._folder is not None:
            _write(self._folder, f"{name}.eml", bytes(message))
        else:
            with self._connect(self._host, self._port, timeout=TIMEOUT) as server:
                server.send_message(message)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Whole or not at all: whoever watches the folder never sees half a message."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(draft).replace(folder / name)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
