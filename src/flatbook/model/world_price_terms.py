"""What the prices of a simulated day are made of: underlyings, their options and hedges, what happens to them, and who quotes.

Minutes count from the open. Volatilities are annual decimals of calendar years (act/365) and a vol point is 0.01. Where a share of a
price is meant, the name says so; everything else is in price units.
"""

from datetime import UTC, datetime
from math import isfinite, sqrt

from flatbook.model.instruments import Kind, Settlement, Style, TickBand
from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")
_LARGEST_SMILE = 2.0  # of wings (1 + |tilt|), beyond which a smile holds a butterfly that pays for nothing


def _within(owner: str, name: str, value: float, low: float, high: float) -> None:
    demand(
        isfinite(value) and low <= value <= high,
        f"{owner}: {name} must be from {low:g} to {high:g}, was {value}",
    )


def _span(owner: str, from_minute: float, to_minute: float) -> None:
    demand(
        0.0 <= from_minute < to_minute,
        f"{owner}: from_minute must be 0 or above and before to_minute, was {from_minute} and {to_minute}",
    )


class SmileTerms(Parameters, frozen=True, kw_only=True):
    """Implied volatility by strike and expiry at the open (SSVI, free of arbitrage), and how it moves.

    Each of the four moves is an Ornstein-Uhlenbeck process that starts at 0; deviations are annual, reversions per year.
    """

    vol_near: float = 0.16  # at the money, of an expiry that is near
    vol_far: float = 0.18  # at the money, towards which it goes with time to expiry
    pull_years: float = 0.35  # how fast
    tilt: float = -0.5  # correlation of spot and volatility; below 0 puts cost more
    wings: float = 0.8
    level_deviation: float = 0.8  # of the log of near volatility
    level_reversion: float = 6.0
    spot_correlation: float = -0.7  # of the moves of level and spot
    far_response: float = 0.5  # move of the log of far volatility for a move of 1 of near
    term_deviation: float = 0.15  # of the log of far volatility, by itself
    skew_deviation: float = 0.8  # of the tilt
    curvature_deviation: float = 0.4  # of the log of the wings
    shape_reversion: float = 12.0  # of term, skew and curvature

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name in ("vol_near", "vol_far"):
            _within("smile", name, getattr(self, name), 0.01, 5.0)
        _within("smile", "pull_years", self.pull_years, 1e-3, 100.0)
        _within("smile", "tilt", self.tilt, -0.95, 0.95)
        _within("smile", "wings", self.wings, 0.0, _LARGEST_SMILE / (1.0 + abs(self.tilt)))
        _within("smile", "spot_correlation", self.spot_correlation, -1.0, 1.0)
        _within("smile", "far_response", self.far_response, -2.0, 2.0)
        for name in ("level_deviation", "term_deviation", "skew_deviation", "curvature_deviation"):
            _within("smile", name, getattr(self, name), 0.0, 20.0)
        for name in ("level_reversion", "shape_reversion"):
            _within("smile", name, getattr(self, name), 0.0, 1e6)


class ClassTerms(Parameters, frozen=True, kw_only=True):
    """An option class of an underlying: cash-settled European ones are of an index, American ones deliver shares."""

    name: str
    style: Style = Style.EUROPEAN
    settlement: Settlement = Settlement.PM
    multiplier: float = 100.0
    ticks_per_unit: int = 100
    tick_table: tuple[TickBand, ...] = (TickBand(0, 5), TickBand(300, 10))
    expiry_days: tuple[int, ...] = (
        2,
        9,
    )  # calendar days after today, at the close (AM: the open); 0 is today's close
    expiry_minutes: tuple[int, ...] = ()  # of expiries within the day
    strikes: int = 6  # of each expiry, around the price at the open
    strike_spacing: float = 25.0

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        owner = f"option class {self.name!r}"
        demand(bool(self.name), "option class: name must not be empty")
        demand(
            len(self.expiry_days) + len(self.expiry_minutes) > 0,
            f"{owner}: needs expiry_days or expiry_minutes",
        )
        demand(
            len(set(self.expiry_days)) == len(self.expiry_days)
            and len(set(self.expiry_minutes)) == len(self.expiry_minutes),
            f"{owner}: each expiry once, was {list(self.expiry_days)} and {list(self.expiry_minutes)}",
        )
        soonest = 1 if self.settlement is Settlement.AM else 0
        for days in self.expiry_days:
            _within(owner, "expiry_days", days, soonest, 3650)
        for minutes in self.expiry_minutes:
            _within(owner, "expiry_minutes", minutes, 1, 1440)
        _within(owner, "strikes", self.strikes, 1, 2000)
        demand(
            0.0 < self.strike_spacing < _INFINITE,
            f"{owner}: strike_spacing must be above 0, was {self.strike_spacing}",
        )


