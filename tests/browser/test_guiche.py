"""Guichê in a real browser: a purchase by keyboard, and every page in both themes on phone and desktop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from guiche import seed_data, system
from inprod.services import open_services
from tests.browser.jupyterlab import open_browser
from tests.guiche.conftest import _recipe
from tests.guiche.support import Running, free_port

pytestmark = pytest.mark.browser

SOURCES = ("banners.py", "migrate.py", "migrations", "pricing.py", "seed.py", "seed_data.py", "seed_rows.py")
BOTH = frozenset({"postgres", "redis"})
DESKTOP, PHONE = 1280, 390
SECONDS = 30
TALLEST = 4_500  #: of a picture of a whole page
SEND_TWICE = """() => {
    const form = document.querySelector('.buy form');
    for (let n = 0; n < 2; n++) fetch('/orders', {method: 'POST', body: new FormData(form)});
}"""
LOAD_IMAGES = """() => Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode().catch(() => null);
}))"""
#: Of what has the focus, or of the area that it stands for.
OUTLINE = """() => Math.max(...[null, '::after'].map(part => {
    const style = getComputedStyle(document.activeElement, part);
    return style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth);
}))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with sync_playwright() as playwright:
        browser = open_browser(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole system with the sample data."""
    folder = tmp_path_factory.mktemp("shop")
    services = open_services()
    with services.lease(BOTH, "guiche", _recipe("guiche_seeded", "seed", *SOURCES)) as lease:
        assert lease.postgres is not None
        assert lease.redis is not None
        processes = system.processes(
            database_url=lease.postgres.url,
            redis_url=lease.redis.url,
            folder=folder,
            web_port=free_port(),
            provider_port=free_port(),
        )
        running = Running(processes, folder, lease.postgres.url)
        try:
            running.start()
            yield running
        finally:
            running.close()
    services.close()


@pytest.fixture
def faults() -> list[str]:
    """What the browser complains about: errors of scripts, and whatever the policy forbids."""
    return []


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, shop: Running, faults: list[str]) -> Iterator[Visit]:
    """Opens a page: `visit("/", who="ana@example.com", width=390, scheme="dark")`."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, who: str = "", width: int = DESKTOP, scheme: Any = "light") -> Page:
        size: Any = {"width": width, "height": 844}
        context = browser.new_context(viewport=size, color_scheme=scheme, base_url=shop.url)
        contexts.append(context)
        if who:
            client = shop.login(who)
            context.add_cookies([{"name": "guiche", "value": client.cookies["guiche"], "url": shop.url}])
            client.close()
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures go: INPROD_SCREENSHOTS, else nowhere that stays."""
    folder = Path(os.environ.get("INPROD_SCREENSHOTS", tmp_path / "pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def violations(page: Page) -> list[str]:
    """What axe finds; it must have seen text."""
    found = Axe().run(page).response
    looked = {rule["id"] for kind in ("passes", "violations", "incomplete") for rule in found[kind]}
    assert "color-contrast" in looked
    return [
        f"{violation['id']}: {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def test_a_purchase_by_keyboard(visit: Visit, faults: list[str]) -> None:
    """From the event through the login to a paid order, without a mouse and without a reload by hand."""
    page = visit(f"/events/{seed_data.ON_SALE}")
    page.get_by_role("link", name="Log in to buy").press("Enter")
    page.get_by_label("Email").fill(seed_data.CARLA)
    page.get_by_label("Password").fill(seed_data.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nona Sinfonia, de Beethoven")

    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Balcão")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Seats")).to_be_focused()
    page.keyboard.type("2")
    page.get_by_label("Seats").fill("2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are in", timeout=SECONDS * 1000)
    expect(page.get_by_text("Balcão ·")).to_be_visible()
    assert not faults


def test_a_double_click_is_one_order(visit: Visit, shop: Running) -> None:
    """The form carries its key: whoever sends it twice, with scripts or without, ordered once."""
    page = visit(f"/events/{seed_data.ON_SALE}", who=seed_data.BRUNO)
    before = shop.rows("SELECT count(*) FROM orders")
    page.evaluate(SEND_TWICE)
    page.get_by_role("button", name="Buy tickets").dblclick()
    page.wait_for_url("**/orders/*")
    page.wait_for_load_state("networkidle")
    assert shop.rows("SELECT count(*) FROM orders") == [(before[0][0] + 1,)]


def test_focus_can_be_seen(visit: Visit) -> None:
    """Whatever the keyboard reaches is outlined, the first stop skips the menu."""
    page = visit("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    for _stop in range(12):
        page.keyboard.press("Tab")
        width = page.evaluate(OUTLINE)
        assert width >= 2, page.evaluate("document.activeElement.outerHTML")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_pages_for_everybody(
    visit: Visit, shop: Running, faults: list[str], pictures: Path, width: int, scheme: str
) -> None:
    """Nothing that axe knows, nothing wider than the screen; pictures are for people."""
    ana = shop.login()
    shop.behave(down=True)
    pending = "/orders/" + shop.buy(ana, str(uuid4()))
    cancelled = "/orders/" + shop.buy(ana, str(uuid4()))
    ana.post(f"{cancelled}/cancel").raise_for_status()
    orders = ana.get("/me/orders").json()["orders"]
    long = "/orders/" + max(orders, key=lambda order: len(order["items"]))["id"]
    ana.close()
    reviewed = (
        "SELECT slug FROM events JOIN reviews ON event_id = events.id GROUP BY slug ORDER BY count(*) DESC LIMIT 1"
    )
    ((talked_about,),) = shop.rows(reviewed)
    pages = {
        "home": ("", "/", 200),
        "events": ("", "/events?when=coming", 200),
        "events-empty": ("", "/events?q=zzz", 200),
        "event": ("", f"/events/{seed_data.ON_SALE}", 200),
        "event-customer": (seed_data.ANA, f"/events/{seed_data.ON_SALE}", 200),
        "event-sold-out": ("", f"/events/{seed_data.SOLD_OUT}", 200),
        "event-last-seat": (seed_data.ANA, f"/events/{seed_data.LAST_SEAT}", 200),
        "event-reviews": ("", f"/events/{talked_about}", 200),
        "login": ("", "/login", 200),
        "orders": (seed_data.ANA, "/me/orders", 200),
        "orders-none": (seed_data.STAFF, "/me/orders", 200),
        "order-pending": (seed_data.ANA, pending, 200),
        "order-cancelled": (seed_data.ANA, cancelled, 200),
        "order-long": (seed_data.ANA, long, 200),
        "sales": (seed_data.STAFF, "/admin/sales", 200),
        "error-400": ("", "/events?sort=x", 400),
        "error-401": ("", "/me/orders", 401),
        "error-403": (seed_data.ANA, "/admin/sales", 403),
        "error-404": ("", "/events/nothing", 404),
    }
    found = []
    for name, (who, path, status) in pages.items():
        page = visit(path, who=who, width=width, scheme=scheme)
        assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == status
        found += [f"{name}: {violation}" for violation in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{name}: wider than {width}")
        # Pictures of later cards come once somebody scrolls.
        page.evaluate(LOAD_IMAGES)
        tall = page.evaluate("document.documentElement.scrollHeight") > TALLEST
        page.screenshot(full_page=not tall, path=pictures / f"{name}-{scheme}-{width}.png")
        page.context.close()
    assert not found, "\n".join(found)
    assert not faults


def test_axe_would_find_something(visit: Visit) -> None:
    """Or finding nothing would mean nothing."""
    page = visit("/login")
    page.evaluate("document.querySelector('label').remove(); document.body.style.color = '#999'")
    assert {violation.partition(":")[0] for violation in violations(page)} >= {"label"}
