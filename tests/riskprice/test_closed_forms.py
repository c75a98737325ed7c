"""Published closed forms against their published numbers, and the experiment of Avellaneda and Stoikov run again."""

import numpy as np
import pytest

from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.closed_forms import (
    OneAsset,
    avellaneda_stoikov,
    finite_horizon,
    linear_premiums,
    long_horizon,
    option_residual_variance,
)

GLFT = OneAsset(deviation=0.3, fills_at_mid=0.9, decay=0.3, aversion=0.01)
STEPS, PATHS = 200, 20_000


def of(aversion):
    """The market of the experiment: s0 = 100, T = 1, sigma = 2, k = 1.5, A = 140."""
    return OneAsset(deviation=2.0, fills_at_mid=140.0, decay=1.5, aversion=aversion)


def experiment(aversion, strategy, seed=20080301):
    """Average spread, mean and deviation of the P&L, deviation of the last inventory; Avellaneda and Stoikov, section 3.3."""
    random = np.random.default_rng(seed)
    asset, dt = of(aversion), 1.0 / STEPS
    flat = np.zeros(1)
    spreads = [
        float(sum((q.bid + q.offer)[0] for q in [avellaneda_stoikov(asset, flat, 1.0 - t * dt)]))
        for t in range(STEPS)
    ]
    mid, q, cash = np.full(PATHS, 100.0), np.zeros(PATHS), np.zeros(PATHS)
    for t in range(STEPS):
        if strategy == "inventory":
            quote = avellaneda_stoikov(asset, q, 1.0 - t * dt)
            bid, offer = quote.bid, quote.offer
        else:
            bid = offer = np.full(PATHS, np.mean(spreads) / 2.0)
        bought = random.random(PATHS) < 140.0 * np.exp(-1.5 * bid) * dt
        sold = random.random(PATHS) < 140.0 * np.exp(-1.5 * offer) * dt
        cash += sold * (mid + offer) - bought * (mid - bid)
        q += bought.astype(float) - sold
        mid += np.where(random.random(PATHS) < 0.5, 2.0, -2.0) * np.sqrt(dt)
    pnl = cash + q * mid
    return float(np.mean(spreads)), pnl.mean(), pnl.std(), q.mean(), q.std()


@pytest.mark.parametrize(
    ("aversion", "strategy", "published", "recomputed"),
    [  # average spread, mean and deviation of the P&L, deviation of the inventory
        (0.1, "inventory", (1.49, 65.0, 6.6, 2.9), (1.492, 64.86, 6.52, 2.91)),
        (0.1, "symmetric", (1.49, 68.4, 12.7, 8.4), (1.492, 68.23, 13.43, 8.46)),
        (0.01, "inventory", (1.35, 68.6, 8.7, 5.1), (1.349, 68.41, 8.86, 5.20)),
        (0.01, "symmetric", (1.35, 68.8, 12.8, 8.7), (1.349, 68.78, 13.68, 8.73)),
        (1.0, "inventory", (3.02, 31.4, 5.0, 1.7), (3.032, 31.41, 4.84, 1.64)),
        (1.0, "symmetric", (3.02, 44.0, 11.0, 5.1), (3.032, 43.67, 10.67, 5.14)),
    ],
)
def test_the_published_experiment(aversion, strategy, published, recomputed):
    """V1: the tables of 1,000 paths, and an independent run of 20,000 recorded in the domain reference; seed 20080301.

    Tolerances are V1's: 0.5 of the mean, 0.7 of its deviation, 0.3 of the inventory's. The symmetric strategy's deviation is held so
    against the longer run; the two published ones of 12.7 and 12.8 lie 0.7 and 0.9 below that run too (2.5 and 3 standard errors of
    1,000 paths), so there the tolerance against the paper is 1.0.
    """
    spread, mean, deviation, q_mean, q_deviation = experiment(aversion, strategy)
    of_paper = 0.7 if strategy == "inventory" else 1.0
    for column, tolerance in ((published, of_paper), (recomputed, 0.7)):
        assert spread == pytest.approx(column[0], abs=0.015)
        assert mean == pytest.approx(column[1], abs=0.5)
        assert deviation == pytest.approx(column[2], abs=tolerance)
        assert q_deviation == pytest.approx(column[3], abs=0.3)
    assert q_mean == pytest.approx(0.0, abs=0.3)


def test_skew_halves_the_deviation_at_little_cost():
    """V1's direction, aversion 0.1."""
    leaned, even = experiment(0.1, "inventory"), experiment(0.1, "symmetric")

    assert leaned[2] < 0.55 * even[2]
    assert leaned[1] > 0.93 * even[1]


