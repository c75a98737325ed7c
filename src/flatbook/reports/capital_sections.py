"""The desk's capital: what it is made of, what one contract more changes, what it is after a move, what others say."""

import math

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.limits.measured import DESK
from flatbook.model.table import Floats
from flatbook.quoting.ticks import NO_PRICE
from flatbook.reports.columns import Columns
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import magnitude, move, percent
from flatbook.reports.schema_capital import (
    CapitalForecast,
    CapitalMember,
    CapitalPart,
    CapitalReportRow,
    DeskCapital,
    MarginalRow,
)
from flatbook.reports.schema_parts import Number

SERIES = 10  # of each list of marginal capital
_LEAST_USD = 0.005  # of marginal capital: less than a cent is rounding
_NO_SCENARIO = "a scenario could not be revalued: a held series has neither value nor bound"
_NO_FORECAST = "a held series has no value, and so no requirement after a move"
_NO_EQUITY = "the desk file tells no net_capital_usd"
NO_MARGINAL = "it has no value, or the requirement of what it belongs to is unknown"


def capital_of(cycle: Cycle, columns: Columns, missing: Missing) -> DeskCapital:
    """What the book must be backed with."""
    capital, equity = cycle.capital, cycle.desk.net_capital_usd
    net, path = math.nan if equity is None else equity, "capital"
    required = missing.number(capital.desk, f"{path}.required_usd", _NO_SCENARIO)
    alone = missing.number(float(capital.by_underlying.sum()), f"{path}.alone_usd", _NO_SCENARIO)
    no_share = _NO_EQUITY if equity is None else _NO_SCENARIO
    utilisation = missing.number(capital.desk / net, f"{path}.utilisation", no_share)
    forecast = _forecast(cycle, net, missing)
    parts = _parts(cycle, columns, missing)
    return DeskCapital(
        required_usd=required,
        alone_usd=alone,
        offsets_usd=missing.number(_whole_cents(capital.offsets), f"{path}.offsets_usd", _NO_SCENARIO),
        net_capital_usd=missing.number(net, f"{path}.net_capital_usd", _NO_EQUITY),
        utilisation=utilisation,
        sentence=_sentence(required, capital.offsets, utilisation, parts, forecast),
        parts=parts,
        frees=_marginals(cycle, -1.0),
        asks=_marginals(cycle, 1.0),
        forecast=forecast,
        reported=_reported(cycle, missing),
    )


def _whole_cents(usd: float) -> float:
    """0 where an amount is but rounding."""
    return 0.0 if abs(usd) < _LEAST_USD else usd


def _parts(cycle: Cycle, columns: Columns, missing: Missing) -> tuple[CapitalPart, ...]:
    """Those that hold something: an unknown one first, then the largest."""
    result = cycle.capital.result
    held = np.unique(cycle.table.underlying_of[columns.held])
    relief, top = cycle.capital.relief_by_underlying, result.tree.top[held]
    order = sorted(np.unique(top).tolist(), key=lambda node: _largest_first(float(result.charge[node])))
    return tuple(_part(cycle, node, held[top == node].tolist(), relief, missing) for node in order)


def _largest_first(usd: float) -> float:
    return -math.inf if math.isnan(usd) else -usd


def _part(cycle: Cycle, node: int, held: list[int], relief: Floats, missing: Missing) -> CapitalPart:
    capital, result = cycle.capital, cycle.capital.result
    name, pnl = result.tree.names[node], result.pnl[node]
    path = f"capital.parts[{name}]"
    charge, minimum = float(result.charge[node]), float(result.minimum[node])
    known, worst = bool(np.isfinite(pnl).all()), int(np.argmin(pnl))
    if not known:
        missing.note(f"{path}.worst_point", _NO_SCENARIO)
    return CapitalPart(
        name=name,
        required_usd=missing.number(charge, f"{path}.required_usd", _NO_SCENARIO),
        alone_usd=missing.number(float(capital.by_underlying[held].sum()), f"{path}.alone_usd", _NO_SCENARIO),
        minimum_usd=minimum,
        worst_point=worst + 1 if known else None,
        worst_pnl_usd=missing.number(
            float(pnl[worst]) if known else math.nan, f"{path}.worst_pnl_usd", _NO_SCENARIO
        ),
        decides=("point" if -pnl[worst] > minimum else "minimum") if known else "unknown",
        members=tuple(_member(cycle, u, worst if known else None, path, relief, missing) for u in held),
    )


def _member(
    cycle: Cycle, u: int, worst: int | None, above: str, relief: Floats, missing: Missing
) -> CapitalMember:
    capital, name = cycle.capital, cycle.table.underlyings[u]
    path = f"{above}.members[{name}]"
    there = (math.nan, math.nan) if worst is None else (capital.moves[u, worst], capital.pnl[u, worst])
    return CapitalMember(
        underlying=name,
        required_usd=missing.number(float(capital.by_underlying[u]), f"{path}.required_usd", _NO_SCENARIO),
        relief_usd=missing.number(_whole_cents(float(relief[u])), f"{path}.relief_usd", _NO_SCENARIO),
        move=missing.number(float(there[0]), f"{path}.move", _NO_SCENARIO),
        pnl_usd=missing.number(float(there[1]), f"{path}.pnl_usd", _NO_SCENARIO),
    )


