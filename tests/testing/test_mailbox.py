"""A mailbox keeps what comes over SMTP, lets callers wait, and survives those that are killed."""

from __future__ import annotations

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from inprod.testing import wait_until
from inprod.testing.mailbox import Mail, Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An empty one."""
    made = Mailbox()
    yield made
    made.close()


def port(mailbox: Mailbox) -> int:
    return int(mailbox.url.rpartition(":")[2])


def send(mailbox: Mailbox, text: str) -> None:
    message = EmailMessage()
    message["To"], message["Subject"] = "ana@example.com", "Olá"
    message.set_content(text)
    with smtplib.SMTP("127.0.0.1", port(mailbox), timeout=5) as client:
        client.send_message(message, from_addr="shop@example.com")


def test_keeps_what_comes(mailbox: Mailbox) -> None:
    """Also a line that begins with a dot, and letters beyond ASCII."""
    send(mailbox, ".first\nação\n.\n")
    send(mailbox, "second\n")
    assert mailbox.mails == [
        Mail("ana@example.com", "Olá", ".first\nação\n.\n"),
        Mail("ana@example.com", "Olá", "second\n"),
    ]
    assert mailbox.callers == 2


def test_callers_wait_at_the_door(mailbox: Mailbox) -> None:
    mailbox.door.clear()
    caller = threading.Thread(target=send, args=(mailbox, "hello\n"), daemon=True)
    caller.start()
    assert wait_until(lambda: mailbox.callers == 1, timeout=5)
    assert not mailbox.mails
    mailbox.door.set()
    caller.join(5)
    assert [mail.text for mail in mailbox.mails] == ["hello\n"]


def test_a_caller_who_breaks_off(mailbox: Mailbox) -> None:
    """The one who comes next is served."""
    with socket.create_connection(("127.0.0.1", port(mailbox)), timeout=5) as caller:
        caller.recv(100)
        caller.sendall(b"DATA\r\nSubject: half\r\n")
        caller.recv(100)
    send(mailbox, "whole\n")
    assert mailbox.mails[-1].text == "whole\n"


def test_closing_is_quick() -> None:
    """An observation must not wait half a second for a server that has nothing to do."""
    made = Mailbox()
    start = time.monotonic()
    made.close()
    assert time.monotonic() - start < 0.4
    with pytest.raises(ConnectionRefusedError):
        send(made, "late\n")
