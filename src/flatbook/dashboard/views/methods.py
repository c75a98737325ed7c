"""What every capital method asks of the book as it is held: `margin`'s methods with their packaged parameters, beside the one that limits read.

The desk's own requirement is the engine's. Portfolio margin moves the same book by the engine's values at the ranges of its own parameters;
strategy margin and SPAN take the positions as legs at our theoretical values. Each leg has the rate, and the yield, that its forward tells.
A method that cannot take the book says why.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np

from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.dashboard.beside import TooLongError, beside
from flatbook.dashboard.frames import number
from flatbook.dashboard.views.capital import NO_SCENARIO, available_of
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.margin import reg_t, span
from flatbook.margin.desk_capital import PointTerms, point_pnl, requirement_of_book
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.margin.span_parameters import SpanParameters
from flatbook.margin.tims import points_of
from flatbook.margin.tims_groups import tree_of
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.model.errors import FlatbookError
from flatbook.model.instruments import Kind
from flatbook.model.parameters import HaircutRange
from flatbook.model.table import Floats, Ints

RANGES: dict[HaircutRange, str] = {
    HaircutRange.SINGLE_NAME: "equity",
    HaircutRange.BROAD_INDEX: "high-cap-index",
    HaircutRange.OTHER_INDEX: "non-high-cap-index",
}
_CLASSES: dict[HaircutRange, ProductClass] = {
    HaircutRange.SINGLE_NAME: ProductClass.EQUITY,
    HaircutRange.BROAD_INDEX: ProductClass.BROAD_INDEX,
    HaircutRange.OTHER_INDEX: ProductClass.BROAD_INDEX,
}
TITLES: dict[Method, tuple[str, str]] = {
    Method.RISK_BASED_HAIRCUT: (
        "risk-based haircut",
        "the engine's, in every cycle; limits and quotes read it (17 CFR 240.15c3-1a)",
    ),
    Method.PORTFOLIO_MARGIN: (
        "portfolio margin",
        "customer account, FINRA Rule 4210(g); packaged parameters",
    ),
    Method.REG_T: ("strategy margin", "Regulation T, Cboe Rule 10.3, best pairing; packaged parameters"),
    Method.SPAN: ("SPAN", "16 scenarios; generic ranges, which are no exchange's"),
    Method.DERIBIT_PORTFOLIO: ("Deribit portfolio margin", "of what settles in coin"),
}
NOT_ASKED = "the best pairing takes seconds: it is asked by itself"
WITHIN_S = 60.0  # for strategy margin
_NOTES_MOST = 4


class MethodRow(Row):
    """One method."""

    method: str
    title: str
    source: str
    own: bool  # the one that limits read
    required_usd: float | None  # to open positions
    maintenance_usd: float | None
    share: float | None  # of what is available; null: the requirement or what there is is not known
    worst: str  # what decides it
    left_out: int  # positions that the method does not take
    notes: tuple[str, ...]
    reason: str  # why there is no requirement
    took_ms: float


class Methods(Row):
    """All of them, of one cycle."""

    cycle: int
    at_ns: str
    available_usd: float | None
    available_of: str
    methods: tuple[MethodRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What one method found."""

    required_usd: float
    maintenance_usd: float
    worst: str = ""
    left_out: int = 0
    notes: tuple[str, ...] = ()
    reason: str = ""


def methods(cycle: Cycle) -> Methods:
    """Ask every method but strategy margin, which `strategy_margin` asks; some 100 ms of a book of 100 positions, so in a thread."""
    available, of = available_of(cycle)
    each: dict[Method, Callable[[Cycle], _Asked]] = {
        Method.RISK_BASED_HAIRCUT: _own,
        Method.PORTFOLIO_MARGIN: _portfolio,
        Method.REG_T: lambda _: _unknown(NOT_ASKED),
        Method.SPAN: _span,
        Method.DERIBIT_PORTFOLIO: _coin,
    }
    return Methods(
        cycle=cycle.sequence,
        at_ns=str(cycle.now_ns),
        available_usd=number(available),
        available_of=of,
        methods=tuple(_row(method, ask, cycle, available) for method, ask in each.items()),
    )


def strategy_margin(cycle: Cycle, within_s: float = WITHIN_S) -> MethodRow:
    """Ask strategy margin, in a process of its own: the best pairing of 80 positions may take half a minute."""
    return _row(Method.REG_T, lambda now: _strategy(now, within_s), cycle, available_of(cycle)[0])


