"""Limits, Hedges and Slides in a browser: the numbers of the API and of the core, and an override that somebody answers for."""

import pytest

from tests.dashboard.serving import served
from tests.dashboard.test_hedges_view import asked
from tests.dashboard.test_pages import api, number_at
from tests.dashboard.worlds import renumbered


@pytest.fixture(scope="module")
def shown(picture):
    """One dashboard for all that only look."""
    with served(renumbered(picture, 1)) as one:
        yield one


def test_the_limits_page_shows_every_limit_of_the_core(shown, browsing, picture):
    """By its utilisation; the keyboard walks them, and the address is the limit that is chosen."""
    standings = picture.cycle.standing.limits
    with browsing(shown) as page:
        page.goto(f"{shown.url}/limits")
        page.wait_for_selector('[data-test="override"]')

        for one in standings:
            assert number_at(page, f"limit:{one.limit.name}") == one.utilisation
        named = [row["name"] for node in api(page, "/limits")["nodes"] for row in node["limits"]]
        rows = page.locator("a.wide-limit")
        assert [rows.nth(n).get_attribute("data-test") for n in range(rows.count())] == [
            f"limit:{name}" for name in named
        ]
        page.keyboard.press("j")
        page.wait_for_selector(f'a.wide-limit.at[data-test="limit:{named[1]}"]')
        assert page.evaluate("new URLSearchParams(location.search).get('limit')") == named[1]


def test_an_override_is_previewed_held_and_heard(shown, browsing, picture):
    """It takes a number, a reason and a held button; the fact names all of them."""
    name = picture.cycle.standing.limits[0].limit.name

    def overrides():
        return [each for each in shown.operator.facts if type(each[0]).__name__ == "LimitOverridden"]

    with browsing(shown) as page:
        page.goto(f"{shown.url}/limits?limit={name.replace('/', '%2F')}")
        page.locator('[data-test="override"]').click()
        page.fill('[data-test="hard"]', "1,250")
        page.select_option('[data-test="minutes"]', "15")
        page.wait_for_selector('[data-test="preview"]')
        assert page.locator('[data-test="act"]').is_disabled()
        page.fill('[data-test="why"]', "a quiet afternoon")
        page.locator('[data-test="act"]').click()
        page.wait_for_timeout(150)
        assert overrides() == []
        page.locator('[data-test="act"]').hover()
        page.mouse.down()
        page.wait_for_selector('[data-test="done"]')
        page.mouse.up()
        ((fact, who, why),) = overrides()

    assert (fact.limit, fact.limit_hard, who, why) == (name, 1250.0, "local", "a quiet afternoon")
    assert fact.until_ns == picture.at_ns + 15 * 60 * 10**9


def test_the_hedges_page_shows_the_menu_of_the_api(shown, browsing, picture):
    """Every point by its cost; the delta that hedges look at; and why nothing can be approved."""
    with browsing(shown) as page:
        page.goto(f"{shown.url}/hedges")
        page.wait_for_selector('[data-test="point:plan"]')
        told = api(page, "/hedges/menu")

        for point in told["points"]:
            if point["kind"] != "nothing":
                assert number_at(page, f"cost:{point['name']}") == point["cost_usd"]
        drawn = sum(point["cost_usd"] is not None for point in told["points"])
        assert page.locator("g.pt").count() == drawn > 8
        assert number_at(page, "hedge:IDX") == picture.cycle.hedges[0].delta_before_usd * 0.01
        assert "leave as soon as they are decided" in page.locator('[data-test="decided-by"]').inner_text()


def test_a_hedge_that_waits_is_approved_by_a_held_button(browsing, pictures):
    """What it trades is the core's; the answer names what was seen, who and why; nothing is asked twice."""
    picture = asked(
        next(each for each in reversed(pictures) if any(hedge.legs for hedge in each.cycle.hedges))
    )
    (one,) = picture.cycle.waiting
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/hedges")
        page.wait_for_selector(f'[data-test="waits:{one.id}"]')
        assert number_at(page, f"asked:{one.id}") == one.delta_usd * 0.01
        page.locator(f'[data-test="approve:{one.id}"]').click()
        page.wait_for_selector('[data-test="preview"]')
        assert one.legs[0][0] in page.locator('[data-test="preview"]').inner_text()
        page.fill('[data-test="why"]', "looks right")
        page.locator('[data-test="act"]').hover()
        page.mouse.down()
        page.wait_for_selector('[data-test="done"]')
        page.mouse.up()
        assert desk.operator.hedges == [(one.id, True, "local", "looks right")]


def test_the_slides_page_shows_the_grid_of_the_api(shown, browsing, picture):
    """The cell of now, and the gaps of the core; an address restores scope, time and what is shown."""
    with browsing(shown) as page:
        page.goto(f"{shown.url}/slides?scope=IDX&show=delta")
        page.wait_for_selector('[data-test="heat"]')
        told = api(page, "/slides?scope=IDX&show=delta")
        still, flat = told["moves"].index(0.0), told["shifts_points"].index(0.0)

        assert number_at(page, "heat") == told["values"][still][flat] != 0.0
        for move, pnl in zip(
            picture.cycle.gaps.moves.tolist(), picture.cycle.gaps.by_underlying[0].tolist(), strict=True
        ):
            assert number_at(page, f"gap:{move:g}") == pytest.approx(pnl, rel=1e-12)
        assert page.locator('[data-test="time:close"]').is_disabled()
        page.locator('[data-test="time:next_day"]').click()
        page.wait_for_selector('.panel .note:has-text("next day")')
        assert "time=next_day" in page.url
