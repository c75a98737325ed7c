"""From a capital method's answer to a report: worst scenarios or pairing, marginals by leg, notes, and why a number is missing."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import msgspec
import numpy as np

from flatbook import __version__
from flatbook.margin.legs import Legs
from flatbook.margin.reported import NO_POSITIONS, Comparison
from flatbook.margin.requirement import CANDIDATE_LOST, AccountRequirement, Method
from flatbook.margin.span_arrays import EXTREME, PRICE_MOVES, VOL_MOVES
from flatbook.model.table import Floats
from flatbook.reports.margin_leg import description_of
from flatbook.reports.margin_relief import FoundRelief, relief_margin
from flatbook.reports.margin_schema import (
    AccountMargin,
    LegMargin,
    ReportedMargin,
    Scan,
    ScanPoint,
    WorstScenario,
)
from flatbook.reports.missing import Missing
from flatbook.reports.schema_parts import Number

_PAIRINGS = ("pairing", "maintenance_pairing")
_UNKNOWN = "a leg of the account cannot be told: see notes"
_SAYS_SO = ("cannot be told", "no requirement", "has no price", "may not be held")
_WORDS = {1: "up", 0: "same", -1: "down"}
_THIRDS = ("0", "1/3", "2/3", "1")
_PME_VOLS = ("down", "same", "up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One account as it was margined."""

    legs: Legs
    requirement: AccountRequirement
    moves: Mapping[str, Floats]  # of each underlying by point, where the method moves them by points
    notes: tuple[str, ...]  # of the file
    marginals: bool = True  # whether anybody asked for them
    relief: FoundRelief | None = None  # where it was asked for


def account_margin(answer: Answer, compared: Comparison | None = None) -> AccountMargin:
    """The report of one account.

    Parameters
    ----------
    answer : Answer
    compared : Comparison, optional
        Our requirements beside those that others report, of every account.
    """
    told, missing = answer.requirement, Missing()
    notes = (*told.notes, *answer.notes)
    why = _UNKNOWN if isfinite(told.requirement) else _why_unknown(answer)
    scans = tuple(_SCANS[told.method](answer, missing)) if told.method in _SCANS else ()
    strategy = told.method is Method.REG_T
    detail = {name: value for name, value in told.found.items() if name not in _PAIRINGS}
    return AccountMargin(
        flatbook_version=__version__,
        group=told.group,
        method=told.method.value,
        currency=told.currency,
        requirement=missing.number(told.requirement, "requirement", why),
        initial=missing.number(told.initial, "initial", why),
        maintenance=missing.number(told.maintenance, "maintenance", why),
        requirement_net_of_proceeds=(
            missing.number(told.net_of_proceeds, "requirement_net_of_proceeds", why)
            if strategy
            else msgspec.UNSET
        ),
        worst=msgspec.UNSET if strategy else _worst_of(scans),
        pairing=(
            tuple(_finite(told.found.get("pairing", []), "pairing", missing)) if strategy else msgspec.UNSET
        ),
        scans=scans,
        marginal=_marginals(answer, missing),
        reported=() if compared is None else tuple(_reported(told.group, compared, missing)),
        relief=msgspec.UNSET if answer.relief is None else relief_margin(answer.relief, missing),
        detail=_finite(detail, "detail", missing),
        notes=notes,
        reasons=missing.reasons(),
    )


def account_elsewhere(group: str, method: Method, compared: Comparison) -> AccountMargin:
    """The report of an account that others report and that has no positions here: everything of our own is null."""
    missing, strategy = Missing(), method is Method.REG_T
    for name in (
        "requirement",
        "initial",
        "maintenance",
        *(("requirement_net_of_proceeds",) if strategy else ()),
    ):
        missing.note(name, NO_POSITIONS)
    return AccountMargin(
        flatbook_version=__version__,
        group=group,
        method=method.value,
        currency=compared.currency[compared.group.index(group)],
        requirement=None,
        initial=None,
        maintenance=None,
        requirement_net_of_proceeds=None if strategy else msgspec.UNSET,
        worst=msgspec.UNSET if strategy else None,
        pairing=() if strategy else msgspec.UNSET,
        scans=(),
        marginal=(),
        reported=tuple(_reported(group, compared, missing)),
        detail={},
        notes=(f"others report {group}: {NO_POSITIONS}",),
        reasons=missing.reasons(),
    )


