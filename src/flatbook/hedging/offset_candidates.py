"""The option offset of one underlying or of several that share risks: candidates from the market, rows from the limits, and its plan.

Candidates are liquid options (usable quotes, a bid) that move most risk per USD of cost, taken in turn over expiries and places on the smile;
series held, to be closed; and the desk's hedge instruments. The risk is that of the whole desk, so what other underlyings hold is offset too.
Slide cells that lose little are no rows at first, and of the choices of one scan point of each part of a capital limit only some: where the
plan would break one, it comes in and the plan is made again.
"""

from dataclasses import dataclass, replace

import numpy as np

from flatbook.exposure.factor_covariance import Covariance
from flatbook.exposure.factors import FactorExposure, Factors
from flatbook.exposure.slide_cells import cells_of
from flatbook.exposure.slides import Slides
from flatbook.hedging.offset_plan import OffsetPlan, plan_offset
from flatbook.hedging.offset_problem import OffsetProblem, OffsetRows, OffsetSeries
from flatbook.hedging.offset_rows import CapitalSum, joined, rows_of_limits
from flatbook.hedging.offset_whole import DEFAULT_WORK, Work
from flatbook.hedging.working import impact_per_contract2
from flatbook.limits.check import Standing
from flatbook.margin.capital import Capital
from flatbook.market.quotes import QuoteStatus
from flatbook.market.view import MarketView
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.measures import CALENDAR_DAYS, Measure
from flatbook.model.offset_terms import OffsetTerms
from flatbook.model.parameters import Desk
from flatbook.model.table import Bools, Floats, Ints
from flatbook.riskprice.cost import cost_per_contract, hedges_of, tradable_contracts, usd_per_price_unit
from flatbook.valuation.values import Values, usd_per_quote

