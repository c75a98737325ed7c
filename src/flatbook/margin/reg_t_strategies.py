"""The strategies that margin rules recognise, and what one lot of each requires.

Sources: Cboe Rule 10.3 and Cboe's Margin Manual; FINRA Rule 4210(c) and (f)(2); Regulation T, 12 CFR 220.12. Spreads of
options alone, whatever their shape, have one rule, the greatest loss of what they are worth when exercised, and are in
`reg_t_spreads`.

Amounts are those of one lot: one contract with the shares that it calls for. A requirement is told before the proceeds of
sales are credited; `credit` is what of them may be. Equity counts long options and stock at market value: so a long option
that must be paid in full requires its market value, at maintenance too.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from flatbook.margin.legs import LegKind, ProductClass
from flatbook.margin.reg_t_parameters import Account, RegTParameters
from flatbook.margin.reg_t_positions import Position


class Strategy(StrEnum):
    """What a package of positions is called."""

    LONG_OPTION = "long option"
    LONG_TERM_OPTION = "long option, long term"
    UNCOVERED_CALL = "uncovered call"
    UNCOVERED_PUT = "uncovered put"
    CASH_SECURED_PUT = "cash-secured put"
    SHORT_STRADDLE = "short straddle"
    SHORT_STRANGLE = "short strangle"
    LONG_STOCK = "long stock"
    SHORT_STOCK = "short stock"
    COVERED_CALL = "covered call"
    COVERED_PUT = "covered put"
    PROTECTIVE_PUT = "protective put"
    PROTECTIVE_CALL = "protective call"
    CONVERSION = "conversion"
    REVERSE_CONVERSION = "reverse conversion"
    COLLAR = "collar"
    LONG_BOX_EUROPEAN = "long box, European"
    NOT_ALLOWED = "not allowed in this account"


RULES: dict[Strategy, str] = {
    Strategy.LONG_OPTION: "paid in full",
    Strategy.LONG_TERM_OPTION: "a share of market value",
    Strategy.UNCOVERED_CALL: "market value + rate of underlying - out-of-the-money amount, at least the minimum",
    Strategy.UNCOVERED_PUT: "market value + rate of underlying - out-of-the-money amount, at least the minimum",
    Strategy.CASH_SECURED_PUT: "aggregate exercise price",
    Strategy.SHORT_STRADDLE: "the greater uncovered requirement + market value of the other",
    Strategy.SHORT_STRANGLE: "the greater uncovered requirement + market value of the other",
    Strategy.LONG_STOCK: "share of market value",
    Strategy.SHORT_STOCK: "market value + share of it",
    Strategy.COVERED_CALL: "the stock's, valued at no more than the exercise price",
    Strategy.COVERED_PUT: "the stock's + in-the-money amount",
    Strategy.PROTECTIVE_PUT: "put in full + stock: share of exercise price + out-of-the-money amount, at most the stock's",
    Strategy.PROTECTIVE_CALL: "call in full + stock: exercise price, share of it + out-of-the-money amount, at most the stock's",
    Strategy.CONVERSION: "put in full + share of exercise price; stock valued at no more than the exercise price",
    Strategy.REVERSE_CONVERSION: "call in full + exercise price, share of it + in-the-money amount of the put",
    Strategy.COLLAR: "put in full + lesser of share of put exercise price + out-of-the-money amount, and of call exercise price",
    Strategy.LONG_BOX_EUROPEAN: "share of the difference in exercise prices",
    Strategy.NOT_ALLOWED: "neither paid, covered nor a spread of European index options",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One lot of a strategy."""

    strategy: Strategy
    legs: tuple[tuple[int, float], ...]  # index of a position, how many of it (not signed)
    initial: float
    maintenance: float  # as the rules print it, stock carried at market value or less
    credit: float = 0.0  # proceeds of sales that may be applied
    carried_below: float = 0.0  # by how much the rules carry the stock below its market value, at maintenance


