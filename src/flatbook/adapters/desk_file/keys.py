"""Every key a desk file may have: its type, unit, default and range, in one table.

docs/config-reference.md tells the same to people; a test holds the two together.
"""

from flatbook.adapters.desk_file.flow_keys import ALPHA, FLOW
from flatbook.adapters.desk_file.hedge_keys import HEDGE, HEDGING
from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.adapters.desk_file.offset_keys import OFFSETS
from flatbook.adapters.desk_file.order_keys import ORDERS
from flatbook.adapters.desk_file.quoting_keys import DUTY, FAST_MARKET, PROTECTION
from flatbook.model.factor_terms import FactorTerms
from flatbook.model.measures import BUCKET_NAMES
from flatbook.model.parameters import (
    ClockTerms,
    HaircutRange,
    Limit,
    LimitMeasure,
    QuotingRules,
    RiskAppetite,
    SlideTerms,
    SlideTime,
    UnderlyingTerms,
    VolShift,
)

_POSITIVE = Range(low=0.0, low_open=True)
_NOT_NEGATIVE = Range(low=0.0)
_FROM_ONE = Range(low=1.0, high=1e9)
_ONE_OR_MORE = Range(low=1.0)
_FLAT = QuotingRules()
_APPETITE = RiskAppetite(aversion_per_usd=0.5)  # for the defaults of its other fields
_TERMS = UnderlyingTerms(symbol="any")
_CLOCK = ClockTerms()
_MOVES = FactorTerms()
_LIMIT = Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1.0)
_SLIDE = SlideTerms(name="any", moves_pct=(0.0,))

DESK = Section(
    name="desk",
    required=True,
    keys=(
        Key(name="name", type=Type.TEXT, text="what the desk is called on screens", default="desk"),
        Key(
            name="risk_aversion_per_usd", unit="1/USD", required=True,
            text="absolute risk aversion: what a variance of 1 USD squared costs, times two",
            range=Range(low=0.0, high=1.0, low_open=True, high_open=True),
        ),
        Key(
            name="holding_days", unit="calendar days", default=_APPETITE.holding_days,
            text="how long a position is expected to be held", range=Range(low=0.0, high=365.0, low_open=True),
        ),
        Key(
            name="vol_of_vol", unit="annual decimal", default=_APPETITE.vol_of_vol, decimal=True,
            text="volatility of 30-day implied volatility", range=Range(low=0.0, high=5.0),
        ),
        Key(
            name="hurdle_per_year", unit="annual decimal", default=_APPETITE.hurdle_per_year, decimal=True,
            text="what the capital behind a position must earn", range=Range(low=0.0, high=10.0),
        ),
        Key(
            name="barrier_halfway_usd", unit="USD", default=_APPETITE.barrier_halfway_usd, range=_NOT_NEGATIVE,
            text="price of a whole limit's worth of risk, half-way between its soft and its hard level; 0: no price",
        ),
        Key(name="index", type=Type.TEXT, text="the underlying in which beta-weighted delta is told", default=""),
        Key(
            name="price_stale_s", unit="seconds", default=0.0, range=_NOT_NEGATIVE,
            text="an underlying's price that is older is not measured by, and its limits are breaches; 0: never",
        ),
        Key(
            name="net_capital_usd", unit="USD", range=_POSITIVE,
            text="equity that backs the book, of which the capital requirement is a margin utilisation",
        ),
        Key(
            name="history", type=Type.TEXT, default="",
            text="file of daily closes, beside this file, that covariances and historical scenarios are made of",
        ),
    ),
)  # fmt: skip

