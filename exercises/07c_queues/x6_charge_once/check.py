"""X6: the worker's process dies at the worst moments, messages come twice, and the provider counts its charges."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery

from inprod.messages import _
from inprod.testing import Answer, NotYet, Once, Pending, saw, system, wait_until
from inprod.testing.mailbox import Mailbox
from inprod.testing.postgres import Postgres
from inprod.testing.proxy import Proxy, ProxyMaker
from inprod.testing.redis_ import Redis

LIMIT = 10.0  #: seconds until an order must be settled
REACHED = 4.0  #: until an answer has come to the point where it is held
ELSEWHERE = 3.0  #: for those that wait in places of their own
BEGUN = 1.5  #: for those that begin with something else than the order
LATENCY = 0.2  #: of Redis, while two work at the same time
QUIET = 1.5  #: nothing left to do, and nothing done: nobody will
SLOW = 30  #: the provider, while the process is killed
MAILS = 2
ENDS = ("succeeded", "raised", "retry", "rejected", "ignored")  #: Celery's words for the end of a task
PLAIN, LATE, TWO, CHARGED, PAID = "plain", "late", "two", "charged", "paid"

PROCESSES = 2
COMMAND = "python -m celery -A charging worker --pool prefork --concurrency 2 --loglevel INFO"
QUIETER = "--without-gossip --without-mingle --without-heartbeat"

CUSTOMER = "INSERT INTO users (email, name, password_hash, role) VALUES (%s, 'X', 'X', 'customer')"
ORDER = """
INSERT INTO orders (id, user_id, status, total_cents, idempotency_key, created_at)
SELECT %(id)s::uuid, id, 'pending', %(cents)s, %(id)s, now() FROM users WHERE email = %(email)s
"""
#: Messages that speak of an order, in whatever queue, and those that a worker has and has not acknowledged.
MESSAGES = """
local n = 0
for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind = redis.call('TYPE', key).ok
    local found = kind == 'list' and redis.call('LRANGE', key, 0, -1) or kind == 'hash' and redis.call('HVALS', key)
    for _, message in ipairs(found or {}) do
        if message:find(ARGV[1], 1, true) and message:find('delivery_tag', 1, true) then n = n + 1 end
    end
