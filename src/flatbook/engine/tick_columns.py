"""What a tick reads: columns of a cycle and of its nodes, laid out once for the kernels, so that a tick allocates only what it hands out."""

from dataclasses import dataclass

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.engine.tick_nodes import Node, Priced, as_five, held_options
from flatbook.exposure.slide_cells import cells_of, pnl_of_underlyings
from flatbook.exposure.slides import GAP_MOVES
from flatbook.hedging.bands import band_of
from flatbook.hedging.products import products_of
from flatbook.hedging.propose import DIRECTION, direction_of
from flatbook.kernels import spot_proxy, tick_book, tick_quotes
from flatbook.kernels.spot_proxy import FIVE
from flatbook.limits.check import Bound, LimitStanding
from flatbook.limits.ladder import Step, thresholds_of
from flatbook.limits.reading import currency_of
from flatbook.limits.readings import GREEKS
from flatbook.model.instruments import Kind
from flatbook.model.measures import N_MEASURES, Measure
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Bools, Floats, InstrumentTable, Ints
from flatbook.quoting.duties import under_duty
from flatbook.quoting.fences import TwoSides
from flatbook.quoting.sides import Sides, sides_of
from flatbook.quoting.sizes import sizes_of
from flatbook.quoting.strain import Strain
from flatbook.valuation.values import usd_per_quote

LINEAR_COLUMNS = np.array(
    (
        (Measure.VALUE_USD, -1, -1),
        (Measure.DELTA_SHARES, Measure.DELTA_SMILE_SHARES, Measure.DELTA_MIN_VARIANCE_SHARES),
        (Measure.DELTA_USD, Measure.DELTA_SMILE_USD, Measure.DELTA_MIN_VARIANCE_USD),
    ),
    dtype=np.int64,
)
_NO_BAND = np.iinfo(np.int64).max
_UNTOLD_TICKS = 0.2  # of an option's value that the highest coefficient may have; more than what is left out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeriesColumns:
    """Every option, those of one expiry together, as `kernels.tick_quotes` reads them."""

    on_futures: bool  # some expiry stands on one
    slices: Ints  # [s] of the table, in the order of `starts`
    underlying_of: Ints  # [s]
    future: Floats  # [s] that the expiry stands on; NaN: on the underlying
    starts: Ints  # [s + 1]
    curves: Floats
    distances: Floats
    series: Floats
    whole: Ints
    bands: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookColumns:
    """The book by underlying, as `kernels.spot_proxy` reads it."""

    nodes: Floats  # [u, FIVE, N_MEASURES] of options held
    linear_rows: Ints  # [h] of the table: everything that is no option
    linear_of: Ints
    linear_terms: Floats
    least: Floats  # [u, FIVE] USD of delta of least variance beyond delta
    centre: Floats  # [u, FIVE] USD: the middle of the no-trade band
    half_width: Floats  # [u, FIVE] USD: beyond it a hedge is decided
    half_lot: Floats  # [u] USD


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HedgeColumns:
    """What the cycle decided of hedges, by underlying."""

    stands: Ints  # as `kernels.tick_book.hold_bands` reads it
    gap_usd: Floats
    hedge_usd: Floats  # of delta that is traded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scratch:
    """Room that one tick after another writes to."""

    weights: Floats  # [u, FIVE]
    slice_moves: Floats  # [s]
    slice_weights: Floats  # [s, FIVE]
    days: Floats  # [s]
    linear: Floats  # [h, N_MEASURES]
    changed: Ints  # [n + 1]
    where: Ints  # [1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitColumns:
    """Every limit, as `kernels.spot_proxy.use_limits` reads them."""

    nodes: Floats
    linear: Floats
    currency: Ints
    cells: Ints
    limits: Floats
    ladder: Ints


