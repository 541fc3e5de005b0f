"""S5: is what customers wrote shown as they wrote it, and does none of it become a part of the page?"""

from __future__ import annotations

import contextlib
import html
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from inprod.messages import _
from inprod.testing import Answer, Once, dom, saw, wsgi
from inprod.testing.postgres import Postgres

GIVEN = Path(__file__).parents[1] / "given"
NAMES = ("author", "body", "link")
KEEP = """
INSERT INTO reviews (event, author, body, link) SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
"""
PATIENCE = 5.0

# {n}: a number of this run.
TEXT = (
    "<script>alert({n})</script>",
    "</p><script>alert({n})</script>",
    "<img src=x onerror=alert({n})>",
    "<svg onload=alert({n})>",
    "<svg><script>alert({n})</script></svg>",
    "<ScRiPt>alert({n})</sCrIpT>",
    "<scr<script>ipt>alert({n})</scr</script>ipt>",
    "<img src=x oneonerrorrror=alert({n}) onerror=alert({n})>",
    "<details open ontoggle=alert({n})>",
    "<body onpageshow=alert({n})>",
    '<iframe srcdoc="&lt;script&gt;parent.alert({n})&lt;/script&gt;"></iframe>',
    '<a href="javascript:alert({n})" autofocus>Tickets</a>',
    "<form action=javascript:alert({n})><input type=submit></form>",
    "<input autofocus onfocus=alert({n})>",
    "--><img src=x onerror=alert({n})>",
    "]]><img src=x onerror=alert({n})>",
    "</title></textarea></style><img src=x onerror=alert({n})>",
    "<img/src=x/onerror=alert({n})>",
    "<math><mi//xlink:href='javascript:alert({n})'>x</mi></math>",
    "<b>{n}</b>",
)
#: Without a space: in an attribute without quotes they do nothing when they are escaped.
TAGS_IN_NAMES = ("<script>alert({n})</script>", "<svg/onload=alert({n})>")
TEMPLATES = ("{{{{ {n} * 3 }}}}", "{{% if true %}}{n}{{% endif %}}", "{{{{ config }}}} {n}")
ATTRIBUTE = (
    '" autofocus tabindex=1 onfocus=alert({n}) x="',
    '" onmouseover="alert({n})',
    '"><img src=x onerror=alert({n})>',
    "' autofocus tabindex=1 onfocus=alert({n}) x='",
    "'><img src=x onerror=alert({n})>",
    "x onmouseover=alert({n})",
    "x autofocus tabindex=1 onfocus=alert({n}) y",
    "x\tonmouseover=alert({n})",
    "x\nonmouseover=alert({n})",
    "x/ onmouseover=alert({n})",
    "x` onmouseover=alert({n}) `",
)
SCRIPT = (
    "</script><script>alert({n})</script>",
    "</script><img src=x onerror=alert({n})>",
    "</SCRIPT><img src=x onerror=alert({n})>",
    "</script ><img src=x onerror=alert({n})>",
    "</script\t><svg onload=alert({n})>",
    "</script/x><img src=x onerror=alert({n})>",
    "<!--<script>alert({n})",
    "<!-- <script >{n}",
    '"}}];alert({n});[{{"',
    '\\u003c/script>\\"</ScRiPt><img src=x onerror=alert({n})>',
    "\\",
)
KNOWN_ENDS = ("</script>",)  #: what a list of one word knows
LINKS = (
    "javascript:alert({n})",
    "javascript://example.com/%0aalert({n})",
    "JaVaScRiPt:alert({n})",
    " javascript:alert({n})",
    "\tjavascript:alert({n})",
    "\x01javascript:alert({n})",
    "java\nscript:alert({n})",
    "java\tscript:alert({n})",
    "javascript:alert({n})//https://example.com/",
    "javascript:/*http://*/alert({n})",
    "data:text/html,<script>alert({n})</script>",
    "DATA:text/html;charset=utf-8,%3Cscript%3Ealert({n})%3C/script%3E",
    "vbscript:msgbox({n})",
)
QUOTED_LINKS = (
    'https://example.com/{n}" onmouseover="alert({n})',
    "https://example.com/{n}' onmouseover='alert({n})",
    'http://example.com/{n}"><img src=x onerror=alert({n})>',
    "https://example.com/{n} onmouseover=alert({n})",
)
NO_LINKS = (
    "ftp://example.com/{n}",
    "httpx://example.com/{n}",
    "/login?{n}",
    "example.com/{n}",
    "mailto:a{n}@example.com",
)
GOOD_LINKS = ("https://example.com/{n}?a=1&b=2", "http://example.com/São/{n}", "https://example.com/{n}?lt=<&copy=1")
HONEST = (
    '5 < 6 & "sim" {n}',
    "1 < 2 and 3 > 2, {n}",
    "I <3 Beethoven {n}",
    "&amp; &lt;{n}&gt; &#39; &copy",
    "It's O'Brien's, São João {n}",
    "{{{{ 7*7 }}}} {n}",
    "C:\\new\\{n}",
    "javascript:void({n})",
    "<b>bold {n}</b>",
)


