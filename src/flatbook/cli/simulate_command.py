"""What `flatbook simulate` may be asked, without the engine that answers."""

from pathlib import Path
from typing import Annotated

import typer


def simulate(
    scenario: Annotated[
        str | None,
        typer.Argument(help="A scenario file, or the name of a shipped one; left out: what there is."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Days that every policy meets.")] = 20,
    policies: Annotated[
        str | None, typer.Option(help="Names with commas between; left out: every policy.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Policy that the others are held against: joint, where it is run.")
    ] = None,
    first_seed: Annotated[int, typer.Option(help="The seeds are counted from here.")] = 1,
    jobs: Annotated[int | None, typer.Option(help="Processes; left out: one a core.")] = None,
    pictures: Annotated[int, typer.Option(help="Seeds whose days are drawn.")] = 1,
    results: Annotated[
        Path | None,
        typer.Option(
            help="Where finished runs are kept and looked up; left out: in the user's cache folder."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the report as JSON (schema: docs/simulate.md).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write figures and pictures as one self-contained HTML page.")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Tell the shipped scenarios and the policies.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Run policies on the same seeded days of a SYNTHETIC scenario: what each earns, risks, exceeds and leaves, with 95 % intervals.

    A run that is done is kept: the same command goes on where it stopped.

    Example: [bold]flatbook simulate calm-day --seeds 200 --policies warehouse,delta,joint --html calm-day.html[/bold]
    """
    from flatbook.cli.simulate import Wanted, make_simulation  # noqa: PLC0415 - heavy imports wait until a command needs them

    wanted = Wanted(
        scenario=scenario, seeds=seeds, first_seed=first_seed, policies=policies, reference=reference, jobs=jobs, pictures=pictures,
        results=results, json=json, html=html, listing=listing, quiet=quiet,
    )  # fmt: skip
    make_simulation(wanted)
