"""One cycle: what was measured and what was decided, for everybody to read and nobody to change."""

from dataclasses import dataclass

from flatbook.book.view import BookView
from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.slides import Gaps, Slides
from flatbook.hedging.propose import Hedge
from flatbook.limits.check import Standing
from flatbook.margin.haircut import Capital
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk
from flatbook.model.table import InstrumentTable
from flatbook.quoting.propose import Quotes
from flatbook.riskprice.price import RiskPrice
from flatbook.valuation.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What remains once the proposed hedges are done."""

    exposure: Exposure
    slides: Slides
    gaps: Gaps
    capital: Capital


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The output of every room, in the order in which data walks through them."""

    sequence: int
    now_ns: int
    desk: Desk
    table: InstrumentTable
    market: MarketView
    book: BookView
    values: Values
    exposure: Exposure
    slides: Slides
    gaps: Gaps
    capital: Capital
    standing: Standing
    price: RiskPrice
    hedges: tuple[Hedge, ...]
    quotes: Quotes
    residual: Residual
