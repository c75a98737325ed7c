"""The report of fitted surfaces: expiry by expiry, what the smile is made of, how well it fits, what was left out."""

import json
import math
from dataclasses import dataclass

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.market.calibrate import calibrate
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.market.surface import (
    NO_KEY,
    FitReport,
    Slice,
    SliceReport,
    SmileKind,
    SmilePointsTable,
    Surface,
)
from flatbook.market.surface_points import points_of, slices_of
from flatbook.market.view import ForwardSource, MarketView, RateSource
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Floats, Ints
from flatbook.reports.columns import RIGHTS, iso
from flatbook.reports.missing import Missing
from flatbook.reports.schema_parts import Number
from flatbook.reports.smile_curve import Curve, curve_of, quarter_deltas
from flatbook.reports.surface_schema import (
    ExpiryFit,
    FittedQuote,
    QuoteUse,
    SmileCurve,
    SurfaceFit,
    SurfaceHeader,
    SurfaceReport,
    SurfaceSources,
    WorstQuote,
)
from flatbook.reports.surface_story import headline_of, sentences_of

_NO_QUOTE = "no two-sided quote was given to the fit"
_FIRST = "no fitted expiry stands before it"
_NO_FIT = SliceReport(
    points=0, rmse_vol_points=math.nan, share_inside=math.nan, share_within_half_spread=math.nan, worst_point=-1,
    worst_half_spreads=0.0, butterfly_min=math.nan, calendar_gap_min=math.nan, confidence=0.0,
)  # fmt: skip
_OTHER_SIDE = "usable; the other side of parity tells its strike"


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSurface:
    """The surface of one underlying of a view, with what it was fitted to."""

    underlying: int  # of the table
    surface: Surface
    slices: Ints  # int64[s]: slices of the table that it holds, in the order of the points table's
    at: Ints  # int64[s]: the slice of the surface that each is
    points: SmilePointsTable
    rows: Ints  # int64[n]: row of each point


def surface_report(market: MarketView, *, sources: SurfaceSources) -> SurfaceReport:
    """The report of every surface of a view."""
    missing = Missing()
    surfaces = tuple(_surface(market, one, missing) for one in fitted_surfaces(market))
    header = SurfaceHeader(
        valued_at=iso(market.now_ns),
        sources=sources,
        headline=headline_of(surfaces),
        sentences=sentences_of(surfaces),
    )
    return SurfaceReport(
        flatbook_version=__version__, header=header, surfaces=surfaces, reasons=missing.reasons()
    )


def fitted_surfaces(market: MarketView) -> tuple[FittedSurface, ...]:
    """The surface of each underlying with options and its quotes, which the view does not keep."""
    has_options = set(market.table.underlying_of_slice.tolist())
    return tuple(fitted_surface(market, u) for u in range(len(market.surfaces)) if u in has_options)


def fitted_surface(market: MarketView, underlying: int) -> FittedSurface:
    """The surface of one underlying with options, by its number in the table."""
    slices = slices_of(market.table, underlying)
    slices = slices[market.slice_in_surface[slices] != NO_KEY]
    surface = market.surfaces[underlying]
    points, rows = points_of(
        market.table,
        slices,
        slice_years=market.slice_variance_years,
        forward=market.forward,
        status=market.status,
        vol_bid=market.vol_bid,
        vol_mid=market.vol_mid,
        vol_ask=market.vol_ask,
    )
    return FittedSurface(
        underlying=underlying,
        surface=calibrate(points, None) if surface is None else surface,  # of no expiry
        slices=slices,
        at=market.slice_in_surface[slices],
        points=points,
        rows=rows,
    )


