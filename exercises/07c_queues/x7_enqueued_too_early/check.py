"""X7: which jobs exist at the moments between placing an order and having committed it?"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from inprod.messages import _
from inprod.testing import Answer, NotYet, Pending, saw, wait_until
from inprod.testing import system as processes
from inprod.testing.postgres import Postgres
from inprod.testing.redis_ import Redis

SESSIONS, EACH = 10, 5
IN_TIME = 5.0
PATIENCE = 4.0  #: a busy machine's part of the five seconds
REACTS = 6.0  #: for what the worker makes of a job that came too early
LIFE = 20.0
GATE = 8.0  #: seconds until the caller comes to its next moment
ON = 3  #: seconds for threads that it left behind
READY = "worker: ready"
PLACED, FLUSHED, COMMITTING, SAVED = 1, 2, 3, 4  #: the gates
LOCK = 7  #: of the advisory locks that the check holds

#: The caller: its moments are `gate`s, which the check holds in Postgres.
CALLER = f"""
import json, os, threading, time
from contextlib import suppress
import psycopg
from celery.signals import after_task_publish
from sqlalchemy import text
from guiche.db import make_engine, make_sessions
from orders import place

sessions = make_sessions(make_engine(os.environ["DATABASE_URL"], pool_size={SESSIONS}))

def say(**fact):
    print("caller: " + json.dumps(fact), flush=True)

@after_task_publish.connect(weak=False)
def sent(headers=None, body=None, **_):
    say(sent=repr(body), eta=(headers or {{}}).get("eta"))

def gate(number):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as mine:
        mine.execute("SELECT pg_advisory_lock({LOCK}, %s)", [number])

def one_by_one(user, total):
    with sessions() as session:
        say(placed=place(session, user, total))
        gate({PLACED})
        session.flush()
        gate({FLUSHED})
        session.commit()  # the gate {COMMITTING} is in Postgres
        with session.begin_nested():
            say(placed=place(session, user, total))
        gate({SAVED})
        session.commit()

class Refused(Exception):
    pass

def live_on():  # as a server does
    deadline = time.monotonic() + {ON}
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))

def rolled_back(user, total, refused):
    with sessions() as session:
        orders = {{"rollback": place(session, user, total)}}
        session.flush()
        session.rollback()
        orders["kept"] = place(session, user, total)
        with suppress(Refused), session.begin_nested():
            orders["savepoint"] = place(session, user, total)
            session.flush()
            raise Refused
        session.commit()
        orders["refused"] = place(session, user, refused)
        try:
            session.commit()
        except Exception:
            session.rollback()
        orders["last"] = place(session, user, total)
        session.commit()
        session.execute(text("SELECT 1"))
        session.commit()
    live_on()
    return orders

def many(user, totals):
    opened = [sessions() for _ in range({SESSIONS})]
    ids = [place(session, user, totals.pop()) for session in opened for _ in range({EACH})]
    for session in opened:
        session.commit()
        session.close()
    live_on()
    return ids
"""
#: The worker: `celery --app orders worker --beat`, and it says what it gets and how that ends.
WORKER = f"""
import json, sys
from celery import signals
from orders import app

def say(what, request, **fact):
    told = {{"what": what, "of": repr((request.args, request.kwargs)), **fact}}
    print("worker: " + json.dumps(told), file=sys.__stdout__, flush=True)  # Celery takes the other one

@signals.task_received.connect(weak=False)
def received(request=None, **_):
    say("received", request)

@signals.task_success.connect(weak=False)
def success(sender=None, **_):
    say("done", sender.request)

@signals.task_failure.connect(weak=False)
def failure(sender=None, exception=None, **_):
    say("failed", sender.request, error=f"{{type(exception).__name__}}: {{exception}}"[:200])

@signals.task_retry.connect(weak=False)
def retry(request=None, reason=None, **_):
    say("retried", request, error=str(reason)[:200])

