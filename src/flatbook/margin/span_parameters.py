"""What a clearing house sets for SPAN: scan ranges, tiers, spreads, minima.

Source of the names: CME, "Components of SPAN" and the SPAN report pages (Scan Rate Tiers, Intra Spreads, Inter Spreads);
the numbers are data (`adapters/margin_parameters/span.toml`, or the clearing house's own file). Years are counted from
the moment of the positions; a band of expiries holds its start and not its end.
"""

from enum import StrEnum
from itertools import combinations
from math import isfinite

from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters

SCENARIOS = 16
DELTA_WEIGHTS = 4  # at no move, and at a third, two thirds and all of the range on either side
_ENDLESS = float("inf")


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)


class Side(StrEnum):
    """Which side of a spread a leg is on; legs of different sides are held opposite ways."""

    A = "A"
    B = "B"


class ShortOptionMethod(StrEnum):
    """Which short options the minimum counts."""

    MAX = "max"  # the larger of short calls and short puts
    SUM = "sum"  # both


class CreditMethod(StrEnum):
    """What the rate of a spread between commodities is."""

    WEIGHTED = "weighted"  # a share of each leg's weighted futures price risk
    FLAT = "flat"  # an amount per spread, an equal part of it to each leg


class SpanTier(Parameters, frozen=True, kw_only=True):
    """A band of expiries that spreads treat alike."""

    number: int  # from 1; 0 in a spread's leg means every expiry
    from_years: float = 0.0
    to_years: float = _ENDLESS

    def __post_init__(self) -> None:
        """Refuse a band of nothing."""
        _demand(self.number >= 1, f"span tier: number must be 1 or more, was {self.number}")
        _demand(
            self.from_years < self.to_years,
            f"span tier {self.number}: from_years must be below to_years, was {self.from_years} and {self.to_years}",
        )


class SpreadLeg(Parameters, frozen=True, kw_only=True):
    """One leg of a spread: a tier, or a band of its own where both ends are given."""

    side: Side
    ratio: float = 1.0  # deltas in one spread
    tier: int = 0
    combined: str = ""  # combined commodity; empty within one
    from_years: float | None = None
    to_years: float | None = None

    def __post_init__(self) -> None:
        """Refuse a leg that takes nothing."""
        _demand(0.0 < self.ratio < _ENDLESS, f"span spread leg: ratio must be above 0, was {self.ratio}")
        _demand(self.tier >= 0, f"span spread leg: tier must be 0 or more, was {self.tier}")
        _demand(
            (self.from_years is None) == (self.to_years is None),
            "span spread leg: give both from_years and to_years, or neither",
        )


class IntraSpread(Parameters, frozen=True, kw_only=True):
    """A spread between expiries of one combined commodity, and what it costs."""

    priority: int  # lower is formed first
    charge: float  # currency for one spread
    legs: tuple[SpreadLeg, ...]

    def __post_init__(self) -> None:
        """Refuse a spread that pays, or that has one side only."""
        name = f"span spread {self.priority}"
        _demand(0.0 <= self.charge < _ENDLESS, f"{name}: charge must be 0 or above, was {self.charge}")
        _demand(
            {leg.side for leg in self.legs} == {Side.A, Side.B},
            f"{name}: it needs a leg A and a leg B at least",
        )


class InterSpread(Parameters, frozen=True, kw_only=True):
    """A spread between combined commodities, and what it releases."""

    priority: int
    rate: float  # share, 0.55 for 55 %; currency for one spread where the method is flat
    method: CreditMethod = CreditMethod.WEIGHTED
    legs: tuple[SpreadLeg, ...]

    def __post_init__(self) -> None:
        """Refuse a spread that charges, or of one commodity."""
        name = f"span inter spread {self.priority}"
        most = 1.0 if self.method is CreditMethod.WEIGHTED else _ENDLESS
        _demand(
            0.0 <= self.rate <= most and isfinite(self.rate),
            f"{name}: rate must be a share from 0 to 1, or an amount of 0 or more where flat, was {self.rate}",
        )
        names = [leg.combined for leg in self.legs]
        _demand(
            len(names) >= 2
            and len({(leg.combined, leg.tier) for leg in self.legs}) == len(names)
            and all(names),
            f"{name}: it needs two legs or more, each with a combined commodity and tier of its own",
        )
        _demand(
            all(leg.from_years is None for leg in self.legs),
            f"{name}: its legs are tiers, not bands of their own",
        )


