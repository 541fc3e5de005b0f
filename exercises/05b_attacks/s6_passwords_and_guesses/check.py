"""S6: what does a stolen table cost, which passwords are taken, and who may guess how often?"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from guiche import seed_data
from inprod.messages import _
from inprod.testing import Answer, AnswerFailed, NotYet, saw, wait_until
from inprod.testing.postgres import Postgres
from inprod.testing.proxy import ProxyMaker
from inprod.testing.redis_ import Redis

SHORTEST, LONG = 15, 64
PRODUCTION = 900  #: seconds; a lock that does not end while we look
LOCK = 2.0
SLACK = 0.4
PEAK = 6_500  #: KiB; not quite 7 MiB, since something else may have grown meanwhile
FACTOR = 3.0
APART = 0.1  #: seconds that each reply of a server takes while guesses come in the same moment
CALLS = 20.0

#: Calls the answer, and tells what it cost. A hash gives its memory back: a child process, whose peak begins
#: anew, tells how much that was. Large pieces go to the system at once, so that none of them is used twice.
DRIVE = """
import ctypes
import os
import resource
import time

ctypes.CDLL(None).mallopt(-3, 1 << 20)
import accounts

def given_back():
    # The greatest size so far, less the size now, in KiB.
    now = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - now

def drive(*steps):
    told = []
    for name, arguments in steps:
        began = time.process_time()
        try:
            value, refused = getattr(accounts, name)(*arguments), None
        except ValueError as error:
            value, refused = None, str(error)
        told.append({"value": value, "refused": refused, "cpu": time.process_time() - began})
    return told

def weigh(first, second):
    told = drive(("register", first))  # whatever is needed once is there afterwards
    if told[0]["refused"] is not None:
        return told, 0
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            accounts.register(*second)
        finally:
            os.write(writing, b"%d" % given_back())
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return told, int(os.read(reading, 20) or 0)
"""
WORDS = (
    "ingresso", "plateia", "camarote", "bilheteria", "sanfona", "maestro", "violoncelo", "cortina", "fagote", "tamborim"
)  # fmt: skip


Step = tuple[str, tuple[Any, ...]]  #: a function of the answer's, and what it is called with


@dataclass(frozen=True)
class Told:
    """What one call gave."""

    value: Any
    refused: str | None
    cpu: float


@contextmanager
def told_as(did: str) -> Iterator[None]:
    """Where a call fails, the card says this instead of the check's own call."""
    try:
        yield
    except AnswerFailed as failed:
        if failed.kind not in ("syntax", "missing"):
            failed.did = did
        raise


