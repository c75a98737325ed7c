"""Sections of a desk file about flow: what customers are expected to trade, and what the desk expects of the market."""

from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.model.flow_terms import AlphaTerms, FlowShape, FlowTerms

_FLOW = FlowTerms()
_ALPHA = AlphaTerms(underlying="any")
_ERROR = Range(low=0.0)
_EXPECTED = Range(low=-100.0, high=100.0)

FLOW = Section(
    name="flow",
    repeated=True,
    keys=(
        Key(
            name="underlying", type=Type.TEXT, default="",
            text="whose series are asked for; left out: of each underlying without a tier of this name of its own",
        ),
        Key(name="tier", type=Type.TEXT, default="", text="the clients, as they are called on screens"),
        Key(
            name="shape", type=Type.TEXT, default=_FLOW.shape.value, choices=tuple(FlowShape),
            text="how fills fade with the distance of a quote from fair value",
        ),
        Key(
            name="requests_per_day", unit="trades a trading day", default=_FLOW.requests_per_day, range=Range(low=0.0, high=1e9),
            text="of both sides and all series, spread by vega; exponential: fills if we quoted at fair value",
        ),
        Key(name="requests_error", unit="trades a trading day", range=_ERROR, text="its standard error; left out: unverified"),
        Key(
            name="customers_buy_share", unit="share", default=_FLOW.customers_buy_share, decimal=True,
            text="of them in which customers buy", range=Range(low=0.0, high=1.0),
        ),
        Key(
            name="decay_per_point", unit="1/vol point (0.01)", range=Range(low=0.0, high=1e6, low_open=True),
            text="decay of fills with distance; left out: 1 / half_spread_vol_points",
        ),
        Key(name="decay_error", unit="1/vol point (0.01)", range=_ERROR, text="its standard error; left out: unverified"),
        Key(
            name="offset", default=_FLOW.offset, range=Range(low=-50.0, high=50.0),
            text="logistic: at fair value a request trades with probability 1 / (1 + exp(offset))",
        ),
        Key(
            name="contracts", unit="contracts", default=_FLOW.contracts, range=Range(low=0.0, high=1e6, low_open=True),
            text="of a typical trade",
        ),
        Key(
            name="adverse_selection_points", unit="vol points (0.01)", default=_FLOW.adverse_selection_points,
            range=_EXPECTED, text="that the market moves against a fill",
        ),
        Key(
            name="adverse_selection_error", unit="vol points (0.01)", range=_ERROR,
            text="its standard error; left out: unverified",
        ),
    ),
)  # fmt: skip

_EXCLUDED = Range(low=-100.0, high=100.0, low_open=True, high_open=True)
ALPHA = Section(
    name="alpha",
    repeated=True,
    keys=(
        Key(name="underlying", type=Type.TEXT, required=True, text="of which it is expected"),
        Key(
            name="spot_pct_per_day", unit="percent a calendar day", default=_ALPHA.spot_pct_per_day, range=_EXCLUDED,
            text="expected move of spot; it leans quotes and moves no hedge",
        ),
        Key(
            name="vol_points_per_day", unit="vol points (0.01) a calendar day", default=_ALPHA.vol_points_per_day,
            range=_EXCLUDED, text="expected move of volatilities of a week to two years; shorter and longer ones follow as risk does",
        ),
    ),
)  # fmt: skip