def uncovered(one: Position, rules: RegTParameters) -> float:
    """What one short option requires on its own (Cboe 10.3, FINRA 4210(f)(2)(E))."""
    rate = {
        ProductClass.EQUITY: rules.uncovered_equity,
        ProductClass.NARROW_INDEX: rules.uncovered_narrow_index,
        ProductClass.BROAD_INDEX: rules.uncovered_broad_index,
        ProductClass.LEVERAGED_ETF: rules.uncovered_leveraged_etf,
    }[one.product_class]
    base = one.spot_value if one.kind == LegKind.CALL else one.exercise
    return one.value + max(
        rate * one.leverage * one.spot_value - max(-one.in_the_money, 0.0),
        rules.uncovered_minimum * one.leverage * base,
    )


def lone_option(index: int, one: Position, rules: RegTParameters) -> Lot:
    """One option, long or short, without company."""
    leg = ((index, 1.0),)
    if one.quantity > 0.0:
        if rules.account is Account.MARGIN and one.years > rules.long_term_years:
            return Lot(
                strategy=Strategy.LONG_TERM_OPTION,
                legs=leg,
                initial=rules.long_term_initial * one.value,
                maintenance=rules.long_term_maintenance * one.value,
            )
        return Lot(strategy=Strategy.LONG_OPTION, legs=leg, initial=one.value, maintenance=one.value)
    if rules.account is Account.CASH:
        if one.kind == LegKind.PUT:
            strategy, amount = Strategy.CASH_SECURED_PUT, one.exercise
        else:
            strategy, amount = Strategy.NOT_ALLOWED, math.nan
        return Lot(strategy=strategy, legs=leg, initial=amount, maintenance=amount, credit=one.value)
    strategy = Strategy.UNCOVERED_CALL if one.kind == LegKind.CALL else Strategy.UNCOVERED_PUT
    amount = uncovered(one, rules)
    return Lot(strategy=strategy, legs=leg, initial=amount, maintenance=amount, credit=one.value)


def short_straddle(call: int, put: int, positions: list[Position], rules: RegTParameters) -> Lot:
    """A short call with a short put: one of them at most can be exercised against the writer."""
    one, other = positions[call], positions[put]
    of_call, of_put = uncovered(one, rules), uncovered(other, rules)
    amount = of_call + other.value if of_call >= of_put else of_put + one.value
    same = one.strike == other.strike and one.years == other.years
    return Lot(
        strategy=Strategy.SHORT_STRADDLE if same else Strategy.SHORT_STRANGLE,
        legs=((call, 1.0), (put, 1.0)),
        initial=amount,
        maintenance=amount,
        credit=one.value + other.value,
    )


def lone_stock(index: int, one: Position, rules: RegTParameters) -> Lot:
    """One share, without company."""
    initial, maintenance = _stock(one, 1.0, rules)
    return Lot(
        strategy=Strategy.LONG_STOCK if one.quantity > 0.0 else Strategy.SHORT_STOCK,
        legs=((index, 1.0),),
        initial=initial,
        maintenance=maintenance,
        credit=0.0 if one.quantity > 0.0 else one.spot,
    )


def _stock(one: Position, shares: float, rules: RegTParameters) -> tuple[float, float]:
    """Initial and maintenance requirement of stock without options; a short one's with its proceeds."""
    value = shares * one.spot
    if one.quantity > 0.0:
        if rules.account is Account.CASH:
            return value, value
        maintenance = min(rules.stock_long_maintenance * one.leverage, 1.0) * value
        return max(rules.stock_long_initial * value, maintenance), maintenance
    if rules.account is Account.CASH:
        return math.nan, math.nan
    if one.spot < rules.stock_low_price:
        margin = max(value, shares * rules.stock_short_low_minimum)
    else:
        rate = rules.stock_short_maintenance * one.leverage
        margin = max(rate * value, shares * rules.stock_short_minimum)
    return value + max(rules.stock_short_initial * value, margin), value + margin


