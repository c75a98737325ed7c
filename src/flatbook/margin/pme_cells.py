"""What each leg of a Deribit account gains or loses in every cell of the risk matrix, in the currency it settles in.

Sources: domain reference 3.7 and A.10; docs.deribit.com private/pme/simulate, whose published vectors it repeats. Options are
undiscounted Black values on the forward; one that settles in coin is worth that value over the forward, in every cell
at the forward moved. Profit is measured from the leg's own mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from flatbook.kernels.european import DELTA, value_european
from flatbook.margin.leg_values import MarkedLegs, forward_of, mark, values_at
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.pme_parameters import (
    CurrencyTerms,
    DeltaConvention,
    GeneralTerms,
    PairTerms,
    PmeParameters,
)
from flatbook.model.errors import Fault
from flatbook.model.table import Bools, Floats, Ints

VOLS = ("down", "same", "up")  # order within a bucket; the venue does not tell its own
_PERPETUAL = -1
_USD = "USD"  # terms of every currency that counts as one
_MINUTES_PER_YEAR = 365 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """The cells of one pair: price buckets times volatilities, then the extended moves."""

    move: Floats  # [m] relative
    vol: Ints  # [m] index into VOLS
    factor: Floats  # [m] what profit is multiplied by: 1 in the standard table
    dampener: Floats  # [m] what is taken from its size, in the settlement currency
    standard: int  # how many cells the standard table has


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBook:
    """The legs of one account in one pair and settlement currency; amounts per contract, in that currency."""

    pair: str  # base coin
    currency: str
    inverse: bool
    rows: Ints  # [n] of the account's legs
    quantity: Floats  # [n]
    index: float  # USD
    terms: PairTerms
    currency_terms: CurrencyTerms
    scenarios: Scenarios
    cells: Floats  # [n, m] after `factor`, before offset and dampener
    delta: Floats  # [n] change for a relative move of 1
    delta_otherwise: Floats  # [n] by the other convention
    futures: Floats  # [n] coin of futures
    expiry: Ints  # [n] index into `expiry_years`
    expiry_years: Floats  # [n_expiries] 0 for a perpetual
    days: Floats  # [n] to expiry
    is_option: Bools  # [n]
    marked: MarkedLegs

    @property
    def held(self) -> Bools:
        """Which legs there is a position in."""
        return np.not_equal(self.quantity, 0.0)


def settlement_of(underlying: str) -> tuple[str, str]:
    """Base coin and settlement currency: BTC settles in BTC, BTC_USDC in USDC."""
    base, _, quote = underlying.upper().partition("_")
    return base, base if quote in ("", "USD") else quote


def faults_for_pme(legs: Legs, parameters: PmeParameters) -> Iterator[Fault]:
    """Legs that the method knows no rule for; each fault names its row."""
    foreign = np.array([one is not ProductClass.CRYPTO for one in legs.product_class], dtype=np.bool_)
    for row in np.flatnonzero(foreign).tolist():
        yield _refused(legs, row, "product_class", legs.product_class[row].value, ProductClass.CRYPTO.value)
    for row in np.flatnonzero(legs.kind == LegKind.STOCK).tolist():
        yield _refused(legs, row, "right", "stock", "call, put or future")
    for row in np.flatnonzero(legs.is_option & legs.american).tolist():
        yield _refused(legs, row, "exercise", "american", "european")
    known = {name: _known(name, parameters) for name in dict.fromkeys(legs.underlying)}
    if all(known.values()):
        return
    coins, usd = ", ".join(parameters.pairs), ", ".join(parameters.general.usd_coins)
    for row, name in enumerate(legs.underlying):
        if not known[name]:
            expected = f"one of {coins}, settled in its coin or in one of {usd}, with parameters for both"
            yield _refused(legs, row, "underlying", name, expected)


def books_of(legs: Legs, parameters: PmeParameters) -> list[PairBook]:
    """The legs of one account by pair and settlement currency, in order of first appearance."""
    names = np.array(legs.underlying, dtype=object)
    rows: dict[tuple[str, str], list[Ints]] = {}
    for name in dict.fromkeys(legs.underlying):
        rows.setdefault(settlement_of(name), []).append(np.flatnonzero(names == name))
    return [
        _book(legs, np.sort(np.concatenate(mine)), base, currency, parameters)
        for (base, currency), mine in rows.items()
    ]


def scenarios_of(
    general: GeneralTerms, pair: PairTerms, currency: CurrencyTerms, *, index: float, inverse: bool
) -> Scenarios:
    """The cells of a pair: 27 and 8 with the venue's numbers."""
    reach, many = pair.price_range, general.buckets_count
    buckets = reach * np.arange(-many, many + 1) / many
    extended = np.array(general.extended_moves, dtype=np.float64)
    scale = pair.extended_table_factor * reach / np.abs(extended)
    if inverse:
        scale = scale * (1.0 + extended) / (1.0 + np.sign(extended) * reach)
    beyond = np.maximum(np.abs(extended) / reach - 1.0, 0.0)
    standard = buckets.size * len(VOLS)
    return Scenarios(
        move=np.concatenate((np.repeat(buckets, len(VOLS)), extended)),
        vol=np.concatenate(
            (np.tile(np.arange(len(VOLS)), buckets.size), np.full(extended.size, VOLS.index("up")))
        ),
        factor=np.concatenate((np.ones(standard), scale)),
        dampener=np.concatenate(
            (np.zeros(standard), beyond * currency.extended_dampener / (index if inverse else 1.0))
        ),
        standard=standard,
    )


