"""The risk price against the exact value function of a published book of 20 options (Baldacci, Bergault and Gueant 2021)."""

import numpy as np
import pytest

from flatbook.quoting.distance import optimal_distance
from flatbook.riskprice.intensity import logistic
from flatbook.riskprice.reservation import no_charges, reservation
from flatbook.riskprice.riccati import Flow, SeriesFactors, Terms, value_function
from tests.naive import hjb

N = 20
PUBLISHED_PRICES = {
    1.0: (2.059718, 1.217751, 0.586022, 0.217801, 0.061278),
    1.5: (2.112351, 1.319313, 0.718197, 0.334203, 0.132180),
    2.0: (2.166380, 1.409768, 0.830040, 0.438831, 0.208230),
    3.0: (2.272456, 1.567966, 1.017805, 0.621559, 0.357998),
}
PUBLISHED_VEGAS = {
    1.0: (0.416720, 0.913856, 1.252364, 1.059219, 0.559200),
    1.5: (0.470688, 0.838850, 1.061655, 0.973184, 0.662076),
    2.0: (0.478370, 0.762743, 0.926889, 0.883658, 0.678911),
    3.0: (0.460395, 0.650561, 0.757435, 0.749315, 0.645648),
}


@pytest.fixture(scope="module")
def solved():
    """A grid fine in vega; 5 variances, of which the quotes need only the middle."""
    return hjb.solve(5, 161, 300)


@pytest.fixture(scope="module")
def tilted():
    """Three of five requests buy from us."""
    return hjb.solve(3, 121, 240, real=hjb.PRICED, tilt=0.2)


@pytest.fixture(scope="module")
def coarse():
    """The grid of V5."""
    return hjb.solve(15, 81, 360)


def closed(rounds, tilt=0.0):
    """The book's one factor, its value function around a book, and its distances in vol points, [side, option]."""
    options = hjb.book()
    series = SeriesFactors(e=options.vega[:, None], block_of=np.zeros(N, dtype=np.int64))
    requests = np.concatenate((options.requests * (1.0 - tilt), options.requests * (1.0 + tilt)))
    intensity = logistic(requests, np.full(2 * N, 0.7), np.full(2 * N, 1.5), np.tile(options.vega, 2) * 0.01)
    flow = Flow(
        series=np.tile(np.arange(N), 2),
        side=np.repeat([1, -1], N),
        contracts=np.tile(options.contracts, 2),
        intensity=intensity,
        cost_usd=np.zeros(2 * N),
    )
    terms = Terms(aversion_per_usd=hjb.AVERSION, holding_years=1e4, rounds=rounds)
    rate = np.array([[(hjb.VOL_OF_VARIANCE / 2.0) ** 2]])

    def distances(vega, around=None):
        value = value_function(rate, series, flow, terms, around)
        shift = reservation(
            value, np.array([vega]), series, np.tile(options.contracts, (2, 1)), no_charges(N)
        ).shift_usd
        found = optimal_distance(intensity, shift.reshape(-1), np.full(2 * N, -np.inf)).reshape(2, N)
        return found / options.vega * 100.0

    return value_function(rate, series, flow, terms), distances, options


def exact(of, vega):
    """The referee's, [side, option]."""
    return np.array([of.quote(i, vega) for i in range(N)]).T


def test_prices_and_vegas_of_the_book():
    """V4: Heston under the pricing measure; trade vegas in millions."""
    options = hjb.book()
    for years, prices in PUBLISHED_PRICES.items():
        rows = [options.row(strike, years) for strike in hjb.STRIKES]
        assert options.price[rows] == pytest.approx(prices, abs=6e-7)
        assert options.vega[rows] == pytest.approx(PUBLISHED_VEGAS[years], abs=6e-7)
    trade = options.contracts * options.vega / 1e6
    found = [trade[options.row(*at)] for at in ((10.0, 1.0), (12.0, 1.0), (8.0, 1.0))]
    assert found == pytest.approx([1.069, 4.563, 0.101], abs=6e-4)


def test_the_referee_gives_the_known_value_function(coarse, solved):
    """V5: on its grid to its five digits; on a finer one within the 0.2 % of the grid's error."""
    known = {0.0: 1.6378e5, 4e6: 1.4643e5, -4e6: 1.4623e5, 8e6: 9.404e4, -8e6: 9.364e4}
    for vega, value in known.items():
        assert coarse.at(vega) == pytest.approx(value, abs=10.0)
        assert solved.at(vega) == pytest.approx(coarse.at(vega), rel=3e-3)


