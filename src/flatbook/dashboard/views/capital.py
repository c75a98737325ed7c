"""The Capital page: what the book must be backed with against what there is, what drives it, and what one contract more changes.

The requirement is the one that limits read: risk-based haircuts of the engine (`margin.capital`). What other methods ask is `views.methods`.
"""

import math

import numpy as np

from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.head import Row, is_capital_of_desk
from flatbook.engine.cycle import Cycle
from flatbook.limits.measured import DESK
from flatbook.live.snapshot import History, Snapshot
from flatbook.margin.capital import Part
from flatbook.model.parameters import LimitMeasure
from flatbook.model.table import Bools, Floats
from flatbook.quoting.ticks import NO_PRICE

NO_SCENARIO = "a scenario could not be revalued: a held series has neither value nor bound"
NO_EQUITY = "the desk file tells no net_capital_usd"
NO_FORECAST = "a held series has no value, and so no requirement after a move"
POSITIONS = 10  # that are named of a part
SERIES = 10  # of each list of marginal capital
_LEAST_USD = 0.005  # less than a cent is rounding
_MEASURES = (LimitMeasure.CAPITAL_USD, LimitMeasure.MARGIN_PCT)


class LimitRow(Row):
    """A limit on capital."""

    name: str
    unit: str
    value: float | None
    limit_hard: float
    soft_share: float
    critical_share: float
    utilisation: float | None
    step: str


class PositionRow(Row):
    """What one position makes at the worst point, after offsets."""

    symbol: str
    underlying: str
    position: int
    contract_usd: float | None  # of one contract bought
    pnl_usd: float | None
    reason: str


class MemberRow(Row):
    """One underlying of a part."""

    underlying: str
    required_usd: float | None  # on its own
    relief_usd: float | None  # what the desk would need beside it alone, less what both need together
    moves: tuple[float, ...]  # relative, at the points
    pnl_usd: tuple[float | None, ...]  # there


class PartRow(Row):
    """Underlyings that offset each other, or one alone; the parts add up to what the desk needs."""

    name: str
    required_usd: float | None
    alone_usd: float | None
    minimum_usd: float
    worst_point: int | None  # from 0, the largest fall
    pnl_usd: tuple[float | None, ...]  # at the points, after offsets
    decides: str  # point, minimum, unknown
    members: tuple[MemberRow, ...]
    positions: tuple[PositionRow, ...]  # the largest losses at the worst point first, then the largest gains
    positions_left: int  # that are not named
    positions_left_usd: float | None


class MarginalRow(Row):
    """One contract more of a series, on one side."""

    symbol: str
    underlying: str
    side: str  # ours: buy, sell
    position: int
    usd: float  # change of the requirement; minus: it frees


class ReportedRow(Row):
    """Our requirement beside the one that a venue or clearing firm reported."""

    scope: str
    source: str
    own_usd: float | None
    reported_usd: float | None
    difference_usd: float | None
    binding_usd: float | None
    reason: str


class Capital(Row):
    """The page without what is asked by request."""

    required_usd: float | None
    alone_usd: float | None
    offsets_usd: float | None
    net_capital_usd: float | None
    available_usd: float | None  # the least of net capital and the desk's hard limit on capital
    available_of: str  # which of them; empty: there is neither
    parts: tuple[PartRow, ...]  # that hold something: an unknown one first, then the largest
    limits: tuple[LimitRow, ...]
    asks: tuple[MarginalRow, ...]  # of what we hold, quote or hedge with; what asks for most first
    frees: tuple[MarginalRow, ...]
    reported: tuple[ReportedRow, ...]
    reason: str  # why a requirement is null


class Ahead(Row):
    """The same book after each move of all underlyings, volatilities unchanged."""

    moves: tuple[float, ...]
    required_usd: tuple[float | None, ...]
    pnl_usd: tuple[float | None, ...]  # on the way there
    net_capital_usd: tuple[float | None, ...]  # today's with that P&L
    cycle: int
    reason: str


class Marginals(Row):
    """Every series that has a value, as columns; USD of the requirement for one contract more."""

    underlying: str  # empty: all
    cycle: int
    symbols: tuple[str, ...]
    positions: tuple[int, ...]
    bought_usd: tuple[float | None, ...]
    sold_usd: tuple[float | None, ...]
    quoted: tuple[bool, ...]  # by us, on either side
    reason: str  # why a number is null


