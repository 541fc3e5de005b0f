"""X5: how often is one row read, and who gets the page?"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from inprod.messages import _
from inprod.testing import Answer, NotYet, Outcome, Pending, saw, wait_until
from inprod.testing.postgres import Postgres
from inprod.testing.proxy import ProxyMaker
from inprod.testing.redis_ import Redis

READ = "event_page.py:read"
RENAME = "event_page.py:rename"
PROCESSES = 4
THREADS = 12
MOST = 2  #: one builder, and one who was late
BOUND = 10.0  #: for a page that somebody has to build
KEPT = 10  #: seconds that a page stays in the cache, at least
ALONE = 4.0  #: without Redis
LATENCY = 0.1  #: of Redis while the readers arrive: as if it stood in another building
BUILD = 3.0  #: what building a page may take
BAD_DAY = 2.5  #: for how long the check makes it take
SETTLED = 0.7
ALONE_FOR = 4 * LATENCY  #: longer than the step between a look and a set

#: Reads until the new title comes, in a process that has already seen the old one.
WATCH = """
import time
from event_page import read

def until(event_id, title, seconds):
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() > deadline
        if (read(event_id) or {}).get("title") == title:
            return True
        print("old", flush=True)
        if late:
            return False
        time.sleep(0.05)
"""


def living(readers: Sequence[Pending]) -> int:
    """How many of them have not ended; each of them is asked."""
    return sum(one.alive for one in readers)


@dataclass(frozen=True)
class Crowd:
    """The sessions that waited for the table while the check held it."""

    size: int
    alone: float  #: for how many seconds there was one at most


@dataclass(frozen=True)
class Stage:
    """Two events in the table, an empty Redis, and ways to ask the answer."""

    answer: Answer
    postgres: Postgres
    redis: Redis
    events: list[dict[str, Any]]
    new_title: str

    @property
    def event(self) -> dict[str, Any]:
        return self.events[0]

    @property
    def id(self) -> int:
        return int(self.event["id"])

    @property
    def renamed(self) -> dict[str, Any]:
        return self.event | {"title": self.new_title}

    def env(self, redis_url: str | None = None) -> dict[str, str]:
        return {"DATABASE_URL": self.postgres.url, "REDIS_URL": redis_url or self.redis.url}

    def begin(self, readers: int = 1, *, redis_url: str | None = None, timeout: float = 2 * BOUND) -> Pending:
        """A process whose readers stand ready."""
        ids = [(self.id,)] * readers
        return self.answer.begin(READ, ids, threads=readers, env=self.env(redis_url), timeout=timeout)

    def scans(self) -> int:
        self.postgres.until_quiet()
        return self.postgres.reads("events")

    def longest_life(self) -> float:
        """How many seconds the key that lives longest has left; without an end, it is for ever."""
        lives = [self.redis.client.pttl(key) for key in self.redis.client.scan_iter()]
        return max((float("inf") if life == -1 else life / 1000 for life in lives), default=0.0)

    def first_waits(self, *readers: Pending) -> None:
        """Return when somebody waits for the table, or when nobody will."""
        wait_until(
            lambda: self.postgres.waiting("events") or not living(readers),
            timeout=BOUND,
            what="the first builder",
        )

    def crowd_at_the_table(self) -> Crowd:
        """How many sessions wait for the table, when a bad day's building time is over or a crowd is complete."""
        first = since = time.monotonic()
        seen, alone = 0, 0.0

        def over() -> bool:
            nonlocal seen, since, alone
            now = time.monotonic()
            waiting = self.postgres.waiting("events")
            if waiting <= 1:
                alone = now - first
            if waiting != seen:
                seen, since = waiting, now
            return seen > MOST and now - since > SETTLED

        wait_until(over, timeout=BAD_DAY, what="a crowd that nobody joins any more")
        return Crowd(seen, alone)


@pytest.fixture
def stage(answer: Answer, postgres: Postgres, redis: Redis, rng: random.Random) -> Stage:
    """A fresh table and an empty Redis of the check's own."""
    words = rng.sample(["Alvorada", "Baião", "Choro", "Frevo", "Maré", "Samba", "Serra", "Sertão", "Vento"], 5)
    ids = rng.sample(range(1, 10_000), 2)
    events = [
        {"id": number, "title": f"{title} {rng.randint(10, 99)}", "venue": venue}
        for number, title, venue in zip(ids, words[:2], words[2:4], strict=True)
    ]
    postgres.execute("DROP TABLE IF EXISTS events")
    postgres.execute("CREATE TABLE events (id int PRIMARY KEY, title text NOT NULL, venue text NOT NULL)")
    for event in events:
        postgres.execute("INSERT INTO events VALUES (%(id)s, %(title)s, %(venue)s)", event)
    redis.client.flushdb()
    return Stage(answer, postgres, redis, events, f"{words[4]} {rng.randint(100, 999)}")


