"""Images that are not on this machine: what to do about one, and the download."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import engine
from inprod.services.base import Progress
from inprod.services.images import PREFIX_VARIABLE

#: Between two words of the engine about a download; a firewall that drops packets says nothing.
_SILENCE_SECONDS = 45


def missing(image: str, endpoint: str) -> ServiceError:
    """The error for an image that is not there and that nobody asked us to fetch."""
    return ServiceError(
        _("Docker does not have the image {image} yet.").format(image=image),
        looked=endpoint,
        do=_("fetch it once with `inprod doctor --pull`; without Docker: `--backend embedded`"),
    )


def pull(image: str, endpoint: str, progress: Progress) -> None:
    """Fetch an image, telling how far it is.

    Raises:
        ServiceError: the registry can't be reached, or refuses.
    """
    from docker.errors import DockerException
    from docker.utils import parse_repository_tag

    progress(_("pulling {image}").format(image=image))
    repository, tag = parse_repository_tag(image)
    try:
        with client(endpoint, _SILENCE_SECONDS) as docker:
            _follow(docker.api.pull(repository, tag=tag or "latest", stream=True, decode=True), image, progress)
    except (DockerException, OSError) as error:
        raise _refused(image, str(getattr(error, "explanation", None) or error)) from error
    if not engine.has_image(endpoint, image):
        raise missing(image, endpoint)


@contextmanager
def client(endpoint: str, seconds: int) -> Iterator[Any]:
    """docker-py, which knows the logins that a private mirror asks for; each call waits so long at most."""
    import docker

    found = docker.from_env(timeout=seconds, environment={**os.environ, "DOCKER_HOST": endpoint})
    try:
        yield found
    finally:
        found.close()


def _follow(events: Any, image: str, progress: Progress) -> None:
    layers: dict[str, tuple[int, int]] = {}
    told = ""
    for event in events:
        if "error" in event:
            raise OSError(event["error"])
        detail = event.get("progressDetail") or {}
        if event.get("status") != "Downloading" or not detail.get("total"):
            continue
        layers[event["id"]] = int(detail.get("current", 0)), int(detail["total"])
        done, total = (sum(part) // 1_000_000 for part in zip(*layers.values(), strict=True))
        text = _("pulling {image} ({done} of {total} MB)").format(image=image, done=done, total=total)
        if text != told:
            told = text
            progress(text)


def _refused(image: str, error: str) -> ServiceError:
    text = " ".join(error.split())
    low = text.lower()
    if any(sign in low for sign in ("toomanyrequests", "rate limit")):
        do = _("the registry has had enough of this address: `docker login`, or name a mirror: {variable}=")
    elif any(
        sign in low for sign in ("unauthorized", "denied", "not found", "manifest unknown", "repository does not")
    ):
        do = _("see that the name is right, and `docker login` if the registry is private ({variable}= names a mirror)")
    else:
        do = _("without a network: `docker load` the image, name a mirror ({variable}=), or use `--backend embedded`")
    return ServiceError(
        _("The image {image} can't be fetched: {error}").format(image=image, error=text[:300]),
        looked=image,
        do=do.format(variable=PREFIX_VARIABLE),
    )
