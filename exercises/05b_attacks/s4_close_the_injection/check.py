"""S4: does anything that a visitor sends become part of a statement, and is the search still a search?"""

from __future__ import annotations

import contextlib
import json
import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from inprod.messages import _
from inprod.testing import Answer, Once, saw, wsgi
from inprod.testing.postgres import Postgres

GIVEN = Path(__file__).parents[1] / "given"
PATIENCE = 5.0
TYPED = 8  #: events that the sorted lists are made of
SUM = "SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) AS sum FROM {table} AS t"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"

# {x}: a word that no title has. {n}: a number. {w}: a word of eight titles. {alarm}: rings when Postgres runs it; it
# needs no quotes. {rows}: a SELECT that fits into the list.
TEXT = (
    "{x}' UNION SELECT email, password_hash, now(), 1 FROM users --",
    "{x}' UNION ALL SELECT password_hash, email, '2026-01-01'::timestamptz, 1 FROM users ORDER BY 1 --",
    "{x}%' OR 1=1 --",
    "{x}' OR '%' LIKE '",
    "{x}%' oR sLuG iLiKe '%",
    "{x}'/**/OR/**/1=1--",
    "{x}' || {alarm}::text || '",
    "%' AND {alarm} > 0 AND '%' LIKE '",
    "{x}' || (SELECT {alarm}::text FROM pg_sleep(0.3)) || '",
    "{x}' AND 1 = CAST((SELECT password_hash FROM users LIMIT 1) AS int) --",
    "{x}\\' OR {alarm} > 0 --",
    "{x}'' OR {alarm} > 0 --",
    "{x}''' OR {alarm} > 0 --",
    "{x}%') OR ({alarm} > 0) --",
    '{x}" OR {alarm} > 0 --',
    "{x}%27 OR {alarm} > 0 --",
    "$$ OR {alarm} > 0 --",
    "{x}\u2019 OR {alarm} > 0 --",
    "{x}'; CREATE TABLE {x} (n int); COMMIT; {rows} --",
    "{x}'; UPDATE users SET role = 'staff'; COMMIT; {rows} --",
)
NUMBER = (
    "{n} UNION SELECT email, password_hash, now(), 1 FROM users",
    "{n} UNION SELECT email, password_hash, now(), 1 FROM users --",
    "{n} OR 1=1",
    "{n} AND 1=2",
    "{n}/**/OR/**/1=1",
    "{n} - {alarm}",
    "{n}-{alarm}",
    "{n}) OR ({alarm} > 0",
    "{n}' OR '1'='1",
    "{n}' OR {alarm} > 0 --",
    "{n} LIMIT 1 --",
    "{n} + (SELECT {alarm} FROM pg_sleep(0.3))",
    "(SELECT {alarm})",
    "CASE WHEN ascii((SELECT min(password_hash) FROM users)) > 64 THEN {alarm} ELSE 0 END",
    "{n}\n- {alarm}",
    "{n}; UPDATE users SET role = chr(115); COMMIT; {rows}",
)
SORT = (
    "(CASE WHEN ascii((SELECT min(password_hash) FROM users)) > 64 THEN price ELSE -price END)",
    "(CASE WHEN ascii((SELECT min(password_hash) FROM users)) > 127 THEN price ELSE -price END)",
    "title, {alarm}",
    "title, (SELECT {alarm})",
    "title,{alarm}",
    "{alarm}",
    "(SELECT {alarm})",
    "title DESC, {alarm}",
    "title/**/,/**/{alarm}",
    "title\n,{alarm}",
    "price, (SELECT {alarm} FROM pg_sleep(0.3))",
    'title", {alarm} --',
    "title', {alarm} --",
    "title LIMIT 1 --",
    "price OFFSET 3 --",
    "title; UPDATE users SET role = chr(115); COMMIT; {rows} --",
)
DIRECTION = (
    "asc, {alarm}",
    "desc, (SELECT {alarm})",
    "desc,{alarm}",
    "asc NULLS FIRST, {alarm}",
    "asc\n,{alarm}",
    "desc/**/,/**/{alarm}",
    ", {alarm}",
    "asc LIMIT 1",
    "desc OFFSET 3",
    "asc LIMIT {alarm}",
    "desc; UPDATE users SET role = chr(115); COMMIT; {rows}",
)
#: A title, its decoys, and what is looked for, by kind; {r} is a random word.
TEXTS: tuple[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], ...] = (
    (("O'Brien {r} live", "OBrien {r} live", "O''Brien {r} live"), (("text", "o'brien {r}"), ("text", "'"))),
    (("São João {r}", "Sao Joao {r}", "São Joao {r}"), (("text", "São João {r}"),)),
    (
        ("{r} or 1=1; drop table users; --", "{r} or 1=1 drop table users", "{r} or"),
        (("text", "{r} OR 1=1; Drop Table users; --"),),
    ),
    (
        ("'{r}' union select \"all\" /* case */ (exec)", "{r} union select all", "{r} union"),
        (("text", "'{r}' union select \"all\" /* case */ (exec)"),),
    ),
    (
        ("100%_off {r}", "100 and off {r}", "100%xoff {r}"),
        (("wildcard", "100%_off {r}"), ("wildcard", "%"), ("wildcard", "_"), ("wildcard", "% {r}")),
    ),
    (("C:\\new {r}", "C:new {r}", "C:\\\\new {r}"), tuple(("backslash", q) for q in ("C:\\new {r}", "\\", "\\\\"))),
)
NO_NUMBERS = ("many", "80.5", "1e2", "NaN", "0x50", "80 reais", "80,5")
NO_SORTS = ("slug", "titles", "1", "price desc", "title,price", "popularity")
NO_DIRECTIONS = ("down", "descending", "-1", "asc nulls last")