@signals.worker_ready.connect(weak=False)
def ready(**_):
    print("{READY}", file=sys.__stdout__, flush=True)

from celery.apps.worker import Worker
worker = Worker(app=app, pool="prefork", concurrency=2, beat=True, quiet=True, loglevel="WARNING",
                schedule_filename="/dev/null/none", scheduler="celery.beat:Scheduler",
                without_mingle=True, without_gossip=True, without_heartbeat=True)
worker.start()
sys.exit(worker.exitcode or 0)
"""
#: A new order is committed when the check opens that gate; with a total of {refused}, never.
SLOW_COMMIT = f"""
CREATE OR REPLACE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.total_cents = {{refused}} THEN RAISE EXCEPTION 'this order is refused'; END IF;
    PERFORM pg_advisory_xact_lock_shared({LOCK}, {COMMITTING});
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS at_commit ON orders;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON orders
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()
"""

#: The values of all lists and hashes.
MESSAGES = """
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind = redis.call('TYPE', key).ok
    local found = kind == 'list' and redis.call('LRANGE', key, 0, -1) or kind == 'hash' and redis.call('HVALS', key)
    for _, value in ipairs(found or {}) do table.insert(all, value) end
end
return all
"""


@dataclass
class Orders:
    """What all observations have ordered: the worker comes last, and works for all of them."""

    alive: list[str] = field(default_factory=list)
    kept: str = ""  #: was placed before a savepoint that was rolled back
    dead: dict[str, str] = field(default_factory=dict)  #: and how they were rolled back


@pytest.fixture(scope="module")
def orders() -> Orders:
    """Nothing yet."""
    return Orders()


@dataclass
class Shop:
    """Postgres with a new customer, Redis, a caller, and a worker when it is asked for."""

    answer: Answer
    postgres: Postgres
    redis: Redis
    folder: Path
    user: int
    total: int
    refused: int
    running: processes.System | None = None

    @property
    def env(self) -> dict[str, str]:
        return {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.redis.url}

    def begin(self, name: str, *arguments: Any, timeout: float = LIFE) -> Pending:
        """A caller that stands ready."""
        files = {"caller.py": CALLER}
        return self.answer.begin(
            f"caller.py:{name}", [arguments], env=self.env, files=files, under=self.folder, timeout=timeout
        )

    def start_worker(self) -> None:
        """Return when it is ready."""
        worker = processes.Program("worker", ("python", "worker.py"), self.env, READY)
        self.running = processes.start(self.answer, [worker], files={"worker.py": WORKER}, under=self.folder)

    def hold(self, *gates: int) -> None:
        """Shut these gates."""
        for gate in gates:
            self.postgres.execute("SELECT pg_advisory_lock(%s, %s)", LOCK, gate)

    def open(self, gate: int) -> None:
        """Let the caller go on."""
        self.postgres.execute("SELECT pg_advisory_unlock(%s, %s)", LOCK, gate)

    def next_gate(self, caller: Pending) -> int:
        """The gate that the caller waits at; 0 when it has ended, or does not come to any."""
        at = "SELECT objid::int AS gate FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid::int = %s"
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = self.postgres.rows(at, LOCK)
            return bool(found) or not caller.alive

        wait_until(there, timeout=GATE, what="the next moment")
        return int(found[0]["gate"]) if found else 0

    def messages(self) -> list[str]:
        """What lies in Redis, readable: the values of lists, hashes and the like, with the body of each message."""
        values = self.redis.client.eval(MESSAGES, 0)  # in one step: an answer may have sent a thousand
        return [str(value) + _body(str(value)) for value in values]

    def jobs(self, caller: Pending, order: str) -> list[dict[str, Any]]:
        """Whatever was sent, waits, or was received for an order."""
        # Redis before the worker: what has left the one is already told by the other.
        found: list[dict[str, Any]] = [{} for text in self.messages() if order in text]
        found += [fact for fact in said(caller.log()) if order in str(fact.get("sent", ""))]
        return found + self.worked(order)

    def worked(self, order: str) -> list[dict[str, Any]]:
        """What the worker said of an order's jobs."""
        return [fact for fact in self.told() if order in str(fact.get("of", ""))]

    def told(self) -> list[dict[str, Any]]:
        """What the worker said of all jobs."""
        return said(self.running.log("worker") if self.running else "")

    def notes(self, orders: Iterable[str]) -> dict[str, int]:
        """How often each of these orders was confirmed."""
        rows = self.postgres.rows(
            "SELECT order_id::text AS id, count(*) AS n FROM order_notes WHERE body = 'confirmed' GROUP BY 1"
        )
        found = {row["id"]: row["n"] for row in rows}
        return {order: found.get(order, 0) for order in orders}

    def drained(self) -> bool:
        """Whether no job waits in Redis or for its time."""
        return not any('"task"' in text for text in self.messages())


