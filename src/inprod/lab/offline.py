"""A room without a network: what a class will need is looked for before the class begins."""

from __future__ import annotations

import os
from collections.abc import Callable

from inprod.course import Course
from inprod.messages import _
from inprod.services import OFFLINE_VARIABLE, carried, doctor


def without_network(course: Course, *, say: Callable[[str], None]) -> None:
    """From here on nothing is fetched, by us or by the kernels; carried images are loaded where Docker lacks them.

    Raises:
        ServiceError: no server can be started from what is here.
    """
    os.environ[OFFLINE_VARIABLE] = "1"
    carried.load(course.root / carried.FOLDER / carried.IMAGES, say)
    say(_("Servers, without a network: {servers}").format(servers=doctor.serves()))
