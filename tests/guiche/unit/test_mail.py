"""Mail as files, and through a server."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler

from guiche.mail import Mailer
from tests.guiche.support import free_port


class Inbox(Handler):  # type: ignore[misc]
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.messages: list[EmailMessage] = []

    def prepare_message(self, session: object, envelope: object) -> EmailMessage:
        """Parse with the modern policy."""
        content = envelope.original_content  # type: ignore[attr-defined]
        return message_from_bytes(content, policy=policy.default)

    def handle_message(self, message: EmailMessage) -> None:
        """Keep it."""
        self.messages.append(message)


@pytest.fixture
def inbox() -> Iterator[tuple[str, Inbox]]:
    """A mail server and what it got."""
    kept = Inbox()
    server = Controller(kept, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        yield f"smtp://127.0.0.1:{server.port}", kept
    finally:
        server.stop()


def read(path: Path) -> EmailMessage:
    """An .eml file, parsed."""
    found = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_message_is_a_file(tmp_path: Path) -> None:
    """One .eml with all that was said, accents included, and no draft beside it."""
    Mailer(f"file://{tmp_path}/mail box").send("ana@example.com", "Seu ingresso é seu", "Olá, João!\n", "k")
    (file,) = (tmp_path / "mail box").iterdir()
    message = read(file)
    assert file.suffix == ".eml"
    assert (message["To"], message["Subject"]) == ("ana@example.com", "Seu ingresso é seu")
    assert message.get_content() == "Olá, João!\n"


def test_the_same_key_is_the_same_file(tmp_path: Path) -> None:
    """Sent twice, there is one; another key is another file."""
    mailer = Mailer(f"file://{tmp_path}")
    for key in ("a", "a", "../b"):
        mailer.send("ana@example.com", "s", key, key)
    assert sorted(read(file).get_content() for file in tmp_path.iterdir()) == ["../b\n", "a\n"]


def test_a_header_cannot_be_smuggled_in(tmp_path: Path) -> None:
    """A line break in a subject or an address is refused, and nothing is written."""
    mailer = Mailer(f"file://{tmp_path}")
    for to, subject in (("a@example.com\nBcc: x@example.com", "s"), ("a@example.com", "s\r\nBcc: x@example.com")):
        with pytest.raises(ValueError, match=r"linefeed|newline|CR|LF"):
            mailer.send(to, subject, "b", "k")
    assert not list(tmp_path.iterdir())


def test_a_server_takes_the_message(inbox: tuple[str, Inbox]) -> None:
    """Over SMTP the same message arrives, with an id that its key makes."""
    url, kept = inbox
    for _again in range(2):
        Mailer(url).send("ana@example.com", "Ingressos – João", "Olá\n", "k")
    ids = {message["Message-ID"] for message in kept.messages}
    assert [message["Subject"] for message in kept.messages] == ["Ingressos – João"] * 2
    assert len(ids) == 1


def test_a_server_that_is_away_is_an_oserror() -> None:
    """So the task tries again."""
    with pytest.raises(OSError, match="refused"):
        Mailer("smtp://127.0.0.1:1").send("ana@example.com", "s", "b", "k")


@pytest.mark.parametrize("url", ["", "mail", "http://x", "smtp://", "file:"])
def test_another_url_is_refused(url: str) -> None:
    """At the start, not at the first message."""
    with pytest.raises(ValueError, match="expected smtp"):
        Mailer(url)