def said(log: str) -> list[dict[str, Any]]:
    """What the caller or the worker has said of jobs, in order."""
    found = []
    for line in log.splitlines():
        name, _colon, text = line.partition(": ")
        if name in ("caller", "worker"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(text))
    return found


def _body(value: str) -> str:
    """The arguments of a message, which travel as base64."""
    with contextlib.suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
        message = json.loads(value)
        message = message[0] if isinstance(message, list) else message
        return base64.b64decode(message["body"]).decode("utf-8", "replace")
    return ""


@pytest.fixture
def shop(answer: Answer, postgres: Postgres, redis: Redis, rng: Any, tmp_path: Path) -> Iterator[Shop]:
    """A new customer; Redis and the orders stay as they are."""
    total, refused = rng.sample(range(1_000, 90_000), 2)
    postgres.execute(SLOW_COMMIT.format(refused=refused))
    user = postgres.rows(
        "INSERT INTO users (email, name, password_hash, role) VALUES (%s, 'X', 'X', 'customer') RETURNING id",
        f"{rng.getrandbits(48):x}@example.com",
    )[0]["id"]
    made = Shop(answer, postgres, redis, tmp_path, int(user), total, refused)
    yield made
    postgres.execute("SELECT pg_advisory_unlock_all()")
    if made.running:
        made.running.close()


