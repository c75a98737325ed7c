"""The third speed: prices of underlyings moved, nothing else was told. Values, quotes, exposure, limits and the hedge test in some kernel calls.

What a tick does not know to be as a reprice would find it, it does not decide: `needs_reprice` says why, and a reprice follows. Read between
nodes around the last cycle (`tick_nodes`): theoretical values, deltas, exposures, limits on delta, gamma, vega, theta and gaps, the
no-trade band, the distance of quotes. Kept from the last cycle: sizes, what is off or at its widest, the widest legal width, and the
utilisation of every other limit. Of the moment: prices of shares and futures, and the option market that quotes must not cross.

Nothing here looks at a clock; the decision depends on the cycle, the ticks since, and the arguments.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.tick_columns import (
    LINEAR_COLUMNS,
    BookColumns,
    HedgeColumns,
    LimitColumns,
    Scratch,
    SeriesColumns,
    book_columns,
    hedge_columns,
    limit_columns,
    scratch,
    series_columns,
    untold,
)
from flatbook.engine.tick_nodes import ends_of, nodes_of, priced, reach_of
from flatbook.kernels import spot_proxy, tick_book, tick_quotes
from flatbook.limits.ladder import Step
from flatbook.model.measures import N_MEASURES, Measure
from flatbook.model.table import Floats, Ints
from flatbook.quoting.strain import strain
from flatbook.quoting.ticks import NO_PRICE

AGE_MAX_NS = 10 * 10**9  # after the last cycle; then more has passed than a move
APART_MAX = 2e-4  # of the moves of an underlying and of a future of it that expiries stand on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickDecision:
    """What one tick decided; nobody changes it. Rows are those of the instrument table."""

    sequence: int
    now_ns: int
    theo: Floats  # [n] quote currency; NaN where there is none
    delta: Floats  # [n] shares per contract
    bid: Ints  # [n] ticks, NO_PRICE where there is no quote
    ask: Ints
    bid_size: Ints  # [n] contracts
    ask_size: Ints
    changed: Ints  # rows whose quote is not that of the decision before
    exposure: Floats  # [u, N_MEASURES]
    utilisation: Floats  # [l] of each limit, in the order of the cycle's standing
    step: Ints  # [l]
    delta_usd: Floats  # [u] of least variance, that hedges are decided by; NaN where no hedge is possible
    band_usd: Floats  # [u] half-width of what is left alone
    hedge_usd: (
        Floats  # [u] of delta to trade, plus buys; 0 within the band or where no hedge is worth its cost
    )
    needs_reprice: str  # why this decides nothing; empty where it does


@dataclass(slots=True, kw_only=True, eq=False)
class TickDesk:
    """A cycle made ready for ticks. Only `tick` changes it: what was decided last, and scratch."""

    cycle: Cycle
    reach: Floats  # [u] relative move that is trusted; 0 where nothing is
    series: SeriesColumns
    book: BookColumns
    limits: LimitColumns
    hedges: HedgeColumns
    quotes: Ints  # [QUOTE_ROWS, n] as decided last
    theo: Floats  # [CURVES, n] of the cycle
    room: Scratch


def prepare_tick(cycle: Cycle, fitted: Cycle | None = None) -> TickDesk:
    """Make a cycle ready for ticks.

    Parameters
    ----------
    cycle : Cycle
        The last.
    fitted : Cycle, optional
        The last that fitted its surfaces; `cycle` itself otherwise.
    """
    fitted = fitted or cycle
    assert fitted.refit, f"cycle {fitted.sequence} fitted nothing"
    table, market, rules = cycle.table, cycle.market, cycle.desk.quoting
    n = len(table.instruments)
    reach = reach_of(cycle)
    nodes = nodes_of(cycle, fitted, reach)
    pull = strain(cycle.standing, n)
    live = table.is_option & np.isfinite(cycle.values.price) & (market.years > 0.0)
    own = np.where(live, np.floor(rules.width_max / market.unit * table.ticks_per_unit + 1e-9), 0.0)
    ends = tuple(priced(node, cycle, fitted, pull, own / table.ticks_per_unit) for node in ends_of(nodes))
    series, book = series_columns(cycle, nodes, ends, pull, own), book_columns(cycle, nodes, ends)
    known = ~untold(series, cycle) & np.isfinite(book.nodes).all(axis=(1, 2))
    quotes = cycle.quotes
    return TickDesk(
        cycle=cycle,
        reach=np.where(known, reach, 0.0),
        series=series,
        book=book,
        limits=limit_columns(cycle, nodes, ends),
        hedges=hedge_columns(cycle, ends),
        quotes=np.stack((quotes.bid, quotes.ask, quotes.bid_size, quotes.ask_size)),
        theo=np.stack((cycle.values.price, cycle.values.greeks[:, Measure.DELTA_SHARES])),
        room=scratch(len(table.underlyings), series.slices.size, book.linear_rows.size, n),
    )


def tick(
    desk: TickDesk,
    spot: Floats,
    now_ns: int,
    *,
    bid: Floats | None = None,
    ask: Floats | None = None,
    future: Floats | None = None,
    sequence: int = 0,
) -> TickDecision:
    """Decide at new prices.

    Parameters
    ----------
    desk : TickDesk
        Its memory of what was decided last is brought up to date where this decides.
    spot : float64[n_underlyings]
    now_ns : int
        UTC nanoseconds.
    bid, ask : float64[n_rows], optional
        The market as it stands, quote currency; that of the cycle otherwise. Not kept.
    future : float64[n_slices], optional
        Prices of the futures that expiries stand on; those of the cycle otherwise.
    sequence : int
        Of the fact that asks.
    """
    market = desk.cycle.market
    code = _placed(desk, spot, now_ns, desk.series.future if future is None else future[desk.series.slices])
    if code != tick_book.FOUND:
        return _undecided(desk, sequence, now_ns, _why(desk, code))
    return _decide(
        desk, spot, now_ns, market.bid if bid is None else bid, market.ask if ask is None else ask, sequence
    )


def _placed(desk: TickDesk, spot: Floats, now_ns: int, future: Floats) -> int:
    """Where prices stand; `future` is float64[s], of the expiries in the order of the columns."""
    market, room, series = desk.cycle.market, desk.room, desk.series
    if not market.now_ns <= now_ns <= market.now_ns + AGE_MAX_NS:
        return _OLD
    code: int = tick_book.place_underlyings(spot, market.spot, desk.reach, room.weights, room.where)
    if code != tick_book.FOUND:
        return code
    found: int = tick_book.place_expiries(
        spot, market.spot, desk.reach, series.underlying_of, future, series.future, APART_MAX,
        market.valued_ns, now_ns, room.slice_moves, room.slice_weights, room.days, room.where,
    )  # fmt: skip
    return found


def _decide(
    desk: TickDesk, spot: Floats, now_ns: int, bid: Floats, ask: Floats, sequence: int
) -> TickDecision:
    room, book, limits, hedges, series = desk.room, desk.book, desk.limits, desk.hedges, desk.series
    values, n_limits = desk.theo.copy(), limits.cells.size
    exposure, used = np.empty((desk.reach.size, N_MEASURES)), np.empty(n_limits)
    step, value = np.empty(n_limits, dtype=np.int64), np.empty(n_limits)
    delta, band = np.empty(exposure.shape[0]), np.empty(exposure.shape[0])
    tick_book.value_linear(
        book.linear_rows,
        book.linear_of,
        book.linear_terms,
        spot,
        bid,
        ask,
        LINEAR_COLUMNS,
        values[0],
        room.linear,
    )
    spot_proxy.sum_book(room.weights, book.nodes, room.linear, book.linear_of, exposure)
    crossed = spot_proxy.use_limits(
        room.weights, limits.nodes, limits.linear, room.linear[:, Measure.DELTA_USD], book.linear_of,
        limits.currency, limits.cells, limits.limits, limits.ladder, now_ns, value, used, step,
    )  # fmt: skip
    anew = tick_book.hold_bands(
        room.weights, exposure[:, Measure.DELTA_USD], book.least, book.centre, book.half_width, book.half_lot,
        hedges.stands, hedges.gap_usd, delta, band,
    )  # fmt: skip
    quotes = desk.quotes.copy()
    count = tick_quotes.quote_series(
        series.starts, room.slice_moves, room.slice_weights, room.days, series.curves, series.distances,
        series.series, series.whole, series.bands, bid, ask, desk.quotes, values, quotes, room.changed,
    )  # fmt: skip
    reason = ""
    if crossed or anew >= 0:
        reason = _crossed(desk, step) if crossed else f"{_BAND}{desk.cycle.table.underlyings[anew]}"
    else:
        desk.quotes = quotes
    return TickDecision(
        sequence=sequence,
        now_ns=now_ns,
        theo=values[tick_quotes.PRICE],
        delta=values[tick_quotes.DELTA],
        bid=quotes[tick_quotes.BID],
        ask=quotes[tick_quotes.ASK],
        bid_size=quotes[tick_quotes.SIZE_BID],
        ask_size=quotes[tick_quotes.SIZE_ASK],
        changed=room.changed[:count].copy(),
        exposure=exposure,
        utilisation=used,
        step=step,
        delta_usd=delta,
        band_usd=band,
        hedge_usd=hedges.hedge_usd,
        needs_reprice=reason,
    )


def _undecided(desk: TickDesk, sequence: int, now_ns: int, reason: str) -> TickDecision:
    """Nothing is known, nothing is shown."""
    n, limits = desk.quotes.shape[1], desk.limits.cells.size
    u = desk.reach.size
    unknown, none = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    return TickDecision(
        sequence=sequence,
        now_ns=now_ns,
        theo=unknown,
        delta=unknown,
        bid=np.full(n, NO_PRICE, dtype=np.int64),
        ask=np.full(n, NO_PRICE, dtype=np.int64),
        bid_size=none,
        ask_size=none,
        changed=np.empty(0, dtype=np.int64),
        exposure=np.full((u, N_MEASURES), np.nan),
        utilisation=np.full(limits, np.inf),
        step=np.full(limits, int(Step.HARD)),
        delta_usd=np.full(u, np.nan),
        band_usd=np.full(u, np.nan),
        hedge_usd=np.full(u, np.nan),
        needs_reprice=reason,
    )


def _why(desk: TickDesk, code: int) -> str:
    if code == _OLD:
        return f"the last cycle is more than {AGE_MAX_NS // 10**9} s ago, or ahead"
    return f"{_WHY[code]}: {desk.cycle.table.underlyings[int(desk.room.where[0])]}"


def _crossed(desk: TickDesk, step: Ints) -> str:
    """The first limit that stands at another step."""
    number = int(np.flatnonzero(step != desk.limits.ladder[:, spot_proxy.ANSWERED])[0])
    before = desk.cycle.standing.limits[number]
    return f"{before.limit.name} went from {before.step.name} to {Step(int(step[number])).name}"


_OLD = -1
_BAND = "the hedge is to be decided anew: "
_WHY = {
    tick_book.UNPRICED: "a price came where there was none, or went",
    tick_book.OUT_OF_REACH: "spot has left the range in which values are known",
    tick_book.APART: "a future has moved away from the underlying",
}
