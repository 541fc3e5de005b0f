"""S1: which environments does it start with, and what does it say?"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import random
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from inprod.messages import _
from inprod.testing import Answer, NotYet, Pending, saw, wait_until

COMMAND = ("python", "app.py")
PATIENCE = 10.0  #: seconds until it serves or has ended; a fraction of one is usual
IMPATIENCE = 1.5
LIFE = 25.0
OPEN = "shop: open"
RUN_OF = 6  #: so many characters of a secret in a row are a leak
DEFAULT, EMPTY, EXAMPLE = "starts-with-a-default", "starts-with-nothing-in-it", "starts-with-the-example"
SHORT, CUT = "starts-with-a-short-key", "starts-with-a-cut-password"
URL, PORT = "starts-with-a-malformed-url", "starts-on-another-port"
BOTH = ("SECRET_KEY", "PAYMENTS_URL")
LETTERS = "bcdfghjkmnpqrstvwxyz"


def word(rng: random.Random, size: int) -> str:
    return "".join(rng.choices(LETTERS, k=size))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Config:
    """Three right values that nobody knew before."""

    key: str
    token: str
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"https://guiche:{self.token}@{self.host}"

    def env(self, **changes: str | None) -> dict[str, str]:
        """The environment, with changes; None leaves a variable out."""
        found: dict[str, str | None] = {
            "SECRET_KEY": self.key,
            "PAYMENTS_URL": self.url,
            "PORT": str(self.port),
            **changes,
        }
        return {name: value for name, value in found.items() if value is not None}

    def code(self, ticket: str) -> str:
        return hmac.new(self.key.encode(), ticket.encode(), hashlib.sha256).hexdigest()


def drawn(rng: random.Random) -> Config:
    return Config(word(rng, 40), word(rng, 24), f"pay{rng.randint(100, 999)}.example.com", free_port())


@dataclass(frozen=True)
class Case:
    """One start that must be refused."""

    key: str  #: of the card when it starts nevertheless
    how: str
    env: dict[str, str]
    names: tuple[str, ...]  #: variables that the output must name
    port: int


@dataclass
class Printed:
    """Outputs of all starts, and the secrets that must not be in them."""

    texts: list[tuple[str, str]] = field(default_factory=list)  #: how it was started, and the output
    secrets: dict[str, str] = field(default_factory=dict)  #: secret, and which variable it belongs to
    hung: bool = False  #: one start neither served nor ended

    def leak(self, text: str) -> tuple[str, str]:
        """A piece of a secret in a text, and the variable; empty texts where there is none."""
        for secret, name in self.secrets.items():
            for start in range(len(secret) - RUN_OF + 1):
                if secret[start : start + RUN_OF] in text:
                    return secret[start : start + RUN_OF], name
        return "", ""

    def of(self, config: Config) -> None:
        self.secrets |= {config.key: "SECRET_KEY", config.token: "PAYMENTS_URL"}


@pytest.fixture(scope="module")
def printed() -> Printed:
    """Nothing yet."""
    return Printed()


def lines(text: str) -> str:
    """The end of an output, on one line; files that are not the answer's are left out."""
    kept = [line.strip() for line in text.splitlines() if line.strip() and not set(line.strip()) <= {"^", "~"}]
    kept = [re.sub(r"/\S*/calls/\w+/", "", line) for line in kept]
    kept = [line for line in kept if not line.startswith(('File "/', 'File "<'))]
    return " ⏎ ".join(kept[-3:])[-300:] or _("nothing")


def settle(pending: Pending, port: int, printed: Printed, until: float | None = None) -> str:
    """`serves`, `ended` or `hangs`."""
    found = "hangs"

    def known() -> bool:
        nonlocal found
        if not pending.alive:
            found = "ended"
        elif OPEN in pending.log():
            found = "serves"
        else:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
                found = "serves"
        return found != "hangs"

    # One that has hung is known: the next ones get less time.
    patience = IMPATIENCE if printed.hung else PATIENCE
    left = patience if until is None else max(0.1, until - time.monotonic())
    wait_until(known, timeout=min(patience, left), what="it serves, or has ended")
    printed.hung = printed.hung or found == "hangs"
    return found


