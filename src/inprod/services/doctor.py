"""What this machine has for the course, one finding a line, each with what to do; and the few remedies we can apply."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import BACKEND_VARIABLE, BACKENDS, engine, leftovers, machine, places
from inprod.services.base import Progress
from inprod.services.machine import Finding as Finding

_SECONDS = 1.0


def examine() -> tuple[Finding, ...]:
    """Everything; nothing is started or changed, and no look takes longer than a second or two."""
    found = engine.probe()
    return (
        *machine.examine(),
        *_docker(found),
        _embedded("Postgres", _postgres_binary, found),
        _embedded("Redis", _redis_binary, found),
        _backend(found),
    )


def require(backend: str) -> None:
    """See that a backend can serve, before something long begins.

    Raises:
        ServiceError: it can't; with the remedy.
    """
    if backend == "docker":
        _require_docker(engine.probe())
    elif backend == "embedded":
        _postgres_binary()
        _redis_binary()
    elif backend == "external":
        _require_external()
    else:
        serves()


def pull(progress: Progress) -> None:
    """Fetch the images that Docker doesn't have yet.

    Raises:
        ServiceError: no engine answers, or the registry refuses.
    """
    from inprod.services import pulling

    found = engine.probe()
    if not found.answers:
        raise ServiceError(found.saw, looked=found.endpoint, do=found.do)
    for image in engine.images():
        if engine.has_image(found.endpoint, image):
            progress(_("{image} is here").format(image=image))
        else:
            pulling.pull(image, found.endpoint, progress)


def serves() -> str:
    """Where the servers come from and which they are, such as `embedded: PostgreSQL 18.6 (…), Valkey 8.1 (…)`.

    Raises:
        ServiceError: no backend can serve; with the remedy.
    """
    finding = _backend(engine.probe())
    if not finding.ok:
        raise ServiceError(finding.saw, looked=os.environ.get(BACKEND_VARIABLE) or "auto", do=finding.do)
    return finding.saw


def cleanup(progress: Progress) -> list[str]:
    """Remove the containers and data folders whose owner is gone, and nothing else; their names."""
    removed = [str(folder) for folder in places.sweep()]
    found = engine.probe()
    if found.answers:
        with contextlib.suppress(engine.EngineError):
            removed += leftovers.sweep(found.endpoint)
    for name in removed:
        progress(_("removed {name}").format(name=name))
    return removed


def _docker(found: engine.Engine) -> list[Finding]:
    demanded = os.environ.get(BACKEND_VARIABLE) == "docker"
    findings = [Finding("Docker", found.answers or not demanded, found.saw, found.do)]
    if found.answers:
        chosen = engine.images()
        missing = [image for image in chosen if not engine.has_image(found.endpoint, image)]
        saw = (
            _("not here yet: {images}").format(images=", ".join(missing))
            if missing
            else _("here: {images}").format(images=", ".join(chosen))
        )
        do = _("optional: `inprod doctor --pull` fetches them, once; then the course uses Docker") if missing else ""
        findings.append(Finding(_("Images"), not (missing and demanded), saw, do))
    return findings


def _embedded(name: str, find: Callable[[], str], found: engine.Engine) -> Finding:
    try:
        return Finding(name, True, find())
    except ServiceError as error:
        needed = not _docker_serves(found)
        return Finding(name, not needed, f"{error.what} {error.looked}", error.do)


def _postgres_binary() -> str:
    from inprod.services import binaries

    found = binaries.postgres()
    return f"{found.product} ({found.home / 'bin'})"


def _redis_binary() -> str:
    from inprod.services import binaries

    found = binaries.redis()
    return f"{found.product} ({found.path})"


def _backend(found: engine.Engine) -> Finding:
    from inprod.services import external

    name = _("Servers")
    demanded = os.environ.get(BACKEND_VARIABLE) or "auto"
    if demanded not in BACKENDS:
        saw = _("{variable}={value} names no backend").format(variable=BACKEND_VARIABLE, value=demanded)
        return Finding(name, False, saw, _("name one of {names}").format(names=", ".join(BACKENDS)))
    try:
        if demanded == "external" or (demanded == "auto" and external.is_named()):
            return Finding(name, True, _("external: {hosts}").format(hosts=", ".join(_require_external())))
        if demanded == "docker" or (demanded == "auto" and _docker_serves(found)):
            _require_docker(found)
            return Finding(name, True, _("docker: {images}").format(images=", ".join(engine.images())))
        return Finding(name, True, _("embedded: {servers}").format(servers=f"{_postgres_binary()}, {_redis_binary()}"))
    except ServiceError as error:
        return Finding(name, False, f"{demanded}: {error.what} ({error.looked})", error.do)


def _docker_serves(found: engine.Engine) -> bool:
    return found.answers and all(engine.has_image(found.endpoint, image) for image in engine.images())


def _require_docker(found: engine.Engine) -> None:
    from inprod.services import pulling

    if not found.answers:
        raise ServiceError(found.saw, looked=found.endpoint, do=found.do)
    for image in engine.images():
        if not engine.has_image(found.endpoint, image):
            raise pulling.missing(image, found.endpoint)


def _require_external() -> list[str]:
    """The named servers, each of which took a connection."""
    from inprod.services import external

    hosts = []
    for variable, port in ((external.POSTGRES_VARIABLE, 5432), (external.REDIS_VARIABLE, 6379)):
        parts = urlsplit(os.environ.get(variable, ""))
        where = f"{parts.hostname}:{parts.port or port}"
        try:
            socket.create_connection((parts.hostname or "", parts.port or port), timeout=_SECONDS).close()
        except OSError as error:
            raise ServiceError(
                _("The server that {variable} names doesn't answer: {error}").format(variable=variable, error=error)
                if parts.hostname
                else _("{variable} names no server.").format(variable=variable),
                looked=f"{variable}={where if parts.hostname else ''}",
                do=_("start it, correct the address, or unset both variables: the course brings servers"),
            ) from error
        hosts.append(where)
    return hosts
