"""Framed JSON between the processes of a check."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any

import pytest

from inprod.wire import frames


def test_messages_arrive_whole_and_in_order() -> None:
    """Large and small messages keep their borders."""
    a, b = socket.socketpair()
    with a, b:
        sent: list[dict[str, Any]] = [{"n": 1}, {"text": "x" * 300_000}, {"é": [None, True]}]

        def write() -> None:
            for message in sent:
                frames.send(a, message)

        writer = threading.Thread(target=write)
        writer.start()
        assert [frames.receive(b) for _ in sent] == sent
        writer.join(timeout=5)


def test_the_end_of_the_stream_is_none() -> None:
    """A closed peer, also in the middle of a frame, is the end and no error."""
    a, b = socket.socketpair()
    with b:
        a.sendall(struct.pack("!I", 10) + b"{")
        a.close()
        assert frames.receive(b) is None


@pytest.mark.parametrize("data", [struct.pack("!I", 2**31), struct.pack("!I", 2) + b"[]"], ids=["huge", "no object"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    """A length beyond the limit is not allocated; a list is not a message."""
    a, b = socket.socketpair()
    with a, b:
        a.sendall(data)
        with pytest.raises(frames.FrameError):
            frames.receive(b)
