"""X2: a prediction for each query, compared with the plan that Postgres makes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from inprod.messages import _, ngettext
from inprod.testing import Answer, CouldNotJudge, NotYet, saw
from inprod.testing.postgres import Postgres

#: Reads the prediction where the answer runs; an answer with a function of that name is asked for its value.
READER = """
import prediction

def read():
    found = getattr(prediction, "PREDICTION", None)
    return found() if callable(found) else found
"""
#: LIKE needs an index in the order of bytes, whatever the collation of the database.
PATTERNS = "CREATE INDEX ix_orders_key_pattern ON orders (idempotency_key text_pattern_ops)"
DRAWS = 3  #: plans of a query, each with constants of its own
INDEX = {"index", "index scan", "index only scan", "bitmap heap scan", "bitmap index scan", "bitmap"}
SEQ = {"seq", "seq scan", "sequential", "sequential scan", "table", "parallel seq scan"}
#: What stands in the prediction for each query, and the query; `{…}` are drawn anew.
QUERIES = {
    "orders of a customer": "SELECT * FROM orders WHERE user_id = {user}",
    "reviews of nearly all events": "SELECT * FROM reviews WHERE event_id > {few}",
    "a table of one row": "SELECT * FROM alembic_version WHERE version_num = '{version}'",
    "email in small letters": "SELECT * FROM users WHERE lower(email) = '{name}.{user}@example.com'",
    "key in capitals": "SELECT * FROM orders WHERE upper(idempotency_key) = 'SEED-{order:06}'",
    "beginning of a key": "SELECT * FROM orders WHERE idempotency_key LIKE 'seed-{start:04}%'",
    "end of a key": "SELECT * FROM orders WHERE idempotency_key LIKE '%{end:04}'",
    "items of an order": "SELECT * FROM order_items WHERE order_id = '{id}'",
}


@dataclass(frozen=True)
class Rule:
    """A query, and what decides about it."""

    name: str
    key: str
    why: str
    try_: str


@dataclass(frozen=True)
class Plan:
    """What Postgres would do, and with which query it was asked."""

    query: str
    index: bool
    node: str  #: the node that reads the table, as EXPLAIN prints it


def amounts() -> list[Rule]:
    """How much of the table is wanted, and how large the table is."""
    return [
        Rule(
            "orders of a customer",
            "few-rows",
            _("A dozen of 60,000 rows, by an indexed column: the index leads to them, unique or not."),
            _("Count the rows that the query wants, and those that it would read without the index"),
        ),
        Rule(
            "reviews of nearly all events",
            "nearly-all-rows",
            _("For most of a table, an index is a detour: each row is looked up, and in the end all pages were read."),
            _("Ask which part of the table is left out"),
        ),
        Rule(
            "a table of one row",
            "small-table",
            _("One row is one page. Reading it costs less than reading the index and then the same page."),
            _("Count the pages that each of the two ways touches"),
        ),
    ]


def expressions() -> list[Rule]:
    """What exactly the index is sorted by."""
    return [
        Rule(
            "email in small letters",
            "expression-index",
            _("This index is sorted by `lower(email)`, and the query asks for exactly that expression."),
            _("Read the table of indexes once more: what stands there for `users`?"),
        ),
        Rule(
            "key in capitals",
            "function-on-column",
            _("The index is sorted by the key, not by `upper(key)`. For Postgres these are two different things."),
            _("Compare what is indexed with what stands left of the equals sign, letter by letter"),
        ),
    ]


def patterns() -> list[Rule]:
    """Which end of a text is known."""
    return [
        Rule(
            "beginning of a key",
            "prefix",
            _("Sorted byte by byte, all keys with one beginning stand side by side: `LIKE 'x%'` becomes a range."),
            _("Think of a telephone book: which names stand together?"),
        ),
        Rule(
            "end of a key",
            "suffix",
            _("A list that is sorted by the beginning says nothing about endings: every entry has to be looked at."),
            _("Think of a telephone book: who finds all names that end with “es”?"),
        ),
    ]


def keys() -> list[Rule]:
    """Which columns have an index without anybody making it."""
    return [
        Rule(
            "items of an order",
            "foreign-key",
            _("Postgres makes an index for a primary key and for UNIQUE. A foreign key gets none by itself."),
            _("Look for `order_id` in the table of indexes"),
        )
    ]


@pytest.fixture
def said(answer: Answer) -> dict[str, bool]:
    """Whether the prediction says index, for each query."""
    found = answer.call("read_it.py:read", files={"read_it.py": READER}, timeout=5)
    pairs = _pairs(found)
    if unknown := [name for name, _value in pairs if not isinstance(name, str) or name not in QUERIES]:
        raise saw(
            "unknown-name",
            did="Read `PREDICTION`.",
            saw="`{name}`, which names none of the eight queries",
            needs="the names of the starter",
            why="A prediction about something else can't come true.",
            try_="`%reset X2` brings the names back.",
            name=str(unknown[0])[:80],
        )
    if wrong := [(name, value) for name, value in pairs if value is not None and _index(value) is None]:
        raise saw(
            "no-verdict",
            did="Read `PREDICTION`.",
            saw="`{value}` for “{name}”",
            needs='`"index"` or `"seq"`, or the name of the node in the plan',
            why="Only one of the two can be compared with the plan.",
            try_="Decide which of the two you would bet on.",
            name=wrong[0][0],
            value=repr(wrong[0][1])[:80],
        )
    verdicts = {name: _index(value) for name, value in pairs}
    missing = [name for name in QUERIES if verdicts.get(name) is None]
    if missing:
        raise saw(
            "not-predicted",
            did="Read `PREDICTION`.",
            saw="{n} of {all} have no prediction yet. The first: “{name}”",
            needs='`"index"` or `"seq"` for each',
            why="A guess that is written down is remembered, whether it was right or not.",
            try_="Write a guess in place of each `None`.",
            n=len(missing),
            all=len(QUERIES),
            name=missing[0],
        )
    return {name: bool(verdict) for name, verdict in verdicts.items()}


def _pairs(found: Any) -> list[tuple[Any, Any]]:
    """Name and verdict; in a list, each entry uses an index, and what is left out does not."""
    if isinstance(found, dict) and found:
        return list(found.items())
    if isinstance(found, list | tuple | set):
        listed = [item.strip() if isinstance(item, str) else item for item in found]
        return [(item, True) for item in listed] + [(name, False) for name in QUERIES if name not in listed]
    raise saw(
        "no-prediction",
        did="Read `PREDICTION`.",
        saw="`{value}`",
        needs="a dict with a word for each query, or a list of names",
        why="Only a prediction can be compared with a plan.",
        try_="`%reset X2` brings the dict back.",
        value=repr(found)[:80],
    )


def _index(value: Any) -> bool | None:
    """True for index, False for the whole table, None for anything else."""
    if isinstance(value, bool):
        return value
    word = " ".join(str(value).lower().replace("_", " ").split()) if isinstance(value, str) else ""
    return True if word in INDEX else False if word in SEQ else None


@pytest.fixture(scope="module")
def found() -> dict[str, Plan]:
    """Where the first observation leaves the plans for the others."""
    return {}


@pytest.fixture
def plans(found: dict[str, Plan], postgres: Postgres, rng: random.Random) -> dict[str, Plan]:
    """What Postgres says today, for constants that nobody knows beforehand."""
    if not found:
        found |= _plans(postgres, rng)
    return found


def _plans(postgres: Postgres, rng: random.Random) -> dict[str, Plan]:
    postgres.execute(PATTERNS)
    postgres.execute("ANALYZE")
    found = {}
    for name, query in QUERIES.items():
        drawn = [_ask(postgres, query.format(**constants)) for constants in _constants(postgres, rng)]
        if len({plan.index for plan in drawn}) > 1:
            raise CouldNotJudge(
                _("Postgres plans the query “{name}” one way and the other.").format(name=name),
                looked="; ".join(f"{plan.query}: {plan.node}" for plan in drawn),
                do=_("this is a fault of the course, not of your answer; please report it"),
            )
        found[name] = drawn[0]
    return found


def _constants(postgres: Postgres, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Values for all queries, several times."""
    for _draw in range(DRAWS):
        order = rng.randint(1, 59_999)
        row = postgres.rows("SELECT id FROM orders WHERE idempotency_key = %s", f"seed-{order:06}")[0]
        yield {
            "user": rng.randint(100, 5_000),
            "few": rng.randint(3, 12),
            "version": f"{rng.randint(1, 9):04}",
            "name": rng.choice(("zelia", "cauã", "inês", "raul")),
            "order": order,
            "start": rng.randint(1, 599),
            "end": rng.randint(0, 9_999),
            "id": row["id"],
        }