class Run:
    """Opens accounts, guesses, and looks into Postgres."""

    def __init__(self, answer: Answer, postgres: Postgres, redis: Redis, proxy: ProxyMaker, rng: random.Random) -> None:
        self.answer = answer
        self.postgres = postgres
        self.redis = redis
        self.proxy = proxy
        self.rng = rng
        self.limit = rng.choice((2, 3))
        self.blocked = [self.phrase(3), self.phrase(2) + "!1", f"{self.phrase(2)} Ção".upper()]
        self.files = {"drive.py": DRIVE, "blocklist.txt": "\n".join(["Password1!", *self.blocked]) + "\n"}
        self.env = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "GUESSES": str(self.limit),
            "LOCK_SECONDS": str(PRODUCTION),
        }

    def phrase(self, words: int = 2) -> str:
        """Lower-case words that nobody knows, of at least 15 characters."""
        return " ".join([*self.rng.sample(WORDS, words), *self.letters(8)])

    def letters(self, n: int) -> list[str]:
        return ["".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=n))]

    def email(self) -> str:
        name = self.rng.choice(seed_data.FIRST_NAMES).encode("ascii", "ignore").decode().lower()
        return f"{name}.{self.rng.getrandbits(40):x}@example.com"

    def address(self) -> str:
        return ".".join(str(self.rng.randint(1, 254)) for _n in range(4))

    def do(self, *steps: Step, lock: float = PRODUCTION) -> list[Told]:
        """Call it in a process of its own, one call after the other."""
        env = {**self.env, "LOCK_SECONDS": f"{lock:g}"}
        with told_as(_("Called `register` and `login`.")):
            told = self.answer.call("drive.py:drive", *steps, env=env, files=self.files, timeout=CALLS)
        return [Told(**one) for one in told]

    def register(self, *accounts: tuple[str, str]) -> list[Told]:
        return self.do(*(("register", account) for account in accounts))

    def wrong(self, email: str, times: int) -> list[Step]:
        """So many wrong guesses, from another address each time."""
        return [("login", (email, self.phrase(), self.address())) for _n in range(times)]

    def right(self, email: str, password: str, address: str = "") -> Step:
        return "login", (email, password, address or self.address())

    def at_once(self, email: str, address: str, *before: Step) -> list[Any]:
        """As many wrong guesses as there may be, from two processes, at the same moment, each in its own spelling."""
        self.do(*before)
        far = {name: self.proxy(self.env[name]) for name in ("DATABASE_URL", "REDIS_URL")}
        env = {**self.env, **{name: proxy.url for name, proxy in far.items()}}
        half = self.limit // 2
        started = []
        try:
            for number in (half, self.limit - half):
                guesses = [(("login", (self.spelled(email), self.phrase(), address)),) for _n in range(number)]
                started.append(
                    self.answer.begin(
                        "drive.py:drive", guesses, threads=number, env=env, files=self.files, timeout=CALLS
                    )
                )
            for pending in started:
                pending.until_ready()
            for proxy in far.values():
                proxy.delay = APART
            for pending in started:
                pending.go()
            with told_as(_("Called `login` with wrong passwords, in two processes and several threads.")):
                return [outcome.get()[0]["value"] for pending in started for outcome in pending.wait()]
        finally:
            for pending in started:
                pending.close()
            for proxy in far.values():
                proxy.close()

    def spelled(self, email: str) -> str:
        """The same address in a random mixture of capitals."""
        return "".join(self.rng.choice((c, c.upper())) for c in email)

    def account(self) -> tuple[Step, str, str]:
        """A new account: how it is opened, e-mail and password."""
        email, password = self.email(), self.phrase()
        return ("register", (email, password)), email, password

    def stored(self, email: str) -> str | None:
        found = self.postgres.rows("SELECT password_hash FROM users WHERE lower(email) = %s", email)
        return str(found[0]["password_hash"]) if found else None

    def other_word(self, got: Any, wanted: str) -> NotYet | None:
        """A value that is none of the three words is told as such."""
        if got in ("welcome", "wrong", "wait"):
            return None
        return saw(
            "another-word",
            did="Called `login(email, password, address)`.",
            saw="It returned {got}.",
            needs='"{wanted}": `login` returns "welcome", "wrong" or "wait"',
            why="Whoever calls it decides by these three words what the customer sees.",
            try_="Does each way through the function end with `return`?",
            got=repr(got)[:80],
            wanted=wanted,
        )


@pytest.fixture
def run(answer: Answer, postgres: Postgres, redis: Redis, proxy: ProxyMaker, rng: random.Random) -> Run:
    """An empty table of users, and the answer."""
    postgres.execute("CREATE TABLE IF NOT EXISTS users (email text PRIMARY KEY, password_hash text NOT NULL)")
    return Run(answer, postgres, redis, proxy, rng)


