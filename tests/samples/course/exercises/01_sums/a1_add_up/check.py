from __future__ import annotations

import random

from inprod.testing import Answer, saw


def test_adds_up(answer: Answer, rng: random.Random) -> None:
    """Some numbers add up."""
    numbers = [rng.randint(1, 99) for _ in range(rng.randint(3, 9))]  # above 0: no part has the same sum
    value = answer.call("adding.py:total", numbers)
    if value != sum(numbers):
        raise saw(
            "wrong-sum",
            did="Called `total({numbers})`.",
            saw="{value}",
            needs="{wanted}",
            why="Whoever pays by this sum pays the wrong amount.",
            try_="Add the numbers by hand and compare.",
            numbers=numbers,
            value=value,
            wanted=sum(numbers),
        )


def test_nothing_is_zero(answer: Answer) -> None:
    """An empty list adds up to 0."""
    outcome = answer.calls("adding.py:total", [([],)])[0]
    if outcome.error is not None or outcome.value != 0:
        raise saw(
            "empty-list",
            did="Called `total([])`.",
            saw="no 0",
            needs="0",
            why="A customer without orders owes nothing.",
            try_="Start from 0.",
        )


def test_list_stays(answer: Answer) -> None:
    """The list stays as it was."""
    source = "from adding import total\ndef remains(numbers):\n    total(numbers)\n    return numbers\n"
    value = answer.call("remains.py:remains", [1, 2, 3], files={"remains.py": source})
    if value != [1, 2, 3]:
        raise saw(
            "list-changed",
            did="Called `total([1, 2, 3])`, then looked at the list.",
            saw="{value}",
            needs="[1, 2, 3]",
            why="The caller still needs its list.",
            try_="Read the list without taking from it.",
            value=value,
        )