def _marginals(cycle: Cycle, sign: float) -> tuple[MarginalRow, ...]:
    """What asks for most (1) or frees most (-1), one row a series and side of what has a value and we hold, quote or hedge with."""
    table, quotes, position = cycle.table, cycle.quotes, cycle.book.quantity
    hedge = np.zeros(len(table.instruments), dtype=np.bool_)
    hedge[[table.row_of(each.instrument.symbol) for each in cycle.desk.hedges]] = True
    valued = np.isfinite(cycle.values.price)
    ours = hedge | (position != 0)
    changes = np.concatenate((cycle.marginal.bought, cycle.marginal.sold))
    sides = (ours | (quotes.bid != NO_PRICE), ours | (quotes.ask != NO_PRICE))
    open_to_us = np.concatenate([valued & side for side in sides])
    wanted = np.flatnonzero(open_to_us & (sign * changes >= _LEAST_USD))
    first = wanted[np.argsort(-sign * changes[wanted], kind="stable")][:SERIES]
    return tuple(
        MarginalRow(
            symbol=table.instruments[row].symbol,
            underlying=table.instruments[row].underlying,
            side="sell" if sold else "buy",
            position=int(position[row]),
            marginal_capital_usd=float(changes[at]),
        )
        for at in first.tolist()
        for sold, row in (divmod(at, len(table.instruments)),)
    )


def _forecast(cycle: Cycle, net: float, missing: Missing) -> CapitalForecast:
    ahead, path = cycle.capital_ahead, "capital.forecast"
    no_equity = _NO_EQUITY if math.isnan(net) else _NO_FORECAST
    return CapitalForecast(
        moves=tuple(ahead.moves.tolist()),
        required_usd=tuple(missing.numbers(ahead.required, f"{path}.required_usd", _NO_FORECAST)),
        pnl_usd=tuple(missing.numbers(ahead.pnl, f"{path}.pnl_usd", _NO_FORECAST)),
        net_capital_usd=tuple(missing.numbers(net + ahead.pnl, f"{path}.net_capital_usd", no_equity)),
    )


def _reported(cycle: Cycle, missing: Missing) -> tuple[CapitalReportRow, ...]:
    told = cycle.basis.reported
    columns = (told.group, told.source, told.own, told.reported, told.difference, told.binding, told.reason)
    rows = []
    for group, source, own, reported, difference, binding, reason in zip(*columns, strict=True):
        scope = "desk" if group == DESK else group
        path = f"capital.reported[{scope}, {source}]"
        rows.append(
            CapitalReportRow(
                name=f"{scope}, {source}",
                scope=scope,
                source=source,
                own_usd=missing.number(float(own), f"{path}.own_usd", reason or _NO_SCENARIO),
                reported_usd=missing.number(float(reported), f"{path}.reported_usd", reason),
                difference_usd=missing.number(float(difference), f"{path}.difference_usd", reason),
                binding_usd=missing.number(float(binding), f"{path}.binding_usd", reason),
                reason=reason,
            )
        )
    return tuple(rows)


def _sentence(
    required: Number,
    offsets: float,
    utilisation: Number,
    parts: tuple[CapitalPart, ...],
    forecast: CapitalForecast,
) -> str:
    """What is needed, of what, and when it would not be there."""
    if not parts:
        return "Nothing is held: no capital is needed."
    if required is None:
        return "The capital of the book is unknown: something held has neither value nor bound."
    told = f"The book must be backed with {magnitude(required)} USD"
    if offsets >= _LEAST_USD:
        told += f" after offsets worth {magnitude(offsets)}"
    if utilisation is not None:
        told += f", {percent(utilisation)} of net capital"
    return f"{told}. {_ahead(required, forecast)}"


def _ahead(required: float, forecast: CapitalForecast) -> str:
    """Where the market would have to go for the most to be needed, and for net capital to be short."""
    known = [
        (need, at, net)
        for at, need, net in zip(forecast.moves, forecast.required_usd, forecast.net_capital_usd, strict=True)
        if need is not None
    ]
    if not known:
        return "What it would need after a move is unknown: something held has no value."
    most, where, _ = max(known)
    told = (
        f"It would need most, {magnitude(most)}, after spot {move(where)}"
        if most > required + _LEAST_USD
        else "No move of spot asks for more"
    )
    short = [at for need, at, net in known if net is not None and need > net]
    if 0.0 in short:
        return f"{told}; net capital does not cover it now."
    first = [max(down) for down in [[at for at in short if at < 0.0]] if down]
    first += [min(up) for up in [[at for at in short if at > 0.0]] if up]
    if first:
        told += f"; net capital no longer covers it from {' and '.join(move(at) for at in first)} on"
    return f"{told}."
