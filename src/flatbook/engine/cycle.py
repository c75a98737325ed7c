"""One cycle: what was measured and what was decided, for everybody to read and nobody to change."""

from dataclasses import dataclass

from flatbook.book.view import BookView
from flatbook.engine.measure import Basis, Measurement, WhatIf
from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.scenario_sheets import Sheets
from flatbook.exposure.slides import Gaps, Ladder, Slides
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.margin.capital import Capital, Forecast, Marginal
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk
from flatbook.model.table import InstrumentTable
from flatbook.orders.outgoing import Outgoing
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.propose import Quotes
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The output of every room, in the order in which data walks through them."""

    sequence: int
    now_ns: int
    desk: Desk
    table: InstrumentTable
    market: MarketView
    spot_vol: tuple[DynamicsEstimate, ...]  # by underlying: what was learned before this cycle
    book: BookView
    values: Values
    basis: Basis
    held: Measurement  # the book
    ladders: tuple[Ladder, ...]  # slides that the desk set, of the book
    sheets: Sheets  # of the book: expiry day, early exercise, events, history
    marginal: Marginal  # capital that one contract more of each series asks for or frees
    capital_ahead: Forecast  # capital of the book once the market has moved
    standing: Standing
    price: RiskPrice
    conditions: Conditions  # duties, protections, fast markets, kills: what holds for quotes beside value, price and limits
    hedges: tuple[Hedge, ...]
    quotes: Quotes
    outgoing: Outgoing | None  # what leaves for the venue; None: the desk only proposes
    residual: Measurement  # the book once the proposed hedges are done
    working: WhatIf | None  # the book if every order at work fills; None: nobody told of orders

    @property
    def exposure(self) -> Exposure:
        """Of the book."""
        return self.held.exposure

    @property
    def slides(self) -> Slides:
        """Of the book."""
        return self.held.slides

    @property
    def gaps(self) -> Gaps:
        """Of the book."""
        return self.held.gaps

    @property
    def capital(self) -> Capital:
        """Of the book."""
        return self.held.capital
