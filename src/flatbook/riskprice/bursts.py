"""Whether fills come in a burst: a self-exciting intensity, learned from the fills themselves.

Source: A. Hawkes, Biometrika 58 (1971) 83-90: lambda(t) = mu + sum over past fills of a e^{-b (t - t_i)}, which runs off at a / b >= 1 and
otherwise settles at mu / (1 - a / b). Log likelihood sum ln lambda(t_i) - mu T - (a / b) sum (1 - e^{-b (T - t_i)}), its sums by the
recursion of T. Ozaki, Annals of the Institute of Statistical Mathematics 31 (1979) 145-155. Greatest likelihood by Newton steps on the
logarithms of mu, a and b; errors from the observed information. Domain reference A.14.
"""

from dataclasses import dataclass, replace
from math import exp, log

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints
from flatbook.riskprice.calibration import Calibrated, estimated_or

_NS_PER_S = 1e9
_FILLS_MIN = 20
_ROUNDS = 100
_SETTLED = 1e-8
_HALVINGS = 30
_BUMP = 1e-4  # of a logarithm, for second derivatives
_STEP_MAX = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstTerms:
    """Of a Hawkes process, per second; the defaults of a desk that has seen nothing are its own to say."""

    base: Calibrated  # mu
    jump: Calibrated  # a: what one fill adds
    decay: Calibrated  # b

    @property
    def branching(self) -> float:
        """Fills that one fill brings about, a / b."""
        return self.jump.value / self.decay.value

    @property
    def settled_per_s(self) -> float:
        """Mean intensity; infinite where each fill brings about one more or over."""
        return self.base.value / (1.0 - self.branching) if self.branching < 1.0 else float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Excitement:
    """What past fills still add to the intensity."""

    added_per_s: float = 0.0
    at_ns: int | None = None  # of the last fill; None before the first

    def after(self, fill_ns: int, terms: BurstTerms) -> "Excitement":
        """Once one more fill is seen; a fill that is reported late adds what is left of it."""
        if self.at_ns is None:
            return replace(self, added_per_s=terms.jump.value, at_ns=fill_ns)
        decay, late = terms.decay.value, self.at_ns - fill_ns
        if late > 0:
            return replace(
                self, added_per_s=self.added_per_s + terms.jump.value * exp(-decay * late / _NS_PER_S)
            )
        kept = self.added_per_s * exp(decay * late / _NS_PER_S)
        return replace(self, added_per_s=kept + terms.jump.value, at_ns=fill_ns)

    def per_second(self, now_ns: int, terms: BurstTerms) -> float:
        """The intensity of fills now."""
        if self.at_ns is None:
            return terms.base.value
        elapsed = max(now_ns - self.at_ns, 0) / _NS_PER_S
        return terms.base.value + self.added_per_s * exp(-terms.decay.value * elapsed)

    def expected_fills(self, now_ns: int, seconds: float, terms: BurstTerms) -> float:
        """Fills to come within `seconds`, with those that they bring about.

        The mean intensity reverts to the settled one at the rate b - a; at a = b it grows by mu b.
        """
        now, mu, rate = self.per_second(now_ns, terms), terms.base.value, terms.decay.value - terms.jump.value
        if abs(rate) * seconds < 1e-6:
            return now * seconds + 0.5 * mu * terms.decay.value * seconds**2
        settled = mu * terms.decay.value / rate
        return settled * seconds + (now - settled) * (1.0 - exp(-rate * seconds)) / rate

    def bursting(self, now_ns: int, terms: BurstTerms, times_settled: float) -> bool:
        """Whether the intensity is beyond so many times the settled one: a sign of a fast market, and for market-maker protection."""
        return not self.per_second(now_ns, terms) <= times_settled * terms.settled_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstEstimate:
    """The last fills, and the terms that they tell: refitted after every `refit_every` of them."""

    default: BurstTerms
    terms: BurstTerms
    keep: int  # fills remembered
    refit_every: int
    fills_ns: tuple[int, ...] = ()
    since_refit: int = 0

    def after(self, fill_ns: int) -> "BurstEstimate":
        """Once one more fill is seen, in order of time; one before the last is not used."""
        if self.fills_ns and fill_ns < self.fills_ns[-1]:
            return self
        fills = (*self.fills_ns, fill_ns)[-self.keep :]
        if self.since_refit + 1 < self.refit_every:
            return replace(self, fills_ns=fills, since_refit=self.since_refit + 1)
        terms = fitted_bursts(np.array(fills, dtype=np.int64), fills[0], fills[-1], self.default)
        return replace(self, fills_ns=fills, since_refit=0, terms=terms)


