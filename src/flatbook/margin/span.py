"""SPAN: the worst of 16 scenarios of each combined commodity, spread charges and credits, short minima, option value.

Sources: CME, "Components of SPAN" and the SPAN report pages; NSE Clearing, "NSCCL SPAN"; L. McMillan, "Options as a
Strategic Investment" (scenarios, worked covered write). `span_requirement` needs arrays only, whoever made them;
`capital` makes them with our own pricer, or takes those of a clearing house's file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from flatbook.margin.legs import Legs
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.margin.span_arrays import PAIRS, SpanContracts, contracts_of
from flatbook.margin.span_match import SpanFile, contracts_in
from flatbook.margin.span_parameters import ShortOptionMethod, SpanCommodity, SpanParameters
from flatbook.margin.span_spreads import PriceRisk, spread_charges, spread_credits
from flatbook.model.errors import Fault, FaultsError
from flatbook.model.table import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class CommodityRisk:
    """One combined commodity, in its currency."""

    combined: str
    losses: Floats  # [16] of the book
    scan: float
    scenario: int  # 1 to 16: the first of the worst
    intra: float
    delivery: float
    credit: float
    short_minimum: float
    risk: float  # maintenance, before option value
    initial: float  # likewise
    net_delta: float
    net_option_value: float
    long_only: bool  # long options and nothing else
    spreads: tuple[tuple[int, float], ...]  # priority and how many


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRequirement:
    """What a book needs."""

    commodities: tuple[CommodityRisk, ...]
    risk: float  # sum of maintenance risks, before option value
    net_option_value: float  # of options that were paid for
    maintenance: float
    initial: float
    spreads: tuple[tuple[int, float], ...]  # between commodities


@dataclass(frozen=True, slots=True, kw_only=True)
class BookPart:
    """The contracts of one combined commodity."""

    rows: Ints  # where they stand among all
    contracts: SpanContracts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainContracts:
    """k contracts of the commodities that no spread or delivery charge concerns, side by side."""

    names: tuple[str, ...]  # the commodities
    rows: Ints  # [k] where they stand among all
    commodity_of: Ints  # [k] into `names`
    loss: Floats  # [16, k]
    is_option: Bools  # [k]
    is_call: Bools  # [k]
    value: Floats  # [k]
    paid: Floats  # [k] the same where the premium is paid, 0 where not
    short_minimum: Floats  # [k] 0 but for options
    larger_side: Bools  # [commodities] the short minimum is that of calls or puts, not of both
    ratio: Floats  # [commodities] initial over maintenance


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanBook:
    """Contracts sorted once by combined commodity, for books that change more often than their arrays."""

    contracts: SpanContracts
    parameters: SpanParameters
    parts: Mapping[str, BookPart]
    plain: PlainContracts


def span_book(contracts: SpanContracts, parameters: SpanParameters) -> SpanBook:
    """Contracts ready for `requirement_of` and `marginals_of`."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(contracts.combined):
        rows.setdefault(name, []).append(row)
    picked = {name: np.array(mine, dtype=np.int64) for name, mine in rows.items()}
    parts = {name: BookPart(rows=mine, contracts=contracts.take(mine)) for name, mine in picked.items()}
    plain = _plain(contracts, parameters, picked)
    return SpanBook(contracts=contracts, parameters=parameters, parts=parts, plain=plain)


def span_requirement(
    contracts: SpanContracts, quantity: Floats, parameters: SpanParameters
) -> SpanRequirement:
    """The requirement of a book of contracts, from their arrays alone.

    Parameters
    ----------
    contracts : SpanContracts
        n contracts with their arrays; each one row, for short options are counted net.
    quantity : float64[n]
        Contracts held, negative is short.
    parameters : SpanParameters
    """
    return requirement_of(span_book(contracts, parameters), quantity)