@dataclass(frozen=True)
class Review:
    """What somebody wrote."""

    author: str
    body: str
    link: str = ""


@dataclass(frozen=True)
class Visit:
    """A page with one review, and how it came into the table."""

    review: Review
    group: str
    sent: bool  #: with POST; else by SQL
    posted: int  #: status of the POST
    stored: Review | None
    status: int  #: 0 where there was no answer in time
    html: str
    trouble: str = ""  #: the exception behind a 500, as the log has it

    @cached_property
    def page(self) -> dom.Element:
        """What a browser makes of it."""
        return dom.parse(self.html)


@dataclass
class Evidence:
    """All pages of one run; the application is started once."""

    like: list[dom.Element] = field(default_factory=list)  #: pages with harmless reviews
    visits: dict[str, list[Visit]] = field(default_factory=dict)


class Site:
    """The application while it runs, and the table beside it."""

    def __init__(self, served: wsgi.Served, postgres: Postgres) -> None:
        self._served, self._postgres = served, postgres

    def keep(self, wanted: Sequence[tuple[str, Review]]) -> None:
        """Rows that the application has not seen: an event and its review."""
        columns = [[event for event, _r in wanted], *([vars(r)[name] for _e, r in wanted] for name in NAMES)]
        self._postgres.execute(KEEP, *columns)

    def visit(self, event: str, review: Review, group: str, *, sent: bool) -> Visit:
        """Open the page of an event, after its review was sent if it is one to send."""
        where, posted, stored = f"/events/{event}/reviews", 0, None
        try:
            if sent:
                posted = self._served.client.post(where, json=vars(review)).status_code
                rows = self._postgres.rows("SELECT author, body, link FROM reviews WHERE event = %s", event)
                stored = Review(**rows[0]) if len(rows) == 1 else None
            got = self._served.client.get(where)
        except httpx.HTTPError:
            return Visit(review, group, sent, posted, None, 0, "")
        trouble = self._served.last_error() if max(got.status_code, posted) >= 500 else ""
        return Visit(review, group, sent, posted, stored, got.status_code, got.text, trouble)


def harmless() -> tuple[Review, ...]:
    """Reviews that show what the page is made of: with a link, without one, and with one that is no link."""
    return (
        Review("Ana", "Lindo", "https://example.com/a"),
        Review("Bia", "Lindo"),
        Review("Caio", "Lindo", "ftp://x.org"),
    )


def attacks(n: int) -> Iterator[tuple[str, Review, bool]]:
    """Every review of a run: its group, what it says, and whether it is sent with POST."""
    for review in harmless():
        yield "plain", review, False
    for value in (*TEXT, *TEMPLATES):
        yield "text", Review("Ana", value.format(n=n)), False
    for value in TAGS_IN_NAMES:
        for sent in (False, True):
            yield "text", Review(value.format(n=n), "Lindo"), sent
    for value in (TEXT[0], TEXT[2], TEXT[8], TEXT[-1]):
        yield "text", Review("Ana", value.format(n=n)), True
    for value in ATTRIBUTE:
        yield "attribute", Review(value.format(n=n), "Lindo"), False
    for value in SCRIPT:
        yield "script", Review("Ana", value.format(n=n)), False
    for value in (*LINKS, *QUOTED_LINKS, *NO_LINKS):
        yield "link", Review("Ana", "Lindo", value.format(n=n)), False
    for value in GOOD_LINKS:
        yield "good link", Review("Ana", "Lindo", value.format(n=n)), False
    for value in HONEST:
        yield "honest", Review(value.format(n=n), value.format(n=n)), False
    for value in HONEST[:4]:
        yield "sent", Review(value.format(n=n), value.format(n=n), "https://example.com/?a=1&b=2"), True


