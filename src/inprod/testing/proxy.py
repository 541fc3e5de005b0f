"""TCP proxies that stand between an answer and a server: they delay, cut and freeze, and heal again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

_PORTS = {"redis": 6379, "rediss": 6379, "postgresql": 5432, "postgres": 5432, "http": 80, "https": 443, "amqp": 5672}
_CHUNK = 1 << 16
_TIMEOUT = 5.0
_BACKLOG = 256

T = TypeVar("T")


class Proxy:
    """One proxy: give its `url` to the answer by its environment.

    Attributes:
        url: the server's URL with this proxy's host and port in it.
        delay: seconds that each piece of the server's replies comes later.
        received: bytes that came from the server and went to its clients, since the last `reset_counts`.
        sent: bytes that went to the server.
    """

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        parts = urlsplit(url)
        self.delay = 0.0
        self.received = self.sent = 0
        self._loop = loop
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or _PORTS[parts.scheme])
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients = 0
        listener = _bound(0)
        self._port: int = listener.getsockname()[1]
        #: Bound and not listening while cut: the port stays ours, and whoever comes is refused.
        self._closed_door: socket.socket | None = None
        self.url = _with_port(parts, self._port)
        self._do(self._listen(listener))

    def __repr__(self) -> str:
        return "<a proxy>"

    @property
    def connections(self) -> int:
        """How many connections to the proxy are open."""
        return self._clients

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._do(self._cut())

    def freeze(self) -> None:
        """Take connections and data, and pass on nothing; nobody is told."""
        self._do(self._set(flowing=False))

    def heal(self) -> None:
        """Pass on everything again, also what was held back by `freeze`."""
        self._do(self._heal())

    def reset_counts(self) -> None:
        """Count bytes from zero again."""
        self._do(self._reset_counts())

    def close(self) -> None:
        """Cut, for good."""
        self._do(self._end())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    async def _listen(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=_CHUNK, backlog=_BACKLOG)

    async def _set(self, *, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _reset_counts(self) -> None:
        self.received = self.sent = 0

    async def _cut(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self._closed_door = _bound(self._port)
        for task in self._tasks:
            task.cancel()
        for writer in list(self._open):
            _reset(writer)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _heal(self) -> None:
        self._flowing.set()
        if self._closed_door is not None:
            door, self._closed_door = self._closed_door, None
            await self._listen(door)

    async def _end(self) -> None:
        await self._cut()
        if self._closed_door is not None:
            self._closed_door.close()
            self._closed_door = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        self._clients += 1
        upstream: asyncio.StreamWriter | None = None
        try:
            await self._flowing.wait()
            answers, upstream = await asyncio.open_connection(*self._upstream)
            self._open.add(upstream)
            await asyncio.gather(self._pump(reader, upstream), self._pump(answers, writer, back=True))
        except (OSError, asyncio.CancelledError):  # cancelled by `cut` alone; a task that ends so would be logged
            _reset(writer)
        finally:
            self._clients -= 1
            self._tasks.discard(task)
            for one in (writer, upstream):
                if one is not None:
                    self._open.discard(one)
                    one.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, back: bool = False) -> None:
        while data := await source.read(_CHUNK):
            if back and self.delay:
                await asyncio.sleep(self.delay)
            await self._flowing.wait()
            # Before it is written: whoever has read a reply finds it counted.
            if back:
                self.received += len(data)
            else:
                self.sent += len(data)
            target.write(data)
            await target.drain()
        await self._flowing.wait()
        with contextlib.suppress(OSError):
            target.write_eof()


class ProxyMaker:
    """Makes proxies: `proxy(url)`. All of them live in one thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._made: list[Proxy] = []

    def __call__(self, url: str) -> Proxy:
        """A proxy in front of the server of `url`, on a free port of this machine."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
            self._thread.start()
        made = Proxy(url, self._loop)
        self._made.append(made)
        return made

    def close(self) -> None:
        """Close every proxy; idempotent."""
        for made in self._made:
            made.close()
        self._made.clear()
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_TIMEOUT)
            self._loop.close()
            self._loop = self._thread = None


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _with_port(parts: SplitResult, port: int) -> str:
    user = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}").geturl()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the rude way: the other side reads an error, not an end."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
