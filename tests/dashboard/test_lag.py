"""Five thousand rows, five times a second: how long a publication takes until it is on the screen.

Needs the browser of the machine; where there is none it is skipped.
"""

import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from flatbook.quoting.ticks import NO_PRICE
from tests.dashboard.serving import served
from tests.dashboard.worlds import pictures_of, renumbered, stage_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LAG_MOST_MS = 250.0
PERIOD_S, SECONDS = 0.2, 3.0


def requoted(snapshot, number, chance):
    """The picture again, with every quote a few ticks elsewhere, as a busy market has it."""
    quotes = snapshot.cycle.quotes
    moved = chance.integers(-3, 4, quotes.bid.size)
    bid = np.where(quotes.bid == NO_PRICE, NO_PRICE, np.maximum(quotes.bid + moved, 1))
    ask = np.where(quotes.ask == NO_PRICE, NO_PRICE, np.maximum(quotes.ask + moved, 2))
    # one call's position tells a reader of the page which publication it sees
    held = snapshot.cycle.book.quantity.copy()
    held[snapshot.cycle.table.is_option] = number
    cycle = replace(
        snapshot.cycle,
        quotes=replace(quotes, bid=bid, ask=ask),
        book=replace(snapshot.cycle.book, quantity=held),
    )
    return replace(renumbered(snapshot, number), cycle=cycle)


WATCH = """() => {
  window.seen = [];
  let last = '';
  const look = () => {
    const cell = document.querySelector('.vrow [role=gridcell]');
    const text = cell ? cell.textContent : '';
    if (text && text !== last) { last = text; window.seen.push([Number(text.replace(/[+,]/g, '')), Date.now()]); }
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.fixture(scope="module")
def wide():
    """A class of 5,040 series."""
    stage = stage_of(
        minutes=1.0,
        spacing_s=20.0,
        cycle_s=20.0,
        orders=10.0,
        expiry_days=tuple(range(2, 72, 5)),
        strikes=180,
    )
    return pictures_of(stage, cycles=1)[-1]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_five_thousand_rows_five_times_a_second_are_on_the_screen_in_time(wide):
    """The 95th percentile from publication to paint, over all expiries in one table."""
    sync_api = pytest.importorskip("playwright.sync_api")
    rows = int(wide.cycle.table.is_option.sum())
    chance, sent = np.random.default_rng(7), {}
    prepared = [requoted(wide, 10 + n, chance) for n in range(round(SECONDS / PERIOD_S))]
    with served(renumbered(wide, 1)) as desk, sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        problems = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{desk.url}/class/IDX?expiry=all")
        page.wait_for_selector(".vrow")
        page.evaluate(WATCH)
        begun = time.monotonic()
        for n, snapshot in enumerate(prepared):
            page.wait_for_timeout(max(0.0, 1e3 * (begun + n * PERIOD_S - time.monotonic())))
            sent[snapshot.number] = time.time() * 1e3  # noqa: TID251 - the browser's clock, which is this machine's
            desk.publish(snapshot)
        page.wait_for_timeout(500)
        seen = {number: at for number, at in page.evaluate("window.seen") if number in sent}
        browser.close()
    lags = np.array([seen[number] - sent[number] for number in seen])
    told = f"{rows} rows, {lags.size} of {len(sent)} seen, lag median {np.median(lags):.0f} ms, most {lags.max():.0f} ms"
    assert rows >= 5_000
    assert problems == []
    assert lags.size >= 0.8 * len(sent), told
    assert np.percentile(lags, 95) < LAG_MOST_MS, told
