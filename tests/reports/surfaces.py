"""Views with fitted surfaces for the tests of their reports: one of Black prices, one hurt."""

from functools import cache

import numpy as np

from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.build import view
from flatbook.market.view import MarketView
from flatbook.model.events import InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right
from flatbook.reports.surface_report import surface_report
from flatbook.reports.surface_schema import SurfaceReport, SurfaceSources
from tests.reports.conftest import HOSTILE, NOW, SPOT, chain, desk, option, quotes

SOURCES = SurfaceSources(market="spx.csv", format="flatbook", notes=("one day",), synthetic=True)
EVIL = "<b>NOSPOT</b>"


@cache
def good_view() -> MarketView:
    """Five expiries of an index, all quoted."""
    return _view(chain(), QUOTED, {"SPX": SPOT})


@cache
def hurt_view() -> MarketView:
    """A second underlying with a hostile name and no price, an expiry without quotes, and a crossed quote."""
    evil = option("EVIL", 30, 100.0, Right.CALL, symbol='<img src=x onerror="x">', underlying=EVIL)
    silent = option("SPXW", 20, 2900.0, Right.PUT)
    bids = list(QUOTED.bid_ticks)
    bids[0] = (QUOTED.ask_ticks[0] or 0) + 100
    crossed = QuotesSeen(
        received_ns=NOW, symbols=QUOTED.symbols, bid_ticks=tuple(bids), ask_ticks=QUOTED.ask_ticks
    )
    return _view((*chain(), evil, silent), crossed, {"SPX": SPOT})


@cache
def empty_view() -> MarketView:
    """Instruments without a quote."""
    return _view(chain()[:20], None, {"SPX": SPOT})


@cache
def report_of(name: str) -> SurfaceReport:
    """The report of one of the views; the hurt one's file has a hostile name, too."""
    views = {"good": good_view, "hurt": hurt_view, "empty": empty_view}
    sources = SOURCES
    if name == "hurt":
        sources = SurfaceSources(market=HOSTILE, format="flatbook", notes=(HOSTILE,))
    return surface_report(views[name](), sources=sources)


def _view(items, quoted, spot) -> MarketView:
    state = State()
    step(state, InstrumentsListed(received_ns=NOW, instruments=items))
    for name, price in spot.items():
        step(state, UnderlyingQuoted(received_ns=NOW, underlying=name, price=price))
    if quoted is not None:
        step(state, quoted)
    return view(state.market, state.table, NOW, desk())


QUOTED = quotes(chain())
STANDARD = np.linspace(-2.0, 2.0, 17)  # standard deviations
