"""What quotes told of dated events, kept for the clock of the next view: an event's variance in trading days.

Source: domain reference 4.14; `market.event_variance`. With the event in the clock its variance is in no expiry's volatility any
more: the term structure runs smoothly across it, theta has its night, and at its instant the variance is gone.
Holds: a figure stays until a new one differs by more than its own standard error, so that the noise of quotes does not move
the clock; where it changes, surfaces are told in the new years, at the same total variance.
"""

from dataclasses import replace

import numpy as np

from flatbook.market.state import MarketState
from flatbook.market.surface import Surface
from flatbook.market.surfaces import Published
from flatbook.market.view import EventMove, MarketView
from flatbook.model.table import Floats


def remember_events(state: MarketState, market: MarketView) -> None:
    """Keep what a view told of events ahead, and forget those that have passed.

    Parameters
    ----------
    state : MarketState
        With the surfaces of `market`.
    market : MarketView
    """
    for key in [key for key in state.event_days if key[2] <= market.now_ns]:
        del state.event_days[key]
    changes = np.zeros(len(market.table.slices))
    expiry_ns = np.array([key.expiry_ns for key in market.table.slices], dtype=np.int64)
    for move in market.term.events:
        key = (move.underlying, move.name, move.at_ns)
        known = state.event_days.get(key, 0.0)
        if not _is_news(move, known, key in state.event_days):
            continue
        state.event_days[key] = move.trading_days
        after = (expiry_ns >= move.at_ns) & (
            market.table.underlying_of_slice == market.table.underlyings.index(move.underlying)
        )
        changes[after] += (move.trading_days - known) * move.trading_day_years
    _tell_surfaces_in_new_years(state, market, changes)


def _is_news(move: EventMove, known: float, is_known: bool) -> bool:
    """Whether a view tells more of an event than is known; NaN tells nothing."""
    if not is_known:
        return move.trading_days > 0.0
    return abs(move.trading_days - known) > move.trading_days_error


def _tell_surfaces_in_new_years(state: MarketState, market: MarketView, more_years: Floats) -> None:
    """The last surfaces at the same total variance, over variance times that are longer by `more_years`, by slice."""
    years = market.slice_variance_years
    for u, name in enumerate(market.table.underlyings):
        mine = np.flatnonzero((market.table.underlying_of_slice == u) & (market.slice_in_surface >= 0))
        mine = mine[(more_years[mine] != 0.0) & (years[mine] > 0.0)]
        last = state.surfaces.get(name)
        if last is None or not mine.size:
            continue
        longer = np.ones(last.surface.years.size)
        longer[market.slice_in_surface[mine]] = 1.0 + more_years[mine] / years[mine]
        by_slice = np.ones(years.size + 1)
        by_slice[mine] = longer[market.slice_in_surface[mine]]
        apart = last.apart / np.sqrt(by_slice[market.table.slice_of[: last.apart.size]])
        state.surfaces[name] = Published(surface=_over(last.surface, longer), apart=apart)


def _over(surface: Surface, longer: Floats) -> Surface:
    """The surface over years that are longer by a factor each: volatilities fall by its root."""
    slices = tuple(
        replace(
            one,
            years=one.years * factor,
            level=one.level / root,
            skew=one.skew / root,
            curvature=one.curvature / root,
        )
        for one, factor, root in zip(surface.slices, longer.tolist(), np.sqrt(longer).tolist(), strict=True)
    )
    return replace(surface, slices=slices, years=surface.years * longer)