@dataclass(frozen=True)
class Event:
    """A row that the check has made."""

    slug: str
    title: str
    starts_at: datetime
    price: int


@dataclass(frozen=True)
class Reply:
    """What a request brought, and what it did."""

    asked: dict[str, str]
    status: int  #: 0 where there was none in time
    text: str = ""
    events: tuple[dict[str, Any], ...] | None = None  #: None where it was no such JSON
    rang: bool = False
    changed: str = ""
    trouble: str = ""  #: the exception behind a 500, as the log has it

    @property
    def slugs(self) -> list[str]:
        """The events, in order."""
        return [str(event.get("slug")) for event in self.events or ()]


@dataclass
class Evidence:
    """All requests of one run; the application is started once."""

    events: list[Event] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    word: str = ""
    number: int = 0
    looked_for: list[tuple[str, str]] = field(default_factory=list)  #: kind and text
    replies: dict[str, list[Reply]] = field(default_factory=dict)


class Shop:
    """The application while it runs, and the database beside it."""

    def __init__(self, served: wsgi.Served, postgres: Postgres, alarm: str) -> None:
        self._served, self._postgres, self._alarm = served, postgres, alarm
        self._before = self._sums()
        self._rings = self._count()

    def ask(self, asked: dict[str, str]) -> Reply:
        """One request, and what it left behind."""
        try:
            got = self._served.client.get("/events", params=asked)
        except httpx.HTTPError:
            return Reply(asked, 0, rang=self._rang(), changed=self._changed())
        events: Any = None
        with contextlib.suppress(ValueError, TypeError, KeyError):
            events = tuple(dict(event) for event in json.loads(got.text)["events"])
        trouble = self._served.last_error() if got.status_code >= 500 else ""
        return Reply(asked, got.status_code, got.text, events, self._rang(), self._changed(), trouble)

    def _rang(self) -> bool:
        before, self._rings = self._rings, self._count()
        return self._rings != before

    def _count(self) -> int:
        rows = self._postgres.rows(f"SELECT last_value + is_called::int AS n FROM {self._alarm}")
        return int(rows[0]["n"])

    def _changed(self) -> str:
        """The first table that is not what it was."""
        before, self._before = self._before, self._sums()
        differs = [
            name for name in sorted(before.keys() | self._before.keys()) if before.get(name) != self._before.get(name)
        ]
        return differs[0] if differs else ""

    def _sums(self) -> dict[str, str]:
        names = [row["relname"] for row in self._postgres.rows(TABLES)]
        return {n: self._postgres.rows(SUM.format(table=n))[0]["sum"] for n in names}


