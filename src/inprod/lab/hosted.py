"""The course in a JupyterLab that Binder or JupyterHub starts: its settings lie in the environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from inprod.errors import InprodError
from inprod.lab.files import put, text_of
from inprod.lab.launch import KERNELS, SETTINGS
from inprod.messages import _

#: Where JupyterLab and IPython look in their own environment.
OVERRIDES: Final = Path("share", "jupyter", "lab", "settings", "overrides.json")
IPYTHON: Final = Path("etc", "ipython", "ipython_config.py")


def settle(prefix: Path = Path(sys.prefix)) -> None:
    """Every JupyterLab and every kernel of this environment knows the course; what was set there before stays.

    Raises:
        InprodError: the environment cannot be written, or holds settings of another kind.
    """
    kernels = prefix / IPYTHON
    if text_of(kernels) not in (None, KERNELS):
        raise InprodError(
            _("This environment has settings of its own for IPython."),
            looked=str(kernels),
            do=_("add these lines to it:\n{lines}").format(lines=KERNELS),
        )
    put(kernels, KERNELS)
    overrides = prefix / OVERRIDES
    put(overrides, json.dumps(_merged(overrides), indent=2, sort_keys=True) + "\n")


def _merged(overrides: Path) -> dict[str, Mapping[str, Any]]:
    text = text_of(overrides)
    try:
        there: dict[str, Mapping[str, Any]] = {} if text is None else dict(json.loads(text))
        return {name: {**SETTINGS.get(name, {}), **there.get(name, {})} for name in (*SETTINGS, *there)}
    except (ValueError, TypeError) as error:
        raise InprodError(
            _("This environment's settings of JupyterLab can't be read: {reason}.").format(reason=error),
            looked=str(overrides),
            do=_("mend the file or move it away, then run this again"),
        ) from error
