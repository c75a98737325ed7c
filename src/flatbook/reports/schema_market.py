"""How good the market data was, as the plan report keeps it."""

from flatbook.reports.schema_parts import Number, Part


class ExpiryHealth(Part, frozen=True, kw_only=True):
    """One expiry of one class."""

    option_class: str
    underlying: str
    expiry: str
    days: float
    currency: str  # of the quotes
    price_decimals: int  # of the finest tick
    forward: Number
    forward_source: str  # parity, future, carry, none
    rate: Number  # continuous, annual
    rate_source: str  # curve, parity, terms, assumed_zero, none (coin-settled)
    parity_residual: Number  # median, price units
    atm_vol: Number
    borrow: Number  # continuous, annual: what rate and listed dividends leave of the forward
    borrow_error: Number  # standard error
    variance_years: float  # variance time to expiry; calendar years without a clock
    calendar_vol: Number  # atm_vol's total variance over calendar years
    forward_vol: Number  # in variance time, from the expiry before
    series: int
    usable: int  # of them with a quote that is used
    theo_inside_share: Number  # of the usable ones with a bid, whose theo lies inside bid and ask
    reason: str  # why it is not valued
    warning: str  # what to know of it though it is valued; mostly empty


class FaultCount(Part, frozen=True, kw_only=True):
    """How many live series of a class have one fault."""

    fault: str
    text: str
    series: int


class ClassQuotes(Part, frozen=True, kw_only=True):
    """The quotes of one option class."""

    option_class: str
    live: int  # series that have not expired
    usable_share: Number  # of them
    spread_ratio: Number  # median of spread over the class's usual spread at that price
    oldest_s: Number  # age of the oldest usable quote
    faults: tuple[FaultCount, ...]  # a quote may have several


class StatusCount(Part, frozen=True, kw_only=True):
    """How many option series have a quote of one kind."""

    status: str
    text: str
    series: int


class UnvaluedHeld(Part, frozen=True, kw_only=True):
    """A contract we hold and cannot value: it counts at its worst case."""

    symbol: str
    underlying: str
    position: int
    reason: str


class UnvaluedGroup(Part, frozen=True, kw_only=True):
    """Contracts we do not hold and cannot value, by reason."""

    reason: str
    series: int
    symbols: tuple[str, ...]  # the first 20


class EventRow(Part, frozen=True, kw_only=True):
    """A dated event, and what the quotes say of its move."""

    underlying: str
    name: str
    at: str
    move_sd: Number  # standard deviation of the log move
    move_sd_error: Number
    trading_days: Number  # its variance, in trading days of the volatility until then
    trading_days_error: Number
    reason: str  # why it is not told


class SpotVolTenor(Part, frozen=True, kw_only=True):
    """The skew stickiness ratio at one time to expiry."""

    name: str  # its days, as 30d
    days: float  # calendar
    stickiness: float  # as the desk file has it
    stickiness_estimate: Number  # from published surfaces, drawn to it
    stickiness_error: Number  # standard error of the estimate
    moves_seen: float  # how many moves of equal size would tell as much


class SpotVolRow(Part, frozen=True, kw_only=True):
    """How the volatility of one underlying follows its price: as configured, and as observed."""

    underlying: str
    estimate_used: bool  # True: deltas, slides and explain read the estimates; False: what is configured
    beta: float  # vol per log return, where no smile tells a skew
    beta_estimate: Number
    beta_error: Number
    tenor_exponent: float
    tenor_exponent_estimate: Number
    tenor_exponent_error: Number
    tenors: tuple[SpotVolTenor, ...]


class MarketHealth(Part, frozen=True, kw_only=True):
    """What of the market could be used."""

    usable_share: Number  # of two-sided live series
    expiries: tuple[ExpiryHealth, ...]
    statuses: tuple[StatusCount, ...]
    classes: tuple[ClassQuotes, ...]
    events: tuple[EventRow, ...]
    spot_vol: tuple[SpotVolRow, ...]
    unvalued_held: tuple[UnvaluedHeld, ...]
    unvalued_other: tuple[UnvaluedGroup, ...]
