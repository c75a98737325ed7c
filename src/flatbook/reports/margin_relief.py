"""Margin relief as the report tells it: trades line by line, what they free by full runs, and the menu."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf

import msgspec

from flatbook.margin.relief import SHARES, ReliefStatus
from flatbook.margin.tims_relief import DecidingPoint, Listing, TimsRelief, TimsTrade
from flatbook.reports.margin_leg import description_of
from flatbook.reports.margin_schema import ReliefAnswer, ReliefLine, ReliefMargin, WorstScenario
from flatbook.reports.missing import Missing

UNKNOWN = "the requirement cannot be told"
MOST = "the most that can be freed"
MOST_FOUND = "the most that was found"
_NO_AMOUNT = "the most that can be freed was asked for"
_NOTHING_FREED = "nothing is freed"
_NOT_ALONE = "frees nothing in its place: later lines make it worth while"
_NO_PROOF = "the search proved nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRelief:
    """What the trades of one account may be, as they were found."""

    listing: Listing
    answer: TimsRelief | None  # None: the requirement of the account cannot be told
    menu: tuple[TimsRelief, ...]
    notes: tuple[str, ...]  # of the file of candidates


def relief_margin(found: FoundRelief, missing: Missing) -> ReliefMargin:
    """The section `relief` of one account."""
    told = found.answer
    if told is None:
        return ReliefMargin(answer=_untold(missing), menu=(), notes=found.notes)
    shares = SHARES[-len(found.menu) :] if found.menu else ()
    return ReliefMargin(
        answer=_answer(found.listing, told, None, "relief.answer", missing),
        menu=tuple(
            _answer(found.listing, one, share, "relief.menu[*]", missing)
            for share, one in zip(shares, found.menu, strict=True)
        ),
        notes=tuple(
            dict.fromkeys((*told.notes, *(note for one in found.menu for note in one.notes), *found.notes))
        ),
    )


def _answer(
    listing: Listing, told: TimsRelief, share: float | None, path: str, missing: Missing
) -> ReliefAnswer:
    return ReliefAnswer(
        asked=missing.number(told.asked, f"{path}.asked", _NO_AMOUNT),
        share=msgspec.UNSET if share is None else share,
        status=_status(told, wanted=share is None and not isinf(told.asked)),
        freed=told.freed,
        cost=told.cost,
        premium=told.premium,
        cost_per_freed=missing.number(told.cost_per_freed, f"{path}.cost_per_freed", _NOTHING_FREED),
        cost_at_least=missing.number(told.cost_at_least, f"{path}.cost_at_least", _NO_PROOF),
        requirement=told.after,
        worst=None if told.decides is None else _worst(told.decides),
        trades=tuple(_lines(listing, told.trades, f"{path}.trades[*]", missing)),
    )


def _status(told: TimsRelief, *, wanted: bool) -> str:
    """How the asking ended; a search that did not go to its end proves no most."""
    if told.status is not ReliefStatus.MOST:
        return told.status.value
    return (MOST if told.proven else MOST_FOUND) + (" is less" if wanted else "")


def _lines(
    listing: Listing, trades: tuple[TimsTrade, ...], path: str, missing: Missing
) -> Iterator[ReliefLine]:
    for one in trades:
        bought = one.quantity > 0.0
        yield ReliefLine(
            row=listing.legs.where[one.row],
            description=description_of(listing.legs, one.row),
            side="buy" if bought else "sell",
            contracts=int(abs(one.quantity)),
            price=float((listing.ask if bought else listing.bid)[one.row]),
            cost=one.cost,
            premium=one.premium,
            freed=one.freed,
            freed_without=one.freed_without,
            cost_per_freed=missing.number(one.cost_per_freed, f"{path}.cost_per_freed", _NOT_ALONE),
            worst=_worst(one.decides),
        )


def _worst(decides: DecidingPoint) -> WorstScenario:
    return WorstScenario(
        part=decides.part,
        scenario=f"point {decides.point + 1}",
        moves=decides.moves,
        vol="",
        loss=decides.loss,
        minimum_binds=decides.minimum_binds,
    )


def _untold(missing: Missing) -> ReliefAnswer:
    """Nothing but why."""
    columns = ("asked", "freed", "cost", "premium", "cost_per_freed", "cost_at_least", "requirement")
    for name in columns:
        missing.note(f"relief.answer.{name}", f"{UNKNOWN}: see notes")
    nothing: dict[str, None] = dict.fromkeys(columns)
    return msgspec.convert({"status": UNKNOWN, "worst": None, "trades": (), **nothing}, ReliefAnswer)