def _ask(postgres: Postgres, query: str) -> Plan:
    """The plan of a query; nothing is executed."""
    ((plan,),) = (row["QUERY PLAN"] for row in postgres.rows(f"EXPLAIN (FORMAT JSON) {query}"))
    nodes = list(_nodes(plan["Plan"]))
    reads = next(node for node in nodes if "Relation Name" in node)
    index = any("Index Name" in node for node in nodes)
    return Plan(query, index, f"{reads['Node Type']} on {reads['Relation Name']}")


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def compare(rules: Iterable[Rule], said: dict[str, bool], plans: dict[str, Plan]) -> None:
    wrong = [rule for rule in rules if said[rule.name] != plans[rule.name].index]
    if not wrong:
        return
    rule, others = wrong[0], len(wrong) - 1
    plan = plans[rule.name]
    seen = _("You say {said}, and the plan says {node}.").format(
        said="index" if said[rule.name] else "seq", node=plan.node
    )
    if others:
        seen += " " + ngettext("{n} more of this kind differs.", "{n} more of this kind differ.", others).format(
            n=others
        )
    # The sentences stand in the table above, so this is no `saw(…)` with its literal ones.
    raise NotYet(
        rule.key,
        did=_("Asked Postgres for the plan of `{query}`.").format(query=plan.query),
        saw=seen,
        needs=_("the prediction that the plan confirms"),
        why=rule.why,
        try_=rule.try_,
    )


def test_amounts(said: dict[str, bool], plans: dict[str, Plan]) -> None:
    """You know when reading the whole table is cheaper."""
    compare(amounts(), said, plans)


def test_expressions(said: dict[str, bool], plans: dict[str, Plan]) -> None:
    """You know what an index is sorted by."""
    compare(expressions(), said, plans)


def test_patterns(said: dict[str, bool], plans: dict[str, Plan]) -> None:
    """You know which half of a text an index can find."""
    compare(patterns(), said, plans)


def test_keys(said: dict[str, bool], plans: dict[str, Plan]) -> None:
    """You know which keys have an index by themselves."""
    compare(keys(), said, plans)
