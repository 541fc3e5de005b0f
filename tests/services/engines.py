"""Docker engines for tests: sockets that behave as an engine in trouble does, and one that answers from a table."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from inprod.services import engine

NOBODY = 65534


@dataclass
class Script:
    """What the scripted engine has, and what happens when somebody pulls."""

    images: set[str] = field(default_factory=set)
    pull_events: tuple[dict[str, Any], ...] = ()  #: told one by one; then the image is there, unless one is an error
    pull_refusal: str = ""  #: HTTP 500 with this message instead
    ping: int = 200
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # pulls come in chunks

    def do_GET(self) -> None:
        script = self._script()
        path = self.path.partition("?")[0]
        if path == "/_ping":
            self._answer(script.ping, b"OK")
        elif path.endswith("/version"):
            self._answer(200, json.dumps({"ApiVersion": "1.41"}).encode())
        elif "/images/" in path and path.endswith("/json"):
            name = path.partition("/images/")[2].removesuffix("/json")
            self._answer(200 if name in script.images else 404, b"{}")
        elif path.endswith("/containers/json"):
            self._answer(200, b"[]")
        else:
            self._answer(404, b'{"message": "no such thing"}')

    def do_POST(self) -> None:
        script = self._script()
        if script.pull_refusal:
            self._answer(500, json.dumps({"message": script.pull_refusal}).encode())
            return
        query = dict(part.split("=") for part in self.path.partition("?")[2].split("&"))
        if not any("error" in event for event in script.pull_events):
            script.images.add(f"{query['fromImage'].replace('%2F', '/')}:{query['tag']}")
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in script.pull_events:
            text = json.dumps(event).encode() + b"\r\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.write(b"0\r\n\r\n")

    def do_DELETE(self) -> None:
        self._script()
        self._answer(404, b"{}")

    def _script(self) -> Script:
        script: Script = self.server.script  # type: ignore[attr-defined]
        script.asked.append(f"{self.command} {self.path}")
        return script

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextmanager
def scripted(folder: Path, script: Script) -> Iterator[str]:
    """An engine on a unix socket that answers from `script`; its URL."""
    path = folder / "engine.sock"
    with _Server(str(path), _Handler) as server:
        server.script = script  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def hung(folder: Path) -> Iterator[str]:
    """A socket that takes connections and says nothing."""
    path = folder / "hung.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(8)
        yield f"unix://{path}"


def stale(folder: Path) -> str:
    """A socket whose listener is gone."""
    path = folder / "stale.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    return f"unix://{path}"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to open everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def forbidden(folder: Path) -> Iterator[str]:
    """A socket that listens, for its owner only."""
    with hung(folder) as url:
        path = Path(url.removeprefix("unix://"))
        path.chmod(0)
        try:
            yield url
        finally:
            with contextlib.suppress(OSError):
                path.chmod(0o600)


def url() -> str:
    """The engine of this machine."""
    return engine.resolve().url


def exists(name: str) -> bool:
    """Whether the engine knows this container."""
    return engine.get(url(), f"/containers/{name}/json") is not None


def context(home: Path, name: str, host: str) -> None:
    """A docker context, as the docker command writes it."""
    config = home / ".docker"
    meta = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}))
    (config / "config.json").write_text(json.dumps({"currentContext": name}))
