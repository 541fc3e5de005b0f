"""X8: who is served, who is tried how often and when, and what is left of those that were given up?"""

from __future__ import annotations

import contextlib
import json
import random
import re
import statistics
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from inprod.messages import _
from inprod.testing import Answer, NotYet, Pending, saw, wait_until
from inprod.testing import system as processes
from inprod.testing.postgres import Postgres
from inprod.testing.redis_ import Redis

GOOD, OUTAGE = 100, 40
FAILS = 4  #: times that the provider is down for each job of the outage
MOST = 10
SECONDS, LONGEST = 5.0, 600.0  #: four pauses on average; any pause
WINDOW = 0.1
RUN = 25.0  #: for all jobs; they need one or two
STILL = 5.0  #: without a try, while jobs wait
SETTLED = 0.4
LIFE = 30.0
READY = "worker: ready"

ASK = """
from tickets import send_ticket

def ask(jobs):
    for ticket, address in jobs:
        send_ticket.delay(ticket, address)
"""
#: The worker has a clock of the check's own: a message says how long it would wait, and does not wait.
WORKER = f"""
import json, sys
from datetime import datetime, timezone
from celery import signals
from tickets import app

QUEUE = app.conf.task_default_queue

def say(**fact):
    print("worker: " + json.dumps(fact), file=sys.__stdout__, flush=True)

@signals.before_task_publish.connect(weak=False)
def sent(body=None, headers=None, routing_key=None, **_):
    if routing_key != QUEUE:
        return
    eta, headers["eta"] = headers.get("eta"), None
    pause = 0.0
    if eta:
        when = datetime.fromisoformat(eta)
        when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        pause = (when - datetime.now(timezone.utc)).total_seconds()
    say(again=repr(body[:2]), pause=pause)

@signals.worker_ready.connect(weak=False)
def ready(**_):
    print("{READY}", file=sys.__stdout__, flush=True)

from celery.apps.worker import Worker
worker = Worker(app=app, pool="solo", quiet=True, loglevel="ERROR", queues=[QUEUE],
                without_mingle=True, without_gossip=True, without_heartbeat=True)
worker.start()
sys.exit(worker.exitcode or 0)
"""


class Provider:
    """Takes mails, and fails as it is told: by ticket, 503 so often, 422, or a reply that nobody understands."""

    def __init__(self, down: dict[int, int], refused: dict[int, str], odd: set[int]) -> None:
        self.tries: list[int] = []  #: tickets, in order
        self.sent: list[int] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                ticket = int(json.loads(self.rfile.read(size))["ticket"])
                provider.tries.append(ticket)
                if provider.tries.count(ticket) <= down.get(ticket, 0):
                    self.reply(503, f"busy, please come back: {ticket}")
                elif ticket in refused:
                    self.reply(422, refused[ticket])
                elif ticket in odd:
                    self.reply(200, json.dumps({"queued": True}))
                else:
                    provider.sent.append(ticket)
                    self.reply(200, json.dumps({"receipt": f"r-{ticket}"}))

            def reply(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_args: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/mails"

    def close(self) -> None:
        """No more mails."""
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Night:
    """What one run of the worker showed; the observations after the first one read it."""

    good: set[int] = field(default_factory=set)
    outage: set[int] = field(default_factory=set)
    bad: dict[str, int] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)  #: what a reason must contain
    addresses: dict[int, str] = field(default_factory=dict)
    tries: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    pauses: dict[int, list[float]] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    before: str = ""  #: the metric while nothing was parked
    died: bool = False  #: the worker did
    over: bool = False  #: the run came to its end
    trouble: str = ""

    def before_waiting(self) -> bool:
        """Whether a job was tried twice in a row while others had not been tried at all."""
        waiting, last = set(self.addresses), None
        for ticket in self.tries:
            if ticket == last and waiting:
                return True
            waiting.discard(ticket)
            last = ticket
        return False


@pytest.fixture(scope="module")
def night() -> Night:
    """Nothing yet."""
    return Night()


@pytest.fixture
def after(night: Night) -> Night:
    """A night that has been observed to its end."""
    if not night.over:
        raise not_asked()
    return night


def not_asked() -> NotYet:
    return saw(
        "not-asked",
        did="Did not look any further: something above is not right yet.",
        saw="Nothing.",
        needs="the observations above",
        why="What becomes of a job is known when the worker has nothing left to do.",
        try_="Begin with the first one that fails.",
    )


