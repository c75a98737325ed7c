"""What must not go wrong on a page: a kill that is held up, old numbers that look new, a key that does another thing, a session that ended."""

from dataclasses import replace

import pytest

from flatbook.dashboard.security.passwords import Passwords, cheap
from flatbook.dashboard.security.permissions import Role
from flatbook.dashboard.security.secrets import Secret
from flatbook.dashboard.security.users import Users
from tests.dashboard.serving import served
from tests.dashboard.worlds import renumbered

PASSWORD = "river lantern 31 of rosa"  # noqa: S105 - of a user who lives as long as the test


def held(page, test):
    """Hold a button until it acts."""
    box = page.locator(f'[data-test="{test}"]').bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.wait_for_timeout(1000)
    page.mouse.up()


@pytest.fixture
def guarded(picture):
    """A dashboard with one risk officer, whose browser is signed in by the tests."""
    users = Users.in_memory(Passwords(cheap()))
    users.add("rosa", Role.RISK_OFFICER, Secret(PASSWORD), 1)
    with served(renumbered(picture, 1), users=users) as desk:
        yield desk


def signed_in(page, desk, path="/desk"):
    """Sign in as rosa."""
    page.goto(f"{desk.url}{path}")
    page.locator('input[autocomplete="username"]').fill("rosa")
    page.locator('input[type="password"]').fill(PASSWORD)
    page.locator('button[type="submit"]').click()
    page.wait_for_selector('[data-test="clock"]')


def without_refusals(page):
    """A browser writes of every 401 and 403 that it gets: those are wanted here."""
    page.complaints[:] = [each for each in page.complaints if "401" not in each and "403" not in each]


def test_a_short_reason_holds_no_kill_up(browsing, picture):
    """The journal wants four letters; whoever stops trading need not know that."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.locator('[data-test="kill"]').click()
        page.locator('[role="dialog"] input').fill("now")
        held(page, "kill:desk:")
        page.wait_for_selector('[data-test="kill-told"]')
        killed = [why for fact, _, why in desk.operator.facts if type(fact).__name__ == "KillSet"]

    assert killed == ["operator now"]


def test_a_stream_that_falls_silent_is_seen(browsing, picture):
    """The line stands and nothing comes: what is shown must not look like now, and is well again with the next word."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="clock"]')
        page.wait_for_selector('[data-test="silent"]', timeout=9000)
        assert page.locator(".shell.dim").count() == 1
        desk.publish(renumbered(picture, 2))
        page.wait_for_selector('[data-test="silent"]', state="detached")


def test_a_focused_button_is_pressed_and_a_dialog_keeps_the_focus(browsing, picture):
    """Enter opens no row meanwhile, no key of the page acts below a dialog, and Tab stays in it."""
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/desk")
        page.wait_for_selector('[data-test="clock"]')
        page.keyboard.press("j")
        page.locator('[data-test="kill"]').focus()
        page.keyboard.press("Enter")
        page.wait_for_selector('[role="dialog"]')
        page.locator('[role="dialog"] button').first.focus()
        for key in ("g", "c", *["Tab"] * 20, *["Shift+Tab"] * 20):
            page.keyboard.press(key)
        assert page.url.endswith("/desk")
        assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")


def test_an_address_that_is_no_encoding_breaks_no_page(browsing, picture):
    with served(renumbered(picture, 1)) as desk, browsing(desk) as page:
        page.goto(f"{desk.url}/class/%25E0%25A4%25A".replace("%25", "%"))
        page.wait_for_selector('[data-test="clock"]')


def test_a_session_that_ends_asks_for_the_password_and_goes_on(browsing, guarded):
    """A page that is open all day: it does not say for ever that the line is lost."""
    with browsing(guarded) as page:
        signed_in(page, guarded)
        sessions = guarded.app.state.security.sessions
        sessions.end(sessions.all()[0].id)
        page.wait_for_selector('input[autocomplete="username"]', timeout=15_000)
        page.locator('input[autocomplete="username"]').fill("rosa")
        page.locator('input[type="password"]').fill(PASSWORD)
        page.locator('button[type="submit"]').click()
        page.wait_for_selector('[data-test="clock"]')
        page.wait_for_selector('.banner:has-text("Connection lost")', state="detached")
        without_refusals(page)


def test_limits_ask_for_the_password_again_where_they_are_changed(browsing, guarded):
    """A risk officer who signed in this morning: the page asks, and goes on where it was."""
    with browsing(guarded) as page:
        signed_in(page, guarded, "/limits")
        sessions = guarded.app.state.security.sessions
        for key, each in list(sessions._by_key.items()):
            sessions._by_key[key] = replace(each, password_ns=0)
        page.locator('[data-test="change"]').click()
        page.locator('[data-test="hard"]').fill("1,5")
        page.wait_for_selector("text=a number above 0")
        page.locator('[data-test="hard"]').fill("123,456.5")
        page.wait_for_selector('[data-test="password-again"]')
        page.locator('[data-test="password-again"] input[type="password"]').fill(PASSWORD)
        page.locator('[data-test="password-again"] button').click()
        page.wait_for_selector('[data-test="preview"]')
        page.locator('[data-test="why"]').fill("the flow of the close")
        held(page, "act")
        page.wait_for_selector('[data-test="done"]')
        without_refusals(page)
    (fact,) = [fact for fact, _, _ in guarded.operator.facts if type(fact).__name__ == "LimitsSet"]
    assert 123_456.5 in [each.limit_hard for each in fact.limits]