def wrong_page(call: str, got: object, wanted: object) -> NotYet:
    return saw(
        "wrong-page",
        did="Called `{call}`.",
        saw="{got}",
        needs="{wanted}",
        why="Whoever reads this page buys a ticket for another evening.",
        try_="Look at what you store, under which key, and what you make of it when you read it back.",
        call=call,
        got=got,
        wanted=wanted,
    )


def pages(outcomes: Sequence[Outcome]) -> tuple[list[Any], int]:
    """What the readers got, and how many were not answered in time; any other failure is told as it is."""
    for outcome in outcomes:
        if outcome.error is not None and outcome.error.kind != "timeout":
            raise outcome.error
    return [o.value for o in outcomes if o.error is None], sum(o.error is not None for o in outcomes)


def test_is_cached(stage: Stage) -> None:
    """A page that was read is read from the cache by other processes, too."""
    before = stage.scans()
    for event in (*stage.events, *stage.events):
        got = stage.answer.call(READ, event["id"], env=stage.env())
        if got != event:
            raise wrong_page(f"read({event['id']})", got, event)
    scans = stage.scans() - before
    if scans > len(stage.events):
        raise saw(
            "not-cached",
            did="Read two events, and then both once more, each time in a new process.",
            saw="The table was read {scans} times.",
            needs="{wanted} times: once for each event",
            why="What one process keeps for itself, the others have to ask for again.",
            try_="Keep the page in Redis, for a minute.",
            scans=scans,
            wanted=len(stage.events),
        )
    life = stage.longest_life()
    if 0 < life < KEPT / 2:
        raise saw(
            "kept-too-short",
            did="Read two events, and looked how long Redis keeps what was stored.",
            saw="It is gone after {life:.1f} s.",
            needs="at least {kept} s",
            why="A page that is gone every second is built every second, on every quiet day, too.",
            try_="Keep the page for longer, and let `rename` see to it that nobody reads an old title.",
            life=life,
            kept=KEPT,
        )


def test_one_builds(stage: Stage, proxy: ProxyMaker) -> None:
    """48 readers in 4 processes find no page: the table is read at most twice."""
    slow = proxy(stage.redis.url)
    before = stage.scans()
    processes = [stage.begin(THREADS, redis_url=slow.url) for _n in range(PROCESSES)]
    slow.delay = LATENCY
    start = time.monotonic()
    with stage.postgres.lock("events"):
        for readers in processes:
            readers.go()
        stage.first_waits(*processes)
        lock = stage.longest_life()
        crowd = stage.crowd_at_the_table()
        lock = max(lock, stage.longest_life())
    slow.delay = 0.0
    outcomes = [outcome for readers in processes for outcome in readers.wait()]
    took = time.monotonic() - start
    got, unanswered = pages(outcomes)
    scans = stage.scans() - before
    if scans > MOST:
        raise stampede(scans, crowd, lock)
    if unanswered or took > BOUND + BAD_DAY:
        raise saw(
            "unanswered",
            did="Let 48 readers in 4 processes ask for one event that was not in the cache.",
            saw="{unanswered} of them had none when {took:.0f} seconds were over.",
            needs="a page for everyone within {bound} seconds",
            why="A reader who waits too long reloads, and so there are two of them.",
            try_="Those who don't build look for the page again and again, until a deadline.",
            unanswered=unanswered or _("Some"),
            took=took,
            bound=round(BOUND),
        )
    for page in got:
        if page != stage.event:
            raise wrong_page(f"read({stage.id})", page, stage.event)


