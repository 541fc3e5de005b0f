"""X5: how often is one row read, and who gets the page?"""

from __future__ import annotations

import math
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from guiche import seed_data
from guiche.db import make_engine, make_sessions
from guiche.events import load_page
from inprod.messages import _
from inprod.testing import Answer, CouldNotJudge, NotYet, Outcome, Pending, saw, wait_until
from inprod.testing.postgres import Postgres
from inprod.testing.proxy import ProxyMaker
from inprod.testing.redis_ import Redis

PROCESSES = 4
THREADS = 12
READERS = PROCESSES * THREADS
MOST = 2  #: one builder, and one who was late
BOUND = 10.0  #: for a page that somebody has to build
KEPT = 10  #: seconds that a page stays in the cache, at least
ALONE = 4.0  #: without Redis
LATENCY = 0.1  #: of Redis while the readers arrive: as if it stood in another building
BUILD = 2.0  #: what building a page may take
BAD_DAY = 2.4  #: for how long the check makes it take: whoever comes when a lock of 2 s has ended is still seen
SETTLED = 0.7
NEARLY = 0.5  #: seconds that a dead builder's lock has left, when the others come
ALONE_FOR = 4 * LATENCY  #: longer than the step between a look and a set
IN_TIME = 2.0  #: a second, with some patience for a busy machine
FOREVER = float("inf")