def _row(method: Method, ask: Callable[[Cycle], _Asked], cycle: Cycle, available: float) -> MethodRow:
    began = time.perf_counter()
    try:
        found = ask(cycle)
    except FlatbookError as e:
        found = _unknown(str(e).replace("\n", "; "))
    title, source = TITLES[method]
    known = math.isfinite(found.required_usd)
    return MethodRow(
        method=method.value,
        title=title,
        source=source,
        own=method is Method.RISK_BASED_HAIRCUT,
        required_usd=number(found.required_usd),
        maintenance_usd=number(found.maintenance_usd),
        share=number(found.required_usd / available),
        worst=found.worst,
        left_out=found.left_out,
        notes=found.notes[:_NOTES_MOST],
        reason="" if known else found.reason or "; ".join(found.notes[:1]) or NO_SCENARIO,
        took_ms=1e3 * (time.perf_counter() - began),
    )


def _unknown(reason: str) -> _Asked:
    return _Asked(required_usd=math.nan, maintenance_usd=math.nan, reason=reason)


def _own(cycle: Cycle) -> _Asked:
    result = cycle.capital.result
    return _Asked(
        required_usd=cycle.capital.desk,
        maintenance_usd=cycle.capital.desk,
        worst=_worst(cycle, result.charge, cycle.capital.moves, cycle.capital.pnl),
    )


def _portfolio(cycle: Cycle) -> _Asked:
    """The same book at the points of customer portfolio margin, by the engine's values."""
    terms, own = portfolio_terms(cycle, _portfolio_parameters()), cycle.basis.capital_terms
    if np.array_equal(terms.moves, own.moves):
        points = (
            cycle.basis.capital_points
        )  # the ranges of both are the same but for what a desk says otherwise
    else:
        points = point_pnl(np.flatnonzero(cycle.book.quantity), cycle.values, cycle.market, terms.moves)
    result = requirement_of_book(cycle.book.quantity, points, terms)
    n = len(cycle.table.underlyings)
    return _Asked(
        required_usd=result.requirement,
        maintenance_usd=result.requirement,
        worst=_worst(cycle, result.charge, terms.moves, result.pnl[:n]),
    )


@cache
def _portfolio_parameters() -> TimsParameters:
    return read_parameters_as(TimsParameters, Method.PORTFOLIO_MARGIN)


@cache
def _span_parameters() -> SpanParameters:
    return read_parameters_as(SpanParameters, Method.SPAN)


def portfolio_terms(cycle: Cycle, parameters: TimsParameters) -> PointTerms:
    """How far each underlying moves by its haircut class, and the least charge of each contract."""
    table, ranges = cycle.table, parameters.ranges[parameters.account]
    moves = []
    for name in table.underlyings:
        of = cycle.desk.terms_of(name)
        moves.append(of.leverage * points_of(ranges[RANGES[of.haircut]], parameters.points_a_side))
    future = np.array([each.kind is Kind.FUTURE for each in table.instruments], dtype=np.bool_)
    least = np.where(
        table.is_option, parameters.minimum.option, np.where(future, parameters.minimum.future, 0.0)
    )
    return PointTerms(
        moves=np.array(moves).reshape(len(table.underlyings), 2 * parameters.points_a_side),
        minimum_per_contract=least * table.multiplier,
        tree=tree_of(table.underlyings, parameters.groups),
    )


def _strategy(cycle: Cycle, within_s: float) -> _Asked:
    """Options, shares and funds; futures have no strategy margin."""
    held = np.flatnonzero(cycle.book.quantity)
    rows = np.array([row for row in held.tolist() if _has_strategy(cycle, row)], dtype=np.int64)
    left = int(held.size - rows.size)
    if not rows.size:
        return _Asked(required_usd=0.0, maintenance_usd=0.0, left_out=left)
    legs, told = legs_of(cycle, rows), read_parameters_as(RegTParameters, Method.REG_T)
    funds = {
        legs.where[at]: cycle.table.instruments[row].underlying
        for at, row in enumerate(rows.tolist())
        if legs.kind[at] == LegKind.STOCK and legs.where[at] != cycle.table.instruments[row].underlying
    }
    parameters = msgspec.structs.replace(told, index_funds=told.index_funds | funds)
    try:
        found = beside(within_s, reg_t.capital, legs, parameters, marginals=False)
    except TooLongError as e:
        return _unknown(f"{rows.size} positions: {e}; flatbook margin --method regt takes its time")
    return _told(found, left, f"{len(found.found['pairing'])} packages" if found.found else "")