def word(rng: random.Random, size: int = 6) -> str:
    """Letters that no statement has a meaning for."""
    return "z" + "".join(rng.choices(string.ascii_lowercase, k=size))


def fill(postgres: Postgres, rng: random.Random, alarm: str) -> Evidence:
    """Make the tables, the events, the users and the alarm of this run."""
    seen = Evidence(word=word(rng), number=rng.randint(80, 120))
    postgres.execute((GIVEN / "events.sql").read_text(encoding="utf-8"))
    postgres.execute(f"CREATE SEQUENCE {alarm}")
    words = [word(rng) for _row in TEXTS]
    seen.looked_for = [
        (kind, q.replace("{r}", r)) for r, (_titles, asked) in zip(words, TEXTS, strict=True) for kind, q in asked
    ]
    titles = [title.replace("{r}", r) for r, (some, _asked) in zip(words, TEXTS, strict=True) for title in some]
    titles += [f"Evening {word(rng)}" for _n in range(12)]
    cheap = rng.sample(range(10, seen.number), len(titles) // 2)
    prices = [*cheap, *rng.sample(range(seen.number + 1, 400), len(titles) - len(cheap))]
    days = rng.sample(range(1, 300), len(titles))
    rows = list(zip(titles, prices, days, strict=True))
    # Four orders that differ, in both directions: by title, by price, by day, and as they were written.
    orders = [rng.sample(range(TYPED), TYPED) for _n in range(3)]
    while len({tuple(way) for order in (*orders, range(TYPED)) for way in (order, [TYPED - 1 - n for n in order])}) < 8:
        orders = [rng.sample(range(TYPED), TYPED) for _n in range(3)]
    for letter, price, day in zip(*orders, strict=True):
        rows.append((f"{seen.word} {'abcdefgh'[letter]}{word(rng)}", seen.number + 7 * (price - 3), 400 + day))
    first = datetime(2026, 12, 1, 21, tzinfo=UTC)
    for title, price, day in rows:
        event = Event(word(rng, 9), title, first + timedelta(days=day), price)
        seen.events.append(event)
        postgres.execute("INSERT INTO events VALUES (%s, %s, %s, %s)", event.slug, title, event.starts_at, price)
    for _n in range(4):
        secret = (f"{word(rng)}@example.com", f"scrypt:{rng.getrandbits(80):x}")
        seen.secrets += secret
        postgres.execute("INSERT INTO users VALUES (%s, %s, 'customer')", *secret)
    return seen


def requests(seen: Evidence, alarm: str, rng: random.Random) -> Iterator[tuple[str, dict[str, str]]]:
    """Everything that is asked, in order, by the group that it belongs to."""
    spelled = "||".join(f"chr({ord(letter)})" for letter in alarm)
    names = {
        "x": word(rng),
        "n": str(seen.number),
        "alarm": f"nextval(({spelled})::regclass)",
        "rows": "SELECT slug, title, starts_at, price FROM events",
    }
    yield "plain", {}
    yield "plain", {"q": seen.word}
    yield "plain", {"q": seen.word.upper(), "min_price": str(seen.number)}
    yield from (("text", {"q": q}) for _kind, q in seen.looked_for)
    for sort in ("title", "price", "starts_at"):
        for direction in ({}, {"dir": "asc"}, {"dir": "desc"}):
            yield "sorted", {"q": seen.word, "sort": sort, **direction}
    yield from (("no number", {"q": seen.word, "min_price": value}) for value in NO_NUMBERS)
    yield from (("no sort", {"q": seen.word, "sort": value}) for value in NO_SORTS)
    yield from (("no direction", {"q": seen.word, "sort": "title", "dir": value}) for value in NO_DIRECTIONS)
    yield from (("in q", {"q": value.format(**names)}) for value in TEXT)
    yield from (("in min_price", {"min_price": value.format(**names)}) for value in NUMBER)
    yield from (("in sort", {"q": seen.word, "sort": value.format(**names)}) for value in SORT)
    yield from (("in dir", {"q": seen.word, "sort": "price", "dir": value.format(**names)}) for value in DIRECTION)


@pytest.fixture
def seen(once: Once, answer: Answer, postgres: Postgres, rng: random.Random) -> Evidence:
    """What was asked and what came back."""
    return once(lambda: watch(answer, postgres, rng))


def watch(answer: Answer, postgres: Postgres, rng: random.Random) -> Evidence:
    """Start the application and ask it everything."""
    alarm = word(rng)
    seen = fill(postgres, rng, alarm)
    with wsgi.serve(answer, "search:app", env={"DATABASE_URL": postgres.url}, patience=PATIENCE) as served:
        shop = Shop(served, postgres, alarm)
        damaged: set[str] = set()
        for group, asked in requests(seen, alarm, rng):
            if group in damaged:
                continue
            reply = shop.ask(asked)
            seen.replies.setdefault(group, []).append(reply)
            if reply.changed:
                damaged.add(group)
            if not reply.status:
                raise ended(reply) if served.has_ended() else silent(reply)
    return seen


def ended(reply: Reply) -> Exception:
    return saw(
        "app-ended",
        did="Sent `GET /events?{asked}`.",
        saw="The process ended.",
        needs="an application that goes on",
        why="Whoever can end the process with one request does it again as soon as it is back.",
        try_="Look for `exit`, or for a crash of a library.",
        asked=shown(reply),
    )


def silent(reply: Reply) -> Exception:
    return saw(
        "no-answer",
        did="Sent `GET /events?{asked}`.",
        saw="No answer after {seconds:.0f} s.",
        needs="an answer within 5 seconds",
        why="A request that hangs keeps a thread, a connection, and everybody behind it.",
        try_="Does something wait for a lock or a connection that is never given back?",
        asked=shown(reply),
        seconds=PATIENCE,
    )


def shown(reply: Reply) -> str:
    """The parameters as the learner reads them, all but those that are plain."""
    return "&".join(f"{name}={value}" for name, value in reply.asked.items()).replace("\n", "\\n")[:200]


def matching(seen: Evidence, asked: dict[str, str]) -> list[Event]:
    """What the search should find, in the order asked for."""
    q, low = asked.get("q", "").lower(), int(asked.get("min_price", 0))
    found = [event for event in seen.events if q in event.title.lower() and event.price >= low]
    return sorted(found, key=lambda e: getattr(e, asked.get("sort", "starts_at")), reverse=asked.get("dir") == "desc")


def effect(seen: Evidence, replies: Sequence[Reply]) -> tuple[Reply, str] | None:
    """The first request that did what nobody may do by it, and what that was; the worst kind first."""
    for reply in replies:
        for secret in seen.secrets:
            if secret in reply.text:
                return reply, _("The answer holds `{secret}`, which stands in `users`.").format(secret=secret)
    for reply in replies:
        if reply.changed:
            return reply, _("Afterwards, `{table}` is not what it was.").format(table=reply.changed)
    for reply in replies:
        if reply.rang:
            return reply, _("Postgres ran `nextval`, which stood only in that parameter.")
    return None


def crash(replies: Sequence[Reply]) -> Reply | None:
    """The first request that was answered with a 500."""
    return next((reply for reply in replies if reply.status >= 500), None)


def test_still_the_search(seen: Evidence) -> None:
    """Without anything special, the page shows what it did."""
    for reply in seen.replies["plain"]:
        wanted = matching(seen, reply.asked)
        if reply.status != 200 or not alike(reply.events, wanted):
            raise saw(
                "another-search",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}: {text}",
                needs='200 and `{{"events": […]}}` with {n} events by their date, and of each `slug`, `title`,'
                " `starts_at` in ISO 8601 and `price`",
                why="Programs read this page. They don't know that it was mended, and break where it changes its form.",
                try_="Compare with the answer of the starter: names, form, and the order where none is asked for.",
                asked=shown(reply),
                status=reply.status,
                text=reply.trouble or f"`{reply.text[:160]}`",
                n=len(wanted),
            )