def test_avellaneda_stoikov_formulas():
    """V1: spread 1.6907704 at the start and 1.2907704 at the end; the reservation price of one unit is 0.4 below."""
    start, end = (avellaneda_stoikov(of(0.1), np.array([0.0, 1.0]), t) for t in (1.0, 0.0))

    assert (start.bid + start.offer)[0] == pytest.approx(1.6907704, abs=5e-8)
    assert (end.bid + end.offer)[0] == pytest.approx(1.2907704, abs=5e-8)
    assert (start.offer - start.bid)[1] / 2.0 == pytest.approx(-0.4)
    both = avellaneda_stoikov(GLFT, np.zeros(1), 600.0), avellaneda_stoikov(GLFT, np.zeros(1), 0.0)
    assert [float((x.bid + x.offer)[0]) for x in both] == pytest.approx([7.097964565, 6.557964565], abs=5e-10)


def test_gueant_lehalle_and_fernandez_tapia_far_from_the_horizon():
    """V2."""
    found = long_horizon(GLFT, np.array([0.0, 5.0, 10.0, 20.0]))

    assert found.bid == pytest.approx([3.312915199, 3.652244361, 3.991573524, 4.670231849], abs=5e-10)
    assert found.offer == pytest.approx([3.312915199, 2.973586036, 2.634256873, 1.955598548], abs=5e-10)


def test_gueant_lehalle_and_fernandez_tapia_at_a_finite_horizon():
    """V2, bound 30: exact quotes, near the asymptote within 5e-3, and at the horizon the same for every inventory."""
    found, end = finite_horizon(GLFT, 30, 600.0), finite_horizon(GLFT, 30, 0.0)
    inner = np.arange(-20, 21)
    far = long_horizon(GLFT, inner.astype(float))

    assert found.bid[[30, 35, 50]] == pytest.approx([3.313045410, 3.653479443, 4.665541985], abs=5e-10)
    assert found.offer[[30, 35, 50]] == pytest.approx([3.313045410, 2.972521773, 1.959199631], abs=5e-10)
    assert np.max(np.abs(found.bid[inner + 30] - far.bid)) <= 5e-3
    assert end.bid[:-1] == pytest.approx(3.278982282, abs=5e-10)
    assert found.bid[-1] == found.offer[0] == np.inf


def test_inventories_whose_value_underflows_keep_their_digits():
    """V2, bound 100: bids to 10 digits where v is 1e-41 of the flat book's (a 70-digit reference), and the mirror of offers."""
    found = finite_horizon(GLFT, 100, 600.0)
    at = np.array([-100, -60, 0, 40, 55, 65, 80, 95, 99])
    published = [
        -2.762203414, -0.557357008, 3.313045409, 5.964227826, 6.880626292, 7.459403276, 8.277408300, 9.036182746, 9.320167979,
    ]  # fmt: skip

    assert found.bid[100 + at] == pytest.approx(published, abs=6e-10)
    assert found.bid[:-1] == pytest.approx(found.offer[1:][::-1], abs=1e-12)


def test_stoikov_and_saglam():
    """V3: residual variance and its share of vega, premiums, and the inventory at which options are given away."""
    kappa = option_residual_variance(0.01987273193, 792.9220040, 1.0, 0.00035, 0.5)
    vega_part = option_residual_variance(0.0, 792.9220040, 1.0, 0.00035, 0.5)
    found = linear_premiums(40.0, 200.0, 0.1, kappa, np.array([0.5, 1.0, 26.43442338, 60.0]))

    assert kappa == pytest.approx(0.03855879058, rel=1e-9)
    assert vega_part == pytest.approx(0.03850942490, rel=1e-9)
    assert vega_part / kappa == pytest.approx(0.99872, abs=5e-6)
    assert found.offer[:3] == pytest.approx([0.1, 0.09807206047, 0.0], abs=1e-10)
    assert found.bid[1] == pytest.approx(0.1057838186, abs=5e-11)
    assert (found.offer[3], found.bid[3]) == (0.0, 0.2)
    assert 0.1 * kappa / 792.9220040 == pytest.approx(4.862873068e-6, rel=1e-9)


def test_a_day_before_expiry_gamma_is_nearly_all():
    """V3, two days to expiry and one left after the hedge: 0.0199913505, of which vega 0.4876 %; greeks of S = K = 100 at a day."""
    density = 1.0 / np.sqrt(2.0 * np.pi)
    gamma, vega = (
        density * np.exp(-0.5 * 0.005**2) / (100.0 * 0.01),
        100.0 * density * np.exp(-0.5 * 0.005**2),
    )
    kappa = option_residual_variance(gamma, vega, 1.0, 0.00035, 0.5)

    assert kappa == pytest.approx(0.0199913505, rel=1e-6)


def test_impossible_assets_are_refused():
    with pytest.raises(InvalidValueError, match="above 0"):
        OneAsset(deviation=1.0, fills_at_mid=1.0, decay=0.0, aversion=1.0)