_PLACES = np.array([0.1, 0.25, 0.4, 0.6, 0.75, 0.9])  # of delta: between them the places on the smile
_HELD_SHARE = 3  # a third of the candidates may be series held
_ROUNDS = 12  # of plans, each with the rows that the one before broke
_HEDGE_FACTOR = 4.0  # of the delta that all others could bring: the most of a hedge instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetBook:
    """A book and all that was measured of it in one cycle."""

    quantity: Ints  # int64[n_rows]
    values: Values
    market: MarketView
    desk: Desk
    factors: Factors
    exposure: FactorExposure  # of the book
    covariance: Covariance  # over the holding time
    standing: Standing
    slides: Slides
    capital: Capital
    spot_vol: Floats | None = (
        None  # float64[n_underlyings] annual, to work hedges at; None: they are traded at once
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetQuestion:
    """The programme, every row that its plan has to keep, and what could not be said in it."""

    rows: Ints  # int64[n]: of the table, each candidate
    problem: OffsetProblem  # with the rows that count from the start
    every_row: OffsetRows
    notes: tuple[str, ...]
    sums: tuple[CapitalSum, ...] = ()  # limits on capital that have more rows than `every_row` holds
    unkept: tuple[str, ...] = ()  # limits broken or unknown that no row says: no plan meets every limit


def offset_question(book: OffsetBook, underlyings: tuple[str, ...], terms: OffsetTerms) -> OffsetQuestion:
    """The option offset of some underlyings.

    Parameters
    ----------
    book : OffsetBook
    underlyings : tuple of str
        Whose options and hedges may be traded.
    terms : OffsetTerms
    """
    rows = candidates(book, underlyings, terms)
    market = book.market
    cells = cells_of(rows, book.values, market, book.slides.moves, book.slides.shifts_points)
    most = _sizes(book, rows, terms)
    said = rows_of_limits(
        book.standing, book.slides, book.capital, market, book.quantity, cells, most, terms.limit_share
    )
    every = said.done()
    exposure, per_contract, covariance, notes = _risk(book, rows)
    sides = _sides(book, rows, terms, said.most[1])
    problem = OffsetProblem(
        series=tuple(_series(book, row) for row in rows.tolist()),
        exposure=exposure,
        per_contract=per_contract,
        covariance=covariance,
        aversion_per_usd=book.desk.appetite.aversion_per_usd,
        buy_cost_usd=sides[0],
        sell_cost_usd=sides[1],
        impact_usd=_impacts(book, rows),
        most_bought=said.most[0],
        most_sold=said.most[1],
        lot=_lots(book, rows),
        rows=_some(every, _first(every, terms)),
        legs_max=terms.legs_max,
        breach_usd=terms.breach_usd,
    )
    return OffsetQuestion(
        rows=rows,
        problem=problem,
        every_row=every,
        notes=(*notes, *said.left_out),
        sums=tuple(said.sums),
        unkept=tuple(said.unkept),
    )


def answered(question: OffsetQuestion, work: Work = DEFAULT_WORK) -> tuple[OffsetPlan, OffsetProblem]:
    """The plan, and the programme that it answers: with every row that an earlier plan would have broken."""
    problem, every = question.problem, question.every_row
    plan = plan_offset(problem, work)
    for _ in range(_ROUNDS):
        every = _with_sums(every, question.sums, plan.contracts)
        inside = np.isin(np.array(every.names), np.array(problem.rows.names))
        broken = (replace(problem, rows=every).breaches(plan.contracts) > 0.0) & ~inside
        if not broken.any():
            break
        problem = replace(problem, rows=_some(every, inside | broken))
        plan = plan_offset(problem, work)
    return _honest(plan, problem, every, question), problem


def _with_sums(every: OffsetRows, sums: tuple[CapitalSum, ...], contracts: Ints) -> OffsetRows:
    """The rows, and of each sum that at which the book with these trades loses most."""
    worst = (one.rows(one.worst(contracts)[None, :]) for one in sums)
    return joined((every, *(one for one in worst if one.names[0] not in every.names)))


def _honest(
    plan: OffsetPlan, problem: OffsetProblem, every: OffsetRows, question: OffsetQuestion
) -> OffsetPlan:
    """The plan, said to meet every limit only where each one that is broken or unknown has a row, and none was left outside."""
    unkept = list(question.unkept)
    every = _with_sums(every, question.sums, plan.contracts)
    broken = replace(problem, rows=every).breaches(plan.contracts) > 0.0
    broken &= ~np.isin(np.array(every.names), np.array(problem.rows.names))
    unkept.extend(
        f"{every.names[r]} (no plan was found in time that keeps it)" for r in np.flatnonzero(broken)
    )
    if not unkept:
        return plan
    status = plan.status.replace(
        "every limit is met", "every limit that the plan can be held against is met", 1
    )
    return replace(plan, met=False, status=f"{status}; not held against the plan: {', '.join(unkept)}")


def candidates(book: OffsetBook, underlyings: tuple[str, ...], terms: OffsetTerms) -> Ints:
    """Rows of the table that the offset may trade, int64[n], ascending."""
    table = book.market.table
    mine = np.isin(np.array(table.underlyings)[table.underlying_of], underlyings)
    hedges = [
        table.row_of(hedge.instrument.symbol) for name in underlyings for hedge in hedges_of(book.desk, name)
    ]
    known = np.isfinite(book.factors.e).all(axis=1) & np.isfinite(book.values.price)
    hedges = [row for row in dict.fromkeys(hedges) if known[row]][: terms.candidates_max]
    liquid = np.flatnonzero(mine & known & _liquid(book.market))
    left = terms.candidates_max - len(hedges)
    score = _risk_per_cost(book, liquid, terms)
    held = liquid[book.quantity[liquid] != 0]
    size = np.abs(book.quantity[held]) * _deviations(book, held)
    held = held[np.argsort(-size, kind="stable")][: left // _HELD_SHARE]
    spread = [row for row in _in_turn(book, liquid, score) if row not in set(held.tolist())]
    return np.array(sorted([*hedges, *held.tolist(), *spread[: left - held.size]]), dtype=np.int64)


def _liquid(market: MarketView) -> Bools:
    table = market.table
    with np.errstate(invalid="ignore"):
        two_sided = (market.bid > 0.0) & (market.ask > market.bid)
    return np.asarray(
        table.is_option & (market.status == QuoteStatus.USABLE) & two_sided & (market.years > 0.0)
    )


def _deviations(book: OffsetBook, rows: Ints) -> Floats:
    """Standard deviation of one contract's P&L over the holding time, without its spot delta, USD."""
    table, kinds = book.market.table, book.factors.e.shape[1]
    out = np.zeros(rows.size)
    for u in np.unique(table.underlying_of[rows]).tolist():
        block = book.covariance.matrix[u * kinds : (u + 1) * kinds, u * kinds : (u + 1) * kinds]
        known = np.isfinite(np.diag(block))
        at = np.flatnonzero(table.underlying_of[rows] == u)
        e = book.factors.e[np.ix_(rows[at], np.flatnonzero(known))].copy()
        part = block[np.ix_(known, known)]
        spot = int(np.flatnonzero(known)[0]) if known.any() else -1
        if spot == 0 and part[0, 0] > 0.0:
            e[:, 0] -= e @ part[:, 0] / part[0, 0]  # as if it were hedged
        out[at] = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", e, part, e), 0.0))
    return out


def _risk_per_cost(book: OffsetBook, rows: Ints, terms: OffsetTerms) -> Floats:
    return np.asarray(_deviations(book, rows) / np.maximum(_costs(book, rows, terms), 1e-9))


def _in_turn(book: OffsetBook, rows: Ints, score: Floats) -> list[int]:
    """The best of every expiry and place on the smile, then the second best of each, and so on; nearest expiries first."""
    table, values = book.market.table, book.values
    delta = values.greeks[rows, Measure.DELTA_SHARES] / table.multiplier[rows]
    place = np.searchsorted(_PLACES, np.where(delta < 0.0, 1.0 + delta, delta))
    group = table.slice_of[rows] * (_PLACES.size + 1) + place
    order = np.lexsort((rows, -score, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    turn = np.arange(rows.size) - np.repeat(starts, np.diff(np.append(starts, rows.size)))
    ranked = np.lexsort((-score[order], turn))
    return [int(row) for row in rows[order][ranked]]


def _costs(book: OffsetBook, rows: Ints, terms: OffsetTerms) -> Floats:
    """USD to trade one contract of each row: half-spread and impact of options, spread of hedge instruments, and fees."""
    market = book.market
    half = 0.5 * (market.ask[rows] - market.bid[rows]) * usd_per_quote(book.values, market)[rows]
    out = half * (1.0 + terms.impact_half_spreads)
    for at, row in enumerate(rows.tolist()):
        hedge = _hedge_of(book, row)
        if hedge is not None:
            price, spot = float(book.values.price[row]), float(book.values.spot[row])
            out[at] = cost_per_contract(hedge, usd_per_price_unit(hedge, price, spot))
        else:
            out[at] += book.desk.quoting.fee_per_contract
    return out


def _sides(book: OffsetBook, rows: Ints, terms: OffsetTerms, most_sold: Ints) -> Floats:
    """USD for a contract bought and sold, float64[2, n]: with carry of hedge instruments over the holding time, and borrow.

    What is sold beyond what is held is borrowed, and waits for the other half of the spread where it may only be sold passively; a contract
    sold costs its share of that when the most is sold, so less is never cheaper than told. What carry earns beyond the cost counts for nothing.
    """
    out = np.tile(_costs(book, rows, terms), (2, 1))
    years = book.desk.appetite.holding_days / CALENDAR_DAYS
    for at, row in enumerate(rows.tolist()):
        hedge = _hedge_of(book, row)
        if hedge is None:
            continue
        price, most = float(book.values.price[row]), int(most_sold[at])
        per_price = usd_per_price_unit(hedge, price, float(book.values.spot[row]))
        carry = hedge.carry_rate * per_price * price * years
        short = hedge.borrow_rate * per_price * price * years
        short += 0.5 * hedge.spread * per_price if hedge.short_sale_restricted else 0.0
        beyond = max(most - max(int(book.quantity[row]), 0), 0) / max(most, 1)
        out[0, at] = max(out[0, at] + carry, 0.0)
        out[1, at] = max(out[1, at] - carry + beyond * short, 0.0)
    return out


def _impacts(book: OffsetBook, rows: Ints) -> Floats:
    """USD per contract squared that trading moves the market against itself, float64[n]; of options it is in their cost."""
    table, out = book.market.table, np.zeros(rows.size)
    for at, row in enumerate(rows.tolist()):
        hedge = _hedge_of(book, row)
        if hedge is not None:
            vol = np.nan if book.spot_vol is None else float(book.spot_vol[table.underlying_of[row]])
            delta = abs(float(book.values.greeks[row, Measure.DELTA_USD]))
            out[at] = impact_per_contract2(
                hedge, delta, vol, book.desk.hedging, book.desk.appetite.aversion_per_usd
            )
    return out


def _sizes(book: OffsetBook, rows: Ints, terms: OffsetTerms) -> Ints:
    """Contracts that may be bought and sold, int64[2, n]: displayed ones of options, what the others could need of hedges."""
    market, table = book.market, book.market.table
    option = table.is_option[rows]
    sizes = np.array([market.ask_size[rows], market.bid_size[rows]])
    told = np.where(
        np.isfinite(sizes),
        np.floor(np.where(np.isfinite(sizes), sizes, 0.0) * terms.size_share),
        terms.size_unknown,
    )
    delta = np.abs(book.values.greeks[rows, Measure.DELTA_USD])
    could = float((told.max(axis=0) * delta)[option].sum()) + float(np.abs(book.exposure.known[:, 0]).sum())
    out = np.where(option, told, np.minimum(np.ceil(_HEDGE_FACTOR * could / np.maximum(delta, 1e-9)), 1e7))
    for at in np.flatnonzero(~option).tolist():
        hedge = _hedge_of(book, int(rows[at]))
        if hedge is not None:
            out[:, at] = np.minimum(
                out[:, at], tradable_contracts(hedge, int(book.quantity[rows[at]]), passive=False)
            )
    return out.astype(np.int64)


def _hedge_of(book: OffsetBook, row: int) -> HedgeTerms | None:
    symbol = book.market.table.instruments[row].symbol
    return next((one for one in book.desk.hedges if one.instrument.symbol == symbol), None)


def _lots(book: OffsetBook, rows: Ints) -> Ints:
    """Contracts that trade together, 1 or more."""
    hedges = [_hedge_of(book, row) for row in rows.tolist()]
    return np.array([1 if hedge is None else hedge.lot for hedge in hedges], dtype=np.int64)


def _risk(book: OffsetBook, rows: Ints) -> tuple[Floats, Floats, Floats, list[str]]:
    """Exposure of the desk, of one contract of each candidate, covariance, and what is not known of them."""
    factors, matrix = book.factors, book.covariance.matrix
    n_underlyings, kinds = len(factors.underlyings), factors.e.shape[1]
    known = np.isfinite(np.diag(matrix))
    per_contract = np.zeros((rows.size, n_underlyings * kinds))
    for at, row in enumerate(rows.tolist()):
        u = int(factors.underlying_of[row])
        per_contract[at, u * kinds : (u + 1) * kinds] = factors.e[row]
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} factors whose variance is not known are in no risk")
    if book.exposure.reasons:
        notes.append(
            f"{len(book.exposure.reasons)} series held have exposures that are not known: their risk is not in it"
        )
    kept = matrix[np.ix_(known, known)]
    value, vector = np.linalg.eigh(0.5 * (kept + kept.T))
    return (
        book.exposure.known.reshape(-1)[known],
        per_contract[:, known],
        np.asarray((vector * np.maximum(value, 0.0)) @ vector.T),
        notes,
    )


def _series(book: OffsetBook, row: int) -> OffsetSeries:
    one = book.market.table.instruments[row]
    if not book.market.table.is_option[row]:
        return OffsetSeries(name=one.symbol, underlying=one.underlying, shares=one.multiplier)
    assert one.right is not None, "an option has a right"
    return OffsetSeries(
        name=one.symbol,
        underlying=one.underlying,
        shares=one.multiplier,
        right=one.right,
        strike=float(one.strike),
        expiry_ns=int(one.expiry_ns),
    )


def _first(every: OffsetRows, terms: OffsetTerms) -> Bools:
    """Rows that count from the start: bounds on both sides all, losses from a share of their limit, the fullest first."""
    used = np.maximum(every.value / np.maximum(every.high, 1e-9), every.value / np.minimum(every.low, -1e-9))
    used = np.where(np.isfinite(every.high) | (every.value < every.low), np.inf, used)
    order = np.argsort(-used, kind="stable")[: terms.rows_max]
    out = np.zeros(used.size, dtype=np.bool_)
    out[order[used[order] >= terms.cell_share]] = True
    return out


def _some(every: OffsetRows, inside: Bools) -> OffsetRows:
    return OffsetRows(
        names=tuple(name for name, kept in zip(every.names, inside.tolist(), strict=True) if kept),
        value=every.value[inside],
        per_contract=np.ascontiguousarray(every.per_contract[:, inside]),
        low=every.low[inside],
        high=every.high[inside],
        scale=every.scale[inside],
        weight=every.weight[inside],
        limit=every.limits[inside],
    )
