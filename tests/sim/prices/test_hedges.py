"""Hedge instruments of a simulated day: exact ones, futures with their carry and roll, and proxies whose basis is as predicted."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.model.errors import InvalidValueError
from flatbook.model.instruments import Kind
from flatbook.model.world_price_terms import HaltTerms, HedgePriceTerms, RegimeTerms
from flatbook.sim.prices.market import simulated_market
from tests.sim.prices.days_of_prices import MOVING, interval, plain
from tests.sim.prices.test_path import SESSION_YEARS

SEEDS = range(300)
PROXY = HedgePriceTerms(symbol="P", underlying="A", price_ratio=0.1, correlation=0.97, beta=1.25)


def _deviations(terms, seeds=SEEDS):
    """Log price of the only hedge less beta times that of its underlying, from open to close, one a seed."""
    out = []
    for seed in seeds:
        market = simulated_market(terms, seed)
        price, spot = market.hedges.price[:, 0], market.path.spot[:, 0]
        out.append(np.log(price[-1] / price[0]) - terms.hedges[0].beta * np.log(spot[-1] / spot[0]))
    return np.array(out), market


@pytest.mark.parametrize(
    ("hedge", "more", "told"),
    [
        (PROXY, {}, (1.25 * 0.2) ** 2 * (1 / 0.97**2 - 1) * SESSION_YEARS),
        (PROXY, {"smile": MOVING}, (1.25 * 0.2) ** 2 * (1 / 0.97**2 - 1) * SESSION_YEARS),
        (
            replace(PROXY, correlation=1.0, basis_deviation=0.05, basis_reversion=3000.0),
            {},
            0.05**2 * (1 - np.exp(-2 * 3000.0 * SESSION_YEARS)) / (2 * 3000.0),
        ),
        (
            replace(PROXY, correlation=1.0, basis_deviation=0.05, break_minute=195.0, break_multiplier=4.0),
            {},
            0.05**2 * SESSION_YEARS * 0.5 * (1 + 16),
        ),
        (PROXY, {"regimes": (RegimeTerms(realised_multiplier=2.0),)}, 4 * (1.25 * 0.2) ** 2 * (1 / 0.97**2 - 1) * SESSION_YEARS),
    ],
)  # fmt: skip
def test_the_basis_ends_as_far_away_as_predicted(hedge, more, told):
    terms = plain(hedges=(hedge,), **more)
    found, market = _deviations(terms)
    square, error = interval(found**2)

    assert market.basis_variance() == pytest.approx([told], rel=1e-9 if hedge.break_minute is None else 0.03)
    assert abs(square - market.basis_variance()[0]) <= error
    assert error < 0.4 * told


def test_between_two_moments_of_a_basis_that_reverts_the_prediction_holds_too():
    hedge = replace(PROXY, correlation=1.0, basis_deviation=0.05, basis_reversion=30_000.0)
    terms = plain(hedges=(hedge,))
    moved = []
    for seed in SEEDS:
        market = simulated_market(terms, seed)
        moved.append(market.hedges.basis[60, 0] - market.hedges.basis[20, 0])
    found, error = interval(np.array(moved) ** 2)

    assert abs(found - market.basis_variance(20, 60)[0]) <= error
    whole, parts = market.basis_variance()[0], market.basis_variance(0, 20)[0]
    assert parts < 1.01 * whole


def test_returns_of_a_proxy_have_its_correlation_and_beta():
    terms = plain(hedges=(PROXY,), seasonality=False)
    pairs = []
    for seed in range(200):
        market = simulated_market(terms, seed)
        pairs.append(
            np.diff(np.log(np.column_stack([market.path.spot[:, 0], market.hedges.price[:, 0]])), axis=0)
        )
    x, y = np.concatenate(pairs).T

    assert np.corrcoef(x, y)[0, 1] == pytest.approx(0.97, abs=3.3 * (1 - 0.97**2) / np.sqrt(x.size))
    assert (x * y).mean() / (x * x).mean() == pytest.approx(1.25, rel=0.01)
    assert market.known_hedges()[0].correlation == 0.97
    told = replace(PROXY, correlation=1.0, basis_deviation=1.25 * 0.2 * np.sqrt(1 / 0.97**2 - 1))
    assert simulated_market(plain(hedges=(told,)), 0).known_hedges()[0].correlation == pytest.approx(0.97)


def test_the_underlying_itself_has_no_basis_and_a_future_its_carry_alone():
    future = HedgePriceTerms(symbol="F", underlying="A", kind=Kind.FUTURE, carry=0.01, expiry_days=73)
    market = simulated_market(
        plain(hedges=(HedgePriceTerms(symbol="A", underlying="A"), future), rate=0.05), 3
    )
    spot = market.path.spot[:, 0]
    left = 73 / 365 + np.linspace(SESSION_YEARS, 0.0, spot.size)

    assert (market.hedges.price[:, 0] == spot).all()
    assert market.hedges.price[:, 1] == pytest.approx(spot * np.exp(0.06 * left))
    assert market.basis_variance().tolist() == [0.0, 0.0]
    assert market.known_hedges()[1].instrument.price_ratio == pytest.approx(np.exp(0.06 * left[0]))
    assert market.known_hedges()[1].instrument.expiry_ns == market.at_ns[-1] + 73 * 86_400_000_000_000


def test_after_its_roll_a_future_is_wide_and_thin():
    future = HedgePriceTerms(
        symbol="F", underlying="A", kind=Kind.FUTURE, roll_minute=200.0, depth=1000.0, spread=0.1
    )
    market = simulated_market(plain(hedges=(future,), spacing_seconds=60.0), 3)
    before, after = market.moment(199), market.moment(200)

    assert after.ask_ticks[0] - after.bid_ticks[0] >= 2.5 * (before.ask_ticks[0] - before.bid_ticks[0])
    assert after.bid_size[0] < 0.4 * before.bid_size[0]


def test_a_halt_stops_the_hedges_of_its_underlying_too():
    halts = (HaltTerms(from_minute=100, to_minute=120),)
    market = simulated_market(plain(hedges=(PROXY,), halts=halts, spacing_seconds=60.0), 3)
    price = market.hedges.price[99:121, 0]

    assert (price[:-1] == price[0]).all()
    assert price[-1] != price[0]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"correlation": 0.9, "basis_deviation": 0.1}, "not both"),
        ({"symbol": "A", "beta": 0.9, "correlation": 1.0}, "underlying itself"),
        ({"correlation": 0.0}, "correlation"),
        ({"kind": Kind.OPTION}, "share or future"),
        ({"spread": float("nan")}, "spread"),
    ],
)
def test_hedges_that_cannot_be_meant_are_refused(changes, match):
    with pytest.raises(InvalidValueError, match=match):
        replace(PROXY, **changes)