class SpotCharge(Parameters, frozen=True, kw_only=True):
    """What positions near delivery cost beside their risk."""

    from_years: float = 0.0
    to_years: float
    outright: float  # currency for one delta that is in no spread
    spread: float  # currency for one delta that is in an intra-commodity spread

    def __post_init__(self) -> None:
        """Refuse a charge that pays."""
        _demand(self.from_years < self.to_years, "span spot charge: from_years must be below to_years")
        _demand(
            0.0 <= self.outright < _ENDLESS and 0.0 <= self.spread < _ENDLESS,
            f"span spot charge: outright and spread must be 0 or above, was {self.outright} and {self.spread}",
        )


class ScanRanges(Parameters, frozen=True, kw_only=True):
    """How far one combined commodity is moved."""

    price_scan_points: float | None = None  # price units of the underlying; one of this and the next
    price_scan_pct: float | None = None  # percent of the underlying's price
    vol_scan: float  # annual decimal, or share of the volatility
    vol_scan_relative: bool = True
    short_option_minimum: float | None = (
        None  # currency for one short option contract; one of this and the next
    )
    short_option_minimum_pct: float | None = (
        None  # percent of what one contract of the underlying loses by the range
    )

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be meant."""
        points, percent = self.price_scan_points, self.price_scan_pct
        _demand(
            (points is None) != (percent is None),
            "span: give price_scan_points or price_scan_pct, one of them",
        )
        _demand(
            points is None or 0.0 < points < _ENDLESS,
            f"span: price_scan_points must be above 0, was {points}",
        )
        _demand(
            percent is None or 0.0 < percent < 100.0,
            f"span: price_scan_pct must be from 0 to 100, was {percent}",
        )
        most = 1.0 if self.vol_scan_relative else 5.0
        _demand(
            0.0 <= self.vol_scan < most, f"span: vol_scan must be from 0 to {most:g}, was {self.vol_scan}"
        )
        minima = (self.short_option_minimum, self.short_option_minimum_pct)
        _demand(
            all(each is None or 0.0 <= each < _ENDLESS for each in minima) and None in minima,
            "span: give short_option_minimum or short_option_minimum_pct, 0 or above, not both",
        )

    def points_at(self, underlying_price: float) -> float:
        """The price scan range in price units."""
        if self.price_scan_points is not None:
            return self.price_scan_points
        return (self.price_scan_pct or 0.0) / 100.0 * underlying_price

    def minimum_at(self, range_loss: float) -> float:
        """Currency for one short option, where a contract of the underlying loses `range_loss` by the range."""
        if self.short_option_minimum is not None:
            return self.short_option_minimum
        return (self.short_option_minimum_pct or 0.0) / 100.0 * range_loss


class SpanCommodity(Parameters, frozen=True, kw_only=True):
    """One combined commodity: everything that is scanned together."""

    name: str
    currency: str = "USD"
    ranges: ScanRanges | None = None  # needed where we price; a file's arrays have them inside
    premium_style: bool = True  # options are paid for on trading; otherwise margined like futures
    short_option_method: ShortOptionMethod = ShortOptionMethod.SUM
    initial_ratio: float | None = None  # initial over maintenance; that of all where nothing is said
    delta_unit: float = (
        0.0  # units of the underlying in one delta of a spread; 0: one contract, whatever its size
    )
    months_years: tuple[float, ...] = ()  # expiries of its futures, ascending: where options' deltas count
    tiers: tuple[SpanTier, ...] = ()
    spreads: tuple[IntraSpread, ...] = ()
    spot_charges: tuple[SpotCharge, ...] = ()

    def __post_init__(self) -> None:
        """Refuse tables that do not fit together."""
        name = f"span commodity {self.name}"
        ratio = self.initial_ratio
        _demand(
            ratio is None or 1.0 <= ratio <= 10.0, f"{name}: initial_ratio must be from 1 to 10, was {ratio}"
        )
        _demand(
            0.0 <= self.delta_unit < _ENDLESS, f"{name}: delta_unit must be 0 or above, was {self.delta_unit}"
        )
        _demand(
            list(self.months_years) == sorted(set(self.months_years)),
            f"{name}: months_years must ascend, each once",
        )
        numbers = [tier.number for tier in self.tiers]
        _demand(len(set(numbers)) == len(numbers), f"{name}: a tier stands twice in {numbers}")
        for spread in self.spreads:
            self._check_spread(spread, f"{name}, spread {spread.priority}")

    def _check_spread(self, spread: IntraSpread, name: str) -> None:
        for leg in spread.legs:
            _demand(leg.combined in ("", self.name), f"{name}: leg of another commodity, {leg.combined}")
            self.band_of(leg)
        for one, other in combinations(spread.legs, 2):
            a, b = self.band_of(one), self.band_of(other)
            _demand(
                one.side is not other.side or a[0] >= b[1] or b[0] >= a[1],
                f"{name}: two legs on side {one.side.value} share expiries",
            )

    def band_of(self, leg: SpreadLeg) -> tuple[float, float]:
        """First and past-the-last years of the expiries that a leg takes.

        Raises
        ------
        InvalidValueError
            The leg names a tier that is not there.
        """
        if leg.from_years is not None and leg.to_years is not None:
            return leg.from_years, leg.to_years
        if leg.tier == 0:
            return -_ENDLESS, _ENDLESS
        for tier in self.tiers:
            if tier.number == leg.tier:
                return tier.from_years, tier.to_years
        message = f"span commodity {self.name}: no tier {leg.tier}, which a spread names"
        raise InvalidValueError(message)


class SpanParameters(Parameters, frozen=True, kw_only=True):
    """Everything that SPAN is told."""

    extreme_multiple: float  # of the price scan range, in scenarios 15 and 16
    extreme_cover: float  # share of their loss that counts
    look_ahead_days: float  # calendar days by which options are revalued later
    delta_weights: tuple[
        float, ...
    ]  # of composite delta: no move, a third, two thirds, all of the range (each side)
    long_option_cap: bool  # a commodity of long options alone needs no more than they are worth
    initial_ratio: float  # initial over maintenance
    match_days: float  # how far a file's expiry may be from a leg's
    currency: str = "USD"
    generic: ScanRanges | None = None  # for futures of commodities that are not listed; None refuses them
    commodities: tuple[SpanCommodity, ...] = ()
    inter_spreads: tuple[InterSpread, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parameters that cannot be meant."""
        _demand(
            1.0 <= self.extreme_multiple <= 20.0,
            f"span: extreme_multiple from 1 to 20, was {self.extreme_multiple}",
        )
        _demand(
            0.0 <= self.extreme_cover <= 1.0, f"span: extreme_cover from 0 to 1, was {self.extreme_cover}"
        )
        _demand(
            0.0 <= self.look_ahead_days <= 30.0,
            f"span: look_ahead_days from 0 to 30, was {self.look_ahead_days}",
        )
        _demand(0.0 < self.match_days <= 20.0, f"span: match_days above 0, at most 20, was {self.match_days}")
        _demand(
            1.0 <= self.initial_ratio <= 10.0, f"span: initial_ratio from 1 to 10, was {self.initial_ratio}"
        )
        weights = self.delta_weights
        _demand(
            len(weights) == DELTA_WEIGHTS and all(0.0 <= weight <= 1.0 for weight in weights),
            f"span: delta_weights are {DELTA_WEIGHTS} shares, were {list(weights)}",
        )
        _demand(
            abs(weights[0] + 2.0 * sum(weights[1:]) - 1.0) <= 0.005,
            "span: delta_weights (all but the first counted twice) must come to 1",
        )
        names = [one.name for one in self.commodities]
        _demand(len(set(names)) == len(names), "span: a commodity is listed twice")
        for spread in self.inter_spreads:
            for leg in spread.legs:
                self.commodity_of(leg.combined).band_of(leg)

    def commodity_of(self, name: str) -> SpanCommodity:
        """The commodity, or one without tables where it is not listed."""
        found = (one for one in self.commodities if one.name == name)
        return next(found, SpanCommodity(name=name, currency=self.currency))

    def ratio_of(self, commodity: SpanCommodity) -> float:
        """Initial over maintenance of a commodity."""
        return self.initial_ratio if commodity.initial_ratio is None else commodity.initial_ratio
