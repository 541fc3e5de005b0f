"""S3: which messages are let in, how often do they count, and what happens while the keys change?"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import httpx
import pytest
from conftest import free_port

from inprod.messages import _
from inprod.testing import Answer, CouldNotJudge, NotYet, saw, wait_until
from inprod.testing import system as processes
from inprod.testing.redis_ import Redis

KEYS = "secrets/webhook-keys"
PATIENCE = 10.0
SOON = 5.0  #: until a new file counts
LIFE = 40.0
LATENCY = 0.03  #: of Redis, while the same message comes many times at once
SENDERS, MESSAGES = 6, 100
DAYS = 3 * 86_400 - 60  #: that the provider tries again, and a minute for a slow machine
TAKEN = range(200, 300)
REFUSED = (401, 403)


@dataclass(frozen=True)
class Instance:
    """How one instance is started."""

    name: str
    env: dict[str, str]
    argv: tuple[str, ...] = ("python", "server.py")
    ready: str = "server: {"


@dataclass(frozen=True)
class Key:
    """A key that the provider signs with."""

    id: str
    key: str

    def sign(self, body: bytes) -> str:
        return hmac.new(self.key.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Message:
    """What was paid."""

    id: str
    order: str
    cents: int

    @property
    def body(self) -> bytes:
        found = {"cents": self.cents, "event": "São João", "order": self.order, "id": self.id}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


class Shop:
    """Two instances that run, the file with their keys, and the books."""

    def __init__(self, running: processes.System, ports: Sequence[int], redis: Redis, rng: random.Random) -> None:
        self._running, self._redis, self._rng = running, redis, rng
        self._urls = [f"http://127.0.0.1:{port}/webhooks" for port in ports]
        self._client = httpx.Client(trust_env=False, timeout=PATIENCE, limits=httpx.Limits(max_connections=100))
        self._lock = Lock()

    @property
    def alive(self) -> bool:
        """Whether both instances run."""
        return all(self._running[name].alive for name in ("first", "second"))

    def message(self) -> Message:
        """A new one."""
        with self._lock:
            bits = self._rng.getrandbits(48)
        return Message(f"evt-{bits:x}", f"o-{bits * 7919 % 10**14:x}", 100 + bits % 90_000)

    def send(self, message: Message, key: Key | None, *, to: int = 0, **headers: bytes | None) -> int:
        """Send it, signed; the status, 0 where no answer came. Headers are replaced, None leaves one out."""
        found: dict[str, bytes | None] = {}
        if key is not None:
            found = {"X-Signature": key.sign(message.body).encode(), "X-Key-Id": key.id.encode()}
        found |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = [(name.encode(), value) for name, value in found.items() if value is not None]
        try:
            return self._client.post(self._urls[to], content=message.body, headers=sent).status_code
        except httpx.HTTPError:
            return 0

    def mount(self, *keys: Key) -> None:
        """Replace the file in both instances, as a whole."""
        self.write("".join(f"{key.id} {key.key}\n" for key in keys))

    def write(self, text: str | None) -> None:
        """The file's new text; None removes it."""
        for name in ("first", "second"):
            file = self._folder(name) / KEYS
            if text is None:
                file.unlink(missing_ok=True)
                continue
            file.parent.mkdir(exist_ok=True)
            new = file.with_name("new")
            new.write_text(text, encoding="utf-8")
            new.replace(file)

    def settled(self, message: Message) -> int:
        """How often its order is in the books, with any amount."""
        return sum(entry[0] == message.order for entry in self._entries())

    def remembered(self, message: Message) -> int | None:
        """Seconds until the last key with its id in the name is gone; None where there is none, or it stays."""
        names = [name for name in self._redis.client.scan_iter(count=1000) if message.id in text_of(name)]
        left = [int(self._redis.client.pttl(name)) for name in names]
        return None if not left or -1 in left else max(left) // 1000

    def right(self, message: Message) -> bool:
        return [message.order, message.cents] in self._entries()

    def last_words(self, to: int = 0) -> str:
        """The last line of an instance's log."""
        log = self._running.log(("first", "second")[to])
        lines = [line for line in log.splitlines() if line and not line.startswith("server: ")]
        return lines[-1][:200] if lines else _("nothing")

    def _entries(self) -> list[list[Any]]:
        return [json.loads(entry) for entry in self._redis.client.lrange("ledger", 0, -1)]

    def _folder(self, name: str) -> Path:
        for line in self._running.log(name).splitlines():
            if line.startswith("server: {"):
                return Path(json.loads(line.removeprefix("server: "))["folder"])
        raise CouldNotJudge(_("An instance did not say where it runs."))

    def close(self) -> None:
        self._client.close()
        self._running.close()


