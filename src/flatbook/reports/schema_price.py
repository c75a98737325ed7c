"""The part of the plan that tells what the risk price asks of each quote, and which numbers it stands on."""

from flatbook.reports.schema_parts import Number, Part


class QuoteShift(Part, frozen=True, kw_only=True):
    """How far one side of a series stands from fair value for what its fill costs, USD per contract; plus: we want more for it."""

    symbol: str
    side: str  # "bid" or "ask"
    shift_usd: Number  # the sum of the rest; null where a hard limit would be reached
    inventory_usd: Number  # what the book holds already
    flow_usd: Number  # flow from one side, and what the desk expects of the market
    own_usd: Number  # the risk of the lot itself, hedged
    limits_usd: Number  # the limits it strains; null where one would be reached
    capital_usd: Number  # at the hurdle rate over the holding time
    adverse_selection_usd: Number
    hedge_usd: Number  # of its delta, above what `inventory_usd` has of it
    reason: str  # why numbers are null; empty: none is


class PriceParameter(Part, frozen=True, kw_only=True):
    """One number that the risk price stands on."""

    name: str
    scope: str  # an underlying, a tier of clients, a hedge; empty: the desk
    value: Number
    unit: str
    standard_error: Number  # null: nobody estimated it
    source: str  # what it was estimated from, who chose it, or "default, unverified"