end
return n
"""


@dataclass(frozen=True)
class Order:
    """An order to be charged."""

    id: str
    cents: int


@dataclass(frozen=True)
class Look:
    """What can be seen of an order from outside."""

    charges: int
    status: str
    rows: int  #: in `payments`, about the provider's charge
    mails: int
    messages: int
    taken: int  #: how often the worker has received a message about it
    ended: int  #: how often its task has come to an end, as the worker tells
    held: bool = True  #: the answer came to the point where the check held it
    acked: bool = False  #: at that point, the message was gone
    early: bool = False  #: at that point, the e-mail was there
    by_message: bool = False  #: the keys of the charges are the ids of the messages
    alive: bool = True  #: the worker's main process

    @property
    def done(self) -> bool:
        return self.status == "paid" and bool(self.rows and self.mails) and not self.messages

    def __str__(self) -> str:
        return _("charges: {charges}, status: `{status}`, rows in `payments`: {rows}, e-mails: {mails}").format(
            charges=self.charges, status=self.status, rows=self.rows, mails=self.mails
        )


@dataclass(frozen=True)
class Stage:
    """The worker from the answer's file, and everything around it."""

    postgres: Postgres
    redis: Redis
    mailbox: Mailbox
    provider: Any
    to_provider: Proxy
    to_redis: Proxy
    worker: Pending
    web: Celery
    rng: random.Random
    email: str  #: of the customer
    sent: dict[str, list[str]] = field(default_factory=dict)  #: the ids of the messages of each order

    def order(self) -> Order:
        """A new order of the customer."""
        made = Order(str(uuid4()), self.rng.randint(1_000, 99_999))
        self.postgres.execute(ORDER, {"id": made.id, "email": self.email, "cents": made.cents})
        return made

    def publish(self, order: Order) -> None:
        """What the web does."""
        message = self.web.send_task("charge_order", args=[order.id])
        self.sent.setdefault(order.id, []).append(message.id)

    def look(self, order: Order) -> Look:
        charges, lines = self.charges(order), self.worker.log().splitlines()
        rows = self.postgres.rows("SELECT provider_ref FROM payments WHERE order_id = %s::uuid", order.id)
        sent = self.sent[order.id]
        return Look(
            charges=len(charges),
            status=str(self.postgres.rows("SELECT status FROM orders WHERE id = %s::uuid", order.id)[0]["status"]),
            rows=sum(row["provider_ref"] in charges for row in rows),
            by_message=any(key in sent for key in charges.values()),
            mails=sum(mail.to == self.email and order.id in mail.text for mail in self.mailbox.mails),
            messages=self.messages(order),
            taken=sum(f"{task}] received" in line for line in lines for task in sent),
            ended=sum(f"{task}] {word}" in line for line in lines for task in sent for word in ENDS),
            alive=self.worker.alive,
        )

    def messages(self, order: Order) -> int:
        """How many messages are not done."""
        return int(self.redis.client.eval(MESSAGES, 0, order.id))

    def charges(self, order: Order) -> dict[str, str]:
        """The ids and keys of the provider's charges, as far as they are of the right amount."""
        wanted, found = (order.id, order.cents), self.provider.charges()
        return {one["id"]: one["key"] for one in found if (one["order_id"], one["amount_cents"]) == wanted}

    def settled(self, order: Order, *, after: Look | None = None, killed: bool = False) -> Look:
        """The order when it is done, when nobody works on it any more, or when the time is over.

        Whoever was `killed` tells no end; otherwise a task that has begun may be slow, on a busy machine.
        """
        seen, since = self.look(order), time.monotonic()

        def over() -> bool:
            nonlocal seen, since
            now = self.look(order)
            if now != seen:
                seen, since = now, time.monotonic()
            quiet = time.monotonic() - since > QUIET
            at_work = now.taken > now.ended and not killed
            return not now.messages and (
                (quiet and not at_work) or (now.done and now.taken > (after.taken if after else 0))
            )

        wait_until(lambda: not self.worker.alive or over(), timeout=LIMIT, what="the order is settled")
        return seen

    def pool(self) -> set[int]:
        """The children of the worker's main process."""
        first, *others = self.worker.children()
        return {child["pid"] for child in others if child["ppid"] == first["pid"]}

    def kill_children(self) -> None:
        """SIGKILL to the pool; the main process lives, and starts new ones."""
        for child in self.pool():
            self.worker.signal_pid(child, signal.SIGKILL)

    def renew_children(self) -> None:
        """New ones, which have no connection yet: a proxy that is frozen keeps nothing that a dead one has sent."""
        before = self.pool()
        self.kill_children()
        wait_until(lambda: len(self.pool() - before) >= PROCESSES, timeout=REACHED, what="a new pool")

    @contextmanager
    def no_writing(self) -> Iterator[None]:
        """Until the end of the block, orders and payments can be read, and locked by row, but not written."""
        self.postgres.execute("BEGIN")
        try:
            self.postgres.execute("LOCK TABLE payments, orders IN SHARE MODE")
            yield
        finally:
            self.postgres.execute("COMMIT")

    def play(self) -> dict[str, Look]:
        """All that happens, one thing after the other; it ends where not even a plain message is served."""
        seen = {PLAIN: (plain := self.order())}
        looks = {PLAIN: self.plain(plain)}
        if not looks[PLAIN].done:
            return looks
        looks[LATE] = self.late(plain, looks[PLAIN])
        for name, scene in ((TWO, self.two), (CHARGED, self.killed_when_charged), (PAID, self.killed_when_paid)):
            seen[name] = self.order()
            looks[name] = scene(seen[name])
            if looks[name].messages or not looks[name].alive or not looks[name].held:
                break  # what is stuck here would be stuck in the next scene, too
        # What comes later than the end of its scene counts, too.
        for name, order in seen.items():
            now = self.look(order)
            looks[name] = replace(looks[name], charges=now.charges, mails=now.mails)
        return looks

    def plain(self, order: Order) -> Look:
        self.publish(order)
        return self.settled(order)

    def late(self, order: Order, first: Look) -> Look:
        """The message once more, when the provider has forgotten all keys."""
        self.provider.behave(duplicate=True, webhooks=False)
        self.publish(order)
        seen = self.settled(order, after=first)
        self.provider.behave(webhooks=False)
        return seen

    def two(self, order: Order) -> Look:
        """Two messages at once: none of the two comes further than the other."""
        self.to_provider.cut()
        self.to_provider.heal()
        self.to_provider.freeze()
        with self.postgres.lock("orders"):
            self.publish(order)
            self.publish(order)
            wait_until(lambda: self.postgres.blocked() >= 2, timeout=BEGUN, what="both have begun")
            self.to_redis.delay = LATENCY  # for those that look there: two steps take time
        with self.no_writing():
            both = lambda: self.to_provider.connections + self.postgres.blocked() >= 2  # noqa: E731
            held = wait_until(both, timeout=ELSEWHERE, what="both wait for the provider or in Postgres")
            self.to_redis.delay = 0.0
            self.to_provider.heal()
            wait_until(
                lambda: self.postgres.blocked() >= 2 or not self.messages(order),
                timeout=ELSEWHERE if held else 0.5,
                what="both wait, or have ended",
            )
        return self.settled(order)

    def killed_when_charged(self, order: Order) -> Look:
        """The process is killed when the provider has charged, and has not answered."""
        self.provider.behave(delay=SLOW, webhooks=False)
        self.publish(order)
        held = wait_until(lambda: self.charges(order), timeout=REACHED, what="the charge")
        then = self.look(order)
        self.provider.behave(webhooks=False)
        self.kill_children()
        return replace(
            self.settled(order, killed=True), held=held, acked=held and not then.messages, early=bool(then.mails)
        )

    def killed_when_paid(self, order: Order) -> Look:
        """The process is killed when the order is paid, and neither mail nor message can have left."""
        self.renew_children()
        self.mailbox.door.clear()
        before = self.mailbox.callers

        def mailing() -> bool:
            return self.mailbox.callers > before

        with self.no_writing():
            self.publish(order)
            wait_until(lambda: self.postgres.blocked() or mailing(), timeout=REACHED, what="it writes, or mails")
            self.to_redis.freeze()
        held = wait_until(lambda: mailing() or self.look(order).status == "paid", timeout=REACHED, what="it is paid")
        self.kill_children()
        self.to_redis.heal()
        self.mailbox.door.set()
        return replace(self.settled(order, killed=True), held=held)


