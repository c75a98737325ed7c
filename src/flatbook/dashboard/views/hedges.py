"""The Hedges page: what each underlying's delta asks for, what lost, hedge orders at work, and what those that are done cost.

Delta is in USD of a 100 % move. The numbers of a proposal are those of the plan report. Shortfall is what a hedge paid against fair value in
the cycle before its fill; fees are those of the desk file.
"""

import math
from collections.abc import Iterable
from itertools import islice

import msgspec
import numpy as np

from flatbook.dashboard.frames import Frame, number
from flatbook.dashboard.views.head import Row, frame_of
from flatbook.engine.cycle import Cycle
from flatbook.hedging.approval import Waiting, WaitingHedge
from flatbook.hedging.execution import even_path_deviation_usd
from flatbook.live.snapshot import FillRow, HedgeMark, Snapshot, StoryKind, WorkingRow
from flatbook.live.story_of_hedges import trade_of
from flatbook.model.hedge_terms import HedgeTerms, HedgingTerms
from flatbook.model.measures import Measure
from flatbook.reports.hedge_rows import hedge_row
from flatbook.reports.missing import Missing
from flatbook.riskprice.cost import cost_per_contract, usd_per_price_unit

DONE_SHOWN = 40
ANSWERS_SHOWN = 6
WORKING_SHOWN = 60
_NS_PER_S = 1e9
_NO_PRICE = "it has no price now"


class TradeLine(Row):
    """One way to hedge, in whole lots."""

    side: str  # buy, sell; none: no whole lot helps
    contracts: int
    symbol: str
    price: float | None
    cost_usd: float | None
    basis_deviation_usd: float | None  # over the holding time
    delta_after_usd: float | None
    score_usd: float | None  # cost plus the price of the risk that is left; least wins
    delta_usd: float | None  # that it brings
    carry_usd: float | None
    effectiveness: float | None
    effectiveness_stress: float | None
    followed: str
    why: str  # it lost; empty for one that is traded


class ScheduleLine(Row):
    """How one leg is traded."""

    symbol: str
    minutes: float | None  # 0: now
    contracts: tuple[int, ...]
    rate_per_minute: float | None
    expected_cost_usd: float | None
    deviation_usd: float | None
    reason: str


class PolicyLine(Row):
    """What one hedge policy would do now."""

    policy: str
    in_force: bool
    band_usd: float | None
    trade_usd: float | None
    cost_usd: float | None


class Proposal(Row):
    """What is done about one underlying's delta; no legs: nothing, and `reason` says why."""

    id: str  # as a person approves or rejects it
    underlying: str
    delta_before_usd: float | None
    band_usd: float | None
    target_usd: float | None
    chosen: TradeLine | None
    legs: tuple[TradeLine, ...]
    alternatives: tuple[TradeLine, ...]  # the best first
    delta_after_usd: float | None
    deviation_before_usd: float | None
    deviation_after_usd: float | None
    cost_usd: float | None
    schedule: tuple[ScheduleLine, ...]
    policies: tuple[PolicyLine, ...]
    reason: str
    sentence: str


class WaitingLine(Row):
    """A hedge that is large enough for a person to be asked."""

    id: str  # as a person approves or rejects it
    underlying: str
    side: str  # buys or sells delta
    state: str  # waits, rejected, approved; unasked: a limit wants it at once
    trade: str
    delta_usd: float  # that is traded, by amount
    delta_before_usd: float | None
    delta_after_usd: float | None
    cost_usd: float | None
    deviation_before_usd: float | None  # over the holding time
    deviation_after_usd: float | None
    waits_s: float
    left_s: float | None  # of the answer; null: there is none
    owner: str  # who answered
    why: str


class AnswerLine(Row):
    """What a person answered to a hedge."""

    at_ns: str
    text: str


class HedgeOrder(Row):
    """A hedge order that may still fill."""

    client_id: int
    symbol: str
    underlying: str
    side: int  # +1 buys
    price: float
    quantity: int
    open: int
    done_share: float
    state: str
    age_s: float
    bid: float | None  # of the market now
    ask: float | None
    away_usd: (
        float | None
    )  # what it would cost more to cross the market now for all that is open; 0: the market is at its price
    risk_usd: float | None  # standard deviation of what is open, traded evenly over the next minute
    reason: str  # why a number is null


class DoneHedge(Row):
    """A hedge fill."""

    at_ns: str
    symbol: str
    side: int
    quantity: int
    price: float
    shortfall_usd: float | None  # minus: better than fair value


