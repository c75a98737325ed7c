"""The Desk page: limits worst first, exposure by underlying, risk price, the last half hour, and the story in sentences.

Money is USD. Units are those of the table of measures; the page divides where it shows thousands. A delta per 1 % is a hundredth of
`delta_usd`, a gamma per 1 % squared a hundredth of `gamma_usd_per_pct`.
"""

import math

import numpy as np

from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.exposure.factors import LEVELS, SKEWS, SPOT, TENORS
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import UNCOMPUTED, LimitStanding
from flatbook.limits.ladder import ACTIONS
from flatbook.live.snapshot import History, Snapshot, StoryLine
from flatbook.model.measures import BUCKET_NAMES, MEANINGS, Measure
from flatbook.model.table import Floats, Ints
from flatbook.reports.decisions import LIMIT_UNITS

STORY_LINES = 60
POINTS = 512  # of a chart at most, and at least half as many where there are more
_MINUTE_NS = 60_000_000_000
_GAP_MOVE = -0.10
_MONTH = next(place for place, (label, _) in enumerate(TENORS) if label == "1m")


class LimitRow(Row):
    """One limit. Utilisation is a decimal: 1 is the limit; null is a breach, and `reason` says why."""

    name: str
    measure: str
    scope: str
    unit: str
    value: float | None
    unvalued: float | None  # worst case of what has no value, counted on top
    limit_hard: float
    soft_share: float
    critical_share: float
    utilisation: float | None
    minute_ago: float | None  # utilisation; null: it is not that long that anybody looks
    step: str
    action: str
    where: str
    reason: str
    tightened: tuple[str, ...]
    overridden_until_ns: str  # empty: it is not


class ExposureRow(Row):
    """One underlying, or the desk."""

    name: str
    spot: float | None
    spot_age_s: float | None
    delta_usd: float | None
    beta_delta_usd: float | None  # in USD of the desk's index
    hedge_delta_usd: float | None  # with what its other factors move along with spot: what a hedge looks at
    band_usd: float | None  # half-width within which no hedge trades, around `hedge_delta_usd` of 0
    hedge: str  # what is done about the delta, and why
    gamma_usd_per_pct: float | None
    vega_usd_per_point: float | None
    vega_weighted_usd_per_point: float | None
    theta_usd_per_day: float | None
    gap_usd: float | None  # P&L of a fall by `gap_move`
    worst_gap_usd: float | None  # the largest loss of any gap move, 0 or above
    unvalued: int  # held series without a value: not in the sums
    delta_bound_usd: float  # worst case of those
    vega_bound_usd_per_point: float
    reason: str  # why a number is null


class BucketRow(Row):
    """What one expiry bucket of an underlying adds."""

    underlying: str
    bucket: str
    delta_usd: float | None
    gamma_usd_per_pct: float | None
    vega_usd_per_point: float | None
    vega_weighted_usd_per_point: float | None
    theta_usd_per_day: float | None


class PriceRow(Row):
    """What one more unit of exposure is worth to us, USD per unit; plus: another unit costs us."""

    underlying: str
    spot_usd: float | None  # per USD of delta
    vega_usd: float | None  # per USD a point of one-month volatility
    skew_usd: float | None  # per USD a point of one-month skew


class StoryRow(Row):
    """One sentence of the desk's story."""

    sequence: int
    at_ns: str
    kind: str
    text: str
    severity: str
    underlying: str


class MarkRow(Row):
    """A hedge that was done."""

    at_ns: str
    underlying: str
    symbol: str
    quantity: int
    price: float


class Desk(Row):
    """The page."""

    gap_move: float
    limits: tuple[LimitRow, ...]  # worst first; one that could not be computed leads
    exposure: tuple[ExposureRow, ...]
    buckets: tuple[BucketRow, ...]  # with something in them
    desk: ExposureRow
    beta_index: str  # that betas refer to; empty: none
    prices: tuple[PriceRow, ...]
    story: tuple[StoryRow, ...]  # newest first
    history_of: tuple[str, ...]  # underlyings of the columns of the stream
    marks: tuple[MarkRow, ...]


