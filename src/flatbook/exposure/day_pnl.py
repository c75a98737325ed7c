"""P&L of a book on each of many days, every day with a move of spot and a change of volatility of its own.

Europeans are priced day by day by the closed form. What exercises early, or has cash dividends, is the closed form plus a
premium; the premium is solved on a grid of moves and changes of volatility that covers the days, and read by cubic
interpolation between. That adds up to 4e-6 of the price of the underlying to what the engines err (vol 25 %, 20 to 400 days, days
of 3 % and 3 points; the tests hold it to 2e-5).
"""

from dataclasses import replace

import numpy as np

from flatbook.exposure.aggregate import worst_loss
from flatbook.kernels.european import price_european_into
from flatbook.market.clock import NS_PER_DAY, NS_PER_YEAR
from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain import OptionClass, prepare, reprice_into
from flatbook.valuation.chain_class import VOL_FLOOR
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.revalue import revalue
from flatbook.valuation.spot_vol import vol_moves
from flatbook.valuation.values import Values

_DAY = NS_PER_DAY / NS_PER_YEAR  # expiries nearer than this take the change of volatility of a day to expiry
_BLOCK_CELLS = 1 << 18
_MOVE_NODES, _VOL_NODES = 49, 9
_NO_SHIFT = np.zeros(1)


def scenario_pnl(
    quantity: Ints, values: Values, market: MarketView, moves: Floats, vol_points: Floats
) -> Floats:
    """P&L of the book on each day, by underlying.

    Parameters
    ----------
    quantity : int64[n_rows]
        Net contracts.
    values, market
        The base. A held series without a value counts at the most it can lose.
    moves : float64[d, n_underlyings]
        Relative, above -1; NaN where the day is not known.
    vol_points : float64[d, n_underlyings]
        Change of the volatility at the money at the reference time to expiry of the dynamics, in points of 0.01. Where a
        whole column is NaN the volatilities follow spot by the dynamics; where some of it is, these days are not known.

    Returns
    -------
    float64[d, n_underlyings]
        USD; 0 where nothing is held, NaN on days that are not known. Exactly 0 where nothing moves.
    """
    table = market.table
    assert moves.shape == vol_points.shape == (moves.shape[0], len(table.underlyings)), (
        moves.shape,
        vol_points.shape,
        len(table.underlyings),
    )
    out = np.zeros(moves.shape)
    held = np.flatnonzero(quantity)
    for u in np.unique(table.underlying_of[held]).tolist():
        rows = held[table.underlying_of[held] == u]
        followed = bool(np.isnan(vol_points[:, u]).all())
        known = np.isfinite(moves[:, u]) & (followed | np.isfinite(vol_points[:, u]))
        out[~known, u] = np.nan
        points = None if followed else vol_points[known, u]
        out[known, u] = _underlying(quantity, values, market, rows, moves[known, u], points)
    return out


def tenor_weights(market: MarketView, values: Values, rows: Ints) -> Floats:
    """How much the volatility of each option moves for a point at the reference time to expiry, float64[n]."""
    out = np.empty(rows.size)
    underlying = market.table.underlying_of[rows]
    for u in np.unique(underlying).tolist():
        mine = underlying == u
        out[mine] = values.dynamics[u].tenor_weight(np.maximum(market.years[rows[mine]], _DAY))
    return out


def _underlying(
    quantity: Ints, values: Values, market: MarketView, rows: Ints, moves: Floats, points: Floats | None
) -> Floats:
    """P&L of the rows of one underlying, float64[d]."""
    table = market.table
    valued = np.array([row not in values.reasons for row in rows.tolist()], dtype=np.bool_)
    total = np.zeros(moves.size)
    linear = rows[valued & ~table.is_option[rows]]
    if linear.size:
        total += quantity[linear] @ revalue(market, values, linear, moves, _NO_SHIFT)[:, :, 0]
    options = rows[valued & table.is_option[rows]]
    if options.size:
        total += _options(quantity, values, market, options, moves, points)
    for row in rows[~valued].tolist():
        total += _worst_pnl(market, values, row, int(quantity[row]), moves, points)
    return total