def span_marginals(
    contracts: SpanContracts, quantity: Floats, parameters: SpanParameters, clip: float = 1.0
) -> tuple[Floats, Floats]:
    """Change of the initial requirement by `clip` contracts more of each, bought and sold: two float64[n], exact."""
    return marginals_of(span_book(contracts, parameters), quantity, clip)


def requirement_of(book: SpanBook, quantity: Floats) -> SpanRequirement:
    """As `span_requirement`."""
    return _together(book, quantity, _risks_alone(book, quantity))


def marginals_of(book: SpanBook, quantity: Floats, clip: float = 1.0) -> tuple[Floats, Floats]:
    """As `span_marginals`.

    All at once for the contracts of commodities that no spread or delivery charge concerns; run again for the others.
    """
    risks = _risks_alone(book, quantity)
    base = _together(book, quantity, risks)
    out = np.full((2, quantity.size), np.nan)
    for side, signed in enumerate((clip, -clip)):
        out[side, book.plain.rows] = _plain_changes(book, quantity, risks, base, signed)
    for name, part in book.parts.items():
        for row in () if name in book.plain.names else part.rows.tolist():
            for side, signed in enumerate((clip, -clip)):
                held = quantity.copy()
                held[row] += signed
                again = {**risks, name: _risk_alone(part.contracts, held[part.rows], book.parameters)}
                out[side, row] = _together(book, held, again).initial - base.initial
    return out[0], out[1]


def capital(legs: Legs, parameters: SpanParameters, file: SpanFile | None = None) -> AccountRequirement:
    """The requirement of the legs of one account.

    Parameters
    ----------
    legs : Legs
        Of one account.
    parameters : SpanParameters
    file : SpanFile, optional
        A clearing house's arrays and tables; without it our own pricer makes the arrays, and an underlying is a
        combined commodity.

    Raises
    ------
    FaultsError
        A leg without scan ranges or that the file does not hold, or commodities of several currencies.
    """
    if file is None:
        priced = contracts_of(legs, parameters)
        contracts, notes = priced.contracts, priced.notes
    else:
        contracts = contracts_in(file, legs, parameters.match_days)
        parameters = _with_file(parameters, file)
        notes = (f"arrays of {file.name}", *file.notes)
    currency = _one_currency(contracts, parameters)
    first, contract_of = _same_contracts(contracts, legs, marked=file is None)
    book = span_book(contracts.take(first), parameters)
    quantity = np.zeros(first.size)
    np.add.at(quantity, contract_of, legs.quantity)
    found = requirement_of(book, quantity)
    buy, sell = marginals_of(book, quantity)
    if found.net_option_value > found.risk:
        notes = (*notes, "option value covers all of the risk: nothing more is needed")
    return AccountRequirement(
        group=legs.group[0] if len(legs) else "",
        method=Method.SPAN,
        currency=currency,
        requirement=found.initial,
        initial=found.initial,
        maintenance=found.maintenance,
        net_of_proceeds=np.nan,
        marginal_buy=buy[contract_of],
        marginal_sell=sell[contract_of],
        found=_told(found),
        notes=notes,
    )


def _losses(contracts: SpanContracts, quantity: Floats) -> Floats:
    """float64[16]; contracts that are not held do not count, whatever their arrays say."""
    held = np.flatnonzero(quantity != 0.0)
    return np.asarray(quantity[held] @ contracts.loss[held])


def _risks_alone(book: SpanBook, quantity: Floats) -> dict[str, CommodityRisk]:
    return {
        name: _risk_alone(part.contracts, quantity[part.rows], book.parameters)
        for name, part in book.parts.items()
    }


