"""What informed customers see: which way a series goes until their horizon.

The side that the horizon pays is the sign of what they see; with fair values that move as a Brownian motion of deviation s in the square root of a
unit of time, they earn (2 p - 1) s sqrt(h) sqrt(2 / pi) a unit in the mean (domain reference, validation case V41).
"""

import numpy as np

from flatbook.kernels.european_vol import implied_vol_european
from flatbook.market.clock import tau
from flatbook.model.instruments import Right
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.model.world_flow_terms import Knowledge
from flatbook.sim.moment import DayMarket


def changes_ahead(knows: Knowledge, market: DayMarket, now: Ints, later: Ints, rows: Ints) -> Floats:
    """What is known of each series.

    Parameters
    ----------
    knows : Knowledge
    market : DayMarket
    now, later : int64[n]
        Moments.
    rows : int64[n]
        Options.

    Returns
    -------
    float64[n]
        Its sign is the side that gains; NaN where nobody knows.
    """
    if knows is Knowledge.FAIR_VALUE:
        return _fair(market, later, rows) - _fair(market, now, rows)
    if knows is Knowledge.SPOT:
        return market.table.sign[rows] * (_spot(market, later, rows) - _spot(market, now, rows))
    return _vols(market, later, rows) - _vols(market, now, rows)


def _fair(market: DayMarket, at: Ints, rows: Ints) -> Floats:
    """NaN of -1, which is no row."""
    found = zip(at.tolist(), rows.tolist(), strict=True)
    return np.array(
        [market.moment(k).fair[row] if row >= 0 else np.nan for k, row in found], dtype=np.float64
    )


def _spot(market: DayMarket, at: Ints, rows: Ints) -> Floats:
    of = market.table.underlying_of
    found = zip(at.tolist(), rows.tolist(), strict=True)
    return np.array([market.moment(k).spot[of[row]] for k, row in found], dtype=np.float64)


def _vols(market: DayMarket, at: Ints, rows: Ints) -> Floats:
    """Implied volatilities without discounting, which is the same at both ends.

    The forward is that of put-call parity at the strike, or spot where the other right is not listed; the vol is read from what is out of
    the money.
    """
    table = market.table
    sign, strike = table.sign[rows], table.strike[rows]
    own, other = _fair(market, at, rows), _fair(market, at, _others(table, rows))
    forward = np.where(np.isfinite(other), strike + sign * (own - other), _spot(market, at, rows))
    turned = np.isfinite(other) & (sign * (forward - strike) > 0.0)
    years = np.array(
        [
            tau(int(market.at_ns[k]), table.expiry_ns[row : row + 1])[0]
            for k, row in zip(at.tolist(), rows.tolist(), strict=True)
        ]
    )
    vols, _ = implied_vol_european(
        np.where(turned, other, own),
        forward,
        strike,
        years,
        np.ones(rows.size),
        np.where(turned, -sign, sign),
        np.zeros(rows.size),
    )
    return np.asarray(vols)


def _others(table: InstrumentTable, rows: Ints) -> Ints:
    """int64[n]: the series of the other right at the same strike and expiry; -1 where there is none."""
    key = {
        (item.option_class, item.expiry_ns, item.strike, item.right): row
        for row, item in enumerate(table.instruments)
        if item.right is not None
    }
    found = []
    for row in rows.tolist():
        item = table.instruments[row]
        other = Right.PUT if item.right is Right.CALL else Right.CALL
        found.append(key.get((item.option_class, item.expiry_ns, item.strike, other), -1))
    return np.array(found, dtype=np.int64)
