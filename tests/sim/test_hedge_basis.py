"""Basis of hedges: what their prices did beyond their underlying, and how much of it was to be expected."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.model.world_price_terms import HedgePriceTerms
from flatbook.sim.hedge_basis import basis_of
from flatbook.sim.prices.market import simulated_market
from tests.sim.experiments.fakes import trades_of
from tests.sim.prices.days_of_prices import interval, plain, with_options

PROXY = HedgePriceTerms(symbol="B", underlying="A", beta=1.25, correlation=0.97, multiplier=20.0)
TERMS = plain(hedges=(HedgePriceTerms(symbol="A", underlying="A"), PROXY))


def bought(market, row, *contracts_at):
    """Trades of `contracts` at each instant."""
    return trades_of(
        [(at, row, int(np.sign(n)), abs(n), 100.0, 0.0, 100.0, 100.0, 1, False, False) for n, at in contracts_at]
    )  # fmt: skip


def of(market, *contracts_at, row=1):
    return basis_of(market, market.table, np.zeros(2, dtype=np.int64), bought(market, row, *contracts_at))


def test_it_is_the_part_of_a_hedges_pnl_that_its_underlying_does_not_explain():
    """By hand, of ten contracts bought between the fourth and fifth moment, and four of them sold at the instant of the eighth."""
    market = simulated_market(TERMS, 3)
    found = of(market, (10, market.at_ns[3] + 1), (-4, market.at_ns[7]))
    price, spot = market.hedges.price[:, 1], market.path.spot[:, 0]

    held = [0, 0, 0, 10, 10, 10, 10, 6]
    for k, contracts in enumerate(held):
        beyond = price[k + 1] - price[k] * (spot[k + 1] / spot[k]) ** 1.25
        assert found.pnl_usd[k] == pytest.approx(contracts * 20.0 * beyond, abs=1e-9)
        assert found.variance_usd2[k] == pytest.approx(
            (contracts * 20.0 * price[k]) ** 2 * market.basis_variance(k, k + 1)[1]
        )


def test_the_underlying_itself_leaves_none():
    market = simulated_market(TERMS, 3)
    found = of(market, (500, market.at_ns[0] + 1), row=0)

    assert np.abs(found.pnl_usd).max() < 1e-9
    assert not found.variance_usd2.any()


@pytest.mark.parametrize("change", [{}, {"break_minute": 120.0, "break_multiplier": 4.0}, {"correlation": 1.0, "basis_deviation": 0.05, "basis_reversion": 3e4}])  # fmt: skip
def test_its_variance_is_the_foretold_one(change):
    """Squares of 300 days, less what was foretold of each day, are 0 in the mean; twice as much would be seen."""
    terms = plain(hedges=(TERMS.hedges[0], replace(PROXY, **change)))
    squares, told = [], []
    for seed in range(300):
        market = simulated_market(terms, seed)
        found = of(market, (10, market.at_ns[0] + 1), (-25, market.at_ns[40]))
        squares.append((found.pnl_usd**2).sum())
        told.append(found.variance_usd2.sum())
    away, error = interval(np.array(squares) - np.array(told))

    assert abs(away) <= error
    assert error < 0.2 * np.mean(told)


def test_from_moment_to_moment_the_market_foretells_what_it_does_between_two_of_them():
    hedge = replace(PROXY, correlation=1.0, basis_deviation=0.05, basis_reversion=3e4, break_minute=100.0)
    market = simulated_market(plain(hedges=(hedge,)), 1)
    steps = market.step_basis_variances()

    assert steps[:, 0] == pytest.approx([market.basis_variance(k, k + 1)[0] for k in range(len(steps))])
    assert simulated_market(replace(with_options(), hedges=()), 1).step_basis_variances().shape == (
        len(steps),
        0,
    )
