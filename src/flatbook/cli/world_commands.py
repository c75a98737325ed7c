"""The commands of the simulated world, of a desk that runs, and of who may come in."""

import typer

from flatbook.cli.live_command import run
from flatbook.cli.past_command import dashboard
from flatbook.cli.simtest_command import simtest
from flatbook.cli.simulate_command import simulate
from flatbook.cli.top_command import top
from flatbook.cli.users_command import users_app


def add_world_commands(app: typer.Typer) -> None:
    """Let an application know them."""
    app.command()(run)
    app.command()(dashboard)
    app.command()(top)
    app.command()(simulate)
    app.command()(simtest)
    app.add_typer(users_app, name="users")
