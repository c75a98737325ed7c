"""How much of our own capital limits is used, what is left of equity, and what a move of the market would ask for.

Net capital is equity less haircuts (17 CFR 240.15c3-1; a market maker's account must hold equity of at least its haircuts).
A number that could not be computed is a breach.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.margin.marginal import ScenarioSeries, held_book, requirement
from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class CapitalUse:
    """One row for each limit."""

    name: tuple[str, ...]
    requirement: Floats
    limit: Floats  # inf: none was set
    utilisation: Floats  # requirement over limit; NaN where either is unknown
    headroom: Floats  # below 0 in breach; inf without a limit
    breach: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class NetCapital:
    """What equity leaves after haircuts; arrays of any one shape."""

    equity: Floats
    haircuts: Floats
    net_capital: Floats
    cushion: Floats  # net capital over the least that must remain
    breach: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The requirement after the market has moved to each of p slide points, of g groups."""

    by_group: Floats  # [p, g]
    worst: Ints  # [p, g] scenario that decides there, MINIMUM or UNKNOWN
    total: Floats  # [p]
    gain: Floats  # [p] of what is held, on the way there; NaN where it was not given
    largest: int  # point of the largest total; a NaN counts as the largest


def utilisation(name: tuple[str, ...], required: Floats, limit: Floats) -> CapitalUse:
    """Hold requirements against our own limits.

    Parameters
    ----------
    name : tuple of n str
    required, limit : float64[n]
        In one currency; a limit is 0 or more, inf where there is none.
    """
    if required.shape != (len(name),) or limit.shape != (len(name),):
        msg = f"requirement and limit must have one number for each of {len(name)} names"
        raise InvalidValueError(msg)
    for wrong, why in (
        (limit < 0.0, "a capital limit below 0"),
        (required < 0.0, "a requirement below 0"),
        (np.isinf(required), "a requirement without end"),
    ):
        if wrong.any():
            msg = f"{name[int(np.argmax(wrong))]} has {why}"
            raise InvalidValueError(msg)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        used = np.where((required == 0.0) & ~np.isnan(limit), 0.0, required / limit)
    return CapitalUse(
        name=name,
        requirement=required,
        limit=limit,
        utilisation=used,
        headroom=limit - required,
        breach=~(used <= 1.0),
    )


def net_capital(equity: Floats, haircuts: Floats, least: Floats | float = 0.0) -> NetCapital:
    """What equity leaves after haircuts.

    Parameters
    ----------
    equity, haircuts : float64[...]
    least : float64[...] or float
        What must remain: a regulator's or clearing firm's minimum.
    """
    net = equity - haircuts
    cushion = net - least
    return NetCapital(
        equity=equity, haircuts=haircuts, net_capital=net, cushion=cushion, breach=~(cushion >= 0.0)
    )


def forecast(
    pnl_at_points: Floats,
    series: ScenarioSeries,
    group_of_class: Ints,
    gain_counted: Floats,
    n_groups: int,
    gain_to_point: Floats | None = None,
) -> Forecast:
    """What the present position asks for once the market has moved.

    Parameters
    ----------
    pnl_at_points : float64[p, n, m]
        Profit of one contract of each series in each scenario, from its value at the slide point.
    series : ScenarioSeries
        Positions, classes and charges; its own `pnl` is not read.
    group_of_class : int64[c]
    gain_counted : float64[c]
    n_groups : int
    gain_to_point : float64[p, n], optional
        Profit of one contract on the way to each point: with it, equity there is today's plus `gain`.
    """
    n = series.quantity.size
    if pnl_at_points.ndim != 3 or pnl_at_points.shape[1] != n or pnl_at_points.shape[0] == 0:
        msg = f"pnl_at_points must be [points, {n}, scenarios] with a point, was {list(pnl_at_points.shape)}"
        raise InvalidValueError(msg)
    if gain_to_point is not None and gain_to_point.shape != pnl_at_points.shape[:2]:
        msg = f"gain_to_point must be {list(pnl_at_points.shape[:2])}, was {list(gain_to_point.shape)}"
        raise InvalidValueError(msg)
    held = np.flatnonzero(series.quantity)
    found = []
    for pnl in pnl_at_points:
        there = ScenarioSeries(
            pnl=pnl,
            class_of=series.class_of,
            quantity=series.quantity,
            minimum_long=series.minimum_long,
            minimum_short=series.minimum_short,
        )
        found.append(requirement(held_book(there, group_of_class, gain_counted, n_groups)))
    total = np.array([one.total for one in found])
    gain = (
        np.full(total.size, np.nan)
        if gain_to_point is None
        else gain_to_point[:, held] @ series.quantity[held]
    )
    return Forecast(
        by_group=np.array([one.by_group for one in found]),
        worst=np.array([one.worst for one in found]),
        total=total,
        gain=gain,
        largest=int(np.argmax(total)),
    )
