"""The README's badges: made of the repository's address in pyproject.toml, and none while none stands there."""

from __future__ import annotations

import re
import tomllib
from typing import Final
from urllib.parse import quote, urlsplit

from inprod.course import Course
from inprod.errors import InprodError
from inprod.messages import _

#: The name of the line below [project.urls].
KEY: Final = "Repository"
#: What a learner sees first on Binder.
START: Final = "lab/tree/work/start.md"
_BINDER: Final = "https://mybinder.org"
#: What Binder calls the hosts that it knows by name.
_HOSTS: Final = {"github.com": "gh", "gitlab.com": "gl"}


def repository(course: Course) -> str | None:
    """The address, `https://HOST/OWNER/NAME`; None where pyproject.toml names none.

    Raises:
        InprodError: it is of another form.
    """
    metadata = course.root / "pyproject.toml"
    text = metadata.read_text(encoding="utf-8") if metadata.is_file() else ""
    url = tomllib.loads(text).get("project", {}).get("urls", {}).get(KEY)
    if url is None:
        return None
    if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", str(url)) or str(url).endswith(".git"):
        raise InprodError(
            _("The repository's address is not of the form that links are made of."),
            looked=f"{metadata}, [project.urls] {KEY} = {url!r}",
            do=_("write it as https://HOST/OWNER/NAME, without .git"),
        )
    return str(url)


def binder(url: str) -> str:
    """Where Binder opens the course's newest version, on the start page."""
    parts = urlsplit(url)
    kind = _HOSTS.get(parts.netloc)
    if kind == "gh":
        place = f"gh{parts.path}"
    else:
        place = f"{kind}/{quote(parts.path[1:], safe='')}" if kind else f"git/{quote(url, safe='')}"
    return f"{_BINDER}/v2/{place}/HEAD?urlpath={quote(START, safe='')}"


def badges(url: str | None) -> str:
    """The lines of the README."""
    if url is None:
        return ""
    lines = [f"[![{_('Open on Binder')}]({_BINDER}/badge_logo.svg)]({binder(url)})"]
    if urlsplit(url).netloc == "github.com":
        workflow = f"{url}/actions/workflows/ci.yml"
        lines.append(f"[![CI]({workflow}/badge.svg)]({workflow})")
    return "\n".join(lines) + "\n"