def _span(cycle: Cycle) -> _Asked:
    """Everything as a future, or an option on one at its forward: all that generic ranges can tell."""
    held = np.flatnonzero((cycle.book.quantity != 0) & ~cycle.table.inverse)
    left = int(np.count_nonzero(cycle.book.quantity) - held.size)
    if not held.size:
        return _Asked(required_usd=0.0, maintenance_usd=0.0, left_out=left)
    found = span.capital(legs_of(cycle, held, on_futures=True), _span_parameters())
    return _told(found, left, "")


def _coin(cycle: Cycle) -> _Asked:
    coin = int(np.count_nonzero((cycle.book.quantity != 0) & cycle.table.inverse))
    if not coin:
        return _unknown("nothing that is held settles in coin")
    reason = f"{coin} positions settle in coin: their accounts and currencies are in a file of positions; use flatbook margin --method pme"
    return _unknown(reason)


def _told(found: AccountRequirement, left: int, worst: str) -> _Asked:
    return _Asked(
        required_usd=found.requirement,
        maintenance_usd=found.maintenance,
        worst=worst,
        left_out=left,
        notes=found.notes,
    )


def _worst(cycle: Cycle, charge: Floats, moves: Floats, pnl: Floats) -> str:
    """The underlying that needs most, and the move that decides it."""
    names = cycle.table.underlyings
    each = charge[: len(names)]
    if not each.size or not np.isfinite(each).all() or not each.any():
        return ""
    u = int(np.argmax(each))
    return f"{names[u]} {100.0 * moves[u, int(np.argmin(pnl[u]))]:+.1f} %".replace("-", "\N{MINUS SIGN}")


def _has_strategy(cycle: Cycle, row: int) -> bool:
    return cycle.table.instruments[row].kind is not Kind.FUTURE and not cycle.table.inverse[row]


def legs_of(cycle: Cycle, rows: Ints, *, on_futures: bool = False) -> Legs:
    """Positions as legs at our theoretical values.

    Parameters
    ----------
    cycle : Cycle
    rows : int64[n]
        Held.
    on_futures : bool
        Each option on a future at its forward, each share as a future: what SPAN takes.
    """
    table, market, values = cycle.table, cycle.market, cycle.values
    u, option = table.underlying_of[rows], table.is_option[rows]
    terms = [cycle.desk.terms_of(table.underlyings[each]) for each in u.tolist()]
    spot, price = market.spot[u], values.price[rows]
    years = np.where(option, market.years[rows], 0.0)
    rate = np.where(option, market.slice_rate[np.maximum(table.slice_of[rows], 0)], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        carry = np.where(option & (years > 0.0), np.log(market.forward[rows] / spot) / years, rate)
    names = {row: table.instruments[row].symbol for row in rows.tolist()}
    kinds = [_kind_of(cycle, row, on_futures) for row in rows.tolist()]
    shares = np.array([kind == LegKind.STOCK for kind in kinds], dtype=np.bool_)
    at = np.where(option & on_futures, market.forward[rows], np.where(option, spot, price))
    return Legs(
        where=tuple(names.values()),
        group=("desk",) * rows.size,
        underlying=tuple(
            names[row] if stock else table.underlyings[each]
            for row, each, stock in zip(rows.tolist(), u.tolist(), shares.tolist(), strict=True)
        ),
        product_class=tuple(ProductClass.FUTURE if on_futures else _CLASSES[each.haircut] for each in terms),
        leverage=np.array([each.leverage for each in terms]),
        underlying_price=at,
        kind=np.array(kinds, dtype=np.int64),
        strike=np.where(option, table.strike[rows], np.nan),
        years=years,
        american=table.american[rows] & option,
        price=price,
        vol=np.where(option, market.vol[rows], np.nan),
        quantity=cycle.book.quantity[rows].astype(np.float64) * np.where(shares, table.multiplier[rows], 1.0),
        multiplier=np.where(shares, 1.0, table.multiplier[rows]),
        rate=rate,
        dividend_yield=rate - carry,
    )


def _kind_of(cycle: Cycle, row: int, on_futures: bool) -> LegKind:
    item = cycle.table.instruments[row]
    if item.kind is Kind.OPTION:
        return LegKind.CALL if cycle.table.sign[row] > 0 else LegKind.PUT
    return LegKind.FUTURE if on_futures or item.kind is Kind.FUTURE else LegKind.STOCK