def hedged_stock(
    stock: int, options: tuple[int, ...], positions: list[Position], rules: RegTParameters
) -> Lot | None:
    """One contract of each of `options` with the shares that it calls for; none where no rule knows the company."""
    share = positions[stock]
    company = [positions[index] for index in options]
    shares = shares_of_a_lot(share, company[0])
    initial, alone = _stock(share, shares, rules)
    held = share.quantity > 0.0
    kinds = tuple((one.kind, one.quantity > 0.0) for one in company)
    strategy = _STOCK_STRATEGIES.get((held, kinds))
    if strategy is None or (rules.account is Account.CASH and not held):
        return None
    if strategy is Strategy.COLLAR and company[0].strike == company[1].strike:
        strategy = Strategy.CONVERSION
    value = shares * share.spot
    maintenance, below = _MAINTENANCE[strategy](
        _Hedged(company=company, value=value, alone=alone, rules=rules)
    )
    paid = sum(one.value for one in company if one.quantity > 0.0)
    if rules.account is Account.CASH:
        maintenance, below = value, 0.0
    proceeds = sum(one.value for one in company if one.quantity < 0.0) + (0.0 if held else value)
    return Lot(
        strategy=strategy,
        legs=((stock, shares), *((index, 1.0) for index in options)),
        initial=max(initial, maintenance + below) + paid,
        maintenance=maintenance + paid,
        credit=proceeds,
        carried_below=below,
    )


def shares_of_a_lot(share: Position, option: Position) -> float:
    """Shares that cover one contract; of a fund, as many as are worth no less than the index."""
    if share.underlying == option.underlying:
        return option.multiplier
    return math.ceil(round(option.spot_value / share.spot, 9))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hedged:
    """A lot of stock and the options with it."""

    company: list[Position]
    value: float  # of the shares
    alone: float  # maintenance requirement of the shares without options
    rules: RegTParameters


def _covered_call(lot: _Hedged) -> tuple[float, float]:
    below = max(lot.value - lot.company[0].exercise, 0.0)
    return lot.alone * (lot.value - below) / lot.value, below


def _covered_put(lot: _Hedged) -> tuple[float, float]:
    return lot.alone + max(lot.company[0].exercise - lot.value, 0.0), 0.0


def _protective_put(lot: _Hedged) -> tuple[float, float]:
    put = lot.company[0]
    return min(lot.rules.hedged_exercise * put.exercise + max(-put.in_the_money, 0.0), lot.alone), 0.0


def _protective_call(lot: _Hedged) -> tuple[float, float]:
    call = lot.company[0]
    hedged = (1.0 + lot.rules.hedged_exercise) * call.exercise + max(-call.in_the_money, 0.0)
    return min(hedged, lot.alone), 0.0


def _conversion(lot: _Hedged) -> tuple[float, float]:
    exercise = lot.company[0].exercise
    return lot.rules.hedged_exercise * exercise, max(lot.value - exercise, 0.0)


def _reverse_conversion(lot: _Hedged) -> tuple[float, float]:
    call, put = lot.company
    return (1.0 + lot.rules.hedged_exercise) * call.exercise + max(put.in_the_money, 0.0), 0.0


def _collar(lot: _Hedged) -> tuple[float, float]:
    put, call = lot.company
    hedged = lot.rules.hedged_exercise * put.exercise + max(-put.in_the_money, 0.0)
    return min(hedged, lot.rules.collar_call_exercise * call.exercise), max(lot.value - call.exercise, 0.0)


_STOCK_STRATEGIES = {  # whether the stock is held; kind of each option, and whether it is held
    (True, ((LegKind.CALL, False),)): Strategy.COVERED_CALL,
    (True, ((LegKind.PUT, True),)): Strategy.PROTECTIVE_PUT,
    (True, ((LegKind.PUT, True), (LegKind.CALL, False))): Strategy.COLLAR,
    (False, ((LegKind.PUT, False),)): Strategy.COVERED_PUT,
    (False, ((LegKind.CALL, True),)): Strategy.PROTECTIVE_CALL,
    (False, ((LegKind.CALL, True), (LegKind.PUT, False))): Strategy.REVERSE_CONVERSION,
}
_MAINTENANCE = {
    Strategy.COVERED_CALL: _covered_call,
    Strategy.COVERED_PUT: _covered_put,
    Strategy.PROTECTIVE_PUT: _protective_put,
    Strategy.PROTECTIVE_CALL: _protective_call,
    Strategy.CONVERSION: _conversion,
    Strategy.REVERSE_CONVERSION: _reverse_conversion,
    Strategy.COLLAR: _collar,
}