def test_hashes(run: Run) -> None:
    """A stolen table costs memory for each guess, and shows no two equal passwords."""
    password = run.phrase()
    first, second = run.email(), run.email()
    target = "drive.py:weigh"
    accounts = (first, password), (second, password)
    with told_as(_("Called `register` for two accounts.")):
        (said,), weighed = run.answer.call(target, *accounts, env=run.env, files=run.files, timeout=CALLS)
    told = Told(**said)
    if told.refused is not None:
        raise refused_phrase(password, told.refused)
    hashes = [run.stored(email) for email in (first, second)]
    if None in hashes:
        raise saw(
            "not-stored",
            did="Called `register` for a new e-mail with a passphrase.",
            saw="It returned, and the table `users` has no row for it.",
            needs="one row, with the e-mail and a hash",
            why="Somebody opens an account, and can't log in.",
            try_="Is the transaction committed? `with psycopg.connect(…) as db:` does so at its end.",
        )
    if any(password in str(one) for one in hashes):
        raise saw(
            "in-the-clear",
            did="Registered an account and looked into the table.",
            saw="The password stands in `password_hash`.",
            needs="a hash, from which nobody gets the password",
            why="Whoever sees the table once, in a backup or on a screen, has all passwords.",
            try_="`argon2.PasswordHasher().hash(password)`.",
        )
    if hashes[0] == hashes[1]:
        raise saw(
            "same-hash",
            did="Registered two accounts with the same password.",
            saw="Both have the same hash: `{hash}`",
            needs="two different hashes",
            why="One salt for all: a stolen table shows at a glance who has the same password, and each guess is tried"
            " on all accounts at once.",
            try_="A salt is random and new for each account. `argon2`, and `werkzeug.security` with scrypt, draw one.",
            hash=str(hashes[0])[:60],
        )
    if weighed < PEAK:
        raise saw(
            "not-memory-hard",
            did="Registered two accounts, and looked how much memory that took.",
            saw="It took {peak:.1f} MiB for a moment, and {cpu:.0f} ms of processor time. Stored: `{hash}`",
            needs="a hash that takes 7 MiB or more: argon2id or scrypt",
            why="What needs no memory runs a thousandfold on a graphics card. Memory is what an attacker pays for.",
            try_="`argon2.PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)`, or `hashlib.scrypt`.",
            peak=weighed / 1024,
            cpu=1000 * told.cpu,
            hash=str(hashes[0])[:40],
        )


def refused_phrase(password: str, reason: str | None) -> NotYet:
    return saw(
        "wants-special-characters",
        did="Called `register` with the passphrase `{password}`: {n} characters.",
        saw="ValueError: {reason}",
        needs="an account: 15 characters are enough, whichever they are",
        why="Rules about capitals and digits bring `Password1!`, which attackers try first. Length is what counts.",
        try_="Leave all rules out but two: at least 15 characters, and not a line of the blocklist.",
        password=password,
        n=len(password),
        reason=reason or _("(no reason)"),
    )


def test_passwords(run: Run) -> None:
    """Long phrases are welcome, whatever is in them; short ones and those that everybody tries are not."""
    rng = run.rng
    shown = "".join(rng.choices("🎫🎻éãçõüñ", k=SHORTEST))
    inside = f"{run.blocked[0]} {run.phrase(4)}".ljust(LONG, rng.choice("xyz"))[: LONG - 1]
    exact = "".join(run.letters(SHORTEST))
    good = [exact, shown, inside + "a"]
    short = "Aé1!" + "".join(run.letters(SHORTEST - 5))
    emoji = "".join(rng.choices("🎫🎻🎺🥁", k=SHORTEST - 1))
    listed = [run.blocked[0], run.blocked[1].upper(), run.blocked[2].lower()]
    bad = [short, emoji, *listed, "Password1!"]
    emails = [run.email() for _one in (*good, *bad)]
    told = run.do(
        *(("register", account) for account in zip(emails, good + bad, strict=True)),
        run.right(emails[2], inside + "b"),
    )
    for email, password, one in zip(emails, good, told, strict=False):
        if one.refused is None and run.stored(email) is not None:
            continue
        if password == good[2] and run.do(("register", (run.email(), run.phrase(4).ljust(LONG))))[0].refused is None:
            raise saw(
                "refuses-what-contains-it",
                did="Called `register` with `{password}`. The blocklist has the line `{line}`.",
                saw="It was refused: {reason}",
                needs="an account: the whole password is compared with a line, not a part of it",
                why="Every long phrase contains something common. Refuse that, and people take what you can't find.",
                try_="`password.casefold() in blocked`, where `blocked` is a set of lines.",
                password=password,
                line=run.blocked[0],
                reason=one.refused or _("(no reason)"),
            )
        raise refused_phrase(password, one.refused)
    for email, password, one in zip(emails[len(good) :], bad, told[len(good) :], strict=False):
        opened = run.stored(email) is not None
        if password in listed and (one.refused is None or opened):
            raise saw(
                "takes-blocked",
                did="Called `register` with `{password}`, a line of the check's `blocklist.txt`{how}.",
                saw="It was accepted.",
                needs="ValueError, and no account",
                why="The list holds what attackers try first. The length does not help: `passwordpassword` has 16.",
                try_="Read `blocklist.txt` beside the file, line by line, and compare with `casefold()` on both sides.",
                password=password,
                how="" if password == listed[0] else _(", with other capitals"),
            )
        if one.refused is None or opened:
            raise saw(
                "takes-short",
                did="Called `register` with `{password}`: {n} characters.",
                saw="It was accepted.",
                needs="ValueError, and no account: 15 characters is the least",
                why="Each character multiplies the work of whoever guesses. NIST asks for 15 without a second factor.",
                try_="`len(password) < 15`: Python counts `é` and `🎫` as one character each. Bytes are more.",
                password=password,
                n=len(password),
            )
        if not one.refused.strip():
            raise saw(
                "no-reason",
                did="Called `register` with `{password}`.",
                saw="ValueError, without a text.",
                needs="the reason, in words for whoever chose the password",
                why="Somebody who does not know what was wrong changes one character, and tries again.",
                try_='`raise ValueError("…")` with a sentence.',
                password=password,
            )
    if told[-1].value != "wrong":
        raise run.other_word(told[-1].value, "wrong") or saw(
            "truncates",
            did="Registered an account with a password of 64 characters, and logged in with another last character.",
            saw="{got}",
            needs="wrong: every character counts",
            why="Part of the password is thrown away, so a part is all that has to be guessed.",
            try_="Give the whole password to the hash. bcrypt takes 72 bytes at most.",
            got=told[-1].value,
        )


