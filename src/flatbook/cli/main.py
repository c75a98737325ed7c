"""The commands. Heavy imports wait until a command needs them, so that `--help` answers at once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flatbook import __version__
from flatbook.cli.journal import journal_app
from flatbook.cli.options import (
    AccountKind,
    Arrays,
    At,
    Candidates,
    Chain,
    CrowdFills,
    CrowdSeed,
    CrowdSize,
    DifferenceLimit,
    Fills,
    Format,
    Legs,
    Marginals,
    MethodParameters,
    ReducedBook,
    ReducedChain,
    ReducedDesk,
    ReducedJson,
    ReducedPage,
    Relief,
    Reported,
    ReportedAt,
    ReportedOfDesk,
    Thoughts,
    Underlying,
    Working,
)
from flatbook.cli.warmup_command import warmup
from flatbook.cli.world_commands import add_world_commands
from flatbook.model.errors import FaultsError, FlatbookError

app = typer.Typer(
    name="flatbook",
    help="Real-time exposure management for options market makers: exposure, limits, hedges, quotes, and what remains.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(journal_app, name="journal")
app.command()(warmup)
add_world_commands(app)
_BAD_INPUT = 2
_TOLERANCE_HELP = "Error of a price that is welcome for speed, relative to max(price, 1 % of spot)."


class GroupedBy(StrEnum):
    """What markouts may be told by."""

    COUNTERPARTY = "counterparty"
    VENUE = "venue"
    SERIES = "series"
    CAPACITY = "capacity"


class CapitalMethod(StrEnum):
    """What capital may be computed by; the values of `flatbook.margin.requirement.Method`, which is slow to import."""

    RISK_BASED_HAIRCUT = "rbh"
    PORTFOLIO_MARGIN = "pm"
    SPAN = "span"
    REG_T = "regt"
    DERIBIT_PORTFOLIO = "pme"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"flatbook {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Measure a book's exposure, hold it against limits, and bring it down."""