def test_the_referee_quotes_as_known(coarse, solved):
    """V6, tolerance 0.02; larger trades are quoted wider."""
    options = hjb.book()
    for of in (coarse, solved):
        flat = exact(of, 0.0)
        for at, quotes in {
            (10.0, 1.0): (0.872, 0.876), (8.0, 1.0): (0.792, 0.797), (12.0, 1.0): (1.215, 1.220), (10.0, 3.0): (0.808, 0.812),
        }.items():  # fmt: skip
            assert flat[:, options.row(*at)] == pytest.approx(quotes, abs=0.02)
        middle = options.row(10.0, 1.0)
        assert exact(of, 5e6)[:, middle] == pytest.approx([1.896, 0.019], abs=0.02)
        assert exact(of, -5e6)[:, middle] == pytest.approx([0.016, 1.901], abs=0.02)
        by_size = np.argsort(options.contracts * options.vega)
        assert (np.diff(flat.sum(axis=0)[by_size]) > -1e-9).all()


def test_without_a_drift_between_the_measures_it_is_even():
    """V7: v(V) = v(-V), and a bid at V is an offer at -V."""
    even = hjb.solve(3, 41, 60, real=hjb.PRICED)

    assert even.value == pytest.approx(even.value[:, ::-1], rel=1e-12)
    assert exact(even, 3e6) == pytest.approx(exact(even, -3e6)[::-1], rel=1e-9)


def test_the_published_closed_form():
    """V39: D = 1.2422e12 a side, A = 1.0031e-9, a relaxation time of 2.0e-4 years; 0.864 and 1.799 / 0.069 vol points."""
    value, distances, options = closed(rounds=0)
    middle = options.row(10.0, 1.0)
    a = value.curvature[0, 0]

    assert a == pytest.approx(1.0031e-9, rel=5e-5)
    assert 0.5e-3 * 0.01 / (4.0 * a * a) == pytest.approx(1.2422e12, rel=5e-5)
    assert 1.0 / value.reversion_per_year[0] == pytest.approx(2.0e-4, rel=5e-3)
    assert distances(0.0)[:, middle] == pytest.approx([0.864, 0.864], abs=6e-4)
    assert distances(5e6)[:, middle] == pytest.approx([1.799, 0.069], abs=6e-4)


@pytest.mark.parametrize("vega", [0.0, 5e6, -5e6])
def test_skew_is_within_a_tenth_of_a_vol_point_of_the_exact_one(solved, vega):
    """Half of bid less offer, every option: as published, and with the rounds every distance within 0.02 besides."""
    truth = exact(solved, vega)
    skew = lambda quotes: (quotes[0] - quotes[1]) / 2.0  # noqa: E731
    for rounds in (0, 2):
        _, distances, _ = closed(rounds)
        assert np.max(np.abs(skew(distances(vega)) - skew(truth))) < 0.1
    assert np.max(np.abs(closed(2)[1](vega) - truth)) < 0.02


def test_the_price_rises_with_the_book_however_large_it_is():
    """Around the book held, far beyond what flow can take away: every bid further, every offer nearer, without a leap."""
    _, distances, _ = closed(2, tilt=0.2)
    vegas = np.concatenate((-np.geomspace(1e9, 1e5, 60), np.geomspace(1e5, 1e9, 60)))
    found = np.array([distances(vega, np.array([vega])) for vega in vegas])
    risen = np.diff(found, axis=0) / np.diff(vegas)[:, None, None]

    assert (risen[:, 0] > 0.0).all()
    assert (risen[:, 1] < 0.0).all()
    assert np.abs(risen).max() < 5.0 * np.abs(risen[59]).max()


@pytest.mark.parametrize("vega", [0.0, 5e6, -5e6])
def test_flow_from_one_side(tilted, vega):
    """Three of five requests buy: within 0.1 of the exact distances around the flat book and 0.06 around the one held."""
    truth = exact(tilted, vega)
    _, distances, _ = closed(2, tilt=0.2)
    flat, held = (np.max(np.abs(distances(vega, around) - truth)) for around in (None, np.array([vega])))

    assert flat < 0.1
    assert held < 0.06