def test_logins(run: Run) -> None:
    """The right password opens, and starts the count of guesses anew."""
    opened, email, password = run.account()
    steps = [
        opened,
        run.right(email, password),
        *run.wrong(email, run.limit - 1),
        run.right(email, password),
        *run.wrong(email, run.limit - 1),
        run.right(run.spelled(email), password),
    ]
    _opened, first, *counted = [one.value for one in run.do(*steps)]
    for what, got, wanted in (
        (_("the right password"), first, "welcome"),
        (_("another password"), counted[0], "wrong"),
    ):
        if got != wanted:
            raise run.other_word(got, wanted) or saw(
                "login-fails",
                did="Registered an account and called `login` with {what}.",
                saw="{got}",
                needs="{wanted}",
                why="Nobody may get in with another password, and everybody with their own.",
                try_="Compare what `register` stores with what `login` computes from it.",
                what=what,
                got=got,
                wanted=wanted,
            )
    if counted[-1] == "wrong":
        raise saw(
            "spelling-matters",
            did="Registered `{email}` and logged in with the right password, and some letters as capitals.",
            saw="{got}",
            needs="welcome: it is the same e-mail",
            why="A phone writes the first letter as a capital, and its owner can't log in.",
            try_="`lower(email) = lower(%s)`.",
            email=email,
            got="wrong",
        )
    words = ["wrong"] * (run.limit - 1) + ["welcome"]
    if counted != words * 2:
        odd = next(got for got, word in zip(counted, words * 2, strict=True) if got != word)
        raise run.other_word(odd, "welcome") or saw(
            "never-starts-anew",
            did="Sent wrong guesses, one less than the {n} that are allowed, then the right password, and all of that"
            " once more.",
            saw="{got}",
            needs="{words}",
            why="Everybody mistypes now and then. Whoever adds it up over months locks out all who are faithful.",
            try_="Forget the count after the right password.",
            n=run.limit,
            words=" · ".join(words * 2),
            got=" · ".join(map(str, counted)),
        )


def test_guesses(run: Run) -> None:
    """Guesses at one account are counted over all processes and addresses, and lock nobody else."""
    (opened, email, password), (too, other, others) = run.account(), run.account()
    address = run.address()
    said = run.at_once(email, address, opened, too)
    got, neighbour = [one.value for one in run.do(run.right(email, password), run.right(other, others, address))]
    if got == "wait" and all(one == "wrong" for one in said):
        if neighbour != "welcome":
            raise locks_others(run, neighbour)
        return
    if got == "wait":
        raise run.other_word(said[0], "wrong") or saw(
            "waits-too-early",
            did="Sent {n} wrong guesses for one account, as many as are allowed.",
            saw="{said}",
            needs="wrong, {n} times, and wait from then on",
            why="Whoever mistypes has been promised so many tries.",
            try_="The guess after the last one has to wait, not the last one itself: look at `<` and `<=`.",
            n=run.limit,
            said=" · ".join(map(str, said)),
        )
    raise run.other_word(got, "wait") or why_not_locked(run, neighbour)


