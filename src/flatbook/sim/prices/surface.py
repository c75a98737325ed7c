"""What every option is worth at a moment of a simulated day.

The smile is the SSVI of J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014) 59-71, with
phi = wings / sqrt(theta (1 + theta)): by their section 4 free of butterfly arbitrage while wings (1 + |tilt|) <= 2 and of calendar
arbitrage while theta rises with expiry. Theta runs in the session's variance years, with the variance of news still to come on top.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatbook.kernels import andersen_lake, european
from flatbook.market.clock import tau
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.sim.prices.path import Path
from flatbook.sim.prices.session import Session

_THETA_MIN = 1e-18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worth:
    """Of the option rows; NaN of those that have expired."""

    price: Floats
    delta: Floats  # of a European one
    vega: Floats  # price units per vol point
    deviations: Floats  # log-moneyness over the deviation at the money, at most 5
    alive: Bools  # still to expire


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """The options of a day as columns."""

    session: Session
    rows: Ints  # int64[m]: of the table
    strike: Floats
    sign: Floats
    american: Bools
    slice_of: NDArray[np.int32]
    expiry_ns: Ints  # int64[S]
    underlying: Ints  # int64[S]
    dividend_yield: Floats  # float64[S]
    pull_years: Floats  # float64[S]
    event_index: Ints  # int64[E]: the moment from which on each event has happened
    event_variance: Floats  # float64[E, S]: of each event, in each expiry


def chain_of(session: Session, table: InstrumentTable) -> Chain:
    """The options of a table."""
    rows = np.flatnonzero(table.is_option)
    expiry_ns = np.array([key.expiry_ns for key in table.slices], dtype=np.int64)
    underlying = table.underlying_of_slice
    terms = session.terms
    at = np.array([session.instant(event.minute) for event in terms.events], dtype=np.int64)
    touched = [
        [event.underlying in ("", terms.underlyings[u].symbol) for u in underlying] for event in terms.events
    ]
    priced = np.array([(event.deviation * event.implied_over_deviation) ** 2 for event in terms.events])
    holds = np.array(touched, dtype=np.bool_).reshape(at.size, expiry_ns.size) & (expiry_ns >= at[:, None])
    return Chain(
        session=session,
        rows=rows,
        strike=table.strike[rows],
        sign=table.sign[rows],
        american=table.american[rows],
        slice_of=table.slice_of[rows].astype(np.int32),
        expiry_ns=expiry_ns,
        underlying=underlying,
        dividend_yield=np.array([terms.underlyings[u].dividend_yield for u in underlying]),
        pull_years=np.array([terms.underlyings[u].smile.pull_years for u in underlying]),
        event_index=np.searchsorted(session.at_ns, at),
        event_variance=np.where(holds, priced[:, None], 0.0),
    )


def atm_variance(chain: Chain, path: Path, index: int) -> Floats:
    """Total implied variance at the money of each expiry, float64[S]; rises with expiry."""
    ahead = chain.session.variance_ahead(index, chain.expiry_ns)
    near, far = path.near_vol[index][chain.underlying] ** 2, path.far_vol[index][chain.underlying] ** 2
    gone = chain.pull_years * -np.expm1(-ahead / chain.pull_years)
    theta = far * ahead + (near - far) * gone
    to_come = chain.event_index > index
    if to_come.any():
        theta = theta + chain.event_variance[to_come].sum(axis=0)
    return np.asarray(theta)


def total_variance(log_moneyness: Floats, theta: Floats, tilt: Floats, wings: Floats) -> Floats:
    """SSVI at ln(K/F), float64[m]; all arguments by option."""
    x = wings / np.sqrt(theta * (1.0 + theta)) * log_moneyness
    return np.asarray(0.5 * theta * (1.0 + tilt * x + np.sqrt((x + tilt) ** 2 + 1.0 - tilt**2)))


def worth_at(chain: Chain, path: Path, index: int) -> Worth:
    """Value every option at a moment; at the very instant of expiry it is its intrinsic value."""
    session, of = chain.session, chain.slice_of
    now_ns = int(session.at_ns[index])
    years, u = tau(now_ns, chain.expiry_ns), chain.underlying
    spot, rate = path.spot[index][u], session.terms.rate
    forward = spot * np.exp((rate - chain.dividend_yield) * years)
    discount = np.exp(-rate * years)
    theta = np.maximum(atm_variance(chain, path, index), _THETA_MIN)
    log_moneyness = np.log(chain.strike) - np.log(forward)[of]
    tilt, wings = path.tilt[index][u], path.wings[index][u]
    variance = total_variance(log_moneyness, theta[of], tilt[of], wings[of])
    root = np.sqrt(np.where(years > 0.0, years, 1.0))
    vol = np.where((years > 0.0)[of], np.sqrt(variance) / root[of], 0.0)
    raw = np.empty((4, chain.strike.size))
    market = np.ascontiguousarray(np.vstack((spot, forward, years, discount, np.zeros(years.size))))
    european.value_chain_into(raw, market, of, chain.strike, vol, chain.sign)
    price, passed = raw[european.PRICE], (chain.expiry_ns < now_ns)[of]
    if chain.american.any():
        _exercise(chain, price, spot, years, vol)
    return Worth(
        price=np.where(passed, np.nan, price),
        delta=raw[european.DELTA],
        vega=raw[european.VEGA] / 100.0,
        deviations=np.minimum(np.abs(log_moneyness) / np.sqrt(theta)[of], 5.0),
        alive=(chain.expiry_ns > now_ns)[of],
    )


def _exercise(chain: Chain, price: Floats, spot: Floats, years: Floats, vol: Floats) -> None:
    """Raise the prices of American options, in place, to what early exercise makes of them."""
    mine = np.flatnonzero(chain.american)
    of = chain.slice_of[mine]
    rate = np.full(mine.size, chain.session.terms.rate)
    options = np.vstack(
        (spot[of], chain.strike[mine], years[of], vol[mine], rate, chain.dividend_yield[of], chain.sign[mine])
    )
    out, standing = np.empty((4, mine.size)), np.empty(mine.size, dtype=np.int8)
    andersen_lake.value_american(options, andersen_lake.FAST, out, standing)
    price[mine] = np.fmax(price[mine], out[andersen_lake.PRICE])
