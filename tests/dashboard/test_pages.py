"""The pages in a browser: numbers are the API's and the core's, nothing is asked of anybody else, nothing is complained of.

Needs the browser of the machine; where there is none it is skipped.
"""

import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dashboard.serving import served
from tests.dashboard.worlds import renumbered

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PAGES = Path(__file__).parents[2] / "frontend" / "src" / "pages" / "index.ts"


@contextmanager
def browsing(desk, *, tour=False, **context):
    """A page of a browser that remembers every complaint and every address it asked."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        made = browser.new_context(viewport={"width": 1440, "height": 900}, **context)
        if not tour:
            made.add_init_script("localStorage.setItem('flatbook.tour', 'seen')")
        page = made.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("websocket", lambda socket: page.asked.append(socket.url.replace("ws://", "http://")))
        yield page
        browser.close()
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith(desk.url)] == []


def number_at(page, name):
    """The whole number behind what is shown."""
    return float(page.locator(f'[data-test="{name}"]').first.get_attribute("data-value"))


def api(page, path):
    """What the API says, asked by the page."""
    return page.evaluate("(path) => fetch('/api/v1' + path).then((answer) => answer.json())", path)


def test_the_desk_page_shows_the_numbers_of_the_api_and_of_the_core(picture):
    """Exposure and limits, by value."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="vega:IDX"]')
        told = api(page, "/desk")

        for shown, of_api in (
            ("vega:IDX", told["exposure"][0]["vega_usd_per_point"]),
            ("theta:IDX", told["exposure"][0]["theta_usd_per_day"]),
            ("gap:IDX", told["exposure"][0]["gap_usd"]),
            ("delta:IDX", told["exposure"][0]["delta_usd"] * 0.01),
            ("gamma:desk", told["desk"]["gamma_usd_per_pct"] * 0.01),
        ):
            assert number_at(page, shown) == of_api
        for one in picture.cycle.standing.limits:
            assert number_at(page, f"limit:{one.limit.name}") == one.utilisation
        assert number_at(page, "pnl") == picture.pnl_usd


def test_the_class_page_shows_the_chain_of_the_api(picture):
    """Every cell of the first rows; a link restores expiry and series, with the anatomy of the quote."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/class/IDX?expiry=1")
        page.wait_for_selector(".vrow")
        told = api(page, "/class/IDX/chain?expiry=1")["series"]
        strikes = sorted({row["strike"] for row in told})
        rows = page.locator(".vrow")
        cells = [rows.nth(n).locator("[role=gridcell]").all_text_contents() for n in range(rows.count())]

        assert len(cells) == len(strikes)
        for strike, shown in zip(strikes, cells, strict=True):
            call, put = (
                next(row for row in told if row["strike"] == strike and row["right"] == right)
                for right in (1, -1)
            )
            assert shown[7] == f"{strike:,.0f}"
            assert shown[2] == f"{call['theo']:,.2f}"
            assert shown[12] == f"{put['theo']:,.2f}"
            assert shown[0] == (f"{call['position']:+d}".replace("-", "−") if call["position"] else "")
        symbol = told[0]["symbol"]
        page.goto(f"{desk.url}/class/IDX?series={symbol}")
        page.wait_for_selector(".anatomy")
        assert page.locator(".panel h2", has_text=symbol).count() == 1
        assert page.locator(".tabs button.on").inner_text().startswith("15 Jan 27")


def test_every_page_opens_by_its_key_and_by_its_address(picture):
    """In light and dark, without a complaint."""
    pages = re.findall(r"path: '(\w+)', title: '([^']+)', key: '(\w)'", PAGES.read_text())
    assert ("desk", "Desk", "d") in pages
    for scheme in ("light", "dark"):
        with served(renumbered(picture, 1)) as desk, browsing(desk, color_scheme=scheme) as page:
            page.goto(desk.url)
            page.wait_for_selector('[data-test="clock"]')
            assert page.evaluate("document.documentElement.dataset.theme") == scheme
            for path, title, key in pages:
                page.keyboard.press("g")
                page.keyboard.press(key)
                page.wait_for_selector(f'.nav a.here:text-is("{title}")')
                assert page.url.startswith(f"{desk.url}/{path}")
                page.wait_for_timeout(100)


def test_a_kill_is_armed_held_and_heard(picture):
    """A click alone stops nothing; held it does, and the operator's door hears who and why."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.locator('[data-test="kill"]').click()
        button = page.locator('[data-test="kill:underlying:IDX"]')
        button.click()
        page.wait_for_timeout(200)
        assert desk.operator.facts == []
        box = button.bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.wait_for_selector('[data-test="kill-told"]')
        page.mouse.up()
        told = [(fact, who) for fact, who, _ in desk.operator.facts if type(fact).__name__ == "KillSet"]

    assert [(fact.scope.value, fact.name, fact.on, who) for fact, who in told] == [
        ("underlying", "IDX", True, "local")
    ]


def test_the_tour_is_shown_once(picture):
    """Three captions, and then never again."""
    with served(renumbered(picture, 1)) as desk, browsing(desk, tour=True) as page:
        page.goto(f"{desk.url}/desk")
        for _ in range(3):
            page.locator('[data-test="tour"] button').first.click()
        assert page.locator('[data-test="tour"]').count() == 0
        page.reload()
        page.wait_for_selector('[data-test="clock"]')
        assert page.locator('[data-test="tour"]').count() == 0


def test_a_desk_that_ends_is_seen(picture):
    """The page says that what it shows is of the past."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="clock"]')
        desk.loop.call_soon_threadsafe(desk.publisher.close)
        page.wait_for_selector('.banner.red:has-text("Connection lost")')
        assert page.locator(".shell.dim").count() == 1


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_desk_page_does_not_scroll(picture, width):
    """All of it is in sight."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.set_viewport_size({"width": width, "height": 900 if width == 1440 else 768})
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="vega:IDX"]')
        sizes = page.evaluate(
            "[document.querySelector('main')].map((e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])[0]"
        )
        assert sizes == [0, 0]