def series_columns(
    cycle: Cycle, nodes: tuple[Node, ...], ends: tuple[Priced, ...], pull: Strain, own_ticks: Floats
) -> SeriesColumns:
    """Columns of the options of `cycle`.

    Parameters
    ----------
    cycle : Cycle
    nodes : tuple of Node
        Five.
    ends : tuple of Priced
        Three.
    pull : Strain
    own_ticks : float64[n_rows]
        The desk's widest quote.
    """
    table, values, quotes = cycle.table, cycle.values, cycle.quotes
    options = np.flatnonzero(table.is_option)
    options = options[np.argsort(table.slice_of[options], kind="stable")]
    slices, starts = np.unique(table.slice_of[options], return_index=True)
    sides, size = _sides(cycle, pull)
    bands, band_of_row = _bands(table)
    usd = usd_per_quote(values, cycle.market)
    with np.errstate(divide="ignore", invalid="ignore"):
        decay = np.nan_to_num(values.greeks[:, Measure.THETA_USD_PER_DAY] / usd)
    whole = np.stack(
        (np.arange(usd.size), band_of_row, quotes.width_max_ticks, size[0], size[1], _flags(cycle, sides))
    )
    curves = np.stack(
        (
            [node.values.price[options] for node in nodes],
            [node.values.greeks[options, Measure.DELTA_SHARES] for node in nodes],
        )
    )
    distance = np.stack([one.distance[:, options] for one in ends], axis=1)
    series = np.stack((table.ticks_per_unit, own_ticks / table.ticks_per_unit, decay))
    return SeriesColumns(
        on_futures=bool(np.isfinite(cycle.market.slice_future[slices]).any()),
        slices=slices,
        underlying_of=np.ascontiguousarray(table.underlying_of_slice[slices]),
        future=cycle.market.slice_future[slices],
        starts=np.append(starts, options.size),
        curves=np.ascontiguousarray(curves),
        distances=np.ascontiguousarray(distance),
        series=np.ascontiguousarray(series[:, options]),
        whole=np.ascontiguousarray(whole[:, options].astype(np.int64)),
        bands=bands,
    )


def _sides(cycle: Cycle, pull: Strain) -> tuple[Sides, Ints]:
    """What became of each side, and the sizes that they would show."""
    table, values, market, rules = cycle.table, cycle.values, cycle.market, cycle.desk.quoting
    live = table.is_option & np.isfinite(values.price) & (market.years > 0.0)
    sides = sides_of(cycle.quotes.parts.distance, live, pull, values, market, rules, cycle.conditions)
    both = np.ones(live.size, dtype=np.int64)
    shown = sides.shown(TwoSides(both, both))
    size = sizes_of(shown, cycle.book.quantity, pull, sides, cycle.standing, market, rules, cycle.conditions)
    return sides, size


def _flags(cycle: Cycle, sides: Sides) -> Ints:
    market, table = cycle.market, cycle.table
    live = table.is_option & np.isfinite(cycle.values.price) & (market.years > 0.0)
    told: tuple[tuple[int, Bools], ...] = (
        (tick_quotes.LIVE, live),
        (tick_quotes.BID_OFF, sides.bid_off),
        (tick_quotes.ASK_OFF, sides.ask_off),
        (tick_quotes.BID_WIDEST, sides.bid_widest),
        (tick_quotes.ASK_WIDEST, sides.ask_widest),
        (tick_quotes.IN_DUTY, under_duty(cycle.conditions.duties, live.size)),
    )
    out = np.zeros(live.size, dtype=np.int64)
    for flag, where in told:
        out += np.where(where, flag, 0)
    return out


def _bands(table: InstrumentTable) -> tuple[Ints, Ints]:
    """Tick tables, int64[g, 2, b], and which of them each row quotes on."""
    groups = table.rows_of_ticks
    most = max((len(bands) for bands, _ in groups), default=1)
    out = np.full((max(len(groups), 1), 2, most), _NO_BAND, dtype=np.int64)
    of_row = np.zeros(len(table.instruments), dtype=np.int64)
    for number, (bands, rows) in enumerate(groups):
        of_row[rows] = number
        for place, band in enumerate(bands):
            out[number, :, place] = band.from_ticks, band.step_ticks
    return out, of_row


def book_columns(cycle: Cycle, nodes: tuple[Node, ...], ends: tuple[Priced, ...]) -> BookColumns:
    """Columns of the book of `cycle`; parameters as for `series_columns`."""
    table, quantity = cycle.table, cycle.held.quantity
    linear = np.flatnonzero(~table.is_option)
    contracts = quantity[linear]
    n = len(table.underlyings)
    options = held_options(cycle.held, cycle)
    sums = np.stack([_sums(options, node, table) for node in nodes], axis=1)
    items = [table.instruments[row] for row in linear.tolist()]
    terms = np.array(
        [
            contracts,
            table.multiplier[linear],
            table.beta[linear],
            table.price_ratio[linear],
            table.inverse[linear],
            [item.kind is Kind.SHARE for item in items],
        ],
        dtype=np.float64,
    ).reshape(tick_book.LINEAR_TERMS, linear.size)
    least, centre, half_width = (np.zeros((3, n)) for _ in range(3))
    half_lot = np.full(n, np.inf)
    for k, one in enumerate(ends):
        for u in range(n):
            least[k, u], centre[k, u], half_width[k, u], half_lot[u] = _band(u, one, cycle)
    return BookColumns(
        nodes=np.ascontiguousarray(sums),
        linear_rows=linear,
        linear_of=np.ascontiguousarray(table.underlying_of[linear]),
        linear_terms=np.ascontiguousarray(terms),
        least=np.ascontiguousarray(as_five(least).T),
        centre=np.ascontiguousarray(as_five(centre).T),
        half_width=np.ascontiguousarray(as_five(half_width).T),
        half_lot=half_lot,
    )


