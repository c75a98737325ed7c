"""Dynamics learned from the surfaces that are published: known ratios found again, one observation an interval, nothing from noise."""

import numpy as np
import pytest
from msgspec.structs import replace

from flatbook.market.dynamics_history import fit_of, under_terms
from flatbook.market.view import MarketView
from flatbook.model.parameters import UnderlyingTerms
from flatbook.valuation.spot_vol import dynamics_of, estimates_of
from tests.market.spx import spx_view
from tests.market.tape import HOUR, SECOND, Tape
from tests.worlds import NOW_NS, desk, smile

_DAYS = (14.0, 30.0, 60.0)
_TERMS = UnderlyingTerms(symbol="IDX", stickiness_days=_DAYS, stickiness=(1.0, 1.0, 1.0))


def _world(ratio, log_return):
    """The smile of the tests, its level at every expiry moved by ratio times skew times the return."""
    return lambda k, years: smile(k, years) - ratio * 0.10 / np.sqrt(years) * log_return


def _ran(ratio, *, hours, seed, terms=_TERMS, per_hour=1, jitter=1):
    """A tape after some hours of a random walk of 0.4 % an hour, each quote up to `jitter` cents off."""
    tape, random, log_return = Tape(desk(underlyings=(terms,))), np.random.default_rng(seed), 0.0
    for step in range(hours * per_hour + 1):
        now_ns = NOW_NS + step * (HOUR // per_hour)
        off = random.integers(-jitter, jitter + 1, len(tape.table.instruments))
        tape.quote(now_ns, spot=5000.0 * float(np.exp(log_return)), vol=_world(ratio, log_return), ticks=off)
        tape.cycle(now_ns)
        log_return += 0.004 / np.sqrt(per_hour) * random.standard_normal()
    return tape


@pytest.mark.parametrize(("ratio", "seed"), [(0.0, 1), (1.0, 2), (1.6, 3)])
def test_a_known_ratio_is_found_from_the_surfaces_that_are_published(ratio, seed):
    """Forty hours of quotes in cents: within three standard errors and 0.05 of it, at every tenor."""
    found = _ran(ratio, hours=40, seed=seed).state.spot_vol["IDX"].on_skew
    print(f"R {found.slope} +- {found.error}, n {found.count}")  # noqa: T201 - shown when the test fails

    if ratio == 0.0:  # by moneyness nothing moves, and next to nothing is published
        assert not (np.abs(found.slope) > 0.05).any()
    else:
        assert (np.abs(found.slope - ratio) <= np.maximum(3.0 * found.error, 0.05)).all()
        assert np.abs(found.slope - ratio).max() < 0.1
        assert (found.count > 8.0).all()


def test_more_looks_than_intervals_tell_no_more():
    """Four cycles an hour, one observation an hour: the last one learned from is at least an hour after the one before."""
    seen = []
    tape, random, log_return = Tape(desk(underlyings=(_TERMS,))), np.random.default_rng(8), 0.0
    for step in range(33):
        now_ns = NOW_NS + step * HOUR // 4
        tape.quote(now_ns, spot=5000.0 * float(np.exp(log_return)), vol=_world(1.5, log_return))
        tape.cycle(now_ns)
        seen.append(tape.state.spot_vol["IDX"].last.at_years)
        log_return += 0.004 * random.standard_normal()
    hours = np.diff(np.unique(seen)) * 365.0 * 24.0

    assert hours.size >= 6
    assert hours.min() >= 1.0 - 1e-4


def test_quotes_that_stand_still_teach_nothing():
    """Not even where no interval must pass."""
    tape = Tape(desk(underlyings=(replace(_TERMS, spot_vol_interval_minutes=0.0),)))
    tape.quote()
    tape.cycle()
    first = tape.state.spot_vol["IDX"]
    for later in (1, 2, 300):
        tape.state.quoted_ns[:] = NOW_NS + later * SECOND
        tape.cycle(NOW_NS + later * SECOND)

    assert first.last is not None
    assert tape.state.spot_vol["IDX"] is first


def test_a_silence_is_bridged():
    """Quotes grow old and come back: the move over the silence is seen, not lost."""
    tape = Tape(desk(underlyings=(_TERMS,)))
    tape.quote()
    tape.cycle()
    tape.cycle(NOW_NS + HOUR)
    tape.quote(NOW_NS + 2 * HOUR, spot=5000.0 * float(np.exp(-0.02)), vol=_world(1.5, -0.02))
    tape.cycle(NOW_NS + 2 * HOUR)

    assert tape.state.spot_vol["IDX"].on_skew.slope == pytest.approx([1.5] * 3, abs=0.05)


def test_the_same_tape_teaches_the_same():
    """To the bit."""
    one, two = (_ran(1.3, hours=6, seed=5).state.spot_vol["IDX"] for _ in range(2))

    assert one.dynamics == two.dynamics
    assert one.on_skew.product.tobytes() == two.on_skew.product.tobytes()


def test_the_desk_says_whether_the_estimate_is_used():
    """Configured numbers by default; with the switch the estimate, drawn to them."""
    known = _ran(1.6, hours=40, seed=3).state.spot_vol
    configured, learning = (
        desk(underlyings=(replace(_TERMS, spot_vol_estimate=switch),)) for switch in (False, True)
    )
    (as_told,) = dynamics_of(configured, ("IDX",), estimates_of(configured, ("IDX",), known))
    (learned,) = dynamics_of(learning, ("IDX",), estimates_of(learning, ("IDX",), known))
    (unseen,) = dynamics_of(learning, ("IDX",), estimates_of(learning, ("IDX",), {}))

    assert as_told.stickiness == unseen.stickiness == (1.0, 1.0, 1.0)
    assert all(1.45 < ratio < 1.7 for ratio in learned.stickiness)
    assert learned.tenor_years == as_told.tenor_years


def test_another_desk_file_keeps_what_was_learned_or_begins_anew():
    """Other ratios are another prior; other tenors are other questions."""
    known = _ran(1.6, hours=10, seed=3).state.spot_vol["IDX"]
    prior = under_terms(known, replace(_TERMS, stickiness=(1.8, 1.8, 1.8)))
    tenors = under_terms(known, replace(_TERMS, stickiness_days=(7.0, 30.0, 60.0)))

    assert prior.on_skew.slope.tolist() == known.on_skew.slope.tolist()
    assert prior.prior.dynamics.stickiness == (1.8, 1.8, 1.8)
    assert tenors.last is None


def test_a_lagging_surface_is_corrected_by_its_quotes():
    """A tenth of a point, just published or not: the level seen is that of the quotes, whatever the surface was drawn to."""
    tape = Tape(desk(underlyings=(_TERMS,)))
    tape.quote()
    tape.cycle()
    tape.quote(NOW_NS + SECOND, vol=lambda k, years: smile(k, years) + 0.002)
    tape.cycle(NOW_NS + SECOND)
    seen: MarketView = _view(tape, NOW_NS + SECOND)

    assert fit_of(seen, 0).atm_vol == pytest.approx([0.162] * 3, abs=1e-4)


def _view(tape, now_ns):
    from flatbook.market.build import view

    return view(tape.state, tape.table, now_ns, tape.desk)


@pytest.mark.market_data
def test_the_fit_of_a_real_day_is_that_of_its_slices():
    """SPX on 3 May 2019: levels near the closing VIX of 12.87, a skew that flattens as the root of time."""
    fit = fit_of(spx_view("03"), 0)
    month, year = (int(np.argmin(np.abs(fit.years - days / 365.0))) for days in (30.0, 365.0))

    assert 0.09 < fit.atm_vol[month] < 0.13
    assert fit.skew[month] < fit.skew[year] < 0.0
    assert (np.diff(fit.years) >= 0.0).all()
