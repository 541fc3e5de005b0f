"""A mail server that delivers nothing: it takes e-mails over SMTP and keeps them, for the check to read."""

from __future__ import annotations

import socketserver
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from io import BufferedIOBase
from itertools import takewhile
from threading import Event, Thread

PATIENCE = 10.0  #: seconds that a caller waits at a closed door, at most
POLL = 0.05  #: seconds that closing may take; socketserver's own default is half a second


@dataclass(frozen=True)
class Mail:
    """One e-mail that came."""

    to: str
    subject: str
    text: str


class Mailbox:
    """Where all mail goes.

    Attributes:
        url: for the answer's environment, `smtp://127.0.0.1:…`.
        mails: what has come, in order; a check may add mails of its own.
        callers: how many have connected.
        door: an event; while it is cleared, callers wait for the greeting.
    """

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.callers = 0
        self.door = Event()
        self.door.set()
        box = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                box.callers += 1
                box.door.wait(PATIENCE)
                with suppress(OSError):  # the caller may have been killed
                    self.talk()

            def talk(self) -> None:
                self.say("220 ready")
                for line in self.rfile:
                    command = line[:4].strip().upper()
                    if command == b"DATA":
                        self.say("354 go on")
                        box.mails.append(_read(self.rfile))
                    self.say("221 bye" if command == b"QUIT" else "250 ok")

            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            def finish(self) -> None:
                with suppress(OSError):
                    super().finish()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.url = f"smtp://127.0.0.1:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(POLL,), daemon=True).start()

    def __repr__(self) -> str:
        return "<a mailbox>"

    def close(self) -> None:
        """No more mails; whoever waits at the door comes in."""
        self.door.set()
        self._server.shutdown()
        self._server.server_close()


def _read(lines: BufferedIOBase) -> Mail:
    """A message up to its single dot; a line's own first dot was doubled by the sender (RFC 5321, 4.5.2)."""
    raw = b"".join(line.removeprefix(b".") for line in takewhile(lambda line: line != b".\r\n", lines))
    message = message_from_bytes(raw, policy=policy.default)
    return Mail(str(message["To"]), str(message["Subject"]), str(message.get_content()).replace("\r\n", "\n"))
