"""A self-exciting process told from its own fills, and bursts found in it."""

from math import exp

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from flatbook.model.errors import InvalidValueError
from flatbook.riskprice.bursts import BurstTerms, Excitement, fitted_bursts, log_likelihood, no_bursts
from flatbook.riskprice.calibration import Calibrated

_S = 1_000_000_000
_UNKNOWN = BurstTerms(base=Calibrated(value=0.1), jump=Calibrated(value=0.1), decay=Calibrated(value=1.0))


def _terms(mu, a, b):
    return BurstTerms(base=Calibrated(value=mu), jump=Calibrated(value=a), decay=Calibrated(value=b))


def _simulated(rng, mu, a, b, span):
    """Ogata's thinning (Y. Ogata, IEEE Transactions on Information Theory 27 (1981) 23-31)."""
    t, added, out = 0.0, 0.0, []
    while True:
        top = mu + added
        wait = rng.exponential(1.0 / top)
        t += wait
        if t > span:
            return np.round(np.array(out) * _S).astype(np.int64)
        added *= exp(-b * wait)
        if rng.random() * top < mu + added:
            out.append(t)
            added += a


def test_the_likelihood_is_the_double_sum_and_its_slopes_are_its_own():
    times, span, (mu, a, b) = [0.3, 0.9, 1.0, 2.7, 2.71, 4.0], 5.0, (0.5, 0.8, 1.7)
    theta = np.log([mu, a, b])
    at = np.array(times)
    expected = sum(np.log(mu + a * np.exp(-b * (t - at[at < t])).sum()) for t in times)
    expected -= mu * span + a / b * (1.0 - np.exp(-b * (span - at))).sum()
    value, slope = log_likelihood(theta, times, span)

    assert value == pytest.approx(expected, rel=1e-12)
    assert slope == pytest.approx(
        approx_fprime(theta, lambda x: log_likelihood(x, times, span)[0], 1e-7), abs=1e-5
    )


def test_the_terms_are_told_within_their_errors():
    """100 days of about 800 fills at mu = .2, a = .6, b = 1 per second: branching .6. Errors are asymptotic: 90 % and more."""
    seed, truth = 91, {"base": 0.2, "jump": 0.6, "decay": 1.0}
    rng = np.random.default_rng(seed)
    fits = []
    for _ in range(100):
        fills = _simulated(rng, 0.2, 0.6, 1.0, 1_600.0)
        fits.append(fitted_bursts(fills, 0, 1_600 * _S, _UNKNOWN))
    inside = {
        name: np.mean(
            [abs(getattr(f, name).value - v) < 1.96 * getattr(f, name).standard_error for f in fits]
        )
        for name, v in truth.items()
    }

    assert all(fit.base.verified for fit in fits)
    assert all(0.88 <= share <= 1.0 for share in inside.values()), f"seed {seed}: {inside}"
    assert np.mean([fit.branching for fit in fits]) == pytest.approx(0.6, abs=0.03)


def test_fills_that_do_not_excite_each_other_tell_no_burst():
    """Poisson fills: the branching is small or not told."""
    seed = 92
    rng = np.random.default_rng(seed)
    fits = [
        fitted_bursts(np.sort(rng.integers(0, 1_000 * _S, 500)), 0, 1_000 * _S, _UNKNOWN) for _ in range(20)
    ]

    assert all(not f.jump.verified or f.branching < 0.35 for f in fits), f"seed {seed}"


def test_the_state_is_the_sum_over_past_fills_in_any_order():
    terms, fills = _terms(0.3, 0.5, 2.0), [0.1, 0.4, 0.45, 1.3]
    expected = 0.3 + 0.5 * sum(exp(-2.0 * (2.0 - t)) for t in fills)
    for order in (fills, fills[::-1], [0.4, 1.3, 0.1, 0.45]):
        state = Excitement()
        for t in order:
            state = state.after(round(t * _S), terms)
        assert state.per_second(2 * _S, terms) == pytest.approx(expected, rel=1e-9)
    assert Excitement().per_second(0, terms) == 0.3


@pytest.mark.parametrize(("a", "b"), [(0.6, 1.0), (1.0, 1.0), (1.3, 1.0)])
def test_expected_fills_are_those_that_come(a, b):
    """After three fills at once, over two seconds, on 4,000 futures: settling, at the edge and running off."""
    seed = 93
    rng = np.random.default_rng(seed)
    terms, state = _terms(0.2, a, b), Excitement()
    for _ in range(3):
        state = state.after(0, terms)
    counts = np.empty(4_000)
    for i in range(4_000):
        t, added, n = 0.0, 3.0 * a, 0
        while True:
            top = 0.2 + added
            wait = rng.exponential(1.0 / top)
            t += wait
            if t > 2.0:
                break
            added *= exp(-b * wait)
            if rng.random() * top < 0.2 + added:
                n, added = n + 1, added + a
        counts[i] = n

    expected = state.expected_fills(0, 2.0, terms)
    assert abs(counts.mean() - expected) < 3.0 * counts.std() / np.sqrt(4_000.0), (
        f"seed {seed}: {counts.mean()} {expected}"
    )


def test_a_burst_is_seen_while_it_lasts():
    """Ten fills within a second at a settled rate of a half: a burst; ten seconds later it is over."""
    terms, state = _terms(0.2, 0.6, 1.0), Excitement()
    assert terms.settled_per_s == pytest.approx(0.5)
    for t in range(10):
        state = state.after(t * _S // 10, terms)

    assert state.bursting(_S, terms, times_settled=4.0)
    assert not state.bursting(11 * _S, terms, times_settled=4.0)
    assert not state.bursting(_S, _terms(0.2, 1.1, 1.0), times_settled=4.0)  # no settled rate to be beyond


def test_the_estimate_learns_from_its_last_fills():
    rng = np.random.default_rng(94)
    fills = _simulated(rng, 0.2, 0.6, 1.0, 1_500.0)
    state = no_bursts(_UNKNOWN, keep=400, refit_every=100)
    for n, fill in enumerate(fills.tolist(), start=1):
        state = state.after(fill)
        if n < 100:
            assert state.terms == _UNKNOWN
    last = len(fills) - len(fills) % 100
    kept = fills[last - 400 : last]

    assert len(state.fills_ns) == 400
    assert state.terms == fitted_bursts(kept, int(kept[0]), int(kept[-1]), _UNKNOWN)
    assert state.terms.base.verified
    assert state.after(int(fills[0])) == state
    with pytest.raises(InvalidValueError, match="keep"):
        no_bursts(_UNKNOWN, keep=5, refit_every=1)


def test_few_fills_are_no_estimate():
    assert fitted_bursts(np.arange(19) * _S, 0, 20 * _S, _UNKNOWN) == _UNKNOWN