def stampede(scans: int, crowd: Crowd, lock: float) -> NotYet:
    did = "Let 48 readers in 4 processes ask for one event that was not in the cache; Redis replied after 100 ms."
    needs = "at most 2 times"
    if crowd.size <= 1:
        return saw(
            "builds-again",
            did=did,
            saw="One reader built the page while the others waited. Then they built it, too: {scans} reads.",
            needs=needs,
            why="Some looked for the page before it was there, and got the lock after it was free again.",
            try_="Whoever gets the lock looks for the page once more before building it.",
            scans=scans,
        )
    if 0 < lock < BUILD:
        return saw(
            "lock-too-short",
            did=did,
            saw="The lock ended before the page was built, and the next one began. The table was read {scans} times.",
            needs=needs,
            why="A lock that ends before the work is done lets in the next one, and the next one.",
            try_="Let the lock last longer than a page takes to build on a bad day: 3 seconds.",
            scans=scans,
        )
    if lock and crowd.alone > ALONE_FOR:
        return saw(
            "gave-up",
            did=did,
            saw="One reader was building. After {alone:.1f} s the others gave up and built it, too: {scans} reads.",
            needs=needs,
            why="On a bad day a page takes longer to build, and that is the day when the crowd must not come.",
            try_="Let them wait for longer than a page takes to build on a bad day: 3 seconds.",
            scans=scans,
            alone=crowd.alone,
        )
    if lock:
        return saw(
            "two-steps",
            did=did,
            saw="There was a lock in Redis, and {waiting} readers built the page. The table was read {scans} times.",
            needs=needs,
            why="Between looking for the lock and setting it, there is time for everybody to look.",
            try_="Let Redis do both in one step, and tell you whether you were the first.",
            scans=scans,
            waiting=crowd.size,
        )
    if crowd.size <= PROCESSES:
        return saw(
            "once-a-process",
            did=did,
            saw="The table was read {scans} times: once in each process.",
            needs=needs,
            why="A lock in memory ends at the edge of its process. With 40 processes it is 40 times.",
            try_="Put the lock where all processes can see it.",
            scans=scans,
        )
    return saw(
        "everyone-builds",
        did=did,
        saw="The table was read {scans} times.",
        needs=needs,
        why="All of them found no page, and all of them built it. Postgres gets the whole crowd at its worst moment.",
        try_="Let the readers agree on one of them, in a place that all processes share.",
        scans=scans,
    )


def test_new_title_is_seen(stage: Stage) -> None:
    """A new title is seen by every reader within a second."""
    watch = (stage.id, stage.new_title, BOUND)
    with stage.answer.begin(
        "watch.py:until", [watch], env=stage.env(), files={"watch.py": WATCH}, timeout=2 * BOUND
    ) as watcher:
        watcher.go()
        seen = wait_until(lambda: "old" in watcher.output() or not watcher.alive, timeout=BOUND, what="the old title")
        if not seen or not watcher.alive:
            raise wrong_page(f"read({stage.id})", pages(watcher.wait())[0], stage.event)
        stage.answer.call(RENAME, stage.id, stage.new_title, env=stage.env())
        in_time = wait_until(lambda: not watcher.alive, timeout=2.0, what="the new title in the other process")
    if not in_time or not sees_new_title(stage):
        raise saw(
            "old-title",
            did="Renamed {old} to {new}, then read the event.",
            saw="A reader still saw {old} 2 seconds later.",
            needs="{new} within a second",
            why="An evening that moved is shown at the old place, and people stand before a closed door.",
            try_="Whoever changes the row removes the page.",
            old=stage.event["title"],
            new=stage.new_title,
        )


def sees_new_title(stage: Stage) -> bool:
    """Whether a new process has the new page within a second, with some patience for a busy machine."""
    return wait_until(
        lambda: stage.answer.call(READ, stage.id, env=stage.env()) == stage.renamed, timeout=2.0, what="the new title"
    )


def test_old_title_stays_away(stage: Stage, proxy: ProxyMaker) -> None:
    """A new title is also seen when somebody was building the page meanwhile."""
    between = proxy(stage.redis.url)
    with (
        stage.begin(redis_url=between.url) as builder,
        stage.answer.begin(RENAME, [(stage.id, stage.new_title)], env=stage.env(), timeout=BOUND) as renaming,
    ):
        with stage.postgres.lock("events"):
            builder.go()
            stage.first_waits(builder)
            between.freeze()
        # The builder has read the old title, and can't store it before the rename is done.
        wait_until(lambda: not stage.postgres.busy(), timeout=BOUND, what="the row is read")
        renaming.go()
        # Where the rename waits for the builder, that is right as well.
        wait_until(lambda: not renaming.alive or stage.postgres.blocked(), timeout=1.2, what="the rename")
        between.heal()
        pages(builder.wait())
        pages(renaming.wait())
    if not sees_new_title(stage):
        raise saw(
            "old-title-comes-back",
            did="Let a reader read the row of {old}, renamed it to {new}, and only then let the reader store its page.",
            saw="{old} came back into the cache, and was still there 2 seconds later.",
            needs="{new} within a second",
            why="The rename removed the page, and the slow reader put the old one back. Nobody removes it now.",
            try_="A reader that is slower than a rename must not store its page. How can it know?",
            old=stage.event["title"],
            new=stage.new_title,
        )


