"""One look at a class of 2,040 series, from quotes in ticks to a checked surface, beside SciPy's SVI fits of as many slices.

A look does all that the market room does: quote health, forwards by parity, three implied volatilities a quote, smiles,
arbitrage checks. The American look takes the early-exercise premium out of every quote, with tables built anew each time.
Quotes lie a little elsewhere than those of the surface before, as on a refit.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.surface import _quotes, _scaled, _scipys
from flatbook.kernels.andersen_lake import ACCURATE, value_american
from flatbook.kernels.black import price_european
from flatbook.market.build import view
from flatbook.market.clock import NS_PER_DAY
from flatbook.market.state import MarketState, grow, remember_surfaces, see_quotes, see_underlying
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Instrument, Kind, Right, Style, TickBand
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite, UnderlyingTerms
from flatbook.model.table import InstrumentTable

_NOW_NS = 1_700_000_000 * 1_000_000_000
_SPOT, _RATE = 400.0, 0.03
_EXPIRIES, _STRIKES = 20, 51


def _table(style: Style) -> InstrumentTable:
    days = np.unique(np.round(np.geomspace(5.0, 700.0, _EXPIRIES))).astype(int)
    items = []
    for number, day in enumerate(days.tolist()):
        reach = 2.6 * 0.2 * np.sqrt(day / 365.0)
        strikes = np.unique(np.round(_SPOT * np.exp(np.linspace(-1.3 * reach, reach, _STRIKES)), 1))
        items += [
            Instrument(
                symbol=f"{right.name[0]}{number} {strike:g}",
                underlying="XYZ",
                option_class="XYZ",
                kind=Kind.OPTION,
                multiplier=100.0,
                currency="USD",
                ticks_per_unit=100,
                tick_table=(TickBand(0, 1),),
                expiry_ns=_NOW_NS + day * NS_PER_DAY,
                strike=strike,
                right=right,
                style=style,
            )
            for strike in strikes.tolist()
            for right in (Right.CALL, Right.PUT)
        ]
    return InstrumentTable(version=1, instruments=tuple(items))


def _prices(table: InstrumentTable, style: Style) -> np.ndarray:
    years = (table.expiry_ns - _NOW_NS) / (365.0 * NS_PER_DAY)
    forward = _SPOT * np.exp(_RATE * years)
    k = np.log(table.strike / forward) / np.sqrt(years)
    vol = 0.2 - 0.08 * k + 0.12 * k * k
    if style is Style.EUROPEAN:
        return price_european(forward, table.strike, years, vol, np.exp(-_RATE * years), table.sign)
    n = table.strike.size
    options = (np.full(n, _SPOT), table.strike, years, vol, np.full(n, _RATE), np.zeros(n), table.sign)
    out = np.empty((4, n))
    value_american(np.vstack(options), ACCURATE, out, np.zeros(n, dtype=np.int8))
    return out[0]


def _seen(table: InstrumentTable, price: np.ndarray, seed: int) -> QuotesSeen:
    half = np.maximum(0.02, 0.01 * price) * 100.0
    middle = price * 100.0 + 0.3 * half * np.random.default_rng(seed).uniform(-1.0, 1.0, price.size)
    bid, ask = np.floor(middle - half), np.ceil(middle + half)
    return QuotesSeen(
        received_ns=_NOW_NS,
        symbols=tuple(item.symbol for item in table.instruments),
        bid_ticks=tuple(int(one) if one > 0 else None for one in bid),
        ask_ticks=tuple(int(one) for one in ask),
    )


def comparisons() -> Iterator[tuple]:
    """(workload, peer, ours, peer, scale)."""
    slices = _scaled(_quotes(_EXPIRIES, _STRIKES, 0.04, 0.0, 1))
    desk = Desk(
        underlyings=(UnderlyingTerms(symbol="XYZ", rate=_RATE),),
        quoting=QuotingRules(),
        appetite=RiskAppetite(aversion_per_usd=1e-6),
    )
    for style in (Style.EUROPEAN, Style.AMERICAN):
        table, state = _table(style), MarketState()
        price = _prices(table, style)
        grow(state, price.size)
        see_underlying(state, UnderlyingQuoted(received_ns=_NOW_NS, underlying="XYZ", price=_SPOT))
        see_quotes(state, table, _seen(table, price, 1))
        remember_surfaces(state, view(state, table, _NOW_NS, desk), desk)
        see_quotes(state, table, _seen(table, price, 2))
        found = view(state, table, _NOW_NS, desk)
        report = found.surfaces[0].report
        assert report.share_inside >= 0.95, report
        assert report.butterfly_min >= 0.0, report
        assert report.calendar_gap_min >= 0.0, report
        name = f"quotes to checked surface, {price.size:,} {style.value} series"

        def ours(state=state, table=table):
            view(state, table, _NOW_NS, desk)

        yield name, "scipy least_squares SVI, unchecked", ours, lambda: _scipys(slices), 1.0