@app.command()
def plan(
    book: Fills,
    market: Chain,
    config: Annotated[
        Path, typer.Option(help="The desk: limits, hedge instruments, quoting rules (desk.toml).")
    ],
    at: At = None,
    market_format: Format = None,
    underlying: Underlying = None,
    working: Working = None,
    what_if: Thoughts = None,
    reported: ReportedOfDesk = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/report-schema.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the report as one self-contained HTML page.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Write the journal: every fact and decision, for `flatbook replay`.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Plan the desk: inventory, exposure, slides, limits, hedges, quotes, and what remains.

    Example: [bold]flatbook plan --book fills.csv --market chain.csv --config desk.toml --html report.html[/bold]
    """
    from flatbook.cli.plan import Wanted, make_plan

    make_plan(
        Wanted(
            book=book,
            market=market,
            config=config,
            at=at,
            market_format=market_format,
            underlying=underlying,
            working=working,
            what_if=what_if,
            reported=reported,
            json=json,
            html=html,
            journal=journal,
            quiet=quiet,
        )
    )


@app.command()
def reduce(
    market: ReducedChain = None,
    config: ReducedDesk = None,
    book: ReducedBook = None,
    customers: CrowdFills = None,
    seed: CrowdSeed = 1,
    contracts: CrowdSize = 3.0,
    underlying: Underlying = None,
    at: At = None,
    market_format: Format = None,
    json: ReducedJson = None,
    html: ReducedPage = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Compare the levers on a book that leans: nothing, delta only, underlying or proxy, options, quotes, and the joint plan of all.

    Each lever tells what it costs, the price of the risk that it leaves, and the limits that it leaves at or beyond hard.

    The joint plan tells its packages and why, what its quotes are to bring, and the desk's slides by full revaluation before and after.

    Without options it runs by itself on a SYNTHETIC day: [bold]flatbook reduce[/bold]

    Example: [bold]flatbook reduce --market SPX_20190509.csv --config examples/reduce/spx.toml --customers 500 --html reduce.html[/bold]
    """
    from flatbook.cli.reduce import Wanted, make_reduction

    wanted = Wanted(
        market=market, config=config, book=book, customers=customers, seed=seed, contracts=contracts, underlying=underlying,
        at=at, market_format=market_format, json=json, html=html, quiet=quiet,
    )  # fmt: skip
    make_reduction(wanted)


@app.command()
def replay(
    journal: Annotated[Path, typer.Argument(help="A journal that `flatbook plan --journal` wrote.")],
) -> None:
    """Prove a journal's chain, decide everything again, and compare with what was decided, byte for byte."""
    from flatbook.cli.replay import replay_journal

    replay_journal(journal)


@app.command("check-config")
def check_config(config: Annotated[Path, typer.Argument(help="A desk file (desk.toml).")]) -> None:
    """Check a desk file and tell every fault in it."""
    from flatbook.adapters.desk_file.read import read_desk

    desk = read_desk(config)
    typer.echo(
        f"{config}: good: {len(desk.desk.underlyings)} underlyings, {len(desk.desk.hedges)} hedge instruments, "
        f"{len(desk.limits)} limits"
    )


@app.command()
def price(
    cases: Annotated[
        Path,
        typer.Argument(
            help="Options, CSV or Parquet: exercise, right, spot or forward, strike, years, rate, vol, …"
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where to write the same rows with price and Greeks.")],
    tolerance: Annotated[float, typer.Option(min=0.0, help=_TOLERANCE_HELP)] = 1e-6,
) -> None:
    """Price every row of a table and its Greeks.

    Columns: docs/file-formats.md. Example: [bold]flatbook price cases.csv --out values.csv[/bold]
    """
    from flatbook.cli.price import price_file

    price_file(cases, out, tolerance)


@app.command()
def imply(
    quotes: Annotated[
        Path, typer.Argument(help="The columns of `flatbook price` with price in place of vol.")
    ],
    out: Annotated[Path, typer.Option(help="Where to write the same rows with vol and status.")],
    noise: Annotated[
        float, typer.Option(help="Smallest price step that means something: half of it tells no volatility.")
    ] = 1e-10,
    tolerance: Annotated[float, typer.Option(min=0.0, help=_TOLERANCE_HELP)] = 1e-6,
) -> None:
    """Imply the volatility of every price in a table; where none can be told, say why."""
    from flatbook.cli.price import imply_file

    imply_file(quotes, out, noise, tolerance)


@app.command()
def fit(
    chains: Annotated[
        list[Path],
        typer.Argument(
            metavar="CHAIN...",
            help="Files or folders in the formats of `flatbook formats`; the latest is reported.",
        ),
    ],
    at: At = None,
    market_format: Format = None,
    underlying: Underlying = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/surface-report.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the pictures as one self-contained HTML page.")
    ] = None,
) -> None:
    """Fit the volatility surface of a chain, say how good it is, and draw it; of several, say how volatility followed spot.

    Example: [bold]flatbook fit chain.csv --html surface.html[/bold]
    """
    from flatbook.cli.fit import Wanted, make_fit

    make_fit(
        Wanted(
            chains=tuple(chains),
            at=at,
            market_format=market_format,
            underlying=underlying,
            json=json,
            html=html,
        )
    )


@app.command()
def attribute(
    chains: Annotated[
        list[Path],
        typer.Argument(
            metavar="CHAIN...",
            help="Two or more files or folders in the formats of `flatbook formats`, of different instants.",
        ),
    ],
    desk: Annotated[Path, typer.Option(help="The desk: hedge instruments, dynamics (desk.toml).")],
    fills: Annotated[
        Path, typer.Option(help="Fills, CSV or Parquet; those before the first chain are the opening book.")
    ],
    market_format: Format = None,
    underlying: Underlying = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/attribution.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write statement and pictures as one self-contained HTML page.")
    ] = None,
) -> None:
    """Attribute a book's P&L through several chains: identity, Greeks, full revaluation, and what nothing explains.

    Example: [bold]flatbook attribute chains/*.csv --desk desk.toml --fills fills.csv --html attribution.html[/bold]
    """
    from flatbook.cli.attribute import Wanted, make_attribution

    make_attribution(
        Wanted(
            chains=tuple(chains),
            desk=desk,
            fills=fills,
            market_format=market_format,
            underlying=underlying,
            json=json,
            html=html,
        )
    )


@app.command()
def markouts(
    journal: Annotated[Path, typer.Argument(help="A journal of flatbook, with fills, quotes and cycles.")],
    by: Annotated[
        list[GroupedBy] | None,
        typer.Option(help="Which table to print; may be repeated. Otherwise counterparty, venue and series."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/markouts.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write tables and pictures as one self-contained HTML page.")
    ] = None,
) -> None:
    """Mark trades out: what they were worth 1, 10, 60 and 300 s later, hedged of direction, by whom they were done with and where.

    Who takes more than the edge that we were paid is informed: widen for them, or stop. Every mean has its standard error.

    Example: [bold]flatbook markouts day.journal --by counterparty --html markouts.html[/bold]
    """
    from flatbook.cli.markouts import Wanted, make_markouts

    keys = tuple(each.value for each in by or ())
    make_markouts(Wanted(journal=journal, by=keys, json=json, html=html))


@app.command()
def calibrate(
    journal: Annotated[Path, typer.Argument(help="A journal of flatbook, with cycles and fills.")],
    horizon: Annotated[float, typer.Option(help="Seconds after a fill that tell adverse selection.")] = 60.0,
    standing: Annotated[
        float, typer.Option(help="Longest time in seconds that a quote stands without a cycle.")
    ] = 300.0,
    trading_hours: Annotated[
        float | None,
        typer.Option(help="Hours of a trading day; otherwise by the sessions that the journal tells."),
    ] = None,
    target_deviation_usd: Annotated[
        float | None,
        typer.Option(
            help="Standard deviation of 30-day vega, USD a vol point, that quotes shall settle at: tells the risk aversion."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/calibrate.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write numbers and pictures as one self-contained HTML page.")
    ] = None,
    toml: Annotated[Path | None, typer.Option(help="Write the flow tables for the desk file.")] = None,
) -> None:
    """Estimate a desk's numbers from its journal: who asks how often and at which distance, adverse selection, bursts, spreads of hedges.

    Each number has its standard error, or says 'default, unverified'. --toml writes what goes into the desk file.

    Example: [bold]flatbook calibrate day.journal --html calibration.html --toml flow.toml[/bold]
    """
    from flatbook.cli.calibrate import Wanted, make_calibration

    make_calibration(
        Wanted(
            journal=journal,
            horizon_s=horizon,
            standing_s=standing,
            trading_hours=trading_hours,
            target_deviation_usd=target_deviation_usd,
            json=json,
            html=html,
            toml=toml,
        )
    )


@app.command()
def margin(
    positions: Legs,
    method: Annotated[
        CapitalMethod,
        typer.Option(
            help="rbh: risk-based haircuts; pm: customer portfolio margin; span: SPAN; regt: strategy margin; pme: Deribit."
        ),
    ],
    parameters: MethodParameters = None,
    arrays: Arrays = None,
    account: AccountKind = None,
    group: Annotated[str | None, typer.Option(help="This account only.")] = None,
    reported: Reported = None,
    at: ReportedAt = None,
    difference_limit: DifferenceLimit = 0.1,
    marginals: Marginals = True,
    relief: Relief = None,
    candidates: Candidates = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/margin/README.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write requirement and pictures as one self-contained HTML page.")
    ] = None,
) -> None:
    """Compute what each account of a file of positions must be backed with, and what one contract more of each leg changes.

    A row is a leg; no market file is needed. Give a price or a vol; quantity is negative where short; rate 0.04 is 4 %. A file of one
    short strangle:

    [dim]underlying,product_class,underlying_price,right,strike,years,price,quantity,multiplier,rate[/dim]

    [dim]SPX,broad-index,2950,call,3050,0.13,12.30,-5,100,0.024[/dim]

    [dim]SPX,broad-index,2950,put,2800,0.13,18.70,-5,100,0.024[/dim]

    Example: [bold]flatbook margin --method pm positions.csv --json margin.json --html margin.html[/bold]
    """
    from flatbook.cli.margin import Wanted, make_margin
    from flatbook.margin.requirement import Method

    make_margin(
        Wanted(
            positions=positions,
            method=Method(method.value),
            parameters=parameters,
            arrays=arrays,
            account=account,
            group=group,
            reported=reported,
            at=at,
            difference_limit=difference_limit,
            marginals=marginals,
            relief=relief,
            candidates=candidates,
            json=json,
            html=html,
        )
    )


@app.command()
def formats() -> None:
    """List the market formats that can be read."""
    from flatbook.adapters.files.market import READERS

    for reader in READERS.values():
        typer.echo(f"{reader.name:12} {reader.text}")


@app.command()
def example(
    folder: Annotated[Path, typer.Argument(help="A new folder for the example.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same bytes.")] = 7,
) -> None:
    """Make a synthetic chain and a day of one-sided customer flow to try flatbook on."""
    from flatbook.cli.example import write_example

    write_example(folder, seed)
    typer.echo(f"SYNTHETIC example (seed {seed}) in {folder}; now:")
    typer.echo(
        f"  flatbook plan --book {folder}/fills.csv --market {folder} --config {folder}/desk.toml --html report.html"
    )


def main() -> None:
    """Run a command; faults of the inputs end with exit code 2 and a line each."""
    try:
        app()
    except FaultsError as error:
        count = len(error.faults)
        typer.echo(
            f"flatbook: {count} fault{'s' if count > 1 else ''} in the inputs; nothing was written", err=True
        )
        for fault in error.faults:
            typer.echo(
                f"  {fault.where}\n    found     {fault.found}\n    expected  {fault.expected}\n    to do     {fault.action}",
                err=True,
            )
        raise SystemExit(_BAD_INPUT) from None
    except FlatbookError as error:
        typer.echo(f"flatbook: {error}", err=True)
        raise SystemExit(_BAD_INPUT) from None
