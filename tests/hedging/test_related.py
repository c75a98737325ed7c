"""Several related products at once: the exact programme against enumeration and scipy, and the carry of futures."""

from dataclasses import replace
from itertools import product as every

import numpy as np
import pytest
from scipy.optimize import minimize

from flatbook.hedging.betas import least_squares
from flatbook.hedging.related import (
    RelatedProducts,
    best_hedge,
    fund_carry_per_day,
    future_carry,
    in_lots,
    least_cost_hedge,
    ridge_of,
)
from flatbook.kernels.hedge_programme import best_lots
from flatbook.model.errors import InvalidValueError

_AVERSION = 1e-5


def _products(rng, n, *, cost=2e-4, ridge=0.0, bound=1e9, carry=0.0):
    """A book of a million or so of one common factor and n products that follow it."""
    load, own = rng.uniform(0.5, 1.5, n) * 0.01, rng.uniform(0.05, 0.6, n) * 0.01
    common = rng.normal(0.0, 2e6)
    return RelatedProducts(
        names=tuple(f"P{j}" for j in range(n)),
        covariance=np.outer(load, load) + np.diag(own**2),
        with_book=common * 0.01 * load + rng.normal(0.0, 2e5, n) * own**2,
        book_variance=(common * 0.01) ** 2 * 1.2 + 1.0,
        cost=rng.uniform(0.1, 2.0, n) * cost,
        carry=rng.normal(0.0, 1.0, n) * carry,
        most_bought=np.full(n, bound) * rng.uniform(0.2, 1.0, n),
        most_sold=np.full(n, bound) * rng.uniform(0.2, 1.0, n),
        ridge=ridge,
    )


def _worth(products, h):
    """Apart from the variance that no hedge changes."""
    bought = np.maximum(products.cost + products.carry, 0.0) @ np.maximum(h, 0.0)
    sold = np.maximum(products.cost - products.carry, 0.0) @ np.maximum(-h, 0.0)
    return 0.5 * _AVERSION * float(h @ products.penalised @ h + 2.0 * h @ products.with_book) + bought + sold


