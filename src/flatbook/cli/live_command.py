"""What `flatbook run` may be asked, without the service that answers."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

DeskFile = Annotated[
    Path | None,
    typer.Argument(help="A desk file with \\[live] and \\[dashboard]; left out: the shipped live demo."),
]
Scenario = Annotated[
    str | None, typer.Option(help="World of the venue in this machine: a shipped name or a file.")
]
Venue = Annotated[
    str | None,
    typer.Option(help="host:port of a venue that runs already; left out: one is started beside the desk."),
]
Journal = Annotated[
    Path | None,
    typer.Option(help="Where everything is recorded. With --venue a journal that is there is gone on with."),
]
Speed = Annotated[
    float | None,
    typer.Option(help="Market seconds in a second; with --replay also inf: as fast as the desk takes it."),
]
Minutes = Annotated[
    float | None, typer.Option(help="Stop in order after so many minutes; left out: on Ctrl+C.")
]
Proxied = Annotated[
    bool, typer.Option("--behind-proxy", help="Something in front of the dashboard speaks TLS.")
]
Recorded = Annotated[
    Path | None,
    typer.Option(help="A recorded market instead of a venue: LEAN, DBN or Deribit, a file or a folder."),
]
Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of the recording, where it has several.")
]
Since = Annotated[
    str | None, typer.Option("--from", help="UTC, as 15:30; left out: the recording's beginning.")
]


def run(
    desk: DeskFile = None,
    scenario: Scenario = None,
    venue: Venue = None,
    journal: Journal = None,
    host: Annotated[str | None, typer.Option(help="Address of the dashboard.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port; 0: any that is free.")] = None,
    behind_proxy: Proxied = False,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard.")] = True,
    speed: Speed = None,
    seed: Annotated[int | None, typer.Option(help="Of the world.")] = None,
    minutes: Minutes = None,
    log: Annotated[Path | None, typer.Option(help="File of the log, one JSON object a line.")] = None,
    replay: Recorded = None,
    day: Day = None,
    underlying: Annotated[str | None, typer.Option(help="Of the recording, where it has several.")] = None,
    from_time: Since = None,
    until_time: Annotated[str | None, typer.Option("--until", help="UTC; left out: its end.")] = None,
) -> None:
    """Run the desk all day: market data and fills in, journal first, decisions out, and a dashboard that shows why.

    Without arguments it trades with a SYNTHETIC exchange beside it, on invented prices: nothing leaves this machine. Twenty seconds
    after the start customers begin to buy calls; watch exposure, quotes, hedges and offsets answer.

    Ctrl+C stops in order: every order is cancelled, the venue's word is waited for, and the journal is sealed. Exit codes: 0 stopped in
    order, 1 orders may be left at the venue, 2 bad input, 3 the desk failed and cancelled what it could.

    Examples: [bold]flatbook run[/bold]; [bold]flatbook run --speed 20 --minutes 5 --no-dashboard[/bold];
    [bold]flatbook run desk.toml --venue 127.0.0.1:9100 --journal desk.journal[/bold];
    [bold]flatbook run desk.toml --replay recorded/ --speed 10 --from 15:00[/bold]
    """
    from flatbook.cli.live import Wanted, run_live  # noqa: PLC0415 - heavy imports wait until a command needs them
    from flatbook.cli.live_doors import Replay  # noqa: PLC0415

    wanted = Wanted(
        desk=desk, scenario=scenario, venue=venue, journal=journal, host=host, port=port, dashboard=dashboard,
        behind_proxy=behind_proxy, speed=speed, seed=seed, minutes=minutes, log=log,
        replay=None if replay is None else Replay(
            path=replay, speed=1.0 if speed is None else speed, day=None if day is None else day.date(), underlying=underlying,
            from_time=from_time, until_time=until_time,
        ),
    )  # fmt: skip
    raise SystemExit(run_live(wanted))