@dataclass
class Found:
    """One pair of instances is looked at in all ways; what failed, by observation."""

    failed: dict[str, NotYet] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)

    def tell(self, name: str) -> None:
        """Raise what this observation found."""
        if name in self.failed:
            raise self.failed[name]
        if name not in self.looked:
            raise saw(
                "not-asked",
                did="Did not look any further: something above is not right yet.",
                saw="Nothing.",
                needs="the observations above",
                why="Whether the wrong ones are refused can be seen when the right ones are taken.",
                try_="Begin with the first one that fails.",
            )


@pytest.fixture(scope="module")
def found() -> Found:
    """Nothing yet."""
    return Found()


def start(answer: Answer, url: str, *keys: Key) -> tuple[processes.System, tuple[int, int]]:
    """Both instances, with these keys."""
    ports = (free_port(), free_port())
    env = {"REDIS_URL": url, "WEBHOOK_KEYS_FILE": KEYS}
    wanted = [Instance(n, {**env, "PORT": str(p)}) for n, p in zip(("first", "second"), ports, strict=True)]
    files = {KEYS: "".join(f"{key.id} {key.key}\n" for key in keys)}
    return processes.start(answer, wanted, files=files, timeout=LIFE), ports


def text_of(name: bytes | str) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "replace")


def draw(rng: random.Random) -> Key:
    return Key(f"k{rng.getrandbits(24):x}", f"{rng.getrandbits(160):040x}")


def not_taken(shop: Shop, message: Message, status: int, to: int, what: str) -> NotYet | None:
    """The card of a good message that was not taken; None if it was."""
    if status == 0:
        return saw(
            "no-answer",
            did="Sent {what}.",
            saw="No answer came within 10 seconds.",
            needs="a status",
            why="The provider waits as long as it must, and then sends it again, to you and your waiting threads.",
            try_="Look for a loop, or for something that waits.",
            what=what,
        )
    if status not in TAKEN:
        return saw(
            "good-one-refused",
            did="Sent {what}.",
            saw="Status {status}. The instance said last: `{words}`",
            needs="2xx",
            why="Somebody has paid, and the shop does not believe it.",
            try_="The signature is of the body's bytes as they came; the key is what follows the id and a space.",
            what=what,
            status=status,
            words=shop.last_words(to),
        )
    if not shop.right(message):
        return saw(
            "not-settled",
            did="Sent {what}.",
            saw="Status {status}, and the books don't have the order with its cents.",
            needs="the order, and {cents} cents",
            why="The provider is told that all is well, and never sends it again.",
            try_="Call `ledger.settle(order, cents)` with what the body says.",
            what=what,
            status=status,
            cents=message.cents,
        )
    return None


def test_takes_signed(answer: Answer, redis: Redis, proxy: Any, rng: random.Random, found: Found) -> None:
    """A message that a valid key has signed is taken, at both instances."""
    one, new, other = draw(rng), draw(rng), draw(rng)
    link = proxy(redis.url)
    redis.client.flushdb()
    running, ports = start(answer, link.url, one)
    shop = Shop(running, ports, redis, rng)
    looks: dict[str, Callable[[], None]] = {
        "takes": lambda: look_at_signed(shop, one),
        "rotates": lambda: look_at_rotation(shop, one, new),
        "refuses": lambda: look_at_forged(shop, one, Key(one.id, other.key)),
        "once": lambda: look_at_the_same(shop, one, None if "rotates" in found.failed else new, link),
        "empty": lambda: look_at_empty(shop, one),
    }
    try:
        for name, look in looks.items():
            found.looked.add(name)
            try:
                look()
            except NotYet as failed:
                found.failed[name] = failed
                if failed.key in ("no-answer", "good-one-refused", "not-settled") or not shop.alive:
                    break
    finally:
        shop.close()
    found.tell("takes")


def test_rotates(found: Found) -> None:
    """The keys change twice while messages come in: none is refused, and the old key ends."""
    found.tell("rotates")


def test_refuses_forged(found: Found) -> None:
    """A forged message is refused, settles nothing, and leaves nothing behind."""
    found.tell("refuses")


def test_settles_once(found: Found) -> None:
    """The same message again settles nothing again: later, at the other instance, or many at once."""
    found.tell("once")


def test_empty_key_opens_nothing(found: Found) -> None:
    """With an empty key, an empty file or none, every message is refused, until the file is right again."""
    found.tell("empty")


def look_at_signed(shop: Shop, key: Key) -> None:
    what = _("a message, signed with the key in the file")
    for to in (0, 1):
        message = shop.message()
        status = shop.send(message, key, to=to)
        if failed := not_taken(shop, message, status, to, what):
            raise failed