def _enumerated(products):
    """The least over all ways in which each product is at zero, at a bound, bought or sold."""
    n, best, least = len(products.names), None, np.inf
    for states in every(("zero", "bought", "sold", "most bought", "most sold"), repeat=n):
        h = np.zeros(n)
        free = [j for j, state in enumerate(states) if state in ("bought", "sold")]
        for j, state in enumerate(states):
            if state == "most bought":
                h[j] = products.most_bought[j]
            elif state == "most sold":
                h[j] = -products.most_sold[j]
        if free:
            sign = np.array([1.0 if states[j] == "bought" else -1.0 for j in free])
            matrix = _AVERSION * products.penalised
            slope = matrix @ h + _AVERSION * products.with_book
            charge = np.where(sign > 0.0, products.buying[free], -products.selling[free])
            h[free] = np.linalg.solve(matrix[np.ix_(free, free)], -slope[free] - charge)
            if (h[free] * sign <= 0.0).any():
                continue
        if (h > products.most_bought * (1 + 1e-12)).any() or (h < -products.most_sold * (1 + 1e-12)).any():
            continue
        if _worth(products, h) < least:
            best, least = h, _worth(products, h)
    return best


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_best_of_all_combinations(seed):
    """Two to four products, tight and wide bounds, with and without carry and ridge."""
    rng = np.random.default_rng(seed)
    products = _products(
        rng,
        2 + seed % 3,
        bound=(1e9, 6e5)[seed % 2],
        carry=(0.0, 1e-4)[seed // 2 % 2],
        ridge=(0.0, 0.1)[seed // 4 % 2],
    )
    found, best = least_cost_hedge(products, _AVERSION), _enumerated(products)

    assert _worth(products, found) == pytest.approx(_worth(products, best), rel=1e-12, abs=1e-9), (
        f"seed {seed}"
    )
    assert found == pytest.approx(best, rel=1e-7, abs=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_with_many_products_no_general_solver_finds_better(seed):
    """Twenty products, bought and sold apart, by scipy's L-BFGS-B from our answer and from nothing."""
    products = _products(np.random.default_rng(100 + seed), 20, bound=4e5, carry=2e-5, ridge=0.02)
    found = least_cost_hedge(products, _AVERSION)

    def worth(x):
        bought, sold = x[:20] * 1e5, x[20:] * 1e5
        h = bought - sold
        slope = _AVERSION * (products.penalised @ h + products.with_book)
        total = 0.5 * _AVERSION * (h @ products.penalised @ h + 2 * h @ products.with_book)
        return (
            total + products.buying @ bought + products.selling @ sold,
            1e5 * np.concatenate([slope + products.buying, -slope + products.selling]),
        )

    bounds = [(0.0, top / 1e5) for top in (*products.most_bought, *products.most_sold)]
    for start in (np.concatenate([np.maximum(found, 0), np.maximum(-found, 0)]) / 1e5, np.zeros(40)):
        other = minimize(worth, start, jac=True, bounds=bounds, options={"maxiter": 5000, "ftol": 1e-15})
        assert _worth(products, found) <= other.fun + 1e-6 * abs(other.fun), f"seed {seed}"
    assert (found <= products.most_bought).all()
    assert (found >= -products.most_sold).all()


def test_without_costs_it_is_the_regression():
    """Domain reference 4.11: h = S_hh^-1 S_hx: the betas of the book's P&L on the products, sold."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400, 3)) @ rng.standard_normal((3, 3)) * 0.01
    book = x @ [1e6, -4e5, 2e5] + 3e3 * rng.standard_normal(400)
    moves = np.cov(np.column_stack([book, x]).T)
    products = RelatedProducts(
        names=("A", "B", "C"),
        covariance=moves[1:, 1:],
        with_book=moves[0, 1:],
        book_variance=float(moves[0, 0]),
        cost=np.zeros(3),
        carry=np.zeros(3),
        most_bought=np.full(3, 1e9),
        most_sold=np.full(3, 1e9),
    )
    fit = least_squares(book, x)
    hedge = best_hedge(products, _AVERSION)

    assert hedge.hedge_usd == pytest.approx(-fit.beta, rel=1e-9)
    assert 1.0 - (hedge.deviation_after_usd / hedge.deviation_before_usd) ** 2 == pytest.approx(
        fit.effectiveness
    )
    assert {line.removed_per_usd for line in hedge.menu} == {float("inf")}


def _twins(correlation, ridge, *, cost=(1e-4, 1e-4)):
    """Two products of 1 % a day, nearly one; the second seems a little closer to the book."""
    s = 1e-4 * np.array([[1.0, correlation], [correlation, 1.0]])
    return RelatedProducts(
        names=("ETF", "future"),
        covariance=s,
        with_book=1e6 * 1e-4 * np.array([0.97, 0.98]),
        book_variance=1e12 * 1e-4,
        cost=np.array(cost),
        carry=np.zeros(2),
        most_bought=np.full(2, 1e8),
        most_sold=np.full(2, 1e8),
        ridge=ridge,
    )


def test_the_ridge_keeps_twins_from_being_held_against_each_other():
    """Correlation .9999: without costs the one is bought for 49 million against 50 million of the other; with a ridge of 2 % half each."""
    wild = least_cost_hedge(_twins(0.9999, 0.0, cost=(0.0, 0.0)), _AVERSION)
    calm = least_cost_hedge(_twins(0.9999, 0.02, cost=(0.0, 0.0)), _AVERSION)

    assert wild[0] > 4e7
    assert wild[1] < -4e7
    assert (calm < 0.0).all()
    assert calm.sum() == pytest.approx(-0.97e6, rel=0.01)


def test_of_two_twins_the_cheaper_is_traded_and_the_menu_says_why_the_other_is_not():
    hedge = best_hedge(_twins(0.995, 0.0, cost=(5e-4, 1e-5)), _AVERSION)

    assert hedge.hedge_usd[0] == 0.0
    assert hedge.hedge_usd[1] < -9e5
    assert [line.name for line in hedge.menu] == ["future", "ETF"]
    assert hedge.menu[0].removed_per_usd > 30.0 * hedge.menu[1].removed_per_usd
    assert hedge.menu[0].reason == ""
    assert "others remove" in hedge.menu[1].reason
    assert hedge.deviation_after_usd < 0.25 * hedge.deviation_before_usd


def test_a_book_too_small_for_any_cost_is_left_alone():
    products = replace(_twins(0.9, 0.0, cost=(0.01, 0.01)), with_book=np.array([1.0, 1.0]), book_variance=1e4)
    hedge = best_hedge(products, _AVERSION)

    assert not hedge.hedge_usd.any()
    assert {line.reason for line in hedge.menu} == {"what it would remove is worth less than it costs"}
    assert hedge.deviation_after_usd == hedge.deviation_before_usd


def test_carry_moves_a_hedge_from_the_dear_future_to_the_fund():
    """A cheap future that is sold pays its cheapness: the fund takes over; sold rich it earns, and is charged nothing."""
    free = least_cost_hedge(_twins(0.995, 0.001), _AVERSION)
    paid = least_cost_hedge(replace(_twins(0.995, 0.001), carry=np.array([0.0, -1e-3])), _AVERSION)

    assert abs(paid[0]) > abs(free[0]) + 1e5
    assert abs(paid[1]) < abs(free[1])


def test_nobody_holds_a_hedge_to_earn_its_carry():
    """However rich the future, no more of it is sold than would be if it were free; a flat book holds nothing."""
    rich = replace(_twins(0.5, 0.0), carry=np.array([0.0, 1.0]))
    free = replace(_twins(0.5, 0.0), cost=np.array([1e-4, 0.0]))

    assert least_cost_hedge(rich, _AVERSION) == pytest.approx(least_cost_hedge(free, _AVERSION))
    assert not least_cost_hedge(replace(rich, with_book=np.zeros(2)), _AVERSION).any()
    assert best_hedge(rich, _AVERSION).cost_usd < 0.0


@pytest.mark.parametrize("seed", range(20))
def test_lots_are_the_best_of_the_neighbours_and_no_hedge_in_lots_is_worse_than_none(seed):
    rng = np.random.default_rng(200 + seed)
    products = _products(rng, 3, bound=3e6)
    lot = rng.uniform(5e4, 4e5, 3)
    exact = least_cost_hedge(products, _AVERSION)
    lots = in_lots(products, _AVERSION, exact, lot)
    around = [
        np.array(each) * lot
        for each in every(*[sorted({int(np.floor(x)), int(np.ceil(x))}) for x in exact / lot])
        if (np.array(each) * lot <= products.most_bought).all()
        and (np.array(each) * lot >= -products.most_sold).all()
    ]

    assert _worth(products, lots * lot) == pytest.approx(min(_worth(products, h) for h in around), rel=1e-12)
    assert _worth(products, lots * lot) >= _worth(products, exact) - 1e-9


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cost": np.array([-1.0, 0.0])}, "0 or above"),
        ({"cost": np.array([np.nan, 0.0])}, "0 or above"),
        ({"cost": np.zeros(3)}, "2 numbers"),
        ({"covariance": np.ones((2, 2))}, "positive definite"),
        ({"covariance": np.full((2, 2), np.nan)}, "positive definite"),
        ({"ridge": -0.1}, "0 or above"),
    ],
)
def test_products_that_cannot_be_meant_are_refused(change, says):
    with pytest.raises(InvalidValueError, match=says):
        replace(_twins(0.9, 0.0), **change)


def test_the_ridge_is_that_of_hoerl_kennard_and_baldwin():
    """m s^2 / (n b'b) with standardised betas."""
    found = ridge_of(np.array([0.6, 0.3]), 0.02, np.array([0.01, 0.02]), 100)

    assert found == pytest.approx(2 * 0.02**2 / (100 * (0.006**2 + 0.006**2)))
    assert ridge_of(np.zeros(2), 0.02, np.ones(2), 100) == float("inf")


def test_out_of_sample_the_ridge_hedges_better_than_plain_least_squares():
    """Three products that are nearly one, 40 days to learn from, 2,000 to be judged by: over 200 worlds the mean basis variance is lower."""
    seed = 9
    rng = np.random.default_rng(seed)
    saved = []
    for _ in range(200):
        common = rng.standard_normal(2040)
        x = common[:, None] + 0.1 * rng.standard_normal((2040, 3))
        y = common + 0.5 * rng.standard_normal(2040)
        fit = least_squares(y[:40], x[:40])
        k = ridge_of(fit.beta, fit.residual_deviation, x[:40].std(axis=0), 40)
        s = np.cov(x[:40].T)
        moves = x[:40] - x[:40].mean(axis=0)
        drawn = np.linalg.solve(s + k * np.diag(np.diag(s)), moves.T @ y[:40] / 39)
        saved.append(np.var(y[40:] - x[40:] @ fit.beta) - np.var(y[40:] - x[40:] @ drawn))
    error = np.std(saved) / np.sqrt(200.0)

    assert np.mean(saved) > 3.0 * error, f"seed {seed}: {np.mean(saved)} +- {error}"


def test_a_fair_future_costs_nothing_to_hold_and_moves_with_its_carry_factor():
    fair = 100.0 * np.exp((0.05 - 0.015) * 0.25)
    found = future_carry(
        price=fair,
        spot=100.0,
        years=0.25,
        rate=0.05,
        dividend_yield=0.015,
        roll_cost=1e-4,
        days_between_rolls=91.0,
    )

    assert found.long_cost_per_day == pytest.approx(0.0, abs=1e-15)
    assert found.delta == pytest.approx(fair / 100.0)
    assert found.richness == pytest.approx(0.0, abs=1e-15)
    assert found.implied_rate == pytest.approx(0.05)
    assert found.roll_cost_per_day == pytest.approx(1e-4 / 91.0)


def test_a_rich_future_costs_its_richness_by_the_day_until_it_expires():
    """Long a future 25 basis points rich with a quarter to go: 1 % a year."""
    fair = 100.0 * np.exp(0.05 * 0.25)
    found = future_carry(
        price=fair * np.exp(0.0025), spot=100.0, years=0.25, rate=0.05, dividend_yield=0.0, roll_cost=0.0, days_between_rolls=91.0
    )  # fmt: skip

    assert found.long_cost_per_day * 365.0 == pytest.approx(0.01)
    assert found.richness == pytest.approx(np.expm1(0.0025))
    with pytest.raises(InvalidValueError, match="future carry"):
        future_carry(
            price=0.0,
            spot=100.0,
            years=0.25,
            rate=0.05,
            dividend_yield=0.0,
            roll_cost=0.0,
            days_between_rolls=91.0,
        )


def test_a_fund_costs_its_fee_long_and_its_borrow_short():
    long, short = fund_carry_per_day(fund_fee=0.0009, borrow=0.003)

    assert long * 365.0 == pytest.approx(0.0009)
    assert short * 365.0 == pytest.approx(0.0021)


@pytest.mark.parametrize("seed", range(8))
def test_impact_and_dearer_sales_are_in_the_optimum(seed):
    """Against scipy's L-BFGS-B with bought and sold apart, from our answer and from nothing."""
    rng = np.random.default_rng(300 + seed)
    products = replace(
        _products(rng, 4, bound=4e5), selling_more=rng.uniform(0.0, 4e-4, 4), impact=rng.uniform(0.0, 1e-9, 4)
    )
    found = least_cost_hedge(products, _AVERSION)
    sale = products.cost + products.selling_more

    def worth(x):
        h = (x[:4] - x[4:]) * 1e5
        slope = _AVERSION * (products.covariance @ h + products.with_book) + 2.0 * products.impact * h
        risk = 0.5 * _AVERSION * (h @ products.covariance @ h + 2.0 * h @ products.with_book)
        total = risk + products.impact @ h**2 + 1e5 * (products.cost @ x[:4] + sale @ x[4:])
        return total, 1e5 * np.concatenate([slope + products.cost, sale - slope])

    bounds = [(0.0, top / 1e5) for top in (*products.most_bought, *products.most_sold)]
    start = np.concatenate([np.maximum(found, 0.0), np.maximum(-found, 0.0)]) / 1e5
    for each in (start, np.zeros(8)):
        other = minimize(worth, each, jac=True, bounds=bounds, options={"maxiter": 5000, "ftol": 1e-15})
        assert worth(start)[0] <= other.fun + 1e-6 * abs(other.fun), f"seed {300 + seed}"
    risk = 0.5 * _AVERSION * products.book_variance
    assert products.worth_usd(_AVERSION, found) == pytest.approx(worth(start)[0] + risk)
    assert products.cost_usd(found) == pytest.approx(
        products.cost @ np.abs(found)
        + products.selling_more @ np.maximum(-found, 0.0)
        + products.impact @ found**2
    )


def test_a_rounding_into_the_band_goes_before_a_cheaper_one_outside():
    """Lots of 400,000 against a delta of 1 million: two are cheaper, three reach the band of 100,000 below... and above none does."""
    products = replace(_twins(0.5, 0.0), cost=np.array([2e-3, 1.0]))
    exact = np.array([-0.95e6, 0.0])
    lot = np.array([4e5, 4e5])
    free = in_lots(products, _AVERSION, exact, lot)
    held = in_lots(products, _AVERSION, exact, lot, delta_usd=1.2e6, band_usd=1e5)

    assert free.tolist() == [-2, 0]
    assert held.tolist() == [-3, 0]


@pytest.mark.parametrize("seed", range(6))
def test_only_the_largest_lots_are_rounded_both_ways(seed):
    """Four products, two of which are tried: the rest rounds toward zero."""
    rng = np.random.default_rng(400 + seed)
    products = _products(rng, 4)
    exact, lot = least_cost_hedge(products, _AVERSION), rng.uniform(5e4, 4e5, 4)
    reach = np.array((0.0, np.inf))
    found = best_lots(*products.programme(_AVERSION), exact, lot, 2, reach)
    low = np.trunc(exact / lot)
    parts = [j for j in np.argsort(-lot) if exact[j] != low[j] * lot[j]][:2]
    tries = []
    for steps in every((0, 1), repeat=len(parts)):
        each = low.copy()
        each[parts] += np.sign(exact[parts]) * steps
        tries.append(each)
    best = min(tries, key=lambda each: _worth(products, each * lot))

    assert found.tolist() == best.tolist(), f"seed {400 + seed}"
