"""Real chains, fitted, and each two-sided series held against its own bid and offer."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import thread_time

import numpy as np

from benchmarks.surface_bound import most_met
from flatbook.adapters.files.market import read_market
from flatbook.cli.fit import NO_DESK, fold, look
from flatbook.cli.times import parse_at
from flatbook.market.calibrate import calibrate
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.market.surface import SmileKind
from flatbook.market.view import MarketView
from flatbook.model.events import SessionsSeen
from flatbook.model.parameters import Desk, UnderlyingTerms
from flatbook.model.table import Bools, Floats, InstrumentTable
from flatbook.reports.columns import iso
from flatbook.reports.smile_curve import Curve, curve_of
from flatbook.reports.surface_report import FittedSurface, fitted_surfaces
from flatbook.valuation.values import value

DATA = Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[2] / "shared" / "data"))
_TURNS = 5
_WING = 3.0  # standard deviations
_ROUNDING = 1e-9
_MODES_WITHIN = 3.0  # standard deviations
_MODE_LEAST = 0.02  # of the highest: a lower rise between two falls is no mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One snapshot, and what its fits are held to."""

    family: str
    name: str
    path: str
    rmse_most: float | None  # vol points, the median over expiries; None: reported only
    at: str | None = None
    rate: float | None = None  # where the file holds none and parity cannot tell it
    trusting: bool = False  # without the calendar that tells a holiday's copy of the day before


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryQuality:
    """One expiry that misses more than one quote in twenty."""

    name: str
    kind: str
    fitted: int
    share: float
    rmse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One surface of one snapshot."""

    chain: Chain
    underlying: str
    expiries: int
    refused: int
    two_sided: int  # live series with a bid above 0 and an offer
    inside: int  # of them with the surface's price inside
    fitted: int  # two-sided quotes that the fit was given
    fitted_near: float  # share of them within half a spread, or inside
    rmse: float
    butterflies: int  # expiries with g below 0 on the checking grid
    calendars: int
    least_g: float
    least_gap: float
    parity: float  # median over expiries of the median absolute parity residual, basis points of the forward
    met_most: float  # share of those quotes that any surface without arbitrage could meet, from above
    modes: tuple[float, int]  # of the density: the mean and the most over expiries
    fit_ms: float
    misses: Counter[str]
    poor: tuple[ExpiryQuality, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A chain that is not there."""

    chain: Chain
    reason: str


def chains() -> tuple[Chain, ...]:
    """All that the page is about, in its order."""
    spx = ("03", "06", "07", "08", "09", "13", "14", "27", "31")
    deribit = (
        "20260204T213308Z", "20260205T042952Z", "20260205T093647Z", "20260205T155132Z", "20260205T212937Z",
        "20260206T043012Z", "20260206T093516Z", "20260206T155121Z", "20260206T213057Z",
    )  # fmt: skip
    crash = deribit[3:7]  # 30-day volatility of BTC above 60 %, up to 86 %; quotes pulled
    aapl = "lean-aapl-split-201406"
    return (
        *(
            Chain(
                family="SPX", name=f"2019-05-{day}", path=f"spx-cboe-eod-2019/SPX_201905{day}.csv", rmse_most=0.5
            )
            for day in spx
        ),
        Chain(
            family="SPX, a holiday's copy",
            name="2019-05-27, trusted",
            path="spx-cboe-eod-2019/SPX_20190527.csv",
            rmse_most=0.5,
            trusting=True,
        ),
        Chain(
            family="GOOG", name="2015-12-24 11:00", path="lean-goog-20151224-minute", at="2015-12-24T11:00-05:00",
            rate=0.004, rmse_most=1.0,
        ),
        *(
            Chain(family="AAPL", name=f"{day} 11:00, {side}", path=aapl, at=f"{day}T11:00-04:00", rmse_most=1.0)
            for day, side in (("2014-06-06", "before its split"), ("2014-06-09", "after"))
        ),
        Chain(
            family="ES", name="2020-01-06 12:00Z", path="lean-es-futureoption-20200106", at="2020-01-06T12:00Z",
            rate=0.016, rmse_most=1.0,
        ),
        *(
            Chain(
                family="Deribit in the crash" if stamp in crash else "Deribit, calm",
                name=f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}Z",
                path=f"deribit-chain-crash-202602/deribit_options_snapshot_{stamp}.csv",
                rmse_most=None if stamp in crash else 1.5,
            )
            for stamp in deribit
        ),
    )  # fmt: skip


def judge(chain: Chain) -> Iterator[Quality | Skipped]:
    """The quality of each surface of a chain, or why there is none."""
    path = DATA / chain.path
    if not path.exists():
        yield Skipped(chain=chain, reason=f"{chain.path} is not in the data folder (FLATBOOK_DATA)")
        return
    file = read_market(path, at_ns=None if chain.at is None else parse_at(chain.at))
    if chain.trusting:
        file = replace(file, events=tuple(one for one in file.events if not isinstance(one, SessionsSeen)))
    state = fold(file)
    market = look(state, file, _desk(state.table, chain))
    price = value(market).price
    for one in fitted_surfaces(market):
        if one.rows.size:
            yield _quality(chain, market, one, price)
        else:
            yield Skipped(chain=chain, reason=_why_nothing(market, one))


def _why_nothing(market: MarketView, one: FittedSurface) -> str:
    """What became of quotes of which none was given to the fit."""
    codes, counts = np.unique(market.status[np.isin(market.table.slice_of, one.slices)], return_counts=True)
    told = [
        f"{count:,d} {STATUS_TEXT[QuoteStatus(code)]}"
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
    ]
    return "refused, as it should be where no quote is worth a fit: " + ", ".join(told)


