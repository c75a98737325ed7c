"""How the flow of customers changes through a day: busy at both ends, and its regimes.

Source: R. Wood, T. McInish and J. Ord, "An investigation of transactions data for NYSE stocks", J. Finance 40 (1985) 723-739, for the U; its
form, 1 + a (12 (x - 1/2)^2 - 1) at the share x of the day, is ours: its mean over the day is 1.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.table import Floats
from flatbook.model.world_flow_terms import CustomerTerms

_NODES = 1001  # of the cumulative rate, beside the edges of regimes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayShape:
    """Pieces of a day, in which regimes stay as they are."""

    minute: Floats  # float64[n + 1] edges, ascending
    weight: Floats  # float64[n] of a usual day's orders, times the regimes' factors
    buy_share: Floats  # float64[n]
    calls_share: Floats  # float64[n]

    @property
    def orders(self) -> float:
        """Of the day, as a multiple of a usual day's."""
        return float(self.weight.sum())

    def piece_at(self, minute: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """int64[m]: the piece that holds each minute."""
        found = np.searchsorted(self.minute, minute, side="right") - 1
        return np.clip(found, 0, self.weight.size - 1).astype(np.int64)

    def mean(self, share: Floats) -> float:
        """Of a share by pieces, weighted by orders; that of a usual order where none come."""
        return float(share @ self.weight / self.orders) if self.orders > 0.0 else float(share.mean())


def day_shape(terms: CustomerTerms, session_minutes: float) -> DayShape:
    """The day of `terms`, from the open on."""
    told = [edge for each in terms.regimes for edge in (each.from_minute, each.to_minute)]
    inside = [edge for edge in told if edge < session_minutes]
    minute = np.unique(np.concatenate([np.linspace(0.0, session_minutes, _NODES), inside]))
    middle = 0.5 * (minute[1:] + minute[:-1])
    factor = np.ones(middle.size)
    buys, calls = np.full(middle.size, terms.buy_share), np.full(middle.size, terms.calls_share)
    for each in terms.regimes:
        during = (middle > each.from_minute) & (middle < each.to_minute)
        factor[during] *= each.rate_factor
        if each.buy_share is not None:
            buys[during] = each.buy_share
        if each.calls_share is not None:
            calls[during] = each.calls_share
    usual = np.diff(_cumulative(minute / session_minutes, terms.seasonality))
    return DayShape(minute=minute, weight=usual * factor, buy_share=buys, calls_share=calls)


def _cumulative(x: Floats, depth: float) -> Floats:
    return np.asarray((1.0 - depth) * x + depth * (4.0 * (x - 0.5) ** 3 + 0.5))