class ShortfallLine(Row):
    """All hedges of the last half hour in one instrument."""

    symbol: str
    underlying: str
    fills: int
    bought: int
    sold: int
    unknown: int  # fills without a fair value: in no sum
    shortfall_usd: float | None  # null: of no fill is it known
    fees_usd: float | None
    per_contract_usd: float | None  # shortfall and fees
    expected_per_contract_usd: float | None  # half-spread and fee, as the desk file tells
    reason: str


class Hedges(Row):
    """The page."""

    proposals: tuple[Proposal, ...]  # what trades first, then the fullest band
    waiting: tuple[WaitingLine, ...]  # that waits first, then the largest
    answers: tuple[AnswerLine, ...]  # newest first
    approve_above_usd: float | None  # of delta that one hedge trades; null: this desk asks nobody
    decided_by: str  # who decides that a hedge leaves
    sends_hedges: bool  # orders leave; otherwise they are only proposed
    sends_offsets: bool
    offset_every_s: float
    offset_leaves: bool  # an offset of options leaves with this very cycle
    working: tuple[HedgeOrder, ...]  # the oldest first
    working_left_out: int
    done: tuple[DoneHedge, ...]  # newest first
    shortfall: tuple[ShortfallLine, ...]  # the dearest first
    since_ns: str  # of the shortfalls; empty: there is none


def hedges(snapshot: Snapshot) -> Hedges:
    """The page of a snapshot."""
    cycle = snapshot.cycle
    orders = sorted((each for each in snapshot.working if not each.is_quote), key=lambda each: each.sent_ns)
    marks = snapshot.history.hedges
    return Hedges(
        proposals=tuple(sorted(_proposals(cycle), key=_pressing)),
        waiting=tuple(sorted((_waiting(one, cycle) for one in cycle.waiting), key=_first)),
        answers=tuple(
            AnswerLine(at_ns=str(line.at_ns), text=line.text)
            for line in islice(
                (each for each in snapshot.story if each.kind is StoryKind.ANSWER), ANSWERS_SHOWN
            )
        ),
        approve_above_usd=cycle.desk.hedging.approve_above_usd,
        decided_by=decided_by(cycle.desk.hedging),
        sends_hedges=cycle.desk.orders.send,
        sends_offsets=cycle.desk.offsets.send and cycle.desk.orders.send,
        offset_every_s=cycle.desk.offsets.every_s,
        offset_leaves=cycle.offset_trades is not None,
        working=tuple(_order(each, snapshot) for each in orders[:WORKING_SHOWN]),
        working_left_out=max(len(orders) - WORKING_SHOWN, 0),
        done=tuple(
            _done(each) for each in islice((one for one in snapshot.fills if one.is_hedge), DONE_SHOWN)
        ),
        shortfall=_shortfalls(marks, cycle),
        since_ns=str(marks[0].at_ns) if marks else "",
    )


def hedges_frame(snapshot: Snapshot) -> Frame:
    """The same for the stream."""
    return frame_of(snapshot, "hedges", "hedges", hedges(snapshot))


def _proposals(cycle: Cycle) -> Iterable[Proposal]:
    missing = Missing()
    for one in cycle.hedges:
        told = msgspec.to_builtins(hedge_row(one, cycle, missing))
        yield Proposal(id=f"{one.underlying}:{cycle.sequence}", **told)


def decided_by(terms: HedgingTerms) -> str:
    """Who decides that a hedge leaves, in words."""
    if terms.approve_above_usd is None:
        return (
            "hedges of this desk leave as soon as they are decided: the desk file sets no approve_above_usd"
        )
    return (
        f"a hedge of more than {terms.approve_above_usd:,.0f} $ of delta waits for a person; "
        "where a limit on direction stands at ESCALATE or HARD nothing waits"
    )


def _waiting(one: WaitingHedge, cycle: Cycle) -> WaitingLine:
    hedge = next(each for each in cycle.hedges if each.underlying == one.underlying)
    return WaitingLine(
        id=one.id,
        underlying=one.underlying,
        side=one.side.name.lower(),
        state=one.state.value,
        trade=trade_of(one),
        delta_usd=one.delta_usd,
        delta_before_usd=number(hedge.delta_before_usd),
        delta_after_usd=number(hedge.delta_after_usd),
        cost_usd=number(one.cost_usd),
        deviation_before_usd=number(hedge.deviation_before_usd),
        deviation_after_usd=number(hedge.deviation_after_usd),
        waits_s=(cycle.now_ns - one.since_ns) / _NS_PER_S,
        left_s=(one.until_ns - cycle.now_ns) / _NS_PER_S if one.until_ns else None,
        owner=one.owner,
        why=one.why,
    )