def alike(events: tuple[dict[str, Any], ...] | None, wanted: Sequence[Event]) -> bool:
    """Whether the events are these, in this order and in the old form."""
    got = []
    for event in events or ():
        try:
            at = datetime.fromisoformat(str(event.get("starts_at"))).astimezone(UTC)
        except ValueError:
            return False
        got.append((event.get("slug"), event.get("title"), at, event.get("price")))
    return events is not None and got == [(e.slug, e.title, e.starts_at, e.price) for e in wanted]


def test_attacks_in_q(seen: Evidence) -> None:
    """Twenty attacks in `q` are texts that no title contains."""
    replies = seen.replies["in q"]
    found = effect(seen, replies)
    if found is not None:
        raise saw(
            "text-open",
            did="Sent `GET /events?{asked}`.",
            saw="{effect}",
            needs="an empty list: it is a text that no title contains",
            why="A quote ends the text, and what follows is read as a part of your statement. Everything that your"
            " database user may do, the visitor may do.",
            try_="Don't write the text into the statement. Which other way does `execute` have for a value?",
            asked=shown(found[0]),
            effect=found[1],
        )
    if (broken := crash(replies)) is not None:
        raise saw(
            "text-crashes",
            did="Sent `GET /events?{asked}`.",
            saw="Status {status}. {trouble}",
            needs="an answer",
            why="An error page for a character is how an attacker finds the place, and how O'Brien finds nothing.",
            try_="Read the exception: who could not read that text?",
            asked=shown(broken),
            status=broken.status,
            trouble=broken.trouble,
        )
    for reply in replies:
        if reply.slugs:
            raise saw(
                "text-has-a-meaning",
                did="Sent `GET /events?{asked}`.",
                saw="{n} events, and no title contains that text.",
                needs="an empty list",
                why="Something finds a meaning in this text: the statement that it became part of, or an operator with"
                " a language of its own. There are attacks in that language, too.",
                try_="Which signs have a meaning for your operator or function?",
                asked=shown(reply),
                n=len(reply.slugs),
            )


