"""Options and arguments of the commands, each with its help."""

from pathlib import Path
from typing import Annotated

import typer

Fills = Annotated[
    Path, typer.Option(help="Fills, CSV or Parquet: time, fill_id, symbol, side, quantity, price, …")
]
Chain = Annotated[
    Path, typer.Option(help="The chain: a file or a folder in one of the formats of `flatbook formats`.")
]
Working = Annotated[
    Path | None,
    typer.Option(
        help="Orders in the market, CSV or Parquet: symbol, side, quantity; shows the book if all fill."
    ),
]
Thoughts = Annotated[
    Path | None,
    typer.Option(help="Trades to think about, as --working: shows the book and its limits after them."),
]
ReportedOfDesk = Annotated[
    Path | None,
    typer.Option(
        help="What a clearing firm asks for, CSV or Parquet: group (the desk or an underlying), requirement, as_of."
    ),
]
At = Annotated[
    str | None, typer.Option(help="Time of valuation, ISO 8601 with zone: 2015-12-24T11:00-05:00.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="Name the market format instead of detecting it.")
]
Underlying = Annotated[
    str | None, typer.Option(help="Read this underlying only, where a file holds several.")
]

Legs = Annotated[
    Path,
    typer.Argument(
        metavar="POSITIONS",
        help="Positions, CSV or Parquet, a leg a row: group, underlying, product_class, underlying_price, right, strike, years, …",
    ),
]
MethodParameters = Annotated[
    Path | None, typer.Option(help="TOML laid over the method's packaged parameters (docs/margin/).")
]
Arrays = Annotated[
    Path | None,
    typer.Option(help="Risk arrays for --method span: our CSV, or a clearing house's SPAN XML 4.00."),
]
AccountKind = Annotated[
    str | None,
    typer.Option(
        help="Kind of account: margin or cash (regt); customer, market-maker or broker-dealer (pm, rbh)."
    ),
]
Reported = Annotated[
    Path | None,
    typer.Option(
        help="What a venue or clearing firm says, CSV: group, requirement, as_of; the worse of the two binds."
    ),
]
ReportedAt = Annotated[
    str | None,
    typer.Option(help="Time at which reports older than a day are stale; left out, that of the newest one."),
]
DifferenceLimit = Annotated[
    float, typer.Option(help="Share of our own requirement that a report may differ by.")
]
Marginals = Annotated[
    bool,
    typer.Option(
        "--marginals/--no-marginals",
        help="What one contract more of each leg changes; for many legs by regt it takes minutes.",
    ),
]

Relief = Annotated[
    str | None,
    typer.Option(
        metavar="AMOUNT|max",
        help="Capital to free of each account, by the cheapest trades of --candidates (pm, rbh).",
    ),
]
Candidates = Annotated[
    Path | None,
    typer.Option(
        help="What may be traded for --relief, CSV or Parquet: as POSITIONS without quantity, with bid, ask, bid_size, ask_size, fee."
    ),
]

ReducedChain = Annotated[
    Path | None,
    typer.Option(help="The chain, as for `flatbook plan`; left out with --config: a SYNTHETIC day."),
]
ReducedDesk = Annotated[
    Path | None,
    typer.Option(help="The desk (desk.toml): limits, hedge instruments, the customers it expects."),
]
ReducedBook = Annotated[
    Path | None,
    typer.Option(help="Fills, as for `flatbook plan`; left out: a one-sided crowd of customers."),
]
CrowdFills = Annotated[
    int | None, typer.Option(help="Fills of the crowd that makes the book; left out: 500.")
]
CrowdSeed = Annotated[int, typer.Option(help="Of the crowd: the same gives the same fills.")]
CrowdSize = Annotated[float, typer.Option(help="Mean size of the crowd's fills, contracts.")]
ReducedJson = Annotated[Path | None, typer.Option(help="Write the report as JSON (schema: docs/reduce.md).")]
ReducedPage = Annotated[
    Path | None, typer.Option(help="Write tables, slides and pictures as one self-contained HTML page.")
]
