"""The pages in a browser: numbers are the API's and the core's, nothing is asked of anybody else, nothing is complained of.

Needs the browser of the machine; where there is none it is skipped.
"""

import re
from pathlib import Path

import pytest

from tests.dashboard.serving import served
from tests.dashboard.worlds import renumbered

PAGES = Path(__file__).parents[2] / "frontend" / "src" / "pages" / "index.ts"
OF_A_JOURNAL = {"journal"}  # the desk of these tests keeps none: its page says so, and nothing else may fail


@pytest.fixture(scope="module")
def desk(picture):
    """One dashboard for all that only look."""
    with served(renumbered(picture, 1)) as one:
        yield one


def number_at(page, name):
    """The whole number behind what is shown."""
    return float(page.locator(f'[data-test="{name}"]').first.get_attribute("data-value"))


def api(page, path):
    """What the API says, asked by the page."""
    return page.evaluate("(path) => fetch('/api/v1' + path).then((answer) => answer.json())", path)


def test_the_desk_page_shows_the_numbers_of_the_api_and_of_the_core(desk, browsing, picture):
    """Exposure and limits, by value."""
    with browsing(desk) as page:
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


def test_the_class_page_shows_the_chain_of_the_api(desk, browsing):
    """Every cell of the first rows; a link restores expiry and series, with the anatomy of the quote."""
    with browsing(desk) as page:
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_by_its_key_and_by_its_address(desk, browsing, scheme):
    """With what it is about in sight, and without a complaint, a breach of the policy or a question to anybody else."""
    pages = re.findall(r"path: '(\w+)', title: '([^']+)', key: '(\w)'", PAGES.read_text())
    assert ("desk", "Desk", "d") in pages
    assert len({key for _, _, key in pages}) == len(pages)
    with browsing(desk, color_scheme=scheme) as page:
        answer = page.goto(desk.url)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        page.wait_for_selector('[data-test="clock"]')
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        for path, title, key in pages:
            page.keyboard.press("g")
            page.keyboard.press(key)
            page.wait_for_selector(f'.nav a.here:text-is("{title}")')
            told = "main .empty[role=alert]" if path in OF_A_JOURNAL else "main .panel"
            page.wait_for_selector(told)
            assert page.url.startswith(f"{desk.url}/{path}")
            address = page.url
            page.goto(address)
            page.wait_for_selector(told)
            assert page.url == address
            if path in OF_A_JOURNAL:
                page.complaints[:] = [each for each in page.complaints if "404 (Not Found)" not in each]
            else:
                assert page.locator("main .empty[role=alert]").count() == 0, path
            assert page.complaints == [], path


def test_help_lists_every_page(desk, browsing):
    """With its key and the question that it answers."""
    pages = re.findall(r"title: '([^']+)', key: '(\w)', question: '([^']+)'", PAGES.read_text())
    with browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="clock"]')
        page.keyboard.press("?")
        told = page.locator("[role=dialog]").inner_text()
        for title, _, question in pages:
            assert title in told
            assert question in told


def test_the_surface_page_shows_the_smiles_of_the_api(desk, browsing, picture):
    """Of every expiry; the address restores expiry and axis."""
    with browsing(desk) as page:
        page.goto(f"{desk.url}/surface/IDX?expiry=1&x=delta")
        page.wait_for_selector(".smile .quote")
        told = api(page, "/surface/IDX")
        for row in told["expiries"]:
            assert number_at(page, f"ATM:{row['place']}") == 100.0 * row["atm_vol"]
            assert number_at(page, f"off by:{row['place']}") == row["rmse_vol_points"]
            assert number_at(page, f"forward:{row['place']}") == row["forward"]
        assert number_at(page, "surface-spot") == picture.cycle.market.spot[0]
        assert page.locator(".smile .group button.on").inner_text() == "delta"
        assert page.locator(".smile h2").inner_text().startswith("IDX 15 JAN 27")
        quotes = api(page, "/surface")["surfaces"][0]["expiries"][1]["quotes"]
        bars = page.locator(".smile g[clip-path]").first.locator(".quote").count()
        assert 0 < bars <= len(quotes)
        page.keyboard.press("j")
        page.wait_for_selector('.smile h2:has-text("30.0 d"), .smile h2:has-text("30 d")')
        assert "expiry=2" in page.url


def test_the_obligations_page_shows_duties_and_resets_a_protection(browsing, picture):
    """Numbers of the API; a reset is previewed, held, and heard with its reason."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/obligations")
        page.wait_for_selector('[data-test="so-far:cboe/market_maker IDX"]')
        told = api(page, "/obligations")
        row = told["duties"][0]
        assert number_at(page, "so-far:cboe/market_maker IDX") == 100.0 * row["so_far"]
        assert number_at(page, "headroom:cboe/market_maker IDX") == row["headroom_s"] / 60.0
        for scope in told["scopes"]:
            assert number_at(page, f"protection:{scope['name']}") == scope["used"]
        page.locator('[data-test="reset:shadow/IDX"]').click()
        page.wait_for_selector('[data-test="preview"]')
        assert "nothing" in page.locator('[data-test="preview"]').inner_text()
        page.locator('[data-test="why"]').fill("it was a burst")
        box = page.locator('[data-test="act"]').bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.wait_for_selector('[data-test="done"]')
        page.mouse.up()
        heard = [
            (fact.scope, who, why)
            for fact, who, why in desk.operator.facts
            if type(fact).__name__ == "ProtectionReset"
        ]

    assert heard == [("shadow/IDX", "local", "it was a burst")]


def test_a_kill_is_armed_held_and_heard(browsing, picture):
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


def test_the_tour_is_shown_once(desk, browsing):
    """Three captions, and then never again."""
    with browsing(desk, tour=True) as page:
        page.goto(f"{desk.url}/desk")
        for _ in range(3):
            page.locator('[data-test="tour"] button').first.click()
        assert page.locator('[data-test="tour"]').count() == 0
        page.reload()
        page.wait_for_selector('[data-test="clock"]')
        assert page.locator('[data-test="tour"]').count() == 0


def test_a_desk_that_ends_is_seen(browsing, picture):
    """The page says that what it shows is of the past."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="clock"]')
        desk.loop.call_soon_threadsafe(desk.publisher.close)
        page.wait_for_selector('.banner.red:has-text("Connection lost")')
        assert page.locator(".shell.dim").count() == 1


@pytest.mark.parametrize("width", [1440, 1024])
def test_the_desk_page_does_not_scroll(desk, browsing, width):
    """All of it is in sight."""
    with browsing(desk) as page:
        page.set_viewport_size({"width": width, "height": 900 if width == 1440 else 768})
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="vega:IDX"]')
        sizes = page.evaluate(
            "[document.querySelector('main')].map((e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])[0]"
        )
        assert sizes == [0, 0]