#: The answer in a process, as the application has it: one object for all threads. `until` is somebody who waits.
MODULE = f"""
import os, signal, threading, time
from sqlalchemy.orm import Session, sessionmaker
from guiche.cache import EventPages
from guiche.db import make_engine

mine = threading.local()
gates = {{number: threading.Event() for number in (signal.SIGUSR1, signal.SIGUSR2)}}
for number, gate in gates.items():
    signal.signal(number, lambda number, _frame: gates[number].set())

class Sessions(Session):
    def close(self):
        super().close()
        if getattr(mine, "paused", False):
            mine.paused = False
            print("read", flush=True)
            gates[signal.SIGUSR1].wait({BOUND})

engine = make_engine(os.environ["DATABASE_URL"], pool_size={THREADS})
sessions = sessionmaker(engine, class_=Sessions, expire_on_commit=False)
pages = EventPages(os.environ["REDIS_URL"], sessions)

def read(slug):
    return pages.read(slug)

def rename(slug, title):
    pages.rename(slug, title)

def late(slug):  # SIGUSR1 lets it go on, when it has read the row
    mine.paused = True
    return read(slug)

def next_one(slug):
    gates[signal.SIGUSR2].wait({BOUND})
    return read(slug)

def either(name, slug):
    return globals()[name](slug)

def step(name, *arguments):
    return getattr(pages, name)(*arguments)

def until(slug, title, seconds):
    deadline = time.monotonic() + seconds
    while (read(slug) or {{}}).get("title") != title:
        print("old", flush=True)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
"""
#: What every key holds; when a key's end comes nearer, this stays the same.
CONTENTS = """
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
    table.insert(all, key .. ' ' .. redis.sha1hex(redis.call('DUMP', key)))
end
table.sort(all)
return table.concat(all, ' ')
"""
#: A new row is ready, and can't be committed while the check holds the number.
SLOW_COMMIT = """
CREATE OR REPLACE FUNCTION wait_before_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({number}); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER wait_before_commit AFTER UPDATE ON events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_before_commit();
SELECT pg_advisory_lock({number})
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
    """Two events whose titles nobody knows, an empty Redis, and ways to ask the answer."""

    answer: Answer
    package: Path
    postgres: Postgres
    redis: Redis
    events: list[dict[str, Any]]
    new_title: str
    slug: str
    event: dict[str, Any]  #: the first one
    renamed: dict[str, Any]
    titles: dict[str, str]

    def begin(
        self, name: str, *calls: tuple[Any, ...], redis_url: str = "", threads: int = 1, timeout: float = 2 * BOUND
    ) -> Pending:
        """A process that stands ready to call a function of `MODULE`."""
        env = {"DATABASE_URL": self.postgres.url, "REDIS_URL": redis_url or self.redis.url}
        files, target = {"readers.py": MODULE}, f"readers.py:{name}"
        return self.answer.begin(
            target, calls, threads=threads, env=env, files=files, under=self.package, timeout=timeout
        )

    def readers(self, number: int = 1, *, redis_url: str = "", timeout: float = 2 * BOUND) -> Pending:
        """A process whose readers stand ready."""
        calls = [(self.slug,)] * number
        return self.begin("read", *calls, redis_url=redis_url, threads=number, timeout=timeout)

    def renaming(self) -> Pending:
        return self.begin("rename", (self.slug, self.new_title))

    def call(self, name: str, *calls: tuple[Any, ...]) -> list[Any]:
        """What a new process gets, one call after the other."""
        with self.begin(name, *calls) as process:
            process.go()
            return [outcome.get() for outcome in process.wait()]

    def scans(self) -> int:
        self.postgres.until_quiet()
        return self.postgres.reads("events")

    def longest_life(self) -> float:
        """How many seconds the key that lives longest has left; without an end, it is for ever."""
        lives = [self.redis.client.pttl(key) for key in self.redis.client.scan_iter()]
        return max((FOREVER if life == -1 else life / 1000 for life in lives), default=0.0)

    def put_forward(self, seconds: float) -> None:
        """Let every end in Redis come nearer, as if these seconds had passed."""
        for key in self.redis.client.scan_iter():
            if (life := self.redis.client.pttl(key)) > 0:
                self.redis.client.pexpire(key, max(1, life - round(seconds * 1000)))

    def contents(self) -> str:
        """What is in Redis, to be compared with what was."""
        return str(self.redis.client.eval(CONTENTS, 0))

    def title(self) -> str:
        """The title that stands in the table."""
        return str(self.postgres.rows("SELECT title FROM events WHERE slug = %s", self.slug)[0]["title"])

    def sees_new_title(self) -> bool:
        """Whether a new process has the new page within a second, with some patience for a busy machine."""
        return wait_until(lambda: self.call("read", (self.slug,)) == [self.renamed], timeout=IN_TIME)

    @contextmanager
    def slow_commit(self) -> Iterator[None]:
        """Until the end of the block, everybody reads the events, and nobody's change is committed."""
        number = random.SystemRandom().getrandbits(62)  # far from an answer's own locks
        self.postgres.execute(SLOW_COMMIT.format(number=number))
        try:
            yield
        finally:
            self.postgres.execute("SELECT pg_advisory_unlock(%s)", number)

    def first_waits(self, *readers: Pending) -> None:
        """Return when somebody waits for the table, or when nobody will."""
        wait_until(lambda: self.postgres.waiting("events") or living(readers) == 0, timeout=BOUND)

    def crowd_at_the_table(self) -> Crowd:
        """How many sessions wait for the table, when a bad day's building time is over or a crowd is complete."""
        first = since = time.monotonic()
        seen, alone = 0, 0.0

        def over() -> bool:
            nonlocal seen, since, alone
            now, waiting = time.monotonic(), self.postgres.waiting("events")
            alone = now - first if waiting <= 1 else alone
            if waiting != seen:
                seen, since = waiting, now
            return seen > MOST and now - since > SETTLED

        wait_until(over, timeout=BAD_DAY, what="a crowd that nobody joins any more")
        return Crowd(seen, alone)