UNDERLYING = Section(
    name="underlying",
    repeated=True,
    keys=(
        Key(name="symbol", type=Type.TEXT, required=True, text="the underlying as the market data calls it"),
        Key(
            name="haircut", type=Type.TEXT, default=_TERMS.haircut.value, choices=tuple(HaircutRange),
            text="range of moves that the capital requirement covers",
        ),
        Key(
            name="leverage", default=_TERMS.leverage, range=Range(low=-5.0, high=5.0),
            text="of a leveraged fund, as 2 or -3: its moves are so many times those of the range",
        ),
        Key(
            name="beta", default=_TERMS.beta, text="its return for a return of 1 of the desk's index",
            range=Range(low=-20.0, high=20.0),
        ),
        Key(
            name="rate", unit="annual decimal, continuous", decimal=True, range=Range(low=-0.2, high=1.0),
            text="interest rate, where neither a curve nor parity gives one",
        ),
        Key(
            name="capital_minimum_usd", unit="USD per unit of multiplier", default=_TERMS.capital_minimum_usd,
            text="least haircut of one option contract, times its multiplier", range=_NOT_NEGATIVE,
        ),
        Key(
            name="calendar", type=Type.TEXT, default=_TERMS.calendar,
            text="exchange whose sessions its variance follows; left out: calendar time",
        ),
        Key(
            name="cash_dividends_years", unit="years", default=_TERMS.cash_dividends_years,
            text="dividends further off are a share of the price, not cash", range=Range(low=0.0, high=100.0),
        ),
        Key(
            name="stickiness_days", type=Type.NUMBERS, unit="calendar days", default=list(_TERMS.stickiness_days),
            text="times to expiry at which stickiness is told", range=Range(low=0.0, high=36_500.0, low_open=True),
        ),
        Key(
            name="stickiness", type=Type.NUMBERS, unit="skew stickiness ratio R", default=list(_TERMS.stickiness),
            text="how the smile follows spot at each of them", range=Range(low=-2.0, high=5.0),
        ),
        Key(
            name="minimum_variance", type=Type.NUMBERS, unit="Hull and White's a, b, c", default=[],
            text="the delta of least variance; left out: the smile delta", range=Range(low=-20.0, high=20.0),
        ),
        Key(
            name="spot_vol_beta", unit="vol per log return", default=_TERMS.spot_vol_beta,
            text="move of at-the-money volatility, where no smile tells a skew", range=Range(low=-20.0, high=20.0),
        ),
        Key(
            name="spot_vol_reference_days", unit="calendar days", default=_TERMS.spot_vol_reference_days,
            text="time to expiry that the beta is told of", range=Range(low=0.0, high=3650.0, low_open=True),
        ),
        Key(
            name="spot_vol_tenor_exponent", default=_TERMS.spot_vol_tenor_exponent,
            text="power with which moves by beta fall as time to expiry grows", range=Range(low=0.0, high=2.0),
        ),
        Key(
            name="spot_vol_estimate", type=Type.SWITCH, default=_TERMS.spot_vol_estimate,
            text="use what published surfaces told of all this, drawn to what is written here",
        ),
        Key(
            name="spot_vol_half_life_days", unit="calendar days", default=_TERMS.spot_vol_half_life_days,
            text="time in which what they told fades by half", range=Range(low=0.0, high=36_500.0, low_open=True),
        ),
        Key(
            name="spot_vol_interval_minutes", unit="minutes", default=_TERMS.spot_vol_interval_minutes,
            text="least time between two surfaces that are learned from", range=Range(low=0.0, high=525_600.0),
        ),
    ),
)  # fmt: skip

_SHARE_OF_LIMIT = Range(low=0.0, high=1.0, low_open=True)
LIMIT = Section(
    name="limit",
    repeated=True,
    keys=(
        Key(
            name="measure", type=Type.TEXT, required=True, choices=tuple(LimitMeasure), text="what is bounded"
        ),
        Key(name="underlying", type=Type.TEXT, default="", text="whose; left out for the whole desk"),
        Key(name="group", type=Type.TEXT, default="", text="a [[group]] in place of an underlying"),
        Key(name="option_class", type=Type.TEXT, default="", text="one class of options"),
        Key(name="bucket", type=Type.TEXT, default="", choices=BUCKET_NAMES, text="one bucket of expiries"),
        Key(name="series", type=Type.TEXT, default="", text="symbol of one series"),
        Key(name="hard", unit="the measure's unit", required=True, text="where the desk must stop", range=_POSITIVE),
        Key(
            name="soft_share", unit="share of hard", default=_LIMIT.soft_share, decimal=True, range=_SHARE_OF_LIMIT,
            text="where quotes on the adding side begin to taper",
        ),
        Key(
            name="critical_share", unit="share of hard", default=_LIMIT.critical_share, decimal=True, range=_SHARE_OF_LIMIT,
            text="where only what an obligation demands is left of them",
        ),
        Key(
            name="cool_down_s", unit="seconds", default=_LIMIT.cool_down_s, range=Range(low=0.0, high=86_400.0),
            text="how long the response stays once utilisation has left it",
        ),
        Key(
            name="stale_after_s", unit="seconds", default=_LIMIT.stale_after_s,
            range=Range(low=0.0, high=86_400.0, low_open=True), text="age at which a measure is a breach",
        ),
        Key(
            name="tighten_days", unit="calendar days", default=_LIMIT.tighten_days, range=Range(low=0.0, high=3650.0),
            text="time to expiry from which the limit falls",
        ),
        Key(
            name="tighten_expiry_factor", unit="share of the limit", default=_LIMIT.tighten_expiry_factor, decimal=True,
            range=_SHARE_OF_LIMIT, text="what is left of it at expiry",
        ),
        Key(
            name="tighten_event_h", unit="hours", default=_LIMIT.tighten_event_h, range=Range(low=0.0, high=8760.0),
            text="time before an [[event]] in which it is tighter",
        ),
        Key(
            name="tighten_event_factor", unit="share of the limit", default=_LIMIT.tighten_event_factor, decimal=True,
            range=_SHARE_OF_LIMIT, text="what is left of it then",
        ),
        Key(
            name="tighten_fast_factor", unit="share of the limit", default=_LIMIT.tighten_fast_factor, decimal=True,
            range=_SHARE_OF_LIMIT, text="what is left of it in a fast market",
        ),
        Key(
            name="floor_usd_per_point", unit="USD per vol point (0.01)", default=0.0,
            text="gross vega below which no book is concentrated", range=_NOT_NEGATIVE,
        ),
        Key(
            name="floor_usd", unit="USD", default=0.0, text="gap losses below which no book is concentrated",
            range=_NOT_NEGATIVE,
        ),
        Key(name="owner", type=Type.TEXT, default="risk", text="who may change it"),
    ),
)  # fmt: skip

