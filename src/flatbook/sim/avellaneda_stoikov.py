"""The experiment of Avellaneda and Stoikov: what leaning quotes against inventory is worth, beside quotes that never lean.

The price moves by plus or minus deviation sqrt(step), fills come in a step with probability intensity times step, and what is held at the end is worth
the price. Both strategies of an aversion meet the same moves and chances.

Source: M. Avellaneda and S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8 (2008) 217-224, section 3.3;
domain reference 4.1 and validation case V1.
"""

from dataclasses import dataclass

import numpy as np

from flatbook.model.errors import InvalidValueError
from flatbook.model.table import Floats
from flatbook.riskprice.closed_forms import Distances, OneAsset, avellaneda_stoikov
from flatbook.riskprice.intensity import Intensity, exponential, fills_per_year
from flatbook.sim.chance import Chance, stream

AVERSIONS = (0.1, 0.01, 1.0)  # as published
_STEPS = 200  # of 0.005
_PRICE = 100.0
_PATHS_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy at one aversion; errors are standard errors."""

    aversion: float  # per price unit
    leans: bool  # quotes around the reservation price; otherwise around the price, with the same mean spread
    spread: float  # mean over the day, of a flat book
    profit: float  # mean of cash and what is left, price units
    profit_error: float
    profit_deviation: float
    profit_deviation_error: float
    inventory: float  # mean at the end, units
    inventory_error: float
    inventory_deviation: float
    inventory_deviation_error: float


def avellaneda_stoikov_table(paths: int, seed: int) -> tuple[Row, ...]:
    """The table: for each published aversion the strategy that leans, then the one that does not.

    Parameters
    ----------
    paths : int
        At least 2; the paper has 1,000.
    seed : int
        0 or above.
    """
    if not paths >= _PATHS_MIN:
        msg = f"experiment of Avellaneda and Stoikov: needs {_PATHS_MIN} paths or more, was {paths}"
        raise InvalidValueError(msg)
    return tuple(
        _row(aversion, leans, paths, stream(seed, f"avellaneda-stoikov/{aversion}"))
        for aversion in AVERSIONS
        for leans in (True, False)
    )


def _row(aversion: float, leans: bool, paths: int, chance: Chance) -> Row:
    asset = OneAsset(deviation=2.0, fills_at_mid=140.0, decay=1.5, aversion=aversion)
    flat = [avellaneda_stoikov(asset, np.zeros(1), 1.0 - n / _STEPS) for n in range(_STEPS)]
    spread = float(np.mean([(each.bid + each.offer)[0] for each in flat]))
    profit, inventory = _outcomes(asset, leans, spread, paths, chance)
    profits, inventories = _moments(profit), _moments(inventory)
    return Row(
        aversion=aversion,
        leans=leans,
        spread=spread,
        profit=profits[0],
        profit_error=profits[1],
        profit_deviation=profits[2],
        profit_deviation_error=profits[3],
        inventory=inventories[0],
        inventory_error=inventories[1],
        inventory_deviation=inventories[2],
        inventory_deviation_error=inventories[3],
    )


def _outcomes(
    asset: OneAsset, leans: bool, spread: float, paths: int, chance: Chance
) -> tuple[Floats, Floats]:
    """Profit and inventory at the end, float64[paths] each; a path's unit of time is its year, and a price unit its dollar."""
    step = 1.0 / _STEPS
    ones = np.ones(paths)
    flow = exponential(asset.fills_at_mid * ones, asset.decay * ones, ones)
    price, inventory, cash = np.full(paths, _PRICE), np.zeros(paths), np.zeros(paths)
    for n in range(_STEPS):
        quotes = (
            avellaneda_stoikov(asset, inventory, 1.0 - n * step)
            if leans
            else Distances(bid=np.full(paths, 0.5 * spread), offer=np.full(paths, 0.5 * spread))
        )
        bought = _filled(flow, quotes.bid, step, chance)
        sold = _filled(flow, quotes.offer, step, chance)
        cash += sold * (price + quotes.offer) - bought * (price - quotes.bid)
        inventory += bought - sold
        price += np.where(chance.shares(paths) < 0.5, 1.0, -1.0) * asset.deviation * np.sqrt(step)
    return cash + inventory * price, inventory


def _filled(flow: Intensity, distance: Floats, step: float, chance: Chance) -> Floats:
    """1.0 where a fill came."""
    return np.asarray(chance.shares(distance.size) < fills_per_year(flow, distance) * step, dtype=np.float64)


def _moments(x: Floats) -> tuple[float, float, float, float]:
    """Mean and deviation, each with its standard error; that of the deviation s is sqrt(m4 - s^4) / (2 s sqrt(n)), where s is above 0."""
    deviation = float(x.std())
    fourth = float(((x - x.mean()) ** 4).mean())
    root = float(np.sqrt(x.size))
    error = np.sqrt(max(fourth - deviation**4, 0.0)) / (2.0 * deviation * root) if deviation > 0.0 else 0.0
    return float(x.mean()), deviation / root, deviation, float(error)
