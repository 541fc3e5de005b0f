"""The forms for programs: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass

from inprod.errors import InprodError, ServiceError
from inprod.render import csv_, html, json_, text
from inprod.render.views import AnswerView, HintView, PredictionView, ResetView, SolutionView
from inprod.results import Report
from tests.render.cases import EVIL, failed, passed, report, summary, unjudged


@dataclass(frozen=True)
class Seen:
    """One finding of the doctor."""

    name: str
    ok: bool
    saw: str
    do: str = ""


FINDINGS = (Seen("Python", True, "3.11"), Seen("Docker", False, "no engine answers", "start it"))


def rows(text_: str) -> list[list[str]]:
    """CSV, read back."""
    return list(csv.reader(io.StringIO(text_)))


def test_a_report_comes_back_whole() -> None:
    """JSON out, the same report in; the keys are schema 1's and two more."""
    of = report(passed(1), failed(2))
    data = json.loads(json_.report(of, tries=2))
    assert (data["schema"], data["tries"], data["notes"]) == (1, 2, [])
    assert data.keys() - {"tries", "notes"} == of.to_dict().keys()
    back = Report.from_dict(data)
    assert back.to_dict() == of.to_dict()


def test_a_strict_report_has_nothing_that_differs() -> None:
    """Two machines, one text."""
    data = json.loads(json_.report(report(passed(1)), strict=True))
    assert data.keys().isdisjoint({"seed", "backend", "servers", "walls", "seconds", "at"})
    assert data["verdict"] == "pass"


def test_json_survives_any_text() -> None:
    """Controls, quotes and half a surrogate."""
    of = report(failed(1, EVIL + "\ud800"))
    shown = json_.report(of)
    shown.encode()
    assert json.loads(shown)["observations"][0]["saw"] == EVIL + "\ud800"
    assert "é" in json_.hint(HintView("X4", "é", 1, "t"))


def test_json_of_the_rest() -> None:
    """One object each, with the names that the cards have."""
    assert json.loads(json_.error(ServiceError("a", looked="b", do="c"))) == {
        "schema": 1, "error": "a", "looked": "b", "do": "c", "exit": 3,
    }  # fmt: skip
    assert json.loads(json_.error(InprodError("a")))["exit"] == 2
    found = json.loads(json_.progress(summary()))
    assert (found["passed"], found["total"], found["points"], found["max_points"]) == (1, 3, 10, 25)
    assert [e["state"] for e in found["lessons"][0]["exercises"]] == ["passed", "tried", "open"]
    doctor = json.loads(json_.doctor(FINDINGS))
    assert doctor["findings"][1] == {"name": "Docker", "ok": False, "saw": "no engine answers", "do": "start it"}
    view = PredictionView("page", ("n", "m"), {"n": {1}}, {"n": float("nan")})
    assert json.loads(json_.prediction(view)) == {
        "schema": 1, "name": "page", "predicted": {"n": "{1}", "m": None}, "reality": {"n": "nan", "m": None},
    }  # fmt: skip
    right = SolutionView("X4", "Kill", (AnswerView("reference", "why", (("a.py", "x"),)),))
    assert json.loads(json_.solution(right))["answers"][0]["files"] == {"a.py": "x"}
    assert json.loads(json_.reset(ResetView("X4", "Kill", (("a.py", "x"),))))["files"] == {"a.py": "x"}


def test_progress_as_a_table() -> None:
    """A row for each exercise; what a spreadsheet would take for a formula is text."""
    head, *body = rows(csv_.progress(summary()))
    assert head == ["lesson", "exercise", "title", "state", "points", "max_points", "tries", "changed"]
    assert body[0] == ["01a_unit_tests", "T1", "Collect", "passed", "10", "10", "2", "yes"]
    assert body[1][2] == "'=1+1"
    assert "\r" not in csv_.progress(summary())


def test_a_report_as_a_table() -> None:
    """A row for each observation; one with the reason where nothing could be judged."""
    _head, *body = rows(csv_.report(report(passed(1), failed(2, 'a,\n"b"'))))
    assert [row[4] for row in body] == ["pass", "not yet"]
    assert body[1][6] == 'a,\n"b"'
    _head, *body = rows(csv_.report(unjudged()))
    assert body == [
        ["X4", "0123456789ab", "could not judge", "", "", "", "Postgres stopped (signal 9)", "run the cell again"]
    ]


def test_the_doctor_and_a_prediction_as_tables() -> None:
    """Words for yes and no; a negative number stays one."""
    assert rows(csv_.doctor(FINDINGS))[2] == ["Docker", "no", "no engine answers", "start it"]
    view = PredictionView("page", ("n", "m"), {"n": -3}, {"n": 4, "m": "-x"})
    assert rows(csv_.prediction(view))[1:] == [["n", "-3", "4"], ["m", "", "'-x"]]


def test_the_doctors_card() -> None:
    """What is missing comes with its remedy; what is there does not."""
    shown = text.doctor(FINDINGS)
    assert "This machine – 1 thing to look at" in shown
    assert "✓ Python: 3.11" in shown
    assert "do  start it" in shown
    assert "all is well" in text.doctor(FINDINGS[:1])
    assert ">start it</dd>" in html.doctor(FINDINGS)


def test_each_form_has_the_same_functions() -> None:
    """What one form can show, the others can, where it makes sense."""
    everywhere = {"report", "progress", "doctor", "prediction"}
    people = {"error", "hint", "solution", "reset", "saved"}
    for form in (text, html, json_):
        assert all(callable(getattr(form, name)) for name in everywhere | people)
    assert all(callable(getattr(csv_, name)) for name in everywhere)