def lots_of(positions: list[Position], rules: RegTParameters) -> Iterator[Lot]:
    """Every lot that the positions can be cut into; spreads of options are not among them.

    Positions that cancel to nothing have none. A collar's put and call, and a conversion's, expire together and the put's
    exercise price is no higher than the call's.
    """
    stocks = [i for i, one in enumerate(positions) if one.kind == LegKind.STOCK and one.quantity]
    options = [i for i, one in enumerate(positions) if one.kind != LegKind.STOCK and one.quantity]
    for index in stocks:
        yield lone_stock(index, positions[index], rules)
    for index in options:
        yield lone_option(index, positions[index], rules)
    if rules.account is Account.MARGIN:
        yield from _straddles(options, positions, rules)
        yield from _long_boxes(options, positions, rules)
    for stock in stocks:
        name = positions[stock].underlying
        covers = rules.index_funds.get(name)
        near = [i for i in options if positions[i].underlying == name or positions[i].family == covers]
        for company in _companies(positions[stock].quantity > 0.0, near, positions):
            lot = hedged_stock(stock, company, positions, rules)
            if lot is not None:
                yield lot


def _straddles(options: list[int], positions: list[Position], rules: RegTParameters) -> Iterator[Lot]:
    for call in options:
        for put in options:
            one, other = positions[call], positions[put]
            if (
                (one.kind, other.kind) == (LegKind.CALL, LegKind.PUT)
                and max(one.quantity, other.quantity) < 0.0
                and one.family == other.family
                and one.multiplier == other.multiplier
            ):
                yield short_straddle(call, put, positions, rules)


def _companies(held: bool, options: list[int], positions: list[Position]) -> Iterator[tuple[int, ...]]:
    """Options that go with stock: one of them, or a long one with a short one of the other kind."""
    for index in options:
        yield (index,)
    long_kind = LegKind.PUT if held else LegKind.CALL
    for bought in options:
        for sold in options:
            one, other = positions[bought], positions[sold]
            if (
                one.quantity > 0.0 > other.quantity
                and one.kind == long_kind
                and other.kind == -long_kind
                and (one.underlying, one.years, one.multiplier)
                == (other.underlying, other.years, other.multiplier)
                and (one.strike <= other.strike if held else one.strike == other.strike)
            ):
                yield bought, sold


def _long_boxes(options: list[int], positions: list[Position], rules: RegTParameters) -> Iterator[Lot]:
    """Long call low, short call high, long put high, short put low: worth the difference whatever happens."""
    where: dict[tuple[str, float, float, float, LegKind, bool], int] = {}
    for index in options:
        one = positions[index]
        if not one.american:
            key = (one.underlying, one.years, one.multiplier, one.strike, one.kind, one.quantity > 0.0)
            where[key] = index
    for (name, years, multiplier, low, kind, held), index in where.items():
        if kind != LegKind.CALL or not held:
            continue
        for (*_, high, _, _), other in where.items():
            pair = (name, years, multiplier)
            sold = where.get((*pair, high, LegKind.CALL, False))
            if sold != other or high <= low:
                continue
            put = where.get((*pair, high, LegKind.PUT, True))
            sold_put = where.get((*pair, low, LegKind.PUT, False))
            if put is not None and sold_put is not None:
                amount = rules.long_box * (high - low) * multiplier
                legs = tuple((each, 1.0) for each in (index, sold, put, sold_put))
                yield Lot(strategy=Strategy.LONG_BOX_EUROPEAN, legs=legs, initial=amount, maintenance=amount)