def _desk(table: InstrumentTable, chain: Chain) -> Desk:
    terms = tuple(UnderlyingTerms(symbol=name, rate=chain.rate) for name in table.underlyings)
    return Desk(name="", underlyings=terms, quoting=NO_DESK.quoting, appetite=NO_DESK.appetite)


def _quality(chain: Chain, market: MarketView, one: FittedSurface, price: Floats) -> Quality:
    table = market.table
    mine = table.is_option & (table.underlying_of == one.underlying) & (market.years > 0.0)
    two_sided = mine & (market.bid > 0.0) & np.isfinite(market.ask)
    inside = (price >= market.bid - _ROUNDING) & (price <= market.ask + _ROUNDING)
    report = one.surface.report
    own = [piece.report for piece in one.surface.slices]
    modes = [_modes(one, at) for at in one.at.tolist()]
    most, count, _ = most_met(one.points)
    alive = market.slice_years[np.flatnonzero(table.underlying_of_slice == one.underlying)] > 0.0
    return Quality(
        chain=chain,
        underlying=table.underlyings[one.underlying],
        expiries=int(alive.sum()),
        refused=int(alive.sum()) - sum(piece.kind != SmileKind.REFUSED for piece in one.surface.slices),
        two_sided=int(two_sided.sum()),
        inside=int((two_sided & inside).sum()),
        fitted=report.points,
        fitted_near=report.share_within_half_spread,
        rmse=report.rmse_vol_points,
        butterflies=sum(piece.butterfly_min < 0.0 for piece in own),
        calendars=sum(piece.calendar_gap_min < 0.0 for piece in own),
        least_g=report.butterfly_min,
        least_gap=report.calendar_gap_min,
        parity=_parity(market, one),
        met_most=most / max(count, 1),
        modes=(float(np.mean(modes)), max(modes)),
        fit_ms=_fit_ms(one),
        misses=_misses(market, one, two_sided & ~inside, inside),
        poor=_poor(market, one),
    )


def _parity(market: MarketView, one: FittedSurface) -> float:
    """The median over expiries of the parity residual in basis points of the forward."""
    residual = market.slice_parity_residual[one.slices] / market.slice_forward[one.slices]
    return 1e4 * float(np.nanmedian(residual)) if np.isfinite(residual).any() else float("nan")


def _fit_ms(one: FittedSurface) -> float:
    times = []
    for _ in range(_TURNS):
        start = thread_time()
        calibrate(one.points, None)
        times.append(thread_time() - start)
    return 1e3 * min(times)


def _modes(one: FittedSurface, at: int) -> int:
    """How many humps the density has within three standard deviations."""
    curve = curve_of(one.surface, at, np.empty(0))
    return (
        0
        if curve is None
        else humps(curve, float(one.surface.slices[at].level), float(one.surface.years[at]))
    )


def humps(curve: Curve, level: float, years: float) -> int:
    """Local maxima of a density that stand out from the valleys beside them."""
    near = np.abs(curve.log_moneyness) <= _MODES_WITHIN * level * np.sqrt(years)
    density = curve.density[near]
    least = _MODE_LEAST * float(density.max(initial=0.0))
    count, rising, extreme = 0, True, -np.inf
    for height in density.tolist():
        if rising and height < extreme - least:
            count, rising, extreme = count + 1, False, height
        elif not rising and height > extreme + least:
            rising, extreme = True, height
        else:
            extreme = max(extreme, height) if rising else min(extreme, height)
    return count + int(rising and extreme > least)


def _misses(market: MarketView, one: FittedSurface, missed: Bools, inside: Bools) -> Counter[str]:
    """The series outside their market by the first reason that applies."""
    table = market.table
    is_fitted = np.zeros(missed.size, dtype=np.bool_)
    is_fitted[one.rows] = True
    fitted_at = {(int(table.slice_of[row]), float(table.strike[row])): row for row in one.rows.tolist()}
    refused = {
        int(s)
        for s, at in zip(one.slices, one.at, strict=True)
        if one.surface.slices[at].kind == SmileKind.REFUSED
    }
    out: Counter[str] = Counter()
    for row in np.flatnonzero(missed).tolist():
        s = int(table.slice_of[row])
        side = fitted_at.get((s, float(table.strike[row])))
        deviation = market.slice_atm_vol[s] * np.sqrt(market.slice_years[s])
        if s in refused or market.slice_in_surface[s] < 0:
            reason = "its expiry was refused"
        elif market.status[row] != QuoteStatus.USABLE:
            reason = f"its quote is not used: {STATUS_TEXT[QuoteStatus(int(market.status[row]))]}"
        elif not is_fitted[row] and side is not None and inside[side]:
            reason = (
                "the other side of its strike is met, but not this one: quotes off parity with the forward"
            )
        elif market.bid[row] == market.ask[row]:
            reason = "bid and offer are one price: no room"
        elif abs(np.log(table.strike[row] / market.forward[row])) > _WING * deviation:
            reason = f"in the wing, beyond {_WING:g} standard deviations"
        else:
            reason = f"within {_WING:g} standard deviations of the money"
        out[reason] += 1
    return out


def _poor(market: MarketView, one: FittedSurface) -> tuple[ExpiryQuality, ...]:
    pieces = ((s, one.surface.slices[at]) for s, at in zip(one.slices.tolist(), one.at.tolist(), strict=True))
    return tuple(
        ExpiryQuality(
            name=f"{market.table.slices[s].option_class} {iso(market.table.slices[s].expiry_ns)[:10]}",
            kind=piece.kind.name.lower(),
            fitted=piece.report.points,
            share=piece.report.share_within_half_spread,
            rmse=piece.report.rmse_vol_points,
        )
        for s, piece in pieces
        if piece.kind == SmileKind.REFUSED or piece.report.share_within_half_spread < 0.95
    )
