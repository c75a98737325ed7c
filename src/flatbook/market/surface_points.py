"""Which quotes of an underlying make its surface: the out-of-the-money one of each strike, as volatilities of bid, middle and offer.

All expiries of all classes of an underlying stand in one surface, so that none can be arbitraged against another. A
strike that is quoted on one side of parity only is told by that side, in the money or not.
"""

import numpy as np

from flatbook.market.quotes import Codes, QuoteStatus
from flatbook.market.surface import SmilePointsTable
from flatbook.model.table import Floats, InstrumentTable, Ints


def slices_of(table: InstrumentTable, underlying: int) -> Ints:
    """The slices of one underlying, int64[s]."""
    return np.flatnonzero(table.underlying_of_slice == underlying)


def slice_keys(table: InstrumentTable, slices: Ints) -> Ints:
    """What tells each slice from the others, int64[s]: its expiry in nanoseconds plus the number of its class.

    A key finds the same expiry in every later version of the table, since listings never renumber a class.
    """
    number = {name: at for at, name in enumerate(table.classes)}
    keys = [table.slices[s] for s in slices.tolist()]
    return np.array([key.expiry_ns + number[key.option_class] for key in keys], dtype=np.int64)


def points_of(
    table: InstrumentTable,
    slices: Ints,
    *,
    slice_years: Floats,
    forward: Floats,
    status: Codes,
    vol_bid: Floats,
    vol_mid: Floats,
    vol_ask: Floats,
) -> tuple[SmilePointsTable, Ints]:
    """The quotes that a surface over `slices` is fitted to.

    Parameters
    ----------
    table : InstrumentTable
    slices : int64[s]
        Of `table`, mostly `slices_of` an underlying.
    slice_years : float64[n_slices]
        Time to expiry of every slice of the table.
    forward, status, vol_bid, vol_mid, vol_ask : [n_rows]
        As in `market.view`: forward of each row's expiry, `QuoteStatus`, and the volatility of bid, middle and offer;
        of an American option those are the volatilities that give its American price.

    Returns
    -------
    SmilePointsTable
        Its slices are `slices`, in that order; its points ascend by slice and strike.
    int64[n]
        The row of each point.
    """
    number = np.full(len(table.slices) + 1, -1)  # the last entry is that of rows without a slice
    number[slices] = np.arange(slices.size)
    of_row = number[table.slice_of]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_moneyness = np.log(table.strike / forward)
    usable = (
        (of_row >= 0) & (status == QuoteStatus.USABLE) & np.isfinite(vol_mid) & np.isfinite(log_moneyness)
    )
    rows = np.flatnonzero(usable)
    in_the_money = table.sign[rows] * log_moneyness[rows] < 0.0
    rows = rows[np.lexsort((in_the_money, table.strike[rows], of_row[rows]))]
    rows = _first_of_each(rows, of_row, table.strike)
    points = SmilePointsTable(
        slice_index=of_row[rows],
        log_moneyness=log_moneyness[rows],
        vol_bid=vol_bid[rows],
        vol_mid=vol_mid[rows],
        vol_ask=vol_ask[rows],
        weight=np.ones(rows.size),
        years=slice_years[slices],
        keys=slice_keys(table, slices),
    )
    return points, rows


def _first_of_each(rows: Ints, of_row: Ints, strike: Floats) -> Ints:
    """The first row of each slice and strike, of rows sorted by them."""
    if not rows.size:
        return rows
    fresh = (np.diff(of_row[rows]) != 0) | (np.diff(strike[rows]) != 0.0)
    return rows[np.concatenate(([True], fresh))]