def too_early(shop: Shop, caller: Pending, order: str, moment: str, gate: int) -> NotYet | None:
    """What to say when a job exists at a moment at which it must not; None when there is none."""
    if not (jobs := shop.jobs(caller, order)):
        return None
    shop.start_worker()  # to see what it makes of that job

    def settled() -> bool:
        jobs[:] = shop.jobs(caller, order)
        return any(job.get("eta") or job.get("what") in ("done", "failed", "retried") for job in jobs)

    wait_until(settled, timeout=REACTS, what="what the worker makes of it")
    reactions = {str(job["what"]): job for job in jobs if "what" in job}
    error = next((str(job["error"]) for job in reactions.values() if "error" in job), "")
    if "retried" in reactions:
        return saw(
            "retries-until-it-is-there",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="The job ran, found no order, and asked to be tried again. {error}",
            needs="no job before the commit: nothing fails, and nothing is tried again",
            why="A retry hides the race. It also looks for orders that were rolled back, and it can't tell the two"
            " apart.",
            try_="Retries are for trouble that you can't prevent. Send the job when the row is there.",
            moment=moment,
            error=error,
        )
    if any(job.get("eta") for job in jobs):
        return saw(
            "guesses-how-long",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="The job is on its way, with a time before which it must not run.",
            needs="no job before the commit, however long it takes",
            why="A time is a guess. On the day on which the caller takes longer, the job finds no order. And an order"
            " that is rolled back has a job, too.",
            try_="Let the commit itself be what sends the job.",
            moment=moment,
        )
    values = {"moment": moment, "error": error}
    if gate == FLUSHED:
        return saw(
            "sent-by-the-flush",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="There is a job for this order, and the worker took it. {error}",
            needs="no job before the commit is done",
            why="A flush sends the rows to Postgres. Until the commit, they are there for this transaction alone.",
            try_="Which of SQLAlchemy's events comes after the commit?",
            **values,
        )
    if gate == COMMITTING:
        return saw(
            "sent-during-the-commit",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="There is a job for this order, and the worker took it. {error}",
            needs="no job before the commit is done",
            why="Postgres checks constraints and writes to the disk before it says yes. It may take its time, and it"
            " may say no.",
            try_="Look for the event that comes after the answer of Postgres, not before the question.",
            **values,
        )
    if gate == SAVED:
        return saw(
            "sent-by-the-savepoint",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="There is a job for this order, and the worker took it. {error}",
            needs="no job before the commit of the whole transaction is done",
            why="SQLAlchemy speaks of a commit when a savepoint ends, too. The rows are still seen by nobody else.",
            try_="Ask the session whether it is inside a savepoint: `session.in_nested_transaction()`.",
            **values,
        )
    if not error:
        return saw(
            "runs-before-the-commit",
            did="Called `place`, and looked at the jobs {moment}.",
            saw="There is a job for this order. It has not failed, and it can't do its work either.",
            needs="no job before the commit",
            why="A job that waits for its order keeps a worker busy. One that goes home without it never comes back.",
            try_="Let the commit itself be what sends the job.",
            moment=moment,
        )
    return saw(
        "reads-too-early",
        did="Called `place`, and looked at the jobs {moment}.",
        saw="There is a job for this order. The worker took it, and it failed. {error}",
        needs="no job before the commit is done",
        why="Until then, nobody else can read the row, and the worker is somebody else. Whether the job finds it"
        " depends on who is faster.",
        try_="Look for the line that sends the job, and ask what the caller has done by then.",
        **values,
    )


def test_job_comes_after_the_commit(shop: Shop, orders: Orders) -> None:
    """No job exists before its order is committed, however long that takes."""
    moments = {
        PLACED: (0, _("at once")),
        FLUSHED: (0, _("after the caller's flush")),
        COMMITTING: (0, _("while Postgres worked on the COMMIT")),
        SAVED: (1, _("after the savepoint around it had ended")),
    }
    shop.hold(*moments)
    with shop.begin("one_by_one", shop.user, shop.total) as caller:
        caller.go()
        for gate, (number, moment) in moments.items():
            if (at := shop.next_gate(caller)) != gate:
                raise not_there(caller, at)
            placed = [fact["placed"] for fact in said(caller.log()) if "placed" in fact]
            if not is_id(placed[number]):
                raise wrong_order(_("it returned {value}").format(value=repr(placed[number])[:100]))
            if (failure := too_early(shop, caller, placed[number], moment, gate)) is not None:
                raise failure
            shop.open(gate)
        caller.wait()[0].get()
    orders.alive += placed
    if any(shop.notes(placed).values()):
        raise saw(
            "confirmed-by-the-caller",
            did="Called `place` and committed, while no worker was running.",
            saw="The order is confirmed.",
            needs="an order that waits for the worker",
            why="The customer waits for whatever the request does. That is why there is a worker.",
            try_="Leave the work to the job, and see that it is sent.",
        )


def is_id(value: object) -> bool:
    """Whether it is a UUID as text."""
    with contextlib.suppress(ValueError):
        return isinstance(value, str) and str(UUID(value)) == value
    return False


def not_there(caller: Pending, gate: int) -> NotYet:
    """What to say when the caller is somewhere else than it should be."""
    if gate:
        return commits_by_itself(_("Called `place`, and watched Postgres."), _("A COMMIT is on its way."))
    if caller.alive:
        return saw(
            "does-not-return",
            did="Called `place`, and waited 8 seconds.",
            saw="It had not returned.",
            needs="a caller who can go on",
            why="The commit that `place` may be waiting for comes after it has returned.",
            try_="Remember that a job is owed, and return.",
        )
    caller.wait()[0].get()  # raises what kept it from going on
    return wrong_order(_("the caller's commit found nothing to do"))