def _risk_alone(contracts: SpanContracts, quantity: Floats, parameters: SpanParameters) -> CommodityRisk:
    """One commodity without credits from others."""
    commodity = parameters.commodity_of(contracts.combined[0])
    losses = _losses(contracts, quantity)
    held = quantity != 0.0
    deltas = np.where(held, quantity * contracts.delta, 0.0)
    charges = spread_charges(commodity, contracts.month_years, deltas)
    option = contracts.is_option
    short = np.where(option, np.maximum(-quantity, 0.0), 0.0) * contracts.short_minimum
    alone = CommodityRisk(
        combined=commodity.name,
        losses=losses,
        scan=float(np.maximum(losses.max(), 0.0)),
        scenario=int(np.argmax(losses)) + 1,
        intra=charges.intra,
        delivery=charges.delivery,
        credit=0.0,
        short_minimum=float(
            _short_minimum(commodity, short[contracts.kind == 1].sum(), short[contracts.kind == -1].sum())
        ),
        risk=0.0,
        initial=0.0,
        net_delta=float(deltas.sum()),
        net_option_value=float(
            np.where(held & contracts.premium_style, quantity * contracts.value, 0.0).sum()
        ),
        long_only=bool(held.any() and (option | ~held).all() and (quantity >= 0.0).all()),
        spreads=charges.formed,
    )
    return _credited(alone, 0.0, _long_value(contracts, quantity), commodity, parameters)


def _short_minimum(commodity: SpanCommodity, calls: Any, puts: Any) -> Any:
    return np.maximum(calls, puts) if commodity.short_option_method is ShortOptionMethod.MAX else calls + puts


def _long_value(contracts: SpanContracts, quantity: Floats) -> float:
    return float(np.where(contracts.is_option & (quantity > 0.0), quantity * contracts.value, 0.0).sum())


def _credited(
    risk: CommodityRisk,
    credit: float,
    long_value: float,
    commodity: SpanCommodity,
    parameters: SpanParameters,
) -> CommodityRisk:
    need = np.maximum(risk.scan + risk.intra + risk.delivery - credit, risk.short_minimum)
    initial = need * parameters.ratio_of(commodity)
    if risk.long_only and parameters.long_option_cap:
        need, initial = np.minimum(need, long_value), np.minimum(initial, long_value)
    return replace(risk, credit=credit, risk=float(need), initial=float(initial))


def _together(book: SpanBook, quantity: Floats, alone: Mapping[str, CommodityRisk]) -> SpanRequirement:
    """Credits between commodities, and the sum."""
    parameters, parts = book.parameters, book.parts
    keys = {(leg.combined, leg.tier) for spread in parameters.inter_spreads for leg in spread.legs}
    price_risks = {
        (name, tier): _price_risk(parts[name].contracts, quantity[parts[name].rows], tier, parameters)
        for name, tier in keys
        if name in parts
    }
    released = spread_credits(parameters.inter_spreads, price_risks)
    risks = []
    for name, by_itself in alone.items():
        risk = by_itself
        credit = released.credit.get(name, 0.0)
        if credit != 0.0:
            long_value = _long_value(parts[name].contracts, quantity[parts[name].rows])
            risk = _credited(by_itself, credit, long_value, parameters.commodity_of(name), parameters)
        risks.append(risk)
    value = sum(risk.net_option_value for risk in risks)
    total = sum(risk.risk for risk in risks)
    return SpanRequirement(
        commodities=tuple(risks),
        risk=total,
        net_option_value=value,
        maintenance=float(np.maximum(total - value, 0.0)),
        initial=float(np.maximum(sum(risk.initial for risk in risks) - value, 0.0)),
        spreads=released.formed,
    )


def _price_risk(
    contracts: SpanContracts, quantity: Floats, tier: int, parameters: SpanParameters
) -> PriceRisk:
    """Volatility-adjusted risk less time risk, of a commodity or of one tier of it by itself."""
    if tier:
        commodity = parameters.commodity_of(contracts.combined[0])
        bands = [(one.from_years, one.to_years) for one in commodity.tiers if one.number == tier]
        inside = (bands[0][0] <= contracts.month_years) & (contracts.month_years < bands[0][1])
        quantity = np.where(inside, quantity, 0.0)
    losses = _losses(contracts, quantity)
    active = int(np.argmax(losses))
    adjusted = (losses[active] + losses[PAIRS[active]]) / 2.0
    risk = np.maximum(adjusted - (losses[0] + losses[1]) / 2.0, 0.0)
    deltas = np.where(quantity != 0.0, quantity * contracts.delta, 0.0)
    return PriceRisk(net_delta=float(deltas.sum()), risk=float(risk))