@pytest.fixture
def looks(once: Once, request: pytest.FixtureRequest) -> dict[str, Look]:
    """What was seen; the worker runs once for all observations."""
    found: dict[str, Look] = once(lambda: request.getfixturevalue("stage").play())
    if not found[PLAIN].done:
        raise not_served(found[PLAIN])
    return found


@pytest.fixture
def stage(
    answer: Answer,
    package: Any,
    start_guiche: Callable[..., Any],
    postgres: Postgres,
    redis: Redis,
    proxy: ProxyMaker,
    mailbox: Mailbox,
    rng: random.Random,
) -> Iterator[Stage]:
    """The provider and the worker run, each behind a proxy."""
    provider = start_guiche(database_url=postgres.url, redis_url=redis.url, only=("provider",)).provider
    provider.behave(webhooks=False)
    to_provider, to_redis = proxy(provider.url), proxy(redis.url)
    env = {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": to_redis.url,
        "PAYMENTS_URL": to_provider.url,
        "MAIL_URL": mailbox.url,
        "PYTHONUNBUFFERED": "1",
    }
    email = "".join(rng.choices("abcdefghijklmnoprstuvz", k=12)) + "@example.com"
    postgres.execute(CUSTOMER, email)
    worker = system.Program("worker", (*COMMAND.split(), *QUIETER.split()), env, " ready.")
    running = system.start(answer, [worker], under=package)
    with Celery("web", broker=redis.url, set_as_current=False) as web:
        yield Stage(postgres, redis, mailbox, provider, to_provider, to_redis, running["worker"], web, rng, email)
    running.close()


def not_served(seen: Look) -> NotYet:
    if not seen.taken:
        return saw(
            "not-taken",
            did="Started `{command}` and sent a message to the task `charge_order`.",
            saw="The worker did not take it.",
            needs="a task with the name `charge_order` that takes the order's id, in the queue `celery`",
            why="The web knows the task by its name. A message with a name that nobody knows is thrown away.",
            try_='Keep `@app.task(name="charge_order")`, and Celery\'s own queue.',
            command=COMMAND,
        )
    return saw(
        "not-done",
        did="Sent one message, and did nothing else.",
        saw="{seen}.",
        needs="1 charge of the order's total, the status `paid`, 1 row in `payments` with the charge's id, an e-mail",
        why="This is the good day. The bad ones come on top of it.",
        try_="Do the four steps in their order: charge, row and status together, e-mail. Look at the worker's log.",
        seen=seen,
    )