def commits_by_itself(what: str, seen: str) -> NotYet:
    return saw(
        "commits-by-itself",
        did="{what}",
        saw="{seen}",
        needs="a transaction that the caller ends",
        why="The caller has other rows in the same transaction. Half of them are there for ever now.",
        try_="Leave `commit` to the caller.",
        what=what,
        seen=seen,
    )


def test_rolled_back_has_no_job(shop: Shop, orders: Orders) -> None:
    """An order that is rolled back has no job."""
    how = {
        "rollback": _("by `session.rollback()`"),
        "savepoint": _("by the rollback of its savepoint"),
        "refused": _("by Postgres, which refused the COMMIT"),
    }
    with shop.begin("rolled_back", shop.user, shop.total, shop.refused) as caller:
        caller.go()
        placed = {name: str(order) for name, order in caller.wait()[0].get().items()}
    rows = shop.postgres.rows("SELECT id::text AS id FROM orders WHERE user_id = %s", shop.user)
    there = {row["id"] for row in rows}
    for name, by in how.items():
        if placed[name] in there:
            what = _("Called `place`, and let the order be rolled back {by}.").format(by=by)
            raise commits_by_itself(what, _("The order is in the table."))
        if shop.jobs(caller, placed[name]):
            raise job_for_nothing(name)
        orders.dead[placed[name]] = by
    if not {placed["kept"], placed["last"]} <= there:
        raise wrong_order(_("an order that was committed is not in the table"))
    orders.kept = placed["kept"]
    orders.alive.append(placed["last"])


def test_all_are_confirmed(shop: Shop, orders: Orders, rng: Any, request: pytest.FixtureRequest) -> None:
    """50 orders in 10 transactions are confirmed, once each; no job fails or is tried again."""
    if request.session.testsfailed:
        # Nothing new would be seen, and the card would come seconds later.
        raise saw(
            "not-asked",
            did="Did not start the worker: something above is not right yet.",
            saw="Nothing.",
            needs="the observations above",
            why="The worker would work for orders that must not have a job.",
            try_="Begin with the first one that fails.",
        )
    totals = [rng.randint(100_000, 199_000) for _n in range(SESSIONS * EACH)]
    with shop.begin("many", shop.user, totals, timeout=2 * LIFE) as caller:
        shop.start_worker()
        caller.go()
        many = [str(order) for order in caller.wait()[0].get()]
        rows = shop.postgres.rows(
            "SELECT id::text AS id, total_cents FROM orders WHERE user_id = %s AND status = 'pending'", shop.user
        )
        if {row["id"] for row in rows} != set(many) or sorted(row["total_cents"] for row in rows) != sorted(totals):
            raise wrong_order(_("ids, totals or states in the table differ"))
        alive = [*orders.alive, *many]
        wait_until(lambda: all(shop.notes(alive).values()) and shop.drained(), timeout=IN_TIME + PATIENCE)
        for dead, by in orders.dead.items():
            if shop.jobs(caller, dead):
                raise saw(
                    "asked-in-another-transaction",
                    did="Called `place`, and let the order be rolled back {by}. Then started the worker.",
                    saw="The worker found a job for the order that was rolled back.",
                    needs="no job: this order does not exist",
                    why="What asks for the job was written in a transaction of its own. It is there before the order"
                    " is, and it stays when the order is gone.",
                    try_="Write it with the caller's session.",
                    by=by,
                )
    is_confirmed(shop, alive)
    if orders.kept and not shop.notes([orders.kept])[orders.kept]:
        raise saw(
            "forgets-too-much",
            did="Called `place`, and once more in a savepoint; rolled back the savepoint, and committed.",
            saw="The first order is in the table, and was never confirmed.",
            needs="a job for each order that is committed",
            why="SQLAlchemy calls it a rollback when a savepoint ends so, and what came before the savepoint stays.",
            try_="Forget the jobs of those orders alone that are gone: `order in session` tells.",
        )


