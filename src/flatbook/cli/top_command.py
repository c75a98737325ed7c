"""What `flatbook top` may be asked, without the screen that answers."""

from pathlib import Path
from typing import Annotated

import typer

from flatbook.model.errors import FlatbookError


class ScreenMissingError(FlatbookError):
    """What draws in the terminal is not installed."""


def top(
    url: Annotated[str, typer.Argument(help="Where the dashboard is.")] = "http://127.0.0.1:8000",
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File of mode 0600 with an API token; left out: FLATBOOK_TOKEN or FLATBOOK_TOKEN_FILE, where the desk has users."
        ),
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option(help="PEM file of the authorities that vouch for an https address.")
    ] = None,
) -> None:
    """Watch a running desk in the terminal: limits worst first, exposure, alerts, and what the desk is doing. It changes nothing.

    A viewer's token is enough: [bold]flatbook users token anna --label top --role viewer[/bold]. Needs [bold]pip install 'flatbook\\[tui]'[/bold].

    Example: [bold]flatbook top http://127.0.0.1:8000[/bold]
    """
    try:
        from flatbook.cli.top_screen import TopScreen  # noqa: PLC0415 - an optional extra, and heavy
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] != "textual":
            raise
        msg = "flatbook top draws with textual, which is not installed: pip install 'flatbook[tui]'"
        raise ScreenMissingError(msg) from e
    from flatbook.client.desk import Desk  # noqa: PLC0415 - heavy imports wait until a command needs them

    with Desk.connect(url, token_file=token_file, certificates=certificates) as desk:
        screen = TopScreen(desk)
        screen.run()
    if screen.refused:
        raise FlatbookError(screen.refused)
