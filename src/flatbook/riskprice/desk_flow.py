"""The flow that the desk expects, as columns: what each series and side is asked for, how fills fade, and what a fill costs.

Requests of an underlying spread over its live options in proportion to their vega. Several tiers meet one quote: its distance is the
best for one intensity with their request-weighted decay and offset, which is exact where tiers are alike and shape. Where nobody told of
any flow, fills fade by e over the neutral half-spread, so that a flat book quotes just that, and nothing is expected to come.

Source: Avellaneda and Stoikov (2008) for the exponential, Baldacci, Bergault and Gueant (2021) for the logistic; the spread over series
is our own choice (domain reference 4.4, 4.20).
"""

from dataclasses import dataclass

import numpy as np

from flatbook.market.view import MarketView
from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.measures import Measure
from flatbook.model.parameters import Desk
from flatbook.model.table import Floats, Ints
from flatbook.riskprice.intensity import Intensity, exponential, logistic
from flatbook.riskprice.riccati import Flow
from flatbook.valuation.values import Values

_SIDES = (1, -1)  # we buy, we sell
_VEGA_LEAST = (
    1e-9  # USD per point: a quote of a series without vega is at no distance but the least that rules allow
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeskFlow:
    """n rows of the table; [2, n] is for BID and OFFER."""

    flow: Flow  # a row for each series, side and tier that something is expected of
    quoted: tuple[Intensity, Intensity]  # that the distances of bids and offers are best for, n rows each
    contracts: Floats  # [2, n] of the next trade
    adverse_usd: Floats  # [2, n] that the market moves against a fill, USD per contract


def desk_flow(desk: Desk, market: MarketView, values: Values) -> DeskFlow:
    """What the desk's `flow` says of every series."""
    table, n = market.table, len(market.table.instruments)
    vega = np.abs(values.greeks[:, Measure.VEGA_USD_PER_POINT])
    live = table.is_option & np.isfinite(vega) & (market.years > 0.0)
    usual = 1.0 / max(desk.quoting.half_spread_vol_points, 1e-6)
    mixed = _Mixed(n, usual)
    parts = []
    for u, name in enumerate(table.underlyings):
        rows = np.flatnonzero(live & (table.underlying_of == u))
        weight = _shares(vega[rows])
        for terms in _terms_of(desk, name):
            decay = usual if terms.decay_per_point is None else terms.decay_per_point
            for side in _SIDES:
                requests = _requests_per_year(terms, side, desk.hedging.days_per_year) * weight
                mixed.add(side, rows, requests, terms, decay)
                if terms.requests_per_day > 0.0:
                    parts.append(_flow(terms, side, rows, requests, decay, vega[rows]))
    adverse = mixed.adverse_points() * vega
    return DeskFlow(
        flow=_joined(parts),
        quoted=(mixed.intensity(0, vega), mixed.intensity(1, vega)),
        contracts=mixed.contracts(),
        adverse_usd=adverse,
    )


def _terms_of(desk: Desk, underlying: str) -> tuple[FlowTerms, ...]:
    """The tiers of an underlying; its own before those of every underlying."""
    own = {terms.tier: terms for terms in desk.flow if terms.underlying == underlying}
    everywhere = {terms.tier: terms for terms in desk.flow if not terms.underlying}
    return tuple((everywhere | own).values())


def _requests_per_year(terms: FlowTerms, side: int, days_per_year: float) -> float:
    share = 1.0 - terms.customers_buy_share if side > 0 else terms.customers_buy_share
    return terms.requests_per_day * days_per_year * share


def _shares(vega: Floats) -> Floats:
    whole = float(vega.sum())
    return vega / whole if whole > 0.0 else np.zeros(vega.size)


def _flow(terms: FlowTerms, side: int, rows: Ints, requests: Floats, decay: float, vega: Floats) -> Flow:
    points = np.full(rows.size, decay)
    intensity = (
        logistic(requests, np.full(rows.size, terms.offset), points, vega)
        if terms.shape is FlowShape.LOGISTIC
        else exponential(requests, points, vega)
    )
    return Flow(
        series=rows,
        side=np.full(rows.size, side, dtype=np.int64),
        contracts=np.full(rows.size, terms.contracts),
        intensity=intensity,
        cost_usd=terms.adverse_selection_points * vega,
    )


def _joined(parts: list[Flow]) -> Flow:
    none = np.zeros(0)
    empty = Intensity(
        arrivals_per_year=none, offset=none, decay_per_usd=none, logistic=np.zeros(0, dtype=np.bool_)
    )
    fields = ("arrivals_per_year", "offset", "decay_per_usd", "logistic")
    intensities = [empty, *(part.intensity for part in parts)]
    return Flow(
        series=np.concatenate([np.zeros(0, dtype=np.int64), *(part.series for part in parts)]),
        side=np.concatenate([np.zeros(0, dtype=np.int64), *(part.side for part in parts)]),
        contracts=np.concatenate([none, *(part.contracts for part in parts)]),
        intensity=Intensity(
            **{each: np.concatenate([getattr(one, each) for one in intensities]) for each in fields}
        ),
        cost_usd=np.concatenate([none, *(part.cost_usd for part in parts)]),
    )


class _Mixed:
    """Sums over tiers, [2, n] each, weighted by requests; a tier that nobody expects anything of counts only where it is alone."""

    def __init__(self, n: int, usual: float) -> None:
        self._usual = usual
        self._weight = np.zeros((2, n))
        self._requests = np.zeros((2, n))
        self._sums = {
            each: np.zeros((2, n)) for each in ("decay", "offset", "logistic", "contracts", "adverse")
        }

    def add(self, side: int, rows: Ints, requests: Floats, terms: FlowTerms, decay: float) -> None:
        """One tier and side."""
        at = _SIDES.index(side)
        weight = np.maximum(requests, 1e-12)
        told = {
            "decay": decay,
            "offset": terms.offset,
            "logistic": float(terms.shape is FlowShape.LOGISTIC),
            "contracts": terms.contracts,
            "adverse": terms.adverse_selection_points,
        }
        self._weight[at, rows] += weight
        self._requests[at, rows] += requests
        for name, value in told.items():
            self._sums[name][at, rows] += weight * value

    def _mean(self, name: str, otherwise: float) -> Floats:
        out = np.full(self._weight.shape, otherwise)
        np.divide(self._sums[name], self._weight, out=out, where=self._weight > 0.0)
        return out

    def contracts(self) -> Floats:
        """Of a trade."""
        return self._mean("contracts", 1.0)

    def adverse_points(self) -> Floats:
        """That the market moves against a fill."""
        return self._mean("adverse", 0.0)

    def intensity(self, at: int, vega: Floats) -> Intensity:
        """Of one side; logistic where most requests are."""
        decay, offset = self._mean("decay", self._usual)[at], self._mean("offset", 0.0)[at]
        is_logistic = self._mean("logistic", 0.0)[at] > 0.5
        made = logistic(self._requests[at], offset, decay, np.maximum(vega, _VEGA_LEAST))
        return Intensity(
            arrivals_per_year=made.arrivals_per_year,
            offset=np.where(is_logistic, offset, 0.0),
            decay_per_usd=made.decay_per_usd,
            logistic=is_logistic,
        )
