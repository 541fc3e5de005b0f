"""Which images the Docker backend runs: official ones, the user's own, or those of the user's mirror."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from inprod.services.base import POSTGRES, REDIS

POSTGRES_VARIABLE = "INPROD_POSTGRES_IMAGE"
REDIS_VARIABLE = "INPROD_REDIS_IMAGE"
PREFIX_VARIABLE = "INPROD_IMAGE_PREFIX"


class Images(NamedTuple):
    """The images that the course runs."""

    postgres: str
    redis: str

    def by_need(self) -> dict[str, str]:
        """The image for each need."""
        return {POSTGRES: self.postgres, REDIS: self.redis}


def images(environ: Mapping[str, str] | None = None) -> Images:
    """The official images, with the user's own in their place, or from the user's mirror."""
    environ = os.environ if environ is None else environ
    official = tomllib.loads(files("inprod.services").joinpath("images.toml").read_text(encoding="utf-8"))
    prefix = environ.get(PREFIX_VARIABLE, "").strip("/")
    mirrored = {need: f"{prefix}/{image}" if prefix else str(image) for need, image in official.items()}
    return Images(
        postgres=environ.get(POSTGRES_VARIABLE) or mirrored[POSTGRES],
        redis=environ.get(REDIS_VARIABLE) or mirrored[REDIS],
    )