def _first(one: WaitingLine) -> tuple[bool, float, str]:
    return one.state != Waiting.WAITS, -one.delta_usd, one.id


def _pressing(one: Proposal) -> tuple[bool, float, str]:
    used = (
        abs(one.delta_before_usd) / one.band_usd
        if one.band_usd and one.delta_before_usd is not None
        else math.inf
    )
    return not one.legs, -used, one.underlying


def _order(order: WorkingRow, snapshot: Snapshot) -> HedgeOrder:
    cycle = snapshot.cycle
    table, market = cycle.table, cycle.market
    row = table.row_of(order.symbol)
    u = int(table.underlying_of[row])
    bid, ask = float(market.bid[row]), float(market.ask[row])
    terms = next((each for each in cycle.desk.hedges if each.instrument.symbol == order.symbol), None)
    if terms is not None and not math.isfinite(bid):
        half = 0.5 * terms.spread
        bid, ask = float(cycle.values.price[row]) - half, float(cycle.values.price[row]) + half
    away = max(order.side * ((ask if order.side > 0 else bid) - order.price), 0.0) * order.open
    delta = float(cycle.values.greeks[row, Measure.DELTA_USD])
    hedging = cycle.desk.hedging
    years = 1.0 / hedging.day_minutes / hedging.days_per_year
    risk = even_path_deviation_usd(
        traded_usd=order.open * delta, vol=float(cycle.basis.spot_vol[u]), years=years
    )
    known = math.isfinite(bid) and math.isfinite(ask)
    return HedgeOrder(
        client_id=order.client_id,
        symbol=order.symbol,
        underlying=table.underlyings[u],
        side=order.side,
        price=order.price,
        quantity=order.quantity,
        open=order.open,
        done_share=1.0 - order.open / order.quantity,
        state=order.state,
        age_s=(snapshot.at_ns - order.sent_ns) / _NS_PER_S,
        bid=number(bid),
        ask=number(ask),
        away_usd=number(away * table.multiplier[row]),
        risk_usd=number(risk),
        reason="" if known and math.isfinite(risk) else _NO_PRICE,
    )


def _done(fill: FillRow) -> DoneHedge:
    return DoneHedge(
        at_ns=str(fill.at_ns),
        symbol=fill.symbol,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        shortfall_usd=number(-fill.edge_usd),
    )


def _shortfalls(marks: tuple[HedgeMark, ...], cycle: Cycle) -> tuple[ShortfallLine, ...]:
    by_symbol: dict[str, list[HedgeMark]] = {}
    for mark in marks:
        by_symbol.setdefault(mark.symbol, []).append(mark)
    terms = {each.instrument.symbol: each for each in cycle.desk.hedges}
    lines = (_shortfall(each, terms.get(name), cycle) for name, each in by_symbol.items())
    return tuple(sorted(lines, key=lambda each: (-(each.shortfall_usd or 0.0), each.symbol)))


def _shortfall(marks: list[HedgeMark], terms: HedgeTerms | None, cycle: Cycle) -> ShortfallLine:
    paid = np.array([each.shortfall_usd for each in marks])
    traded = np.array([each.quantity for each in marks])
    known = np.isfinite(paid)
    contracts = int(np.abs(traded[known]).sum())
    total = float(paid[known].sum()) if known.any() else math.nan
    fee = math.nan if terms is None else terms.fee_per_contract
    return ShortfallLine(
        symbol=marks[0].symbol,
        underlying=marks[0].underlying,
        fills=len(marks),
        bought=int(traded[traded > 0].sum()),
        sold=int(-traded[traded < 0].sum()),
        unknown=int((~known).sum()),
        shortfall_usd=number(total),
        fees_usd=number(fee * contracts),
        per_contract_usd=number(total / contracts + fee) if contracts else None,
        expected_per_contract_usd=number(_expected(terms, cycle)),
        reason=""
        if known.any() and terms is not None
        else "no fair value was known before its fills"
        if terms
        else "the desk hedges with it no more",
    )


def _expected(terms: HedgeTerms | None, cycle: Cycle) -> float:
    if terms is None:
        return math.nan
    row = cycle.table.row_of(terms.instrument.symbol)
    price, spot = float(cycle.values.price[row]), float(cycle.values.spot[row])
    return cost_per_contract(terms, usd_per_price_unit(terms, price, spot))