def look_at_forged(shop: Shop, good: Key, other: Key) -> None:
    shop.mount(good)
    counts_soon(shop, good, taken=True)
    nobody = Key("nobody", "")
    elsewhere = good.sign(b"{}").encode()
    forged: list[tuple[str, Callable[[Message], int], bool]] = [
        (_("signed with a key that is not in the file"), lambda m: shop.send(m, other), False),
        (_("without any header"), lambda m: shop.send(m, None), False),
        (_("with an empty signature"), lambda m: shop.send(m, good, X_Signature=b""), False),
        (
            _("with the first 8 characters of the right signature"),
            lambda m: shop.send(m, good, X_Signature=good.sign(m.body)[:8].encode()), False,
        ),
        (_("with the signature of another message"), lambda m: shop.send(m, good, X_Signature=elsewhere), False),
        (_("with `X-Signature: não`"), lambda m: shop.send(m, good, X_Signature="não".encode("latin-1")), False),
        (_("signed with an empty key, with an id that is not in the file"), lambda m: shop.send(m, nobody), True),
        (_("signed with an empty key, without an id"), lambda m: shop.send(m, nobody, X_Key_Id=None), True),
    ]  # fmt: skip
    for how, send, by_nobody in forged:
        message = shop.message()
        status = send(message)
        if shop.settled(message) and status in REFUSED:
            raise saw(
                "settles-before-it-verifies",
                did="Sent a message {how}.",
                saw="Status {status}, and its order was settled.",
                needs="nothing is settled",
                why="The door is shut after the thief has gone.",
                try_="First verify, then read the body, then settle.",
                how=how,
                status=status,
            )
        if (shop.settled(message) or status in TAKEN) and by_nobody:
            raise saw(
                "unknown-id-opens",
                did="Sent a message {how}.",
                saw="Status {status}.",
                needs="401 or 403",
                why="What is looked up and not found became an empty key, and everybody has that one.",
                try_='A dictionary\'s `.get(id, "")` has an answer for everybody. No key, no entry.',
                how=how,
                status=status,
            )
        if shop.settled(message) or status in TAKEN:
            raise saw(
                "forged-one-taken",
                did="Sent a message {how}.",
                saw="Status {status}.",
                needs="401 or 403",
                why="Whoever knows the address can tell the shop that everything is paid.",
                try_="Compare the whole signature with the one that you make of this body, with `compare_digest`.",
                how=how,
                status=status,
            )
        if status not in REFUSED:
            raise saw(
                "stumbles-over-forged",
                did="Sent a message {how}.",
                saw="Status {status}. The instance said last: `{words}`",
                needs="401 or 403",
                why="An error of the shop's own calls somebody at night, as often as a stranger likes.",
                try_="A header may be missing, and may hold any letter. Compare bytes.",
                how=how,
                status=status or _("none"),
                words=shop.last_words(),
            )
        true = shop.send(message, good)
        if true not in TAKEN or not shop.settled(message):
            raise saw(
                "forged-one-remembered",
                did="Sent a forged message, and then the true one with the same `id`.",
                saw="The forged one was refused. So was the true one, or it was not settled (status {status}).",
                needs="the true one is settled",
                why="Ids can be guessed. Whoever marks them all has your customers' payments ignored.",
                try_="Remember an id when the signature is good, not before.",
                status=true,
            )


def look_at_empty(shop: Shop, good: Key) -> None:
    shop.mount(good)
    counts_soon(shop, good, taken=True)
    shut(shop, good, None, _("no file"))
    shop.mount(good)
    if not counts_soon(shop, good, taken=True):
        raise saw(
            "stays-shut",
            did="Removed the file, put the right one back, and sent messages for 5 seconds.",
            saw="They were refused. The instance said last: `{words}`",
            needs="2xx again",
            why="A file that is missing for a moment should not need somebody who restarts the shop.",
            try_="What reads the file must go on after an error.",
            words=shop.last_words(),
        )
    shut(shop, good, f"{good.id} \n", _("a line with an id and no key"))
    shut(shop, good, "", _("an empty file"))
    shut(shop, good, f"{good.id}\n\n", _("a line with an id, and an empty one"))


