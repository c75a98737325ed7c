"""Where a protection should trip, so that a burst of fills rarely costs more than we can bear.

Model. While a burst lasts fills come as a Poisson stream, at the quiet intensity times a burst factor: for a Hawkes process
with branching ratio b the mean size of a cluster is 1/(1 - b) (A. G. Hawkes, D. Oakes, "A cluster process representation of a
self-exciting process", J. Appl. Prob. 11 (1974) 493-503), and the whole cluster is taken as if it came at once. All fills are
on one side, sizes are independent draws. The protection trips with the fill that brings the tally to the threshold; until the
quotes are gone (and the hedge is done) the stream goes on, for the latency; so it does after a burst that has not tripped,
because what it brought is not hedged sooner. Every unit filled costs the same, so that a loss above L is more
than K = floor(L / loss per unit) units, and headroom bounds K in the same way.

Sums. Tally after n fills, still below the threshold: convolution powers of the sizes, cut at the threshold. What comes after
the trip: Panjer's recursion for the compound Poisson law (H. H. Panjer, "Recursive evaluation of a family of compound
distributions", ASTIN Bulletin 12 (1981) 22-26). The stream has no memory, so that
P(units > K) = sum over n, j, s of P(N >= n) P(tally after n-1 fills is j) P(size is s) P(rest > K - j - s), with j + s at or
above the threshold, and those that do not trip by the end of the burst on top. Exact but for rounding, no simulation. The units are whole: contracts,
or steps of delta or vega that a fill's amount is rounded up to.
"""

import math
from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats, Ints

UNITS_MOST = 5_000
_FILLS_MEAN_MOST = 700.0  # beyond it exp(-mean) is no number


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What may be filled in one burst."""

    fills_per_s: float  # in quiet times, of everything that the protection counts
    burst_factor: float  # intensity in a burst over the quiet one: 1 / (1 - branching ratio)
    duration_s: float  # of the burst: the protection's interval
    latency_s: float  # from the fill that trips until no quote can be filled and the hedge is done
    size_share: Floats  # [m]: share of fills with 1, 2, ... m units

    def __post_init__(self) -> None:
        """Refuse a burst that is none."""
        fills = (self.fills_per_s, self.duration_s, self.latency_s)
        holds = all(0.0 <= each < math.inf for each in fills) and 1.0 <= self.burst_factor < math.inf
        shares = self.size_share.size > 0 and bool((self.size_share >= 0.0).all())
        if not (holds and shares and abs(float(self.size_share.sum()) - 1.0) <= 1e-9):
            msg = f"burst: need times and intensities from 0, burst_factor from 1, shares that sum to 1, was {self}"
            raise InvalidValueError(msg)
        if (
            not self.fills_per_s * self.burst_factor * max(self.duration_s, self.latency_s)
            <= _FILLS_MEAN_MOST
        ):
            msg = f"burst: more than {_FILLS_MEAN_MOST:g} fills are expected; take a shorter interval, was {self}"
            raise InvalidValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A threshold, what it leaves, and what the next one would."""

    threshold: int  # units; 0: none is low enough, quotes must be smaller or the way to pull them shorter
    units_bearable: int  # K
    probability: float  # of a burst that fills more than K; where there is no threshold, of the lowest one
    probability_above: float  # with a threshold one unit higher; 1 where that is more than can be borne


