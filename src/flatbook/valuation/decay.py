"""What an option loses as time passes at unchanged prices and volatilities: carry by the calendar, variance by the clock.

Source: domain reference 0 (three clocks). With w = vol^2 tau the total variance left, an option's theta in calendar time is
what carry makes plus dV/dw times the variance of a day, were variance to fall evenly. By a clock the second part is

    V(w - vol^2 (tau(now) - tau(then))) - V(w)

whole and not to first order: a weekend takes little, an event all of its variance at its instant, the last day all that is
left. It is that of the Black formula on the same forward, times the ratio of the two vegas: exact for Europeans, the same
slope in w for what is exercised early.
"""

import numpy as np

from flatbook.kernels.european import PRICE, VEGA, price_european, value_european
from flatbook.market.clock import CALENDAR, NS_PER_DAY, tau
from flatbook.market.view import MarketView
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Bools, Floats, Ints


def by_clock(market: MarketView) -> Bools:
    """Options whose volatility goes by another clock than the calendar, bool[n_rows]."""
    own = np.array([clock is not CALENDAR for clock in market.clocks], dtype=np.bool_)
    table = market.table
    return table.is_option & own[table.underlying_of] if own.any() else np.zeros(len(table.instruments), bool)


def theta_by_clock(market: MarketView, rows: Ints, even_theta: Floats, vega: Floats) -> Floats:
    """Change of value over the next calendar day, carry to first order and variance as it falls.

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Options.
    even_theta, vega : float64[n]
        dV/dt per calendar year as if variance fell evenly, and dV/dvol per 1.00, in any one currency.

    Returns
    -------
    float64[n]
        In the currency of the Greeks.
    """
    years, vol = market.years[rows], market.vol[rows]
    with np.errstate(divide="ignore", invalid="ignore"):  # no time left, no theta
        of_carry = even_theta + 0.5 * vega * vol / years
    return np.asarray(
        of_carry * np.minimum(1.0 / CALENDAR_DAYS, years)
        + variance_decay(market, rows, vega, market.now_ns + NS_PER_DAY)
    )


def decay_until(market: MarketView, rows: Ints, theta_per_day: Floats, vega: Floats, then_ns: int) -> Floats:
    """Change of value from the view's time to another, from the theta of a day.

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Any instruments.
    theta_per_day, vega : float64[n]
        Per calendar day, and dV/dvol per 1.00, in one currency.
    then_ns : int
        UTC nanoseconds, not before the view.

    Returns
    -------
    float64[n]
        Theta times days where volatility goes by the calendar.
    """
    out = theta_per_day * ((then_ns - market.now_ns) / NS_PER_DAY)
    mine = np.flatnonzero(by_clock(market)[rows])
    if mine.size:
        some = rows[mine]
        of_day = variance_decay(market, some, vega[mine], market.now_ns + NS_PER_DAY)
        left = np.minimum(market.years[some], tau(market.now_ns, np.array([then_ns])))
        with np.errstate(divide="ignore", invalid="ignore"):
            days = left / np.minimum(market.years[some], 1.0 / CALENDAR_DAYS)
        carried = (theta_per_day[mine] - of_day) * days
        out[mine] = carried + variance_decay(market, some, vega[mine], then_ns)
    return out


def variance_decay(market: MarketView, rows: Ints, vega: Floats, then_ns: int) -> Floats:
    """Change of value by the variance that falls until an instant, carry held, float64[n].

    Parameters
    ----------
    market : MarketView
    rows : int64[n]
        Options.
    vega : float64[n]
        Per 1.00 of vol; the result is in its currency.
    then_ns : int
        UTC nanoseconds, not before the view.
    """
    time = market.variance_time
    assert time is not None, "all volatilities go by the calendar"
    of = market.table.slice_of[rows]
    now, then = time.years[of], time.at(then_ns).years[of]
    columns = (market.forward[rows], market.table.strike[rows])
    vol, discount, sign = market.vol[rows], market.discount[rows], market.table.sign[rows]
    fixed = np.ones(rows.size, dtype=np.bool_)
    raw = value_european(columns[0], *columns, now, vol, discount, sign, fixed)
    lost = price_european(*columns, then, vol, discount, sign) - raw[PRICE]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = vega / raw[VEGA]
    return np.asarray(np.where(np.isfinite(ratio), ratio, 0.0) * lost)