def capital(snapshot: Snapshot) -> Capital:
    """The page of a snapshot."""
    cycle = snapshot.cycle
    own, equity = cycle.capital, cycle.desk.net_capital_usd
    available, of = available_of(cycle)
    return Capital(
        required_usd=number(own.desk),
        alone_usd=number(float(own.by_underlying.sum())),
        offsets_usd=number(_whole_cents(own.offsets)),
        net_capital_usd=equity,
        available_usd=number(available),
        available_of=of,
        parts=_parts(cycle),
        limits=tuple(
            LimitRow(
                name=each.limit.name,
                unit="USD" if each.limit.measure is LimitMeasure.CAPITAL_USD else "%",
                value=number(each.value),
                limit_hard=each.limit_hard,
                soft_share=each.limit.soft_share,
                critical_share=each.limit.critical_share,
                utilisation=number(each.utilisation),
                step=each.step.name,
            )
            for each in cycle.standing.limits
            if each.limit.measure in _MEASURES
        ),
        asks=marginal_rows(cycle, 1.0),
        frees=marginal_rows(cycle, -1.0),
        reported=_reported(cycle),
        reason="" if math.isfinite(own.desk) else NO_SCENARIO,
    )


def capital_frame(snapshot: Snapshot) -> Frame:
    """The page with the half hour of its limit."""
    return Frame(
        kind="capital",
        topic="capital",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=capital(snapshot).model_dump(),
        columns=_columns(snapshot.cycle, snapshot.history),
    )


def ahead(cycle: Cycle) -> Ahead:
    """The requirement of the book once the market has moved."""
    found, equity = cycle.capital_ahead, cycle.desk.net_capital_usd
    net = math.nan if equity is None else equity
    known = bool(np.isfinite(found.required).all())
    return Ahead(
        moves=tuple(found.moves.tolist()),
        required_usd=_numbers(found.required),
        pnl_usd=_numbers(found.pnl),
        net_capital_usd=_numbers(net + found.pnl),
        cycle=cycle.sequence,
        reason="" if known else NO_FORECAST,
    )


def marginals(cycle: Cycle, underlying: str = "") -> Marginals:
    """What one contract more of each series changes."""
    table, quotes = cycle.table, cycle.quotes
    chosen = np.isfinite(cycle.values.price)
    if underlying:
        chosen &= np.array([each.underlying == underlying for each in table.instruments], dtype=np.bool_)
    rows = np.flatnonzero(chosen)
    quoted = (quotes.bid != NO_PRICE) | (quotes.ask != NO_PRICE)
    return Marginals(
        underlying=underlying,
        cycle=cycle.sequence,
        symbols=tuple(table.instruments[row].symbol for row in rows.tolist()),
        positions=tuple(cycle.book.quantity[rows].tolist()),
        bought_usd=_numbers(cycle.marginal.bought[rows]),
        sold_usd=_numbers(cycle.marginal.sold[rows]),
        quoted=tuple(quoted[rows].tolist()),
        reason="the requirement of what it belongs to is unknown",
    )


def available_of(cycle: Cycle) -> tuple[float, str]:
    """What capital may be used, USD, and what says so; NaN where nothing does."""
    limits = [each for each in cycle.standing.limits if is_capital_of_desk(each)]
    told = [(each.limit_hard, f"limit {each.limit.name}") for each in limits]
    if cycle.desk.net_capital_usd is not None:
        told.append((cycle.desk.net_capital_usd, "net capital"))
    return min(told, default=(math.nan, ""))


def marginal_rows(cycle: Cycle, sign: float) -> tuple[MarginalRow, ...]:
    """What asks for most (1) or frees most (-1), of what has a value and we hold, quote or hedge with."""
    table, quotes, position = cycle.table, cycle.quotes, cycle.book.quantity
    hedge = np.zeros(len(table.instruments), dtype=np.bool_)
    hedge[
        [
            table.rows[each.instrument.symbol]
            for each in cycle.desk.hedges
            if each.instrument.symbol in table.rows
        ]
    ] = True
    ours: Bools = hedge | (position != 0)
    changes = np.concatenate((cycle.marginal.bought, cycle.marginal.sold))
    open_to_us = np.concatenate((ours | (quotes.bid != NO_PRICE), ours | (quotes.ask != NO_PRICE)))
    valued = np.tile(np.isfinite(cycle.values.price), 2)
    wanted = np.flatnonzero(valued & open_to_us & (sign * changes >= _LEAST_USD))
    first = wanted[np.argsort(-sign * changes[wanted], kind="stable")][:SERIES]
    return tuple(
        MarginalRow(
            symbol=table.instruments[row].symbol,
            underlying=table.instruments[row].underlying,
            side="sell" if sold else "buy",
            position=int(position[row]),
            usd=float(changes[at]),
        )
        for at in first.tolist()
        for sold, row in (divmod(at, len(table.instruments)),)
    )