def by_need(accounts: Iterable[AccountMargin]) -> list[AccountMargin]:
    """Those that cannot be told first, then those that need most; in USD where currencies differ and the method tells it."""
    listed = list(accounts)
    mixed = len({one.currency for one in listed}) > 1

    def need(one: AccountMargin) -> float:
        in_usd = one.detail.get("requirement_usd") if mixed and one.currency != "USD" else None
        return -(in_usd or one.requirement or 0.0)

    return sorted(listed, key=lambda one: (one.requirement is not None, need(one), one.group))


def _why_unknown(answer: Answer) -> str:
    """The note of the method that says so of a row."""
    rows = [note for note in answer.requirement.notes if note.startswith(answer.legs.where)]
    said = [note for note in rows if any(words in note for words in _SAYS_SO) and CANDIDATE_LOST not in note]
    return next(iter((*said, *rows)), _UNKNOWN)


def encode_margin(accounts: Iterable[AccountMargin]) -> bytes:
    """The bytes of a report file: UTF-8, indented by two, the same every time.

    Raises
    ------
    ValueError
        A number is not finite: only finite numbers and None belong in a report.
    """
    text = json.dumps(
        [msgspec.to_builtins(one) for one in accounts], indent=2, ensure_ascii=False, allow_nan=False
    )
    return f"{text}\n".encode()


def released(leg: LegMargin) -> tuple[float, str]:
    """What the better side of one contract more releases (0 where neither does), and which side."""
    sides = [(-change, side) for change, side in ((leg.buy, "buy"), (leg.sell, "sell")) if change is not None]
    best = max(sides, default=(0.0, ""))
    return best if best[0] > 0.0 else (0.0, "")


def most_released(account: AccountMargin, most: int) -> list[tuple[float, str, LegMargin]]:
    """The legs of which one contract more releases most: amount, side, leg; legs of one series once."""
    best = [(*released(leg), leg) for leg in account.marginal]
    best = sorted((one for one in best if one[0] > 0.0), key=lambda one: (-one[0], one[2].description))
    seen: dict[tuple[str, str], tuple[float, str, LegMargin]] = {}
    for one in best:
        seen.setdefault((one[1], one[2].description), one)
    return list(seen.values())[:most]


def _marginals(answer: Answer, missing: Missing) -> tuple[LegMargin, ...]:
    legs, told = answer.legs, answer.requirement
    why = "the requirement before or after cannot be told: see notes" if answer.marginals else "not asked for"
    nothing = np.full(len(legs), np.nan)
    buy = missing.numbers(told.marginal_buy if answer.marginals else nothing, "marginal[*].buy", why)
    sell = missing.numbers(told.marginal_sell if answer.marginals else nothing, "marginal[*].sell", why)
    return tuple(
        LegMargin(
            row=legs.where[row],
            description=description_of(legs, row),
            quantity=float(legs.quantity[row]),
            buy=buy[row],
            sell=sell[row],
        )
        for row in range(len(legs))
    )


def _reported(group: str, compared: Comparison, missing: Missing) -> Iterator[ReportedMargin]:
    for row, (name, source) in enumerate(zip(compared.group, compared.source, strict=True)):
        if name == group:
            why = compared.reason[row] or "our own is 0"

            def number(column: Floats, field: str, row: int = row, why: str = why) -> Number:
                return missing.number(float(column[row]), f"reported[*].{field}", why)

            yield ReportedMargin(
                source=source,
                requirement=number(compared.reported, "requirement"),
                binding=number(compared.binding, "binding"),
                difference=number(compared.difference, "difference"),
                relative=number(compared.relative, "relative"),
                breach=bool(compared.breach[row]),
                reason=compared.reason[row],
            )


def _worst_of(scans: Iterable[Scan]) -> WorstScenario | None:
    """Of the part that needs most."""
    known = [one for one in scans if one.worst is not None and one.requirement is not None]
    return max(known, key=lambda one: one.requirement or 0.0).worst if known else None


def _scan(
    part: str, requirement: float, points: list[ScanPoint], missing: Missing, *, minimum_binds: bool = False
) -> Scan:
    pnl = [point.pnl for point in points]
    known = [value for value in pnl if value is not None]
    at = pnl.index(min(known)) if points and len(known) == len(pnl) else -1
    worst = points[at] if at >= 0 else None
    return Scan(
        part=part,
        requirement=missing.number(requirement, "scans[*].requirement", _UNKNOWN),
        worst=None
        if worst is None or worst.pnl is None
        else WorstScenario(
            part=part,
            scenario=worst.scenario,
            moves=worst.moves,
            vol=worst.vol,
            loss=max(0.0, -worst.pnl),
            minimum_binds=minimum_binds,
        ),
        points=tuple(points),
    )