def test_attacks_in_min_price(seen: Evidence) -> None:
    """Sixteen attacks in `min_price` do nothing."""
    replies = seen.replies["in min_price"]
    found = effect(seen, replies)
    like = [reply for reply in replies if reply.asked["min_price"].startswith(str(seen.number)) and reply.status == 200]
    for reply in like:
        if found is None and reply.slugs != like[0].slugs:
            values = {"n": len(reply.slugs), "m": len(like[0].slugs), "other": shown(like[0])}
            found = reply, _("{n} events; with `{other}` they were {m}. The condition is read.").format(**values)
    if found is not None:
        raise saw(
            "number-open",
            did="Sent `GET /events?{asked}`.",
            saw="{effect}",
            needs="status 400: that is no number",
            why="Where a number stands there are no quotes, so nobody needs one to get out. Doubling quotes closes"
            " nothing here.",
            try_="Make it a number before it comes near the statement, and send it as a parameter.",
            asked=shown(found[0]),
            effect=found[1],
        )
    if (broken := crash([*seen.replies["no number"], *replies])) is not None:
        raise saw(
            "number-crashes",
            did="Sent `GET /events?{asked}`.",
            saw="Status {status}. {trouble}",
            needs="status 400",
            why="A 500 calls somebody at night. What a visitor typed is the visitor's to mend, and 400 says so.",
            try_="What does `int` do with a text that is no number?",
            asked=shown(broken),
            status=broken.status,
            trouble=broken.trouble,
        )