class UnderlyingPriceTerms(Parameters, frozen=True, kw_only=True):
    """One underlying."""

    symbol: str
    spot: float = 5000.0  # at the open
    smile: SmileTerms = SmileTerms()
    realised_over_implied: float = 1.0  # volatility of the path over that of the near smile
    drift: float = 0.0  # annual, of the expected price
    dividend_yield: float = 0.0  # continuous
    index_correlation: float = (
        1.0  # with the first underlying, where no matrix is given; two names correlate by the product
    )
    classes: tuple[ClassTerms, ...] = ()

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        owner = f"underlying {self.symbol!r}"
        demand(bool(self.symbol), "underlying: symbol must not be empty")
        demand(0.0 < self.spot < _INFINITE, f"{owner}: spot must be above 0, was {self.spot}")
        _within(owner, "realised_over_implied", self.realised_over_implied, 0.0, 10.0)
        _within(owner, "drift", self.drift, -1000.0, 1000.0)
        _within(owner, "dividend_yield", self.dividend_yield, 0.0, 0.5)
        _within(owner, "index_correlation", self.index_correlation, -1.0, 1.0)
        for each in self.classes:
            lowest = round(self.spot / each.strike_spacing) - each.strikes // 2
            demand(
                lowest > 0,
                f"{owner}: the lowest of {each.strikes} strikes {each.strike_spacing:g} apart around {self.spot:g} is not "
                f"above 0; list fewer or nearer ones",
            )


class HedgePriceTerms(Parameters, frozen=True, kw_only=True):
    """A share, future, ETF or index product with which an underlying's direction can be hedged.

    Its price is ratio x spot^beta (relative to the open) x e^basis, and a future's carry on top. The basis starts at 0 and is told by
    its own deviation or by the correlation of its returns with the underlying's; without either there is none.
    """

    symbol: str  # that of the underlying: the underlying itself
    underlying: str
    kind: Kind = Kind.SHARE
    multiplier: float = 1.0
    ticks_per_unit: int = 100
    tick_table: tuple[TickBand, ...] = (TickBand(0, 1),)
    beta: float = 1.0
    price_ratio: float = 1.0  # of its price at the open, before carry, to the underlying's
    correlation: float = 1.0  # of its returns with the underlying's
    basis_deviation: float = 0.0  # annual, of the log of its price; 0: as the correlation says
    basis_reversion: float = 0.0  # per year
    break_minute: float | None = None  # from which on the basis moves otherwise
    break_multiplier: float = 1.0  # of its deviation from then on
    spread: float = 0.02  # full, price units
    depth: float = 2000.0  # contracts a side at the best price, on average
    fee_per_contract: float = 0.0
    carry: float = 0.0  # of a future, annual, over rate less dividend yield
    expiry_days: int = 70  # of a future, calendar days after today's close
    roll_minute: float | None = None  # from which on trading goes to the next future
    roll_spread_multiplier: float = 3.0  # of the spread from then on
    roll_depth_share: float = 0.2  # of the depth that stays

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        owner = f"hedge {self.symbol!r}"
        demand(bool(self.symbol and self.underlying), f"{owner}: symbol and underlying must not be empty")
        demand(self.kind is not Kind.OPTION, f"{owner}: kind must be share or future")
        for name in ("beta", "price_ratio", "spread", "depth", "roll_spread_multiplier"):
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"{owner}: {name} must be above 0, was {value}")
        demand(
            0.0 < self.correlation <= 1.0,
            f"{owner}: correlation must be above 0 and at most 1, was {self.correlation}",
        )
        demand(
            self.correlation == 1.0 or self.basis_deviation == 0.0,
            f"{owner}: give correlation or basis_deviation, not both",
        )
        for name, high in (
            ("basis_deviation", 5.0),
            ("basis_reversion", 1e7),
            ("break_multiplier", 1e3),
            ("fee_per_contract", 1e6),
            ("roll_depth_share", 1.0),
        ):
            _within(owner, name, getattr(self, name), 0.0, high)
        _within(owner, "carry", self.carry, -1.0, 1.0)
        _within(owner, "expiry_days", self.expiry_days, 0, 3650)
        self._check_exact(owner)

    def _check_exact(self, owner: str) -> None:
        exact = (
            self.beta == 1.0 == self.price_ratio and self.correlation == 1.0 and self.basis_deviation == 0.0
        )
        demand(
            self.symbol != self.underlying or (exact and self.kind is Kind.SHARE),
            f"{owner}: the underlying itself is a share with beta, price_ratio and correlation of 1 and no basis",
        )

    def basis_diffusion(self, vol: float) -> float:
        """Annual deviation of the basis, where the underlying realises `vol`: beta vol sqrt(1 / r^2 - 1) for a correlation r."""
        if self.correlation == 1.0:
            return self.basis_deviation
        return self.beta * vol * sqrt(1.0 / self.correlation**2 - 1.0)


