"""The contracts of a made-up exchange: a broad index with its monthly and weekly options, and a share with its own.

SYNTHETIC: no such index, share or listing exists. The terms follow the usual US ones: European index options, monthly
on the opening and weekly on the close, and American share options.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flatbook.model.instruments import Instrument, Kind, Right, Settlement, Style, TickBand

INDEX, INDEX_WEEKLY, SHARE = "IDX", "IDXW", "ACME"
TODAY = date(2027, 1, 6)
_NEW_YORK = ZoneInfo("America/New_York")
_OPEN, _CLOSE = time(9, 30), time(16, 0)
_INDEX_TICKS = (TickBand(0, 5), TickBand(300, 10))
_SHARE_TICKS = (TickBand(0, 1), TickBand(300, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One expiry of one class, and which strikes it lists: `step` apart near `centre`, `far_step` apart beyond."""

    option_class: str
    day: date
    settlement: Settlement
    centre: float
    step: float
    reach: float
    far_step: float
    low: float
    high: float

    @property
    def instant_ns(self) -> int:
        """When it settles, UTC nanoseconds."""
        return instant_ns(self.day, _OPEN if self.settlement is Settlement.AM else _CLOSE)

    @property
    def strikes(self) -> tuple[float, ...]:
        """Ascending."""
        near = _grid(self.centre - self.reach, self.centre + self.reach, self.step)
        far = _grid(self.low, self.high, self.far_step)
        beyond = [strike for strike in far if abs(strike - self.centre) > self.reach]
        return tuple(sorted([*near, *beyond]))


def instant_ns(day: date, at: time) -> int:
    """UTC nanoseconds of a wall-clock time in New York."""
    return int(datetime.combine(day, at, tzinfo=_NEW_YORK).timestamp()) * 1_000_000_000


def _grid(low: float, high: float, step: float) -> list[float]:
    return [low + number * step for number in range(round((high - low) / step) + 1)]


def _index(
    option_class: str, day: date, near: tuple[float, float], far: tuple[float, float, float]
) -> Expiry:
    return Expiry(
        option_class=option_class,
        day=day,
        settlement=Settlement.AM if option_class == INDEX else Settlement.PM,
        centre=5000.0,
        step=near[0],
        reach=near[1],
        far_step=far[0],
        low=far[1],
        high=far[2],
    )


def _share(day: date) -> Expiry:
    return Expiry(
        option_class=SHARE,
        day=day,
        settlement=Settlement.PM,
        centre=120.0,
        step=2.5,
        reach=15.0,
        far_step=5.0,
        low=85.0,
        high=160.0,
    )


EXPIRIES: tuple[Expiry, ...] = (
    _index(INDEX_WEEKLY, TODAY, (5.0, 60.0), (25.0, 4850.0, 5125.0)),
    _index(INDEX_WEEKLY, date(2027, 1, 8), (10.0, 100.0), (25.0, 4700.0, 5200.0)),
    _index(INDEX, date(2027, 1, 15), (25.0, 150.0), (50.0, 4400.0, 5300.0)),
    _index(INDEX_WEEKLY, date(2027, 1, 15), (25.0, 200.0), (50.0, 4400.0, 5350.0)),
    _index(INDEX_WEEKLY, date(2027, 1, 29), (25.0, 250.0), (100.0, 4200.0, 5500.0)),
    _index(INDEX, date(2027, 2, 19), (25.0, 250.0), (100.0, 4000.0, 5600.0)),
    _index(INDEX, date(2027, 3, 19), (50.0, 400.0), (100.0, 3800.0, 5800.0)),
    _share(date(2027, 1, 15)),
    _share(date(2027, 2, 19)),
    _share(date(2027, 4, 16)),
    _share(date(2027, 7, 16)),
)


def listed() -> tuple[Instrument, ...]:
    """Every option of the made-up exchange: by expiry, then strike, the call before the put."""
    return tuple(
        option(expiry, strike, right)
        for expiry in EXPIRIES
        for strike in expiry.strikes
        for right in (Right.CALL, Right.PUT)
    )


def option(expiry: Expiry, strike: float, right: Right) -> Instrument:
    """One series."""
    of_share = expiry.option_class == SHARE
    return Instrument(
        symbol=_symbol(expiry, strike, right),
        underlying=SHARE if of_share else INDEX,
        option_class=expiry.option_class,
        kind=Kind.OPTION,
        multiplier=100.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=_SHARE_TICKS if of_share else _INDEX_TICKS,
        expiry_ns=expiry.instant_ns,
        strike=strike,
        right=right,
        style=Style.AMERICAN if of_share else Style.EUROPEAN,
        settlement=expiry.settlement,
    )


def _symbol(expiry: Expiry, strike: float, right: Right) -> str:
    letter = "C" if right is Right.CALL else "P"
    return f"{expiry.option_class}{expiry.day:%y%m%d}{letter}{round(strike * 1000):08d}"