def shocked_vols(vol: Floats, days: Floats, general: GeneralTerms, pair: PairTerms) -> Floats:
    """float64[3, n]: each volatility down, as it is, and up; an option that expires now keeps its own.

    Source: domain reference 3.7; the same form is documented by Ore (docs.oreome.com, advanced risk scenarios), which
    follows Deribit, with no volatility below 0.
    """
    alive = days > 0.0
    power = np.where(days < general.pivot_days, pair.short_term_vega_power, pair.long_term_vega_power)
    scale = np.where(alive, (general.pivot_days / np.where(alive, days, 1.0)) ** power, 0.0)
    up = np.maximum(vol * (1.0 + pair.volatility_range_up * scale), pair.min_volatility_for_shock_up)
    down = np.maximum(vol * (1.0 - pair.volatility_range_down * scale), 0.0)
    return np.stack((down, vol, up))


def _book(legs: Legs, rows: Ints, base: str, currency: str, parameters: PmeParameters) -> PairBook:
    mine, general, inverse = legs.take(rows), parameters.general, currency == base
    pair = parameters.pairs[base]
    currency_terms = parameters.currencies.get(currency) or parameters.currencies[_USD]
    index = _index_of(mine)
    scenarios = scenarios_of(general, pair, currency_terms, index=index, inverse=inverse)
    option, forward, days = mine.is_option, forward_of(mine), mine.years * general.days_per_year
    to_usd = np.where(option & inverse, forward, 1.0)
    marked = mark(_on_forward(mine, forward, to_usd))
    vols = shocked_vols(marked.vol, days, general, pair)[scenarios.vol].T
    values = values_at(marked, 1.0 + scenarios.move, vols)
    if inverse:
        moved = forward[:, None] * (1.0 + scenarios.move)
        coin = values / moved - (marked.price / to_usd)[:, None]
        profit = np.where(option[:, None], coin, 1.0 - 1.0 / (1.0 + scenarios.move))
    else:
        profit = values - marked.price[:, None]
    black, net = _deltas(marked, forward, inverse=inverse)
    by_black = general.delta is DeltaConvention.BLACK
    expiry, expiry_years = _expiries(mine)
    return PairBook(
        pair=base,
        currency=currency,
        inverse=inverse,
        rows=rows,
        quantity=mine.quantity,
        index=index,
        terms=pair,
        currency_terms=currency_terms,
        scenarios=scenarios,
        cells=mine.multiplier[:, None] * profit * scenarios.factor,
        delta=mine.multiplier * (black if by_black else net),
        delta_otherwise=mine.multiplier * (net if by_black else black),
        futures=np.where(option, 0.0, mine.multiplier),
        expiry=expiry,
        expiry_years=expiry_years,
        days=days,
        is_option=option,
        marked=marked,
    )


def _on_forward(legs: Legs, forward: Floats, to_usd: Floats) -> Legs:
    """Legs in USD on their own forwards, undiscounted."""
    nothing = np.zeros(len(legs))
    return replace(
        legs,
        product_class=(ProductClass.FUTURE,) * len(legs),
        underlying_price=forward,
        price=legs.price * to_usd,
        rate=nothing,
        dividend_yield=nothing,
    )


def _deltas(marked: MarkedLegs, forward: Floats, *, inverse: bool) -> tuple[Floats, Floats]:
    """float64[n] twice: change per unit for a relative move of 1, by Black's delta and by the net transaction delta."""
    legs, n = marked.legs, forward.size
    option, ones = legs.is_option, np.ones(n)
    rows = np.flatnonzero(option)
    black = np.ones(n)
    black[rows] = value_european(
        forward[rows],
        forward[rows],
        legs.strike[rows],
        legs.years[rows],
        marked.vol[rows],
        ones[rows],
        legs.kind[rows].astype(np.float64),
        np.zeros(rows.size, dtype=np.bool_),
    )[DELTA]
    if not inverse:
        change = black * np.where(option, forward, marked.price)
        return change, change
    return black, np.where(option, black - marked.price / forward, black)


def _index_of(legs: Legs) -> float:
    """The underlying's price of the leg that expires first: a perpetual's where there is one; candidates do not count."""
    held = legs.quantity != 0.0
    some = legs.take(np.flatnonzero(held)) if held.any() else legs
    first = some.years == some.years.min()
    return float(some.underlying_price[first].min())


def _expiries(legs: Legs) -> tuple[Ints, Floats]:
    """Which expiry each leg belongs to, to the minute, and the years to each; a perpetual has one of its own."""
    minutes = np.rint(legs.years * _MINUTES_PER_YEAR).astype(np.int64)
    perpetual = (legs.kind == LegKind.FUTURE) & (legs.years == 0.0)
    keys, expiry = np.unique(np.where(perpetual, _PERPETUAL, minutes), return_inverse=True)
    years, of_held = np.zeros(keys.size), np.zeros(keys.size)
    held = legs.quantity != 0.0
    np.maximum.at(years, expiry, legs.years)
    np.maximum.at(of_held, expiry[held], legs.years[held])
    return expiry.astype(np.int64), np.where(np.isin(np.arange(keys.size), expiry[held]), of_held, years)


def _known(underlying: str, parameters: PmeParameters) -> bool:
    base, currency = settlement_of(underlying)
    in_usd = currency in parameters.general.usd_coins
    has_terms = currency in parameters.currencies or (in_usd and _USD in parameters.currencies)
    return base in parameters.pairs and (currency == base or in_usd) and has_terms


def _refused(legs: Legs, row: int, column: str, found: str, expected: str) -> Fault:
    return Fault(
        where=f"{legs.where[row]} column {column}",
        found=found,
        expected=expected,
        action="correct the row, or give the parameters for it",
    )