def shut(shop: Shop, good: Key, text: str | None, how: str) -> None:
    """Replace the file by one without a key: nothing is let in."""
    shop.write(text)
    if not wait_until(
        lambda: all(shop.send(shop.message(), good, to=to) not in TAKEN for to in (0, 1)),
        timeout=SOON,
        what="the new file counts",
    ):
        if shop.send(shop.message(), None) in TAKEN:
            raise opened(None, how, 200)
        raise saw(
            "old-key-stays",
            did="Replaced the file with {how}, and sent messages that the old key had signed, for 5 seconds.",
            saw="They were taken all the time.",
            needs="a status from 400 on",
            why="Somebody took the key away. Whoever has a copy of it is still let in.",
            try_="Read the file again, and forget what it does not say any longer.",
            how=how,
        )
    empty = Key(good.id, "")
    for key, key_id in ((empty, empty.id.encode()), (empty, b""), (empty, None), (None, None)):
        status = shop.send(shop.message(), key, X_Key_Id=key_id)
        if status in TAKEN:
            raise opened(text if key else None, how, status)


def opened(text: str | None, how: str, status: int) -> NotYet:
    if text and text.strip():
        return saw(
            "empty-key-opens",
            did="Replaced the file with {how}, and signed a message with an empty key.",
            saw="Status {status}.",
            needs="a status from 400 on",
            why="An empty key is one that everybody has. A secret that was not filled in opens the door to all.",
            try_="Leave out every key that is empty.",
            how=how,
            status=status,
        )
    return saw(
        "no-key-opens",
        did="Replaced the file with {how}, and sent a message that no key had signed.",
        saw="Status {status}.",
        needs="a status from 400 on",
        why="Where there is no key, nothing can be verified. What can't be verified is refused.",
        try_="Ask whether a key has signed it, not whether none has refused it.",
        how=how,
        status=status,
    )


def look_at_the_same(shop: Shop, key: Key, new: Key | None, link: Any) -> None:
    message = shop.message()
    for to, where in ((0, ""), (0, _("the same instance")), (1, _("the other instance"))):
        status = shop.send(message, key, to=to)
        if status not in TAKEN and (status != 409 or not where):
            raise answered_badly(status)
        if where and shop.settled(message) > 1:
            if to == 0:
                raise saw(
                    "settled-again",
                    did="Sent the same message twice.",
                    saw="Its order was settled twice.",
                    needs="once",
                    why="Providers send a message again when your answer was lost, and a thief does so for profit.",
                    try_="Remember the `id`.",
                )
            raise saw(
                "settled-at-the-other-instance",
                did="Sent the same message twice to one instance, and then to the other one.",
                saw="The first one knew it. The other settled it again.",
                needs="once",
                why="What an instance keeps in its memory, the others don't know, and a restart forgets.",
                try_="Keep the ids where both can see them, such as Redis.",
            )
    if (seconds := shop.remembered(message)) is not None and seconds < DAYS:
        raise saw(
            "forgotten-too-soon",
            did="Sent a message, and looked for its `id` among the keys in Redis.",
            saw="It is forgotten after {seconds} seconds.",
            needs="three days or more",
            why="The provider tries again for three days. After that time, the same message is new to you.",
            try_="Let the mark live longer than anybody sends it again.",
            seconds=seconds,
        )
    messages = [shop.message() for _n in range(3)]
    link.delay = LATENCY
    with ThreadPoolExecutor(24) as pool:
        sent = [pool.submit(shop.send, m, key, to=n % 2) for m in messages for n in range(8)]
        statuses = [each.result() for each in sent]
    link.delay = 0.0
    if more := [shop.settled(m) for m in messages if shop.settled(m) > 1]:
        raise saw(
            "settled-at-once",
            did="Sent three messages eight times each, all at once, to both instances.",
            saw="The order of one of them was settled {times} times.",
            needs="once each",
            why="Between looking for an id and writing it down there is time for seven others to look.",
            try_="One command that writes it and says whether it was new: `SET … NX`.",
            times=max(more),
        )
    if not all(shop.settled(m) for m in messages):
        raise saw(
            "settled-by-nobody",
            did="Sent three messages eight times each, all at once, to both instances.",
            saw="The order of one of them was not settled at all.",
            needs="once each",
            why="Each of the eight believed that another one would do it.",
            try_="Exactly one must win, and the winner settles.",
        )
    if bad := [status for status in statuses if status not in TAKEN and status != 409]:
        raise answered_badly(bad[0])
    if new is None:
        return
    shop.mount(key, new)
    counts_soon(shop, new, taken=True)
    twice = shop.message()
    statuses = [shop.send(twice, key), shop.send(twice, new)]
    if shop.settled(twice) > 1:
        raise saw(
            "settled-again-with-the-new-key",
            did="Sent a message that the old key had signed, and then the same one, signed with the new key.",
            saw="Its order was settled twice.",
            needs="once: its `id` is the same",
            why="What was not answered before the change is sent again after it, with another signature.",
            try_="Remember the `id`, not the signature.",
        )
    if bad := [status for status in statuses if status not in TAKEN and status != 409]:
        raise answered_badly(bad[0])


