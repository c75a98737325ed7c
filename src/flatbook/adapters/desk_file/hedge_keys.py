"""Sections of a desk file about hedges of direction: the instruments, and when and how far they are used."""

from flatbook.adapters.desk_file.key import Key, Range, Section, Type
from flatbook.model.hedge_terms import HedgePolicy, HedgingTerms

_HEDGING = HedgingTerms()
_POSITIVE = Range(low=0.0, low_open=True)
_NOT_NEGATIVE = Range(low=0.0)
_CONTRACTS = Range(low=0.0, high=1e9)
_DAY = Range(low=0.0, high=1_440.0, low_open=True)
HEDGE_KINDS = ("future", "share", "inverse_future")

HEDGE = Section(
    name="hedge",
    repeated=True,
    keys=(
        Key(name="symbol", type=Type.TEXT, required=True, text="the contract as its venue calls it"),
        Key(name="kind", type=Type.TEXT, required=True, choices=HEDGE_KINDS, text="what it is"),
        Key(name="underlying", type=Type.TEXT, required=True, text="the underlying whose direction it trades"),
        Key(
            name="multiplier", unit="units of its price, or USD for an inverse future", required=True,
            text="size of one contract", range=_POSITIVE,
        ),
        Key(
            name="lot", type=Type.WHOLE, unit="contracts", default=1, text="orders are whole multiples of it",
            range=Range(low=1.0, high=1e9),
        ),
        Key(
            name="tick", unit="price units", required=True, text="smallest step of its price",
            range=Range(low=0.0, high=1e6, low_open=True),
        ),
        Key(name="spread", unit="price units", required=True, text="full bid-ask spread we expect to pay", range=_NOT_NEGATIVE),
        Key(name="fee_per_contract", unit="its currency", default=0.0, text="fee of one contract", range=_NOT_NEGATIVE),
        Key(
            name="beta", default=1.0, range=_POSITIVE,
            text="exposure to the underlying that one unit of its own value carries",
        ),
        Key(name="beta_error", range=_NOT_NEGATIVE, text="its standard error; left out: unverified"),
        Key(
            name="price_ratio", default=1.0, range=_POSITIVE,
            text="its price as a share of the underlying's, where it has no quote of its own",
        ),
        Key(
            name="correlation", default=1.0, decimal=True, text="of its returns with the underlying's",
            range=Range(low=0.0, high=1.0, low_open=True),
        ),
        Key(name="correlation_error", range=_NOT_NEGATIVE, text="its standard error; left out: unverified"),
        Key(
            name="basis_stress_ratio", range=Range(low=0.0, high=1e6),
            text="variance of its basis in stress over that in calm; left out: not told",
        ),
        Key(
            name="history", type=Type.TEXT, default="",
            text="the underlying whose daily closes stand for this instrument's",
        ),
        Key(
            name="estimate", type=Type.SWITCH, default=False,
            text="tell beta, correlation and their errors from those closes, where there are enough",
        ),
        Key(
            name="impact_temporary", unit="USD a contract, a contract", default=0.0, range=_NOT_NEGATIVE,
            text="what each contract traded within the same minute adds to the price of all of them",
        ),
        Key(
            name="impact_permanent", unit="USD a contract, a contract", default=0.0, range=_NOT_NEGATIVE,
            text="what each contract traded moves the price by for good",
        ),
        Key(
            name="most_bought", type=Type.WHOLE, unit="contracts", range=_CONTRACTS,
            text="that one hedge may buy, as displayed or as a share of a day's volume; left out: any number",
        ),
        Key(name="most_sold", type=Type.WHOLE, unit="contracts", range=_CONTRACTS, text="that one hedge may sell; left out: any number"),
        Key(
            name="carry_rate", unit="annual decimal", default=0.0, range=Range(low=-1.0, high=10.0),
            text="cost of holding it long above the desk's own financing; below 0: it earns",
        ),
        Key(
            name="borrow_rate", unit="annual decimal", default=0.0, range=Range(low=0.0, high=10.0),
            text="cost of borrowing what is sold short",
        ),
        Key(
            name="locate_contracts", type=Type.WHOLE, unit="contracts", range=_CONTRACTS,
            text="that can be borrowed and sold beside what is held; left out: it needs no locate",
        ),
        Key(
            name="short_sale_restricted", type=Type.SWITCH, default=False,
            text="short sales only above the best bid: passive, at the cost of the whole spread",
        ),
        Key(name="currency", type=Type.TEXT, default="USD", text="of settlement; the coin for an inverse future"),
        Key(name="expiry", type=Type.INSTANT, text="when it expires; left out where it never does"),
    ),
)  # fmt: skip

HEDGING = Section(
    name="hedging",
    keys=(
        Key(
            name="policy", type=Type.TEXT, default=_HEDGING.policy.value, choices=tuple(HedgePolicy),
            text="when direction is hedged, and how far",
        ),
        Key(name="band_usd", unit="USD of delta", default=_HEDGING.band_usd, range=_POSITIVE, text="half-width of fixed_band"),
        Key(
            name="interval_minutes", unit="minutes", default=_HEDGING.interval_minutes, range=_POSITIVE,
            text="between two hedges of fixed_interval",
        ),
        Key(
            name="years", unit="years", default=_HEDGING.years, range=Range(low=0.0, high=100.0, low_open=True),
            text="to expiry of the options that carry the book's gamma, for zakamouline",
        ),
        Key(
            name="ridge", unit="share of variance", default=_HEDGING.ridge, range=Range(low=0.0, high=1.0, low_open=True),
            text="that is added to each product's, so that two that are nearly one are not held against each other",
        ),
        Key(
            name="horizon_minutes", unit="minutes", default=_HEDGING.horizon_minutes, range=_DAY,
            text="within which a hedge that is worked is done",
        ),
        Key(
            name="steps", type=Type.WHOLE, default=_HEDGING.steps, range=Range(low=1.0, high=1_000.0),
            text="trades into which it is cut",
        ),
        Key(
            name="day_minutes", unit="minutes", default=_HEDGING.day_minutes, range=_DAY,
            text="of trading in a day, over which its variance falls; 1440 for a coin",
        ),
        Key(
            name="days_per_year", unit="trading days", default=_HEDGING.days_per_year,
            range=Range(low=0.0, high=366.0, low_open=True), text="365 for a coin",
        ),
        Key(
            name="informed", type=Type.TEXTS, default=[],
            text="counterparties, or capacities (firm, market_maker), whose trades' delta is hedged at once",
        ),
        Key(
            name="approve_above_usd", unit="USD of delta", range=_NOT_NEGATIVE,
            text="that one hedge trades: beyond it a person of a live desk is asked; left out: nobody is",
        ),
    ),
)  # fmt: skip