GROUP = Section(
    name="group",
    repeated=True,
    keys=(
        Key(name="name", type=Type.TEXT, required=True, text="what limits call it"),
        Key(
            name="underlyings", type=Type.TEXTS, required=True, text="that limits bound together",
            default=["SPX", "NDX"],
        ),
        Key(
            name="capital_offset", unit="decimal", default=0.0, decimal=True, range=Range(low=0.0, high=1.0),
            text="share of one's gain that counts against another's loss at the same point of the capital requirement",
        ),
    ),
)  # fmt: skip

_QUOTING: tuple[tuple[str, Type, str, str, Range], ...] = (
    ("half_spread_vol_points", Type.NUMBER, "vol points (0.01)", "neutral half-spread, times vega", _NOT_NEGATIVE),
    ("half_spread_min", Type.NUMBER, "price units of the strike's currency", "least half-spread", _NOT_NEGATIVE),
    ("half_spread_pct", Type.NUMBER, "percent of the theoretical value", "least half-spread", _NOT_NEGATIVE),
    ("half_spreads_without_confidence", Type.NUMBER, "half-spreads", "how wide where the volatility surface cannot be trusted at all", _ONE_OR_MORE),
    ("size", Type.WHOLE, "contracts", "size of each side while no limit is used", _FROM_ONE),
    ("size_min", Type.WHOLE, "contracts", "least size the exchange demands", _FROM_ONE),
    ("width_max", Type.NUMBER, "price units of the strike's currency", "widest legal bid-ask", _POSITIVE),
    ("lean_max_half_spreads", Type.NUMBER, "half-spreads", "how far inventory may shift a quote", _NOT_NEGATIVE),
    ("inventory_full_contracts", Type.WHOLE, "contracts", "position in a series at which one side shrinks to size_min", _FROM_ONE),
    ("fee_per_contract", Type.NUMBER, "USD", "what a fill of a quote costs", _NOT_NEGATIVE),
    ("edge_min_usd", Type.NUMBER, "USD per contract", "least distance of a quote from fair value, above the fee", _NOT_NEGATIVE),
    ("duty_horizon_s", Type.NUMBER, "seconds", "longest time between two cycles: headroom of duties must carry for so long what goes off", _POSITIVE),
    ("shadow_share", Type.NUMBER, "share of the least venue limit", "at which our own protection over all venues trips", Range(low=0.0, high=1.0, low_open=True)),
    ("shadow_frozen_s", Type.NUMBER, "seconds", "for which it keeps quotes away; 0: until it is reset", _NOT_NEGATIVE),
    ("hedge_latency_s", Type.NUMBER, "seconds", "from a fill until quotes are gone and it is hedged", _NOT_NEGATIVE),
    ("burst_loss_usd", Type.NUMBER, "USD", "what one burst of fills may cost; 0: no threshold is proposed", _NOT_NEGATIVE),
    ("burst_probability", Type.NUMBER, "probability", "of a burst that costs more", Range(low=0.0, high=1.0, low_open=True, high_open=True)),
)  # fmt: skip
QUOTING = Section(
    name="quoting",
    keys=tuple(
        Key(name=name, type=kind, unit=unit, text=text, range=within, default=getattr(_FLAT, name))
        for name, kind, unit, text, within in _QUOTING
    ),
)

_SHARE_OF_DAY = "share of a trading day's variance"
CLOCK = Section(
    name="clock",
    keys=(
        Key(
            name="overnight", unit=_SHARE_OF_DAY, default=_CLOCK.overnight, decimal=True,
            text="between close and open", range=Range(low=0.0, high=1.0),
        ),
        Key(
            name="weekend", unit=_SHARE_OF_DAY, default=_CLOCK.weekend, text="of a Saturday or Sunday",
            range=Range(low=0.0, high=10.0),
        ),
        Key(
            name="holiday", unit=_SHARE_OF_DAY, default=_CLOCK.holiday, text="of another day without a session",
            range=Range(low=0.0, high=10.0),
        ),
    ),
)  # fmt: skip