def answered_badly(status: int) -> NotYet:
    return saw(
        "again-is-an-error",
        did="Sent good messages, and sent them again.",
        saw="One of them was answered with {status}.",
        needs="2xx, or 409 when it is known",
        why="The provider takes it for a failure, and sends it again and again.",
        try_="A message that is known is no mistake of the sender's.",
        status=status or _("nothing"),
    )


class Stream:
    """Messages that come without a pause, from several senders, until it is ended."""

    def __init__(self, shop: Shop, key: Key) -> None:
        self.statuses: Counter[int] = Counter()
        self._shop, self._key, self._end = shop, key, Event()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(SENDERS)
        self._running = [self._pool.submit(self._send, n % 2) for n in range(SENDERS)]

    def _send(self, to: int) -> None:
        while not self._end.is_set():
            status = self._shop.send(self._shop.message(), self._key, to=to)
            with self._lock:
                self.statuses[status] += 1
            if status == 0:
                return
            self._end.wait(0.005)  # a pace, so that the machine is not full

    @property
    def bad(self) -> list[int]:
        return [status for status in self.statuses.copy() if status not in TAKEN]

    def until(self, count: int) -> None:
        """Return when so many were sent."""
        wait_until(
            lambda: self.statuses.total() >= count or bool(self.bad), timeout=PATIENCE, what="messages were sent"
        )

    def close(self) -> None:
        self._end.set()
        self._pool.shutdown()


def counts_soon(shop: Shop, key: Key, *, taken: bool) -> bool:
    """Whether both instances come to take, or refuse, what the key signs."""
    waiting = {0, 1}

    def both() -> bool:
        for to in list(waiting):
            status = shop.send(shop.message(), key, to=to)
            if status in TAKEN if taken else status in REFUSED:
                waiting.discard(to)
        return not waiting

    return bool(wait_until(both, timeout=SOON, what="the new file counts"))


def look_at_rotation(shop: Shop, old: Key, new: Key) -> None:
    shop.mount(old)
    stream = Stream(shop, old)
    try:
        stream.until(MESSAGES // 4)
        shop.mount(old, new)
        knows_new = counts_soon(shop, new, taken=True)
        stream.until(stream.statuses.total() + MESSAGES // 4)
    finally:
        stream.close()
    if stream.bad:
        raise gap(_("the old key, which was in the file all the time"), stream)
    if not knows_new:
        shop.mount(new)
        if counts_soon(shop, new, taken=True):
            raise saw(
                "one-key-at-a-time",
                did="Added a new key below the old one, and sent messages that the new one had signed.",
                saw="They were refused for 5 seconds. Without the old key in the file, they were taken.",
                needs="both keys are good while both are in the file",
                why="Provider and shop never change in the same moment. With one key, there is a gap.",
                try_="Read all lines of the file.",
            )
        raise saw(
            "read-once",
            did="Added a new key to the file, and sent messages that it had signed.",
            saw="They were refused for 5 seconds.",
            needs="2xx, without a restart",
            why="To change a key, the shop has to be restarted: that is the gap, or the reason to put it off.",
            try_="Read the file where a change can be seen, not while the module is imported.",
        )
    stream = Stream(shop, new)
    try:
        stream.until(MESSAGES // 4)
        shop.mount(new)
        forgets_old = counts_soon(shop, old, taken=False)
        stream.until(stream.statuses.total() + MESSAGES // 4)
    finally:
        stream.close()
    if stream.bad:
        raise gap(_("the new key, which was in the file all the time"), stream)
    if not forgets_old:
        raise saw(
            "revoked-still-opens",
            did="Removed the old key from the file, and sent messages that it had signed.",
            saw="For 5 seconds, none got 401 or 403.",
            needs="401 or 403",
            why="The old key is the one that was seen in a chat. As long as it opens, nothing has been changed.",
            try_="What the file does not say any longer, forget.",
        )


def gap(which: str, stream: Stream) -> NotYet:
    return saw(
        "gap",
        did="Replaced the file while messages came in, signed with {which}.",
        saw="{bad} of {count} were not taken (status {status}).",
        needs="2xx for each of them",
        why="Every message that is refused is somebody who paid and has no ticket.",
        try_="A key is good as long as the file has it. What replaces the list must replace it in one step.",
        which=which,
        bad=sum(n for status, n in stream.statuses.items() if status not in TAKEN),
        count=stream.statuses.total(),
        status=stream.bad[0] or _("none"),
    )
