"""Proxies delay, cut, freeze and heal; the other side is an echo server."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from inprod.testing import wait_until
from inprod.testing.proxy import Proxy, ProxyMaker
from inprod.testing.room import ports


class Echo(socketserver.StreamRequestHandler):
    """Sends back what it gets."""

    def handle(self) -> None:
        while data := self.connection.recv(1 << 16):
            self.connection.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    """Ends with the test."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy in front of an echo server."""
    server = Server(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    maker = ProxyMaker()
    yield maker(f"redis://:secret@127.0.0.1:{server.server_address[1]}/3?x=1")
    maker.close()
    server.shutdown()
    server.server_close()


def connect(proxy: Proxy, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", min(ports([proxy.url]))), timeout=timeout)


def echo(connection: socket.socket, data: bytes = b"hello") -> bytes:
    connection.sendall(data)
    return connection.recv(len(data))


def test_only_host_and_port_of_the_url_change(proxy: Proxy) -> None:
    """Password, path and query stay."""
    assert proxy.url == f"redis://:secret@127.0.0.1:{min(ports([proxy.url]))}/3?x=1"


def test_passes_everything_on(proxy: Proxy) -> None:
    """A megabyte arrives as it was, and an end arrives as an end."""
    data = bytes(range(256)) * 4096
    with connect(proxy) as connection:
        sender = threading.Thread(target=connection.sendall, args=[data])
        sender.start()
        received = b""
        while len(received) < len(data):
            received += connection.recv(1 << 16)
        sender.join(5)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert received == data
    assert wait_until(lambda: proxy.connections == 0, timeout=5, what="the end is seen")


def test_replies_come_later(proxy: Proxy) -> None:
    """`delay` holds each reply back; connections don't wait for one another."""
    with connect(proxy) as one, connect(proxy) as two:
        assert echo(one) == echo(two) == b"hello"
        proxy.delay = 0.3
        start = time.monotonic()
        one.sendall(b"x")
        two.sendall(b"x")
        assert one.recv(1) == two.recv(1) == b"x"
        assert 0.3 <= time.monotonic() - start < 0.6 + 1.0
        assert proxy.connections == 2


def test_cut_resets_and_refuses_until_healed(proxy: Proxy) -> None:
    """Open connections are reset, new ones refused; after `heal` new ones work."""
    with connect(proxy) as connection:
        assert echo(connection) == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    for _n in range(3):
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    proxy.heal()
    with connect(proxy) as connection:
        assert echo(connection) == b"hello"


def test_cut_twice_and_healed_twice(proxy: Proxy) -> None:
    """Both are idempotent."""
    proxy.cut()
    proxy.cut()
    proxy.heal()
    proxy.heal()
    with connect(proxy) as connection:
        assert echo(connection) == b"hello"


def test_frozen_is_silent_until_healed(proxy: Proxy) -> None:
    """While frozen, connections open and nothing comes back; afterwards what was held back arrives."""
    with connect(proxy) as old:
        assert echo(old) == b"hello"
        proxy.freeze()
        with connect(proxy) as new:
            for connection in (old, new):
                connection.sendall(b"late")
                connection.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    connection.recv(4)
            proxy.heal()
            for connection in (old, new):
                connection.settimeout(5)
                assert connection.recv(4) == b"late"


def test_cut_while_frozen(proxy: Proxy) -> None:
    """A frozen proxy can be cut, and healed from both."""
    proxy.freeze()
    with connect(proxy) as connection:
        connection.sendall(b"x")
        assert wait_until(lambda: proxy.connections == 1, timeout=5, what="it is taken")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    proxy.heal()
    with connect(proxy) as connection:
        assert echo(connection) == b"hello"


def test_many_connections_at_once(proxy: Proxy) -> None:
    """Fifty readers get their replies."""
    connections = [connect(proxy) for _n in range(50)]
    try:
        for connection in connections:
            connection.sendall(b"x")
        assert [connection.recv(1) for connection in connections] == [b"x"] * 50
    finally:
        for connection in connections:
            connection.close()


def test_an_upstream_that_is_gone_is_an_end() -> None:
    """Where the server refuses, the proxy's client is reset instead of left waiting."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        maker = ProxyMaker()
        proxy = maker(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        try:
            with pytest.raises(ConnectionResetError), connect(proxy) as connection:
                connection.recv(1)
        finally:
            maker.close()


def test_bytes_are_counted_in_both_directions(proxy: Proxy) -> None:
    """At once, over all connections, until they are reset; a connection that was open before counts on."""
    with connect(proxy) as one, connect(proxy) as two:
        one.sendall(b"twelve bytes")
        got = b""
        while len(got) < 5:
            got += one.recv(5 - len(got))
        assert proxy.sent == 12
        assert proxy.received >= 5
        assert echo(two) == b"hello"
        assert wait_until(lambda: (proxy.sent, proxy.received) == (17, 17), timeout=5)
        proxy.reset_counts()
        assert (proxy.sent, proxy.received) == (0, 0)
        assert echo(two) == b"hello"
        assert (proxy.sent, proxy.received) == (5, 5)
