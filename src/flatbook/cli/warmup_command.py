"""What `flatbook warmup` may be asked."""

from typing import Annotated

import typer


def warmup(
    live: Annotated[bool, typer.Option("--live", help="Those that `flatbook run` waits for.")] = False,
    gently: Annotated[bool, typer.Option("--gently", help="Let other programs go first.")] = False,
) -> None:
    """Compile and cache every kernel, so that every later command starts warm."""
    from rich.console import Console  # noqa: PLC0415 - heavy imports wait until a command needs them

    from flatbook.cli.warmup import FAMILIES, LIVE_FAMILIES, warm_up  # noqa: PLC0415

    count = warm_up(Console(stderr=True), LIVE_FAMILIES if live else FAMILIES, gently=gently)
    typer.echo(
        f"{count} families of kernels compiled and kept" if count else "every kernel is compiled already"
    )