def _sums(contracts: Ints, node: Node, table: InstrumentTable) -> Floats:
    """Measures of what is held by underlying, float64[u, N_MEASURES]."""
    rows = np.flatnonzero(contracts)
    out = np.zeros((len(table.underlyings), N_MEASURES))
    np.add.at(out, table.underlying_of[rows], contracts[rows, None] * node.values.greeks[rows])
    return out


def _band(u: int, one: Priced, cycle: Cycle) -> tuple[float, float, float, float]:
    """Delta of least variance beyond delta, centre and half-width of the band that a hedge is held against, half a lot."""
    desk, name, market = cycle.desk, cycle.table.underlyings[u], one.node.market
    at = direction_of(u, one.exposure, one.price, market, desk)
    delta = float(one.exposure.by_underlying[u, Measure.DELTA_USD])
    products = products_of(name, one.exposure, one.node.values, market, desk)
    if not (products and np.isfinite(at.delta_usd) and np.isfinite(at.spot)):
        return at.delta_usd - delta, np.nan, np.nan, np.nan
    centre = is_centred(u, cycle)
    half_lot = 0.5 * min(product.lot_usd for product in products)
    told = band_of(desk.hedging.policy, at, desk.hedging, urgent=centre)
    step = cycle.standing.worst_of(name, DIRECTION)
    width = max(told.half_width_usd * (0.5 if step is Step.NOTIFY else 1.0), half_lot)
    return at.delta_usd - delta, told.centre_usd, half_lot if centre else width, half_lot


def is_centred(u: int, cycle: Cycle) -> bool:
    """Whether the delta of an underlying is to be hedged to the centre of its band."""
    fast = cycle.conditions.fast
    urgent = fast is not None and bool(fast.urgent[u])
    return urgent or cycle.standing.worst_of(cycle.table.underlyings[u], DIRECTION) >= Step.ALERT


def hedge_columns(cycle: Cycle, ends: tuple[Priced, ...]) -> HedgeColumns:
    """What stands of hedges; parameters as for `series_columns`."""
    n = len(cycle.table.underlyings)
    stands, gap, traded = np.full(n, tick_book.NO_HEDGE), np.zeros(n), np.zeros(n)
    for hedge in cycle.hedges:
        u = cycle.table.underlyings.index(hedge.underlying)
        _, centre, half_width, _ = _band(u, ends[1], cycle)
        gap[u] = hedge.delta_before_usd - centre
        if not np.isfinite(gap[u]):
            continue
        if hedge.legs:
            stands[u], traded[u] = tick_book.HEDGED, hedge.delta_after_usd - hedge.delta_before_usd
        else:
            stands[u] = tick_book.INSIDE if abs(gap[u]) <= half_width else tick_book.DEAR
    return HedgeColumns(stands=stands, gap_usd=gap, hedge_usd=traded)


def scratch(n_underlyings: int, n_slices: int, n_linear: int, n_rows: int) -> Scratch:
    """Room for ticks of a desk of that size."""
    return Scratch(
        weights=np.empty((n_underlyings, FIVE)),
        slice_moves=np.empty(n_slices),
        slice_weights=np.empty((n_slices, FIVE)),
        days=np.empty(n_slices),
        linear=np.empty((n_linear, N_MEASURES)),
        changed=np.empty(n_rows + 1, dtype=np.int64),
        where=np.zeros(1, dtype=np.int64),
    )