def ask(port: int) -> dict[str, Any] | str:
    """A ticket of the shop, or why there is none."""
    try:
        with httpx.Client(trust_env=False, timeout=5.0) as client:
            got = client.get(f"http://127.0.0.1:{port}/tickets/17").raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return type(error).__name__
    return got if isinstance(got, dict) else "–"


# What must start.


def serves(
    answer: Answer,
    printed: Printed,
    config: Config,
    how: str,
    *,
    env: Mapping[str, str],
    wanted: Config,
    files: Mapping[str, str] | None = None,
) -> tuple[bool, bool]:
    """Start it, and ask for a ticket; whether code and host are those of `wanted`."""
    printed.of(config)
    printed.of(wanted)
    with answer.start(COMMAND, env=env, files=files, timeout=LIFE) as pending:
        state = settle(pending, wanted.port, printed)
        got = ask(wanted.port) if state == "serves" else ""
        text = pending.log()
        printed.texts.append((how, text))
    if state != "serves":
        raise does_not_start(how, state, text, files=bool(files))
    if isinstance(got, str):
        raise saw(
            "does-not-answer",
            did="Started it with {how}, and asked for a ticket on `PORT`.",
            saw="No ticket came ({got}). Output: `{text}`",
            needs="a ticket",
            why="Whoever sends requests to the shop sends them to that port.",
            try_="Are all three values given to `shop.serve`, as text, text and a number?",
            how=how,
            got=got,
            text=lines(text),
        )
    return got.get("code") == wanted.code("17"), got.get("paid at") == wanted.host


def does_not_start(how: str, state: str, text: str, *, files: bool) -> NotYet:
    said = (
        _("It refused: `{text}`") if state == "ended" else _("It neither served nor ended within 10 seconds: `{text}`")
    )
    said = said.format(text=lines(text))
    if files:
        return saw(
            "env-file-not-read",
            did="Started it with {how}.",
            saw="{said}",
            needs="a shop that serves",
            why="On a laptop nobody sets three variables by hand. The file is how a colleague starts the shop.",
            try_="Read `.env` where it is there, and let the environment win.",
            how=how,
            said=said,
        )
    if re.search(r"(?<![\w./])\.env\b", text) or "FileNotFoundError" in text:
        return saw(
            "needs-env-file",
            did="Started it with {how}.",
            saw="{said}",
            needs="a shop that serves: everything is in the environment",
            why="In production there is no `.env`, and a file with secrets that must be there gets copied around.",
            try_="Read `.env` only where it exists.",
            how=how,
            said=said,
        )
    return saw(
        "refuses-the-right-ones",
        did="Started it with {how}.",
        saw="{said}",
        needs="a shop that serves",
        why="A shop that refuses good settings is closed.",
        try_="Compare your conditions with the three points of the task.",
        how=how,
        said=said,
    )


def test_starts(answer: Answer, printed: Printed, rng: random.Random) -> None:
    """With three right variables and no file, it serves, and works with them."""
    config = drawn(rng)
    how = _("three right variables and no `.env`")
    code, host = serves(answer, printed, config, how, env=config.env(), wanted=config)
    if not (code and host):
        raise saw(
            "other-values",
            did="Started it with {how}, and asked for a ticket.",
            saw="The ticket was made with another {what}.",
            needs="the values that it was started with",
            why="Tickets that were signed with another key are not worth anything at the door.",
            try_="Give `shop.serve` what you read, unchanged.",
            how=how,
            what="`SECRET_KEY`" if not code else "`PAYMENTS_URL`",
        )