class PriceEventTerms(Parameters, frozen=True, kw_only=True):
    """News at a known minute: prices jump, and the volatility that was in options for it is gone."""

    name: str = "news"
    minute: float
    underlying: str = ""  # empty: all of them, by the same draw
    deviation: float = 0.02  # of the log move
    move: float | None = None  # log move told in place of one drawn
    implied_over_deviation: float = 1.0  # what options hold of it before
    vol_drop: float = 0.0  # share by which implied and realised volatility fall after it; below 0 they rise

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        owner = f"event {self.name!r}"
        demand(0.0 < self.minute < _INFINITE, f"{owner}: minute must be above 0, was {self.minute}")
        _within(owner, "deviation", self.deviation, 0.0, 1.0)
        _within(owner, "implied_over_deviation", self.implied_over_deviation, 0.0, 10.0)
        _within(owner, "vol_drop", self.vol_drop, -10.0, 0.9)
        if self.move is not None:
            _within(owner, "move", self.move, -1.0, 1.0)


class RegimeTerms(Parameters, frozen=True, kw_only=True):
    """A stretch of the day in which everything is wilder, or calmer."""

    from_minute: float = 0.0
    to_minute: float = 1e6
    underlying: str = ""  # empty: all of them
    realised_multiplier: float = 1.0  # of volatility
    implied_multiplier: float = 1.0  # of volatility at all expiries
    spread_multiplier: float = 1.0  # of everybody's quotes
    depth_multiplier: float = 1.0

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _span("regime", self.from_minute, self.to_minute)
        for name in ("realised_multiplier", "implied_multiplier", "spread_multiplier", "depth_multiplier"):
            value = getattr(self, name)
            demand(0.0 < value <= 100.0, f"regime: {name} must be above 0 and at most 100, was {value}")


class HaltTerms(Parameters, frozen=True, kw_only=True):
    """Nothing trades in an underlying, its options and its hedges; what it missed, it moves when it opens again."""

    from_minute: float
    to_minute: float
    underlying: str = ""  # empty: all of them

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _span("halt", self.from_minute, self.to_minute)


class PinTerms(Parameters, frozen=True, kw_only=True):
    """Spot drawn towards a strike before an expiry within the day: the gap closes at strength / (time left + floor)."""

    underlying: str
    expiry_minute: float = 390.0
    strike: float = 0.0  # 0: the listed one that is nearest when it begins
    minutes: float = 120.0  # before expiry, in which it draws
    strength: float = 1.0  # 1: the gap closes in proportion to the time left
    floor_minutes: float = 5.0  # added to the time left, so that it never draws without bound

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        owner = f"pin of {self.underlying!r}"
        demand(bool(self.underlying), "pin: underlying must not be empty")
        for name in ("expiry_minute", "minutes", "floor_minutes"):
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"{owner}: {name} must be above 0, was {value}")
        _within(owner, "strength", self.strength, 0.0, 100.0)
        demand(0.0 <= self.strike < _INFINITE, f"{owner}: strike must be 0 or above, was {self.strike}")


class CrowdQuoteTerms(Parameters, frozen=True, kw_only=True):
    """How everybody else quotes options around what they are worth."""

    half_spread_points: float = 0.25  # vol points, at the money
    half_spread_min_ticks: float = 1.0  # of the smallest step of the class
    half_spread_of_delta: float = 2e-5  # of spot, for a delta of 1: what their own hedge costs
    wing_widening: float = 0.25  # more for each deviation from the money
    open_widening: float = 0.5  # more at the open, fading within half an hour
    news_widening: float = 2.0  # more after a jump or news
    news_minutes: float = 10.0  # in which that fades to a third
    lean: float = 0.5  # largest distance of their middle from what it is worth, in half-spreads
    lean_minutes: float = 15.0  # over which it changes
    size: float = 30.0  # contracts a side, on average

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        for name in ("half_spread_points", "half_spread_min_ticks", "news_widening", "open_widening"):
            _within("crowd", name, getattr(self, name), 0.0, 1000.0)
        _within("crowd", "half_spread_of_delta", self.half_spread_of_delta, 0.0, 0.1)
        _within("crowd", "wing_widening", self.wing_widening, 0.0, 100.0)
        _within("crowd", "lean", self.lean, 0.0, 1.0)
        for name in ("news_minutes", "lean_minutes"):
            value = getattr(self, name)
            demand(0.0 < value < _INFINITE, f"crowd: {name} must be above 0, was {value}")
        _within("crowd", "size", self.size, 1.0, 1e6)


