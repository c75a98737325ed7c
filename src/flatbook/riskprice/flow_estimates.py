"""What a desk file says of flow, told from where quotes stood and what traded with them: the way back from `riskprice.desk_flow`.

There, fills of series i on side s come at R phi_s v_i f(d) a trading day: R `requests_per_day`, phi the share of its customers (phi of our offers
is `customers_buy_share`), v_i its share of the vega of its underlying, d the distance in vol points of its own vega, f the shape. So time
is counted in trading days times v_i, and then every series tells the same R and f. With phi known, time times phi_s makes one curve of both
sides, the estimators of `riskprice.fill_intensity` tell R and f; with R and f known, the fills of each side tell phi. The two in turn climb to the
greatest likelihood of both together, whose expected information gives the errors.

Source: domain reference 4.4, 4.20; P. McCullagh, J. Nelder, "Generalized Linear Models" (2nd ed., 1989), 2.5, 6.2; shapes are compared by the
criterion of H. Akaike, IEEE Transactions on Automatic Control 19 (1974) 716-723, with likelihoods over the dispersion where fills come in
crowds (D. Anderson, K. Burnham, G. White, Ecology 75 (1994) 1780-1793).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.table import Floats, InstrumentTable, Ints
from flatbook.riskprice.calibration import Calibrated, InventoryFlow
from flatbook.riskprice.fill_intensity import FillIntensity, exponential_intensity, logistic_intensity
from flatbook.riskprice.intensity import hamiltonian
from flatbook.riskprice.riccati import Flow

_ROUNDS = 100
_SETTLED = 1e-10  # of a share
_FILLS_MIN = 3.0
_EXPECTED_MIN = 5.0  # fills of a group whose spread tells the dispersion
_BETTER = 4.0  # in Akaike's criterion: a bend that is none comes so far by chance in one of a hundred
_BEND_ERROR_MAX = (
    0.5  # of the requests, relative: beyond, what customers ask for and what trades are not told apart
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteTimes:
    """Where quotes of one underlying stood, for how long, and what traded with them; one row a cell of side and distance."""

    side: Ints  # int64[n]: +1 our bid, -1 our offer
    distance: Floats  # float64[n] vol points from fair value, plus is away: the mean of the cell
    days: Floats  # float64[n] trading days times the share of vega, summed
    fills: Floats  # float64[n]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapeFit:
    """Flow of one shape; numbers are the defaults where nothing is told."""

    shape: FlowShape
    requests_per_day: Calibrated
    customers_buy_share: Calibrated
    decay_per_point: Calibrated
    offset: Calibrated
    dispersion: float  # of counts, not below 1; NaN where nothing is told
    log_likelihood: float  # but for what no parameter changes; NaN where nothing is told
    count: int  # of parameters that were fitted
    intensity: FillIntensity  # per trading day, of both sides together

    @property
    def told(self) -> bool:
        """Whether the fills told it."""
        return self.requests_per_day.verified

    def akaike(self, dispersion: float) -> float:
        """The criterion, lower is better, where counts spread by `dispersion`; NaN where nothing is told."""
        return 2.0 * self.count - 2.0 * self.log_likelihood / dispersion


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowEstimate:
    """Both shapes, and which of them the fills speak for."""

    exponential: ShapeFit
    logistic: ShapeFit

    @property
    def bend_told(self) -> bool:
        """Whether the logistic's bend is told: it fits clearly better, and what is asked for is told from what trades."""
        requests = self.logistic.requests_per_day
        error = requests.standard_error
        straight, bent = self.akaike
        return (
            error is not None
            and error < _BEND_ERROR_MAX * requests.value
            and not (self.exponential.told and straight - bent < _BETTER)
        )

    @property
    def best(self) -> ShapeFit:
        """The logistic where its bend is told, the exponential otherwise."""
        return self.logistic if self.bend_told else self.exponential

    @property
    def akaike(self) -> tuple[float, float]:
        """Of the exponential and the logistic, at the dispersion around the better of them."""
        spread = np.fmin(self.exponential.dispersion, self.logistic.dispersion)
        return self.exponential.akaike(float(spread)), self.logistic.akaike(float(spread))


