"""What a check.py may use. An answer is never imported into the process that judges it."""

from inprod.testing.answer import Answer
from inprod.testing.failures import AnswerFailed
from inprod.testing.once import Once
from inprod.testing.pending import Finished, Outcome, Pending
from inprod.testing.saw import CouldNotJudge, NotYet, saw
from inprod.testing.suite import Suite
from inprod.testing.waiting import wait_until

__all__ = [
    "Answer",
    "AnswerFailed",
    "CouldNotJudge",
    "Finished",
    "NotYet",
    "Once",
    "Outcome",
    "Pending",
    "Suite",
    "saw",
    "wait_until",
]