def desk(snapshot: Snapshot) -> Desk:
    """The page of a snapshot."""
    cycle, history = snapshot.cycle, snapshot.history
    ago = minute_ago(history, snapshot.at_ns)
    ordered = sorted(cycle.standing.limits, key=lambda each: (-severity(each), each.limit.name))
    hedges = {each.underlying: each for each in cycle.hedges}
    return Desk(
        gap_move=_GAP_MOVE,
        limits=tuple(limit_row(each, ago) for each in ordered),
        exposure=tuple(
            _exposure(cycle, place, hedges.get(name)) for place, name in enumerate(cycle.table.underlyings)
        ),
        buckets=_buckets(cycle),
        desk=_whole(cycle),
        beta_index=cycle.desk.appetite.index,
        prices=tuple(_price(cycle, place) for place in range(len(cycle.table.underlyings))),
        story=tuple(story_row(each) for each in snapshot.story[:STORY_LINES]),
        history_of=history.underlyings,
        marks=tuple(
            MarkRow(
                at_ns=str(each.at_ns),
                underlying=each.underlying,
                symbol=each.symbol,
                quantity=each.quantity,
                price=each.price,
            )
            for each in history.hedges
        ),
    )


def desk_frame(snapshot: Snapshot) -> Frame:
    """The page with the columns of its charts."""
    return Frame(
        kind="desk",
        topic="desk",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=desk(snapshot).model_dump(),
        columns=history_columns(snapshot.history),
    )


def history_columns(history: History) -> tuple[Column, ...]:
    """Time in seconds, then for each underlying delta, band, vega and gap: the last of every equal stretch of time."""
    kept = thinned(history.at_ns)
    out = [column("at_s", history.at_ns[kept] / 1e9, "f8"), column("pnl", history.pnl_usd[kept], "f4")]
    for place, name in enumerate(history.underlyings):
        for what, values in (
            ("delta", history.delta_usd),
            ("band", history.delta_band_usd),
            ("vega", history.vega_usd_per_point),
            ("gap", history.gap_usd),
        ):
            out.append(column(f"{what}:{name}", values[place, kept], "f4"))
    return tuple(out)