def shares_of_vega(vega: Floats, years: Floats, table: InstrumentTable) -> Floats:
    """The share of its underlying's requests that each series gets, float64[n]; as `desk_flow` spreads them.

    Parameters
    ----------
    vega : float64[n]
        USD per point of one contract; NaN where not known.
    years : float64[n]
        To expiry.
    table : InstrumentTable
    """
    live = table.is_option & np.isfinite(vega) & (years > 0.0)
    weight = np.where(live, np.abs(vega), 0.0)
    whole = np.bincount(table.underlying_of, weights=weight, minlength=len(table.underlyings))
    of = whole[table.underlying_of]
    return np.divide(weight, of, out=np.zeros(weight.size), where=of > 0.0)


def estimated_flow(seen: QuoteTimes, default: FlowTerms) -> FlowEstimate:
    """Fit both shapes.

    Parameters
    ----------
    seen : QuoteTimes
        Cells narrow beside a vol point over the decay: within one all quotes count as at its mean.
    default : FlowTerms
        What stands where nothing is told, with its decay.
    """
    told = (seen.days > 0.0) & np.isfinite(seen.distance)
    cells = QuoteTimes(
        side=seen.side[told], distance=seen.distance[told], days=seen.days[told], fills=seen.fills[told]
    )
    return FlowEstimate(
        exponential=_fitted(cells, FlowShape.EXPONENTIAL, default),
        logistic=_fitted(cells, FlowShape.LOGISTIC, default),
    )


def inventory_flow(flow: Flow, e: Floats, covariance: Floats) -> InventoryFlow:
    """What quotes at their best distance do to a flat book, for `calibration.aversion_for_target`.

    Parameters
    ----------
    flow : Flow
        Of every series and side; those whose intensity is not known count as none.
    e : float64[n, F]
        Exposures of one contract of each series; where a fill's delta is hedged at once, with its hedge.
    covariance : float64[F, F]
        Of the factors, a year.
    """
    h = hamiltonian(flow.intensity, flow.cost_usd)
    z, rows = flow.contracts, e[flow.series]
    use = (
        np.isfinite(h.slope_per_year)
        & np.isfinite(h.curvature_per_usd_year)
        & np.isfinite(rows).all(axis=1)
        & (z > 0.0)
    )
    rows, z = rows[use], z[use]
    pull, arrivals = z * h.curvature_per_usd_year[use], -(z**2) * h.slope_per_year[use]
    return InventoryFlow(
        covariance=covariance,
        curvature=0.5 * rows.T @ (pull[:, None] * rows),  # of one side: the mean of both
        arrival_variance=rows.T @ (arrivals[:, None] * rows),
    )


def _fitted(cells: QuoteTimes, shape: FlowShape, default: FlowTerms) -> ShapeFit:
    sides = [float(cells.fills[cells.side == side].sum()) for side in (1, -1)]
    quoted = [float(cells.days[cells.side == side].sum()) > 0.0 for side in (1, -1)]
    both = all(quoted)
    share = default.customers_buy_share
    fit = _intensity(cells, share, shape, default)
    if both and sum(sides) >= _FILLS_MIN:
        for _ in range(_ROUNDS):
            if not fit.parameters[0].verified:
                break
            last, share = share, _buyers(cells, sides, fit)
            fit = _intensity(cells, share, shape, default)
            if abs(share - last) < _SETTLED:
                break
    if not fit.parameters[0].verified:
        return _untold(shape, fit, default)
    return _with_errors(cells, shape, fit, share, both=both, default=default)


def _intensity(cells: QuoteTimes, share: float, shape: FlowShape, default: FlowTerms) -> FillIntensity:
    """Per trading day, both sides as one curve."""
    days = cells.days * _of_side(cells.side, share)
    decay = default.decay_per_point or 1.0
    if shape is FlowShape.LOGISTIC:
        return logistic_intensity(
            cells.distance, days, cells.fills,
            default_per_second=default.requests_per_day, default_alpha=default.offset, default_beta=decay,
        )  # fmt: skip
    return exponential_intensity(
        cells.distance, days, cells.fills, default_per_second=default.requests_per_day, default_decay=decay
    )


def _of_side(side: Ints, share: float) -> Floats:
    return np.where(side < 0, share, 1.0 - share)