def encode_surface(report: SurfaceReport) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(msgspec.to_builtins(report), indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _surface(market: MarketView, one: FittedSurface, missing: Missing) -> SurfaceFit:
    table = market.table
    name = table.underlyings[one.underlying]
    path, report = f"surfaces[{name}]", one.surface.report
    mine = slices_of(table, one.underlying)
    in_time = mine[np.argsort(market.slice_years[mine], kind="stable")]
    expiries = tuple(_expiry(market, one, s, path, missing) for s in in_time.tolist())
    return SurfaceFit(
        underlying=name,
        spot=missing.number(float(market.spot[one.underlying]), f"{path}.spot", f"no price of {name}"),
        points=one.rows.size,
        two_sided=report.points,
        refused=sum(each.kind == "refused" for each in expiries),
        **_shares(missing, path, report),
        confidence=report.confidence,
        worst=_worst(market, one, report.worst_point, report.worst_half_spreads),
        uses=_uses(market, one),
        expiries=expiries,
    )


def _shares(missing: Missing, path: str, report: FitReport | SliceReport) -> dict[str, Number]:
    """The numbers that an expiry and a whole surface have in common."""
    reasons = {
        "rmse_vol_points": _NO_QUOTE,
        "share_inside": _NO_QUOTE,
        "share_within_half_spread": _NO_QUOTE,
        "butterfly_min": "no smile",
        "calendar_gap_min": _FIRST,
    }
    return {
        name: missing.number(getattr(report, name), f"{path}.{name}", why) for name, why in reasons.items()
    }


def _expiry(market: MarketView, one: FittedSurface, s: int, path: str, missing: Missing) -> ExpiryFit:
    table, key = market.table, market.table.slices[s]
    path = f"{path}.expiries[{key.option_class} {iso(key.expiry_ns)}]"
    at = int(market.slice_in_surface[s])
    piece = None if at == NO_KEY else one.surface.slices[at]
    why = market.slice_reason[s] or (piece.reason if piece else "") or "it could not be found"
    mine = np.flatnonzero(one.slices[one.points.slice_index] == s)
    curve = None if piece is None else curve_of(one.surface, at, one.points.log_moneyness[mine])
    fitted = _NO_FIT if piece is None else piece.report
    own = piece is not None and piece.kind != SmileKind.REFUSED
    numbers = {
        "forward": float(market.slice_forward[s]),
        "rate": float(market.slice_rate[s]),
        **_shape(one.surface, at, piece, curve),
    }
    return ExpiryFit(
        option_class=key.option_class,
        expiry=iso(key.expiry_ns),
        days=float(market.slice_years[s] * CALENDAR_DAYS),
        forward_source=ForwardSource(market.slice_forward_source[s]).name.lower(),
        rate_source=RateSource(market.slice_rate_source[s]).name.lower(),
        series=int((table.slice_of == s).sum()),
        points=mine.size,
        two_sided=fitted.points,
        kind=piece.kind.name.lower() if piece is not None else SmileKind.REFUSED.name.lower(),
        reason="" if own else why,
        warning=market.slice_warning[s],
        parameters=piece.parameters if piece is not None and own else (),
        **{name: missing.number(value, f"{path}.{name}", why) for name, value in numbers.items()},
        **_shares(missing, path, fitted),
        confidence=fitted.confidence,
        worst=_worst(market, one, fitted.worst_point, fitted.worst_half_spreads),
        quotes=_quotes(market, one, mine, path, missing),
        curve=_curve(curve, float(market.slice_forward[s]), path, missing),
    )


def _shape(surface: Surface, at: int, piece: Slice | None, curve: Curve | None) -> dict[str, float]:
    names = ("atm_vol", "skew", "curvature", "risk_reversal_25", "butterfly_25")
    if piece is None or curve is None:
        return dict.fromkeys(names, math.nan)
    put, call = quarter_deltas(surface, at, curve)
    values = (piece.level, piece.skew, piece.curvature, call - put, 0.5 * (call + put) - piece.level)
    return dict(zip(names, values, strict=True))


def _quotes(
    market: MarketView, one: FittedSurface, mine: Ints, path: str, missing: Missing
) -> tuple[FittedQuote, ...]:
    points, rows = one.points, one.rows[mine]
    k, low, high = points.log_moneyness[mine], points.vol_bid[mine], points.vol_ask[mine]
    vol = one.surface.vol(one.at[points.slice_index[mine]], k)
    inside = ~((vol < low) | (vol > high)) & np.isfinite(vol)

    def column(name: str, values: Floats, why: str) -> list[Number]:
        """With None where a number is missing."""
        return missing.numbers(values, f"{path}.quotes[*].{name}", why)

    columns = zip(
        rows.tolist(),
        k.tolist(),
        column("bid", market.bid[rows], "nobody bids"),
        column("ask", market.ask[rows], "nobody offers"),
        column("vol_bid", low, "the bid tells no volatility"),
        column("vol_mid", points.vol_mid[mine], "the middle tells no volatility"),
        column("vol_ask", high, "the offer tells no volatility"),
        column("vol", vol, "no smile"),
        inside.tolist(),
        strict=True,
    )
    instruments = market.table.instruments
    return tuple(
        FittedQuote(
            symbol=instruments[row].symbol,
            strike=instruments[row].strike,
            right=RIGHTS[instruments[row].right],
            log_moneyness=moneyness,
            bid=bid,
            ask=ask,
            vol_bid=vol_bid,
            vol_mid=vol_mid,
            vol_ask=vol_ask,
            vol=fit,
            inside=is_inside,
        )
        for row, moneyness, bid, ask, vol_bid, vol_mid, vol_ask, fit, is_inside in columns
    )


def _curve(curve: Curve | None, forward: float, path: str, missing: Missing) -> SmileCurve | None:
    if curve is None:
        return None
    return SmileCurve(
        log_moneyness=tuple(curve.log_moneyness.tolist()),
        strike=tuple((forward * np.exp(curve.log_moneyness)).tolist()),
        vol=tuple(missing.numbers(curve.vol, f"{path}.curve.vol", "no smile so far out")),
        density=tuple(missing.numbers(curve.density, f"{path}.curve.density", "no smile so far out")),
    )


def _worst(market: MarketView, one: FittedSurface, point: int, half_spreads: float) -> WorstQuote | None:
    if point < 0:
        return None
    points, at = one.points, np.array([point])
    return WorstQuote(
        symbol=market.table.instruments[one.rows[point]].symbol,
        vol_bid=float(points.vol_bid[point]),
        vol_ask=float(points.vol_ask[point]),
        vol=float(one.surface.vol(one.at[points.slice_index[at]], points.log_moneyness[at])[0]),
        half_spreads=half_spreads,
    )


def _uses(market: MarketView, one: FittedSurface) -> tuple[QuoteUse, ...]:
    """What became of every series of the underlying; the counts add up to all of them."""
    mine = np.isin(market.table.slice_of, slices_of(market.table, one.underlying))
    usable = int((mine & (market.status == QuoteStatus.USABLE)).sum())
    uses = [
        QuoteUse(use="fitted", text="given to the fit, one of each strike", series=one.rows.size),
        QuoteUse(use="other_side", text=_OTHER_SIDE, series=usable - one.rows.size),
    ]
    codes, counts = np.unique(market.status[mine], return_counts=True)
    left_out = sorted(zip(counts.tolist(), codes.tolist(), strict=True), reverse=True)
    uses += [
        QuoteUse(use=QuoteStatus(code).name.lower(), text=STATUS_TEXT[QuoteStatus(code)], series=count)
        for count, code in left_out
        if code != QuoteStatus.USABLE
    ]
    return tuple(use for use in uses if use.series)
