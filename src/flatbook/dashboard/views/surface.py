"""The Surface page: every smile of an underlying with the quotes it stands among, how well it fits, and what was left out.

Volatilities are annual decimals in the variance time of the underlying; a name that ends in `_vol_points` is in points of 0.01. k is
ln(strike / forward) at the expiry's own forward. What is said `at the fit` is of the surface as it was published; `now` is the same
surface against the quotes of this cycle.
"""

from functools import lru_cache

import numpy as np

from flatbook.dashboard.errors import UnknownTopicError
from flatbook.dashboard.frames import Column, Frame, column, number
from flatbook.dashboard.views.head import Row
from flatbook.engine.cycle import Cycle
from flatbook.kernels.smile_row import ROW
from flatbook.kernels.vol_bands import WEIGHT, variance_bands
from flatbook.live.snapshot import Snapshot
from flatbook.market.borrow import BORROW_TEXT, BorrowReason
from flatbook.market.quotes import STATUS_TEXT, QuoteStatus
from flatbook.market.surface import NO_KEY, SmileKind, SmilePointsTable, Surface
from flatbook.market.surface_points import slice_keys, slices_of
from flatbook.market.view import ForwardSource, MarketView, RateSource, TermStructure
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.model.table import Bools, Floats, Ints
from flatbook.reports.smile_curve import Curve, curve_of, quarter_deltas
from flatbook.reports.surface_report import FittedSurface, fitted_surface

LEFT_OUT_SHOWN = 80
NO_SURFACE = "no expiry of it has a forward and time left"
_NOT_MENTIONED = (QuoteStatus.USABLE, QuoteStatus.EXPIRED)


class SmileRow(Row):
    """One expiry of one class."""

    place: int  # of it in the columns
    option_class: str
    expiry_ns: str
    days: float
    years: float  # of variance: what the volatilities are quoted in
    forward: float | None
    forward_error: float | None  # standard error; null where parity does not tell it
    forward_source: str  # parity, future, carry, none
    rate: float | None  # continuous, annual
    rate_source: str
    borrow: float | None  # continuous, annual
    borrow_reason: str  # why it is null, or not to be trusted
    kind: str  # essvi, svi, convex, refused
    reason: str  # why it has no smile of its own
    warning: str
    atm_vol: float | None
    atm_vol_before: float | None  # of the surface that stood before
    forward_vol: float | None  # from the expiry before
    skew_vol_points: float | None  # slope at the money, for one standard deviation of k
    curvature_vol_points: float | None
    risk_reversal_vol_points: float | None  # 25 delta, call less put
    butterfly_vol_points: float | None  # 25 delta, their mean less the one at the money
    series: int
    points: int  # quotes that the smile stands among, one of each strike
    two_sided: int
    rmse_vol_points: float | None  # now, to the middle
    share_inside: float | None  # now, of those with two sides
    fit_rmse_vol_points: float | None  # at the fit
    fit_share_inside: float | None
    fit_share_within_half_spread: float | None
    butterfly_min: float | None  # least g(k): below 0 prices are not convex in strike
    calendar_gap_min: (
        float | None
    )  # least relative rise of total variance over the expiry before: below 0 it falls
    confidence: float


class UseRow(Row):
    """What became of some series of the underlying."""

    use: str
    text: str
    series: int


class LeftOutRow(Row):
    """A quote that no smile was given."""

    place: int
    symbol: str
    strike: float
    right: int
    bid: float | None
    ask: float | None
    reason: str


class SurfacePage(Row):
    """The page without its columns."""

    underlying: str
    names: tuple[str, ...]  # of all surfaces
    spot: float | None
    spot_age_s: float | None
    version: int  # counts the fits that were published
    since_ns: str  # when the surface took its place; empty: before anybody looked
    reason: str  # why there is no surface
    rmse_vol_points: float | None  # now
    share_inside: float | None
    fit_rmse_vol_points: float | None  # at the fit: the median over expiries
    fit_share_inside: float | None
    fit_share_within_half_spread: float | None
    butterfly_min: float | None
    calendar_gap_min: float | None
    confidence: float
    worst: str  # the quote whose middle its smile misses by most half-spreads now
    worst_half_spreads: float | None
    refused: int
    expiries: tuple[SmileRow, ...]  # by time
    uses: tuple[UseRow, ...]
    left_out: tuple[LeftOutRow, ...]
    left_out_count: int


def surface_page(snapshot: Snapshot, name: str) -> SurfacePage:
    """The page of an underlying."""
    return _View(snapshot, name).page()


