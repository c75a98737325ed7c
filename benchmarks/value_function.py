"""The value function of 63 factors and 2,000 series, what it makes of every quote, and how far each is shown: `python -m benchmarks.value_function`."""

import platform
from collections.abc import Callable
from time import perf_counter

import numpy as np

from flatbook.exposure.factor_covariance import Covariance
from flatbook.exposure.factors import FactorExposure, Factors, Jumps
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite
from flatbook.model.table import Floats
from flatbook.quoting.distance import optimal_distance
from flatbook.riskprice.desk_flow import DeskFlow
from flatbook.riskprice.hedge_directions import HedgeDirections
from flatbook.riskprice.intensity import logistic
from flatbook.riskprice.price import risk_price
from flatbook.riskprice.reservation import no_charges, reservation
from flatbook.riskprice.riccati import Flow, SeriesFactors, Terms, price_of, value_function

UNDERLYINGS, KINDS, SERIES, HEDGES = 3, 21, 2_000, 6
_ROUNDS = 100


def timings() -> list[str]:
    """Medians and least of `_ROUNDS`, in milliseconds, on one thread where the linear algebra is told so."""
    random = np.random.default_rng(5)
    count, n = UNDERLYINGS * KINDS, SERIES
    root = random.normal(size=(count, count + 20))
    covariance = root @ root.T / count
    series = SeriesFactors(
        e=random.normal(size=(n, KINDS)) * 100.0, block_of=np.sort(random.integers(0, UNDERLYINGS, n))
    )
    points = random.uniform(10.0, 100.0, n)
    intensity = logistic(
        random.uniform(100.0, 1000.0, 2 * n),
        random.uniform(-0.5, 1.5, 2 * n),
        random.uniform(0.5, 3.0, 2 * n),
        np.tile(points, 2),
    )
    flow = Flow(
        series=np.tile(np.arange(n), 2),
        side=np.repeat([1, -1], n),
        contracts=np.full(2 * n, 10.0),
        intensity=intensity,
        cost_usd=random.uniform(0.0, 20.0, 2 * n),
    )
    terms = Terms(aversion_per_usd=1e-6, holding_years=1.0 / 365.0)
    book = random.normal(size=count) * 1e4
    solved = value_function(covariance, series, flow, terms, book)
    z, none = np.full((2, n), 10.0), no_charges(n)
    shift = reservation(solved, book, series, z, none).shift_usd.reshape(-1)
    anywhere = np.full(2 * n, -np.inf)
    what: tuple[tuple[str, Callable[[], object]], ...] = (
        (f"value function, {count} factors, {2 * n:,d} flows", lambda: value_function(covariance, series, flow, terms, book)),
        ("risk price of another book", lambda: price_of(solved, book)),
        (f"reservation shifts, {n:,d} series two-sided", lambda: reservation(solved, book, series, z, none)),
        (f"risk price of a desk, {count} factors, {n:,d} series, {HEDGES} hedges", _desk(covariance, series, flow, book, terms)),
        (f"optimal distances, {n:,d} series two-sided", lambda: optimal_distance(intensity, shift, anywhere)),
    )  # fmt: skip
    return [
        f"{name:48} {1e3 * median:9.3f} ms, at least {1e3 * least:7.3f} ms"
        for name, (median, least) in ((name, _seconds(work)) for name, work in what)
    ]


def _desk(
    covariance: Floats, series: SeriesFactors, flow: Flow, book: Floats, terms: Terms
) -> Callable[[], object]:
    """All that a cycle asks of the risk price: value function, what is cheaper to hedge, shifts of both sides in their parts."""
    n, kinds = series.e.shape
    names = tuple(f"U{u}" for u in range(UNDERLYINGS))
    of = Factors(
        e=series.e, kinds=tuple(map(str, range(kinds))), by_expiry=np.zeros((n, 3)), underlyings=names,
        underlying_of=series.block_of, proxies=((),) * UNDERLYINGS, proxy_symbols=((),) * UNDERLYINGS, jumps=Jumps(), reasons={},
    )  # fmt: skip
    held = FactorExposure(
        known=book.reshape(UNDERLYINGS, kinds), unvalued=np.zeros((UNDERLYINGS, kinds)), reasons={}
    )
    own = np.zeros((HEDGES, kinds))
    own[:, 0], own[:, -1] = 1.0, np.linspace(0.0, 0.3, HEDGES)
    hedges = HedgeDirections(
        underlying=np.sort(np.arange(HEDGES) % UNDERLYINGS), e=own, cost=np.linspace(1e-4, 3e-4, HEDGES)
    )
    sides = (flow.intensity.take(slice(0, n)), flow.intensity.take(slice(n, 2 * n)))
    expected = DeskFlow(
        flow=flow, quoted=sides, contracts=np.full((2, n), 10.0), adverse_usd=np.full((2, n), 3.0)
    )
    desk = Desk(quoting=QuotingRules(), appetite=RiskAppetite(aversion_per_usd=terms.aversion_per_usd))
    over_a_day = Covariance(
        matrix=covariance * terms.holding_years, standard_error=covariance, effective_samples=book, source=""
    )
    spot_vol, charges = np.full(UNDERLYINGS, 0.2), no_charges(n)
    return lambda: risk_price(
        held, of, over_a_day, desk, spot_vol, hedges, expected=expected, charges=charges
    )


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and least."""
    work()
    taken = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        work()
        taken.append(perf_counter() - start)
    return float(np.median(taken)), min(taken)


if __name__ == "__main__":
    print(platform.processor() or platform.machine(), platform.python_version())
    print("\n".join(timings()))
