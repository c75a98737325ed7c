"""Capital on a console: a block an account with its requirement, what decides it, what would release most, and notes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flatbook.reports.console_table import print_table, styled
from flatbook.reports.margin_report import by_need, most_released
from flatbook.reports.margin_schema import (
    AccountMargin,
    ReliefAnswer,
    ReliefMargin,
    ReportedMargin,
    WorstScenario,
)
from flatbook.reports.numbers import NOTHING, move, percent, plain, tally
from flatbook.reports.schema_parts import Number

if TYPE_CHECKING:
    from rich.console import Console

ACCOUNTS = 12  # told in full, those that need most, before it says how many are left
RELEASES = 3
_NOTES = 6
_PARTS = 5
_MOVES = 3
_LINES = 6


def print_margin(accounts: Sequence[AccountMargin], source: str, console: "Console") -> None:
    """Print `accounts`.

    Parameters
    ----------
    accounts : sequence of AccountMargin
        At least one.
    source : str
        The file of positions.
    console : rich.console.Console
    """
    legs = tally(sum(len(one.marginal) for one in accounts), "leg")
    head = f"flatbook margin · {source} · {accounts[0].method} · {tally(len(accounts), 'account')} · {legs}"
    console.print(styled(head))
    shown = by_need(accounts)[:ACCOUNTS]
    print_table(
        console,
        "",
        ("account", "", "requirement", "initial", "maintenance", *_extra_titles(accounts), "decided by"),
        [_row(one) for one in shown],
        left={0, 1, 5 + len(_extra_titles(accounts))},
        total=len(accounts),
    )
    for one in shown:
        _print_account(one, console)
        if not isinstance(one.relief, msgspec.UnsetType):
            print_relief(one, one.relief, console)
    console.print()
    console.print(
        styled(
            "requirement: initial where the method knows both; release: change by one contract more, the difference of two full runs",
            "dim",
        )
    )


def print_relief(account: AccountMargin, relief: ReliefMargin, console: "Console") -> None:
    """Print what to trade, the menu, and notes."""
    _print_trades(account, relief.answer, console)
    if relief.menu:
        _print_menu(relief.menu, console)
    _print_notes(relief.notes, console)


def _print_trades(account: AccountMargin, answer: ReliefAnswer, console: "Console") -> None:
    rows = [
        (
            line.description,
            line.side,
            f"{line.contracts:,d}",
            f"{line.price:.10g}",
            amount(line.cost),
            amount(line.premium),
            amount(line.freed),
            rate(line.cost_per_freed),
            worst_text(line.worst),
        )
        for line in answer.trades
    ]
    head = ("trade", "side", "contracts", "price", "cost", "premium", "frees", "cost per unit freed")
    if rows:
        text = relief_text(account, answer)
        print_table(console, text, (*head, "decided then by"), rows, left={0, 1, len(head)})
    else:
        console.print(styled(f"  {relief_text(account, answer)}", "bold"))


def _print_menu(menu: Sequence[ReliefAnswer], console: "Console") -> None:
    rows = [
        (
            percent(None if isinstance(one.share, msgspec.UnsetType) else one.share),
            amount(one.freed),
            amount(one.requirement),
            amount(one.cost),
            amount(one.premium),
            rate(one.cost_per_freed),
            trades_text(one, _LINES),
        )
        for one in menu
    ]
    head = ("of what can be freed", "frees", "requirement", "cost", "premium", "cost per unit freed")
    print_table(console, "", (*head, "trades"), rows, left={0, len(head)})


def _print_notes(notes: Sequence[str], console: "Console") -> None:
    for note in notes[:_NOTES]:
        console.print(styled(f"  note: {note}", "dim"))
    if len(notes) > _NOTES:
        console.print(styled(f"  … and {len(notes) - _NOTES:,d} notes more in the JSON", "dim"))


def relief_text(account: AccountMargin, answer: ReliefAnswer) -> str:
    """What can be freed, in a sentence."""
    if answer.freed is None:
        return f"relief: {answer.status}"
    asked = "" if answer.asked is None else f", {amount(answer.asked)} asked"
    return (
        f"relief: {answer.status}: {amount(answer.freed)} {account.currency}{asked}; cost {amount(answer.cost)}, "
        f"premium {amount(answer.premium)}; {amount(answer.requirement)} remain"
    )


def trades_text(answer: ReliefAnswer, most: int = 20) -> str:
    """The trades on a line: buy 10 SPX 3100 call 47.45 d, sell …"""
    lines = [f"{line.side} {line.contracts:,d} {line.description}" for line in answer.trades]
    more = [f"{len(lines) - most:,d} more"] if len(lines) > most else []
    return ", ".join((*lines[:most], *more)) or NOTHING


def rate(value: Number) -> str:
    """A cost for each unit of capital."""
    return NOTHING if value is None else f"{value:.4f}"


def amount(value: Number) -> str:
    """All that matters of an amount: whole cents from 100 up, six digits below, where coin may be meant."""
    return plain(value, 2) if value is None or value == 0.0 or abs(value) >= 100.0 else f"{value:.6g}"


def worst_text(worst: WorstScenario | None) -> str:
    """The scenario in words: SPX point 1, SPX -8 %: loss 12,345.00."""
    if worst is None:
        return NOTHING
    named = list(worst.moves.items())
    moves = ", ".join(f"{name} {move(at, 1)}" for name, at in named[:_MOVES])
    more = f" and {len(named) - _MOVES} more" if len(named) > _MOVES else ""
    vol = f", vol {worst.vol}" if worst.vol else ""
    charge = "; the minimum charge binds" if worst.minimum_binds else ""
    where = worst.scenario + (f", {moves}{more}" if moves else "") + vol
    part = "" if list(worst.moves) == [worst.part] else f"{worst.part} "
    return f"{part}{where}: loss {amount(worst.loss)}{charge}"


def package_text(package: dict[str, Any]) -> str:
    """A strategy of a pairing in words: short strangle: -5 call 105, -5 put 95."""
    legs = []
    for leg in package["legs"]:
        strike = "" if leg["strike"] is None else f" {leg['strike']:.10g}"
        legs.append(f"{leg['quantity']:+g} {leg['underlying']} {leg['kind']}{strike}")
    return f"{package['strategy']}: {', '.join(legs)}"


def packages_of(account: AccountMargin) -> list[dict[str, Any]]:
    """The packages of a pairing, those without a requirement and the dearest first."""
    packages = () if isinstance(account.pairing, msgspec.UnsetType) else account.pairing

    def order(package: dict[str, Any]) -> float:
        return float("-inf") if package["requirement"] is None else -package["requirement"]

    return sorted(packages, key=order)


def reported_text(told: ReportedMargin, account: AccountMargin) -> str:
    """What somebody else says, beside our own."""
    if told.reason:
        said = "" if told.requirement is None else f"{amount(told.requirement)} "
        return f"{said}cannot be compared: {told.reason}"
    state = "beyond its limit" if told.breach else "within its limit"
    apart = percent(told.relative, 1)
    return f"{amount(told.requirement)}, ours {amount(account.requirement)}: {apart} of ours apart, {state}"


def _extra_titles(accounts: Sequence[AccountMargin]) -> tuple[str, ...]:
    strategy = any(one.requirement_net_of_proceeds is not msgspec.UNSET for one in accounts)
    reported = any(one.reported for one in accounts)
    return (("net of proceeds",) if strategy else ()) + (("reported", "binding") if reported else ())


def _row(one: AccountMargin) -> tuple[object, ...]:
    net = one.requirement_net_of_proceeds
    extra: list[object] = [] if isinstance(net, msgspec.UnsetType) else [amount(net)]
    if one.reported:
        said = ", ".join(amount(each.requirement) for each in one.reported)
        extra += [said, styled(amount(binding_of(one)), "bold")]
    decided = worst_text(one.worst) if not isinstance(one.worst, msgspec.UnsetType) else _paired(one)
    return (
        one.group,
        one.currency,
        styled(amount(one.requirement), "bold"),
        amount(one.initial),
        amount(one.maintenance),
        *extra,
        decided,
    )


def binding_of(account: AccountMargin) -> Number:
    """The worst of what we and others say; None where our own cannot be told."""
    found = [each.binding for each in account.reported] or [account.requirement]
    known = [each for each in found if each is not None]
    return max(known) if len(known) == len(found) else None


def _paired(one: AccountMargin) -> str:
    packages = () if isinstance(one.pairing, msgspec.UnsetType) else one.pairing
    return tally(len(packages), "package") if packages else NOTHING


def _print_account(one: AccountMargin, console: "Console") -> None:
    console.print()
    needed = "cannot be told" if one.requirement is None else f"{amount(one.requirement)} {one.currency}"
    console.print(styled(f"{one.group}: {needed}", "bold"))
    _print_parts(one, console)
    best = most_released(one, RELEASES)
    for number, (freed, side, leg) in enumerate(best):
        label = "  released by " if number == 0 else "              "
        console.print(styled(f"{label}{side} 1 {leg.description}: {amount(freed)}"))
    if not best and any(leg.buy is not None or leg.sell is not None for leg in one.marginal):
        console.print(styled("  no single contract releases anything"))
    for each in one.reported:
        console.print(styled(f"  {each.source}: {reported_text(each, one)}", "bold" if each.breach else ""))
    _print_notes(one.notes, console)


def _print_parts(one: AccountMargin, console: "Console") -> None:
    """The packages of a pairing, or the parts that are scanned apart where there are several; the dearest first."""
    if isinstance(one.pairing, msgspec.UnsetType):
        scans = sorted(one.scans, key=lambda each: -(each.requirement or 0.0)) if len(one.scans) > 1 else []
        lines = [(each.requirement, worst_text(each.worst)) for each in scans]
    else:
        lines = [(each["requirement"], package_text(each)) for each in packages_of(one)]
    for needed, text in lines[:_PARTS]:
        console.print(styled(f"  {amount(needed):>14}  {text}"))
    if len(lines) > _PARTS:
        console.print(styled(f"  … and {len(lines) - _PARTS:,d} more in the JSON", "dim"))