def run(answer: Answer, redis: Redis, night: Night, provider: Provider, folder: Path) -> None:
    """Queue all jobs, start the worker, and return when nothing is left to do, or when that will never be."""
    redis.client.flushdb()
    night.before = str(answer.call("tickets.py:metrics", env=night.env, under=folder))
    jobs = list(night.addresses.items())
    with answer.begin("ask.py:ask", [(jobs,)], env=night.env, files={"ask.py": ASK}, under=folder, timeout=LIFE) as ask:
        ask.go()
        ask.wait()[0].get()
    worker = processes.Program("worker", ("python", "worker.py"), night.env, READY)
    running = processes.start(answer, [worker], files={"worker.py": WORKER}, under=folder, timeout=2 * LIFE)
    try:
        watch(night, provider, redis, running["worker"])
        for line in running.log("worker").splitlines():
            if line.startswith("worker: {"):
                with contextlib.suppress(ValueError):
                    note(night, json.loads(line.removeprefix("worker: ")))
        night.trouble = trouble(running.log("worker"))
    finally:
        running.close()


def watch(night: Night, provider: Provider, redis: Redis, worker: Pending) -> None:
    """Look until it is over."""
    last, since, idle = -1, time.monotonic(), 0.0

    def over() -> bool:
        nonlocal last, since, idle
        now = time.monotonic()
        waits = redis.client.llen("celery") + redis.client.hlen("unacked")
        if len(provider.tries) != last or waits:
            idle = now
        if len(provider.tries) != last:
            last, since = len(provider.tries), now
        night.tries, night.sent = list(provider.tries), list(provider.sent)
        endless = max(Counter(night.tries).values(), default=0) > MOST
        still = now - since > STILL
        return bool(endless or still or now - idle > SETTLED or night.before_waiting() or not worker.alive)

    night.over = wait_until(over, timeout=RUN, what="all jobs have ended")
    night.died = not worker.alive


def note(night: Night, fact: dict[str, Any]) -> None:
    """Remember the pause of a message that goes back to the queue."""
    for number in re.findall(r"\d+", str(fact.get("again", ""))):
        if int(number) in night.addresses:
            night.pauses.setdefault(int(number), []).append(float(fact["pause"]))
            return


def trouble(log: str) -> str:
    """The last exception in the worker's log."""
    lines = [line for line in log.splitlines() if re.match(r"[\w.]*(Error|Exception|Down|Refused)\b", line)]
    return lines[-1][:200] if lines else ""


def test_good_ones_are_sent(
    answer: Answer, postgres: Postgres, redis: Redis, night: Night, rng: random.Random, tmp_path: Path
) -> None:
    """100 jobs send their ticket once, and don't wait for those that fail."""
    tickets = rng.sample(range(100_000, 999_999), GOOD + OUTAGE + 3)
    night.bad = dict(zip(("refused", "odd", "down"), tickets, strict=False))
    rest = tickets[3:]
    night.outage = set(rest[:OUTAGE])
    night.good = set(rest[OUTAGE:])
    rng.shuffle(rest)
    night.addresses = {ticket: f"c{rng.getrandbits(32):x}@example.com" for ticket in (*tickets[:3], *rest)}
    refusal = f"no mailbox m{rng.getrandbits(40):x}"
    night.texts = {night.bad["refused"]: refusal, night.bad["odd"]: "receipt"}
    night.texts[night.bad["down"]] = f"come back: {night.bad['down']}"
    down = dict.fromkeys(night.outage, FAILS) | {night.bad["down"]: 1_000_000}
    provider = Provider(down, {night.bad["refused"]: refusal}, {night.bad["odd"]})
    night.env = {"REDIS_URL": redis.url, "DATABASE_URL": postgres.url, "MAIL_URL": provider.url}
    try:
        run(answer, redis, night, provider, tmp_path)
    finally:
        provider.close()
    untried = set(night.addresses) - set(night.tries)
    if night.died:
        raise saw(
            "worker-died",
            did="Queued 143 jobs and started a worker.",
            saw="The worker ended. {untried} jobs had not been tried. {trouble}",
            needs="a worker that goes on, whatever a job does",
            why="A job that ends its worker takes the jobs of all others with it.",
            try_="Look for `exit`, or for an exception that is more than an `Exception`.",
            untried=len(untried),
            trouble=night.trouble,
        )
    if night.before_waiting() or untried:
        raise saw(
            "blocks-the-queue",
            did="Queued 143 jobs, the three that never succeed in front, and started a worker.",
            saw="One job was tried again at once, or the worker stood still. {untried} jobs had not been tried."
            " {trouble}",
            needs="every job is tried once before any of them is tried again",
            why="A worker that sleeps between two tries does nothing else. A few such jobs stop all the others.",
            try_="Give the job back to the queue, with a countdown, and let the worker go on.",
            untried=len(untried),
            trouble=night.trouble,
        )
    if not night.over:
        raise saw(
            "still-at-work",
            did="Queued 143 jobs, started a worker, and let no job wait for its time.",
            saw="The worker was still at work after 25 seconds. {trouble}",
            needs="about 350 tries, which take a second or two",
            why="A worker that is slow with each failure is slowest when everything fails.",
            try_="Look for a wait, and for what is done for each try and need not be.",
            trouble=night.trouble,
        )
    counts = Counter(night.sent)
    if missing := sum(counts[ticket] == 0 for ticket in night.good):
        raise saw(
            "good-ones-lost",
            did="Queued 143 jobs and started a worker.",
            saw="{missing} of the 100 good ones were not sent. {trouble}",
            needs="100 tickets",
            why="Somebody stands at the door without a ticket.",
            try_="Read the exception; does `send_ticket` still take a ticket and an address?",
            missing=missing,
            trouble=night.trouble,
        )
    if twice := sum(n > 1 for n in counts.values()):
        raise saw(
            "sent-twice",
            did="Queued 143 jobs and started a worker.",
            saw="{twice} tickets were sent more than once.",
            needs="each ticket once",
            why="A job that has done its work is done.",
            try_="Look for what is tried again although nothing was raised.",
            twice=twice,
        )


