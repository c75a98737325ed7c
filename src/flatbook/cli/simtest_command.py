"""What `flatbook simtest` may be asked, without the engine that answers."""

from typing import Annotated

import typer


def simtest(
    seeds: Annotated[int, typer.Option(help="Days that are run.")] = 50,
    first: Annotated[int, typer.Option("--from", help="The seeds are counted from here.")] = 1,
    seed: Annotated[int | None, typer.Option(help="This one alone: what shows a failure again.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; left out: one a core.")] = None,
    faults: Annotated[
        str, typer.Option(help="Kinds of faults: all, none, or names with commas between.")
    ] = "all",
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but failures.")] = False,
) -> None:
    """Run whole SYNTHETIC days with every fault on, and refuse what must never be: lost trades, orders beyond limits, quotes on bad data.

    Each failure is told with its invariant, its instant and the one command that shows it again.

    Example: [bold]flatbook simtest --seeds 200[/bold]
    """
    from flatbook.cli.simtest import Wanted, run_days  # noqa: PLC0415 - heavy imports wait until a command needs them

    run_days(Wanted(seeds=seeds, first=first, seed=seed, jobs=jobs, faults=faults, quiet=quiet))
