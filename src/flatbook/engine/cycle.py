"""One cycle: what was measured and what was decided, for everybody to read and nobody to change.

What no decision reads (ladders, sheets, capital ahead, the book after the hedges and with all orders filled) is found when
somebody first looks at it, from what the cycle holds already: the same numbers whenever that is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flatbook.book.view import BookView
from flatbook.engine.measure import Basis, Measurement, WhatIf, measure, reaching, what_if
from flatbook.engine.offsets import Offset
from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.scenario_sheets import Sheets, scenario_sheets
from flatbook.exposure.slides import MOVES, Gaps, Ladder, Slides, ladder
from flatbook.hedging import propose as hedging
from flatbook.hedging.approval import WaitingHedge
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.limits.state import LimitsState
from flatbook.margin.capital import Capital, Forecast, Marginal, forecast
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk
from flatbook.model.table import InstrumentTable, Ints
from flatbook.orders.outgoing import Outgoing
from flatbook.quoting.conditions import Conditions
from flatbook.quoting.propose import Quotes
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values

_T = TypeVar("_T")


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
    marginal: Marginal  # capital that one contract more of each series asks for or frees
    standing: Standing
    price: RiskPrice
    conditions: Conditions  # duties, protections, fast markets, kills: what holds for quotes beside value, price and limits
    hedges: tuple[Hedge, ...]
    quotes: Quotes
    outgoing: Outgoing | None  # what leaves for the venue; None: the desk only proposes
    at_work: (
        Ints | None
    )  # contracts that the book gains if every order at work fills; None: nobody told of orders
    limits: LimitsState  # as the cycle read them: a copy that nobody changes
    refit: bool = (
        True  # False: on the surfaces, factors and value function of the last cycle that fitted them
    )
    offset: Offset | None = None  # solved in this cycle to be sent
    offset_trades: Ints | None = None  # int64[n_rows] contracts of it that leave; None: nothing of it does
    waiting: tuple[WaitingHedge, ...] = ()  # of the hedges, those that a person is asked about
    _found: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def ladders(self) -> tuple[Ladder, ...]:
        """Slides that the desk set, of the book."""
        return self._once(
            "ladders",
            lambda: tuple(
                ladder(self.book.quantity, self.values, self.market, one) for one in self.desk.slides
            ),
        )

    @property
    def sheets(self) -> Sheets:
        """Of the book: expiry day, early exercise, events, history."""
        return self._once(
            "sheets",
            lambda: scenario_sheets(
                self.book.quantity, self.values, self.market, past=self.held.past, terms=self.desk.factors
            ),
        )

    @property
    def capital_ahead(self) -> Forecast:
        """Capital of the book once the market has moved."""
        return self._once(
            "capital_ahead",
            lambda: forecast(self.book.quantity, self.values, self.market, self.basis.capital_terms, MOVES),
        )

    @property
    def residual(self) -> Measurement:
        """The book once the proposed hedges, and the offset that leaves, are done."""
        return self._once("residual", self._measured_after)

    @property
    def working(self) -> WhatIf | None:
        """The book if every order at work fills; None: nobody told of orders."""
        orders = self.at_work
        if orders is None:
            return None
        return self._once(
            "working",
            lambda: what_if("orders at work", orders, self.book.quantity, self.basis, self.limits),
        )

    def _measured_after(self) -> Measurement:
        trades = hedging.trades(self.hedges, len(self.table.instruments))
        basis = self.basis
        if self.offset_trades is not None:
            trades = trades + self.offset_trades
            basis = reaching(basis, self.offset_trades.nonzero()[0])
        return measure(self.book.quantity + trades, basis)

    def _once(self, name: str, find: Callable[[], _T]) -> _T:
        """What `find` finds, found once."""
        if name not in self._found:
            self._found[name] = find()
        found: _T = self._found[name]
        return found

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