def test_plain(looks: dict[str, Look]) -> None:
    """A message comes: the order is charged, written down as paid, and the customer has an e-mail."""
    assert looks[PLAIN].done


def scene(looks: dict[str, Look], name: str) -> Look:
    """What was seen in a scene, if it was played."""
    if name not in looks:
        raise saw(
            "not-asked",
            did="Did not go on: the scene before this one had not come to its end.",
            saw="Nothing.",
            needs="the other observations",
            why="What is stuck holds up everything behind it, in a check as in a queue.",
            try_="Begin with the first one that fails.",
        )
    if not looks[name].alive:
        raise saw(
            "worker-ended",
            did="Sent messages, and killed processes of the pool.",
            saw="The worker's main process ended, too.",
            needs="a main process that stays",
            why="It starts new processes for those that were killed. Without it nobody works.",
            try_="Does something in your file end the whole worker? Look for `exit`, signals and `os._exit`.",
        )
    return looks[name]


def test_killed_when_charged(looks: dict[str, Look]) -> None:
    """The process is killed when the money has moved: the order is finished, and it is charged once."""
    seen = scene(looks, CHARGED)
    if not seen.held and not seen.early:
        raise saw(
            "never-charged",
            did="Sent a message for another order of the same customer.",
            saw="No charge came to the provider within {limit:.0f} s.",
            needs="1 charge for each order",
            why="A key that was used for one order is refused for the next, and the customer waits for ever.",
            try_="Make the key from what belongs to this order alone. The worker's log tells what the provider said.",
            limit=REACHED,
        )
    if seen.acked:
        raise saw(
            "acked-too-early",
            did="Sent a message, and looked into Redis when the provider had made the charge and not answered yet.",
            saw="The message was gone. Then the process was killed (`kill -9`): {seen}.",
            needs="a message that stays in Redis until the work is done",
            why="By default, Celery acknowledges a message when a process takes it. What the process does not finish"
            " is forgotten by everybody.",
            try_="Acknowledge late: `acks_late` of the task, or `task_acks_late` of the application.",
            seen=seen,
        )
    if seen.early:
        raise saw(
            "mail-before-money",
            did="Sent a message, and looked into the mailbox when the provider had not answered yet.",
            saw="The customer had an e-mail.",
            needs="no e-mail before the provider has answered",
            why="The card may be declined, and the ticket is out.",
            try_="Charge first, send the e-mail last. An e-mail that was not sent comes with the next attempt.",
        )
    if seen.messages:
        raise saw(
            "left-after-the-charge",
            did="Killed the process (`kill -9`) when the provider had made the charge, and waited for {limit:.0f} s.",
            saw="Messages that were left: {messages}. {seen}.",
            needs="no message left, and the order finished",
            why="The customer looks at “pending”, and orders a second time.",
            try_="What does the second attempt wait for? The lock or mark of a dead process needs an early end.",
            limit=LIMIT,
            messages=seen.messages,
            seen=seen,
        )
    if seen.charges > 1:
        raise saw(
            "charged-again-after-a-crash",
            did="Killed the process (`kill -9`) when the provider had made the charge and not answered yet.",
            saw="The message was delivered again, and the customer was charged {n} times.",
            needs="1 charge",
            why="You can't know how far the dead process came. Your database does not know of the charge either.",
            try_="Only the provider knows. It returns the first charge when it sees the same key again: what is the"
            " same in both attempts?",
            n=seen.charges,
        )
    if not seen.done and seen.taken < 2:
        raise saw(
            "lost-with-its-process",
            did="Killed the process (`kill -9`) when the provider had made the charge and not answered yet.",
            saw="The worker has acknowledged the message of the dead process. It did not come again: {seen}.",
            needs="the message once more, and the order finished",
            why="Late acknowledgement waits for the end of the task. For Celery, the death of its process is an end,"
            " like an exception.",
            try_="There is a second setting beside `acks_late`, for a process that is lost. Look at its default.",
            seen=seen,
        )
    if not seen.done:
        raise saw(
            "taken-for-done",
            did="Killed the process (`kill -9`) when the provider had made the charge and not answered yet.",
            saw="The message was delivered again, and the work was not finished: {seen}.",
            needs="the order `paid`, with its row in `payments`, and an e-mail",
            why="The first attempt left a mark, and died. The second one took the mark for the end of the work.",
            try_="A mark that is set before the work says “begun”. Whoever finds it must be able to finish the work.",
            seen=seen,
        )