def locks_others(run: Run, got: Any) -> NotYet:
    return run.other_word(got, "welcome") or saw(
        "locks-others",
        did="Sent {n} wrong guesses for one account from one address. Then somebody else logged in there, with their"
        " own e-mail and the right password.",
        saw="{got}",
        needs="welcome",
        why="A school, a company and half a town share one address. One of them guesses, and none of them buys.",
        try_="Count for the account, not for the address.",
        n=run.limit,
        got=got,
    )


def why_not_locked(run: Run, neighbour: Any) -> NotYet:
    """Which of the reasons it is that guesses were not counted; only asked where they were not."""
    if neighbour == "wait":
        return saw(
            "counts-addresses",
            did="Sent {n} wrong guesses for one account, and then the right password from another address.",
            saw="welcome, while somebody else has to wait at the first address.",
            needs="wait",
            why="An attacker has a thousand addresses, and each of them brings {n} more guesses.",
            try_="Count for the account: the e-mail is the key, not the address.",
            n=run.limit,
        )

    def locked(*, spelled: bool = False, apart: bool = True, address: str = "") -> bool:
        """Whether one guess after the other locks, each in a process of its own or all in one."""
        opened, email, password = run.account()
        guesses = [run.wrong(run.spelled(email) if spelled else email, 1)[0] for _n in range(run.limit)]
        if address:
            guesses = [(name, (who, guess, address)) for name, (who, guess, _other) in guesses]
        if not apart:
            return bool(run.do(opened, *guesses, run.right(email, password, address))[-1].value == "wait")
        run.do(opened, *guesses[:1])
        run.do(*guesses[1:])
        return bool(run.do(run.right(email, password))[0].value == "wait")

    if locked():
        if locked(spelled=True):
            return saw(
                "loses-guesses",
                did="Sent {n} wrong guesses for one account from two processes in the same moment, then the right"
                " password.",
                saw="welcome. When the guesses come one after the other, they are all counted.",
                needs="wait",
                why="Two processes read the same number, and both write one more. An attacker sends all at once.",
                try_="Count in one step: `INCR`, or `SET n = n + 1` in Postgres. Don't read and then write.",
                n=run.limit,
            )
        return saw(
            "counts-spellings",
            did="Sent {n} wrong guesses for one account, with some letters of the e-mail as capitals, then the right"
            " password.",
            saw="welcome. In one spelling, the guesses are counted.",
            needs="wait",
            why="An e-mail of 20 letters has a million spellings, and each of them brings {n} more guesses.",
            try_="Make the key of `email.lower()`.",
            n=run.limit,
        )
    if locked(apart=False):
        return saw(
            "counts-per-process",
            did="Sent {n} wrong guesses for one account from two processes, and the right password from a third.",
            saw="welcome. Inside one process, the guesses are counted.",
            needs="wait: all processes share the count",
            why="A server has several processes, and starts new ones. Each of them begins to count at zero.",
            try_="What do all processes share? Keep the count there: in Redis, or in Postgres.",
            n=run.limit,
        )
    if locked(apart=False, address=run.address()):
        return saw(
            "counts-pairs",
            did="Sent {n} wrong guesses for one account from one address, and the right password from another.",
            saw="welcome. With all of them from the same address, the last one has to wait.",
            needs="wait, wherever it comes from",
            why="Each new address brings {n} more guesses at the same account, and addresses cost little.",
            try_="Leave the address out of the key.",
            n=run.limit,
        )
    return saw(
        "never-locks",
        did="Sent {n} wrong guesses for one account, and then the right password.",
        saw="welcome",
        needs="wait",
        why="Whoever may guess without an end guesses right in the end.",
        try_="Count the wrong guesses, and look at the count before you look at the password.",
        n=run.limit,
    )