_BP_A_YEAR = Range(low=0.0, high=10_000.0)
_FACTORS: tuple[tuple[str, str, str, Range], ...] = (
    ("correlation", "", "of two underlyings, in spot where no index is named, and in what else moves volatility", Range(low=0.0, high=1.0)),
    ("tenor_decay", "per factor e of time", "volatilities of tenors a factor e apart are correlated by exp(-this)", Range(low=1e-4, high=10.0)),
    ("level_rest_min", "share of its variance", "least that spot leaves unexplained of a level of volatility", Range(low=0.0, high=1.0)),
    ("skew_share", "points per point of level", "standard deviation of skew", Range(low=0.0, high=10.0)),
    ("curvature_share", "points per point of level", "standard deviation of curvature", Range(low=0.0, high=10.0)),
    ("jumps_per_year", "1/year", "how often each of the two gaps comes", Range(low=0.0, high=365.0)),
    ("rate_bp_per_year", "basis points a year", "standard deviation of interest rates", _BP_A_YEAR),
    ("dividend_yield_bp_per_year", "basis points a year", "standard deviation of dividend yields", _BP_A_YEAR),
    ("half_life_days", "days of history", "in which what history tells fades by half", Range(low=0.0, high=36_500.0, low_open=True)),
    ("lags", "days of history", "neighbouring days that move together, for standard errors", Range(low=0.0, high=250.0)),
    ("shrinkage", "share", "by which correlations of history are drawn to those above; left out: told by their noise", Range(low=0.0, high=1.0)),
    ("gap_down_pct", "percent of spot", "the gap that is a factor, down", Range(low=-100.0, high=0.0, low_open=True, high_open=True)),
    ("gap_up_pct", "percent of spot", "the gap that is a factor, up", Range(low=0.0, high=1000.0, low_open=True)),
    ("event_tail_deviations", "standard deviations", "the fat tail of a dated event, on the side that hurts more", Range(low=1.0, high=20.0)),
    ("event_tail_probability", "probability", "of that tail; the rest is one deviation up or down, half each; 0: no tail", Range(low=0.0, high=0.5)),
)  # fmt: skip
FACTORS = Section(
    name="factors",
    keys=tuple(
        Key(
            name=name, type=Type.WHOLE if name == "lags" else Type.NUMBER, unit=unit, text=text, range=within,
            default=getattr(_MOVES, name), decimal=within.high <= 1.0 and within.low == 0.0,
        )
        for name, unit, text, within in _FACTORS
    ),
)  # fmt: skip

EVENT = Section(
    name="event",
    repeated=True,
    keys=(
        Key(name="underlying", type=Type.TEXT, required=True, text="whose price it will move"),
        Key(name="name", type=Type.TEXT, required=True, text="what it is called on screens"),
        Key(name="time", type=Type.INSTANT, required=True, text="when it happens"),
        Key(
            name="trading_days", unit="trading days", range=Range(low=0.0, high=1000.0),
            text="variance it adds; left out: told by the quotes",
        ),
    ),
)  # fmt: skip

SLIDE = Section(
    name="slide",
    repeated=True,
    keys=(
        Key(name="name", type=Type.TEXT, required=True, text="what it is called on screens"),
        Key(
            name="moves_pct", type=Type.NUMBERS, unit="percent of spot", default=[], text="moves of spot; or",
            range=Range(low=-99.0, high=1000.0),
        ),
        Key(
            name="moves_deviations", type=Type.NUMBERS, unit="standard deviations", default=[],
            text="moves at the 30-day volatility", range=Range(low=-20.0, high=20.0),
        ),
        Key(
            name="deviation_days", unit="trading days", default=_SLIDE.deviation_days, text="that a standard deviation spans",
            range=Range(low=0.0, high=252.0, low_open=True),
        ),
        Key(
            name="shifts_points", type=Type.NUMBERS, unit="vol points (0.01)", default=list(_SLIDE.shifts_points),
            text="shifts of volatility", range=Range(low=-200.0, high=500.0),
        ),
        Key(
            name="shift", type=Type.TEXT, default=_SLIDE.shift.value, choices=tuple(VolShift),
            text="how they fall on expiries",
        ),
        Key(name="time", type=Type.TEXT, default=_SLIDE.time.value, choices=tuple(SlideTime), text="when"),
    ),
)  # fmt: skip

SECTIONS: dict[str, Section] = {
    each.name: each
    for each in (
        DESK,
        UNDERLYING,
        HEDGE,
        HEDGING,
        LIMIT,
        QUOTING,
        CLOCK,
        FACTORS,
        EVENT,
        GROUP,
        SLIDE,
        FLOW,
        ALPHA,
        DUTY,
        PROTECTION,
        FAST_MARKET,
        ORDERS,
        OFFSETS,
    )
}
