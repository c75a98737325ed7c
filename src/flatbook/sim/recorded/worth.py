"""Spot, forwards and vegas of a recorded market, from the middles of its quotes alone.

Forwards: the future that an expiry settles into; otherwise put-call parity, F = K + (C - P) / discount, the median over the strikes where
call and put are nearest to each other, at which early exercise is worth least. Vegas: Black (1976) at the volatility that the
out-of-the-money option of a strike implies, for its call and put alike (J. Hull, "Options, Futures, and Other Derivatives", chapters 11, 18 and 19).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.kernels import european
from flatbook.kernels.european import value_european
from flatbook.kernels.implied_vol import implied_vol_european
from flatbook.market.clock import tau
from flatbook.model.instruments import Right
from flatbook.model.recorded_day import RecordedDay
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints

_PAIRS = 5  # strikes of an expiry that tell its forward


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """What belongs together in a chain."""

    table: InstrumentTable  # of the whole recording
    forward_row: Ints  # [n_rows]
    twin: Ints  # [n_rows] the put of a call, the call of a put; -1: none
    calls: tuple[Ints, ...]  # of each expiry, those that have a put
    rate: float  # continuous, annual


def chain_of(day: RecordedDay, rate: float) -> Chain:
    """Pair calls with puts."""
    table = InstrumentTable(version=1, instruments=day.instruments)
    twin = np.full(len(day.instruments), -1, dtype=np.int64)
    place = {
        (int(table.slice_of[row]), item.strike, item.right): row
        for row, item in enumerate(day.instruments)
        if table.slice_of[row] >= 0
    }
    for (group, strike, right), row in place.items():
        if right is not None:
            twin[row] = place.get((group, strike, Right(-right)), -1)
    paired = (twin >= 0) & (table.sign > 0.0)
    calls = tuple(np.flatnonzero(paired & (table.slice_of == group)) for group in range(len(table.slices)))
    return Chain(table=table, forward_row=day.forward_row, twin=twin, calls=calls, rate=rate)


def forwards(chain: Chain, at_ns: int, middle: Floats, spot: float) -> Floats:
    """float64[n_rows]: the forward of each option; NaN where nothing tells it, and of what is no option.

    Parameters
    ----------
    chain : Chain
    at_ns : int
        UTC nanoseconds.
    middle : float64[n_rows]
        Price units; NaN where a side is missing.
    spot : float
        Carried by the rate where neither future nor parity tells; NaN where nobody knows it.
    """
    table = chain.table
    years = tau(at_ns, table.expiry_ns)
    by_expiry = np.array([_by_parity(chain, at_ns, middle, calls) for calls in chain.calls])
    out = np.where(table.is_option, by_expiry[table.slice_of], np.nan)
    settles = chain.forward_row >= 0
    out = np.where(settles, middle[chain.forward_row], out)
    carried = spot * np.exp(chain.rate * years)
    return np.where(np.isfinite(out) | ~table.is_option, out, carried)


def spot_by_parity(chain: Chain, at_ns: int, middle: Floats) -> float:
    """The forward of the first expiry that tells one, discounted; NaN where none does."""
    for calls in sorted(
        chain.calls, key=lambda each: int(chain.table.expiry_ns[each[0]]) if each.size else 0
    ):
        forward = _by_parity(chain, at_ns, middle, calls)
        if np.isfinite(forward):
            years = float(tau(at_ns, chain.table.expiry_ns[calls[:1]])[0])
            return float(forward * np.exp(-chain.rate * years))
    return float("nan")


def vegas(chain: Chain, at_ns: int, middle: Floats, forward: Floats) -> Floats:
    """float64[n_rows]: price units per vol point; 0 where no price tells a volatility, and of what is no option."""
    table = chain.table
    years = tau(at_ns, table.expiry_ns)
    inside = table.sign * (forward - table.strike) > 0.0  # in the money
    teller = np.where(inside & (chain.twin >= 0), chain.twin, np.arange(table.strike.size))
    teller = np.where(np.isfinite(middle[teller]), teller, np.arange(table.strike.size))
    rows = np.flatnonzero(
        table.is_option & (years > 0.0) & np.isfinite(forward) & np.isfinite(middle[teller])
    )
    teller = teller[rows]
    columns = (forward[rows], table.strike[rows], years[rows])
    discount = np.exp(-chain.rate * years[rows])
    tick = 1.0 / table.ticks_per_unit[rows]
    vol, _ = implied_vol_european(middle[teller], *columns, discount, table.sign[teller], tick)
    known = np.isfinite(vol)
    none_fixed: Bools = np.zeros(rows.size, dtype=np.bool_)
    raw = value_european(
        forward[rows], *columns, np.where(known, vol, 0.0), discount, table.sign[rows], none_fixed
    )
    out = np.zeros(table.strike.size)
    out[rows] = np.where(known, raw[european.VEGA] / 100.0, 0.0)
    return out


def _by_parity(chain: Chain, at_ns: int, middle: Floats, calls: Ints) -> float:
    apart = middle[calls] - middle[chain.twin[calls]]
    known = np.flatnonzero(np.isfinite(apart))
    if not known.size:
        return float("nan")
    nearest = known[np.argsort(np.abs(apart[known]), kind="stable")[:_PAIRS]]
    years = tau(at_ns, chain.table.expiry_ns[calls[nearest]])
    return float(np.median(chain.table.strike[calls[nearest]] + apart[nearest] * np.exp(chain.rate * years)))