_INDEX = UnderlyingPriceTerms(symbol="IDX", classes=(ClassTerms(name="IDX"),))
_FUTURE = HedgePriceTerms(
    symbol="IDXFUT",
    underlying="IDX",
    kind=Kind.FUTURE,
    multiplier=50.0,
    tick_table=(TickBand(0, 25),),
    spread=0.25,
    depth=60.0,
    fee_per_contract=1.2,
)
_ETF = HedgePriceTerms(
    symbol="IDXETF",
    underlying="IDX",
    price_ratio=0.1,
    correlation=0.995,
    spread=0.02,
    depth=3000.0,
    fee_per_contract=0.005,
)


class PriceTerms(Parameters, frozen=True, kw_only=True):
    """The prices of a day."""

    opens: datetime = datetime(2027, 1, 6, 14, 30, tzinfo=UTC)
    session_minutes: float = 390.0
    next_open_days: int = 1  # calendar days from today's open to the next session's
    spacing_seconds: float = 60.0  # between two moments of the market
    calendar: str = "SIM"  # name of the exchange's sessions
    currency: str = "USD"
    rate: float = 0.04  # continuous annual, of every maturity
    session_weight: float = 1.0  # variance of an hour of the session over that of an hour of calendar time
    seasonality: bool = True  # variance and volume are larger at the open and the close
    underlyings: tuple[UnderlyingPriceTerms, ...] = (_INDEX,)
    correlation: tuple[tuple[float, ...], ...] = ()  # of returns; empty: as each index_correlation says
    hedges: tuple[HedgePriceTerms, ...] = (_FUTURE, _ETF)
    crowd: CrowdQuoteTerms = CrowdQuoteTerms()
    jumps_per_day: float = 0.0  # on average, of all underlyings at once, sized like their volatility
    jump_variance_share: float = 0.2  # of the day's variance that is in them
    events: tuple[PriceEventTerms, ...] = ()
    regimes: tuple[RegimeTerms, ...] = ()
    halts: tuple[HaltTerms, ...] = ()
    pins: tuple[PinTerms, ...] = ()
    history_days: int = 0  # daily closes before today that a desk is told

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        demand(self.opens.tzinfo is not None, f"prices: opens needs a time zone, was {self.opens}")
        _within("prices", "session_minutes", self.session_minutes, 1.0, 1440.0)
        _within("prices", "next_open_days", self.next_open_days, 1, 30)
        _within("prices", "spacing_seconds", self.spacing_seconds, 0.1, 60.0 * self.session_minutes)
        _within("prices", "rate", self.rate, 0.0, 0.5)
        _within("prices", "session_weight", self.session_weight, 0.0, 24.0)
        _within("prices", "jumps_per_day", self.jumps_per_day, 0.0, 1000.0)
        _within("prices", "jump_variance_share", self.jump_variance_share, 0.0, 0.95)
        _within("prices", "history_days", self.history_days, 0, 5000)
        demand(
            self.next_open_days * 1440.0 >= self.session_minutes,
            "prices: the next session must not open before this one has closed",
        )
        self._check_names()
        self._check_correlation()

    def _check_names(self) -> None:
        names = [each.symbol for each in self.underlyings]
        demand(len(names) > 0, "prices: needs an underlying")
        symbols, classes = (
            [each.symbol for each in self.hedges],
            [each.name for one in self.underlyings for each in one.classes],
        )
        for what, told in (("underlyings", names), ("hedges", symbols), ("option classes", classes)):
            demand(len(set(told)) == len(told), f"prices: {what} must differ, was {told}")
        meant = [each.underlying for each in self.hedges] + [each.underlying for each in self.pins]
        some = [each.underlying for each in self.events] + [each.underlying for each in self.regimes]
        meant += filter(None, some + [each.underlying for each in self.halts])
        for name in meant:
            demand(name in names, f"prices: {name!r} is no underlying; there are {', '.join(names)}")
        hedged = {each.underlying for each in self.hedges}
        for each in self.underlyings:
            demand(
                bool(each.classes) or each.symbol in hedged,
                f"prices: {each.symbol} has neither options nor hedges",
            )
            latest = max((minute for one in each.classes for minute in one.expiry_minutes), default=0)
            demand(
                latest <= self.session_minutes,
                f"prices: an expiry of {each.symbol} at minute {latest} lies after the close at {self.session_minutes:g}",
            )

    def _check_correlation(self) -> None:
        n, told = len(self.underlyings), self.correlation
        if not told:
            return
        square = len(told) == n and all(len(row) == n for row in told)
        demand(square, f"prices: correlation must have {n} rows of {n}")
        demand(
            all(told[i][i] == 1.0 for i in range(n))
            and all(
                told[i][j] == told[j][i] and -1.0 <= told[i][j] <= 1.0 for i in range(n) for j in range(n)
            ),
            "prices: correlation must be symmetric, with 1 on its diagonal and -1 to 1 elsewhere",
        )