def test_unknown(run: Run) -> None:
    """A login does not tell who has an account."""
    opened, email, _password = run.account()
    told = run.do(opened, *run.wrong(email, run.limit), *run.wrong(run.email(), run.limit + 1))[1:]
    known, unknown = told[: run.limit], told[run.limit :]
    if any(one.value != "wrong" for one in unknown[:-1]):
        got = unknown[0].value
        raise run.other_word(got, "wrong") or saw(
            "tells-by-the-word",
            did="Logged in with an e-mail that has no account.",
            saw="{got}",
            needs="wrong, as for a wrong password",
            why="Somebody tries a list of e-mails, and learns who is a customer here.",
            try_="One answer for both.",
            got=" · ".join(str(one.value) for one in unknown),
        )
    times = [statistics.median(one.cpu for one in each) for each in (known, unknown[:-1])]
    ratio = times[1] / max(times[0], 1e-6)
    if not 1 / FACTOR <= ratio <= FACTOR:
        raise saw(
            "tells-by-the-work",
            did="Logged in {n} times with a known e-mail and {n} times with an unknown one; the password was wrong.",
            saw="A known one takes {known:.1f} ms of processor time, an unknown one {unknown:.1f} ms.",
            needs="about the same: a third to three times as much",
            why="The answer is the same, and the time tells who is a customer here. That is worth a list of e-mails.",
            try_="When there is no such account, check the password against a hash of nobody, made the same way. Make"
            " that hash once, when the module is read.",
            n=run.limit,
            known=1000 * times[0],
            unknown=1000 * times[1],
        )
    if unknown[-1].value != "wait":
        raise saw(
            "tells-by-the-lock",
            did="Sent {n} wrong guesses for an e-mail that has no account, and one more.",
            saw="{got}",
            needs="wait, as for an account",
            why="Whoever has to wait exists. With {n} guesses, somebody learns who is a customer here.",
            try_="Count for every e-mail, before you look whether it has an account.",
            n=run.limit,
            got=unknown[-1].value,
        )


def test_lock_ends(run: Run) -> None:
    """The lock ends, and nobody can prolong it."""
    for _again in range(2):
        opened, email, password = run.account()
        run.do(opened, *run.wrong(email, run.limit), lock=LOCK)
        began = time.monotonic()
        after(began + LOCK / 3)
        run.do(*run.wrong(email, 1), run.right(email, password), lock=LOCK)
        if time.monotonic() - began < LOCK:
            break  # else the machine was so slow that these tries came after the lock
    after(began + LOCK + SLACK)
    (got,) = [one.value for one in run.do(run.right(email, password), lock=LOCK)]
    if got == "welcome":
        return
    after(time.monotonic() + LOCK + SLACK)
    if run.do(run.right(email, password), lock=LOCK)[0].value == "welcome":
        raise saw(
            "prolongs",
            did="Set `LOCK_SECONDS` to {lock:g}, sent {n} wrong guesses, tried twice during the lock, and logged in"
            " with the right password {later:.1f} s after the lock began.",
            saw="{got}. Without a try in between, the lock ended.",
            needs="welcome: tries during the lock don't prolong it",
            why="One guess every quarter of an hour, and Ana never gets in again.",
            try_="Set the time to live once, with the first guess: `expire(key, seconds, nx=True)`.",
            lock=LOCK,
            n=run.limit,
            later=LOCK + SLACK,
            got=got,
        )
    raise run.other_word(got, "welcome") or saw(
        "never-ends",
        did="Set `LOCK_SECONDS` to {lock:g}, sent {n} wrong guesses, and logged in with the right password"
        " {later:.1f} s later.",
        saw="{got}",
        needs="welcome",
        why="Anybody can lock anybody out. A lock without an end is a bill for the support, {n} guesses each.",
        try_="Give the count a time to live: `LOCK_SECONDS` of the environment.",
        lock=LOCK,
        n=run.limit,
        later=LOCK + SLACK,
        got=got,
    )


def after(moment: float) -> None:
    """Return when it is over."""
    wait_until(lambda: time.monotonic() >= moment, timeout=LOCK * 3, what="time has passed")