def no_bursts(default: BurstTerms, *, keep: int, refit_every: int) -> BurstEstimate:
    """Before the first fill.

    Raises
    ------
    InvalidValueError
        A memory too short to tell anything, or no refit.
    """
    if keep < _FILLS_MIN or refit_every < 1:
        msg = f"burst estimate: need keep >= {_FILLS_MIN} and refit_every >= 1, was {keep} and {refit_every}"
        raise InvalidValueError(msg)
    return BurstEstimate(default=default, terms=default, keep=keep, refit_every=refit_every)


def fitted_bursts(fills_ns: Ints, start_ns: int, end_ns: int, default: BurstTerms) -> BurstTerms:
    """The terms of greatest likelihood over a span in which every fill was seen.

    Parameters
    ----------
    fills_ns : int64[n]
        Ascending, within the span.
    start_ns, end_ns : int
        Of the span; what came before it is taken as forgotten.
    default : BurstTerms
        Where nothing starts, and what stands where there are fewer than 20 fills or no maximum inside.
    """
    at = (fills_ns - start_ns) / _NS_PER_S
    span = (end_ns - start_ns) / _NS_PER_S
    if at.size < _FILLS_MIN or not span > 0.0:
        return default
    rate, times = at.size / span, at.tolist()
    best, worth = None, -np.inf
    # The likelihood is flat where nothing excites: two starts, a slow and a fast one, and the better end counts.
    for decay in (rate, 10.0 * rate):
        theta, value = _climbed(np.log([0.5 * rate, 0.5 * decay, decay]), times, span)
        if value > worth:
            best, worth = theta, value
    information = -_second(best, times, span) if best is not None else np.full((3, 3), np.nan)
    sound = np.isfinite(information).all() and bool((np.linalg.eigvalsh(information) > 0.0).all())
    if best is None or not sound:
        return default
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    if not float(errors.max()) < 3.0:
        return default
    source = f"{at.size} fills in {span:g} s"
    named = zip(("base", "jump", "decay"), np.exp(best), errors, strict=True)
    return BurstTerms(
        **{name: estimated_or(getattr(default, name).value, v, v * e, source) for name, v, e in named}
    )


def log_likelihood(logarithms: Floats, times: list[float], span: float) -> tuple[float, Floats]:
    """Of fills at `times` seconds into `span`, and its slopes in ln mu, ln a and ln b."""
    mu, a, b = np.exp(logarithms).tolist()
    kept, slope = 0.0, 0.0  # sum of e^{-b (t - t_i)} over past fills, and its derivative in b
    value, by_mu, by_a, by_b = 0.0, 0.0, 0.0, 0.0
    last = times[0]
    for t in times:
        elapsed = t - last
        fade = exp(-b * elapsed)
        slope = fade * (slope - elapsed * kept)
        kept *= fade
        intensity = mu + a * kept
        value += log(intensity)
        by_mu += 1.0 / intensity
        by_a += kept / intensity
        by_b += a * slope / intensity
        kept += 1.0
        last = t
    left = span - np.array(times)
    gone = -np.expm1(-b * left)
    value -= mu * span + a / b * float(gone.sum())
    by_mu -= span
    by_a -= float(gone.sum()) / b
    by_b += a / b**2 * float(gone.sum()) - a / b * float((left * np.exp(-b * left)).sum())
    return value, np.array([mu * by_mu, a * by_a, b * by_b])


def _climbed(theta: Floats, times: list[float], span: float) -> tuple[Floats, float]:
    """Newton steps on the logarithms, by the curvature where it is a maximum's and by its size where not."""
    value, slope = log_likelihood(theta, times, span)
    for _ in range(_ROUNDS):
        curvature, turn = np.linalg.eigh(-_second(theta, times, span))
        step = turn @ ((turn.T @ slope) / np.maximum(np.abs(curvature), 1e-3))
        step *= min(1.0, _STEP_MAX / float(np.abs(step).max(initial=1e-300)))
        for _ in range(_HALVINGS):
            then, slope_then = log_likelihood(theta + step, times, span)
            if then >= value:
                break
            step = 0.5 * step
        else:
            return theta, value
        theta, value, slope = theta + step, then, slope_then
        if float(np.abs(step).max()) < _SETTLED or float(np.abs(theta).max()) > 50.0:
            return theta, value
    return theta, value


def _second(theta: Floats, times: list[float], span: float) -> Floats:
    """Second derivatives in the logarithms, by central differences of the slopes."""
    out = np.empty((3, 3))
    for j in range(3):
        bump = np.zeros(3)
        bump[j] = _BUMP
        up = log_likelihood(theta + bump, times, span)[1]
        down = log_likelihood(theta - bump, times, span)[1]
        out[j] = (up - down) / (2.0 * _BUMP)
    return 0.5 * (out + out.T)
