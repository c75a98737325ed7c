"""When a surface is published: never for quotes that stand still or jitter, at once for a jump, and for a drift in the end."""

import numpy as np
import pytest

from flatbook.market.surfaces import Published, fit_surfaces
from flatbook.market.view import MarketView
from tests.market.spx import spx_view
from tests.market.tape import HOUR, SECOND, Tape
from tests.worlds import NOW_NS, smile


def test_the_same_quotes_publish_nothing_new():
    """Not sent again, and sent again a second or ten minutes later: the surface is the object that it was."""
    tape = Tape()
    tape.quote()
    first = tape.cycle()
    again = [tape.cycle(), tape.cycle(NOW_NS + SECOND)]
    for later in (1, 2, 3, 600):
        tape.state.quoted_ns[:] = NOW_NS + later * SECOND
        again.append(tape.cycle(NOW_NS + later * SECOND))

    assert all(surface is first for surface in again)


def test_quotes_that_jitter_within_their_noise_publish_nothing():
    """Twenty rounds in which every quote is a cent up, down or where it was, of ten cents and more between bid and offer; seed 3."""
    tape, random = Tape(), np.random.default_rng(3)
    tape.quote()
    first = tape.cycle()
    for later in range(1, 21):
        now_ns = NOW_NS + later * SECOND
        tape.quote(now_ns, ticks=random.integers(-1, 2, len(tape.table.instruments)))
        assert tape.cycle(now_ns) is first


@pytest.mark.parametrize("points", [-1.0, 1.0])
def test_a_jump_is_published_at_once(points):
    """A volatility point, some fifteen sigma at the money; a fit is drawn to the last one inside bid and offer, 0.16 points wide."""
    tape = Tape()
    tape.quote()
    first = tape.cycle()
    now_ns = NOW_NS + SECOND
    tape.quote(now_ns, vol=lambda k, years: smile(k, years) + points / 100.0)
    second = tape.cycle(now_ns)

    assert second.version == first.version + 1
    level = [piece.level for piece in second.slices]
    assert level == pytest.approx([piece.level + points / 100.0 for piece in first.slices], abs=8e-4)
    assert tape.cycle(now_ns) is second


def test_a_jump_of_one_expiry_is_published_too():
    tape = Tape()
    tape.quote()
    first = tape.cycle()
    tape.quote(NOW_NS + SECOND, vol=lambda k, years: smile(k, years) + 0.01 * (years < 0.05))

    assert tape.cycle(NOW_NS + SECOND).version == first.version + 1


def test_a_drift_is_published_whenever_it_has_added_up():
    """A hundredth of a point a round for two hundred rounds: neither each round nor never, and never far behind."""
    tape = Tape()
    tape.quote()
    versions = [tape.cycle().version]
    for later in range(1, 201):
        now_ns, drift = NOW_NS + later * SECOND, 1e-4 * later
        tape.quote(now_ns, vol=lambda k, years, drift=drift: smile(k, years) + drift)
        surface = tape.cycle(now_ns)
        versions.append(surface.version)
        behind = [piece.level - 0.16 - drift for piece in surface.slices]
        assert np.abs(behind).max() < 0.005

    assert 4 <= versions[-1] - versions[0] <= 40


def test_spot_alone_publishes_nothing_where_the_smile_goes_with_it_and_something_where_it_stays():
    """By moneyness the surface says the same after a move of 1 %; by strike it does not."""
    after = []
    for stays in (False, True):
        tape = Tape()
        tape.quote()
        first = tape.cycle()
        shift = np.log(1.01) if stays else 0.0
        tape.quote(
            NOW_NS + SECOND,
            spot=5050.0,
            vol=lambda k, years, shift=shift: smile(k + shift, years),
        )
        after.append(tape.cycle(NOW_NS + SECOND).version - first.version)

    assert after == [0, 1]


def test_quotes_that_grow_old_and_come_back_are_published():
    """Without a usable quote nothing can be said; with the first ones it is said again."""
    tape = Tape()
    tape.quote()
    first = tape.cycle()
    old = tape.cycle(NOW_NS + HOUR)
    tape.quote(NOW_NS + HOUR)
    back = tape.cycle(NOW_NS + HOUR)

    assert all(piece.reason for piece in old.slices)
    assert not any(piece.reason for piece in back.slices)
    assert (first.version, old.version, back.version) == (1, 2, 3)


@pytest.mark.market_data
@pytest.mark.parametrize("day", ["03", "09", "27", "31"])
def test_real_chains_fitted_again_publish_nothing(day):
    """SPX: forty expiries, some of them hardly free of arbitrage; a fit drawn to the last moves one of the 27th by 3.5 sigma."""
    seen = spx_view(day)
    again = _fit_again(seen, _published(seen))

    assert again.surfaces[0] is seen.surfaces[0]


def _published(seen: MarketView):
    return {"SPX": Published(surface=seen.surfaces[0], apart=seen.vol_mid - seen.vol)}


def _fit_again(seen, previous):
    return fit_surfaces(
        seen.table,
        previous,
        alive=np.flatnonzero([not reason for reason in seen.slice_reason]),
        slice_years=seen.slice_years - 1.0 / (365.0 * 86_400.0),
        forward=seen.forward,
        status=seen.status,
        vols=(seen.vol_bid, seen.vol_mid, seen.vol_ask),
    )


def test_a_quote_that_was_not_used_is_not_what_later_ones_are_held_against():
    """A crossed quote when a surface is published tells nothing, whatever it says."""
    published = []
    for more in (100, 5_000):
        tape = Tape()
        tape.quote(NOW_NS)
        told = np.flatnonzero(np.isfinite(tape.state.bid))
        tape.state.bid[told[3]] = tape.state.ask[told[3]] + more / 100.0
        tape.cycle(NOW_NS)
        published.append(tape.state.surfaces["IDX"].apart)
        assert np.isnan(published[-1][told[3]])
        assert np.isfinite(published[-1][told[5]])
    np.testing.assert_array_equal(*published)