def test_attacks_in_sort(seen: Evidence) -> None:
    """Sixteen attacks in `sort` do nothing."""
    replies = seen.replies["in sort"]
    found = effect(seen, replies)
    served = [reply for reply in replies if reply.status == 200]
    for reply in served:
        if found is None and reply.asked["sort"].startswith("(CASE") and reply.slugs != served[0].slugs:
            found = reply, _("The order is another one when the question about `password_hash` is another one.")
        if found is None and len(reply.slugs) != TYPED:
            found = reply, _("{n} of {m} events.").format(n=len(reply.slugs), m=TYPED)
    if found is not None:
        raise saw(
            "sort-open",
            did="Sent `GET /events?{asked}`.",
            saw="{effect}",
            needs="status 400: there is no such order",
            why="ORDER BY takes any expression. One question after the other, the order of your list tells every secret"
            " of the database.",
            try_="Compare the whole of `sort` with the names that you know, and write your own one into the statement.",
            asked=shown(found[0]),
            effect=found[1],
        )


def test_attacks_in_dir(seen: Evidence) -> None:
    """Eleven attacks in `dir` do nothing."""
    replies = seen.replies["in dir"]
    found = effect(seen, replies)
    for reply in replies:
        if found is None and reply.status == 200 and len(reply.slugs) != TYPED:
            found = reply, _("{n} of {m} events.").format(n=len(reply.slugs), m=TYPED)
    if found is not None:
        raise saw(
            "direction-open",
            did="Sent `GET /events?{asked}`.",
            saw="{effect}",
            needs="status 400: there are two directions",
            why="After ASC comes a comma, and after the comma whatever the visitor likes. Each place of the statement"
            " has to be closed.",
            try_="It is a keyword: let it be chosen between two that stand in your file.",
            asked=shown(found[0]),
            effect=found[1],
        )


def test_every_text_is_found(seen: Evidence) -> None:
    """O'Brien, `100%_off`, `C:\\new` and ã are found, and nothing else with them."""
    for reply, (kind, q) in zip(seen.replies["text"], seen.looked_for, strict=True):
        wanted, got = matching(seen, reply.asked), reply.slugs
        missing = [event.title for event in wanted if event.slug not in got]
        more = [event.title for event in seen.events if event.slug in got and event not in wanted]
        if reply.status != 200:
            raise saw(
                "text-refused",
                did="Sent `GET /events?q={q}`. There are {n} events with that text in their title.",
                saw="Status {status}.",
                needs="status 200 and the events",
                why="Mr. O'Brien is a customer. A list of what is forbidden stops those who mean no harm first.",
                try_="With the text as a parameter, there is nothing that you need to forbid.",
                q=q,
                n=len(wanted),
                status=reply.status,
            )
        if kind == "wildcard" and more:
            raise saw(
                "wildcards",
                did="Sent `GET /events?q={q}`.",
                saw="{n} events, among them “{title}”.",
                needs="only titles that contain `{q}`",
                why="Inside of a pattern, `%` and `_` mean something, also when they come as a parameter. Whoever sends"
                " `%` reads the whole table, page by page.",
                try_="Escape `%`, `_` and the character that escapes, or ask with a function that knows no patterns.",
                q=q,
                n=len(got),
                title=more[0],
            )
        if kind == "backslash" and (more or missing):
            raise saw(
                "backslash",
                did="Sent `GET /events?q={q}`. Titles that contain it: {n}.",
                saw="{got} events came back. Missing: {missing} Too many: {more}",
                needs="exactly those that contain `{q}`",
                why="In a pattern, the backslash takes the meaning of what comes next, so it disappears itself.",
                try_="The character that escapes needs to be escaped, too, and before the others.",
                q=q,
                n=len(wanted),
                got=len(got),
                missing=listed(missing),
                more=listed(more),
            )
        if more or missing:
            raise saw(
                "text-not-found",
                did="Sent `GET /events?q={q}`. Titles that contain it: {n}.",
                saw="{got} events came back. Missing: {missing} Too many: {more}",
                needs="exactly those that contain `{q}`",
                why="A text that is changed before it is looked for finds something else, and says nothing about it.",
                try_="Look for the text as it came. As a parameter, it may contain anything.",
                q=q,
                n=len(wanted),
                got=len(got),
                missing=listed(missing),
                more=listed(more),
            )


