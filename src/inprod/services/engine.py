"""The Docker engine: where it is, whether it answers, and the few calls we make ourselves. Standard library only."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from inprod.messages import _
from inprod.services.images import Images as Images
from inprod.services.images import images as images

DEFAULT_ENDPOINT = "unix:///var/run/docker.sock"
PROBE_SECONDS = 1.0
CALL_SECONDS = 15.0

ANSWERS = "answers"
ABSENT = "absent"
STALE = "stale"
DENIED = "denied"
HUNG = "hung"
UNWELL = "unwell"
UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Endpoint:
    """Where the engine should be, and who says so."""

    url: str  #: `unix:///var/run/docker.sock`, `tcp://host:2375`
    source: str  #: `DOCKER_HOST`, `context colima`, `default`

    def __str__(self) -> str:
        return f"{self.url} ({self.source})"


@dataclass(frozen=True)
class Engine:
    """What the probe found: a state, a sentence for a person, and what to do about it."""

    state: str
    where: Endpoint
    saw: str
    do: str = ""

    @property
    def answers(self) -> bool:
        """Whether containers can be started."""
        return self.state == ANSWERS

    @property
    def endpoint(self) -> str:
        """As in DOCKER_HOST."""
        return self.where.url


class EngineError(Exception):
    """The engine answered a call with an error, or not at all."""


def resolve(environ: Mapping[str, str] | None = None) -> Endpoint:
    """The endpoint that `docker` itself would use: DOCKER_HOST, else the current context, else the usual socket."""
    environ = os.environ if environ is None else environ
    if host := environ.get("DOCKER_HOST"):
        return Endpoint(host, "DOCKER_HOST")
    config = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _json(config / "config.json").get("currentContext")
    if isinstance(name, str) and name and name != "default":
        meta = config / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
        host = _json(meta).get("Endpoints", {}).get("docker", {}).get("Host", "")
        return Endpoint(host, f"context {name}") if host else Endpoint("", f"context {name}")
    return Endpoint(DEFAULT_ENDPOINT, "default")


def probe(endpoint: Endpoint | None = None) -> Engine:
    """Ask the engine whether it is there; at most about a second, and no exception."""
    endpoint = endpoint or resolve()
    if reason := _unsupported(endpoint):
        return Engine(UNSUPPORTED, endpoint, *reason)
    try:
        status, body = call(endpoint.url, "GET", "/_ping", timeout=PROBE_SECONDS)
    except PermissionError:
        return _found(DENIED, endpoint)
    except (FileNotFoundError, socket.gaierror):
        return _found(ABSENT, endpoint)
    except TimeoutError:
        return _found(HUNG, endpoint)
    except ConnectionRefusedError:
        return _found(STALE, endpoint)
    except (OSError, http.client.HTTPException) as error:
        return _found(UNWELL, endpoint, answer=str(error) or type(error).__name__)
    if status == http.HTTPStatus.OK:
        return _found(ANSWERS, endpoint)
    return _found(UNWELL, endpoint, answer=f"HTTP {status} {body[:80].decode(errors='replace').strip()}")


def _found(state: str, endpoint: Endpoint, *, answer: str = "") -> Engine:
    start = _("start Docker (Docker Desktop, or `sudo systemctl start docker`) and try again")
    texts = {
        ANSWERS: (_("A Docker engine answers at {where}."), ""),
        ABSENT: (
            _("No Docker engine at {where}."),
            _("nothing, if you don't want Docker: the course brings servers; else install or start it"),
        ),
        STALE: (_("{where} exists, but no Docker engine listens there."), start),
        DENIED: (
            _("You may not open {where}."),
            _("run `sudo usermod -aG docker $USER` and log in again, or use rootless Docker"),
        ),
        HUNG: (
            _("{where} took the connection and gave no answer within {seconds:g} s."),
            _("Docker is starting or stuck: wait for it, or restart it"),
        ),
        UNWELL: (_("{where} gave an answer that no healthy Docker engine gives: {answer}."), start),
    }
    saw, do = texts[state]
    return Engine(state, endpoint, saw.format(where=endpoint, seconds=PROBE_SECONDS, answer=answer), do)


def _unsupported(endpoint: Endpoint) -> tuple[str, str] | None:
    scheme = urlsplit(endpoint.url).scheme
    if not endpoint.url:
        return (
            _("The Docker {source} names no endpoint that we can read.").format(source=endpoint.source),
            _("run `docker context ls`, then `docker context use NAME`"),
        )
    reached = {"tcp", "http"} | ({"unix"} if hasattr(socket, "AF_UNIX") else set())
    if scheme not in reached or (scheme == "tcp" and os.environ.get("DOCKER_TLS_VERIFY")):
        return (
            _("The course reaches Docker over a unix socket or plain tcp, not over {where}.").format(where=endpoint),
            _("use a local engine: unset DOCKER_HOST and DOCKER_TLS_VERIFY, or `docker context use default`"),
        )
    return None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(url: str, method: str, path: str, *, timeout: float = CALL_SECONDS) -> tuple[int, bytes]:
    """One request to the engine: status and body."""
    parts = urlsplit(url)
    connection = (
        _UnixConnection(parts.path, timeout)
        if parts.scheme == "unix"
        else http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 2375, timeout=timeout)
    )
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def get(url: str, path: str) -> Any:
    """A JSON answer; None where the engine knows no such thing.

    Raises:
        EngineError: no answer, or an error.
    """
    try:
        status, body = call(url, "GET", path)
    except (OSError, http.client.HTTPException) as error:
        raise EngineError(str(error) or type(error).__name__) from error
    if status == http.HTTPStatus.NOT_FOUND:
        return None
    if status != http.HTTPStatus.OK:
        raise EngineError(f"HTTP {status}: {body[:200].decode(errors='replace').strip()}")
    return json.loads(body)


def remove(url: str, container: str) -> bool:
    """Remove a container by id or name, with its volumes; True when it is gone."""
    try:
        status, _body = call(url, "DELETE", f"/containers/{quote(container)}?force=1&v=1")
    except (OSError, http.client.HTTPException):
        return False
    # 409: somebody else is removing it at this moment.
    return status in {http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_FOUND, http.HTTPStatus.CONFLICT}


def ended(url: str, container: str) -> str | None:
    """How a container ended, in words; None while it runs, or while the engine doesn't tell."""
    try:
        found = get(url, f"/containers/{quote(container)}/json")
    except EngineError:
        return None
    if found is None:
        return _("removed")
    state = found["State"]
    if state["Running"] or state.get("Restarting"):
        return None
    if state.get("OOMKilled"):
        return _("out of memory")
    code = int(state["ExitCode"])
    # As a shell tells it: 128 and the signal's number.
    return _("signal {number}").format(number=code - 128) if code > 128 else _("exit code {code}").format(code=code)


def last_line(url: str, container: str) -> str:
    """The last line that the container wrote; empty where there is none."""
    try:
        status, body = call(url, "GET", f"/containers/{quote(container)}/logs?stdout=1&stderr=1&tail=5")
    except (OSError, http.client.HTTPException):
        return ""
    if status != http.HTTPStatus.OK:
        return ""
    text, at = b"", 0
    while at + 8 <= len(body):  # frames: stream, 3 unused bytes, length, text
        size = int.from_bytes(body[at + 4 : at + 8])
        text += body[at + 8 : at + 8 + size]
        at += 8 + size
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def has_image(url: str, reference: str) -> bool:
    """Whether the engine has this image already; False where no engine answers."""
    try:
        return get(url, f"/images/{quote(reference, safe='/:@')}/json") is not None
    except EngineError:
        return False


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
