"""The path of a day against what its terms tell: variances, correlations, jumps, news, halts, pins. Seeds are 0 to the count of each test."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.market.clock import NS_PER_YEAR
from flatbook.model.errors import InvalidValueError
from flatbook.model.world_price_terms import (
    ClassTerms,
    HaltTerms,
    PinTerms,
    PriceEventTerms,
    RegimeTerms,
    UnderlyingPriceTerms,
)
from flatbook.sim.prices.market import simulated_market
from flatbook.sim.prices.path import path_of
from flatbook.sim.prices.session import MINUTE_NS, Session
from tests.sim.prices.days_of_prices import MOVING, STILL, interval, log_returns, plain, with_options

SESSION_YEARS = 390 * MINUTE_NS / NS_PER_YEAR


@pytest.mark.parametrize(
    ("more", "times"),
    [
        ({}, 1.0),
        ({"smile": replace(MOVING, level_deviation=15.0)}, 1.0),
        ({"smile": MOVING, "jumps_per_day": 3.0, "jump_variance_share": 0.4}, 1.0),
        ({"seasonality": False, "session_weight": 2.0}, 2.0),
        ({"smile": MOVING, "regimes": (RegimeTerms(realised_multiplier=3.0),)}, 9.0),
    ],
)
def test_the_variance_of_a_day_is_the_one_told(more, times):
    terms = plain(n=20, **more)
    of_days = (log_returns(terms, range(250)) ** 2).sum(axis=1).mean(axis=1)  # all jump in the same steps
    found, error = interval(of_days)
    told = 0.2**2 * SESSION_YEARS * times

    assert abs(found - told) <= error
    assert error < 0.06 * told
    assert simulated_market(terms, 0).spot_variance() == pytest.approx(np.full(20, told))


def test_realised_over_implied_scales_the_path_alone():
    terms = plain()
    richer = replace(terms, underlyings=(replace(terms.underlyings[0], realised_over_implied=0.5),))
    base, half = (path_of(Session(each), 3) for each in (terms, richer))

    assert np.diff(np.log(half.spot), axis=0).std() == pytest.approx(
        0.5 * np.diff(np.log(base.spot), axis=0).std(), rel=0.01
    )
    assert (half.near_vol == base.near_vol).all()


def test_the_expected_price_moves_by_the_drift():
    terms = plain(n=20, jumps_per_day=2.0)
    terms = replace(terms, underlyings=tuple(replace(one, drift=10.0) for one in terms.underlyings))
    moved = np.array([path_of(Session(terms), seed).spot[-1] / 100.0 for seed in range(100)]).reshape(-1)
    found, error = interval(moved)

    assert abs(found - np.exp(10.0 * SESSION_YEARS)) <= error
    assert found - 1.0 > 3.0 * error


def test_minutes_at_the_ends_of_the_day_move_three_times_as_much_as_those_of_noon():
    returns = log_returns(plain(n=20, spacing_seconds=1800.0), range(200)) ** 2
    by_step = returns.mean(axis=(0, 2))
    session = Session(plain(spacing_seconds=1800.0))

    assert by_step / by_step.sum() == pytest.approx(np.diff(session.passed), rel=0.15)
    fine = Session(plain(spacing_seconds=60.0))
    assert fine.volume[0] == pytest.approx(3.0 * fine.volume.min())
    assert np.diff(fine.passed) * 390 == pytest.approx(0.5 * (fine.volume[1:] + fine.volume[:-1]), rel=1e-3)


def _correlation(x, y):
    """Of the pooled steps of many days, with the width of its interval (Fisher)."""
    z = np.corrcoef(x.reshape(-1), y.reshape(-1))[0, 1]
    return z, 3.3 * (1.0 - z**2) / np.sqrt(x.size)


def test_returns_have_the_correlations_told_with_their_jumps():
    told = ((1.0, 0.8, -0.3), (0.8, 1.0, 0.1), (-0.3, 0.1, 1.0))
    terms = plain(n=3, seasonality=False, correlation=told, jumps_per_day=5.0, jump_variance_share=0.3)
    returns = log_returns(terms, range(200))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        found, error = _correlation(returns[..., i], returns[..., j])

        assert abs(found - told[i][j]) <= 2.0 * error  # fat tails: the interval is that of normals
        assert error < 0.03


def test_names_follow_the_index_and_one_another_by_their_index_correlations():
    terms = plain(n=3, seasonality=False)
    terms = replace(
        terms,
        underlyings=(
            terms.underlyings[0],
            replace(terms.underlyings[1], index_correlation=0.6),
            replace(terms.underlyings[2], index_correlation=0.5),
        ),
    )
    returns = log_returns(terms, range(200))
    for i, j, told in ((0, 1, 0.6), (0, 2, 0.5), (1, 2, 0.3)):
        found, error = _correlation(returns[..., i], returns[..., j])

        assert abs(found - told) <= error


def test_a_correlation_of_one_makes_the_same_path_and_an_impossible_one_is_refused():
    terms = plain(n=2, correlation=((1.0, 1.0), (1.0, 1.0)))
    spot = path_of(Session(terms), 5).spot

    assert spot[:, 0] == pytest.approx(spot[:, 1])
    with pytest.raises(InvalidValueError, match="cannot hold together"):
        path_of(Session(plain(n=3, correlation=((1.0, 0.9, 0.9), (0.9, 1.0, -0.9), (0.9, -0.9, 1.0)))), 5)
    with pytest.raises(InvalidValueError, match="make them agree"):
        path_of(Session(plain(n=3, correlation=((1.0, 1.0, 0.5), (1.0, 1.0, 0.2), (0.5, 0.2, 1.0)))), 5)


def test_volatility_follows_spot_by_the_correlation_told():
    terms = plain(smile=replace(MOVING, level_reversion=0.0, spot_correlation=-0.7), seasonality=False)
    moves = []
    for seed in range(100):
        path = path_of(Session(terms), seed)
        moves.append(np.column_stack([np.diff(np.log(path.spot[:, 0])), np.diff(np.log(path.level[:, 0]))]))
    of_spot, of_level = np.array(moves).transpose(2, 0, 1)
    found, error = _correlation(of_spot, of_level)

    assert abs(found + 0.7) <= error
    assert of_level.std() == pytest.approx(np.sqrt(SESSION_YEARS / 78), rel=0.03)


def test_all_four_moves_of_the_surface_have_their_deviation():
    smile = replace(
        STILL, level_deviation=0.8, term_deviation=0.3, skew_deviation=0.9, curvature_deviation=0.5, wings=0.5,
        level_reversion=0.0, shape_reversion=0.0, far_response=0.0, tilt=0.0,
    )  # fmt: skip
    ends = []
    for seed in range(60):
        path = path_of(Session(plain(n=20, smile=smile)), seed)
        level = path.near_vol[-1] / 0.2
        ends.append(
            np.column_stack(
                [np.log(level), np.log(path.far_vol[-1] / 0.2), path.tilt[-1], np.log(path.wings[-1] / 0.5)]
            )
        )
    found = np.concatenate(ends).std(axis=0) / np.sqrt(SESSION_YEARS)

    assert found == pytest.approx([0.8, 0.3, 0.9, 0.5], rel=3.3 / np.sqrt(2 * 1200))


def test_jumps_come_as_often_as_told_and_hold_their_share():
    terms = plain(n=5, jumps_per_day=4.0, jump_variance_share=0.5)
    session = Session(terms)
    counts = np.array([path_of(session, seed).jump_steps.size for seed in range(300)])
    found, error = interval(counts.astype(float))

    assert abs(found - 4.0) <= error
    assert counts.var(ddof=1) == pytest.approx(4.0, rel=0.3)  # Poisson
    inside, free = [], []
    for seed in range(300):
        path = path_of(session, seed)
        square = np.diff(np.log(path.spot), axis=0) ** 2
        jumped = np.isin(np.arange(square.shape[0]), path.jump_steps)
        inside.append(square[jumped].sum(axis=0))
        free.append(square[~jumped].sum(axis=0))
    share, of_all = np.array(inside).mean(), 0.2**2 * SESSION_YEARS
    # steps with jumps hold the jumps and about four steps' worth of the rest
    assert share == pytest.approx(0.5 * of_all * (1.0 + 4.0 / 78), rel=0.12)
    assert np.array(free).mean() == pytest.approx(0.5 * of_all * (1.0 - 4.0 / 78), rel=0.03)


def test_news_moves_prices_when_told_by_as_much_as_told_and_volatility_drops():
    news = PriceEventTerms(minute=60.0, move=-0.05, vol_drop=0.25)
    terms = plain(n=2, spacing_seconds=60.0)
    calm, hit = (path_of(Session(each), 9) for each in (terms, replace(terms, events=(news,))))
    apart = np.log(hit.spot / calm.spot)

    assert apart[:60] == pytest.approx(np.zeros((60, 2)), abs=1e-12)
    assert apart[60] == pytest.approx(np.full(2, -0.05))
    assert hit.near_vol[59] == pytest.approx(calm.near_vol[59])
    assert hit.near_vol[60:] == pytest.approx(0.75 * calm.near_vol[60:])
    assert hit.unease[60, 0] > 2.0 * hit.unease[59, 0]
    assert hit.unease[-1, 0] == pytest.approx(calm.unease[-1, 0], rel=1e-3)


def test_news_of_one_name_leaves_the_others_alone_and_has_its_deviation():
    news = PriceEventTerms(minute=60.0, deviation=0.03, underlying="B")
    terms = plain(n=2, spacing_seconds=1800.0)
    session, told = Session(terms), Session(replace(terms, events=(news,)))
    apart = np.array([np.log(path_of(told, s).spot[-1] / path_of(session, s).spot[-1]) for s in range(400)])

    assert (apart[:, 0] == 0.0).all()
    assert apart[:, 1].std() == pytest.approx(0.03, rel=3.3 / np.sqrt(800))
    assert abs(np.exp(apart[:, 1]).mean() - 1.0) <= 3.3 * 0.03 / np.sqrt(400)


def test_a_regime_holds_between_its_minutes_alone():
    regime = RegimeTerms(
        from_minute=100, to_minute=200, underlying="A", realised_multiplier=2.0, implied_multiplier=1.5
    )
    terms = plain(n=2, spacing_seconds=60.0)
    calm, wild = (path_of(Session(each), 4) for each in (terms, replace(terms, regimes=(regime,))))
    implied, realised = wild.near_vol / calm.near_vol, wild.realised_vol / calm.realised_vol

    assert (implied[:, 1] == 1.0).all()
    assert implied[:100, 0] == pytest.approx(np.ones(100))
    assert implied[100:200, 0] == pytest.approx(np.full(100, 1.5))
    assert implied[200:, 0] == pytest.approx(np.ones(191))
    assert realised[100:200, 0] == pytest.approx(np.full(100, 2.0))
    ratio = np.diff(np.log(wild.spot[:, 0])) / np.diff(np.log(calm.spot[:, 0]))
    assert np.median(ratio[100:200]) == pytest.approx(2.0, rel=0.01)


def test_halted_is_still_and_what_was_missed_comes_at_the_reopening():
    halt = HaltTerms(from_minute=30, to_minute=45, underlying="A")
    terms = plain(n=2, smile=MOVING, spacing_seconds=60.0)
    free, stopped = (path_of(Session(each), 6) for each in (terms, replace(terms, halts=(halt,))))

    assert stopped.halted[:, 0].nonzero()[0].tolist() == list(range(30, 45))
    assert not stopped.halted[:, 1].any()
    for name in ("spot", "near_vol", "far_vol", "tilt", "wings"):
        column = getattr(stopped, name)[29:45, 0]
        assert (column == column[0]).all()
    assert (stopped.spot[45:] == free.spot[45:]).all()
    assert (stopped.spot[:, 1] == free.spot[:, 1]).all()
    assert stopped.unease[45, 0] > stopped.unease[29, 0] + 1.0


def test_a_pin_closes_the_gap_to_its_strike():
    pin = PinTerms(underlying="A", strike=101.0, minutes=120.0, strength=2.0, floor_minutes=10.0)
    quiet = replace(plain(spacing_seconds=60.0), session_weight=0.0, pins=(pin,))
    spot = path_of(Session(quiet), 1).spot[:, 0]
    gap = np.log(spot / 101.0)

    assert gap[:271] == pytest.approx(np.full(271, np.log(100.0 / 101.0)))
    assert gap[-1] == pytest.approx(gap[0] * (10.0 / 130.0) ** 2)
    assert gap[330] == pytest.approx(gap[0] * (70.0 / 130.0) ** 2)


def test_days_that_are_pinned_end_nearer_to_a_strike():
    classes = (ClassTerms(name="A", strikes=21, strike_spacing=1.0, expiry_days=(0,)),)
    terms = with_options(classes=classes, spacing_seconds=300.0)
    pinned = replace(terms, pins=(PinTerms(underlying="A", strength=1.5),))
    far = [
        np.array(
            [abs(s - round(s)) for s in (path_of(Session(each), seed).spot[-1, 0] for seed in range(150))]
        )
        for each in (terms, pinned)
    ]

    assert far[0].mean() == pytest.approx(0.25, abs=0.05)  # anywhere
    assert far[1].mean() < 0.5 * far[0].mean()


def test_a_seed_is_a_day_to_the_bit_and_more_hedges_do_not_change_prices():
    terms = plain(n=2, smile=MOVING, jumps_per_day=2.0)
    one, again, other = (path_of(Session(terms), seed) for seed in (11, 11, 12))

    assert one.spot.tobytes() == again.spot.tobytes()
    assert one.near_vol.tobytes() == again.near_vol.tobytes()
    assert one.spot.tobytes() != other.spot.tobytes()
    fewer = replace(terms, hedges=terms.hedges[:1], underlyings=terms.underlyings[:1])
    assert (
        simulated_market(fewer, 11).hedges.basis.tobytes()
        == simulated_market(terms, 11).hedges.basis[:, :1].tobytes()
    )


def test_an_underlying_that_nobody_can_trade_is_refused():
    with pytest.raises(InvalidValueError, match="neither options nor hedges"):
        replace(plain(), underlyings=(UnderlyingPriceTerms(symbol="A"), UnderlyingPriceTerms(symbol="Z")))


def test_outside_its_minutes_a_pin_leaves_the_moves_as_they_are():
    pin = PinTerms(underlying="A", strike=101.0, expiry_minute=200.0, minutes=60.0, strength=2.0)
    terms = plain(spacing_seconds=60.0)
    free, pinned = (
        np.diff(np.log(path_of(Session(each), 2).spot[:, 0])) for each in (terms, replace(terms, pins=(pin,)))
    )

    assert pinned[:140] == pytest.approx(free[:140])
    assert pinned[200:] == pytest.approx(free[200:])
    assert (pinned[140:200] != free[140:200]).all()
