"""Deribit's portfolio margin (PME, 2024): the worst of 35 cells, a roll shock and a delta shock for each settlement currency.

Sources: docs.deribit.com private/pme/simulate (fields and worked answer), support.deribit.com "Portfolio Margin"; domain
reference 3.7 and A.10. Segregated margin: every settlement currency by itself. What the venue does not publish is told in
`notes` where it can change the answer for the account at hand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flatbook.margin.legs import Legs, faults_of
from flatbook.margin.pme_cells import VOLS, PairBook, books_of, faults_for_pme
from flatbook.margin.pme_notes import notes_on
from flatbook.margin.pme_parameters import AccountTerms, GeneralTerms, PmeParameters
from flatbook.margin.pme_shocks import PairMargin, finished, margin_of, margin_with
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.model.errors import Fault, fail_on
from flatbook.model.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Currency:
    """One settlement currency of an account; amounts in it."""

    books: tuple[PairBook, ...]
    margins: tuple[PairMargin, ...]
    terms: AccountTerms
    index: float  # USD per unit; NaN where no leg tells it
    mm_factor: float
    mmp_margin: float  # what market-maker protection reserves

    @property
    def risk_matrix_margin(self) -> float:
        """Worst case and shocks of every currency, and the contingency for correlation."""
        return sum((one.total for one in self.margins), self.terms.correlation_contingency)

    @property
    def initial(self) -> float:
        """To open positions."""
        terms = self.terms
        return self.risk_matrix_margin + self.mmp_margin + terms.open_orders_margin + terms.spot_margin

    @property
    def maintenance(self) -> float:
        """To keep them."""
        return self.mm_factor * self.risk_matrix_margin


def capital(legs: Legs, parameters: PmeParameters) -> AccountRequirement:
    """What the legs of one account need.

    Parameters
    ----------
    legs : Legs
        Of one group, all of class crypto. `underlying` is the coin (BTC: settled in BTC) or coin and settlement currency
        (BTC_USDC); `quantity` times `multiplier` is in coin, of inverse futures too. Option prices are in the settlement
        currency, futures prices in USD.
    parameters : PmeParameters

    Returns
    -------
    AccountRequirement
        In the settlement currency where the account has only one, otherwise in USD with the parts in `found`.

    Raises
    ------
    FaultsError
        Naming every row that the method cannot margin, and terms of the account that do not tell which coin is quoted.
    """
    fail_on((*faults_of(legs), *faults_for_pme(legs, parameters)))
    (group,) = dict.fromkeys(legs.group)
    books, terms = books_of(legs, parameters), parameters.terms_of(group)
    fail_on(_coin_faults(group, books, terms, parameters))
    parts = _currencies(books, parameters, terms)
    alone = len(parts) == 1
    unit = {name: 1.0 if alone else part.index for name, part in parts.items()}
    initial = sum(unit[name] * part.initial for name, part in parts.items())
    buy, sell = np.full(len(legs), np.nan), np.full(len(legs), np.nan)
    pairs = [pair for part in parts.values() for pair in zip(part.books, part.margins, strict=True)]
    for book, margin in pairs:
        buy[book.rows] = unit[book.currency] * (margin_with(book, 1.0) - margin.total)
        sell[book.rows] = unit[book.currency] * (margin_with(book, -1.0) - margin.total)
    return AccountRequirement(
        group=group,
        method=Method.DERIBIT_PORTFOLIO,
        currency=next(iter(parts)) if alone else "USD",
        requirement=initial,
        initial=initial,
        maintenance=sum(unit[name] * part.maintenance for name, part in parts.items()),
        net_of_proceeds=np.nan,
        marginal_buy=buy,
        marginal_sell=sell,
        found={
            "requirement_usd": sum(part.index * part.initial for part in parts.values()),
            "maintenance_usd": sum(part.index * part.maintenance for part in parts.values()),
            "currencies": {name: _told(part) for name, part in parts.items()},
        },
        notes=(
            *notes_on(pairs, {name: part.index for name, part in parts.items()}, parameters),
            *_protection_notes(parts, parameters.general),
        ),
    )


def _coin_faults(
    group: str, books: Iterable[PairBook], terms: Mapping[str, AccountTerms], parameters: PmeParameters
) -> Iterator[Fault]:
    """Quote quantities of which neither the currency nor the legs say which coin they are of."""
    for name, own in terms.items():
        coins = _coins_of(name, books)
        if name not in parameters.general.usd_coins or isinstance(own.mmp_quantity, dict):
            continue
        if own.mmp_quantity and len(coins) != 1:
            held = f"legs of {', '.join(coins)} settle" if coins else "no leg settles"
            yield Fault(
                where=f"parameters [accounts.{group}.{name}] mmp_quantity",
                found=f"{own.mmp_quantity:g} coins, while {held} in {name}",
                expected="the coin that is quoted",
                action=f"write mmp_quantity = {{ {coins[0] if coins else 'BTC'} = {own.mmp_quantity:g} }}",
            )


def _coins_of(currency: str, books: Iterable[PairBook]) -> list[str]:
    """The coins of the pairs that settle in a currency."""
    return [book.pair for book in books if book.currency == currency]


def _reserved(
    currency: str, quantity: float | dict[str, float], books: Sequence[PairBook], factor: float
) -> float:
    """What market-maker protection reserves, in `currency`: a share of the coins quoted, at their index in a dollar currency.

    Source: docs.deribit.com, set_mmp_config: 3 % of the quantity; fix-api mmprotection-limits: which is in base currency. That
    it becomes dollars at the index is our reading: unverified.
    """
    if not isinstance(quantity, dict):
        quantity = {next(iter(_coins_of(currency, books)), currency): quantity} if quantity else {}
    index = {book.pair: book.index for book in reversed(books)}
    each = {coin.upper(): many for coin, many in quantity.items()}
    return factor * sum(
        many * (1.0 if coin == currency else index.get(coin, np.nan)) for coin, many in each.items() if many
    )


def _protection_notes(parts: Mapping[str, _Currency], general: GeneralTerms) -> Iterator[str]:
    """How coins that are quoted become dollars, where they do."""
    for name, part in parts.items():
        if np.isnan(part.mmp_margin):
            yield f"no leg tells the price of a coin that market-maker protection quotes in {name}: no requirement"
        elif part.mmp_margin and name in general.usd_coins:
            yield (
                f"market-maker protection reserves {part.mmp_margin:g} {name}: the venue gives the quantity in coin; that it "
                "counts at the index is unverified"
            )


def _currencies(
    books: Sequence[PairBook], parameters: PmeParameters, terms: Mapping[str, AccountTerms]
) -> dict[str, _Currency]:
    """The parts of an account by settlement currency: those of its legs, then those that only its terms name."""
    by_currency: dict[str, list[PairBook]] = {}
    for book in books:
        by_currency.setdefault(book.currency, []).append(book)
    for name in terms:
        by_currency.setdefault(name, [])
    general = parameters.general
    return {
        name: _Currency(
            books=tuple(mine),
            margins=tuple(margin_of(book) for book in mine),
            terms=terms.get(name, AccountTerms()),
            index=1.0 if name in general.usd_coins else mine[0].index if mine else np.nan,
            mm_factor=general.mm_factor,
            mmp_margin=_reserved(
                name,
                terms[name].mmp_quantity if name in terms else 0.0,
                (*mine, *books),
                general.mmp_factor,
            ),
        )
        for name, mine in by_currency.items()
    }


def _told(part: _Currency) -> dict[str, Any]:
    """A settlement currency as `--json` shows it, in the words of private/pme/simulate."""
    return {
        "initial_margin": part.initial,
        "maintenance_margin": part.maintenance,
        "risk_matrix_margin": part.risk_matrix_margin,
        "mmp_margin": part.mmp_margin,
        "open_orders_margin": part.terms.open_orders_margin,
        "spot_margin": part.terms.spot_margin,
        "correlation_contingency": part.terms.correlation_contingency,
        "index_price": part.index,
        "pairs": {
            book.pair: _pair_told(book, margin) for book, margin in zip(part.books, part.margins, strict=True)
        },
    }


def _pair_told(book: PairBook, margin: PairMargin) -> dict[str, Any]:
    standard = book.scenarios.standard
    cells: Floats = finished(margin.cells, book)
    return {
        "index_price": book.index,
        "worst_case": margin.worst,
        "worst_case_bucket": _bucket_told(book, margin),
        "roll_shock": margin.roll,
        "delta_shock": margin.delta_shock,
        "futures_contingency": margin.futures_contingency,
        "risk_matrix_margin": margin.total,
        "delta_total": margin.delta,
        "aggregated": {"standard": cells[:standard].tolist(), "extended": cells[standard:].tolist()},
        "pre_aggregated": {
            "standard": margin.cells[:standard].tolist(),
            "extended": margin.cells[standard:].tolist(),
        },
    }


def _bucket_told(book: PairBook, margin: PairMargin) -> dict[str, Any] | None:
    """The worst cell; indices count from 1, as the venue's do."""
    cell = margin.worst_cell
    if cell < 0:
        return None
    scenarios = book.scenarios
    extended = cell >= scenarios.standard
    move = float(scenarios.move[cell])
    place = cell - scenarios.standard if extended else cell
    return {
        "source": "extended" if extended else "standard",
        "index": place + 1,
        "bucket": place + 1 if extended else place // len(VOLS) + 1,
        "side": "left" if move < 0.0 else "right" if move > 0.0 else "middle",
        "move": move,
        "vol": VOLS[scenarios.vol[cell]],
    }
