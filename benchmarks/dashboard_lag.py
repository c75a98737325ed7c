"""From a publication to the screen: `python -m benchmarks.dashboard_lag [SECONDS]`.

Five thousand rows in one table of the Class page, five publications a second, every quote moved in each: how long until the browser has
painted them. Needs Chromium.
"""

import shutil
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tests.dashboard.serving import served
from tests.dashboard.worlds import pictures_of, renumbered, stage_of

from flatbook.live.snapshot import Snapshot
from flatbook.quoting.ticks import NO_PRICE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PERIOD_S = 0.2
SETTLES_MS = 500
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lags:
    """What a reader saw."""

    rows: int
    sent: int
    ms: np.ndarray[Any, np.dtype[np.float64]]  # of each publication that was painted
    complaints: list[str]  # of the browser

    @property
    def text(self) -> str:
        """In one line."""
        half, most = np.percentile(self.ms, 50), np.percentile(self.ms, 95)
        return (
            f"{self.rows:,d} rows, {self.ms.size} of {self.sent} publications painted; "
            f"lag median {half:.0f} ms, 95th percentile {most:.0f} ms, worst {self.ms.max():.0f} ms"
        )


def wide() -> Snapshot:
    """A class of 5,040 series."""
    days = tuple(range(2, 72, 5))
    stage = stage_of(minutes=1.0, spacing_s=20.0, cycle_s=20.0, orders=10.0, expiry_days=days, strikes=180)
    return pictures_of(stage, cycles=1)[-1]


def requoted(snapshot: Snapshot, number: int, chance: np.random.Generator) -> Snapshot:
    """The picture again, with every quote a few ticks elsewhere, as a busy market has it; positions tell which publication it is."""
    quotes = snapshot.cycle.quotes
    moved = chance.integers(-3, 4, quotes.bid.size)
    bid = np.where(quotes.bid == NO_PRICE, NO_PRICE, np.maximum(quotes.bid + moved, 1))
    ask = np.where(quotes.ask == NO_PRICE, NO_PRICE, np.maximum(quotes.ask + moved, 2))
    held = snapshot.cycle.book.quantity.copy()
    held[snapshot.cycle.table.is_option] = number
    cycle = replace(
        snapshot.cycle,
        quotes=replace(quotes, bid=bid, ask=ask),
        book=replace(snapshot.cycle.book, quantity=held),
    )
    return replace(renumbered(snapshot, number), cycle=cycle)


def measure(picture: Snapshot, seconds: float) -> Lags:
    """Publish for so long, and see when the browser painted."""
    from playwright.sync_api import sync_playwright

    chance, sent, complaints = np.random.default_rng(7), {}, []
    prepared = [requoted(picture, 10 + n, chance) for n in range(round(seconds / PERIOD_S))]
    with served(renumbered(picture, 1)) as desk, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{desk.url}/class/IDX?expiry=all")
        page.wait_for_selector(".vrow")
        page.evaluate(WATCH)
        begun = time.monotonic()
        for n, snapshot in enumerate(prepared):
            page.wait_for_timeout(max(0.0, 1e3 * (begun + n * PERIOD_S - time.monotonic())))
            sent[snapshot.number] = time.time() * 1e3  # noqa: TID251 - the browser's clock, which is this machine's
            desk.publish(snapshot)
        page.wait_for_timeout(SETTLES_MS)
        seen = {number: at for number, at in page.evaluate("window.seen") if number in sent}
        browser.close()
    return Lags(
        rows=int(picture.cycle.table.is_option.sum()),
        sent=len(sent),
        ms=np.array([seen[number] - sent[number] for number in seen]),
        complaints=complaints,
    )


def main() -> None:
    """Measure and say so."""
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine")
    lags = measure(wide(), float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
    print(lags.text)
    print("\n".join(lags.complaints))


if __name__ == "__main__":
    main()
