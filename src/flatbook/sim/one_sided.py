"""Customers who all want the same: a seeded morning of fills in the series of any chain, which leaves the desk with a book that leans.

SYNTHETIC flow on quotes that may be real. Most buy calls, some buy puts, few sell puts; near expiries and strikes within two standard
deviations draw most, as the open interest of listed options does. Customers pay the offer of the moment and are paid its bid.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.quotes import QuoteStatus
from flatbook.market.view import MarketView
from flatbook.model.errors import InvalidValueError
from flatbook.model.events import Capacity, Fill
from flatbook.model.instruments import Side
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints
from flatbook.sim.chance import Chance

_HOUR_NS = 3_600_000_000_000
_REACH = 2.5  # standard deviations from the forward beyond which nobody asks
_MIDDLE_DAYS = 30.0  # to expiry, which draws most
_DAYS_MIN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """What customers want; shares of all of them, the rest sells puts."""

    calls_bought: float = 0.65
    puts_bought: float = 0.25
    contracts: float = 4.0  # mean size above the first contract

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        shares = (self.calls_bought, self.puts_bought)
        if not (all(0.0 <= each <= 1.0 for each in shares) and sum(shares) <= 1.0 and self.contracts >= 0.0):
            msg = (
                f"crowd: shares must be from 0 to 1 and add to at most 1, and contracts 0 or above, "
                f"was {shares} and {self.contracts}"
            )
            raise InvalidValueError(msg)


def one_sided_fills(
    market: MarketView, *, fills: int, seed: int, underlying: str = "", crowd: Crowd | None = None
) -> tuple[Fill, ...]:
    """Our fills, in order of time, over the hour before the market was seen.

    Parameters
    ----------
    market : MarketView
    fills : int
        How many.
    seed : int
        0 or above; the same gives the same fills.
    underlying : str
        Whose options; empty: of all.
    crowd : Crowd, optional

    Raises
    ------
    InvalidValueError
        No series has a usable quote on both sides.
    """
    crowd = crowd or Crowd()
    chance, table = Chance(seed), market.table
    rows, weight = _wanted(market, underlying)
    calls = table.sign[rows] > 0
    if not (calls.any() and (~calls).any()):
        msg = f"one-sided customers of {underlying or 'the chain'}: no calls or no puts with usable quotes on both sides"
        raise InvalidValueError(msg)
    out = []
    for number in range(fills):
        drawn = chance.share()
        wants_call = drawn < crowd.calls_bought
        theirs = Side.BUY if drawn < crowd.calls_bought + crowd.puts_bought else Side.SELL
        mine = calls if wants_call else ~calls
        row = int(_drawn(rows[mine], weight[mine], chance))
        price = market.ask[row] if theirs is Side.BUY else market.bid[row]
        at_ns = market.now_ns - _HOUR_NS + (number + 1) * (_HOUR_NS // (fills + 1))
        out.append(
            Fill(
                received_ns=at_ns,
                fill_id=f"CROWD-{number + 1:05d}",
                instrument=table.instruments[row].symbol,
                side=Side(-theirs),
                quantity=1 + int(chance.wait(crowd.contracts)) if crowd.contracts else 1,
                price_ticks=round(float(price) * float(table.ticks_per_unit[row])),
                traded_ns=at_ns,
                capacity=Capacity.CUSTOMER,
                venue="SIM",
            )
        )
    return tuple(out)


def _wanted(market: MarketView, underlying: str) -> tuple[Ints, Floats]:
    """Rows that customers ask for, and how often."""
    table = market.table
    live = (
        table.is_option & (market.status == QuoteStatus.USABLE) & (market.bid > 0.0) & np.isfinite(market.vol)
    )
    live &= market.years * CALENDAR_DAYS >= _DAYS_MIN
    if underlying:
        live &= np.array([name == underlying for name in table.underlyings])[table.underlying_of]
    rows = np.flatnonzero(live)
    forward, years = market.slice_forward[table.slice_of[rows]], market.years[rows]
    off = np.log(table.strike[rows] / forward) / (market.vol[rows] * np.sqrt(years))
    near = np.log(years * CALENDAR_DAYS / _MIDDLE_DAYS)
    weight = np.where(np.abs(off) <= _REACH, np.exp(-0.5 * off**2 - 0.5 * near**2), 0.0)
    some = weight > 0.0
    return rows[some], weight[some]


def _drawn(rows: Ints, weight: Floats, chance: Chance) -> int:
    along = np.cumsum(weight)
    return int(rows[min(int(np.searchsorted(along, chance.share() * along[-1])), rows.size - 1)])
