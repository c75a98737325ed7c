"""Strategy margin with the best pairing: what Regulation T, Cboe Rule 10.3 and FINRA Rule 4210 ask of one account.

Source: the strategies in `reg_t_strategies`, spreads of any number of options in `reg_t_spreads`, the integer programme that
pairs them in `reg_t_programme`. The pairing is best over all ways to cut the account into: single positions; stock with one
option, or with a long and a short one (collar, conversion, reverse conversion); short straddles and strangles; long boxes of
European options; and spreads of options, of any shape and any number of legs.

Order and grouping of rows do not count: rows of one series are one position, positions are sorted before they are paired.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from flatbook.margin.legs import LegKind, Legs
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.reg_t_positions import Position, positions_of, reg_t_faults
from flatbook.margin.reg_t_programme import Pairing, Phase, Solver, programme_of
from flatbook.margin.reg_t_spreads import SPREAD_RULE, greatest_loss, named_spreads
from flatbook.margin.reg_t_strategies import RULES, Strategy
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.model.errors import fail_on
from flatbook.model.table import Floats


def capital(legs: Legs, parameters: RegTParameters, *, marginals: bool = True) -> AccountRequirement:
    """What the legs of one account require.

    Parameters
    ----------
    legs : Legs
        Of one account.
    parameters : RegTParameters
        Its `account` says whether the account has credit.
    marginals : bool
        Whether to run the account once more for a contract bought and one sold of every leg; NaN where not.

    Returns
    -------
    AccountRequirement
        `requirement` is the initial one, before proceeds; `net_of_proceeds` the same after them. `found` holds the
        pairings. NaN with a note where an option has no price or the account may not hold a position.

    Raises
    ------
    FaultsError
        Naming every row that strategy margin cannot take.
    """
    fail_on(reg_t_faults(legs, parameters))
    positions, notes = positions_of(legs, parameters)
    group = legs.group[0] if len(legs) else ""
    buy, sell = np.full(len(legs), np.nan), np.full(len(legs), np.nan)
    if notes:
        return _answer(group, parameters, (np.nan, np.nan, np.nan), buy, sell, {}, notes)
    initial, maintenance, net = 0.0, 0.0, 0.0
    found: dict[str, Any] = {"account": parameters.account.value, "pairing": [], "maintenance_pairing": []}
    for part in _parts(positions, parameters):
        programme = programme_of(part, parameters)
        solver = Solver(programme, Phase.INITIAL)
        best, kept = solver.best(), Solver(programme, Phase.MAINTENANCE).best()
        initial += best.requirement
        maintenance += kept.requirement
        net += best.requirement - best.credit
        found["pairing"] += packages(best, legs)
        found["maintenance_pairing"] += packages(kept, legs)
        notes += [
            f"{part[0].family}: {phase.name.lower()} pairing not proven best: another could save {pairing.unproven:.2f} at most"
            for phase, pairing in ((Phase.INITIAL, best), (Phase.MAINTENANCE, kept))
            if pairing.unproven
        ]
        for index, one in enumerate(part if marginals else ()):
            rows = list(one.rows)
            for side, out in ((1.0, buy), (-1.0, sell)):
                out[rows] = _with_one_more(solver, part, index, side, parameters) - best.requirement
    notes += _not_allowed(found["pairing"])
    return _answer(group, parameters, (initial, maintenance, net), buy, sell, found, notes)


def _answer(
    group: str,
    parameters: RegTParameters,
    amounts: tuple[float, float, float],
    buy: Floats,
    sell: Floats,
    found: dict[str, Any],
    notes: list[str],
) -> AccountRequirement:
    initial, maintenance, net = amounts
    return AccountRequirement(
        group=group,
        method=Method.REG_T,
        currency=parameters.currency,
        requirement=initial,
        initial=initial,
        maintenance=maintenance,
        net_of_proceeds=net,
        marginal_buy=buy,
        marginal_sell=sell,
        found=found,
        notes=tuple(notes),
    )


def _parts(positions: list[Position], parameters: RegTParameters) -> Iterator[list[Position]]:
    """Positions that may be paired with each other; positions of different parts never are."""
    part_of: dict[str, str] = {}
    for one in positions:
        part_of.setdefault(one.underlying, one.family)
        part_of.setdefault(one.family, one.family)
    for fund in sorted({one.underlying for one in positions if one.kind == LegKind.STOCK}):
        index = parameters.index_funds.get(fund)
        if index in part_of:
            joined, old = part_of[index], part_of[fund]
            part_of = {name: joined if part == old else part for name, part in part_of.items()}
    for name in dict.fromkeys(part_of[one.underlying] for one in positions):
        yield [one for one in positions if part_of[one.underlying] == name]


def _with_one_more(
    solver: Solver, part: list[Position], index: int, side: float, parameters: RegTParameters
) -> float:
    """The requirement of a part with one contract (or share) more of a position, bought or sold."""
    quantity = part[index].quantity + side
    if part[index].quantity * quantity > 0.0 or (part[index].quantity and not quantity):
        return solver.best_with(index, quantity).requirement
    changed = [_of(one, quantity) if at == index else one for at, one in enumerate(part)]
    return Solver(programme_of(changed, parameters), Phase.INITIAL).best().requirement


def _of(one: Position, quantity: float) -> Position:
    fields = {name: getattr(one, name) for name in Position.__slots__}
    return Position(**(fields | {"quantity": quantity}))


def packages(pairing: Pairing, legs: Legs) -> list[dict[str, Any]]:
    """The pairing as a list of packages: strategy, rule, legs with signed quantities, requirement, credit."""
    programme, positions = pairing.programme, pairing.programme.positions
    out: list[dict[str, Any]] = []
    for column, lot in enumerate(programme.lots):
        lots = float(pairing.amount[column])
        if lots > 0.0:
            amount = lot.initial if pairing.phase is Phase.INITIAL else lot.maintenance
            below = 0.0 if pairing.phase is Phase.INITIAL else lot.carried_below
            held = [(index, each * lots) for index, each in lot.legs]
            out.append(
                {
                    "strategy": lot.strategy.value,
                    "rule": RULES[lot.strategy],
                    "legs": [
                        _leg(positions[i], np.sign(positions[i].quantity) * each, legs) for i, each in held
                    ],
                    "requirement": amount * lots,
                    "credit": lot.credit * lots,
                    "stock_carried_below_market": below * lots,
                }
            )
    for pool, start in zip(programme.pools, programme.start, strict=True):
        contracts = {
            index: float(np.sign(positions[index].quantity) * pairing.amount[start + place])
            for place, index in enumerate(pool.members)
        }
        for name, part in named_spreads(contracts, positions):
            paid = sum(positions[i].value * each for i, each in part.items() if each > 0.0)
            out.append(
                {
                    "strategy": name,
                    "rule": SPREAD_RULE,
                    "legs": [_leg(positions[i], each, legs) for i, each in part.items()],
                    "requirement": paid + greatest_loss(part, positions),
                    "credit": -sum(positions[i].value * each for i, each in part.items() if each < 0.0),
                    "stock_carried_below_market": 0.0,
                }
            )
    return out


def _leg(one: Position, quantity: float, legs: Legs) -> dict[str, Any]:
    return {
        "rows": sorted(legs.where[row] for row in one.rows),
        "underlying": one.underlying,
        "kind": one.kind.name.lower(),
        "strike": None if one.kind == LegKind.STOCK else float(legs.strike[one.rows[0]]),
        "years": None if one.kind == LegKind.STOCK else one.years,
        "quantity": float(quantity),
    }


def _not_allowed(pairing: list[dict[str, Any]]) -> list[str]:
    """Why a cash account cannot hold what it holds."""
    return [
        f"{', '.join(leg['rows'])}: {leg['quantity']:g} {leg['kind']} may not be held in a cash account:"
        f" {RULES[Strategy.NOT_ALLOWED]}"
        for package in pairing
        if np.isnan(package["requirement"])
        for leg in package["legs"]
    ]
