"""What part of a smile a picture shows: the strikes that are traded on, and the volatilities that matter there."""

from typing import NamedTuple

from flatbook.reports.surface_schema import ExpiryFit
from flatbook.reports.surface_shape import deviation_of

_DEVIATIONS = 5.0  # to either side at most
_LEAST_DEVIATIONS = 2.0
_EDGE = 0.04  # of the range, beyond the outermost point


class Frame(NamedTuple):
    """Ranges of ln(K/F) and of volatility."""

    low_k: float
    high_k: float
    low_vol: float
    high_vol: float


def frame_of(one: ExpiryFit) -> Frame | None:
    """The frame around an expiry's two-sided quotes; None where there is no smile to show."""
    if one.curve is None or not one.atm_vol or one.days <= 0.0:
        return None
    deviation = deviation_of(one)
    two_sided = [
        each.log_moneyness
        for each in one.quotes
        if each.vol_bid is not None and abs(each.log_moneyness) <= _DEVIATIONS * deviation
    ]
    low_k = min([*two_sided, -_LEAST_DEVIATIONS * deviation])
    high_k = max([*two_sided, _LEAST_DEVIATIONS * deviation])
    edge = _EDGE * (high_k - low_k)
    low_k, high_k = low_k - edge, high_k + edge
    return Frame(low_k, high_k, *_vols(one, low_k, high_k))


def _vols(one: ExpiryFit, low_k: float, high_k: float) -> tuple[float, float]:
    """Wide enough for the curve and for all but the widest bars."""
    assert one.curve is not None, one.expiry
    line = [
        vol
        for k, vol in zip(one.curve.log_moneyness, one.curve.vol, strict=True)
        if vol is not None and low_k <= k <= high_k
    ]
    low, high = min(line), max(line)
    room = max(0.35 * (high - low), 0.01)
    bars = [
        vol
        for each in one.quotes
        if low_k <= each.log_moneyness <= high_k
        for vol in (each.vol_bid, each.vol_ask)
        if vol is not None and low - room <= vol <= high + room
    ]
    low, high = min([low, *bars]), max([high, *bars])
    edge = _EDGE * (high - low) or 0.01
    return max(low - edge, 0.0), high + edge