def is_confirmed(shop: Shop, alive: list[str]) -> None:
    """Raise unless each order is confirmed once, with no trouble on the way."""
    counts = shop.notes(alive).values()
    told = shop.told()
    facts = [fact for order in alive for fact in told if order in str(fact.get("of", ""))]
    troubles = [str(fact["error"]) for fact in facts if fact["what"] in ("failed", "retried")]
    error = troubles[0] if troubles else ""
    if missing := sum(n == 0 for n in counts):
        raise saw(
            "never-confirmed",
            did="Placed {all} orders, committed them, started the worker, and waited 5 seconds.",
            saw="{missing} of them were not confirmed. {error}",
            needs="all of them",
            why="The customer waits for a word from you, and nobody looks for a job that was never sent.",
            try_="Follow one of them: who remembers its job, when is it sent, and does the worker know the task?",
            all=len(alive),
            missing=missing,
            error=error,
        )
    if troubles:
        raise saw(
            "trouble-on-the-way",
            did="Placed {all} orders, committed them, and started the worker.",
            saw="{n} times, a job failed or was tried again. {error}",
            needs="jobs that find what they need at once",
            why="Whoever is used to failures in the log does not see the one that matters.",
            try_="Read that line: what was not there when the job ran?",
            all=len(alive),
            n=len(troubles),
            error=error,
        )
    if twice := sum(n > 1 for n in counts):
        raise saw(
            "confirmed-twice",
            did="Placed {all} orders and committed them. The session went on, and committed again.",
            saw="{twice} of them were confirmed more than once.",
            needs="one confirmation for each order",
            why="The customer gets the same message with each thing that your server does afterwards.",
            try_="Once sent, the job must be forgotten. Does a listener, or a list, outlive its transaction?",
            all=len(alive),
            twice=twice,
        )


def job_for_nothing(name: str) -> NotYet:
    """A job for an order that does not exist, by the way in which it was rolled back."""
    if name == "rollback":
        return saw(
            "job-of-a-rolled-back-order",
            did="Called `place`, then `session.rollback()`. The session went on with other orders.",
            saw="There was a job for the order that was rolled back.",
            needs="no job: this order does not exist",
            why="The job fails, or it confirms what nobody will deliver.",
            try_="Ask of everything that remembers the job, a list or a listener: what becomes of it at a rollback?",
        )
    if name == "savepoint":
        return saw(
            "job-of-a-rolled-back-savepoint",
            did="Called `place` in a savepoint, rolled back the savepoint, and committed what was before it.",
            saw="There was a job for the order that was rolled back.",
            needs="no job: this order does not exist",
            why="A caller uses a savepoint to try something and go on without it. The order is gone, its job isn't.",
            try_="Before you send a job, ask whether its order is still there: `order in session`.",
        )
    return saw(
        "job-of-a-refused-commit",
        did="Called `place`, then `session.commit()`, which Postgres refused. The session went on with other orders.",
        saw="There was a job for the order that was refused.",
        needs="no job: this order does not exist",
        why="A commit is a question. Constraints that are checked at the end may answer no.",
        try_="Send the job when the answer is there; and ask what becomes of what you remember when it is no.",
    )


def wrong_order(seen: str) -> NotYet:
    return saw(
        "wrong-order",
        did="Called `place` for a customer.",
        saw="It is not the order that was asked for: {seen}.",
        needs="one pending order with this user and this total, in the caller's transaction",
        why="The caller relies on what `place` promises.",
        try_="Compare `place` with the starter's: what it adds to the session, and what it returns.",
        seen=seen,
    )
