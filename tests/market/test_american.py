"""American quotes imply the volatility that valuation prices them with, whatever the engine."""

import numpy as np
import pytest

from flatbook.kernels.implied_vol import OK
from flatbook.market.american import AmericanQuotes, exercise_premiums, implied_vols
from flatbook.valuation.case_values import value_cases
from flatbook.valuation.cases import Cases, Dividend

PAID = (Dividend(0.2, 1.5), Dividend(0.45, 1.5))
N = 40
SEED = 11


def drawn(rate, dividend_yield, paid, seed=SEED):
    random = np.random.default_rng(seed)
    sign = np.where(random.random(N) < 0.5, 1.0, -1.0)
    strike = 100.0 * np.exp(sign * random.uniform(-0.1, 0.3, N))
    years, vol = random.uniform(0.1, 1.0, N), random.uniform(0.15, 0.6, N)
    quotes = AmericanQuotes(
        spot=np.full(N, 100.0),
        strike=strike,
        sign=sign,
        years=years,
        rate=np.full(N, rate),
        dividend_yield=np.full(N, dividend_yield),
        dividend_years=np.array([one.years for one in paid]),
        dividend_amounts=np.array([one.amount for one in paid]),
        schedule=np.tile(np.array([0, len(paid)]), (N, 1)),
    )
    return quotes, vol


def priced(quotes, vol, paid, american=True):
    cases = Cases(
        american=np.full(N, american), sign=quotes.sign, spot=quotes.spot, forward=np.full(N, np.nan),
        strike=quotes.strike, years=quotes.years, rate=quotes.rate, dividend_yield=quotes.dividend_yield, vol=vol,
        dividends=(paid,) * N, spot_model=np.ones(N, dtype=np.bool_), coin=np.zeros(N, dtype=np.bool_),
        engine=("auto",) * N,
    )  # fmt: skip
    return value_cases(cases, tolerance=1e-4).greeks[0]


@pytest.mark.parametrize(
    ("rate", "dividend_yield", "paid", "off"),
    [
        (0.05, 0.02, (), 3e-5),  # a boundary
        (0.05, 0.0, PAID, 2e-3),  # grids of two sizes: one implies, the other prices
        (-0.01, -0.04, (), 2e-3),  # puts have two boundaries: trees of 201 and 401 steps
    ],
)
def test_the_price_that_valuation_makes_implies_its_vol(rate, dividend_yield, paid, off):
    quotes, vol = drawn(rate, dividend_yield, paid)

    found, reason = implied_vols(quotes, priced(quotes, vol, paid), np.full(N, 1e-6))

    assert (reason == OK).mean() > 0.9, f"seed {SEED}"
    assert found[reason == OK] == pytest.approx(vol[reason == OK], abs=off)
    assert np.isnan(found[reason != OK]).all()


@pytest.mark.parametrize(("rate", "dividend_yield", "paid"), [(0.05, 0.02, ()), (0.05, 0.0, PAID)])
def test_the_premium_is_what_early_exercise_adds(rate, dividend_yield, paid):
    quotes, vol = drawn(rate, dividend_yield, paid)

    premium = exercise_premiums(quotes, vol)

    added = priced(quotes, vol, paid) - priced(quotes, vol, paid, american=False)
    assert premium == pytest.approx(np.maximum(added, 0.0), abs=5e-3)
    assert premium.max() > 0.05


def test_what_has_no_vol_adds_no_premium():
    quotes, _ = drawn(0.05, 0.0, ())

    assert exercise_premiums(quotes, np.full(N, np.nan)).tolist() == [0.0] * N