@pytest.fixture
def seen(once: Once, answer: Answer, postgres: Postgres, rng: random.Random) -> Evidence:
    """What was sent, and the pages that came of it."""
    return once(lambda: watch(answer, postgres, rng))


def watch(answer: Answer, postgres: Postgres, rng: random.Random) -> Evidence:
    """Start the application and visit all pages."""
    seen = Evidence()
    postgres.execute((GIVEN / "reviews.sql").read_text(encoding="utf-8"))
    with wsgi.serve(answer, "reviews:app", env={"DATABASE_URL": postgres.url}, patience=PATIENCE) as served:
        site = Site(served, postgres)
        wanted = [(f"e{rng.getrandbits(40):x}", *each) for each in attacks(rng.randint(10_000, 99_999))]
        site.keep([(event, review) for event, _group, review, sent in wanted if not sent])
        for event, group, review, sent in wanted:
            visit = site.visit(event, review, group, sent=sent)
            seen.visits.setdefault(group, []).append(visit)
            if group == "plain":
                seen.like.append(visit.page)
            if not visit.status:
                raise ended(visit) if served.has_ended() else silent(visit)
    return seen


def ended(visit: Visit) -> Exception:
    return saw(
        "app-ended",
        did="Opened a page with one review: {review}.",
        saw="The process ended.",
        needs="an application that goes on",
        why="Whoever can end the process with one review does it again as soon as it is back.",
        try_="Look for `exit`, or for a crash of a library.",
        review=shown(visit),
    )


def silent(visit: Visit) -> Exception:
    return saw(
        "no-answer",
        did="Opened a page with one review: {review}.",
        saw="No answer after {seconds:.0f} s.",
        needs="an answer within 5 seconds",
        why="A page that hangs keeps a thread, a connection, and everybody behind it.",
        try_="Does something wait for a lock or a connection that is never given back? Does a regular expression?",
        review=shown(visit),
        seconds=PATIENCE,
    )


def shown(visit: Visit) -> str:
    """The review as the learner reads it: what is special of it, and how it came there."""
    review = visit.review
    name, value = ("link", review.link) if visit.group == "link" or "good" in visit.group else ("body", review.body)
    if review.body == "Lindo" and name == "body":
        name, value = "author", review.author
    how = _("sent with POST") if visit.sent else _("an old one, put there by SQL")
    value = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in value)
    return f"{name} `{value[:120]}` ({how})"


def part(page: dom.Element, tag: str) -> str | None:
    """The text of the only element with this tag in the only article; None where there is another number."""
    found = [element for article in page.find("article") for element in article.find(tag)]
    return found[0].text.strip() if len(found) == 1 else None


def data(page: dom.Element) -> list[dict[str, Any]] | None:
    """What the script holds; None where that is no list of objects."""
    found = [script.text for script in page.find("script") if script.attributes.get("id") == "reviews"]
    with contextlib.suppress(ValueError, TypeError, IndexError):
        value = json.loads(found[0])
        return [dict(row) for row in value] if isinstance(value, list) else None
    return None


def script_of(page: dom.Element) -> str:
    """The text of the script with the data."""
    return next((s.text.strip() for s in page.find("script") if s.attributes.get("id") == "reviews"), "")


def test_page_keeps_its_form(seen: Evidence) -> None:
    """A harmless review is on the page: article, author, text, link and JSON."""
    for visit in seen.visits["plain"]:
        page, review = visit.page, visit.review
        articles = page.find("article")
        links = [a.attributes.get("href") for article in articles for a in article.find("a")]
        wanted = [review.link] if review.link.startswith("http") else []
        got = (len(articles), part(page, "h2"), part(page, "p"))
        if visit.status != 200 or got != (1, review.author, review.body) or (wanted and links != wanted):
            raise saw(
                "another-page",
                did="Opened a page with one review: {review}.",
                saw="Status {status}. Articles: {n}, `h2`: {h2}, `p`: {p}, `href`: {links}. {trouble}",
                needs="200, and one `article` with the author in its `h2`, the text in its `p`, and the link in an `a`",
                why="Designers and programs know this page. They don't know that it was mended.",
                try_="Compare the page with the one of the starter.",
                review=shown(visit),
                status=visit.status,
                trouble=visit.trouble,
                n=got[0],
                h2=got[1],
                p=got[2],
                links=links,
            )
        if data(page) is None:
            raise saw(
                "json-broken",
                did="Opened a page with one harmless review, and read the script `reviews`.",
                saw="This is no JSON: `{text}`",
                needs="a list with an object for each review",
                why="In a script, the browser does not turn `&#34;` back into a quote. The page is safe, and its own"
                " program can't read it.",
                try_="A script is another context than text: which filter writes JSON for it?",
                text=script_of(page)[:120],
            )


