"""Spot-vol dynamics of several chains on a console: a line a tenor, with standard errors where there is enough to tell them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from flatbook.market.dynamics_estimate import DynamicsEstimate, FadingSlopes
from flatbook.model.measures import CALENDAR_DAYS
from flatbook.reports.console_table import print_table, styled
from flatbook.reports.numbers import full, plain

if TYPE_CHECKING:
    from rich.console import Console

_TITLES = ("days", "moves", "R", "±", "vol / return", "±")


def print_dynamics(estimates: Mapping[str, DynamicsEstimate], chains: int, console: "Console") -> None:
    """Print what the chains tell of each underlying, not drawn to any prior.

    Parameters
    ----------
    estimates : mapping of underlying to DynamicsEstimate
    chains : int
        How many were followed.
    console : rich.console.Console
    """
    for name, estimate in estimates.items():
        title = f"{name} · how volatility followed spot over {chains} chains"
        told = np.flatnonzero(estimate.on_return.square > 0.0).tolist()
        if told:
            print_table(console, title, _TITLES, [_line(estimate, at) for at in told], left=set())
        else:
            console.print()
            console.print(styled(f"{title}: no two of them tell spot and volatility at one tenor"))
    console.print(
        styled(
            "R: skew stickiness ratio, 0 smile by moneyness, 1 by strike; moves: how many of equal size would tell as much; "
            "vol / return: at the money, for a log return of 1; ±: standard errors, from more than three moves on",
            "dim",
        )
    )


def _line(estimate: DynamicsEstimate, at: int) -> tuple[str, ...]:
    days = estimate.prior.dynamics.tenor_years[at] * CALENDAR_DAYS
    moves = plain(float(estimate.on_return.count[at]), 1)
    return (plain(days), moves, *_told(estimate.on_skew, at), *_told(estimate.on_return, at))


def _told(slopes: FadingSlopes, at: int) -> tuple[str, str]:
    value, error = float(slopes.slope[at]), float(slopes.error[at])
    return full(value if np.isfinite(value) else None, 2), plain(error if np.isfinite(error) else None, 2)
