"""Betas of related products on real minutes: SPY against the ES future of 2013-10, and ten ETFs of 2019-12."""

import csv
import zipfile
from io import TextIOWrapper
from itertools import pairwise

import numpy as np
import pytest

from flatbook.hedging.basis import fitted_basis, hedge_effectiveness, large_moves, stressed_basis
from flatbook.hedging.betas import (
    asynchronous_beta,
    fitted_kalman,
    least_squares,
    no_betas,
    returns_on_grid,
)
from flatbook.hedging.related import RelatedProducts, best_hedge
from tests.real.test_real_chains import DATA

pytestmark = pytest.mark.market_data
_MINUTE_NS = 60_000_000_000
_DAYS = ("20131007", "20131008", "20131009", "20131010", "20131011")
_NEW_YORK_MS = -4 * 3_600_000  # of ES, which is in UTC


def _folder(name):
    if not (DATA / name).exists():
        pytest.skip(f"no real market data: {name} is not in the data folder (set FLATBOOK_DATA)")
    return DATA / name


def _middles(folder, name, day, member, shift_ms, scale):
    """(time at the end of the minute, middle of its closing quotes); two-sided minutes alone."""
    times, prices = [], []
    with zipfile.ZipFile(folder / f"{name}_{day}_quote.zip") as archive:
        (inside,) = [each for each in archive.namelist() if member in each]
        with archive.open(inside) as raw:
            for row in csv.reader(TextIOWrapper(raw, "utf-8")):
                if row[4] and row[9]:
                    times.append((int(row[0]) + shift_ms + 60_000) * 1_000_000)
                    prices.append((float(row[4]) + float(row[9])) / 2.0 / scale)
    return np.array(times, dtype=np.int64), np.array(prices)


def _spy_and_es(day, shift_ms=_NEW_YORK_MS):
    folder = _folder("lean-minute-spy-es-stocks-201310")
    spy = _middles(folder, "spy", day, "spy_minute", 0, 1e4)
    es = _middles(folder, "es", day, "_201312", shift_ms, 1.0)
    return spy, es


def _session():
    return np.arange(34_200, 57_601, 60, dtype=np.int64) * 1_000_000_000


def _day_returns(day):
    spy, es = _spy_and_es(day)
    grid = _session()
    return tuple(returns_on_grid(*each, grid, stale_after_ns=_MINUTE_NS) for each in (spy, es))


def _week_returns():
    days = [_day_returns(day) for day in _DAYS]
    return tuple(np.concatenate([day[side] for day in days]) for side in (0, 1))


def test_least_squares_on_minutes_is_numpys():
    y, x = _week_returns()
    told = np.isfinite(y) & np.isfinite(x)
    full = np.column_stack([np.ones(told.sum()), x[told]])
    expected = np.linalg.lstsq(full, y[told], rcond=None)[0]
    fit = least_squares(y, x[:, None])

    assert told.sum() > 1_900
    assert fit.beta[0] == pytest.approx(expected[1], rel=1e-12)
    assert fit.beta[0] == pytest.approx(0.978, abs=0.001)
    assert fit.effectiveness > 0.965
    assert 1e-3 < fit.standard_error[0] < 1e-2


@pytest.mark.parametrize("day", _DAYS)
def test_on_the_minutes_that_both_have_hayashi_and_yoshida_are_the_synchronous_sums(day):
    (spy_at, spy), (es_at, es) = _spy_and_es(day)
    common = np.intersect1d(spy_at, es_at)
    common = common[(common >= _session()[0]) & (common <= _session()[-1])]
    a, b = spy[np.isin(spy_at, common)], es[np.isin(es_at, common)]
    told = asynchronous_beta(common, a, common, b)
    da, db = np.diff(np.log(a)), np.diff(np.log(b))

    assert common.size > 380
    assert told.covariance == pytest.approx(da @ db, rel=1e-10)
    assert told.correlation == pytest.approx((da @ db) / np.sqrt((da @ da) * (db @ db)), rel=1e-10)
    assert told.correlation > 0.97
    assert np.mean(b - 10.0 * a) == pytest.approx(-5.06, abs=0.15)