def limit_columns(cycle: Cycle, nodes: tuple[Node, ...], ends: tuple[Priced, ...]) -> LimitColumns:
    """Columns of the limits of `cycle`; parameters as for `series_columns`."""
    table, standing = cycle.table, cycle.standing
    n, count, cells = len(table.underlyings), len(standing.limits), GAP_MOVES.size
    lines = np.flatnonzero(~table.is_option)
    out = LimitColumns(
        nodes=np.zeros((count, cells, n, FIVE)),
        linear=np.zeros((count, cells, lines.size)),
        currency=np.full((count, n), -1, dtype=np.int64),
        cells=np.zeros(count, dtype=np.int64),
        limits=np.zeros((count, spot_proxy.LIMIT_COLUMNS)),
        ladder=np.zeros((count, spot_proxy.LADDER_COLUMNS), dtype=np.int64),
    )
    gaps = _gaps(cycle, ends)
    for number, (one, bound) in enumerate(zip(standing.limits, standing.bounds, strict=True)):
        _keep(out, number, one, bound, cycle)
        if not (np.isfinite(one.utilisation) and bound.reading.by_row is None):
            continue
        chosen = bound.scope.underlyings
        out.currency[number, chosen] = currency_of(table, chosen)
        if one.limit.measure in GREEKS:
            _greek(out, number, bound, cycle, nodes)
        elif one.limit.measure is LimitMeasure.GAP_LOSS_USD and chosen.size:
            out.cells[number] = cells
            out.nodes[number, :, chosen] = gaps[:, chosen].transpose(1, 2, 0)
            inside = np.isin(table.underlying_of[lines], chosen)
            out.linear[number] = np.where(inside, GAP_MOVES[:, None], 0.0)
    return out


def _keep(out: LimitColumns, number: int, one: LimitStanding, bound: Bound, cycle: Cycle) -> None:
    """What the ladder needs of a limit; of one that each row has a step of, the step that was answered to."""
    limit, memory = one.limit, cycle.standing.memory[one.limit.name]
    thresholds = thresholds_of(limit.soft_share, limit.critical_share)
    kept = one.utilisation if np.isfinite(one.utilisation) else np.inf
    out.limits[number] = bound.reading.unvalued, one.limit_hard, kept, *thresholds
    if bound.reading.by_row is not None:
        out.cells[number] = spot_proxy.STAYS
        out.ladder[number, spot_proxy.ANSWERED] = int(one.step)
        return
    out.ladder[number] = (
        int(memory.reached.max(initial=0)),
        *memory.until_ns.max(axis=0, initial=0).tolist(),
        round(limit.cool_down_s * 1e9),
        int(one.step),
    )


def _greek(out: LimitColumns, number: int, bound: Bound, cycle: Cycle, nodes: tuple[Node, ...]) -> None:
    """The options in its scope at every node; what is linear comes as it is then."""
    table, measure = cycle.table, GREEKS[bound.limit.measure]
    contracts = np.where(bound.scope.inside, held_options(cycle.held, cycle), 0)
    for k, node in enumerate(nodes):
        out.nodes[number, 0, :, k] = _sums(contracts, node, table)[:, measure]
    out.cells[number] = 1
    if measure is Measure.DELTA_USD:
        lines = np.flatnonzero(~table.is_option)
        out.linear[number, 0] = bound.scope.inside[lines]


def _gaps(cycle: Cycle, ends: tuple[Priced, ...]) -> Floats:
    """P&L of options held at the gap moves, with what has no value at its worst, by node: float64[FIVE, u, GAP_MOVES]."""
    quantity = np.where(cycle.table.is_option, cycle.held.quantity, 0)
    rows = np.flatnonzero(quantity)
    three = []
    for one in ends:
        node = one.node
        cells = cells_of(rows, node.values, node.market, GAP_MOVES, np.zeros(1))
        three.append(pnl_of_underlyings(quantity, cells, node.market)[:, :, 0])
    return as_five(np.array(three))


def untold(columns: SeriesColumns, cycle: Cycle) -> Bools:
    """Underlyings of which a quoted option moves in ways that the nodes do not tell, bool[n_underlyings]."""
    found = np.zeros(columns.curves.shape[2])
    spot_proxy.last_coefficients(columns.curves[tick_quotes.PRICE], found)
    quoted = (columns.whole[tick_quotes.FLAGS] & tick_quotes.LIVE) != 0
    ticks = found * columns.series[tick_quotes.TICKS_PER_UNIT]
    rows = columns.whole[tick_quotes.ROW, quoted & ~(ticks <= _UNTOLD_TICKS)]
    out = np.zeros(len(cycle.table.underlyings), dtype=np.bool_)
    out[cycle.table.underlying_of[rows]] = True
    return out
