"""Docker's images on a stick: saved where there is a network, loaded where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.services import engine, pulling
from inprod.services.base import Progress

#: Below the course's folder: wheels, and images in a folder of their own.
FOLDER = "wheelhouse"
IMAGES = "images"
#: Loading 150 MB from a slow stick.
_SECONDS = 300


def save(folder: Path, progress: Progress) -> list[Path]:
    """Write the images that Docker has here, one file each; the files.

    Without an engine, or without an image, nothing is written and `progress` is told why: a room can do without.

    Raises:
        ServiceError: the engine broke off, or the folder can't be written.
    """
    found = engine.probe()
    if not found.answers:
        progress(_("No images: {saw}").format(saw=found.saw))
        return []
    written = []
    with _client(found.endpoint) as client:
        for image in engine.images():
            if not engine.has_image(found.endpoint, image):
                progress(_("Docker does not have {image}: `inprod doctor --pull` fetches it.").format(image=image))
                continue
            progress(_("saving {image}").format(image=image))
            written.append(_write(client, image, folder / file_name(image)))
    return written


def load(folder: Path, progress: Progress) -> list[str]:
    """Give Docker the images that it lacks and the folder has; their names.

    Raises:
        ServiceError: the engine refused a file.
    """
    found = engine.probe()
    lacking = [image for image in engine.images() if found.answers and not engine.has_image(found.endpoint, image)]
    carried = [image for image in lacking if (folder / file_name(image)).is_file()]
    if not carried:
        return []
    with _client(found.endpoint) as client:
        for image in carried:
            progress(_("loading {image}").format(image=image))
            with (folder / file_name(image)).open("rb") as file:
                client.api.load_image(file)
            if not engine.has_image(found.endpoint, image):
                raise ServiceError(
                    _("Docker took the file and does not have the image {image} now.").format(image=image),
                    looked=str(folder / file_name(image)),
                    do=_("make the file anew where there is a network: `make wheelhouse`"),
                )
    return carried


def file_name(image: str) -> str:
    """An image's file: `postgres-18-alpine.tar`."""
    return re.sub(r"[^\w.]+", "-", image) + ".tar"


def _write(client: Any, image: str, path: Path) -> Path:
    draft = path.with_suffix(".draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            # By name, so that loading it gives the name back.
            for chunk in client.images.get(image).save(named=image):
                file.write(chunk)
        draft.replace(path)
    except OSError as error:
        raise ServiceError(
            _("An image can't be written: {error}").format(error=error),
            looked=str(path.parent),
            do=_("free some space there, or name another folder: `inprod doctor --save FOLDER`"),
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return path


@contextmanager
def _client(endpoint: str) -> Iterator[Any]:
    from docker.errors import DockerException

    try:
        with pulling.client(endpoint, _SECONDS) as client:
            yield client
    except DockerException as error:
        raise ServiceError(
            _("Docker broke off: {error}").format(error=error),
            looked=endpoint,
            do=_("run `docker info`, then this again; without Docker: `--backend embedded`"),
        ) from error