def _plain(
    contracts: SpanContracts, parameters: SpanParameters, rows_of: Mapping[str, Ints]
) -> PlainContracts:
    between = {leg.combined for spread in parameters.inter_spreads for leg in spread.legs}
    commodities = [parameters.commodity_of(name) for name in rows_of]
    plain = [
        one for one in commodities if one.name not in between and not one.spreads and not one.spot_charges
    ]
    each = [rows_of[one.name] for one in plain]
    rows = np.concatenate((np.empty(0, dtype=np.int64), *each))
    option = contracts.is_option[rows]
    value = contracts.value[rows]
    return PlainContracts(
        names=tuple(one.name for one in plain),
        rows=rows,
        commodity_of=np.repeat(np.arange(len(plain)), [one.size for one in each]),
        loss=np.ascontiguousarray(contracts.loss[rows].T),
        is_option=option,
        is_call=contracts.kind[rows] == 1,
        value=value,
        paid=np.where(contracts.premium_style[rows], value, 0.0),
        short_minimum=np.where(option, contracts.short_minimum[rows], 0.0),
        larger_side=np.array(
            [one.short_option_method is ShortOptionMethod.MAX for one in plain], dtype=np.bool_
        ),
        ratio=np.array([parameters.ratio_of(one) for one in plain], dtype=np.float64),
    )


def _plain_changes(
    book: SpanBook, quantity: Floats, risks: Mapping[str, CommodityRisk], base: SpanRequirement, signed: float
) -> Floats:
    """float64[k]: change of the initial requirement by `signed` contracts of each plain contract."""
    plain = book.plain
    of, held = plain.commodity_of, quantity[plain.rows]
    after = held + signed
    mine = [risks[name] for name in plain.names]
    initial = np.maximum(_scan_moved(plain, mine, signed), _minimum_moved(plain, held, after))
    initial *= plain.ratio[of]
    if book.parameters.long_option_cap:
        initial = np.where(
            _long_only_moved(plain, held, after),
            np.minimum(initial, _long_value_moved(plain, held, after)),
            initial,
        )
    others = sum(one.initial for one in base.commodities) - np.array([one.initial for one in mine])
    moved = others[of] + initial - (base.net_option_value + signed * plain.paid)
    return np.asarray(np.maximum(moved, 0.0) - base.initial)


def _scan_moved(plain: PlainContracts, risks: list[CommodityRisk], signed: float) -> Floats:
    """float64[k]: scan risk of its commodity once `signed` contracts of a plain contract are traded."""
    losses = np.array([one.losses for one in risks]).reshape(len(risks), plain.loss.shape[0]).T
    lots = np.take(losses, plain.commodity_of, axis=1)
    lots += signed * plain.loss
    return np.asarray(np.maximum(lots.max(axis=0), 0.0))


def _minimum_moved(plain: PlainContracts, held: Floats, after: Floats) -> Floats:
    """float64[k]: short option minimum of its commodity once a contract is held as in `after`."""
    of, count = plain.commodity_of, len(plain.names)
    short = np.maximum(-held, 0.0) * plain.short_minimum
    more = np.maximum(-after, 0.0) * plain.short_minimum - short
    calls = np.bincount(of, np.where(plain.is_call, short, 0.0), count)[of] + np.where(
        plain.is_call, more, 0.0
    )
    puts = np.bincount(of, np.where(plain.is_call, 0.0, short), count)[of] + np.where(
        plain.is_call, 0.0, more
    )
    return np.where(plain.larger_side[of], np.maximum(calls, puts), calls + puts)