def thinned(at_ns: Ints, most: int = POINTS) -> Ints:
    """Rows to draw of n ascending times: all of a few, else the last of each of `most` stretches that do not move as time goes on."""
    if at_ns.size <= most:
        return np.arange(at_ns.size)
    length = 1 << (int(at_ns[-1] - at_ns[0]) // (most - 1)).bit_length()  # a power of two: seldom another
    stretch = at_ns // length
    return np.flatnonzero(np.append(stretch[1:] != stretch[:-1], True))


def story_row(line: StoryLine) -> StoryRow:
    """A line of the story."""
    return StoryRow(
        sequence=line.sequence,
        at_ns=str(line.at_ns),
        kind=line.kind,
        text=line.text,
        severity=line.severity,
        underlying=line.underlying,
    )


def severity(standing: LimitStanding) -> float:
    """By what limits are sorted: what could not be computed is the worst."""
    return standing.utilisation if math.isfinite(standing.utilisation) else math.inf


def minute_ago(history: History, now_ns: int) -> dict[str, float]:
    """Utilisation of each limit, as the last publication at least a minute old had it."""
    place = int(np.searchsorted(history.at_ns, now_ns - _MINUTE_NS, side="right")) - 1
    if place < 0:
        return {}
    return dict(zip(history.limit_names, history.utilisation[:, place].tolist(), strict=True))


def limit_row(standing: LimitStanding, ago: dict[str, float]) -> LimitRow:
    """One limit; `ago` holds utilisations of a minute ago by name."""
    limit = standing.limit
    known = math.isfinite(standing.utilisation)
    return LimitRow(
        name=limit.name,
        measure=limit.measure.value,
        scope=limit.name.rsplit("/", 1)[0],
        unit=LIMIT_UNITS[limit.measure],
        value=number(standing.value),
        unvalued=number(standing.unvalued),
        limit_hard=standing.limit_hard,
        soft_share=limit.soft_share,
        critical_share=limit.critical_share,
        utilisation=number(standing.utilisation),
        minute_ago=number(ago.get(limit.name, math.nan)),
        step=standing.step.name,
        action=ACTIONS[standing.step],
        where=standing.where,
        reason=standing.reason or ("" if known else UNCOMPUTED),
        tightened=standing.tightened,
        overridden_until_ns=str(standing.override.until_ns) if standing.override else "",
    )


def _exposure(cycle: Cycle, place: int, hedge: Hedge | None) -> ExposureRow:
    exposed, name = cycle.exposure, cycle.table.underlyings[place]
    spot = float(cycle.market.spot[place])
    held = np.fromiter(exposed.unvalued, dtype=np.int64, count=len(exposed.unvalued))
    mine = held[cycle.table.underlying_of[held] == place]
    bound = exposed.bound_of(place)
    gaps = cycle.gaps.by_underlying[place]
    return ExposureRow(
        name=name,
        spot=number(spot),
        spot_age_s=number(float(cycle.market.spot_age_s[place])),
        hedge_delta_usd=number(hedge.delta_before_usd) if hedge else None,
        band_usd=number(hedge.band_usd) if hedge else None,
        hedge=_hedge(hedge),
        gap_usd=number(_gap(gaps, cycle.gaps.moves)),
        worst_gap_usd=number(float(cycle.gaps.worst_by_underlying[place])),
        unvalued=mine.size,
        delta_bound_usd=float(bound[Measure.DELTA_USD]),
        vega_bound_usd_per_point=float(bound[Measure.VEGA_USD_PER_POINT]),
        reason="" if math.isfinite(spot) else f"no price of {name}",
        beta_delta_usd=number(float(exposed.beta_delta_usd[place])),
        **_measures(exposed.by_underlying[place]),
    )


def _whole(cycle: Cycle) -> ExposureRow:
    exposed = cycle.exposure
    bound = exposed.bound.sum(axis=(0, 1))
    return ExposureRow(
        name="desk",
        spot=None,
        spot_age_s=None,
        hedge_delta_usd=None,
        band_usd=None,
        hedge="",
        gap_usd=number(_gap(cycle.gaps.desk, cycle.gaps.moves)),
        worst_gap_usd=number(cycle.gaps.worst_desk),
        unvalued=len(exposed.unvalued),
        delta_bound_usd=float(bound[Measure.DELTA_USD]),
        vega_bound_usd_per_point=float(bound[Measure.VEGA_USD_PER_POINT]),
        reason="" if np.isfinite(cycle.market.spot).all() else "an underlying has no price",
        beta_delta_usd=number(float(exposed.beta_delta_usd.sum())),
        **_measures(exposed.desk),
    )


def _hedge(hedge: Hedge | None) -> str:
    if hedge is None:
        return ""
    legs = [
        f"{'buy' if each.quantity > 0 else 'sell'} {abs(each.quantity)} {each.symbol}" for each in hedge.legs
    ]
    return f"{', '.join(legs)}: {hedge.reason}" if legs else hedge.reason


_SHOWN = (
    Measure.DELTA_USD,
    Measure.GAMMA_USD_PER_PCT,
    Measure.VEGA_USD_PER_POINT,
    Measure.VEGA_WEIGHTED_USD_PER_POINT,
    Measure.THETA_USD_PER_DAY,
)


def _measures(row: Floats) -> dict[str, float | None]:
    return {MEANINGS[each].name: number(float(row[each])) for each in _SHOWN}


def _buckets(cycle: Cycle) -> tuple[BucketRow, ...]:
    table, exposed = cycle.table, cycle.exposure
    held = np.flatnonzero(exposed.quantity)
    there = sorted(
        set(zip(table.underlying_of[held].tolist(), exposed.row_bucket[held].tolist(), strict=True))
    )
    return tuple(
        BucketRow(
            underlying=table.underlyings[u], bucket=BUCKET_NAMES[b], **_measures(exposed.by_bucket[u, b])
        )
        for u, b in there
    )


def _gap(pnl: Floats, moves: Floats) -> float:
    return float(pnl[int(np.argmin(np.abs(moves - _GAP_MOVE)))])


def _price(cycle: Cycle, place: int) -> PriceRow:
    price = cycle.price.price[place]
    return PriceRow(
        underlying=cycle.table.underlyings[place],
        spot_usd=number(float(price[SPOT])),
        vega_usd=number(float(price[LEVELS][_MONTH])),
        skew_usd=number(float(price[SKEWS][_MONTH])),
    )