def _buyers(cells: QuoteTimes, sides: list[float], fit: FillIntensity) -> float:
    """The share of customers who buy: fills of each side over the time it stood, at this shape."""
    ease = cells.days * fit.per_second(cells.distance)
    bid, offer = (
        fills / float(ease[cells.side == side].sum()) for fills, side in zip(sides, (1, -1), strict=True)
    )
    return offer / (bid + offer)


def _with_errors(
    cells: QuoteTimes, shape: FlowShape, fit: FillIntensity, share: float, *, both: bool, default: FlowTerms
) -> ShapeFit:
    """Errors of all parameters together, by the expected information in ln R, the share and the shape."""
    d, size = cells.distance, len(fit.parameters)
    mean = cells.days * _of_side(cells.side, share) * fit.per_second(d)
    if shape is FlowShape.LOGISTIC:
        x = fit.parameters[1].value + fit.parameters[2].value * d
        missed = 1.0 / (1.0 + np.exp(-np.clip(x, -700.0, 700.0)))
        slopes = np.column_stack([np.ones(d.size), -missed, -missed * d])
    else:
        slopes = np.column_stack([np.ones(d.size), -d])
    inside = both and 0.0 < share < 1.0
    if inside:
        slopes = np.column_stack([slopes, np.where(cells.side < 0, 1.0 / share, -1.0 / (1.0 - share))])
    dispersion = _dispersion(cells, mean, slopes.shape[1])
    deviations = np.sqrt(np.diag(np.linalg.inv(slopes.T @ (mean[:, None] * slopes))) * dispersion)
    fills = float(cells.fills.sum())
    source = f"{fills:.0f} fills" if both else f"{fills:.0f} fills of one side, of {share:g} of customers"
    values = [each.value for each in fit.parameters]
    errors = [values[0] * float(deviations[0]), *(float(each) for each in deviations[1:size])]
    told = [Calibrated(value=v, standard_error=e, source=source) for v, e in zip(values, errors, strict=True)]
    if inside:
        error = float(deviations[-1])
    else:  # one side never traded: the deviation of Jeffreys' posterior of a share with `fills` of one kind
        error = float(np.sqrt((fills + 0.5) * 0.5 / ((fills + 1.0) ** 2 * (fills + 2.0)) * dispersion))
    buyers = Calibrated(value=share, standard_error=error, source=source)
    logistic = shape is FlowShape.LOGISTIC
    return ShapeFit(
        shape=shape,
        requests_per_day=told[0],
        customers_buy_share=buyers if both else Calibrated(value=default.customers_buy_share),
        decay_per_point=told[-1],
        offset=told[1] if logistic else Calibrated(value=0.0),
        dispersion=dispersion,
        log_likelihood=_log_likelihood(cells, mean),
        count=slopes.shape[1],
        intensity=fit,
    )


def _log_likelihood(cells: QuoteTimes, mean: Floats) -> float:
    known = mean > 0.0
    return float(cells.fills[known] @ np.log(mean[known]) - mean.sum())


def _dispersion(cells: QuoteTimes, mean: Floats, parameters: int) -> float:
    """Pearson's, of cells of one side in order of distance put together until each expects five fills; not below 1."""
    squares, groups = 0.0, 0
    for side in (1, -1):
        mine = np.flatnonzero(cells.side == side)
        mine = mine[np.argsort(cells.distance[mine], kind="stable")]
        expected, seen = 0.0, 0.0
        for fills, each in zip(cells.fills[mine].tolist(), mean[mine].tolist(), strict=True):
            expected, seen = expected + each, seen + fills
            if expected >= _EXPECTED_MIN:
                squares, groups = squares + (seen - expected) ** 2 / expected, groups + 1
                expected, seen = 0.0, 0.0
    return max(squares / (groups - parameters), 1.0) if groups > parameters else 1.0


def _untold(shape: FlowShape, fit: FillIntensity, default: FlowTerms) -> ShapeFit:
    nan = float("nan")
    return ShapeFit(
        shape=shape,
        requests_per_day=Calibrated(value=default.requests_per_day),
        customers_buy_share=Calibrated(value=default.customers_buy_share),
        decay_per_point=Calibrated(value=default.decay_per_point or 1.0),
        offset=Calibrated(value=default.offset),
        dispersion=nan,
        log_likelihood=nan,
        count=0,
        intensity=fit,
    )