def test_bad_ones_are_given_up(after: Night) -> None:
    """A job that never succeeds is tried at most 10 times."""
    for name, ticket in after.bad.items():
        tries = after.tries.count(ticket)
        if tries > MOST:
            raise saw(
                "tried-without-end",
                did="Let the provider fail for one job whenever it comes: {how}.",
                saw="It was tried {tries} times, and it would go on.",
                needs="at most 10 tries",
                why="It fails for ever, takes a worker's time for ever, and nobody is told.",
                try_="Bound the tries, and say what happens after the last one.",
                how=kinds()[name],
                tries=tries,
            )


def test_outage_is_survived(after: Night) -> None:
    """A provider that is down 4 times costs nobody a ticket."""
    missing = [ticket for ticket in after.outage if ticket not in after.sent]
    if missing:
        raise saw(
            "gives-up-too-early",
            did="Let the provider be down for the first 4 tries of 40 jobs, and take their mails afterwards.",
            saw="{missing} of them were not sent. Number of tries of one of them: {tries}. {trouble}",
            needs="40 tickets",
            why="An outage of some seconds is an ordinary Tuesday. It cures itself, and somebody who has to send 40"
            " tickets by hand does not.",
            try_="Tell `mailer.Down` from the others, and give it at least 5 tries.",
            missing=len(missing),
            tries=after.tries.count(missing[0]),
            trouble=after.trouble,
        )


def test_pauses(after: Night) -> None:
    """The pauses grow, and 40 jobs don't come back in the same moment."""
    pauses = [after.pauses.get(ticket, [])[:FAILS] for ticket in after.outage]
    if any(len(each) < FAILS for each in pauses):
        raise not_asked()
    means = [statistics.fmean(column) for column in zip(*pauses, strict=True)]
    shown = " · ".join(f"{mean:.1f} s" for mean in means)
    longest = max(max(each) for each in pauses)
    if longest > LONGEST:
        raise saw(
            "pause-too-long",
            did="Noted the four pauses of 40 jobs that met a provider that was down.",
            saw="The longest was {longest:.0f} s.",
            needs="no pause of more than 10 minutes",
            why="Who waits for hours is at the door before the ticket is.",
            try_="Give the growth an end: a longest pause.",
            longest=longest,
        )
    if sum(means) < SECONDS:
        raise saw(
            "pauses-too-short",
            did="Noted the four pauses of 40 jobs that met a provider that was down.",
            saw="They were {shown} on average.",
            needs="5 seconds or more in all",
            why="Five tries within a moment see the same outage five times.",
            try_="Choose the first pause and its growth on paper: how long may an outage be?",
            shown=shown,
        )
    if means[-1] < 2 * means[0]:
        raise saw(
            "pauses-do-not-grow",
            did="Noted the four pauses of 40 jobs that met a provider that was down.",
            saw="They were {shown} on average.",
            needs="a fourth pause that is twice as long as the first",
            why="A short outage is over soon, and a long one is made longer by those who keep knocking.",
            try_="Double the pause with each try.",
            shown=shown,
        )
    last = sorted(each[-1] for each in pauses)
    most = max(bisect_right(last, pause + WINDOW) - n for n, pause in enumerate(last))
    if most > OUTAGE // 2:
        raise saw(
            "all-at-once",
            did="Noted the fourth pause of 40 jobs that met the same outage.",
            saw="{most} of them lie in the same tenth of a second.",
            needs="at most 20",
            why="They failed together, and they come back together. The provider gets up, and is knocked down again.",
            try_="Let a dice take part: a pause between 0 and the bound, or around it.",
            most=most,
        )


