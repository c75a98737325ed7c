"""A day of customer flow that leans one way, and the market maker who takes the other side of it.

SYNTHETIC. Customers pay the offer and are paid the bid of the moment while spot drifts up: most buy calls of the weekly
index options; others write calls on the share they own, or buy puts on it. The venue repeats one fill, corrects one and
busts one.
"""

from dataclasses import dataclass
from datetime import date
from math import log, sqrt

import numpy as np

from flatbook.model.events import Capacity, Fill, FillBusted, FillCorrected
from flatbook.model.instruments import Instrument, Right, Side
from flatbook.sim.chain import quote
from flatbook.sim.chance import Chance
from flatbook.sim.listing import EXPIRIES, INDEX, INDEX_WEEKLY, SHARE, TODAY, Expiry, option
from flatbook.sim.world import AT_NS, ISSUERS, OPEN_NS, Issuer, fair

FillEvent = Fill | FillCorrected | FillBusted
TRADES = 300
_MINUTE_NS = 60_000_000_000
_MS_NS = 1_000_000
_YEAR_MINUTES = 252 * 390
_FEE_OF_VENUE = {"SIM1": 0.35, "SIM2": 0.25, "SIM3": -0.12}  # USD a contract; minus is a rebate
_NO_LEAN = np.zeros(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What one kind of customer does: how often, in what, and how far from the money."""

    weight: float
    option_class: str
    days: tuple[date, ...]
    right: Right
    sides: tuple[Side, ...]  # the customer's
    low: float  # strike less forward, in standard deviations to expiry
    high: float
    contracts: float  # mean size


# The third Friday twice: it draws as much as the two weeks around it.
_WEEKLY_DAYS = (date(2027, 1, 8), date(2027, 1, 15), date(2027, 1, 15), date(2027, 1, 29))
_MONTHLY_DAYS = (date(2027, 2, 19), date(2027, 3, 19))
_SHARE_DAYS = (date(2027, 1, 15), date(2027, 2, 19), date(2027, 4, 16))
_BUY, _SELL = (Side.BUY,), (Side.SELL,)

HABITS: tuple[Habit, ...] = (
    Habit(weight=0.46, option_class=INDEX_WEEKLY, days=_WEEKLY_DAYS, right=Right.CALL, sides=_BUY, low=0.1, high=1.5, contracts=2.5),
    Habit(weight=0.08, option_class=INDEX_WEEKLY, days=(TODAY,), right=Right.CALL, sides=_BUY, low=1.2, high=2.6, contracts=1.5),
    Habit(weight=0.08, option_class=INDEX, days=_MONTHLY_DAYS, right=Right.CALL, sides=_BUY, low=0.3, high=1.2, contracts=1.5),
    Habit(weight=0.07, option_class=INDEX, days=_MONTHLY_DAYS, right=Right.PUT, sides=_BUY, low=-1.8, high=-0.8, contracts=1.2),
    Habit(weight=0.12, option_class=SHARE, days=_SHARE_DAYS, right=Right.CALL, sides=_SELL, low=0.3, high=1.2, contracts=6.0),
    Habit(weight=0.10, option_class=SHARE, days=_SHARE_DAYS, right=Right.PUT, sides=_BUY, low=-1.4, high=-0.2, contracts=5.0),
    Habit(weight=0.09, option_class=INDEX_WEEKLY, days=_WEEKLY_DAYS, right=Right.PUT, sides=(Side.BUY, Side.SELL), low=-1.5, high=-0.3, contracts=1.5),
)  # fmt: skip
_CAPACITIES = (Capacity.CUSTOMER, Capacity.FIRM, Capacity.MARKET_MAKER)
_CAPACITY_WEIGHTS = (0.86, 0.08, 0.06)


def day_of_flow(chance: Chance) -> tuple[FillEvent, ...]:
    """Our fills of the day in the order in which they reached us."""
    paths = spot_paths(chance)
    times = sorted(_time(chance) for _ in range(TRADES))
    fills = [_fill(number, at_ns, paths, chance) for number, at_ns in enumerate(times, start=1)]
    return _with_mistakes(fills, chance)


def spot_paths(chance: Chance) -> dict[str, list[float]]:
    """Spot of every underlying at each minute from the open to the snapshot."""
    return {name: _path(issuer, chance) for name, issuer in ISSUERS.items()}


def spot_at(path: list[float], at_ns: int) -> float:
    """Spot of the minute that holds an instant."""
    return path[(at_ns - OPEN_NS) // _MINUTE_NS]


def _time(chance: Chance) -> int:
    """An instant of the day in whole milliseconds: busier after the open than at noon."""
    share = chance.share()
    return OPEN_NS + int((0.6 * share + 0.4 * share**2) * (AT_NS - OPEN_NS)) // _MS_NS * _MS_NS


def _path(issuer: Issuer, chance: Chance) -> list[float]:
    """A Brownian bridge in the logarithm, from the opening price to that of the snapshot."""
    minutes = (AT_NS - OPEN_NS) // _MINUTE_NS
    deviation = issuer.vol_today / sqrt(_YEAR_MINUTES)
    free = np.cumsum([0.0] + [deviation * chance.normal() for _ in range(minutes)])
    along = np.arange(minutes + 1) / minutes
    tied = free - along * free[-1] + along * log(issuer.spot / issuer.spot_open)
    return [float(spot) for spot in np.round(issuer.spot_open * np.exp(tied), 2)]


def _fill(number: int, at_ns: int, paths: dict[str, list[float]], chance: Chance) -> Fill:
    habit = chance.weighted(HABITS, [each.weight for each in HABITS])
    expiry = _expiry(habit.option_class, chance.one_of(habit.days))
    name = SHARE if habit.option_class == SHARE else INDEX
    spot = spot_at(paths[name], at_ns)
    item = _series(expiry, habit.right, chance.between(habit.low, habit.high), at_ns, spot)
    theirs = chance.one_of(habit.sides)
    bid, ask = quote((item,), at_ns, spot, _NO_LEAN)[0]
    price_ticks = ask if theirs is Side.BUY else bid
    assert price_ticks is not None, f"{item.symbol}: nobody bids at {spot}"
    quantity = 1 + int(chance.wait(habit.contracts))
    venue = chance.one_of(tuple(_FEE_OF_VENUE))
    return Fill(
        received_ns=at_ns,
        fill_id=f"{venue}-{number:04d}",
        instrument=item.symbol,
        side=Side(-theirs),
        quantity=quantity,
        price_ticks=price_ticks,
        traded_ns=at_ns,
        capacity=chance.weighted(_CAPACITIES, _CAPACITY_WEIGHTS),
        venue=venue,
        fee=round(_FEE_OF_VENUE[venue] * quantity, 2),
    )


def _expiry(option_class: str, day: date) -> Expiry:
    return next(each for each in EXPIRIES if each.option_class == option_class and each.day == day)


def _series(expiry: Expiry, right: Right, deviations: float, at_ns: int, spot: float) -> Instrument:
    """The listed series nearest to a distance from the forward, in standard deviations to expiry."""
    at_forward = option(expiry, spot, right)
    worth = fair((at_forward,), at_ns, spot)
    target = float(worth.forward[0] * np.exp(deviations * worth.deviation[0]))
    return option(expiry, min(expiry.strikes, key=lambda strike: abs(strike - target)), right)


def _with_mistakes(fills: list[Fill], chance: Chance) -> tuple[FillEvent, ...]:
    """The fills, one of them sent twice, one corrected and one busted."""
    repeated, corrected, busted = chance.some_of(
        3, [fill for fill in fills if fill.quantity > 1][: TRADES // 2]
    )
    later = _MINUTE_NS * 7
    correction = FillCorrected(
        received_ns=corrected.received_ns + later,
        correction_id=f"{corrected.fill_id}-C1",
        fill_id=corrected.fill_id,
        quantity=corrected.quantity - 1,
        price_ticks=corrected.price_ticks,
        corrected_ns=corrected.received_ns + later,
    )
    bust = FillBusted(
        received_ns=busted.received_ns + later,
        bust_id=f"{busted.fill_id}-B1",
        fill_id=busted.fill_id,
        busted_ns=busted.received_ns + later,
    )
    everything: list[FillEvent] = [*fills, repeated, correction, bust]
    return tuple(sorted(everything, key=lambda event: event.received_ns))