def test_builder_is_killed(stage: Stage, proxy: ProxyMaker) -> None:
    """The process that builds the page is killed: the others have the page within 10 seconds."""
    slow = proxy(stage.redis.url)
    slow.delay = LATENCY
    with (
        stage.begin(redis_url=slow.url) as builder,
        stage.begin(4, timeout=BOUND + 2) as one,
        stage.begin(4, timeout=BOUND + 2) as two,
    ):
        with stage.postgres.lock("events"):
            builder.go()
            # At the worst moment: while it reads the row, or as soon as something stays in Redis for ever.
            wait_until(
                lambda: stage.postgres.waiting("events") or stage.longest_life() == float("inf") or not builder.alive,
                timeout=BOUND,
                what="the builder is at work",
            )
            builder.kill()
            wait_until(lambda: not builder.alive, timeout=BOUND, what="it is gone")
        for readers in (one, two):
            readers.go()
        got, unanswered = pages([*one.wait(), *two.wait()])
    if unanswered:
        raise saw(
            "lock-without-end",
            did="Killed the process that was building the page (`kill -9`), then let 8 readers ask for it.",
            saw="{unanswered} of 8 had no page after 10 seconds.",
            needs="a page for everyone within 10 seconds",
            why="Processes are killed at every deploy. A lock that only its owner can remove then stays for ever.",
            try_="Give the lock an end of its own, in the same step that sets it.",
            unanswered=unanswered,
        )
    for page in got:
        if page != stage.event:
            raise wrong_page(f"read({stage.id})", page, stage.event)
    before = stage.scans()
    stage.answer.call(READ, stage.id, env=stage.env())
    if stage.scans() > before:
        raise saw(
            "never-cached-again",
            did="Killed the process that was building the page (`kill -9`), let 8 readers ask, and then one more.",
            saw="They had the page, and nobody had put it into the cache: one more reader read the table again.",
            needs="a cache that works again when the lock has ended",
            why="The dead process still holds the lock. From now on everybody waits in vain, and then builds the page.",
            try_="Give the lock an end of its own, in the same step that sets it.",
        )


def test_redis_refuses(stage: Stage, proxy: ProxyMaker) -> None:
    """Redis refuses connections: reading and renaming still work."""
    gone = proxy(stage.redis.url)
    gone.cut()
    failed = without_redis(stage, gone.url)
    if failed:
        raise saw(
            "needs-redis",
            did="Let Redis refuse connections, then called `{name}`.",
            saw="{said}",
            needs="the row of Postgres, as if there were no cache",
            why="A cache makes a page faster. Without it, the page is slow, and still there.",
            try_="Catch `redis.RedisError`, and go on to Postgres.",
            name=failed[0],
            said=failed[1],
        )


def test_redis_is_silent(stage: Stage, proxy: ProxyMaker) -> None:
    """Redis takes connections and stays silent: reading and renaming still work, within 4 seconds."""
    silent = proxy(stage.redis.url)
    silent.freeze()
    failed = without_redis(stage, silent.url)
    if failed:
        raise saw(
            "waits-for-redis",
            did="Let Redis take connections and say nothing, then called `{name}`.",
            saw="{said}",
            needs="a result within 4 seconds",
            why="A server that hangs raises no error. Each reader waits, and soon nobody is left to answer.",
            try_="Give the client a `socket_timeout`.",
            name=failed[0],
            said=failed[1],
        )


def without_redis(stage: Stage, redis_url: str) -> tuple[str, str] | None:
    """Read, rename and read again; the call that did not work, and what it said."""
    env = stage.env(redis_url)
    steps = (
        ("read", READ, (stage.id,), stage.event),
        ("rename", RENAME, (stage.id, stage.new_title), None),
        ("read", READ, (stage.id,), stage.renamed),
    )
    for name, target, arguments, wanted in steps:
        (outcome,) = stage.answer.calls(target, [arguments], env=env, timeout=ALONE)
        if outcome.error is not None:
            late = outcome.error.kind == "timeout"
            return name, _("no result after {s:g} s").format(s=ALONE) if late else outcome.error.said
        if wanted is not None and outcome.value != wanted:
            raise wrong_page(f"read({stage.id})", outcome.value, wanted)
    return None