def kinds() -> dict[str, str]:
    """How the three fail."""
    return {
        "refused": _("`mailer.Refused`"),
        "odd": _("an exception that nobody expects, `KeyError`"),
        "down": _("`mailer.Down`"),
    }


def test_given_up_are_parked(answer: Answer, after: Night, tmp_path: Path) -> None:
    """Each job that was given up is parked with a reason, and nobody else is."""
    got = answer.call("tickets.py:parked", env=after.env, under=tmp_path)
    entries = got if isinstance(got, list) and all(isinstance(entry, dict) for entry in got) else None
    if entries is None or any(not {"ticket", "address", "reason"} <= set(entry) for entry in entries):
        raise not_a_list(got)
    found = Counter(str(entry["ticket"]) for entry in entries)
    for name, ticket in after.bad.items():
        if not found[str(ticket)]:
            raise lost_the_unexpected() if name == "odd" else lost(kinds()[name], after.tries.count(ticket))
    others = [key for key in found if key not in {str(ticket) for ticket in after.bad.values()}]
    if others or max(found.values()) > 1:
        raise saw(
            "parked-and-tried-again",
            did="Let three jobs fail for ever and 40 for a while. Then called `parked()` in another process.",
            saw="{n} entries for {jobs} jobs; {others} of these jobs were sent in the end.",
            needs="3 entries for the 3 jobs that were given up",
            why="Who sends parked jobs again sends those tickets twice.",
            try_="Park a job when it will not be tried again, and not before.",
            n=len(entries),
            jobs=len(found),
            others=len(others),
        )
    for entry in entries:
        ticket = int(str(entry["ticket"]))
        if after.texts[ticket] not in str(entry["reason"]) or entry["address"] != after.addresses[ticket]:
            raise saw(
                "no-reason",
                did="Called `parked()` in another process.",
                saw="{entry}",
                needs="the address {address}, and a reason that contains “{text}”",
                why="Whoever is called at night has to decide: send again, mend the address, or call a colleague.",
                try_="Keep the exception's type and text, and what is needed to send the ticket again.",
                entry=str(entry)[:300],
                address=after.addresses[ticket],
                text=after.texts[ticket],
            )


def lost(how: str, tries: int) -> NotYet:
    return saw(
        "lost",
        did="Let one job fail whenever it is tried: {how}. Then called `parked()` in another process.",
        saw="It is not parked. Number of tries: {tries}.",
        needs="a place where somebody finds it",
        why="Nobody knows that this customer has no ticket until she stands at the door.",
        try_="Follow the last exception: who catches it, and where is it kept? A list in the worker's memory is seen by"
        " nobody else.",
        how=how,
        tries=tries,
    )


def lost_the_unexpected() -> NotYet:
    return saw(
        "lost-the-unexpected",
        did="Let one job end in an exception that nobody expects, `KeyError`. Then called `parked()`.",
        saw="It is not parked.",
        needs="a place for every job that was given up, whatever the reason",
        why="The failures that you have met are handled. The next one is one that you have not met.",
        try_="Let what parks a job ask whether it failed, not how: `on_failure`, or a last `except Exception`.",
    )


def not_a_list(got: object) -> NotYet:
    return saw(
        "not-a-list",
        did="Called `parked()` in another process.",
        saw="{got}",
        needs="a list of dicts with `ticket`, `address` and `reason`",
        why="Whoever looks for lost jobs reads this list.",
        try_="Turn what you keep into plain dicts.",
        got=repr(got)[:300],
    )


def test_somebody_is_called(answer: Answer, after: Night, tmp_path: Path) -> None:
    """The number of parked jobs is a metric."""
    text = answer.call("tickets.py:metrics", env=after.env, under=tmp_path)
    if count(after.before) != 0 or count(str(text)) != len(after.bad):
        raise saw(
            "no-alert",
            did="Called `metrics()` in another process after three jobs were given up.",
            saw="{text}; and before that, {before}",
            needs="a line `tickets_parked 3`, and `tickets_parked 0` before",
            why="A parked job makes no noise. Without a number that somebody watches, it is as good as dropped.",
            try_="Count what is parked, at the moment at which you are asked.",
            text=repr(text)[:200],
            before=repr(after.before)[:200],
        )


def count(text: str) -> float | None:
    """The number that Prometheus would read; None where there is none."""
    found = re.findall(r"^tickets_parked(?:\{[^}\n]*\})? ([0-9.e+]+)\s*$", text, re.MULTILINE)
    with contextlib.suppress(ValueError):
        return sum(float(number) for number in found) if found else None
    return None
