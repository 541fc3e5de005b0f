"""An application of the answer's is served: it answers, its exceptions are told, and its end is noticed."""

from __future__ import annotations

from pathlib import Path

from inprod.results import Verdict
from inprod.running import run_check
from tests.support import NoServices, make_exercise, write_answer

CHECK = '''
from inprod.testing import saw, wsgi


def test_served(answer):
    """It is served."""
    with wsgi.serve(answer, "answer:app", env={"WORD": "Olá"}) as served:
        first = served.client.get("/word")
        broken = served.client.get("/broken").status_code, served.last_error()
        assert not served.has_ended()
        try:
            served.client.get("/exit")
        except Exception as error:
            broken += (type(error).__name__, served.has_ended())
        raise saw("seen", did=".", saw="{a} {b}", needs=".", why=".", try_=".", a=first.text, b=broken)
'''
APP = """
import os

from flask import Flask

app = Flask(__name__)


@app.get("/word")
def word():
    return os.environ["WORD"]


@app.get("/broken")
def broken():
    raise LookupError("no such seat")


@app.get("/exit")
def leave():
    os._exit(3)
"""


def test_it_is_served_until_it_ends(tmp_path: Path) -> None:
    """The environment reaches it, a 500 has its reason, and an end is an end."""
    exercise = make_exercise(tmp_path, CHECK, seconds=20)
    report = run_check(exercise, write_answer(tmp_path, APP), NoServices(), seed=1)
    (seen,) = report.observations
    assert seen.saw == "Olá (500, '`LookupError: no such seat`', 'RemoteProtocolError', True)"


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    """Whatever the application is missing, the learner reads why it did not start."""
    exercise = make_exercise(tmp_path, CHECK, seconds=20)
    report = run_check(exercise, write_answer(tmp_path, "application = None\n"), NoServices(), seed=1)
    (seen,) = report.observations
    assert (report.verdict, seen.key) == (Verdict.NOT_YET, "does-not-start")
    assert "cannot import name 'app'" in seen.saw