def _point(scenario: str, moves: dict[str, float], vol: str, pnl: float, missing: Missing) -> ScanPoint:
    return ScanPoint(
        scenario=scenario,
        moves=moves,
        vol=vol,
        pnl=missing.number(pnl, "scans[*].points[*].pnl", _UNKNOWN),
    )


def _tims_scans(answer: Answer, missing: Missing) -> Iterator[Scan]:
    """Each group that no other holds; the underlyings of it are those with a move at the worst point, or it is one itself."""
    found = answer.requirement.found
    members = {
        one["group"]: [entry["underlying"] for entry in one["by_class"]] for one in found.get("offsets", ())
    }
    for group in found.get("groups", ()):
        name = group["group"]
        names = sorted(members.get(name, [name]))
        points = [
            _point(
                f"point {at + 1}",
                {each: float(answer.moves[each][at]) for each in names if each in answer.moves},
                "",
                pnl,
                missing,
            )
            for at, pnl in enumerate(group["pnl"])
        ]
        yield _scan(name, group["requirement"], points, missing, minimum_binds=bool(group["minimum_binds"]))


def _span_scans(answer: Answer, missing: Missing) -> Iterator[Scan]:
    for one in answer.requirement.found.get("commodities", ()):
        points = [
            _point(f"scenario {at + 1}: {_range_text(at)}", {}, _WORDS[int(VOL_MOVES[at])], -loss, missing)
            for at, loss in enumerate(one["losses"])
        ]
        floor = one["short_option_minimum"] >= max(one["risk"], 1e-300)
        yield _scan(one["combined"], one["risk"], points, missing, minimum_binds=bool(floor))


def _range_text(scenario: int) -> str:
    if EXTREME[scenario]:
        return f"extreme move {'up' if EXTREME[scenario] > 0.0 else 'down'}"
    thirds = round(float(PRICE_MOVES[scenario]) * 3.0)
    sign = "+" if thirds > 0 else "-" if thirds < 0 else ""
    return f"price {sign}{_THIRDS[abs(thirds)]} of its range"


def _pme_scans(answer: Answer, missing: Missing) -> Iterator[Scan]:
    """In the currency of the account: USD where it has several."""
    currencies = answer.requirement.found.get("currencies", {})
    for currency, part in currencies.items():
        unit = part["index_price"] if len(currencies) > 1 else 1.0
        for pair, told in part["pairs"].items():
            cells = told["aggregated"]["standard"]
            moves = answer.moves.get(pair, np.empty(0))
            points = [
                _point(
                    f"bucket {at // len(_PME_VOLS) + 1}",
                    {pair: float(moves[at])} if at < moves.size else {},
                    _PME_VOLS[at % len(_PME_VOLS)],
                    unit * pnl,
                    missing,
                )
                for at, pnl in enumerate(cells)
            ]
            points += [
                _point(
                    f"extended {at + 1}",
                    {pair: float(moves[len(cells) + at])} if len(cells) + at < moves.size else {},
                    "up",
                    unit * pnl,
                    missing,
                )
                for at, pnl in enumerate(told["aggregated"]["extended"])
            ]
            name = pair if part["index_price"] != 1.0 else f"{pair}/{currency}"
            yield _scan(name, unit * told["risk_matrix_margin"], points, missing)


_SCANS: dict[Method, Callable[[Answer, Missing], Iterator[Scan]]] = {
    Method.RISK_BASED_HAIRCUT: _tims_scans,
    Method.PORTFOLIO_MARGIN: _tims_scans,
    Method.SPAN: _span_scans,
    Method.DERIBIT_PORTFOLIO: _pme_scans,
}


def _finite(value: Any, path: str, missing: Missing) -> Any:
    """The same with None in the place of every number that is not finite, and its reason."""
    if isinstance(value, dict):
        return {str(key): _finite(one, f"{path}.{key}", missing) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one, f"{path}[*]", missing) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not isfinite(value):
        missing.note(path, _UNKNOWN)
        return None
    return value
