"""JSON objects over a stream socket, each with its length in front."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("!I")
#: One frame; an answer's value is at most 4 MB, so this leaves room for its wrapping.
MAX_FRAME = 16 * 1024 * 1024


class FrameError(Exception):
    """The other side sent something that is not a frame."""


def send(sock: socket.socket, message: dict[str, Any]) -> None:
    """Send one message; blocks until it is written."""
    data = json.dumps(message).encode()
    if len(data) > MAX_FRAME:
        raise FrameError(f"a message of {len(data)} bytes is over the limit of {MAX_FRAME}")
    sock.sendall(_LENGTH.pack(len(data)) + data)


def receive(sock: socket.socket) -> dict[str, Any] | None:
    """The next message; None at the end of the stream. Honours the socket's timeout."""
    head = _exactly(sock, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise FrameError(f"a message of {length} bytes is over the limit of {MAX_FRAME}")
    data = _exactly(sock, length)
    if data is None:
        return None
    message = json.loads(data)
    if not isinstance(message, dict):
        raise FrameError("a message is not an object")
    return message


def _exactly(sock: socket.socket, count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        try:
            part = sock.recv(min(count, 1 << 20))
        except ConnectionResetError:
            return None
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