@pytest.fixture
def stage(answer: Answer, package: Path, postgres: Postgres, redis: Redis, rng: random.Random) -> Stage:
    """Two events of the sample data with titles of the check's own, and an empty Redis."""
    slugs = [str(row["slug"]) for row in postgres.rows("SELECT slug FROM events ORDER BY id")]
    words = rng.sample(["Alvorada", "Baião", "Choro", "Frevo", "Maré", "Samba", "Serra", "Sertão"], 3)
    old, other, new = (f"{word} “{rng.getrandbits(32):x}”" for word in words)
    postgres.execute("DROP TRIGGER IF EXISTS wait_before_commit ON events")
    engine = make_engine(postgres.url, pool_size=1)
    with make_sessions(engine)() as session:
        events: list[Any] = []
        for slug, title in zip(rng.sample(slugs, 2), (old, other), strict=True):
            postgres.execute("UPDATE events SET title = %s WHERE slug = %s", title, slug)
            events.append(load_page(session, slug))
    engine.dispose()
    redis.client.flushdb()
    event, titles = events[0], {"old": old, "new": new}
    return Stage(answer, package, postgres, redis, events, new, event["slug"], event, event | {"title": new}, titles)


def wrong_page(asked: str, got: object, wanted: object) -> NotYet:
    return saw(
        "wrong-page",
        did="Asked for a page: `{asked}`.",
        saw="{got}",
        needs="{wanted}",
        why="Whoever reads this page buys a ticket for another evening.",
        try_="Look at what you store, under which key, and what you make of it when you read it back.",
        asked=asked,
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
    before, life = stage.scans(), 0.0
    calls = [(event["slug"],) for event in stage.events]
    for _process in range(2):
        got = stage.call("read", *calls)
        # At once, and more than once: on a busy machine a second is soon over.
        life = max(life, stage.longest_life())
        for (slug,), page, event in zip(calls, got, stage.events, strict=True):
            if page != event:
                raise wrong_page(f"read({slug!r})", page, event)
    scans = stage.scans() - before
    if scans > len(stage.events):
        raise saw(
            "not-cached",
            did="Read two events in one process, and then both once more in another.",
            saw="The table was read {scans} times.",
            needs="{wanted} times: once for each event",
            why="What one process keeps for itself, the others have to ask for again.",
            try_="Keep the page in Redis, for a minute.",
            scans=scans,
            wanted=len(stage.events),
        )
    if 0 < life < KEPT - 1:
        raise saw(
            "kept-too-short",
            did="Read two events, and looked how long Redis keeps what was stored.",
            saw="Right after a read, it had {life:.1f} s left.",
            needs="at least {kept} s",
            why="A page that is gone soon is built all the time, on every quiet day, too.",
            try_="Keep the page for longer, and let `rename` see to it that nobody reads an old title.",
            life=life,
            kept=KEPT,
        )


def test_one_builds(stage: Stage, proxy: ProxyMaker) -> None:
    """48 readers in 4 processes find no page: the table is read at most twice."""
    slow = proxy(stage.redis.url)
    before = stage.scans()
    processes = [stage.readers(THREADS, redis_url=slow.url) for _n in range(PROCESSES)]
    slow.delay = LATENCY
    start = time.monotonic()
    with stage.postgres.lock("events"):
        for readers in processes:
            readers.go()
        stage.first_waits(*processes)
        before_first = time.monotonic() - start
        promised, since = stage.longest_life(), time.monotonic()
        crowd = stage.crowd_at_the_table()
        lock = max(promised, stage.longest_life())
    held = time.monotonic() - since
    slow.delay = 0.0
    outcomes = [outcome for readers in processes for outcome in readers.wait()]
    took = time.monotonic() - start
    got, unanswered = pages(outcomes)
    scans = stage.scans() - before
    # A second one would need 2 s in earnest as well, and its lock would end in the same way.
    too_short = crowd.size > 1 and 0 < lock < BUILD
    if scans > MOST and promised >= BUILD and held > max(promised, BAD_DAY + 1):
        raise held_too_long(promised, held)
    if scans > MOST or too_short:
        raise stampede(scans, crowd, lock, waited=before_first + crowd.alone)
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
            raise wrong_page(f"read({stage.slug!r})", page, stage.event)


def held_too_long(promised: float, held: float) -> CouldNotJudge:
    """On a machine that is too busy, even a good lock ends before the check lets go of the table."""
    return CouldNotJudge(
        _("Building the page took longer here than a lock of yours that is long enough."),
        looked=_("the lock had {promised:.1f} s left, and the table was free after {held:.1f} s").format(
            promised=promised, held=held
        ),
        do=_("close what else is busy on this machine and run it again"),
    )


def stampede(scans: int, crowd: Crowd, lock: float, *, waited: float) -> NotYet:
    """Why the table was read so often."""
    if crowd.size <= 1:
        return saw(
            "builds-again",
            did="Let 48 readers in 4 processes ask for one event that was not cached; Redis replied after 100 ms.",
            saw="One reader built the page while the others waited. Then they built it, too: {scans} reads.",
            needs="at most 2 times",
            why="Some looked for the page before it was there, and got the lock after it was free again.",
            try_="Whoever gets the lock looks for the page once more before building it.",
            scans=scans,
        )
    if 0 < lock < BUILD:
        return saw(
            "lock-too-short",
            did="Let 48 readers in 4 processes ask for one event that was not cached; building took 2 s and more.",
            saw="The lock ended before the page was built, and the next one began. The table was read {scans} times.",
            needs="one builder, for as long as a page takes to build on a bad day",
            why="A lock that ends before the work is done lets in the next one, and the next one.",
            try_="Let the lock last longer than a page takes to build on a bad day: 2 seconds, and some for Redis.",
            scans=scans,
        )
    if lock and crowd.alone > ALONE_FOR:
        return saw(
            "gave-up",
            did="Let 48 readers in 4 processes ask for one event that was not cached; Redis replied after 100 ms.",
            saw="One reader was building. The others waited for less than {waited} s, then built it: {scans} reads.",
            needs="at most 2 times",
            why="On a bad day a page takes longer to build, and that is the day when the crowd must not come.",
            try_="Let them wait for longer than a page takes to build on a bad day: 2 seconds.",
            scans=scans,
            waited=math.ceil(waited),
        )
    if lock:
        return saw(
            "two-steps",
            did="Let 48 readers in 4 processes ask for one event that was not cached; Redis replied after 100 ms.",
            saw="There was a lock in Redis, and {waiting} readers built the page. The table was read {scans} times.",
            needs="at most 2 times",
            why="Between looking for the lock and setting it, there is time for everybody to look.",
            try_="Let Redis do both in one step, and tell you whether you were the first.",
            scans=scans,
            waiting=crowd.size,
        )
    if crowd.size <= PROCESSES and scans <= PROCESSES:
        return saw(
            "once-a-process",
            did="Let 48 readers in 4 processes ask for one event that was not cached; Redis replied after 100 ms.",
            saw="The table was read {scans} times: once in each process.",
            needs="at most 2 times",
            why="A lock in memory or in a file is not seen by all of them. With 40 processes it is 40 times.",
            try_="Put the lock where all processes on all machines see it: in Redis or in Postgres.",
            scans=scans,
        )
    return saw(
        "everyone-builds",
        did="Let 48 readers in 4 processes ask for one event that was not cached; Redis replied after 100 ms.",
        saw="The table was read {scans} times.",
        needs="at most 2 times",
        why="All of them found no page, and all of them built it. Postgres gets the whole crowd at its worst moment.",
        try_="Let the readers agree on one of them, in a place that all processes share.",
        scans=scans,
    )


def test_new_title_is_seen(stage: Stage) -> None:
    """A new title is seen by every reader within a second."""
    with stage.begin("until", (stage.slug, stage.new_title, BOUND)) as watcher:
        watcher.go()
        seen = wait_until(lambda: "old" in watcher.output() or not watcher.alive, timeout=BOUND)
        if not seen or not watcher.alive:
            raise wrong_page(f"read({stage.slug!r})", pages(watcher.wait())[0], stage.event)
        before = stage.contents()
        stage.call("rename", (stage.slug, stage.new_title))
        changed = stage.contents() != before
        in_time = wait_until(lambda: not watcher.alive, timeout=IN_TIME, what="the new title in the other process")
    if not in_time or not stage.sees_new_title():
        raise old_title(stage, changed=changed)


def old_title(stage: Stage, *, changed: bool) -> NotYet:
    if stage.title() != stage.new_title:
        return not_written(stage)
    if changed:
        return saw(
            "old-title-elsewhere",
            did="Renamed {old} to {new}, then read the event.",
            saw="`rename` changed what is in Redis. A reader still saw {old} 2 seconds later.",
            needs="{new} within a second after `rename` returned",
            why="A page can be removed in Redis for all. What a process keeps for itself stays there.",
            try_="Look for a copy in the process's memory, or for a transaction that began before the rename.",
            **stage.titles,
        )
    return saw(
        "old-title",
        did="Renamed {old} to {new}, then read the event.",
        saw="A reader still saw {old} 2 seconds later.",
        needs="{new} within a second after `rename` returned",
        why="An evening that moved is shown at the old place, and people stand before a closed door.",
        try_="Whoever changes the row removes the page.",
        **stage.titles,
    )


def not_written(stage: Stage) -> NotYet:
    return saw(
        "not-written",
        did="Renamed {old} to {new}, and looked into the table.",
        saw="`rename` returned, and the row still says {old}.",
        needs="{new} in the row, whatever Redis does",
        why="Whoever renamed the event was told that it worked.",
        try_="Change the row first, in a transaction of its own. Only then go to Redis.",
        **stage.titles,
    )


def test_page_outlives_the_commit(stage: Stage) -> None:
    """Whoever reads just before the new title is committed does not keep the old one alive."""
    stage.call("read", (stage.slug,))
    with stage.readers() as reader, stage.renaming() as renaming:
        before = stage.contents()
        with stage.slow_commit():
            renaming.go()
            wait_until(lambda: stage.postgres.blocked() or not renaming.alive, timeout=BOUND, what="the commit")
            changed = stage.contents() != before
            reader.go()
            # Where the reader waits for the rename, that is right as well.
            wait_until(lambda: not reader.alive, timeout=IN_TIME, what="a reader before the commit")
        pages(renaming.wait())
        pages(reader.wait())
    if not stage.sees_new_title():
        if not changed or stage.title() != stage.new_title:
            raise old_title(stage, changed=stage.contents() != before)
        raise saw(
            "removed-too-early",
            did="Renamed {old} to {new}, and let a reader read when Redis was changed and the new title not committed.",
            saw="{old} was back in the cache, and still there 2 seconds after the rename.",
            needs="{new} within a second after `rename` returned",
            why="Until the commit, everybody reads the old row. A page that is removed before is built from it again.",
            try_="Commit the new title first: leave the `with` of the session. Only then go to Redis.",
            **stage.titles,
        )


def test_old_title_stays_away(stage: Stage, proxy: ProxyMaker) -> None:
    """A new title is also seen when somebody was building the page meanwhile."""
    between = proxy(stage.redis.url)
    with stage.readers(redis_url=between.url) as builder, stage.renaming() as renaming:
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
        pages([*builder.wait(), *renaming.wait()])
    if not stage.sees_new_title():
        raise saw(
            "old-title-comes-back",
            did="Let a reader read the row of {old}, renamed it to {new}, and only then let the reader store its page.",
            saw="{old} came back into the cache, and was still there 2 seconds later.",
            needs="{new} within a second after `rename` returned",
            why="The rename removed the page, and the slow reader put the old one back. Nobody removes it now.",
            try_="A reader that is slower than a rename must not store its page. How can it know?",
            **stage.titles,
        )


def test_old_builder_stays_away(stage: Stage) -> None:
    """It is also seen when the next reader has begun to build the page."""
    calls = ("late", stage.slug), ("next_one", stage.slug)
    with stage.begin("either", *calls, threads=2) as both, stage.renaming() as renaming:
        both.go()
        wait_until(lambda: "read" in both.output() or not both.alive, timeout=BOUND, what="the row is read")
        renaming.go()
        # Whoever waits elsewhere, for the old builder or for the rename, is right as well.
        wait_until(lambda: not renaming.alive or stage.postgres.blocked(), timeout=1.2, what="the rename")
        with stage.postgres.lock("events"):
            both.kill(signal.SIGUSR2)
            wait_until(lambda: stage.postgres.waiting("events") or has_ended(both, 1), timeout=1.0)
            both.kill(signal.SIGUSR1)
            wait_until(lambda: has_ended(both, 0), timeout=1.0, what="the old builder stores its page, or not")
        pages([*both.wait(), *renaming.wait()])
    if not stage.sees_new_title():
        if stage.title() != stage.new_title:
            raise not_written(stage)
        raise saw(
            "stores-under-anothers-lock",
            did="Let a reader read the row of {old}, renamed it to {new}, let the next reader begin to build the page,"
            " and then let the first one store its own.",
            saw="{old} came back into the cache, and was still there 2 seconds later.",
            needs="{new} within a second after `rename` returned",
            why="The lock looked like the first one's own, so it stored its page. It was the other one's lock.",
            try_="Put a token into the lock, a new one for each build. Store the page only while that token is there.",
            **stage.titles,
        )


def test_builder_is_killed(stage: Stage, proxy: ProxyMaker) -> None:
    """The process that builds the page is killed: the others have the page within 10 seconds."""
    slow = proxy(stage.redis.url)
    slow.delay = LATENCY
    with stage.readers(redis_url=slow.url) as builder, stage.readers(8, timeout=BOUND + 0.5) as others:
        with stage.postgres.lock("events"):
            builder.go()
            # At the worst moment: while it reads the row, or as soon as something stays in Redis for ever.
            wait_until(
                lambda: stage.postgres.waiting("events") or stage.longest_life() == FOREVER or not builder.alive,
                timeout=BOUND,
                what="the builder is at work",
            )
            builder.kill()
            wait_until(lambda: not builder.alive, timeout=BOUND, what="it is gone")
            lock = stage.longest_life()
        others.go()
        if NEARLY < lock < BOUND - 1:
            stage.put_forward(lock - NEARLY)
        got, unanswered = pages(others.wait())
    if unanswered:
        raise nobody_is_left(unanswered, lock)
    for page in got:
        if page != stage.event:
            raise wrong_page(f"read({stage.slug!r})", page, stage.event)
    before = stage.scans()
    stage.call("read", (stage.slug,))
    if stage.scans() > before:
        raise saw(
            "never-cached-again",
            did="Killed the process that was building the page (`kill -9`), let 8 readers ask, and then one more.",
            saw="They had the page, and nobody had put it into the cache: one more reader read the table again.",
            needs="a cache that works again when the lock has ended",
            why="The dead process still holds the lock. From now on everybody waits in vain, and then builds the page.",
            try_="Give the lock an end of its own, in the same step that sets it.",
        )


def nobody_is_left(unanswered: int, lock: float) -> NotYet:
    """The builder is dead; what do the others wait for?"""
    if lock == FOREVER:
        return saw(
            "lock-without-end",
            did="Killed the process that was building the page (`kill -9`), then let 8 readers ask for it.",
            saw="{unanswered} of 8 had no page after 10 seconds.",
            needs="a page for everyone within 10 seconds",
            why="Processes are killed at every deploy. A lock that only its owner can remove then stays for ever.",
            try_="Give the lock an end of its own, in the same step that sets it.",
            unanswered=unanswered,
        )
    return saw(
        "waits-for-the-dead",
        did="Killed the process that was building the page (`kill -9`), then let 8 readers ask for it.",
        saw="{unanswered} of 8 had no page after 10 seconds. What lay in Redis ended after {lock:.0f} s.",
        needs="a page for everyone within 10 seconds",
        why="Processes are killed at every deploy. A dead builder sends no message, and stores no page.",
        try_="Let the lock end after a few seconds: more than a page takes to build (2 s), and well below 10. Let those"
        " who wait look for page and lock again and again, with short pauses.",
        unanswered=unanswered,
        lock=lock,
    )


def test_redis_refuses(stage: Stage, proxy: ProxyMaker) -> None:
    """Redis refuses connections: reading and renaming still work."""
    gone = proxy(stage.redis.url)
    gone.cut()
    without_redis(stage, gone.url, _("refuse connections"))


def test_redis_is_silent(stage: Stage, proxy: ProxyMaker) -> None:
    """Redis takes connections and stays silent: reading and renaming still work, within 4 seconds."""
    silent = proxy(stage.redis.url)
    silent.freeze()
    without_redis(stage, silent.url, _("take connections and say nothing"))


def has_ended(process: Pending, number: int) -> bool:
    """Whether a process has ended, or one of its calls."""
    return not process.alive or any(line.get("number") == number for line in process.lines)


def without_redis(stage: Stage, redis_url: str, let: str) -> None:
    """Read, rename and read again, in one process."""
    read = ("read", stage.slug)
    steps = {0: (*read, stage.event), 1: ("rename", stage.slug, stage.new_title, None), 2: (*read, stage.renamed)}
    with stage.begin(
        "step", *(call[:-1] for call in steps.values()), redis_url=redis_url, timeout=3 * ALONE
    ) as process:
        process.go()
        for number, (name, *_arguments, _wanted) in steps.items():
            if not wait_until(partial(has_ended, process, number), timeout=ALONE, what="the next result"):
                raise saw(
                    "waits-for-redis",
                    did="Let Redis {let}, then called `{name}`.",
                    saw="There was no result after {alone:g} s.",
                    needs="a result within 4 seconds",
                    why="A server that hangs raises no error. Each reader waits, and soon nobody is left to answer.",
                    try_="Give the client a `socket_timeout`, and count how often it waits. `redis.Redis(…)` tries"
                    " again ten times: give it `retry=None`, too. In `rename`, Redis comes after the `UPDATE`.",
                    let=let,
                    name=name,
                    alone=ALONE,
                )
        outcomes = process.wait()
    for (name, *_arguments, wanted), outcome in zip(steps.values(), outcomes, strict=True):
        if outcome.error is not None:
            raise saw(
                "needs-redis",
                did="Let Redis {let}, then called `{name}`.",
                saw="{said}",
                needs="`read` gives the row of Postgres, `rename` changes it, as if there were no cache",
                why="A cache makes a page faster. Without it, the page is slow, and still there.",
                try_="Catch `redis.RedisError`, and go on with Postgres. In `rename`, Redis comes after the `UPDATE`.",
                let=let,
                name=name,
                said=outcome.error.said,
            )
        if wanted is not None and outcome.value != wanted:
            if wanted == stage.renamed and stage.title() != stage.new_title:
                raise not_written(stage)
            raise wrong_page(f"read({stage.slug!r})", outcome.value, wanted)


def test_in_the_application(
    stage: Stage, start_guiche: Callable[..., Any], proxy: ProxyMaker, request: pytest.FixtureRequest
) -> None:
    """In the application, 48 readers of a cold page get it at once, see a new title, and don't need Redis."""
    if request.session.testsfailed:
        # Nothing new would be seen, and the card would come seconds later.
        raise saw(
            "not-asked",
            did="Did not start the application: something above is not right yet.",
            saw="Nothing.",
            needs="the observations above",
            why="In the application the same reader does the same, forty-eight times.",
            try_="Begin with the first one that fails.",
        )
    between = proxy(stage.redis.url)
    urls = {"database_url": stage.postgres.url, "redis_url": between.url}
    extra = {"WEB_THREADS": str(THREADS), "DB_POOL_SIZE": str(THREADS)}
    web = Web(start_guiche(**urls, only=("web",), workers=PROCESSES, extra=extra), stage.slug)
    stage.postgres.forget_statements()
    web.show(READERS, stage.event)
    reads = sum(one.calls for one in stage.postgres.statement_stats() if re.search(r"\bevents\b", one.query))
    if reads > MOST:
        raise saw(
            "builds-in-each-worker",
            did="Started the application with 4 workers, and let 48 readers send `GET /events/{slug}`.",
            saw="Postgres got {reads} statements that read the table `events`.",
            needs="at most 2",
            why="Functions that agree on one builder are of no use when the application's workers don't.",
            try_="The object is made once, and then the workers are forked. Does it hold what they must not share?",
            slug=stage.slug,
            reads=reads,
        )
    web.rename(stage.new_title)
    if not wait_until(lambda: web.show(READERS, stage.renamed, stage.event), timeout=IN_TIME, what="the new title"):
        raise saw(
            "old-title-in-a-worker",
            did="Renamed {old} to {new} by `POST /admin/events/{slug}`, and let 48 readers `GET /events/{slug}`.",
            saw="Some of them still saw {old} 2 seconds later.",
            needs="{new} for everybody, within a second",
            why="The readers are served by 4 workers, and one that serves an old page serves it to a quarter of them.",
            try_="Look for what a worker keeps for itself, and for a thread that began before the workers were forked.",
            slug=stage.slug,
            **stage.titles,
        )
    nobody = f"no-such-{stage.slug}"
    web.ask("GET", f"/events/{nobody}", wanted=404)
    web.rename("Nobody", slug=nobody, wanted=404)
    between.cut()
    web.show(1, stage.renamed)
    web.rename(stage.event["title"])
    web.show(1, stage.event)


class Web:
    """The application with four workers, and a member of the staff who asks it over HTTP."""

    def __init__(self, app: Any, slug: str) -> None:
        self.app = app
        self.slug = slug
        self.client = app.login(seed_data.STAFF)

    def show(self, readers: int, *allowed: Any) -> bool:
        """Whether all of these readers get the first page that is allowed; raises when one gets none of them."""
        path = f"/events/{self.slug}"
        with ThreadPoolExecutor(readers) as pool:
            sent = [pool.submit(self.send, "GET", path) for _n in range(readers)]
        got = [self.told(one.result(), "GET", path)["event"] for one in sent]
        for page in got:
            if page not in allowed:
                raise wrong_page(f"GET {path}", page, allowed[0])
        return all(page == allowed[0] for page in got)

    def rename(self, title: str, *, slug: str = "", wanted: int = 200) -> None:
        self.ask("POST", f"/admin/events/{slug or self.slug}", wanted=wanted, json={"title": title})

    def ask(self, method: str, path: str, *, wanted: int = 200, **sent: Any) -> Any:
        return self.told(self.send(method, path, **sent), method, path, wanted=wanted)

    def send(self, method: str, path: str, **sent: Any) -> httpx.Response | None:
        """The answer to a request; None where there is none in time."""
        with suppress(httpx.TransportError):
            answered: httpx.Response = self.client.request(method, path, **sent)
            return answered
        return None

    def told(self, answered: httpx.Response | None, method: str, path: str, *, wanted: int = 200) -> Any:
        """The JSON of an answer; whatever kept it from coming is told with the last exception in the log."""
        if answered is not None and answered.status_code == wanted:
            return answered.json()
        status = _("nothing within 10 seconds") if answered is None else str(answered.status_code)
        logged = [str(event["exc"]).strip() for event in self.app.events("web") if event.get("exc")]
        raise saw(
            "page-fails",
            did="Started the application with 4 workers, and sent `{method} {path}`.",
            saw="It answered: {status}. {log}",
            needs="{wanted}",
            why="The page is what a customer sees, and 404 is the one right answer for an event that does not exist.",
            try_="`read` gives None, `rename` raises LookupError for an unknown event; without Redis, ask Postgres.",
            method=method,
            path=path,
            status=status,
            log=logged[-1].splitlines()[-1][:300] if logged else "",
            wanted=wanted,
        )