def propose_threshold(
    burst: Burst, *, loss_usd: float, loss_usd_per_unit: float, headroom_units: int, probability: float
) -> Proposal:
    """The highest threshold with P(loss in a burst > `loss_usd`, or beyond headroom) < `probability`.

    Parameters
    ----------
    burst : Burst
    loss_usd : float
        L: what one burst may cost.
    loss_usd_per_unit : float
        Adverse move until the hedge is done, times what a unit loses by it. Above 0.
    headroom_units : int
        Units that still fit under the hard limits.
    probability : float
        Above 0, below 1.

    Notes
    -----
    Bisection: units are counted up to the latency after the trip or the end of the burst, whichever is first. A higher threshold
    makes neither sooner, whatever the stream, so the probability rises with the threshold.
    """
    if not (loss_usd_per_unit > 0.0 and loss_usd >= 0.0 and 0.0 < probability < 1.0):
        msg = (
            "threshold: need loss_usd from 0, loss_usd_per_unit above 0, 0 < probability < 1, "
            f"was {loss_usd}, {loss_usd_per_unit} and {probability}"
        )
        raise InvalidValueError(msg)
    units = max(min(math.floor(min(loss_usd / loss_usd_per_unit, UNITS_MOST)), headroom_units), 0)
    rest = _tail(_compound_poisson(burst, burst.latency_s, units))
    lowest = exceedance(burst, threshold=1, units=units, rest=rest)
    if not lowest < probability:
        return Proposal(threshold=0, units_bearable=units, probability=lowest, probability_above=lowest)
    below, above = 1, max(units, 1)
    at, over = lowest, exceedance(burst, threshold=above, units=units, rest=rest)
    if over < probability:
        return Proposal(threshold=above, units_bearable=units, probability=over, probability_above=1.0)
    while above - below > 1:
        middle = (below + above) // 2
        found = exceedance(burst, threshold=middle, units=units, rest=rest)
        if found < probability:
            below, at = middle, found
        else:
            above, over = middle, found
    return Proposal(threshold=below, units_bearable=units, probability=at, probability_above=over)


def shadow_share(burst: Burst, *, venue_limit: int, probability: float) -> float:
    """The share of a venue's limit at which our own protection must trip to be first.

    So that fewer than `venue_limit` units are filled before our cancels are there, but for `probability` of the bursts
    (domain reference A.11). 0 where no share is low enough.
    """
    found = propose_threshold(
        burst,
        loss_usd=float(venue_limit - 1),
        loss_usd_per_unit=1.0,
        headroom_units=venue_limit - 1,
        probability=probability,
    )
    return min(found.threshold / venue_limit, 1.0)


def exceedance(burst: Burst, *, threshold: int, units: int, rest: Floats | None = None) -> float:
    """P(more than `units` are filled in a burst), under a protection that trips at `threshold` units.

    `rest` is P(more than k after the trip) for k = 0..units, where the caller knows it already.
    """
    if rest is None:
        rest = _tail(_compound_poisson(burst, burst.latency_s, units))
    by_count = _poisson(burst.fills_per_s * burst.burst_factor * burst.duration_s)
    at_least = 1.0 - np.concatenate(([0.0], np.cumsum(by_count)[:-1]))
    sizes = np.concatenate(([0.0], burst.size_share))
    below = np.zeros(threshold)
    below[0] = 1.0
    total = 0.0
    for n in range(by_count.size):
        total += by_count[n] * float(below @ _beyond(rest, units - np.arange(threshold)))
        after = np.convolve(below, sizes)
        if n + 1 < at_least.size:
            crossed = _beyond(rest, units - np.arange(threshold, after.size))
            total += at_least[n + 1] * float(after[threshold:] @ crossed)
        below = after[:threshold]
        if not below.any():
            break
    return min(float(total), 1.0)


def _beyond(rest: Floats, left: Ints) -> Floats:
    """P(more than `left` come in the latency): sure where there is nothing left."""
    return np.where(left < 0, 1.0, rest[np.maximum(left, 0)])


def _poisson(mean: float) -> Floats:
    """P(N = n), up to where the rest is beyond the last bit."""
    most = int(mean + 12.0 * math.sqrt(mean) + 40.0)
    n = np.arange(1, most + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log(mean / n)))) if mean > 0.0 else np.array([0.0])
    return np.exp(logs - mean)


def _compound_poisson(burst: Burst, seconds: float, most: int) -> Floats:
    """P(units in `seconds` are k) for k = 0..`most`, by Panjer's recursion."""
    mean = burst.fills_per_s * burst.burst_factor * seconds
    weighted = mean * np.arange(1, burst.size_share.size + 1) * burst.size_share
    out = np.zeros(most + 1)
    out[0] = math.exp(-mean)
    for k in range(1, most + 1):
        m = min(k, weighted.size)
        out[k] = weighted[:m] @ out[k - m : k][::-1] / k
    return out


def _tail(probability: Floats) -> Floats:
    """P(more than k)."""
    return np.maximum(1.0 - np.cumsum(probability), 0.0)
