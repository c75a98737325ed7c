"""The market between two fits: what was fitted last, moved with prices; only underlyings that something new was seen of.

Forwards follow the price that they stand on, F' = F + (x - 1) S e^((r - y) T) with x the ratio of the prices now and at the fit: one
price of dividends to come stays (domain reference 4.18, `forwards.Carry`). Volatilities are the caller's (domain reference 4.15, the
surface's own dynamics). Surfaces, rates, yields, volatilities of quotes and what is wrong with an expiry are those of the fit; quotes, their age
and their faults are of this instant, of every row. An underlying that nothing new was seen of keeps its forwards, times and volatilities, as of
its `valued_ns`. Holds: what a moved underlying is told depends on the fit and on this instant alone, not on what was repriced in between, nor on
which other underlyings moved.
"""

from dataclasses import replace

import numpy as np

from flatbook.market.build import AGE_MAX_S, health_of
from flatbook.market.clock import tau
from flatbook.market.quote_memory import Judged, judge
from flatbook.market.quotes import Codes, QuoteStatus, outside_bounds, sort_quotes
from flatbook.market.state import MarketState, quotes_now
from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints


def spots_of(state: MarketState, table: InstrumentTable) -> Floats:
    """The last price of each underlying, float64[n_underlyings]; NaN where none came."""
    return np.array([state.spot.get(name, np.nan) for name in table.underlyings])


def futures_of(state: MarketState, table: InstrumentTable) -> Floats:
    """The last price of the future that each expiry settles on, float64[n_slices]; NaN where there is none."""
    return np.array([state.future.get(key, np.nan) for key in table.slices])


def moved_underlyings(state: MarketState, before: MarketView, quoted_ns: Ints) -> Bools:
    """Underlyings of which a quote or a price came since `before`, bool[n_underlyings].

    Parameters
    ----------
    state : MarketState
    before : MarketView
        Of the same table.
    quoted_ns : int64[n_rows]
        When each quote had been received then.
    """
    table = before.table
    fresh = state.quoted_ns != quoted_ns
    for now, then in ((state.bid, before.bid), (state.ask, before.ask)):
        fresh |= _differs(now, then)
    out = np.bincount(table.underlying_of[fresh], minlength=len(table.underlyings)) > 0
    out |= _differs(spots_of(state, table), before.spot) | (_spot_ns(state, table) != before.spot_ns)
    out[table.underlying_of_slice[_differs(futures_of(state, table), before.slice_future)]] = True
    return out


def repriced_view(
    state: MarketState, fitted: MarketView, before: MarketView, now_ns: int, moved: Bools, vol: Floats
) -> MarketView:
    """The market at `now_ns` without a fit.

    Parameters
    ----------
    state : MarketState
    fitted, before : MarketView
        The last that was fitted, and the last of all; of the same table.
    now_ns : int
        UTC nanoseconds; no expiry, ex-date or event lies between the fit and it.
    moved : bool[n_underlyings]
    vol : float64[n_rows]
        Of the smile.
    """
    table = before.table
    of_slice, of_row = moved[table.underlying_of_slice], moved[table.underlying_of]
    spot, future = spots_of(state, table), futures_of(state, table)
    years = np.where(of_slice, tau(now_ns, _expiry_ns(table)), before.slice_years)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(
            np.isfinite(fitted.slice_future),
            future / fitted.slice_future,
            (spot / fitted.spot)[table.underlying_of_slice],
        )
    standing = fitted.slice_spot * ratio
    rise = (standing - fitted.slice_spot) * np.exp(
        (fitted.slice_rate - fitted.slice_yield) * fitted.slice_years
    )
    slice_forward = np.where(of_slice, fitted.slice_forward + rise, before.slice_forward)
    slice_discount = np.where(of_slice, np.exp(-fitted.slice_rate * years), before.slice_discount)
    forward, discount = (
        np.append(column, otherwise)[table.slice_of]
        for column, otherwise in ((slice_forward, np.nan), (slice_discount, 1.0))
    )
    seen = replace(
        before,
        now_ns=now_ns,
        spot=spot,
        spot_ns=_spot_ns(state, table),
        valued_ns=np.where(moved, now_ns, before.valued_ns),
        slice_years=years,
        slice_forward=slice_forward,
        slice_future=future,
        slice_discount=slice_discount,
        slice_spot=np.where(of_slice, standing, before.slice_spot),
        dividend_years=_dividend_years(fitted, before, now_ns, moved),
        bid=state.bid.copy(),
        ask=state.ask.copy(),
        bid_size=state.bid_size.copy(),
        ask_size=state.ask_size.copy(),
        age_s=np.where(state.quoted_ns > 0, (now_ns - state.quoted_ns) / 1e9, np.nan),
        years=np.where(of_row & table.is_option, tau(now_ns, table.expiry_ns), before.years),
        forward=forward,
        discount=discount,
        unit=np.where(table.inverse & table.is_option, forward, 1.0),
        vol=vol,
    )
    return _with_status(seen, fitted, judge(state.memory, quotes_now(state, table, now_ns)))


def _with_status(seen: MarketView, fitted: MarketView, judged: Judged) -> MarketView:
    status = _status(seen, fitted, judged.copied, judged.wide)
    return replace(seen, status=status, judged=judged, health=health_of(seen, judged, status))


def _status(seen: MarketView, fitted: MarketView, copied: Bools, wide: Bools) -> Codes:
    """Of every quote as it stands now; whether a price tells a volatility is as the fit found."""
    table, age_s = seen.table, np.where(np.isnan(seen.age_s), np.inf, seen.age_s)
    status = sort_quotes(seen.bid, seen.ask, age_s, seen.years, AGE_MAX_S, copied=copied, wide=wide)
    usable = table.is_option & np.isfinite(seen.forward) & (status == QuoteStatus.USABLE)
    floor = np.zeros(status.size)
    if table.american.any():
        delivered = np.where(np.isfinite(seen.slice_future), seen.slice_forward, seen.slice_spot)
        exercised = table.sign * (np.append(delivered, np.nan)[table.slice_of] - table.strike)
        floor = np.where(table.american, np.maximum(exercised, 0.0), 0.0)
    bad = usable & outside_bounds(
        seen.bid * seen.unit,
        seen.ask * seen.unit,
        seen.forward,
        table.strike,
        seen.discount,
        table.sign,
        floor,
    )
    by_vol = usable & ((fitted.status == QuoteStatus.NO_VOL) | (fitted.status == QuoteStatus.ABSURD_VOL))
    status[by_vol] = fitted.status[by_vol]
    status[bad] = QuoteStatus.OUT_OF_BOUNDS
    return status


def _dividend_years(fitted: MarketView, before: MarketView, now_ns: int, moved: Bools) -> tuple[Floats, ...]:
    """Time to each cash dividend, by underlying."""
    passed = float(tau(fitted.now_ns, np.array([now_ns]))[0])
    return tuple(
        paid - passed if moves and paid.size else old
        for paid, old, moves in zip(fitted.dividend_years, before.dividend_years, moved.tolist(), strict=True)
    )


def _spot_ns(state: MarketState, table: InstrumentTable) -> Ints:
    return np.array([state.spot_ns.get(name, 0) for name in table.underlyings], dtype=np.int64)


def _expiry_ns(table: InstrumentTable) -> Ints:
    return np.array([key.expiry_ns for key in table.slices], dtype=np.int64)


def _differs(now: Floats, then: Floats) -> Bools:
    """Where two columns are not the same; a NaN is itself."""
    return np.asarray(~((now == then) | (np.isnan(now) & np.isnan(then))))
