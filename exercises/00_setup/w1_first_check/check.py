"""W1: which version runs?"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from inprod.messages import _
from inprod.testing import NotYet, saw

#: The application starts without its servers; nobody listens there.
NOBODY = {"database_url": "postgresql://nobody@127.0.0.1:9/guiche", "redis_url": "redis://127.0.0.1:9/0"}
METADATA = "Metadata-Version: 2.1\nName: guiche\nVersion: {version}\n"


def deploy(start_guiche: Callable[..., Any], version: str) -> tuple[httpx.Response, str]:
    """Start the application as this version and ask it; what it answers, and why it failed if it did."""
    running = start_guiche(
        **NOBODY,
        only=("web",),
        workers=1,
        extra={"APP_VERSION": version},
        files={f"guiche-{version}.dist-info/METADATA": METADATA.format(version=version)},
    )
    with running.client() as client:
        answered = client.get("/version")
    log = why_it_failed(running.events("web")) if answered.status_code >= 500 else ""
    running.close()
    return answered, log


def versions_in(answered: httpx.Response) -> list[str]:
    """What the answer says, where it is JSON or plain text."""
    text = answered.text.strip()
    try:
        found = json.loads(text)
    except ValueError:
        return [] if "<" in text or not text else [text]
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else [found]
    # A version such as 3.1 is a number in JSON.
    return [str(value) for value in values]


@pytest.fixture(scope="module")
def versions() -> list[str]:
    """Two versions that nobody can know."""
    draw = random.SystemRandom()
    return [".".join(str(draw.randint(1, 99)) for _n in range(3)) for _deploy in range(2)]


def not_there(answered: httpx.Response, log: str) -> NotYet:
    if answered.status_code == 404:
        return saw(
            "no-view",
            did="Started the application and sent `GET /version`.",
            saw="It answered 404: nobody is at home there.",
            needs="200, and the version",
            why="Whoever can't see which version runs looks for a fault that is already mended.",
            try_='Flask calls a function when `@blueprint.get("/version")` stands above it.',
        )
    return saw(
        "view-fails",
        did="Started the application and sent `GET /version`.",
        saw="It answered {status}. {log}",
        needs="200, and the version",
        why="The check starts a new process, as a server does. What your notebook knows, that process doesn't know.",
        try_="Import what the view needs in this file, and ask the environment of the process for the rest.",
        status=answered.status_code,
        log=log,
    )


def why_it_failed(events: list[dict[str, Any]]) -> str:
    """The last line of the traceback in the web's log."""
    traces = [str(event["exc"]) for event in events if event.get("exc")]
    return _("Its log says: `{line}`").format(line=traces[-1].strip().splitlines()[-1][:200]) if traces else ""


def test_answers(start_guiche: Callable[..., Any], versions: list[str]) -> None:
    """GET /version answers 200 with a version, as JSON or as plain text."""
    answered, log = deploy(start_guiche, versions[0])
    if answered.status_code != 200:
        raise not_there(answered, log)
    if not versions_in(answered):
        raise saw(
            "no-data",
            did="Started the application and sent `GET /version`.",
            saw="It answered 200 with `{text}`",
            needs="JSON or plain text, with the version in it",
            why="A program reads this answer: the deploy that waits for the new version, or an alarm. It reads no page.",
            try_="Return a dict with the version, and Flask makes JSON of it.",
            text=" ".join(answered.text.split())[:120],
        )


def test_says_what_was_deployed(start_guiche: Callable[..., Any], versions: list[str]) -> None:
    """Deployed as one version and then as another, the same file says which one runs."""
    said = []
    for version in versions:
        answered, log = deploy(start_guiche, version)
        if answered.status_code != 200:
            raise not_there(answered, log)
        said.append(answered)
    if all(version in versions_in(answered) for version, answered in zip(versions, said, strict=True)):
        return
    if versions_in(said[0]) == versions_in(said[1]):
        raise saw(
            "always-the-same",
            did="Started the application as version {first}, then as {second}, and asked both.",
            saw="Both said `{text}`",
            needs="{first} from the first, {second} from the second",
            why="A version that is written into the file is right once. After the next deploy it lies.",
            try_="Read `APP_VERSION` from the environment of the process, or the package's metadata.",
            first=versions[0],
            second=versions[1],
            text=said[1].text.strip()[:120],
        )
    raise saw(
        "not-the-version",
        did="Started the application as version {first}, then as {second}, and asked both.",
        saw="They said `{one}` and `{two}`",
        needs="{first} from the first, {second} from the second",
        why="A program compares this answer with what it has deployed, letter by letter.",
        try_="Return the version as it is, without anything else in the same text.",
        first=versions[0],
        second=versions[1],
        one=said[0].text.strip()[:60],
        two=said[1].text.strip()[:60],
    )
