"""Contract terms that a price file does not carry: multiplier, tick table, settlement, style.

Sources: Cboe (SPX, SPXW: European, multiplier 100, 0.05 below 3.00 and 0.10 from there), OCC (equity options: American,
100 shares), CME (E-mini S&P 500: 50 USD a point), Deribit (coin-settled, 0.0001 below 0.005 and 0.0005 from there).
The lists of penny classes and the ES option ticks are from memory of the exchanges' notices and change with them.
"""

from dataclasses import dataclass
from functools import lru_cache

from flatbook.model.instruments import Delivery, Instrument, Kind, Payoff, Right, Settlement, Style, TickBand

US_TICKS = (TickBand(0, 5), TickBand(300, 10))
PENNY_TICKS = (TickBand(0, 1), TickBand(300, 5))
PENNY_CLASSES = frozenset(
    {"AAPL", "AMZN", "BAC", "C", "EEM", "F", "FB", "GE", "GLD", "IBM", "MSFT", "TLT", "XLF"}
)
ALL_PENNY_CLASSES = frozenset({"IWM", "QQQ", "SPY"})
INDEX_ROOTS = {"SPX": ("SPX", Settlement.AM), "SPXW": ("SPX", Settlement.PM)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTerms:
    """Everything but expiry, strike and right."""

    underlying: str
    option_class: str
    style: Style
    settlement: Settlement
    multiplier: float
    currency: str
    ticks_per_unit: int
    tick_table: tuple[TickBand, ...]
    payoff: Payoff = Payoff.LINEAR
    delivery: Delivery | None = None  # None: by style and payoff


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureTerms:
    """A future and the options on it."""

    root: str
    multiplier: float
    currency: str
    ticks_per_unit: int
    tick_table: tuple[TickBand, ...]
    option_tick_table: tuple[TickBand, ...]


FUTURES = {
    "ES": FutureTerms(
        root="ES",
        multiplier=50.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=(TickBand(0, 25),),
        option_tick_table=(TickBand(0, 5), TickBand(500, 25)),
    )
}


@lru_cache(maxsize=1024)
def us_option_terms(root: str) -> OptionTerms:
    """Terms of a US listed option class: an index root we know, otherwise an equity."""
    underlying, settlement = INDEX_ROOTS.get(root, (root, Settlement.PM))
    return OptionTerms(
        underlying=underlying,
        option_class=root,
        style=Style.EUROPEAN if root in INDEX_ROOTS else Style.AMERICAN,
        settlement=settlement,
        multiplier=100.0,
        currency="USD",
        ticks_per_unit=100,
        tick_table=_us_ticks(root),
    )


def future_option_terms(future: FutureTerms, style: Style) -> OptionTerms:
    """Terms of the quarterly options on a future: they end with it, on the opening."""
    return OptionTerms(
        underlying=future.root,
        option_class=future.root,
        style=style,
        settlement=Settlement.AM,
        multiplier=future.multiplier,
        currency=future.currency,
        ticks_per_unit=future.ticks_per_unit,
        tick_table=future.option_tick_table,
        delivery=Delivery.CASH,  # the future that they deliver ends with them
    )


def deribit_option_terms(coin: str) -> OptionTerms:
    """Terms of Deribit's coin-settled options on `coin`."""
    return OptionTerms(
        underlying=coin,
        option_class=coin,
        style=Style.EUROPEAN,
        settlement=Settlement.FIXING,
        multiplier=1.0,
        currency=coin,
        ticks_per_unit=10_000,
        tick_table=(TickBand(0, 1), TickBand(50, 5)),
        payoff=Payoff.INVERSE,
    )


def option_of(terms: OptionTerms, *, symbol: str, expiry_ns: int, strike: float, right: Right) -> Instrument:
    """The option with these terms."""
    return Instrument(
        symbol=symbol,
        underlying=terms.underlying,
        option_class=terms.option_class,
        kind=Kind.OPTION,
        multiplier=terms.multiplier,
        currency=terms.currency,
        ticks_per_unit=terms.ticks_per_unit,
        tick_table=terms.tick_table,
        expiry_ns=expiry_ns,
        strike=strike,
        right=right,
        style=terms.style,
        settlement=terms.settlement,
        payoff=terms.payoff,
        delivery=terms.delivery,
    )


def future_of(terms: FutureTerms, *, symbol: str, expiry_ns: int) -> Instrument:
    """The future with these terms."""
    return Instrument(
        symbol=symbol,
        underlying=terms.root,
        kind=Kind.FUTURE,
        multiplier=terms.multiplier,
        currency=terms.currency,
        ticks_per_unit=terms.ticks_per_unit,
        tick_table=terms.tick_table,
        expiry_ns=expiry_ns,
        settlement=Settlement.AM,
    )


def _us_ticks(root: str) -> tuple[TickBand, ...]:
    if root in ALL_PENNY_CLASSES:
        return (TickBand(0, 1),)
    return PENNY_TICKS if root in PENNY_CLASSES else US_TICKS