def open_pages(seen: Evidence, group: str) -> list[tuple[Visit, str]]:
    """Visits of a group whose page has something that no harmless page has, and what that is."""
    found = [(visit, dom.foreign(visit.page, seen.like)) for visit in seen.visits[group] if visit.status == 200]
    return [(visit, what) for visit, what in found if what]


def test_text(seen: Evidence) -> None:
    """Attacks in the text are text."""
    found = open_pages(seen, "text")
    runs = [visit.review for visit, _what in found if visit.sent]
    tried = [visit.review for visit in seen.visits["text"] if visit.sent]
    if not runs and (old := [(visit, what) for visit, what in found if visit.review in tried]):
        raise saw(
            "old-rows-run",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`. The same text does nothing when it is sent with POST.",
            needs="a page on which no row of the table does anything",
            why="What you do to a text on its way in helps none of those that are in already, nor those that another"
            " program puts there.",
            try_="Where is the last place at which you can look after every text?",
            review=shown(old[0][0]),
            what=old[0][1],
        )
    plain = [visit for visit, _what in found if "<script>" in (visit.review.author[:8], visit.review.body[:8])]
    if plain:
        raise saw(
            "text-runs",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="a page on which a review is text",
            why="It runs in the browser of everybody who opens the page, with everything that they may do: their"
            " orders, their money, the staff's buttons.",
            try_="Is anything escaped? Ask the name of the template, and look for `safe` and `Markup`.",
            review=shown(found[0][0]),
            what=found[0][1],
        )
    if found:
        raise saw(
            "other-tags-run",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="a page on which a review is text",
            why="A script needs no `<script>`: any element with a handler does it, in more ways than a list knows.",
            try_="Don't look for what is bad. Write everything so that it is text.",
            review=shown(found[0][0]),
            what=found[0][1],
        )
    for visit in seen.visits["text"]:
        said = part(visit.page, "p")
        if "{" in visit.review.body and "html" in visit.html and said is not None and said != visit.review.body:
            raise saw(
                "template-runs",
                did="Opened a page with one review: {review}.",
                saw="`p` says `{said}`.",
                needs="the text as it was written",
                why="The review became a part of the template, and a template runs on your server: from there it is not"
                " far to your configuration and its keys.",
                try_="Hand the review to the template as a value. The template itself is a constant.",
                review=shown(visit),
                said=said[:120],
            )


def test_attribute(seen: Evidence) -> None:
    """Attacks in the author's name stay in the attribute."""
    found = open_pages(seen, "attribute")
    spaces = [(visit, what) for visit, what in found if visit.review.author.startswith("x")]
    if spaces:
        raise saw(
            "attribute-without-quotes",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="an `article` whose `data-author` is that name",
            why="Without quotes, an attribute ends at the first space. A space is nothing that is ever escaped.",
            try_="Put the value between quotes.",
            review=shown(spaces[0][0]),
            what=spaces[0][1],
        )
    if found:
        raise saw(
            "attribute-ends",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="an `article` whose `data-author` is that name",
            why="A quote ends the attribute, and what follows is the next one: a handler needs no tag of its own.",
            try_="In an attribute, the quote has to be escaped, too. Does your function do that?",
            review=shown(found[0][0]),
            what=found[0][1],
        )


def test_script(seen: Evidence) -> None:
    """Attacks in the JSON don't end its script."""
    found = open_pages(seen, "script")
    answered = [visit for visit in seen.visits["script"] if visit.status == 200]
    found += [(visit, script_of(visit.page)[:80]) for visit in answered if data(visit.page) is None]
    known = [(v, what) for v, what in found if any(s in v.review.body + v.review.author for s in KNOWN_ENDS)]
    if known:
        raise saw(
            "script-ends",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="a script that ends where the template ends it",
            why="The browser looks for `</script` before it looks at what stands in the script. For it, no JSON string"
            " is a string.",
            try_="Write JSON for a script in a page: without any `<`.",
            review=shown(known[0][0]),
            what=known[0][1],
        )
    if found:
        raise saw(
            "script-ends-in-another-way",
            did="Opened a page with one review: {review}.",
            saw="The script with the data is not what the template made: `{what}`.",
            needs="a script that ends where the template ends it",
            why="`</script>` is one way to end it. Upper case, a space before `>`, and `<!--<script>` are others.",
            try_="Don't replace words. In JSON, every `<` may be written as `\\u003c`.",
            review=shown(found[0][0]),
            what=found[0][1],
        )


def test_links(seen: Evidence) -> None:
    """Only `https://` and `http://` are links."""
    found = open_pages(seen, "link")
    if found and found[0][0].review.link.startswith("javascript:alert"):
        raise saw(
            "link-runs",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="no `a` for this link",
            why="A click runs it, in your page and with the rights of whoever clicks. There is nothing in it that"
            " could be escaped.",
            try_="Which schemes should a link have?",
            review=shown(found[0][0]),
            what=found[0][1],
        )
    if found and found[0][0].review.link.startswith("http"):
        raise saw(
            "href-ends",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="no attribute but those of the template",
            why="A quote or a space ends this attribute, as it does any other. It begins like a link, and that is not"
            " where the danger is.",
            try_="An address is checked, and escaped as well.",
            review=shown(found[0][0]),
            what=found[0][1],
        )
    if found:
        raise saw(
            "link-in-disguise",
            did="Opened a page with one review: {review}.",
            saw="The page has `{what}`.",
            needs="no `a` for this link",
            why="Browsers forgive: they drop spaces, tabs and line ends from a scheme and don't care for its case. A"
            " list of what is forbidden forgives nothing.",
            try_="Ask what the link must begin with.",
            review=shown(found[0][0]),
            what=found[0][1],
        )
    for visit in seen.visits["link"]:
        if visit.review.link.startswith(("http://", "https://")):
            continue
        if links := [a for article in visit.page.find("article") for a in article.find("a")]:
            raise saw(
                "another-scheme",
                did="Opened a page with one review: {review}.",
                saw="The page has `{what}`.",
                needs="no `a` for this link",
                why="It runs nothing. But a link of a customer that leads into your own site, or calls another program,"
                " is not what a review is for; and the next scheme may run something.",
                try_="Ask what the link must begin with.",
                review=shown(visit),
                what=links[0],
            )


def test_good_links(seen: Evidence) -> None:
    """Links to web pages are links."""
    for visit in seen.visits["good link"]:
        links = [a.attributes.get("href") for article in visit.page.find("article") for a in article.find("a")]
        if links != [visit.review.link]:
            raise saw(
                "link-lost",
                did="Opened a page with one review: {review}.",
                saw="Status {status}, `href` of all links in the article: {links}.",
                needs="one link with exactly this `href`",
                why="The review is worth half of it without the link, and a link that was changed leads elsewhere.",
                try_="Let through what begins with `https://` or `http://`, as it is, escaped once.",
                review=shown(visit),
                status=visit.status,
                links=links,
            )


def differs(visit: Visit) -> tuple[str, str, str] | None:
    """The first place at which the page does not say what was written: its name, what it says, what it should."""
    page, review = visit.page, visit.review
    articles = page.find("article")
    author = articles[0].attributes.get("data-author") if len(articles) == 1 else None
    rows = data(page) or []
    row = rows[0] if len(rows) == 1 else {}
    places = (
        ("p", part(page, "p"), review.body),
        ("h2", part(page, "h2"), review.author),
        ("data-author", author, review.author),
        ("JSON", row.get("body"), review.body),
        ("JSON", row.get("author"), review.author),
    )
    for name, got, wanted in places:
        if got != wanted:
            return name, str(got), wanted
    return None


def test_shown_as_written(seen: Evidence) -> None:
    """Text, attribute and JSON say exactly what is in the table."""
    everything = [visit for group in ("honest", "text", "attribute", "script", "link") for visit in seen.visits[group]]
    for visit in (visit for visit in everything if not visit.sent):
        if visit.status != 200:
            raise saw(
                "page-crashes",
                did="Opened a page with one review: {review}.",
                saw="Status {status}. {trouble}",
                needs="status 200",
                why="One odd review, and nobody sees any of them.",
                try_="Read the exception. Validation is for what comes in; what is in the table has to be shown.",
                review=shown(visit),
                status=visit.status,
                trouble=visit.trouble,
            )
        if (found := differs(visit)) is None:
            continue
        name, got, wanted = found
        if name != "JSON" and html.unescape(got) == wanted:
            raise saw(
                "escaped-twice",
                did="Opened a page with one review: {review}.",
                saw="`{name}` says `{got}`.",
                needs="`{wanted}`",
                why="Escaped once, it is shown as it was written. Escaped twice, everybody reads `&lt;`.",
                try_="Two places escape it. Keep the one that knows the context: the template.",
                review=shown(visit),
                name=name,
                got=got[:120],
                wanted=wanted[:120],
            )
        if name == "JSON":
            raise saw(
                "json-changed",
                did="Opened a page with one review: {review}.",
                saw="In the JSON it is `{got}`.",
                needs="`{wanted}`",
                why="Whoever reads JSON gets a text, not HTML: there, `&lt;` is four characters that nobody wrote.",
                try_="Leave the text as it is, and let the filter that writes the JSON care for the script.",
                review=shown(visit),
                got=got[:120],
                wanted=wanted[:120],
            )
        raise saw(
            "text-lost",
            did="Opened a page with one review: {review}.",
            saw="`{name}` says `{got}`.",
            needs="`{wanted}`",
            why="“1 < 2 and 3 > 2” is no tag, and whoever quotes one wants to show it. Escaping loses nothing.",
            try_="Don't remove anything. Write it so that it is text.",
            review=shown(visit),
            name=name,
            got=got[:120],
            wanted=wanted[:120],
        )


def test_kept_as_sent(seen: Evidence) -> None:
    """The table holds what was sent, and the page shows it."""
    for visit in (*seen.visits["sent"], *(v for v in seen.visits["text"] if v.sent)):
        if visit.posted != 201 or visit.stored is None:
            raise saw(
                "review-refused",
                did="Sent a review with POST: {review}.",
                saw="Status {status}. {trouble}",
                needs="status 201, and one row in the table",
                why="The customer meant no harm, or it can do none: as text, everything is harmless.",
                try_="There is nothing in a text that you need to forbid.",
                review=shown(visit),
                status=visit.posted,
                trouble=visit.trouble,
            )
        if visit.stored != visit.review:
            column = next(n for n in ("body", "author", "link") if vars(visit.stored)[n] != vars(visit.review)[n])
            got, wanted = vars(visit.stored)[column], vars(visit.review)[column]
            if html.unescape(got) == wanted:
                raise saw(
                    "escaped-on-its-way-in",
                    did="Sent a review with POST: {review}.",
                    saw="The table has `{got}`.",
                    needs="`{wanted}`",
                    why="The table does not know where the text will be shown. In the page it is escaped once more, and"
                    " in an e-mail it is wrong the first time.",
                    try_="Keep what was written. Escape it where the context is known.",
                    review=shown(visit),
                    got=got[:120],
                    wanted=wanted[:120],
                )
            raise saw(
                "changed-on-its-way-in",
                did="Sent a review with POST: {review}.",
                saw="The table has `{got}`.",
                needs="`{wanted}`",
                why="What was removed is gone for ever, and so is “I <3 Beethoven”.",
                try_="Keep what was written. Escape it where the context is known.",
                review=shown(visit),
                got=got[:120],
                wanted=wanted[:120],
            )
        if (found := differs(visit)) is not None:
            raise saw(
                "sent-shown-otherwise",
                did="Sent a review with POST and opened the page: {review}.",
                saw="`{name}` says `{got}`.",
                needs="`{wanted}`",
                why="The row is right, and the page is not. Does something remember how it was before?",
                try_="Let the page come from the table alone.",
                review=shown(visit),
                name=found[0],
                got=found[1][:120],
                wanted=found[2][:120],
            )
