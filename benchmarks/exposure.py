"""A whole desk: 10,000 positions over 5,000 series and 50 underlyings, beside a plain QuantLib loop over some of the series.

The loop is what a desk writes first: one option object a series, quotes that it sets, NPV() read in every cell. Half of the
series are European (analytic engine), half American (QdFp, fast scheme, which is QuantLib's fastest that converges). Europeans
read their Greeks from the engine, Americans by bumping, two prices a Greek. Our slide is a full revaluation of every
series held, summed to every grouping of the book. The loop runs on one thread, ours on one and on two; answers are compared
before they are timed.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter

import numpy as np
import QuantLib as ql  # noqa: N813 - as its users call it

from benchmarks.exposure_world import NOW_NS, RATE, SPOT, YIELD, world
from flatbook.book.view import Holdings
from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.grouping import Axis, by_position, grouping
from flatbook.exposure.running import running
from flatbook.exposure.slide_cells import Workspace, cells_of, pnl_by_groups
from flatbook.exposure.slides import MOVES, SHIFTS_POINTS
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.view import MarketView
from flatbook.valuation.revalue import make_ready, renewed
from flatbook.valuation.values import Values, value

SAMPLE = 20  # series that QuantLib prices
ROUNDS = 11


class Loop:
    """The plain loop over some series."""

    def __init__(self, market: MarketView, rows: list[int]) -> None:
        """One option a series."""
        today = ql.Date(14, 11, 2023)
        ql.Settings.instance().evaluationDate = today
        counter = ql.Actual365Fixed()
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(today, rate, counter)) for rate in (YIELD, RATE)]
        self.spot, self.market, self.rows = ql.SimpleQuote(SPOT), market, rows
        self.vols, self.options = [], []
        for row in rows:
            item = market.table.instruments[row]
            vol = ql.SimpleQuote(float(market.vol[row]))
            surface = ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(vol), counter)
            )
            process = ql.BlackScholesMertonProcess(ql.QuoteHandle(self.spot), *curves, surface)
            days = (item.expiry_ns - NOW_NS) // NS_PER_DAY
            self.options.append(self._option(item, process, today, int(days)))
            self.vols.append(vol)

    @staticmethod
    def _option(item, process, today, days):
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if item.right > 0 else ql.Option.Put, item.strike)
        american = item.style.value == "american"
        exercise = ql.AmericanExercise(today, today + days) if american else ql.EuropeanExercise(today + days)
        option = ql.VanillaOption(payoff, exercise)
        option.setPricingEngine(
            ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.fastScheme())
            if american
            else ql.AnalyticEuropeanEngine(process)
        )
        return option

    def slide(self) -> np.ndarray:
        """Prices in every cell, float64[series, m, v]."""
        out = np.empty((len(self.rows), MOVES.size, SHIFTS_POINTS.size))
        for i, (option, vol, row) in enumerate(zip(self.options, self.vols, self.rows, strict=True)):
            base = float(self.market.vol[row])
            for v, shift in enumerate(SHIFTS_POINTS.tolist()):
                vol.setValue(max(base + shift / 100.0, 0.001))
                for m, move in enumerate(MOVES.tolist()):
                    self.spot.setValue(SPOT * (1.0 + move))
                    out[i, m, v] = option.NPV()
            vol.setValue(base)
            self.spot.setValue(SPOT)
        return out

    def greeks(self) -> float:
        """Price, delta, gamma, vega, theta and rho of every series."""
        total = 0.0
        for option, vol, row in zip(self.options, self.vols, self.rows, strict=True):
            if self.market.table.american[row]:
                total += option.NPV()
                total += sum(
                    self._bumped(option, quote, by) for quote, by in ((self.spot, 0.01), (vol, 1e-4))
                )
                total += sum(self._bumped(option, vol, 1e-4) for _ in ("theta", "rho"))  # as dear as a vol
            else:
                vol.setValue(float(self.market.vol[row]))
                self.spot.setValue(SPOT)
                option.recalculate()
                total += option.NPV() + option.delta() + option.gamma() + option.vega()
                total += option.theta() + option.rho()
        return total

    @staticmethod
    def _bumped(option, quote, by):
        base = quote.value()
        quote.setValue(base + by)
        up = option.NPV()
        quote.setValue(base - by)
        down = option.NPV()
        quote.setValue(base)
        return (up - down) / (2.0 * by)


_OF_HOLDERS = (Axis.ACCOUNT, Axis.STRATEGY)  # the other axes are of the series, whoever holds it


def _groups(holdings: Holdings, market: MarketView):
    """Lines, groups and their number: of each holder, or net of each series."""
    net = by_position(holdings, len(market.table.instruments))
    row = np.flatnonzero(net)
    nobody = np.zeros_like(row)
    position = replace(holdings, row=row, account=nobody, strategy=nobody, quantity=net[row])
    out = []
    for mine, axes in (
        (position, [axis for axis in Axis if axis not in _OF_HOLDERS]),
        (holdings, _OF_HOLDERS),
    ):
        groups = [grouping(axis, mine, market) for axis in axes]
        out.append((mine, np.array([one.of for one in groups]), tuple(len(one.labels) for one in groups)))
    return out


def _slide(groups, values: Values, market, rows, ready, *, executor=None, workspaces):
    cells = cells_of(
        rows, values, market, MOVES, SHIFTS_POINTS, ready=ready, executor=executor, workspace=workspaces[-1]
    )

    def summed(book, workspace):
        mine, of, sizes = book
        return pnl_by_groups(of, sizes, mine.row, mine.quantity, cells, workspace)

    return list((executor.map if executor else map)(summed, groups, workspaces))


def timings() -> Iterator[str]:
    """A line for each workload: ours, QuantLib's for as many series, and the ratio."""
    market, holdings, desk = world()
    values, groups = value(market), _groups(holdings, market)
    held = by_position(holdings, len(market.table.instruments))
    rows = np.unique(holdings.row)
    loop = Loop(market, rows[:: max(rows.size // SAMPLE, 1)].tolist())
    _agree(loop, market, values)
    cells = MOVES.size * SHIFTS_POINTS.size
    ready = make_ready(market, values, rows, cells)
    moved = replace(
        market,
        **{
            name: getattr(market, name) * 1.001 for name in ("spot", "slice_spot", "slice_forward", "forward")
        },
    )
    moved_values = value(moved)
    scale = rows.size / len(loop.rows)
    threads, kept = ThreadPoolExecutor(2), [Workspace() for _ in range(len(groups) + 1)]
    work = {
        f"slide {MOVES.size} x {SHIFTS_POINTS.size} to all {len(Axis)} groupings, tables warm": (
            lambda: _slide(
                groups, moved_values, moved, rows, renewed(ready, moved, moved_values), workspaces=kept
            ),
            loop.slide,
        ),
        "the same on two threads": (
            lambda: _slide(
                groups,
                moved_values,
                moved,
                rows,
                renewed(ready, moved, moved_values),
                executor=threads,
                workspaces=kept,
            ),
            loop.slide,
        ),
        "the same on one, engines chosen and tables built anew": (
            lambda: _slide(groups, values, market, rows, None, workspaces=[None] * 3),
            loop.slide,
        ),
        "all Greeks of 5,000 series, and their sums": (
            lambda: aggregate(held, value(market), market, desk),
            loop.greeks,
        ),
    }
    for name, (ours, peer) in work.items():
        yield _line(
            name, ours, peer, len(market.table.instruments) / len(loop.rows) if "Greeks" in name else scale
        )
    threads.shutdown()
    yield _fills(held, values, market, desk)


def _agree(loop: Loop, market: MarketView, values: Values) -> None:
    rows = np.array(loop.rows)
    ours = cells_of(rows, values, market, MOVES, SHIFTS_POINTS).pnl / 100.0
    theirs = loop.slide()
    still = theirs[:, MOVES == 0.0, SHIFTS_POINTS == 0.0][:, :, None]
    apart = np.abs(ours - (theirs - still)).max()
    assert apart < 0.01, f"slides differ by {apart} a share"


def _line(name: str, ours, peer, scale: float) -> str:
    ours()
    pairs = []
    for _ in range(ROUNDS):
        start = perf_counter()
        ours()
        middle = perf_counter()
        peer()
        pairs.append((middle - start, (perf_counter() - middle) * scale))
    mine, theirs = np.array(pairs).T
    low, median, high = np.quantile(theirs / mine, [0.1, 0.5, 0.9])
    return f"{name:68} {np.median(mine) * 1e3:9.1f}ms {np.median(theirs):9.2f}s {median:9.0f} x ({low:.0f}-{high:.0f})"


def _fills(held, values, market, desk) -> str:
    live = running(aggregate(held, values, market, desk), values, market, desk)
    random = np.random.default_rng(3)
    rows = random.integers(0, held.size, 2000).tolist()
    took = np.empty(len(rows))
    for i, row in enumerate(rows):
        start = perf_counter()
        live.hold(row, int(held[row]) + i)
        took[i] = perf_counter() - start
    median, most = np.quantile(took, [0.5, 0.99])
    return f"{'exposure after one fill':68} {median * 1e6:9.0f}us, 99 % within {most * 1e6:.0f}us"


if __name__ == "__main__":
    for each in timings():
        print(each, flush=True)
