"""One hedge decision with 1, 2 and 4 products, and the joint programme beside scipy's bounded solver: `python -m benchmarks.hedging`."""

import platform
from collections.abc import Callable
from time import perf_counter

import numpy as np
from scipy.optimize import minimize

from flatbook.hedging.bands import Direction
from flatbook.hedging.joint import Aim, chosen_of
from flatbook.hedging.products import Product
from flatbook.hedging.related import RelatedProducts, in_lots, least_cost_hedge
from flatbook.hedging.working import working_of
from flatbook.model.hedge_terms import HedgeTerms
from flatbook.model.instruments import Instrument, Kind, TickBand
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite

_ROUNDS = 300
_AVERSION = 1e-6
_SIZES = (1, 2, 4)
_DELTA_USD = -2_000_000.0
_UNIT = 0.25**2 / 365.0


def _terms(j: int) -> HedgeTerms:
    instrument = Instrument(
        symbol=f"P{j}", underlying="XYZ", kind=Kind.SHARE, multiplier=1.0, currency="USD", ticks_per_unit=100,
        tick_table=(TickBand(0, 1),),
    )  # fmt: skip
    return HedgeTerms(
        instrument=instrument, spread=0.02 / (1 + j), fee_per_contract=0.002, correlation=1.0 - 0.01 * j, lot=1 + 9 * j,
        impact_temporary=1e-7,
    )  # fmt: skip


def _product(j: int) -> Product:
    terms = _terms(j)
    return Product(
        terms=terms, row=j, price=100.0, delta_usd=100.0, cost_usd=0.5 * terms.spread + 0.002, short_usd=0.0, carry_usd=0.0,
        borrow_usd=0.0, held=0, most_bought=float("inf"), most_sold=float("inf"),
    )  # fmt: skip


def decision(count: int) -> Callable[[], object]:
    """The whole decision behind `propose` for one underlying: products, joint hedge, alternatives, schedule."""
    products = tuple(_product(j) for j in range(count))
    desk = Desk(quoting=QuotingRules(), appetite=RiskAppetite(aversion_per_usd=_AVERSION))
    direction = Direction(
        delta_usd=_DELTA_USD, gamma_usd_per_pct=-50_000.0, vanna_usd_per_point=0.0, spot=100.0, vol=0.25,
        cost_rate=1e-4, unit_variance=_UNIT, aversion=_AVERSION, at_ns=0, last_ns=None,
    )  # fmt: skip
    aim = Aim(gap_usd=_DELTA_USD, target_usd=-600_000.0, band_usd=600_000.0, must=False, strained=False)

    def decide() -> object:
        """One decision."""
        choice = chosen_of(products, aim, direction, desk)
        return choice, [
            working_of(one, leg.quantity, vol=0.25, hedging=desk.hedging, aversion=_AVERSION, urgent=False)
            for one, leg in zip(choice.products, choice.legs, strict=True)
        ]

    return decide


def programme(count: int) -> RelatedProducts:
    """Products of one common factor, seeded."""
    random = np.random.default_rng(7)
    load, own = random.uniform(0.8, 1.2, count) * 0.01, random.uniform(0.05, 0.3, count) * 0.01
    return RelatedProducts(
        names=tuple(f"P{j}" for j in range(count)),
        covariance=np.outer(load, load) + np.diag(own**2),
        with_book=2e6 * 0.01 * load,
        book_variance=(2e6 * 0.01) ** 2,
        cost=random.uniform(1e-5, 2e-4, count),
        carry=np.zeros(count),
        most_bought=np.full(count, 5e6),
        most_sold=np.full(count, 5e6),
    )


def peer(products: RelatedProducts) -> np.ndarray:
    """The same by scipy's L-BFGS-B, bought and sold apart, in units of 100,000 USD."""
    n = len(products.names)

    def worth(x: np.ndarray) -> tuple[float, np.ndarray]:
        """Risk plus cost, and its slope."""
        h = (x[:n] - x[n:]) * 1e5
        slope = _AVERSION * (products.covariance @ h + products.with_book)
        risk = 0.5 * _AVERSION * (h @ products.covariance @ h + 2.0 * h @ products.with_book)
        cost = products.cost @ (x[:n] + x[n:]) * 1e5
        return risk + cost, 1e5 * np.concatenate([slope + products.cost, products.cost - slope])

    found = minimize(
        worth, np.zeros(2 * n), jac=True, method="L-BFGS-B", bounds=[(0.0, 50.0)] * (2 * n),
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    return np.asarray((found.x[:n] - found.x[n:]) * 1e5)


def _median_us(run: Callable[[], object]) -> float:
    run()
    times = []
    for _ in range(_ROUNDS):
        begun = perf_counter()
        run()
        times.append(perf_counter() - begun)
    return float(np.median(times)) * 1e6


def timings() -> list[str]:
    """Medians of `_ROUNDS`, in microseconds."""
    lines = []
    for count in _SIZES:
        products = programme(count)
        lot = np.full(count, 10_000.0)

        def ours(products: RelatedProducts = products, lot: np.ndarray = lot) -> object:
            """Exact, and in whole lots."""
            hedge = least_cost_hedge(products, _AVERSION)
            return in_lots(products, _AVERSION, hedge, lot)

        def theirs(products: RelatedProducts = products) -> object:
            """Without lots."""
            return peer(products)

        exact, other = least_cost_hedge(products, _AVERSION), peer(products)
        worse = products.worth_usd(_AVERSION, other) - products.worth_usd(_AVERSION, exact)
        mine, scipy_us = _median_us(ours), _median_us(theirs)
        lines.append(
            f"{count} products: decision {_median_us(decision(count)):.0f} us; programme with lots {mine:.0f} us, "
            f"scipy L-BFGS-B {scipy_us:.0f} us ({scipy_us / mine:.0f} times), its answer {worse:.2g} USD worse"
        )
    return lines


if __name__ == "__main__":
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    print("\n".join(timings()))
