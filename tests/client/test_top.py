"""`flatbook top` draws what the stream says, says when it says nothing, and changes nothing."""

import asyncio
import sys
from dataclasses import replace

import pytest
from rich.console import Console
from textual.widgets import Static
from typer.testing import CliRunner

from flatbook.cli import top_views
from flatbook.cli.main import app
from flatbook.cli.top_command import ScreenMissingError
from flatbook.cli.top_screen import TopScreen
from flatbook.client.errors import UnauthorizedError, UnreachableError
from flatbook.client.stream import update_of
from flatbook.dashboard.frames import encode
from flatbook.dashboard.views.desk import desk_frame
from flatbook.dashboard.views.head import head_frame
from flatbook.reports.numbers import brief


class Fake:
    """A desk that says what it is told to."""

    url = "http://127.0.0.1:8000"

    def __init__(self, *rounds):
        self._rounds, self.asked, self.back = list(rounds), [], asyncio.Event()

    async def watch_async(self, *topics):
        self.asked.append(topics)
        if len(self.asked) > 1:
            await self.back.wait()
        told = self._rounds.pop(0) if self._rounds else []
        for each in told:
            if isinstance(each, Exception):
                raise each
            yield each
        if not self._rounds:
            await asyncio.sleep(3600.0)


@pytest.fixture(scope="module")
def updates(day):
    """The header and the Desk page, as they come from the stream."""
    return [update_of(encode(view(day[-1]))) for view in (head_frame, desk_frame)]


def _drawn(screen, name):
    console = Console(width=170, record=True, file=None, force_terminal=False, quiet=True)
    with console.capture() as held:
        console.quiet = False
        console.print(screen.query_one(f"#{name}", Static).content)
    return held.get()


def _look(desk, check, size=(170, 46)):
    async def run():
        screen = TopScreen(desk)
        async with screen.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.pause()
            return await check(screen, pilot)

    return asyncio.run(run())


def test_the_screen_shows_the_numbers_of_the_desk(updates, day):
    """Every limit, every underlying, the story, and the moment."""

    async def check(screen, _):
        return {name: _drawn(screen, name) for name in ("head", "limits", "exposure", "alerts", "story")}

    told = _look(Fake(updates), check)
    standing = sorted(day[-1].cycle.standing.limits, key=lambda each: -each.utilisation)
    positions = [told["limits"].index(each.limit.name) for each in standing]

    assert "SIMULATED ▸ NORMAL" in told["head"]
    assert f"P&L {brief(day[-1].pnl_usd)} USD" in told["head"]
    assert positions == sorted(positions)
    assert f"{standing[0].utilisation:.0%}".replace("%", " %") in told["limits"]
    assert all(name in told["exposure"] for name in day[-1].cycle.table.underlyings)
    assert day[-1].story[0].text.split()[0] in told["story"]


def test_a_line_that_breaks_is_taken_up_again(updates, monkeypatch):
    """And said meanwhile."""
    monkeypatch.setattr("flatbook.cli.top_screen._WAIT_S", 0.05)
    desk = Fake([*updates, UnreachableError("the line broke")], updates)

    async def check(screen, pilot):
        lost = _drawn(screen, "line"), screen.has_class("stale")
        desk.back.set()
        for _ in range(40):
            await pilot.pause(0.05)
            if not screen.has_class("stale"):
                break
        return lost, screen.has_class("stale"), screen.query_one("#line").display

    (text, stale), after, shown = _look(desk, check)

    assert "the line broke" in text
    assert stale
    assert not after
    assert not shown
    assert desk.asked == [("head", "desk")] * 2


def test_old_numbers_do_not_look_like_those_of_now(updates, monkeypatch):
    """After a while without news."""
    monkeypatch.setattr(top_views, "STALE_S", -1.0)

    async def check(screen, _):
        return _drawn(screen, "line")

    assert "STALE" in _look(Fake(updates), check)


def test_space_holds_the_picture(updates):
    """Until it is pressed again."""
    head, desk = updates
    later = replace(head, cycle=head.cycle + 1)
    stream = Fake([head, desk])

    async def check(screen, pilot):
        await pilot.press("space")
        screen._hear(later)
        await pilot.pause()
        held, line = _drawn(screen, "head"), _drawn(screen, "line")
        await pilot.press("space")
        await pilot.pause()
        return held, line, _drawn(screen, "head")

    held, line, on = _look(stream, check)

    assert f"cycle {head.cycle}\n" in held
    assert "FROZEN" in line
    assert f"cycle {later.cycle}\n" in on


def test_who_may_look_no_longer_is_told_why():
    """And the screen ends."""

    async def check(screen, _):
        return screen.refused, screen.return_code

    assert _look(Fake([UnauthorizedError(401, "not_signed_in", "sign in first")]), check) == (
        "sign in first (401 not_signed_in)",
        2,
    )


@pytest.mark.parametrize("size", [(60, 20), (100, 40), (220, 60)])
def test_it_draws_at_any_size_in_light_and_dark(updates, size):
    """Without a fault, and with the first limit in sight."""

    async def check(screen, pilot):
        await pilot.press("t")
        await pilot.pause()
        return screen.export_screenshot()

    assert "LIMITS" in _look(Fake(updates), check, size).replace("&#160;", " ")


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "?" * 14),
        (0.0, "·" * 14),
        (0.5, "█" * 7 + "·" * 7),
        (1.0, "█" * 14),
        (7.0, "█" * 14),
        (1e-9, "▏" + "·" * 13),
    ],
)
def test_a_bar_is_full_at_the_limit(share, shown):
    """And a number that does not exist is no empty bar."""
    assert top_views.bar(share) == shown


def test_a_limit_that_could_not_be_computed_says_why(updates):
    """In place of its step."""
    row = updates[1].data["limits"][0] | {"utilisation": None, "value": None, "reason": "no price of IDX"}
    console = Console(width=150)
    with console.capture() as held:
        console.print(top_views.limits([row], 9))

    assert "no price of IDX" in held.get()
    assert "?" * 14 in held.get()


def test_alerts_and_kills_are_said_in_words():
    """Kills first."""
    kill = {"scope": "class", "name": "SPX", "text": "all cancelled", "owner": "rosa", "reason": "too quick"}
    alert = {"severity": "red", "text": "vega at 120 %", "acknowledged_by": "toni"}
    told = top_views.alerts({"kills": [kill], "alerts": [alert]}).plain

    assert told.index("STOPPED class SPX") < told.index("vega at 120 %")
    assert "seen by toni" in told


def test_without_textual_it_says_what_to_install(monkeypatch):
    """As a sentence, not as a trace."""
    monkeypatch.setitem(sys.modules, "textual", None)
    for name in [each for each in sys.modules if each.startswith(("textual.", "flatbook.cli.top_screen"))]:
        monkeypatch.delitem(sys.modules, name)
    answer = CliRunner().invoke(app, ["top"])

    assert isinstance(answer.exception, ScreenMissingError)
    assert "pip install 'flatbook[tui]'" in str(answer.exception)


def test_where_no_desk_runs_it_says_so(monkeypatch):
    """Before a screen is drawn."""
    answer = CliRunner().invoke(app, ["top", "http://127.0.0.1:1"])

    assert isinstance(answer.exception, UnreachableError)
    assert "flatbook run" in str(answer.exception)
