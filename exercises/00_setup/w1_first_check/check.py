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

#: Two addresses that are not the answer's business: the first is there, the second is not.
OTHERS = ("/healthz", "/there-is-no-such-page")
SECRET = "w1-" + "".join(random.SystemRandom().choices("abcdefghij", k=24))
PATIENCE = 5.0
#: The application starts without its servers; nobody listens there.
NOBODY = {"database_url": "postgresql://nobody@127.0.0.1:9/guiche", "redis_url": "redis://127.0.0.1:9/0"}
METADATA = "Metadata-Version: 2.1\nName: guiche\nVersion: {version}\n"


Deploy = Callable[[str], tuple[httpx.Response, str]]


@pytest.fixture(scope="module")
def known() -> dict[str, tuple[httpx.Response, str]]:
    """What each version answered: it is started once."""
    return {}


@pytest.fixture
def deploy(start_guiche: Callable[..., Any], known: dict[str, tuple[httpx.Response, str]]) -> Deploy:
    """Starts the application as a version, unless it was, and asks it."""

    def ask(version: str) -> tuple[httpx.Response, str]:
        if version not in known:
            known[version] = started(start_guiche, version)
        return known[version]

    return ask


def started(start_guiche: Callable[..., Any], version: str) -> tuple[httpx.Response, str]:
    """Start the application as this version and ask it; what it answers, and why it failed if it did."""
    running = start_guiche(
        **NOBODY,
        only=("web",),
        workers=1,
        extra={"APP_VERSION": version, "SECRET_KEY": SECRET},
        files={f"guiche-{version}.dist-info/METADATA": METADATA.format(version=version)},
    )
    with running.client() as client:
        try:
            answered = [client.get("/version", timeout=PATIENCE) for _again in range(3)]
            others = [client.get(path, timeout=PATIENCE) for path in OTHERS]
        except httpx.HTTPError as error:
            raise no_answer(error) from error
    log = why_it_failed(running.events("web")) if answered[0].status_code >= 500 else ""
    running.close()
    for path, wanted, other in zip(OTHERS, (200, 404), others, strict=True):
        if answered[0].status_code == 200 and (other.status_code != wanted or version in other.text):
            raise everywhere(path, wanted, other)
    # One that changes its mind is judged by what it says in the end.
    return min(answered, key=lambda one: (one.status_code == 200, version in one.text)), log


def no_answer(error: httpx.HTTPError) -> NotYet:
    return saw(
        "no-answer",
        did="Started the application and sent `GET /version`.",
        saw="No answer came ({error}).",
        needs="200, and the version",
        why="A view that ends its process, or never ends, takes every other request with it.",
        try_="Let the view return the version: no `exit`, and no loop.",
        error=type(error).__name__,
    )


def everywhere(path: str, wanted: int, other: httpx.Response) -> NotYet:
    return saw(
        "answers-everywhere",
        did="Sent `GET {path}`, too.",
        saw="It answered {status}: `{text}`",
        needs="{wanted}, as before: only `/version` is new",
        why="Whoever asks for a page that is not there, or wants to buy, gets a version number.",
        try_='`@blueprint.get("/version")` answers one address, and leaves the others alone.',
        path=path,
        status=other.status_code,
        wanted=wanted,
        text=" ".join(other.text.split())[:80],
    )


def versions_in(answered: httpx.Response) -> list[str]:
    """What the answer says, where it is JSON or plain text."""
    text = answered.text.strip()
    try:
        found = json.loads(text)
    except ValueError:
        return [] if "<" in text or not text or "json" in answered.headers.get("Content-Type", "") else [text]
    # The key does not matter; a version is text, since 3.10 is no number.
    values = found.values() if isinstance(found, dict) else [found]
    return [value for value in values if isinstance(value, str)]


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
    if answered.status_code < 500:
        return saw(
            "other-status",
            did="Started the application and sent `GET /version`.",
            saw="It answered {status} {reason}.",
            needs="200, and the version",
            why="A program that waits for the version takes every other status for a no.",
            try_="A view of `GET`, at just this address, that returns the version: then Flask says 200.",
            status=answered.status_code,
            reason=answered.reason_phrase or "",
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


def test_answers(deploy: Deploy, versions: list[str]) -> None:
    """GET /version answers 200 with a version, as JSON or as plain text."""
    answered, log = deploy(versions[0])
    if answered.status_code != 200:
        raise not_there(answered, log)
    if not versions_in(answered):
        raise saw(
            "no-data",
            did="Started the application and sent `GET /version`.",
            saw="It answered 200 with `{text}`",
            needs="JSON or plain text, with the version in it",
            why="A program reads this answer: a deploy that waits for the new version, or an alarm. It reads no page.",
            try_="Return a dict with the version, and Flask makes JSON of it.",
            text=" ".join(answered.text.split())[:120],
        )


def test_keeps_secrets(deploy: Deploy, versions: list[str]) -> None:
    """It tells the version, and none of the other settings."""
    answered, log = deploy(versions[0])
    if answered.status_code != 200:
        raise not_there(answered, log)
    if SECRET in answered.text:
        raise saw(
            "tells-secrets",
            did="Started the application with a `SECRET_KEY` of its own and sent `GET /version`.",
            saw="The key stands in the answer.",
            needs="the version, and nothing else of the environment",
            why="Everybody may ask for the version. Whoever has the key can log in as anybody.",
            try_="Take one variable out of the environment, not all of it.",
        )


def test_says_what_was_deployed(deploy: Deploy, versions: list[str]) -> None:
    """Deployed as one version and then as another, the same file says which one runs."""
    said = []
    for version in versions:
        answered, log = deploy(version)
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
            why="This answer does not come from the deploy. It may be right today, and after the next one it is not.",
            try_='Read `APP_VERSION` from the environment of the process, or ask `metadata.version("guiche")`.',
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
        try_="Return the version as it is: the whole of it, as text, and nothing else in the same text.",
        first=versions[0],
        second=versions[1],
        one=said[0].text.strip()[:60],
        two=said[1].text.strip()[:60],
    )