def test_reads_env_file(answer: Answer, printed: Printed, rng: random.Random) -> None:
    """It reads `.env`, and the environment wins."""
    config, other = drawn(rng), drawn(rng)
    text = "".join(f"{name}={value}\n" for name, value in config.env().items())
    files = {".env": text}
    code, host = serves(answer, printed, config, _("all three variables in `.env`"), env={}, wanted=config, files=files)
    if not (code and host):
        raise saw(
            "other-values-than-the-file",
            did="Started it with all three variables in `.env`, and asked for a ticket.",
            saw="The ticket was made with other values.",
            needs="the values of the file",
            why="Whoever changes the file expects that something changes.",
            try_="Read each line up to the first `=`; the value is all that follows.",
        )
    env = {"SECRET_KEY": other.key, "PORT": str(other.port)}
    with answer.start(COMMAND, env=env, files=files, timeout=LIFE) as pending:
        how = _("`SECRET_KEY` and `PORT` in the environment, and others of all three in `.env`")
        printed.of(other)
        settle(pending, other.port, printed)
        elsewhere = OPEN in pending.log() and isinstance(ask(other.port), str)
        got = ask(config.port if elsewhere else other.port)
        printed.texts.append((how, pending.log()))
        log = pending.log()
    if elsewhere or (isinstance(got, dict) and got.get("code") != other.code("17")):
        raise saw(
            "file-beats-environment",
            did="Started it with {how}.",
            saw="It worked with the {what} of the file.",
            needs="the environment's",
            why="A forgotten `.env` in an image would quietly replace what production was given.",
            try_="Read the file first, and put the environment above it.",
            how=how,
            what="`PORT`" if elsewhere else "`SECRET_KEY`",
        )
    if not isinstance(got, dict) or got.get("paid at") != config.host:
        raise saw(
            "file-all-or-nothing",
            did="Started it with {how}. `PAYMENTS_URL` was only in the file.",
            saw="It did not work with the `PAYMENTS_URL` of the file. Output: `{log}`",
            needs="`PAYMENTS_URL` as the file has it, the others as the environment has them",
            why="One variable in the environment should not hide all others of the file.",
            try_="Decide for each variable, not for all of them.",
            how=how,
            log=lines(log),
        )


# What must not.


def refuses(answer: Answer, printed: Printed, cases: list[Case]) -> None:
    """Start all cases at once; each must end, with an exit code and the names."""
    running = [answer.start(COMMAND, env=case.env, timeout=LIFE) for case in cases]
    until = time.monotonic() + PATIENCE
    failed: list[tuple[int, NotYet]] = []
    try:
        for case, pending in zip(cases, running, strict=True):
            state = settle(pending, case.port, printed, until)
            got = ask(case.port) if state == "serves" else ""
            text = pending.log()
            printed.texts.append((case.how, text))
            missing = [name for name in case.names if not names(text, name)]
            if state == "serves":
                at_request = case.key == DEFAULT and isinstance(got, str) and "PORT" not in case.names
                failed.append((0, card("fails-at-first-request" if at_request else case.key, case, text)))
            elif OPEN in text:
                failed.append((1, card("opens-first", case, text)))
            elif state == "hangs":
                failed.append((2, card("hangs", case, text)))
            elif pending.finish().returncode == 0:
                failed.append((3, card("exits-with-zero", case, text)))
            elif missing:
                key = "one-at-a-time" if len(missing) < len(case.names) else "does-not-name"
                failed.append((4, card(key, case, text, missing)))
            elif (right := needless(case, text)) and not printed.leak(text)[0]:
                failed.append((5, card("names-the-right-ones", case, text, right)))
    finally:
        for pending in running:
            pending.close()
    if failed:
        raise min(failed, key=lambda one: one[0])[1]


def names(text: str, name: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){name}(?![A-Za-z0-9_])", text, re.IGNORECASE) is not None


def needless(case: Case, text: str) -> list[str]:
    """Variables that are right and named nevertheless, beside another one."""
    return [name for name in BOTH if name not in case.names] if all(name in text for name in BOTH) else []


def card(key: str, case: Case, text: str, missing: Sequence[str] = ()) -> NotYet:
    """The card of a start that should have been refused, or refused in another way."""
    seen, needs, why, try_ = cards()[key]
    return NotYet(
        key,
        did=_("Started it with {how}.").format(how=case.how),
        saw=seen.format(text=lines(text), missing=", ".join(f"`{name}`" for name in missing)),
        needs=needs,
        why=why,
        try_=try_,
    )


