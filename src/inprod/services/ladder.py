"""The backend that nobody named: external, then Docker, then embedded; the first that serves is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from inprod.errors import ServiceError
from inprod.messages import _
from inprod.recipes import Recipe
from inprod.services.base import Lease, Progress, ServerDeath, Services

#: A step: its name, and how to make it; it raises ServiceError where it is out of the question.
Step = tuple[str, Callable[[], Services]]


class Ladder:
    """Services of the first step that starts; the steps that failed before it are told."""

    def __init__(self, steps: Sequence[Step] | None = None) -> None:
        self._lock = threading.RLock()
        self._steps = steps
        self._chosen: Services | None = None
        self.fell: tuple[str, ...] = ()  #: why earlier steps were left

    @property
    def backend(self) -> str:
        """The chosen one's; `auto` while nothing was needed."""
        return self._chosen.backend if self._chosen else "auto"

    def start(self, needs: frozenset[str], progress: Progress | None = None, template: Recipe | None = None) -> None:
        """Take the first step that can serve `needs`; later needs stay with it."""
        with self._lock:
            if self._chosen is not None:
                self._chosen.start(needs, progress)
            elif needs:
                self._chosen = self._climb(needs, progress)
            chosen = self._chosen
        if chosen is not None and template is not None:
            # Not while climbing: sample data that can't be made is no reason to take another server.
            chosen.start(needs, progress, template)

    def servers(self) -> Mapping[str, str]:
        """Product and version, by need."""
        return self._chosen.servers() if self._chosen else {}

    def lease(self, needs: frozenset[str], name: str, template: Recipe | None = None) -> AbstractContextManager[Lease]:
        """From the chosen step."""
        self.start(needs)
        return self._chosen.lease(needs, name, template) if self._chosen else _Nothing()

    def deaths(self) -> tuple[ServerDeath, ...]:
        """Of the chosen step's servers."""
        return self._chosen.deaths() if self._chosen else ()

    def close(self) -> None:
        """Stop what was started; the next need starts again from the top."""
        with self._lock:
            chosen, self._chosen = self._chosen, None
        if chosen is not None:
            chosen.close()

    def _climb(self, needs: frozenset[str], progress: Progress | None) -> Services:
        fell: list[ServiceError] = []
        for _name, make in self._steps if self._steps is not None else steps():
            services: Services | None = None
            try:
                services = make()
                services.start(needs, progress)
            except ServiceError as error:
                if services is not None:
                    services.close()
                fell.append(error)
                if progress:
                    progress(error.what)
                continue
            self.fell = tuple(error.what for error in fell)
            return services
        last = fell[-1]
        raise ServiceError(
            last.what,
            looked="; ".join([*(f"{error.what} ({error.looked})" for error in fell[:-1]), last.looked]),
            do=last.do,
        )


def steps() -> Iterator[Step]:
    """What `auto` tries on this machine, in order; a server that the environment names is the only step."""
    from inprod.services import external

    if external.is_named():
        yield "external", external.External
        return
    yield "docker", _docker
    yield "embedded", _embedded


def _docker() -> Services:
    """Only when an engine answers and has the images: `auto` never pulls."""
    from inprod.services import engine
    from inprod.services.containers import Containers

    found = engine.probe()
    if not found.answers:
        raise ServiceError(found.saw, looked=str(found.where), do=found.do)
    images = engine.images()
    missing = [image for image in (images.postgres, images.redis) if not engine.has_image(found.endpoint, image)]
    if missing:
        raise ServiceError(
            _("Docker answers, but its images are not here: {images}.").format(images=", ".join(missing)),
            looked=str(found.where),
            do=_("`inprod doctor --pull` fetches them, once"),
        )
    return Containers(pull=False)


def _embedded() -> Services:
    from inprod.services.embedded import Embedded

    return Embedded()


class _Nothing(AbstractContextManager[Lease]):
    """A lease of no server."""

    def __enter__(self) -> Lease:
        return Lease()

    def __exit__(self, *_exc: object) -> None:
        return None
