"""Real Postgres and Redis. Callers never ask which backend it is.

with open_services().lease(frozenset({"postgres"}), "demo") as lease: …
"""

from __future__ import annotations

import os

from inprod.errors import InprodError
from inprod.messages import _
from inprod.services.base import Services

BACKEND_VARIABLE = "INPROD_BACKEND"
OFFLINE_VARIABLE = "INPROD_OFFLINE"  #: set by `inprod lab --offline`: no image is fetched, whoever asks
BACKENDS = ("auto", "external", "docker", "embedded")


def open_services(backend: str | None = None) -> Services:
    """Services of one backend, or of the first that serves; nothing starts yet.

    `backend`, else INPROD_BACKEND, else `auto`: external → docker → embedded. A named one never falls back.

    Raises:
        InprodError: there is no backend of that name.
    """
    name = backend or os.environ.get(BACKEND_VARIABLE) or "auto"
    match name:
        case "auto":
            from inprod.services.ladder import Ladder

            return Ladder()
        case "embedded":
            from inprod.services.embedded import Embedded

            return Embedded()
        case "external":
            from inprod.services.external import External

            return External()
        case "docker":
            from inprod.services.containers import Containers

            return Containers(pull=not os.environ.get(OFFLINE_VARIABLE))
    raise InprodError(
        _("There is no backend {name}.").format(name=name),
        looked=BACKEND_VARIABLE if not backend else "--backend",
        do=_("name one of {names}").format(names=", ".join(BACKENDS)),
    )