def listed(titles: Sequence[str]) -> str:
    """Some titles, for a sentence."""
    return f"“{titles[0]}”." if titles else _("nothing.")


def test_really_sorted(seen: Evidence) -> None:
    """The list is in the order that was asked for."""
    for reply in seen.replies["sorted"]:
        wanted = [event.slug for event in matching(seen, reply.asked)]
        if reply.slugs != wanted:
            column = reply.asked["sort"]
            raise saw(
                "not-sorted",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}; `{column}` in the order of the list: {got}.",
                needs="{wanted}",
                why="A parameter is a value. `ORDER BY 'price'` sorts by a text that is the same in each row: Postgres"
                " takes it, and sorts nothing.",
                try_="Choose the name of the column, and ASC or DESC, among your own.",
                asked=shown(reply),
                status=reply.status,
                column=column,
                got=", ".join(str((event or {}).get(column))[:12] for event in reply.events or ())[:160],
                wanted=", ".join(str(getattr(e, column))[:12] for e in matching(seen, reply.asked))[:160],
            )


def test_no_number_is_refused(seen: Evidence) -> None:
    """What is no whole number is answered with 400."""
    for reply in (*seen.replies["no number"], *seen.replies["in min_price"]):
        if reply.status != 400:
            raise saw(
                "number-guessed",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}, with {n} events.",
                needs="status 400",
                why="Nobody asked for that list. A visitor with a typing error pays for it, and a program that sends"
                " nonsense is never told.",
                try_="Say no where it is no number, instead of taking another one.",
                asked=shown(reply),
                status=reply.status,
                n=len(reply.slugs),
            )


def test_unknown_order_is_refused(seen: Evidence) -> None:
    """Another `sort` or `dir` is answered with 400."""
    by_slug = [event.slug for event in sorted(matching(seen, {"q": seen.word}), key=lambda event: event.slug)]
    for reply in (*seen.replies["no sort"], *seen.replies["in sort"]):
        if reply.slugs in (by_slug, by_slug[::-1]):
            raise saw(
                "any-column",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}, and the list is sorted by `slug`.",
                needs="status 400",
                why="A quoted name is safe from attacks, and still any column of the table. The order tells what is in"
                " it, also where the page does not show it.",
                try_="Quoting comes after the question whether the name is one of the three.",
                asked=shown(reply),
                status=reply.status,
            )
        if reply.status >= 500:
            raise saw(
                "sort-crashes",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}. {trouble}",
                needs="status 400",
                why="A 500 says that your code is broken, and calls somebody. A typing error is the visitor's to mend.",
                try_="Who raised it: Postgres, or your own dict? Answer 400 before that.",
                asked=shown(reply),
                status=reply.status,
                trouble=reply.trouble,
            )
        if reply.status != 400:
            raise saw(
                "unknown-sort-served",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}, with {n} events.",
                needs="status 400",
                why="A list in an order that nobody asked for looks like the right one.",
                try_="Where the name is not one of yours, say so.",
                asked=shown(reply),
                status=reply.status,
                n=len(reply.slugs),
            )
    for reply in (*seen.replies["no direction"], *seen.replies["in dir"]):
        if reply.status != 400:
            raise saw(
                "unknown-direction-served",
                did="Sent `GET /events?{asked}`.",
                saw="Status {status}, with {n} events.",
                needs="status 400",
                why="Whoever asked for “descending” gets another order or an error page, and is not told what to mend.",
                try_="Two words are known: `asc` and `desc`. Say 400 to all others.",
                asked=shown(reply),
                status=reply.status,
                n=len(reply.slugs),
            )
