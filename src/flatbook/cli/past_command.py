"""What `flatbook dashboard` may be asked, without what answers."""

from pathlib import Path
from typing import Annotated

import typer


def dashboard(
    journal: Annotated[
        Path,
        typer.Argument(help="A journal of flatbook; one still being written is followed."),
    ],
    desk: Annotated[
        Path | None, typer.Option(help="A desk file with [dashboard]: its address, and who may come in.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the dashboard.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port; 0: any that is free.")] = None,
) -> None:
    """Show a journal as the dashboard showed it: every page at any moment, search, and the chain; without a desk at work.

    The facts are taken again and every decision is made again and compared with what was recorded. Nothing is written, and what an operator
    asks for is refused.

    Ctrl+C stops. Exit codes: 0 stopped, 2 bad input.

    Example: [bold]flatbook dashboard out/live/desk.journal[/bold]
    """
    from flatbook.cli.past import Wanted, show_journal  # noqa: PLC0415 - heavy imports wait until a command needs them

    show_journal(Wanted(journal=journal, desk=desk, host=host, port=port))
