"""The page's quotes: chains near the money as traders know them, and every series held. The rest is in the JSON."""

from dataclasses import dataclass
from typing import NamedTuple

from flatbook.reports.numbers import full, percent, plain
from flatbook.reports.schema import PlanReport
from flatbook.reports.schema_decisions import QuoteRow
from flatbook.reports.schema_market import ExpiryHealth

CHAINS = 10  # expiries shown
STRIKES = 25  # of each
HELD = 150  # series held, largest position first


class ChainRow(NamedTuple):
    """One strike."""

    strike: str
    call: QuoteRow | None
    put: QuoteRow | None
    at_the_money: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One expiry of one class."""

    health: ExpiryHealth
    decimals: int
    held: int
    rows: tuple[ChainRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What of the quotes is on the page, and how much is not."""

    chains: tuple[Chain, ...]
    held: tuple[QuoteRow, ...]
    left_out: int
    decimals: dict[tuple[str, str], int]


def shown(report: PlanReport) -> Shown:
    """Choose what is near the money or held."""
    by_expiry: dict[tuple[str, str], list[QuoteRow]] = {}
    for row in report.quotes.series:
        by_expiry.setdefault((row.option_class, row.expiry), []).append(row)
    held_at = {key: sum(abs(row.position) for row in rows if row.position) for key, rows in by_expiry.items()}
    alive = [one for one in report.market_health.expiries if one.forward is not None and one.days > 0.0]
    first = sorted(alive, key=lambda one: (-held_at[one.option_class, one.expiry], one.days))[:CHAINS]
    chains = tuple(
        _chain(one, by_expiry[one.option_class, one.expiry], held_at[one.option_class, one.expiry])
        for one in sorted(first, key=lambda one: (one.days, one.option_class))
    )
    held = sorted(
        (row for row in report.quotes.series if row.position),
        key=lambda row: (-abs(row.position), row.symbol),
    )[:HELD]
    on_page = {row.symbol for row in held}
    on_page |= {one.symbol for chain in chains for row in chain.rows for one in (row.call, row.put) if one}
    return Shown(
        chains=chains,
        held=tuple(held),
        left_out=len(report.quotes.series) - len(on_page),
        decimals=decimals_of(report),
    )


def decimals_of(report: PlanReport) -> dict[tuple[str, str], int]:
    """How many decimals a price of each (class, expiry) has."""
    return {(one.option_class, one.expiry): one.price_decimals for one in report.market_health.expiries}


def anatomy(row: QuoteRow, decimals: int) -> str:
    """Why a quote is what it is, in one line."""
    return (
        f"{row.symbol}: theo {plain(row.theo, decimals + 1)} (vol {percent(row.vol, 1)}), "
        f"neutral {plain(row.neutral_bid, decimals)} / {plain(row.neutral_ask, decimals)}, "
        f"lean {full(row.lean, decimals + 1)}, market {plain(row.market_bid, decimals)} / "
        f"{plain(row.market_ask, decimals)} ({row.market_status}); {row.reason}"
    )


def _chain(one: ExpiryHealth, rows: list[QuoteRow], held: int) -> Chain:
    strikes: dict[float, dict[str, QuoteRow]] = {}
    for row in rows:
        strikes.setdefault(row.strike, {})[row.right] = row
    forward = one.forward or 0.0
    nearest = sorted(strikes, key=lambda strike: (abs(strike - forward), strike))[:STRIKES]
    return Chain(
        health=one,
        decimals=one.price_decimals,
        held=held,
        rows=tuple(
            ChainRow(
                f"{strike:,.10g}",
                strikes[strike].get("call"),
                strikes[strike].get("put"),
                strike == nearest[0],
            )
            for strike in sorted(nearest)
        ),
    )