def _long_value_moved(plain: PlainContracts, held: Floats, after: Floats) -> Floats:
    """float64[k]: what the long options of its commodity are worth once a contract is held as in `after`."""
    of = plain.commodity_of
    worth, worth_after = (
        np.where(plain.is_option & (each > 0.0), each * plain.value, 0.0) for each in (held, after)
    )
    return np.asarray(np.bincount(of, worth, len(plain.names))[of] - worth + worth_after)


def _long_only_moved(plain: PlainContracts, held: Floats, after: Floats) -> Bools:
    """bool[k]: its commodity holds long options and nothing else, or nothing, once a contract is held as in `after`."""
    of = plain.commodity_of
    other, other_after = ((each < 0.0) | ((each != 0.0) & ~plain.is_option) for each in (held, after))
    return np.asarray(np.bincount(of[other], minlength=len(plain.names))[of] - other + other_after == 0)


def _with_file(parameters: SpanParameters, file: SpanFile) -> SpanParameters:
    """The file's tables in the place of the parameters' where it has them."""
    told = {one.name for one in file.commodities}
    kept = tuple(one for one in parameters.commodities if one.name not in told)
    return msgspec.structs.replace(
        parameters,
        commodities=(*kept, *file.commodities),
        inter_spreads=file.inter_spreads or parameters.inter_spreads,
    )


def _one_currency(contracts: SpanContracts, parameters: SpanParameters) -> str:
    by_currency: dict[str, str] = {}
    for where, name in zip(contracts.where, contracts.combined, strict=True):
        by_currency.setdefault(parameters.commodity_of(name).currency, f"{where} ({name})")
    if len(by_currency) > 1:
        raise FaultsError(
            Fault(
                where=where,
                found=f"margined in {currency}",
                expected="one currency in an account",
                action="split the account by currency",
            )
            for currency, where in by_currency.items()
        )
    return next(iter(by_currency), parameters.currency)


def _same_contracts(contracts: SpanContracts, legs: Legs, *, marked: bool) -> tuple[Ints, Ints]:
    """First row of each contract, and which contract each row is: legs of one contract are held net.

    Where our pricer made the arrays, legs of different marks are not one contract.
    """
    marks = (legs.price, legs.vol, legs.underlying_price, legs.rate, legs.dividend_yield, legs.american)
    columns = (contracts.kind, contracts.strike, contracts.years, legs.multiplier, *(marks if marked else ()))
    bits = np.column_stack(
        [column.astype(np.float64) + 0.0 for column in columns]
    )  # NaN is equal to itself in bits
    numbers: dict[tuple[str, str, bytes], int] = {}
    first: list[int] = []
    contract_of = np.zeros(len(legs), dtype=np.int64)
    for row, (combined, underlying) in enumerate(zip(contracts.combined, legs.underlying, strict=True)):
        number = numbers.setdefault((combined, underlying, bits[row].tobytes()), len(numbers))
        contract_of[row] = number
        if number == len(first):
            first.append(row)
    return np.array(first, dtype=np.int64), contract_of


def _told(found: SpanRequirement) -> dict[str, Any]:
    """What `--json` shows."""
    return {
        "scan_risk_and_charges": found.risk,
        "net_option_value": found.net_option_value,
        "spreads_between_commodities": [{"priority": one, "spreads": count} for one, count in found.spreads],
        "commodities": [
            {
                "combined": one.combined,
                "worst_scenario": one.scenario,
                "losses": one.losses.tolist(),
                "scan_risk": one.scan,
                "intra_commodity_charge": one.intra,
                "delivery_charge": one.delivery,
                "inter_commodity_credit": one.credit,
                "short_option_minimum": one.short_minimum,
                "risk": one.risk,
                "initial_risk": one.initial,
                "net_delta": one.net_delta,
                "net_option_value": one.net_option_value,
                "spreads": [{"priority": number, "spreads": count} for number, count in one.spreads],
            }
            for one in found.commodities
        ],
    }