def cards() -> dict[str, tuple[str, str, str, str]]:
    """By key: what was seen, what is needed, why, what to try."""
    started, end = _("It started."), _("an end with an exit code other than 0, before the shop opens")
    return {
        DEFAULT: (
            _("It started, and made a ticket."),
            end,
            _("A default that stands in the source code is a key that everybody has."),
            _("Take the default away: what is not there is a problem to report."),
        ),
        "fails-at-first-request": (
            _("It started. The first request for a ticket failed."),
            end,
            _("The deploy was green. The first who sees that something is missing is a customer."),
            _("Look at all values before you call `shop.serve`."),
        ),
        EMPTY: (
            started,
            _("the same end as when it is missing"),
            _("`KEY=$OTHER` is empty when nobody set `OTHER`: the variable is there, and everybody can guess it."),
            _("Ask whether there is something in it, not whether it is there."),
        ),
        EXAMPLE: (
            started,
            _("an end: the example stands in the README"),
            _("It is long enough to look like a key, and it is everybody's."),
            _("Length is not all: refuse what contains `changeme`."),
        ),
        SHORT: (
            started,
            _("an end: 32 characters or more"),
            _("A short key can be tried out."),
            _("Compare the length with 32."),
        ),
        CUT: (
            started,
            _("an end: what stands where the port belongs is no number"),
            _("The host ends at the first `/`. Payments would go to a host called `guiche`."),
            _("Look at `urlsplit(url).port`, too: it raises `ValueError`."),
        ),
        URL: (
            started,
            _("an end: `http` or `https`, and a host"),
            _("Nobody is found at such an address, and nobody knows before the first payment."),
            _("Take it apart with `urlsplit`: scheme, hostname and port."),
        ),
        PORT: (
            started,
            _("an end: a whole number from 1 to 65535"),
            _("It listens where nobody looks for it."),
            _("Turn it into a number, then look at the range."),
        ),
        "opens-first": (
            _("It opened, and ended afterwards."),
            end,
            _("Requests that came in between are lost, or worse: served."),
            _("First look at all values, then call `shop.serve`."),
        ),
        "hangs": (
            _("After 10 seconds it neither served nor had ended. Output: `{text}`"),
            end,
            _("The platform waits for it, and the deploy hangs with it."),
            _("Look for a loop or a pause. What it waits for will not come: nobody changes this environment."),
        ),
        "exits-with-zero": (
            _("It ended with exit code 0. Output: `{text}`"),
            _("an exit code other than 0"),
            _("0 means that all went well. The platform believes it, and the deploy goes on."),
            _('`sys.exit("text")` prints the text and ends with 1.'),
        ),
        "one-at-a-time": (
            _("It refused, and did not name {missing}. Output: `{text}`"),
            _("all of them, in one start"),
            _("One deploy for each mistake: it is Friday, and you mend them one after the other."),
            _("Write down every problem, and raise at the end."),
        ),
        "does-not-name": (
            _("It refused, and did not name {missing}. Output: `{text}`"),
            _("the name of the variable"),
            _("Whoever reads it at night has to guess which one."),
            _("Let each message begin with the name of the variable."),
        ),
        "names-the-right-ones": (
            _("It refused, and named {missing}, too, which is right. Output: `{text}`"),
            _("the names of those that are wrong"),
            _("A message that names everything is the same each time. Nobody knows where to look."),
            _("Write down a problem where you find it, and print what you wrote down."),
        ),
    }


def case(config: Config, key: str, how: str, *names: str, **changes: str | None) -> Case:
    return Case(key, how, config.env(**changes), names, config.port)


def test_refuses_missing(answer: Answer, printed: Printed, rng: random.Random) -> None:
    """Without one of the three, or with an empty one, it does not start, and names it."""
    cases = []
    for name in ("SECRET_KEY", "PAYMENTS_URL", "PORT"):
        config = drawn(rng)
        printed.of(config)
        cases.append(case(config, DEFAULT, _("`{name}` missing").format(name=name), name, **{name: None}))
    for name, text, how in (
        ("SECRET_KEY", "", _("`SECRET_KEY` empty")),
        ("SECRET_KEY", " " * 40, _("`SECRET_KEY` of 40 spaces")),
        ("PAYMENTS_URL", "", _("`PAYMENTS_URL` empty")),
    ):
        config = drawn(rng)
        printed.of(config)
        cases.append(case(config, EMPTY, how, name, **{name: text}))
    refuses(answer, printed, cases)