@pytest.mark.parametrize("day", _DAYS)
def test_with_two_in_three_minutes_of_spy_missing_the_beta_is_still_within_its_error(day):
    """Thinned at random: the last price on the grid of minutes would find a third of it."""
    (spy_at, spy), (es_at, es) = _spy_and_es(day)
    inside = (spy_at >= _session()[0]) & (spy_at <= _session()[-1])
    spy_at, spy = spy_at[inside], spy[inside]
    keep = np.sort(np.random.default_rng(1).choice(spy_at.size, spy_at.size // 3, replace=False))
    inside = (es_at >= spy_at[keep][0]) & (es_at <= spy_at[keep][-1])
    told = asynchronous_beta(spy_at[keep], spy[keep], es_at[inside], es[inside])
    stale, fresh = (
        returns_on_grid(*each, _session(), stale_after_ns=10**18)
        for each in ((spy_at[keep], spy[keep]), (es_at, es))
    )

    assert abs(told.beta.value - 0.978) < 2.5 * told.beta.standard_error
    assert told.beta.standard_error < 0.2
    assert least_squares(stale, fresh[:, None]).beta[0] < 0.6


def test_the_time_zone_trap_shows():
    """ES as stored, in UTC, is unrelated."""
    spy, es = _spy_and_es(_DAYS[1], shift_ms=0)
    y, x = (returns_on_grid(*each, _session(), stale_after_ns=_MINUTE_NS) for each in (spy, es))
    told = np.isfinite(y) & np.isfinite(x)

    assert abs(np.corrcoef(y[told], x[told])[0, 1]) < 0.1


def test_a_beta_of_monday_hedges_the_rest_of_the_week():
    y, x = _day_returns(_DAYS[0])
    beta = least_squares(y, x[:, None]).beta
    y, x = (np.concatenate(side) for side in zip(*(_day_returns(day) for day in _DAYS[1:]), strict=True))
    found = hedge_effectiveness(y, x[:, None], beta)

    assert found.share - 2.0 * found.standard_error > 0.96


def test_the_three_estimators_agree_on_the_week():
    """Within three of the wider of their errors, which are all below 2 %."""
    y, x = _week_returns()
    fading = no_betas(1, half_life_years=390.0)
    for h, value in zip(x.tolist(), y.tolist(), strict=True):
        fading = fading.after(np.array([h]), value, 1.0)
    (ewma,), kalman = fading.betas, fitted_kalman(y, x).beta
    fit = least_squares(y, x[:, None])

    assert abs(ewma.value - fit.beta[0]) < 3.0 * ewma.standard_error < 0.06
    assert abs(kalman.value - fit.beta[0]) < 3.0 * kalman.standard_error < 0.06


def test_the_basis_of_a_day_reverts():
    """ES - 10 SPY: a random walk would wander by sqrt(390) minutes' moves; it stays within a tenth of a point or so."""
    (spy_at, spy), (es_at, es) = _spy_and_es(_DAYS[0])
    common = np.intersect1d(spy_at, es_at)
    common = common[(common >= _session()[0]) & (common <= _session()[-1])]
    basis = es[np.isin(es_at, common)] - 10.0 * spy[np.isin(spy_at, common)]
    fit = fitted_basis(basis, 1.0 / 252.0 / 390.0)

    assert fit.reversion_per_year > 3.0 * fit.reversion_error
    assert fit.deviation(1.0 / 252.0) < 0.1
    assert fit.diffusion / np.sqrt(252.0) > 20.0 * fit.deviation(1.0 / 252.0)


def _etf(name):
    """Closing prices by minute; a time that is there twice counts once, as SPY's do."""
    with (_folder("etf-minute-201912") / f"{name}.csv").open() as file:
        return {row["Datetime"]: float(row["Close"]) for row in csv.DictReader(file) if row["Close"]}


def _etf_returns(names):
    """(date, returns) of the minutes that all have, within days."""
    prices = [_etf(name) for name in names]
    common = sorted(set.intersection(*(set(each) for each in prices)))
    common = [each for each in common if "2019-12-17" <= each[:10] <= "2019-12-24"]
    returns = np.diff(np.log([[each[at] for each in prices] for at in common]), axis=0)
    same = np.array([a[:10] == b[:10] for a, b in pairwise(common)])
    return np.array([each[:10] for each in common[1:]])[same], returns[same]


def test_two_funds_hedge_qqq_better_than_one_out_of_sample():
    """Three days to learn, three to be judged by: SPY .50, XLK .59, both .68 of the variance of minutes."""
    days, returns = _etf_returns(("QQQ", "SPY", "XLK"))
    learn = days < "2019-12-20"
    shares = {}
    for name, columns in (("SPY", [1]), ("XLK", [2]), ("both", [1, 2])):
        beta = least_squares(returns[learn, 0], returns[learn][:, columns]).beta
        found = hedge_effectiveness(returns[~learn, 0], returns[~learn][:, columns], beta)
        shares[name] = (found.share, found.standard_error)

    assert shares["SPY"][0] == pytest.approx(0.50, abs=0.01)
    assert shares["XLK"][0] == pytest.approx(0.586, abs=0.01)
    assert shares["both"][0] > shares["XLK"][0] + 2.0 * shares["both"][1]


def test_the_programme_takes_what_is_worth_its_cost_of_ten_funds():
    """A million of QQQ over a minute's covariance times 390: costs of a basis point leave the funds that add nothing alone."""
    names = ("QQQ", "SPY", "XLK", "DIA", "IWM", "XLU", "TLT")
    days, returns = _etf_returns(names)
    moves = np.cov(returns[days < "2019-12-20"].T) * 390.0
    n = len(names) - 1
    products = RelatedProducts(
        names=names[1:],
        covariance=moves[1:, 1:],
        with_book=1e6 * moves[0, 1:],
        book_variance=1e12 * float(moves[0, 0]),
        cost=np.full(n, 1e-4),
        carry=np.zeros(n),
        most_bought=np.full(n, 1e7),
        most_sold=np.full(n, 1e7),
        ridge=0.02,
    )
    hedge = best_hedge(products, aversion_per_usd=1e-4)
    taken = {line.name for line in hedge.menu if line.hedge_usd}

    assert {"SPY", "XLK"} <= taken
    assert "TLT" not in taken
    assert hedge.deviation_after_usd < 0.7 * hedge.deviation_before_usd
    assert hedge.cost_usd < 150.0


def _daily(name):
    with (_folder("aligned-daily-2000-2023") / f"{name}.csv").open() as file:
        return {row["date"]: float(row["adjClose"]) for row in csv.DictReader(file) if row["adjClose"]}


def test_the_basis_of_tech_against_the_market_widens_in_stress():
    """XLK hedged with SPY, the beta of the year before: after moves beyond three deviations the basis variance is
    three times that of calm days, though the share of variance removed rises from .79 to .89."""
    prices = [_daily(name) for name in ("XLK", "SPY")]
    dates = sorted(set.intersection(*(set(each) for each in prices)))
    returns = np.diff(np.log([[each[at] for each in prices] for at in dates]), axis=0)
    fading = no_betas(1, half_life_years=0.5)
    ratios = np.empty((len(returns), 1))
    for i, (y, x) in enumerate(returns):
        ratios[i, 0] = fading.betas[0].value
        fading = fading.after(np.array([x]), float(y), 1.0 / 252.0)
    stress = large_moves(returns[:, 1], deviations=3.0, half_life=60.0, after=5)
    found = stressed_basis(returns[250:, 0], returns[250:, 1:], ratios[250:], stress[250:])

    assert found.variance_ratio == pytest.approx(2.98, abs=0.05)
    assert found.variance_ratio > np.exp(3.0 * found.log_ratio_error)
    assert found.calm.share == pytest.approx(0.787, abs=0.005)
    assert found.stress.share == pytest.approx(0.890, abs=0.005)
