"""How hard the limits pull on each side of each series.

Each side answers for the limits that it would worsen, at the highest step among them. Where both sides would worsen a
hard limit, the side that brings the sum of these limits down stays quoted, at the width and size of ESCALATE, so that
the desk can still trade out; where a limit is unknown neither does.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.limits.check import Standing
from flatbook.limits.ladder import Step
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Strain:
    """By row: the highest utilisation and step among the limits that a side would worsen."""

    bid_utilisation: Floats
    ask_utilisation: Floats
    bid_step: Ints
    ask_step: Ints
    bid_released: Bools  # at a hard limit, and quoted all the same: it brings the breached ones down in sum
    ask_released: Bools


def strain(standing: Standing, n_rows: int) -> Strain:
    """Read the standing from each side of each series."""
    none = np.zeros((1, n_rows))
    step, used = np.vstack((none, standing.step)), np.vstack((none, standing.utilisation))
    unknown = np.vstack((none > 0.0, standing.unknown))
    buy, sell = np.vstack((none, standing.buy_slope)), np.vstack((none, standing.sell_slope))
    bid_adds, ask_adds = (buy > 0.0) | unknown, (sell > 0.0) | unknown
    bid_step, ask_step = (
        np.where(adds, step, 0).max(axis=0).astype(np.int64) for adds in (bid_adds, ask_adds)
    )
    hard = step == Step.HARD
    torn = (bid_step == Step.HARD) & (ask_step == Step.HARD) & ~(unknown & hard).any(axis=0)
    net = np.where(hard, buy, 0.0).sum(axis=0) - np.where(hard, sell, 0.0).sum(axis=0)
    bid_released, ask_released = torn & (net <= 0.0), torn & (net > 0.0)
    return Strain(
        bid_utilisation=np.where(bid_adds, used, 0.0).max(axis=0),
        ask_utilisation=np.where(ask_adds, used, 0.0).max(axis=0),
        bid_step=np.where(bid_released, int(Step.ESCALATE), bid_step),
        ask_step=np.where(ask_released, int(Step.ESCALATE), ask_step),
        bid_released=bid_released,
        ask_released=ask_released,
    )