def surface_frame(snapshot: Snapshot, name: str) -> Frame:
    """The page with its columns.

    Quotes: `expiry` (place), `k`, `strike`, `right`, `vol_bid`, `vol_mid`, `vol_ask`, `vol` of the smile, `before` of the smile before,
    `weight` (share of its expiry in a fit). Curves: `curve_expiry`, `curve_k`, `curve_vol`, `curve_before`.
    """
    view = _View(snapshot, name)
    return Frame(
        kind="surface",
        topic=f"surface:{name}",
        number=snapshot.number,
        cycle=snapshot.cycle.sequence,
        at_ns=snapshot.at_ns,
        data=view.page().model_dump(),
        columns=(*view.quotes(), *view.curves()),
    )


def names_of(cycle: Cycle) -> tuple[str, ...]:
    """Underlyings with options."""
    has_options = set(cycle.table.underlying_of_slice.tolist())
    return tuple(name for u, name in enumerate(cycle.table.underlyings) if u in has_options)


class _View:
    """What page and columns have in common."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        cycle = snapshot.cycle
        self.names = names_of(cycle)
        if name not in self.names:
            msg = f"no underlying {name!r} has options; there are {', '.join(self.names) or 'none'}"
            raise UnknownTopicError(msg)
        self.market: MarketView = cycle.market
        self.underlying = cycle.table.underlyings.index(name)
        self.name = name
        self.fitted: FittedSurface = fitted_surface(self.market, self.underlying)
        mine = slices_of(cycle.table, self.underlying)
        mine = mine[self.market.slice_years[mine] > 0.0]
        self.slices = mine[np.argsort(self.market.slice_years[mine], kind="stable")]
        replaced = snapshot.surfaces_before.get(name)
        self.since_ns = str(replaced.until_ns) if replaced else ""
        self.before = replaced.surface if replaced else None
        keys = slice_keys(cycle.table, self.slices)
        self.at_before = np.full(keys.size, NO_KEY) if self.before is None else self.before.find(keys)
        place_of = np.full(len(cycle.table.slices), NO_KEY)
        place_of[self.slices] = np.arange(self.slices.size)
        points: SmilePointsTable = self.fitted.points
        slice_of = self.fitted.slices[points.slice_index]
        self.place = place_of[slice_of]
        self.vol = self.fitted.surface.vol(self.market.slice_in_surface[slice_of], points.log_moneyness)

    def page(self) -> SurfacePage:
        """Of this underlying."""
        market, surface = self.market, self.fitted.surface
        report, rows = surface.report, self._left_out()
        standing = market.surfaces[self.underlying] is not None
        rmse, inside = self._now(np.ones(self.place.size, dtype=np.bool_))
        worst, apart = self._worst()
        return SurfacePage(
            underlying=self.name,
            names=self.names,
            spot=number(float(market.spot[self.underlying])),
            spot_age_s=number(float(market.spot_age_s[self.underlying])),
            version=surface.version if standing else 0,
            since_ns=self.since_ns,
            reason="" if standing else NO_SURFACE,
            rmse_vol_points=rmse,
            share_inside=inside,
            fit_rmse_vol_points=number(report.rmse_vol_points),
            fit_share_inside=number(report.share_inside),
            fit_share_within_half_spread=number(report.share_within_half_spread),
            butterfly_min=number(report.butterfly_min),
            calendar_gap_min=number(report.calendar_gap_min),
            confidence=report.confidence,
            worst=worst,
            worst_half_spreads=apart,
            refused=report.refused,
            expiries=tuple(self._smile(place, s) for place, s in enumerate(self.slices.tolist())),
            uses=self._uses(),
            left_out=tuple(self._left_out_row(row) for row in rows[:LEFT_OUT_SHOWN].tolist()),
            left_out_count=rows.size,
        )

    def quotes(self) -> tuple[Column, ...]:
        """What the smiles stand among, by expiry and strike."""
        points, table = self.fitted.points, self.market.table
        rows = self.fitted.rows
        before = np.full(rows.size, np.nan)
        if self.before is not None:
            at = self.at_before[self.place]
            known = at != NO_KEY
            before[known] = self.before.vol(at[known], points.log_moneyness[known])
        return (
            column("expiry", self.place, "i4"),
            column("k", points.log_moneyness, "f8"),
            column("strike", table.strike[rows], "f8"),
            column("right", table.sign[rows], "i4"),
            column("vol_bid", points.vol_bid, "f8"),
            column("vol_mid", points.vol_mid, "f8"),
            column("vol_ask", points.vol_ask, "f8"),
            column("vol", self.vol, "f8"),
            column("before", before, "f8"),
            column("weight", weights_of(points), "f4"),
        )

    def curves(self) -> tuple[Column, ...]:
        """The smiles themselves."""
        places, k, vol, before = [], [], [], []
        for place, s in enumerate(self.slices.tolist()):
            curve = self._curve(s)
            if curve is None:
                continue
            s_at, at = int(self.market.slice_in_surface[s]), int(self.at_before[place])
            places.append(np.full(curve.log_moneyness.size, place))
            k.append(curve.log_moneyness)
            vol.append(curve.vol)
            before.append(
                _ghost_of(_Standing(self.fitted.surface), s_at, _Standing(self.before), at)
                if self.before is not None
                else np.full(curve.log_moneyness.size, np.nan)
            )
        none = np.empty(0)
        return (
            column("curve_expiry", np.concatenate(places) if places else none, "i4"),
            column("curve_k", np.concatenate(k) if k else none, "f4"),
            column("curve_vol", np.concatenate(vol) if vol else none, "f4"),
            column("curve_before", np.concatenate(before) if before else none, "f4"),
        )

    def _curve(self, s: int) -> Curve | None:
        at = int(self.market.slice_in_surface[s])
        return None if at == NO_KEY else _curve_of(_Standing(self.fitted.surface), at)

    def _smile(self, place: int, s: int) -> SmileRow:
        market, table, surface = self.market, self.market.table, self.fitted.surface
        at, before = int(market.slice_in_surface[s]), int(self.at_before[place])
        piece = None if at == NO_KEY else surface.slices[at]
        mine = self.place == place
        points = self.fitted.points
        rmse, inside = self._now(mine)
        told, term = None if piece is None else piece.report, market.term
        skew, curvature, reversal, wings = self._shape(s, at)
        own = piece is not None and piece.kind != SmileKind.REFUSED
        return SmileRow(
            place=place,
            option_class=table.slices[s].option_class,
            expiry_ns=str(table.slices[s].expiry_ns),
            days=float(market.slice_years[s] * CALENDAR_DAYS),
            years=float(market.slice_variance_years[s]),
            forward=number(float(market.slice_forward[s])),
            forward_source=ForwardSource(market.slice_forward_source[s]).name.lower(),
            rate=number(float(market.slice_rate[s])),
            rate_source=RateSource(market.slice_rate_source[s]).name.lower(),
            kind=(SmileKind.REFUSED if piece is None else piece.kind).name.lower(),
            reason="" if own else market.slice_reason[s] or (piece.reason if piece else "") or NO_SURFACE,
            warning=market.slice_warning[s],
            atm_vol=number(float(market.slice_atm_vol[s])),
            atm_vol_before=number(float(_ghost(self.before, before, np.zeros(1))[0])),
            series=int((table.slice_of == s).sum()),
            points=int(mine.sum()),
            two_sided=int((np.isfinite(points.vol_bid) & np.isfinite(points.vol_ask) & mine).sum()),
            rmse_vol_points=rmse,
            share_inside=inside,
            fit_rmse_vol_points=number(told.rmse_vol_points) if told else None,
            fit_share_inside=number(told.share_inside) if told else None,
            fit_share_within_half_spread=number(told.share_within_half_spread) if told else None,
            butterfly_min=number(told.butterfly_min) if told else None,
            calendar_gap_min=number(told.calendar_gap_min) if told else None,
            confidence=told.confidence if told else 0.0,
            skew_vol_points=skew,
            curvature_vol_points=curvature,
            risk_reversal_vol_points=reversal,
            butterfly_vol_points=wings,
            forward_error=number(float(term.forward_error[s])) if term.borrow.size else None,
            forward_vol=number(float(term.forward_vol[s])) if term.borrow.size else None,
            borrow=number(float(term.borrow[s])) if term.borrow.size else None,
            borrow_reason=_why_no_borrow(term, s),
        )

    def _shape(self, s: int, at: int) -> tuple[float | None, ...]:
        """Skew, curvature, risk reversal and butterfly, vol points."""
        curve = self._curve(s)
        if curve is None:
            return (None,) * 4
        surface = self.fitted.surface
        piece = surface.slices[at]
        deviation = piece.level * float(np.sqrt(self.market.slice_years[s]))
        put, call = _quarters_of(_Standing(surface), at)
        wings = 0.5 * (call + put) - piece.level
        values = (piece.skew * deviation, piece.curvature * deviation**2, call - put, wings)
        return tuple(number(100.0 * value) for value in values)

    def _now(self, mine: Bools) -> tuple[float | None, float | None]:
        """Root mean square distance to the middle, and the share inside, of the two-sided quotes among `mine`."""
        points = self.fitted.points
        two = mine & np.isfinite(points.vol_bid) & np.isfinite(points.vol_ask) & np.isfinite(self.vol)
        if not two.any():
            return None, None
        vol, low, high = self.vol[two], points.vol_bid[two], points.vol_ask[two]
        apart = 100.0 * (vol - points.vol_mid[two])
        return number(float(np.sqrt(np.mean(apart**2)))), float(((vol >= low) & (vol <= high)).mean())

    def _worst(self) -> tuple[str, float | None]:
        """The two-sided quote whose middle its smile misses by most half-spreads now."""
        points = self.fitted.points
        half = 0.5 * (points.vol_ask - points.vol_bid)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.abs(self.vol - points.vol_mid) / half
        apart = np.where(half > 0.0, apart, np.nan)
        if not np.isfinite(apart).any():
            return "", None
        worst = int(np.nanargmax(apart))
        return self.market.table.instruments[int(self.fitted.rows[worst])].symbol, float(apart[worst])

    def _uses(self) -> tuple[UseRow, ...]:
        market = self.market
        mine = np.isin(market.table.slice_of, self.slices)
        codes, counts = np.unique(market.status[mine], return_counts=True)
        usable = int(counts[codes == QuoteStatus.USABLE].sum())
        fitted = self.fitted.rows.size
        out = [
            UseRow(use="fitted", text="given to the fit, one of each strike", series=fitted),
            UseRow(use="other_side", text="usable; the other side of parity tells its strike", series=usable - fitted),
        ]  # fmt: skip
        rest = sorted(zip((-counts).tolist(), codes.tolist(), strict=True))
        out += [
            UseRow(use=QuoteStatus(code).name.lower(), text=STATUS_TEXT[QuoteStatus(code)], series=-count)
            for count, code in rest
            if code != QuoteStatus.USABLE
        ]
        return tuple(each for each in out if each.series)

    def _left_out(self) -> Ints:
        """Rows of quotes that cannot be used, by expiry and strike."""
        market, table = self.market, self.market.table
        mine = np.isin(table.slice_of, self.slices) & ~np.isin(market.status, _NOT_MENTIONED)
        rows = np.flatnonzero(mine)
        return rows[np.lexsort((table.strike[rows], market.years[rows]))]

    def _left_out_row(self, row: int) -> LeftOutRow:
        market, table = self.market, self.market.table
        return LeftOutRow(
            place=int(np.flatnonzero(self.slices == table.slice_of[row])[0]),
            symbol=table.instruments[row].symbol,
            strike=float(table.strike[row]),
            right=int(table.sign[row]),
            bid=number(float(market.bid[row])),
            ask=number(float(market.ask[row])),
            reason=STATUS_TEXT[QuoteStatus(int(market.status[row]))],
        )


def weights_of(points: SmilePointsTable) -> Floats:
    """What each quote weighs in a fit, as a share of its expiry, float64[n]; the points ascend by slice.

    One over the squared half-spread in total variance, held down (`kernels.vol_bands`).
    """
    n_slices = points.years.size
    starts = np.searchsorted(points.slice_index, np.arange(n_slices + 1))
    quotes = np.stack(
        (points.log_moneyness, points.vol_bid, points.vol_mid, points.vol_ask, points.weight)
    ).astype(np.float64)
    weight = variance_bands(starts, points.years.astype(np.float64), quotes, _no_prior(n_slices))[WEIGHT]
    whole = np.bincount(points.slice_index, weights=weight, minlength=n_slices)[points.slice_index]
    none: Floats = np.full(weight.size, np.nan)
    return np.asarray(np.divide(weight, whole, out=none, where=whole > 0.0))


def _why_no_borrow(term: TermStructure, s: int) -> str:
    if not term.borrow.size:
        return "nobody told it"
    why = BorrowReason(int(term.borrow_reason[s]))
    return "" if why is BorrowReason.TOLD else BORROW_TEXT[why]


class _Standing:
    """A surface as the key of a cache: one object is one fit."""

    __slots__ = ("surface",)

    def __init__(self, surface: Surface) -> None:
        self.surface = surface

    def __hash__(self) -> int:
        return id(self.surface)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Standing) and other.surface is self.surface


@lru_cache(maxsize=256)
def _curve_of(standing: _Standing, at: int) -> Curve | None:
    return curve_of(standing.surface, at, np.empty(0))


@lru_cache(maxsize=256)
def _quarters_of(standing: _Standing, at: int) -> tuple[float, float]:
    curve = _curve_of(standing, at)
    return (np.nan, np.nan) if curve is None else quarter_deltas(standing.surface, at, curve)


@lru_cache(maxsize=256)
def _ghost_of(standing: _Standing, at: int, before: _Standing, at_before: int) -> Floats:
    """The smile before, where the curve of the one that stands is."""
    curve = _curve_of(standing, at)
    return np.empty(0) if curve is None else _ghost(before.surface, at_before, curve.log_moneyness)


def _ghost(before: Surface | None, at: int, k: Floats) -> Floats:
    """The smile before at k; NaN where there was none."""
    if before is None or at == NO_KEY:
        return np.full(k.size, np.nan)
    return before.vol(np.full(k.size, at), k)


def _no_prior(n_slices: int) -> Floats:
    return np.zeros((n_slices, ROW))
