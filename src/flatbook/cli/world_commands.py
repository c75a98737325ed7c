"""The commands of the simulated world."""

import typer

from flatbook.cli.simtest_command import simtest
from flatbook.cli.simulate_command import simulate


def add_world_commands(app: typer.Typer) -> None:
    """Let an application know them."""
    app.command()(simulate)
    app.command()(simtest)