def _numbers(values: Floats) -> tuple[float | None, ...]:
    return tuple(number(each) for each in values.tolist())


def _whole_cents(usd: float) -> float:
    return 0.0 if abs(usd) < _LEAST_USD else usd


def _parts(cycle: Cycle) -> tuple[PartRow, ...]:
    held = np.unique(cycle.table.underlying_of[cycle.book.quantity != 0])
    relief = cycle.capital.relief_by_underlying
    everything = cycle.capital.parts_of(np.arange(len(cycle.table.underlyings)))
    parts = [part for part in everything if np.isin(part.underlyings, held).any()]
    parts.sort(key=lambda part: -math.inf if math.isnan(part.charge) else -part.charge)
    return tuple(_part(cycle, part, relief) for part in parts)


def _part(cycle: Cycle, part: Part, relief: Floats) -> PartRow:
    own, names = cycle.capital, cycle.table.underlyings
    known = bool(np.isfinite(part.pnl).all())
    positions, left, left_usd = _positions(cycle, part) if known else ((), 0, math.nan)
    top = int(own.result.tree.top[part.underlyings[0]])
    return PartRow(
        name=own.result.tree.names[top] if part.underlyings.size > 1 else names[int(part.underlyings[0])],
        required_usd=number(part.charge),
        alone_usd=number(float(own.by_underlying[part.underlyings].sum())),
        minimum_usd=part.minimum,
        worst_point=part.worst if known else None,
        pnl_usd=_numbers(part.pnl),
        decides="unknown" if not known else "point" if -part.pnl[part.worst] > part.minimum else "minimum",
        members=tuple(
            MemberRow(
                underlying=names[u],
                required_usd=number(float(own.by_underlying[u])),
                relief_usd=number(_whole_cents(float(relief[u]))),
                moves=tuple(own.moves[u].tolist()),
                pnl_usd=_numbers(own.pnl[u]),
            )
            for u in part.underlyings.tolist()
        ),
        positions=positions,
        positions_left=left,
        positions_left_usd=number(left_usd),
    )


def _positions(cycle: Cycle, part: Part) -> tuple[tuple[PositionRow, ...], int, float]:
    """The positions that make most of the worst point, without sign; how many others there are, and what they make together."""
    table, quantity = cycle.table, cycle.book.quantity
    share = np.zeros(len(table.underlyings))
    share[part.underlyings] = part.counted
    rows = np.flatnonzero((quantity != 0) & np.isin(table.underlying_of, part.underlyings))
    contract = cycle.capital.contract_pnl[rows, part.worst]
    made = quantity[rows] * contract * share[table.underlying_of[rows]]
    order = np.argsort(-np.abs(np.nan_to_num(made, nan=np.inf)), kind="stable")
    shown, left = order[:POSITIONS], order[POSITIONS:]
    shown = shown[np.argsort(np.nan_to_num(made[shown], nan=-np.inf), kind="stable")]
    return (
        tuple(
            PositionRow(
                symbol=table.instruments[int(rows[at])].symbol,
                underlying=table.instruments[int(rows[at])].underlying,
                position=int(quantity[rows[at]]),
                contract_usd=number(float(contract[at])),
                pnl_usd=number(float(made[at])),
                reason=""
                if np.isfinite(made[at])
                else "it has no value: it counts at the most that it can lose",
            )
            for at in shown.tolist()
        ),
        int(left.size),
        float(made[left].sum()),
    )


def _reported(cycle: Cycle) -> tuple[ReportedRow, ...]:
    told = cycle.basis.reported
    columns = (told.group, told.source, told.own, told.reported, told.difference, told.binding, told.reason)
    return tuple(
        ReportedRow(
            scope="desk" if group == DESK else group,
            source=source,
            own_usd=number(float(own)),
            reported_usd=number(float(reported)),
            difference_usd=number(float(difference)),
            binding_usd=number(float(binding)),
            reason=reason,
        )
        for group, source, own, reported, difference, binding, reason in zip(*columns, strict=True)
    )


def _columns(cycle: Cycle, history: History) -> tuple[Column, ...]:
    """Utilisation of the desk's limit on capital over the half hour; empty where there is none."""
    names = [each.limit.name for each in cycle.standing.limits if is_capital_of_desk(each)]
    if not names or names[0] not in history.limit_names:
        return ()
    place = history.limit_names.index(names[0])
    return (
        column("at_s", history.at_ns / 1e9, "f8"),
        column("utilisation", history.utilisation[place], "f4"),
    )
