"""What everybody but the desk bids and offers: around fair value, wider in the wings and when nervous, on the ticks of the exchange.

A half-spread is some vol points' worth of vega, or some ticks where that is less, and what the quoter's own hedge costs. The middle leans
away from fair value by a share of the half-spread that wanders from one time to the next, alike for a call and a put of one strike: it is
volatility that people differ on. A quote always holds the fair value.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.quoting.ticks import NO_PRICE, ask_ticks, bid_ticks
from flatbook.sim.chance import stream
from flatbook.sim.prices.hedges import HedgePaths
from flatbook.sim.prices.path import Path
from flatbook.sim.prices.session import Session
from flatbook.sim.prices.surface import Chain, Worth

_HALF_MIN_STEPS = 0.01  # a bid and an offer never meet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crowd:
    """What of the quotes is drawn: columns of the table at every so many minutes, between which it goes evenly."""

    session: Session
    table: InstrumentTable
    underlying_of: Ints
    step: Floats  # float64[n_rows]: smallest quoting step, price units
    hedge_rows: Ints  # int64[H]: in the order of the terms
    knot_minutes: float
    lean: Floats  # float64[knots, n_rows], in half-spreads
    bid_share: Floats  # float64[knots, n_rows]: of the usual size
    ask_share: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quotes:
    """Of all rows."""

    bid_ticks: Ints
    ask_ticks: Ints
    bid_size: Ints
    ask_size: Ints


def crowd_of(session: Session, table: InstrumentTable, seed: int) -> Crowd:
    """Draw what everybody thinks through a day."""
    crowd, n = session.terms.crowd, len(table.instruments)
    knots = int(session.terms.session_minutes / crowd.lean_minutes) + 2
    drawn = stream(seed, "prices/quotes").shares(3 * knots * n).reshape(3, knots, n)
    _, pair = np.unique(np.column_stack((table.slice_of, table.strike)), axis=0, return_inverse=True)
    lean = np.where(table.is_option, crowd.lean * (2.0 * drawn[0][:, pair] - 1.0), 0.0)
    step = np.array([item.tick_table[0].step_ticks / item.ticks_per_unit for item in table.instruments])
    return Crowd(
        session=session,
        table=table,
        underlying_of=table.underlying_of,
        step=step,
        hedge_rows=np.array([table.row_of(one.symbol) for one in session.terms.hedges], dtype=np.int64),
        knot_minutes=crowd.lean_minutes,
        lean=lean,
        bid_share=0.5 + drawn[1],
        ask_share=0.5 + drawn[2],
    )


def quotes_at(
    crowd: Crowd, chain: Chain, worth: Worth, hedges: HedgePaths, path: Path, index: int, fair: Floats
) -> Quotes:
    """The quotes of a moment; `fair` is of all rows."""
    terms, of = crowd.session.terms.crowd, crowd.underlying_of
    unease = path.unease[index][of]
    half, usual = np.zeros(fair.size), terms.size * (path.depth[index] / path.unease[index])[of]
    rows = chain.rows
    of_vol = terms.half_spread_points * worth.vega * (1.0 + terms.wing_widening * worth.deviations)
    wide = np.maximum(of_vol, terms.half_spread_min_ticks * crowd.step[rows])
    wide = wide + terms.half_spread_of_delta * path.spot[index][of[rows]] * np.abs(worth.delta)
    half[rows] = wide * unease[rows]
    half[crowd.hedge_rows], usual[crowd.hedge_rows] = hedges.half_spread[index], hedges.depth[index]
    half = np.maximum(half, _HALF_MIN_STEPS * crowd.step)

    open_for_trade = ~path.halted[index][of]
    open_for_trade[rows] &= worth.alive
    seen = np.where(open_for_trade, fair, np.nan)
    lean, bid_share, ask_share = _at(crowd, float(crowd.session.minute[index]))
    bid = bid_ticks(seen - half * (1.0 - lean), crowd.table)
    ask = ask_ticks(seen + half * (1.0 + lean), crowd.table)
    return Quotes(
        bid_ticks=bid,
        ask_ticks=ask,
        bid_size=_sizes(usual * bid_share, bid),
        ask_size=_sizes(usual * ask_share, ask),
    )


def _at(crowd: Crowd, minute: float) -> tuple[Floats, Floats, Floats]:
    knot, share = divmod(minute / crowd.knot_minutes, 1.0)
    k = int(knot)
    lean, bid, ask = (
        (1.0 - share) * column[k] + share * column[k + 1]
        for column in (crowd.lean, crowd.bid_share, crowd.ask_share)
    )
    return lean, bid, ask


def _sizes(wanted: Floats, ticks: Ints) -> Ints:
    return np.where(ticks == NO_PRICE, 0, np.maximum(np.rint(wanted), 1.0)).astype(np.int64)