def test_refuses_wrong_values(answer: Answer, printed: Printed, rng: random.Random) -> None:
    """With the example's key, a short key, a malformed URL or port, it does not start, and names the variable."""
    configs = [drawn(rng) for _n in range(8)]
    rest, short, cut = word(rng, 30), word(rng, 31), word(rng, 16)
    for config in configs:
        printed.of(config)
    printed.secrets |= {rest: "SECRET_KEY", short: "SECRET_KEY", cut: "PAYMENTS_URL"}
    a, b, c, d, e, f, g, h = configs
    host = a.host
    url = "PAYMENTS_URL"
    refuses(
        answer,
        printed,
        [
            case(a, EXAMPLE, _("`SECRET_KEY=changeme-…`, 39 characters"), "SECRET_KEY",
                 SECRET_KEY=f"changeme-{rest}"),
            case(b, SHORT, _("a `SECRET_KEY` of 31 characters"), "SECRET_KEY", SECRET_KEY=short),
            case(c, URL, _("`PAYMENTS_URL` without `https://`"), url, PAYMENTS_URL=f"{host}/{c.token}"),
            case(d, URL, _("`PAYMENTS_URL` without a host"), url, PAYMENTS_URL=f"https://guiche:{d.token}@"),
            case(e, URL, _("`PAYMENTS_URL=ftp://…`"), url, PAYMENTS_URL=f"ftp://guiche:{e.token}@{host}"),
            case(f, CUT, _("a `/` in the password of `PAYMENTS_URL`"), url,
                 PAYMENTS_URL=f"https://guiche:{cut}/{f.token}@{host}"),
            case(g, PORT, _("`PORT=80a0`"), "PORT", PORT="80a0"),
            case(h, PORT, _("`PORT=0`"), "PORT", PORT="0"),
        ],
    )  # fmt: skip


def test_names_all(answer: Answer, printed: Printed, rng: random.Random) -> None:
    """When two or three are wrong, one start names them all."""
    a, b = drawn(rng), drawn(rng)
    printed.of(a)
    printed.of(b)
    bad = f"ftp://guiche:{b.token}@{b.host}"
    refuses(
        answer,
        printed,
        [
            case(a, DEFAULT, _("none of the three"), "SECRET_KEY", "PAYMENTS_URL", "PORT",
                 SECRET_KEY=None, PAYMENTS_URL=None, PORT=None),
            case(b, URL, _("`SECRET_KEY` empty and `PAYMENTS_URL=ftp://…`"), "SECRET_KEY", "PAYMENTS_URL",
                 SECRET_KEY="", PAYMENTS_URL=bad),
        ],
    )  # fmt: skip


def test_tells_no_secret(printed: Printed) -> None:
    """Nothing that it prints contains a secret, whatever it was started with."""
    if len(printed.texts) < 19:
        raise saw(
            "not-asked",
            did="Did not look any further: something above is not right yet.",
            saw="Nothing.",
            needs="the observations above",
            why="What it prints is known when it has been started in every way.",
            try_="Begin with the first one that fails.",
        )
    for how, text in printed.texts:
        part, name = printed.leak(text)
        if not part:
            continue
        if OPEN in text:
            raise saw(
                "prints-its-settings",
                did="Started it with {how}, and read what it printed.",
                saw="It served, and its output has the secret of `{name}` in it: `{part}…`",
                needs="an output without it",
                why="Logs are copied, searched and kept for years, by more people than may know the key.",
                try_="Print names, or nothing. A dataclass shows all of its fields, unless `repr=False`.",
                how=how,
                name=name,
                part=part,
            )
        if "could not be cast to integer" in text or "nvalid port" in text:
            raise saw(
                "exception-tells-it",
                did="Started it with {how}, and read what it printed.",
                saw="An exception of somebody else's has a piece of the secret in its text: `{text}`",
                needs="an output without it",
                why="Who wrote `urlsplit` did not know that this port was half a password.",
                try_="Catch it, and say it in your own words: `raise … from None`, or a message in a list.",
                how=how,
                text=lines(text),
            )
        raise saw(
            "message-tells-it",
            did="Started it with {how}, and read what it printed.",
            saw="It refused, and its output has a piece of the secret of `{name}` in it: `{part}…`",
            needs="an output without it",
            why="A key with a typing error is nearly a key. The log of a failed start is read by many.",
            try_="Say which variable it is and what is expected, never what you found. With pydantic:"
            " `hide_input_in_errors=True`.",
            how=how,
            name=name,
            part=part,
        )