def _options(
    quantity: Ints, values: Values, market: MarketView, rows: Ints, moves: Floats, points: Floats | None
) -> Floats:
    """P&L of options with a value, float64[d], a block of rows at a time."""
    table, total = market.table, np.zeros(moves.size)
    closed = ~table.american[rows]
    step = max(_BLOCK_CELLS // max(moves.size, 1), 1)
    european = rows[closed]
    for start in range(0, european.size, step):
        some = european[start : start + step]
        vols = _vols(values, market, some, moves, points)
        price, base = _closed_form(market, some, moves, vols)
        total += quantity[some] @ _in_usd(values, market, some, moves, price, base)
    for s in np.unique(table.slice_of[rows[~closed]]).tolist():
        some = rows[~closed & (table.slice_of[rows] == s)]
        vols = _vols(values, market, some, moves, points)
        price, base = _closed_form(market, some, moves, vols)
        for mine, option_class, tolerance in classes_of(market, some):
            at = np.searchsorted(some, mine)
            premium, still = _premiums(market, mine, option_class, tolerance, moves, vols[at])
            price[at] += premium
            base[at] += still
        total += quantity[some] @ _in_usd(values, market, some, moves, price, base)
    return total


def _vols(values: Values, market: MarketView, rows: Ints, moves: Floats, points: Floats | None) -> Floats:
    """Volatility of each row on each day, float64[n, d]."""
    if points is None:
        change = vol_moves(market, values.dynamics, rows, moves)
    else:
        change = tenor_weights(market, values, rows)[:, None] * (points / 100.0)
        change = change + _along_smile(market, rows, moves)
    vol = market.vol[rows, None]
    return np.asarray(np.maximum(vol + change, np.minimum(vol, VOL_FLOOR)))


def _along_smile(market: MarketView, rows: Ints, moves: Floats) -> Floats:
    """Change of the volatility of each strike when the smile moves along with the forward; 0 without a surface."""
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.log(market.table.strike[rows] / market.forward[rows])
    at = k[:, None] - np.log1p(moves)
    flat = np.repeat(rows, moves.size)
    moved = market.surface_vol(flat, at.reshape(-1)).reshape(at.shape)
    change = moved - market.surface_vol(rows, k)[:, None]
    return np.where(np.isnan(change) | (moves == 0.0), 0.0, change)


def _closed_form(market: MarketView, rows: Ints, moves: Floats, vols: Floats) -> tuple[Floats, Floats]:
    """Price of each row as a European on each day, float64[n, d], and where nothing moves, float64[n]."""
    n, days = vols.shape
    forward = np.concatenate((market.forward[rows, None] * (1.0 + moves), market.forward[rows, None]), axis=1)
    columns = (market.table.strike, market.variance_years, market.discount, market.table.sign)
    strike, years, discount, sign = (np.repeat(column[rows], days + 1) for column in columns)
    vol = np.concatenate((vols, market.vol[rows, None]), axis=1)
    out = np.empty(n * (days + 1))
    price_european_into(out, forward.reshape(-1), strike, years, vol.reshape(-1), discount, sign)
    cells = out.reshape(n, days + 1)
    return cells[:, :-1].copy(), cells[:, -1].copy()


def _premiums(
    market: MarketView, rows: Ints, option_class: OptionClass, tolerance: float, moves: Floats, vols: Floats
) -> tuple[Floats, Floats]:
    """What each option is worth over the closed form on each day, float64[n, d], and where nothing moves, float64[n].

    The closed form stands on the same forward on the grid and on the days, so what it misses of the dividends is in the
    premium.
    """
    base = market.vol[rows]
    ratio = np.log(np.maximum(vols, VOL_FLOOR) / base[:, None])
    low, high = min(float(ratio.min(initial=0.0)), 0.0), max(float(ratio.max(initial=0.0)), 0.0)
    move_nodes = _nodes(np.log1p(moves), _MOVE_NODES)
    vol_nodes = np.linspace(low, max(high, low + 1e-3), _VOL_NODES)
    grid = np.empty((rows.size, move_nodes.size, _VOL_NODES))
    for k, node in enumerate(vol_nodes.tolist()):
        at_vol = replace(option_class, vol=base * np.exp(node))
        cells = np.empty((rows.size, move_nodes.size, 1, 1))
        prepared = prepare(at_vol, tolerance=tolerance, uses=float(move_nodes.size))
        reprice_into(prepared, np.expm1(move_nodes), _NO_SHIFT, np.zeros(1), cells)
        grid[:, :, k] = cells[:, :, 0, 0]
        closed, _ = _closed_form(
            market, rows, np.expm1(move_nodes), np.repeat(at_vol.vol[:, None], move_nodes.size, axis=1)
        )
        grid[:, :, k] -= closed
    x = np.append(np.log1p(moves), 0.0)
    y = np.column_stack((ratio, np.zeros(rows.size)))
    read = _interpolated(grid, move_nodes, vol_nodes, x, y)
    return read[:, :-1], read[:, -1]


def _nodes(log_moves: Floats, count: int) -> Floats:
    low, high = float(log_moves.min(initial=0.0)), float(log_moves.max(initial=0.0))
    return np.linspace(low, max(high, low + 1e-3), count)


def _interpolated(grid: Floats, x_nodes: Floats, y_nodes: Floats, x: Floats, y: Floats) -> Floats:
    """Cubic Lagrange interpolation in both directions, float64[n, d], of grid[n, x, y] at x[d] and y[n, d]."""
    first_x, weight_x = _cubic(x_nodes, x)
    first_y, weight_y = _cubic(y_nodes, y)
    row = np.arange(grid.shape[0])[:, None]
    out = np.zeros(y.shape)
    for i in range(4):
        for j in range(4):
            out += weight_x[i] * weight_y[j] * grid[row, (first_x + i)[None, :], first_y + j]
    return out


def _cubic(nodes: Floats, at: Floats) -> tuple[Ints, Floats]:
    """First of the four equidistant nodes around each point, and their weights, float64[4, ...]."""
    step = nodes[1] - nodes[0]
    first = np.clip(np.floor((at - nodes[0]) / step).astype(np.int64) - 1, 0, nodes.size - 4)
    t = (at - nodes[0]) / step - first
    weights = (
        -(t - 1.0) * (t - 2.0) * (t - 3.0) / 6.0,
        t * (t - 2.0) * (t - 3.0) / 2.0,
        -t * (t - 1.0) * (t - 3.0) / 2.0,
        t * (t - 1.0) * (t - 2.0) / 6.0,
    )
    return first, np.array(weights)


def _in_usd(
    values: Values, market: MarketView, rows: Ints, moves: Floats, price: Floats, base: Floats
) -> Floats:
    """P&L of one contract of each row on each day, float64[n, d]; coins count at the moved index."""
    inverse: Bools = market.table.inverse[rows]
    financed = np.where(inverse[:, None], 1.0 + moves, 1.0)  # a coin premium moves with the coin
    scale = np.where(inverse, values.spot[rows] / market.unit[rows], 1.0) * market.table.multiplier[rows]
    return np.asarray((price - base[:, None] * financed) * scale[:, None])


def _worst_pnl(
    market: MarketView, values: Values, row: int, quantity: int, moves: Floats, points: Floats | None
) -> Floats:
    """The most that a position without a value can lose on each day."""
    if not market.table.is_option[row]:
        change = np.zeros(moves.size)
    elif points is None:
        change = 100.0 * vol_moves(market, values.dynamics, np.array([row]), moves)[0]
    else:
        change = points * float(tenor_weights(market, values, np.array([row]))[0])
    return -abs(quantity) * worst_loss(market, values, row, moves, change)
