"""SPAN spreads: charges between expiries, charges near delivery, credits between commodities.

Sources: CME, "Intra Spreads" and "Inter Spreads" report pages (priority, sides A and B, ratios, weighted and flat
rates) and "Inter and Intra Spread Calculations" (worked numbers). A leg of a tier takes the net deltas of its expiries
on its side, the nearest expiry first; of the two ways round, A long is formed before A short.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from flatbook.margin.span_parameters import CreditMethod, InterSpread, IntraSpread, Side, SpanCommodity
from flatbook.model.table import Bools, Floats

_MONTH_DIGITS = 6  # of years: expiries within half a minute are one
_LEAST = 1e-9  # deltas below it form no spread


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadCharges:
    """What the expiries of one combined commodity cost beside the scan."""

    intra: float
    delivery: float
    formed: tuple[tuple[int, float], ...]  # priority and how many spreads


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRisk:
    """What a spread between commodities goes by, of one commodity or of a tier of it."""

    net_delta: float
    risk: float  # currency: futures price risk of all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadCredits:
    """What spreads between commodities release."""

    credit: dict[str, float]  # by combined commodity
    formed: tuple[tuple[int, float], ...]


def spread_charges(commodity: SpanCommodity, month_years: Floats, deltas: Floats) -> SpreadCharges:
    """Intra-commodity and delivery charges.

    Parameters
    ----------
    commodity : SpanCommodity
    month_years : float64[n]
        Expiry in which each position's delta counts.
    deltas : float64[n]
        Quantity times composite delta.
    """
    if not (commodity.spreads or commodity.spot_charges):
        return SpreadCharges(intra=0.0, delivery=0.0, formed=())
    months, month_of = np.unique(np.round(month_years, _MONTH_DIGITS), return_inverse=True)
    net = np.bincount(month_of.ravel(), weights=deltas, minlength=months.size)
    if np.isnan(net).any():
        return SpreadCharges(intra=np.nan, delivery=np.nan, formed=())
    free = {1: np.maximum(net, 0.0), -1: np.maximum(-net, 0.0)}
    charge, formed = 0.0, []
    for spread in sorted(commodity.spreads, key=lambda one: one.priority):
        count = _form(spread, commodity, months, free, 1) + _form(spread, commodity, months, free, -1)
        if count > 0.0:
            charge += count * spread.charge
            formed.append((spread.priority, count))
    outright = free[1] + free[-1]
    delivery = 0.0
    for rule in commodity.spot_charges:
        near = (rule.from_years <= months) & (months < rule.to_years)
        in_spread = np.abs(net) - outright
        delivery += float((outright[near] * rule.outright + in_spread[near] * rule.spread).sum())
    return SpreadCharges(intra=charge, delivery=delivery, formed=tuple(formed))


def _form(
    spread: IntraSpread, commodity: SpanCommodity, months: Floats, free: dict[int, Floats], long_side: int
) -> float:
    """Form as many spreads as can be, A held on `long_side`; takes their deltas out of `free`."""
    places = [
        (long_side if leg.side is Side.A else -long_side, _within(commodity.band_of(leg), months))
        for leg in spread.legs
    ]
    count = min(
        float(free[side][band].sum()) / leg.ratio
        for (side, band), leg in zip(places, spread.legs, strict=True)
    )
    if count <= _LEAST:
        return 0.0
    for (side, band), leg in zip(places, spread.legs, strict=True):
        left = count * leg.ratio
        for month in np.flatnonzero(band).tolist():
            taken = min(left, float(free[side][month]))
            free[side][month] -= taken
            left -= taken
    return count


def _within(band: tuple[float, float], months: Floats) -> Bools:
    return (band[0] <= months) & (months < band[1])


def spread_credits(
    spreads: Iterable[InterSpread], risks: Mapping[tuple[str, int], PriceRisk]
) -> SpreadCredits:
    """Credits of spreads between combined commodities, in order of priority.

    A delta that one spread took from a tier is gone from every other tier of that commodity, and from all of it.

    Parameters
    ----------
    spreads : iterable of InterSpread
    risks : mapping of (combined commodity, tier) to PriceRisk
        Of those that are held; a spread with a leg that is not there is not formed.
    """
    left = {key: risk.net_delta for key, risk in risks.items()}
    credit: dict[str, float] = {}
    formed = []
    for spread in sorted(spreads, key=lambda one: one.priority):
        keys = [(leg.combined, leg.tier) for leg in spread.legs]
        if any(key not in left for key in keys):
            continue
        count = _units(spread, [left[key] for key in keys])
        if not count > _LEAST:
            if np.isnan(count):
                credit.update((name, np.nan) for name, _ in keys)
            continue
        formed.append((spread.priority, count))
        for key, leg in zip(keys, spread.legs, strict=True):
            taken = count * leg.ratio
            if spread.method is CreditMethod.FLAT:
                amount = count * spread.rate / len(keys)
            else:
                amount = taken * spread.rate * risks[key].risk / abs(risks[key].net_delta)
            credit[key[0]] = credit.get(key[0], 0.0) + amount
            for other, delta in left.items():
                if other[0] == key[0]:
                    left[other] = np.copysign(max(abs(delta) - taken, 0.0), delta)
    return SpreadCredits(credit=credit, formed=tuple(formed))


def _units(spread: InterSpread, deltas: list[float]) -> float:
    """How many spreads the deltas form, whichever way round."""
    if np.isnan(deltas).any():
        return np.nan
    best = 0.0
    for long_side in (1.0, -1.0):
        wanted = [long_side if leg.side is Side.A else -long_side for leg in spread.legs]
        each = [
            max(side * delta, 0.0) / leg.ratio
            for side, delta, leg in zip(wanted, deltas, spread.legs, strict=True)
        ]
        best = max(best, min(each))
    return best
