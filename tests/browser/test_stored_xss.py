"""S5's verdicts, and what Chromium does: where a page was found guilty a dialog opens, and nowhere else."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Dialog, Route, sync_playwright

from inprod.exercises import Solution, load, solutions
from inprod.services import open_services
from inprod.testing import dom, wsgi
from tests.browser.jupyterlab import open_browser
from tests.guiche.support import free_port

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "exercises" / "05b_attacks" / "s5_stored_xss"
FIRST = 4711
SECONDS = 20
#: What a person may do in each frame: move over everything, go to it, and click what leads to no web page.
TOUCH = """async () => {
    for (const frame of Array.from(window.frames)) {
        let elements = [];
        try { elements = [...frame.document.querySelectorAll('*')]; } catch { continue; }  // led away by a click
        for (const element of elements)
            for (const name of ['pointerover', 'mouseover', 'focus', 'toggle'])
                element.dispatchEvent(new Event(name));
        for (const element of elements)
            if (element.matches('a, input[type=submit]') && !/^https?:$/.test(element.protocol)) element.click();
    }
    for (let turn = 0; turn < 20; turn++) await new Promise(done => setTimeout(done));
}"""
#: Answers whose pages are safe: what is wrong with them is something else.
SAFE = frozenset(
    {
        "wrong_escaped_twice",
        "wrong_tags_removed_late",
        "wrong_review_in_the_template",
        "wrong_json_in_entities",
        "wrong_json_of_html",
        "wrong_dangerous_schemes_forbidden",
    }
)
#: The same, and their pages are those of the reference, or none.
LIKE_THE_REFERENCE = frozenset(
    {
        "wrong_escaped_on_both_ways",
        "wrong_tags_removed_on_input",
        "wrong_links_quoted",
        "wrong_less_than_refused",
        "wrong_page_refused",
        "wrong_review_left_out",
    }
)


@dataclass(frozen=True)
class Case:
    """A page with one old review."""

    event: str
    number: int
    group: str
    review: Any


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def check() -> Iterator[ModuleType]:
    """S5's check, for its attacks."""
    spec = importlib.util.spec_from_file_location("s5_check", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def table(check: ModuleType) -> Iterator[tuple[str, tuple[Case, ...]]]:
    """A database with every attack as an old row, on a page of its own: its URL, and what is on the pages."""
    services = open_services()
    with services.lease(frozenset({"postgres"}), "stored_xss") as lease:
        assert lease.postgres is not None
        cases = []
        for number, (group, _review, sent) in enumerate(check.attacks(0)):
            # The dialog says its number, which is the page's.
            if not sent:
                review = list(check.attacks(FIRST + number))[number][1]
                cases.append(Case(f"p{FIRST + number}", FIRST + number, group, review))
        with psycopg.connect(lease.postgres.url, autocommit=True) as connection:
            connection.execute((FOLDER / "given" / "reviews.sql").read_bytes())
            values = [(case.event, *(vars(case.review)[name] for name in check.NAMES)) for case in cases]
            insert = "INSERT INTO reviews (event, author, body, link) VALUES (%s, %s, %s, %s)"
            connection.cursor().executemany(insert, values)
        yield lease.postgres.url, tuple(cases)
    services.close()


@pytest.fixture
def serve(table: tuple[str, tuple[Case, ...]], tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """Starts an answer; its URL."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path) -> str:
        shutil.copytree(folder, tmp_path / "answer")
        (tmp_path / "answer" / "serve.py").write_text(wsgi.script("reviews:app"), encoding="utf-8")
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "serve.py", str(port)],
            cwd=tmp_path / "answer",
            env={"PATH": os.defpath, "DATABASE_URL": table[0]},
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "log").open("w"),
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "app: ready\n", (tmp_path / "log").read_text()
        return f"http://127.0.0.1:{port}"

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answers() -> tuple[Solution, ...]:
    """The proof of S5, each page once."""
    found = solutions(load(FOLDER, ROOT / "solutions"))
    return tuple(answer for answer in found if answer.name not in LIKE_THE_REFERENCE)


def guilty(check: ModuleType, cases: tuple[Case, ...], url: str) -> dict[int, str]:
    """The pages that the check calls open, by number, and what is open there."""
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client:
        got = {case: client.get(f"/events/{case.event}/reviews") for case in cases}
    pages = {case: dom.parse(reply.text) for case, reply in got.items() if reply.status_code == 200}
    like = [page for case, page in pages.items() if case.group == "plain"]
    found = {case.number: dom.foreign(page, like) for case, page in pages.items()}
    broken = {case.number: "no JSON" for case, page in pages.items() if case.group == "script" and not check.data(page)}
    return broken | {number: what for number, what in found.items() if what}


def dialogs(browser: Browser, cases: tuple[Case, ...], url: str) -> set[int]:
    """The numbers that dialogs say when somebody uses the pages, each of them in a frame."""
    said: set[int] = set()
    context = browser.new_context()

    def heard(dialog: Dialog) -> None:
        said.add(int(dialog.message))
        dialog.dismiss()

    def only_here(route: Route) -> None:
        if route.request.url == f"{url}/all":
            frames = (f'<iframe src="/events/{case.event}/reviews"></iframe>' for case in cases)
            route.fulfill(body=f"<!doctype html>{''.join(frames)}", content_type="text/html")
        elif route.request.url.startswith(url):
            route.continue_()
        else:
            route.abort()

    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.on("dialog", heard)
    page.route("**/*", only_here)
    page.goto(f"{url}/all")
    page.evaluate(TOUCH)
    context.close()
    return said


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: answer.name)
def test_chromium_agrees(
    answer: Solution,
    browser: Browser,
    check: ModuleType,
    table: tuple[str, tuple[Case, ...]],
    serve: Callable[[Path], str],
) -> None:
    """Where a dialog opens the check has found something; an answer that is open opens one, and no other does."""
    url = serve(answer.folder)
    cases = table[1]
    found = guilty(check, cases, url)
    said = dialogs(browser, cases, url)
    assert said - set(found) == set()
    if answer.right or answer.name in SAFE:
        assert found == ({} if answer.right else found)
        assert said == set()
    else:
        assert said
