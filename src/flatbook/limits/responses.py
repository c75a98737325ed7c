"""What the ladder asks of each side of each option class: the table that a trader reads first.

A side answers at the highest step among the limits that it would worsen in any live series of the class; how many of the
series stand there, and which limit decides, stands beside it.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.ladder import SIDE_ACTIONS, Step
from flatbook.market.view import MarketView
from flatbook.model.instruments import Side
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One side of one class."""

    option_class: str
    side: Side  # ours: BUY is the bid
    step: Step
    action: str
    limit: str  # that decides; empty at NORMAL
    series: int  # live ones at this step
    live: int


def responses_of(
    market: MarketView,
    limits: tuple[str, ...],
    strained: list[int],
    step: Ints,
    buy: Floats,
    sell: Floats,
    unknown: Bools,
) -> tuple[Response, ...]:
    """The response for each side of each class, in the order of the table's classes.

    Parameters
    ----------
    market : MarketView
    limits : tuple of str
        Names.
    strained : list of int
        Limits above NORMAL; no other is looked at.
    step : int64[n_limits, n_rows]
    buy, sell : float64[n_limits, n_rows]
        Change of utilisation for one contract.
    unknown : bool[n_limits, n_rows]
        Where both sides add.
    """
    table = market.table
    rows = np.flatnonzero(table.is_option & (market.years > 0.0))
    live = np.bincount(table.class_of[rows], minlength=len(table.classes))
    sides = [
        _side(side, slope, strained, rows, live, market, limits, step, unknown)
        for side, slope in ((Side.BUY, buy), (Side.SELL, sell))
    ]
    return tuple(one for pair in zip(*sides, strict=True) for one in pair)


def _side(
    side: Side,
    slope: Floats,
    strained: list[int],
    rows: Ints,
    live: Ints,
    market: MarketView,
    limits: tuple[str, ...],
    step: Ints,
    unknown: Bools,
) -> list[Response]:
    table = market.table
    worst, decides = np.zeros(rows.size, dtype=np.int64), np.zeros(rows.size, dtype=np.int64)
    for number in strained:
        adds = (slope[number, rows] > 0.0) | unknown[number, rows]
        here = np.where(adds, step[number, rows], 0)
        higher = here > worst
        worst[higher], decides[higher] = here[higher], number
    of_class = table.class_of[rows]
    count = np.bincount(of_class * len(Step) + worst, minlength=len(table.classes) * len(Step))
    count = count.reshape(len(table.classes), len(Step))
    out = []
    for number, name in enumerate(table.classes):
        top = int(np.flatnonzero(count[number])[-1]) if live[number] else 0
        at = np.flatnonzero((of_class == number) & (worst == top)) if top else worst[:0]
        out.append(
            Response(
                option_class=name,
                side=side,
                step=Step(top),
                action=SIDE_ACTIONS[Step(top)],
                limit=limits[decides[at[0]]] if at.size else "",
                series=int(count[number, top]),
                live=int(live[number]),
            )
        )
    return out