def test_killed_when_paid(looks: dict[str, Look]) -> None:
    """The process is killed when the order is paid, before the e-mail: the e-mail comes nevertheless."""
    seen = scene(looks, PAID)
    if seen.status == "paid" and not seen.mails and not seen.messages:
        raise saw(
            "ticket-lost",
            did="Killed the process (`kill -9`) when the order was paid, before the e-mail could leave.",
            saw="{seen}. The worker has taken a message about this order {n} times.",
            needs="at least 1 e-mail",
            why="“Paid” says that the money is there. It says nothing about the e-mail.",
            try_="Let the second attempt skip the charge, and nothing else.",
            seen=seen,
            n=seen.taken,
        )
    if not seen.done or seen.charges != 1:
        raise saw(
            "not-finished",
            did="Killed the process (`kill -9`) before the e-mail could leave.",
            saw="{seen}. The worker has taken messages about this order {n} times; messages left: {messages}.",
            needs="1 charge, the order `paid`, 1 row in `payments`, an e-mail, and no message left",
            why="A worker dies at any line, not only at those that you thought of.",
            try_="Think of each line: what does the second attempt find when the first one ended there?",
            seen=seen,
            messages=seen.messages,
            n=seen.taken,
        )


def test_two_messages(looks: dict[str, Look]) -> None:
    """Two messages for one order come at the same time: it is charged once."""
    seen = scene(looks, TWO)
    if seen.charges > 1 and seen.by_message:
        raise saw(
            "keyed-by-message",
            did="Sent two messages for one order, and let two processes work on them at the same time.",
            saw="The customer was charged {n} times; the keys were the ids of the messages.",
            needs="1 charge",
            why="Whoever sends messages sends some of them twice. Two messages, two ids, two purchases.",
            try_="What do both messages have, and the messages of other orders have not?",
            n=seen.charges,
        )
    if seen.charges > 1:
        raise saw(
            "charged-by-each",
            did="Sent two messages for one order, and let two processes work on them at the same time.",
            saw="The customer was charged {n} times.",
            needs="1 charge",
            why="Each of them looked before the other one had charged. Two steps, and somebody else between them.",
            try_="Give both the same key, made from what both have: the order. Or let the second wait for the first.",
            n=seen.charges,
        )
    if not seen.done:
        raise saw(
            "two-and-none-done",
            did="Sent two messages for one order, and let two processes work on them at the same time.",
            saw="{seen}. Messages left after {limit:.0f} s: {messages}.",
            needs="1 charge, the order `paid`, 1 row in `payments`, an e-mail, and no message left",
            why="Two that wait for each other, or leave it to each other, are worse than one.",
            try_="Look at the worker's log: how did each of the two end?",
            seen=seen,
            messages=seen.messages,
            limit=LIMIT,
        )


def test_late(looks: dict[str, Look]) -> None:
    """The message comes once more, when the provider has forgotten its keys: it is not charged again."""
    if looks[LATE].charges > 1:
        raise saw(
            "charged-again-days-later",
            did="Let the provider forget its keys, as it does after a day, and sent the message of a paid order again.",
            saw="The customer was charged {n} times.",
            needs="1 charge",
            why="Somebody else's memory ends. A queue that was stopped over the weekend is older than that.",
            try_="You know that the order is paid: it stands in your own table.",
            n=looks[LATE].charges,
        )
    if looks[LATE].messages:
        raise saw(
            "left-days-later",
            did="Sent the message of a paid order again.",
            saw="After {limit:.0f} s it was still there.",
            needs="no message left",
            why="A message that never ends takes a worker's place, again and again.",
            try_="Where nothing is to be done, the task returns.",
            limit=LIMIT,
        )


def test_mails(looks: dict[str, Look]) -> None:
    """Whatever happens, the customer has one e-mail, or two."""
    most = max(seen.mails for seen in looks.values())
    if most > MAILS:
        raise saw(
            "too-many-mails",
            did="Sent messages twice, killed processes, and counted the e-mails to each customer.",
            saw="One of them has {n}.",
            needs="at most 2 for an order",
            why="One more after a crash is the price for losing none. More than that, and people write back.",
            try_="How often is a message tried again, and is the e-mail sent each time?",
            n=most,
        )
