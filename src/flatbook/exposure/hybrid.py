"""Markets that never were: some blocks of the market of one instant, the others of a later one, for revaluations step by step.

Five blocks, each taken from before or from after:

    TIME       the clock and everything that only waits: years to expiry and to ex-dates, at the carry of `CARRY`
    SPOT       the price of the underlying; forwards follow in proportion, volatilities by the dynamics that slides read
    VOL_LEVEL  what volatility did apart from spot, as the level of its expiry (`smile_change`)
    VOL_SHAPE  the rest of each series' change: skew and curvature
    CARRY      rates, yields, dividends, a forward that parity found elsewhere, the basis of futures and shares

All from before is the market before, all from after the market after, to rounding.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from flatbook.exposure.explain import vol_changes
from flatbook.exposure.marks import Mark
from flatbook.exposure.smile_change import smile_change
from flatbook.market.clock import NS_PER_YEAR
from flatbook.market.view import MarketView
from flatbook.model.table import Bools, Floats, Ints
from flatbook.valuation.chain import prepare, value_into
from flatbook.valuation.chain_class import VOL_FLOOR
from flatbook.valuation.market_class import classes_of
from flatbook.valuation.spot_vol import vol_moves

_USES = 1.0


class Block(IntEnum):
    """What of a market can be taken from before or from after."""

    TIME = 0
    SPOT = 1
    VOL_LEVEL = 2
    VOL_SHAPE = 3
    CARRY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Hybrids:
    """Two marks, and how the volatility of some rows went from the one to the other."""

    before: Mark
    after: Mark
    rows: Ints  # int64[n] that will be priced
    vol_with_spot: Floats  # float64[n], annual decimal; 0 where the row is no option
    vol_level: Floats
    vol_shape: Floats


def hybrids_of(before: Mark, after: Mark, rows: Ints) -> Hybrids:
    """Get ready to price `rows`, int64[n], each with a value in both marks."""
    market, later = before.market, after.market
    parts = np.zeros((3, rows.size))
    options = np.flatnonzero(market.table.is_option[rows])
    if options.size:
        every, change, _ = vol_changes(market, later, before.values.dynamics, rows[options])
        followed = _followed(before, later, every)
        split = smile_change(market, every, change - followed)
        at = np.searchsorted(every, rows[options])
        parts[:, options] = followed[at], split.level[at], (change - followed - split.level)[at]
    return Hybrids(
        before=before,
        after=after,
        rows=rows,
        vol_with_spot=parts[0],
        vol_level=parts[1],
        vol_shape=parts[2],
    )


def _followed(before: Mark, later: MarketView, rows: Ints) -> Floats:
    """What the dynamics make of the volatility of each row at the move of its underlying; 0 for what settles by then."""
    market, out = before.market, np.zeros(rows.size)
    moves = later.spot / market.spot - 1.0
    of = market.table.underlying_of[rows]
    for u in np.unique(of).tolist():
        mine = np.flatnonzero((of == u) & (later.years[rows] > 0.0))
        out[mine] = vol_moves(market, before.values.dynamics, rows[mine], moves[u : u + 1])[:, 0]
    return out


def pnl_at(hybrids: Hybrids, taken: frozenset[Block]) -> Floats:
    """USD that one contract of each row makes once `taken` blocks stand as after, the others as before, float64[n]."""
    before, rows = hybrids.before, hybrids.rows
    market = market_at(hybrids, taken)
    price = prices(market, rows)
    linear = np.flatnonzero(~market.table.is_option[rows])
    price[linear] = _linear_prices(hybrids, rows[linear], taken)
    made = before.worth(price, rows) - before.worth(before.values.price[rows], rows)
    table = market.table
    index = np.where(table.inverse[rows], market.spot[table.underlying_of[rows]], 1.0)
    return np.asarray(made * index * table.multiplier[rows])


def prices(market: MarketView, rows: Ints) -> Floats:
    """Theoretical price of each option among `rows` in quote currency, float64[n]; NaN for other rows.

    By the engines of `valuation.values.value`, without the greeks.
    """
    out = np.full(len(market.table.instruments), np.nan)
    options = rows[market.table.is_option[rows]]
    for some, option_class, tolerance in classes_of(market, options):
        columns = np.empty((1, some.size))
        value_into(prepare(option_class, tolerance=tolerance, uses=_USES), columns)
        out[some] = columns[0]
    return np.asarray(out[rows] / market.unit[rows])


def _linear_prices(hybrids: Hybrids, rows: Ints, taken: frozenset[Block]) -> Floats:
    """A future or share moves by beta with spot; the rest of its change is basis."""
    before, after = hybrids.before, hybrids.after
    table, old, new = before.market.table, before.values.price[rows], after.values.price[rows]
    move = (after.market.spot / before.market.spot - 1.0)[table.underlying_of[rows]]
    with_spot = _with_spot(before, rows, old, move)
    if Block.CARRY in taken:
        return new if Block.SPOT in taken else old * (new / with_spot)
    return with_spot if Block.SPOT in taken else old


def _with_spot(before: Mark, rows: Ints, price: Floats, move: Floats) -> Floats:
    """Price once spot moved by `move`: P&L in USD is notional times beta times the move, in coin counted at the moved index."""
    table = before.market.table
    beta = table.beta[rows]
    coin = table.inverse[rows]
    return np.asarray(
        np.where(coin, price * (1.0 + move) / (1.0 + move - beta * move), price * (1.0 + beta * move))
    )


def market_at(hybrids: Hybrids, taken: frozenset[Block]) -> MarketView:
    """The market with `taken` blocks as after. Only what pricing the rows reads is right in it; surfaces are those before."""
    market, later = hybrids.before.market, hybrids.after.market
    time = later if Block.TIME in taken else market
    spot = later.spot if Block.SPOT in taken else market.spot
    carry = _carry_from(market, later, taken)
    years = time.slice_years
    dividends = _dividends(market, later, taken)
    forward, standing = _forwards(market.table.underlying_of_slice, carry, spot, years, dividends)
    of, options = market.table.slice_of, market.table.is_option
    by_row = np.where(options, np.append(forward, np.nan)[of], np.nan)
    discount = np.exp(-carry.rate * years)
    return replace(
        market,
        now_ns=time.now_ns,
        clocks=time.clocks,
        spot=spot,
        slice_years=years,
        slice_forward=forward,
        slice_future=np.where(np.isfinite(carry.future), forward, np.nan),
        slice_discount=discount,
        slice_rate=carry.rate,
        slice_yield=carry.dividend_yield,
        slice_spot=standing,
        dividend_years=dividends[0],
        dividend_amount=dividends[1],
        years=time.years,
        forward=by_row,
        discount=np.where(options, np.append(discount, 1.0)[of], 1.0),
        unit=np.where(market.table.inverse & options, by_row, 1.0),
        forward_fixed=np.where(options, np.append(carry.fixed, False)[of], market.forward_fixed),
        vol=_vol(hybrids, taken),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carry:
    """By slice: how a forward comes from spot."""

    rate: Floats
    dividend_yield: Floats
    future: Floats
    fixed: Bools  # the forward is the underlying
    american: Bools
    stands: Floats  # the price that engines stand on, over spot
    basis: (
        Floats  # the forward over what spot, rate, yield and dividends make of it; of a fixed one, over spot
    )
    spot: Floats  # by slice, of the market that this was read from


def _carry_from(market: MarketView, later: MarketView, taken: frozenset[Block]) -> _Carry:
    """Of after where carry is taken; an expiry that has no forward then keeps what it had."""
    old = _carry_of(market)
    if Block.CARRY not in taken:
        return old
    new = _carry_of(later)
    kept = ~np.isfinite(later.slice_forward)
    return _Carry(
        **{
            name: np.where(kept, getattr(old, name), getattr(new, name))
            for name in ("rate", "dividend_yield", "future", "fixed", "american", "stands", "basis", "spot")
        }
    )


def _carry_of(market: MarketView) -> _Carry:
    table = market.table
    spot = market.spot[table.underlying_of_slice]
    fixed, american = _by_slice(market, market.forward_fixed), _by_slice(market, table.american)
    due = _due(table.underlying_of_slice, market.slice_years, market.slice_rate - market.slice_yield,
               (market.dividend_years, market.dividend_amount))  # fmt: skip
    carried = market.slice_spot * np.exp((market.slice_rate - market.slice_yield) * market.slice_years) - due
    with np.errstate(divide="ignore", invalid="ignore"):
        basis = market.slice_forward / np.where(fixed, spot, carried)
    return _Carry(
        rate=market.slice_rate,
        dividend_yield=market.slice_yield,
        future=market.slice_future,
        fixed=fixed,
        american=american,
        stands=market.slice_spot / spot,
        basis=basis,
        spot=spot,
    )


def _by_slice(market: MarketView, flags: Bools) -> Bools:
    """bool[n_slices]: what holds for the options of an expiry."""
    out = np.zeros(len(market.table.slices), dtype=np.bool_)
    options = market.table.is_option
    np.logical_or.at(out, market.table.slice_of[options], flags[options])
    return out


_Dividends = tuple[tuple[Floats, ...], tuple[Floats, ...]]


def _forwards(
    underlying: Ints, carry: _Carry, spot_by_underlying: Floats, years: Floats, dividends: _Dividends
) -> tuple[Floats, Floats]:
    """Forward of each slice, and the price that engines stand on."""
    spot = spot_by_underlying[underlying]
    standing = spot * carry.stands
    growth = carry.rate - carry.dividend_yield
    due = _due(underlying, years, growth, dividends)
    in_cash = np.where(carry.american, 1.0, spot / carry.spot)  # under a European they move with the forward
    carried = standing * np.exp(growth * years) - due * in_cash
    basis = np.where(years > 0.0, carry.basis, 1.0)  # at expiry the forward is spot
    fixed = spot * carry.basis
    forward = np.where(carry.fixed, fixed, carried * basis)
    return forward, np.where(carry.fixed, forward, standing)


def _due(underlying: Ints, years: Floats, growth: Floats, dividends: _Dividends) -> Floats:
    """float64[n_slices]: what dividends to come take from each forward at its expiry."""
    out = np.zeros(years.size)
    for s, u in enumerate(underlying.tolist()):
        ex, amount = dividends[0][u], dividends[1][u]
        if ex.size:
            counts = (ex > 0.0) & (ex < years[s])
            out[s] = (amount[counts] * np.exp(growth[s] * (years[s] - ex[counts]))).sum()
    return out


def _dividends(market: MarketView, later: MarketView, taken: frozenset[Block]) -> _Dividends:
    """Listed dividends by underlying: those of one market at the time of the other where blocks differ."""
    passed = (later.now_ns - market.now_ns) / NS_PER_YEAR
    old = list(zip(market.dividend_years, market.dividend_amount, strict=True))
    new = list(zip(later.dividend_years, later.dividend_amount, strict=True))
    match Block.TIME in taken, Block.CARRY in taken:
        case False, False:
            found = old
        case True, True:
            found = new
        case True, False:
            found = [(ex[ex > passed] - passed, amount[ex > passed]) for ex, amount in old]
        case _:  # those that go ex during the step were still to come
            found = [
                (np.append(ex[ex <= passed], to_come + passed), np.append(amount[ex <= passed], paid))
                for (ex, amount), (to_come, paid) in zip(old, new, strict=True)
            ]
    return tuple(ex for ex, _ in found), tuple(amount for _, amount in found)


def _vol(hybrids: Hybrids, taken: frozenset[Block]) -> Floats:
    """Volatility of every row; those that will be priced as the taken blocks have it."""
    market, later = hybrids.before.market, hybrids.after.market
    rows, parts = hybrids.rows, ((Block.SPOT, hybrids.vol_with_spot), (Block.VOL_LEVEL, hybrids.vol_level),
                                 (Block.VOL_SHAPE, hybrids.vol_shape))  # fmt: skip
    old = market.vol[rows]
    moved = old + sum(part for block, part in parts if block in taken)
    settled = later.years[rows] <= 0.0
    if all(block in taken for block, _ in parts):
        moved = np.where(settled, old, later.vol[rows])
    out = market.vol.copy()
    out[rows] = np.maximum(moved, np.minimum(old, VOL_FLOOR))
    return out
