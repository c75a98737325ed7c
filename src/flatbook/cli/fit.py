"""`flatbook fit`: read a chain, fit its surfaces, report, draw."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from flatbook.adapters.files.market import read_market
from flatbook.adapters.files.snapshot import MarketFile
from flatbook.cli.outputs import faults_of_outputs, is_synthetic, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.times import parse_at
from flatbook.cli.warmup import families_for, warm_up
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.market.build import view
from flatbook.market.view import MarketView
from flatbook.model.errors import FaultsError
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite
from flatbook.reports.surface_console import print_surface
from flatbook.reports.surface_report import encode_surface, surface_report
from flatbook.reports.surface_schema import SurfaceReport, SurfaceSources

PIPE_WIDTH = 120  # columns of the printed report where no terminal says how wide it is
NO_DESK = Desk(
    name="", quoting=QuotingRules(), appetite=RiskAppetite(aversion_per_usd=1e-6)
)  # a view asks a desk for its rates only


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    chain: Path
    at: str | None
    market_format: str | None
    underlying: str | None
    json: Path | None
    html: Path | None


def make_fit(wanted: Wanted) -> None:
    """Fit and write what was asked for; nothing is written before the chain is proven good.

    Raises
    ------
    FaultsError
        Everything that is wrong with the chain, or with where the outputs should go.
    """
    errors = Console(stderr=True)
    with shown(errors) as progress:
        progress("reading the market")
        file = _read(wanted)
        state = fold(file)
        warm_up(errors, families_for(state.table))
        progress("fitting the surface")
        market = look(state, file)
        progress("making the report")
        report = surface_report(market, sources=_sources(wanted, file))
        if wanted.json is not None:
            replace_file(wanted.json, encode_surface(report))
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_surface(report, out)
    for kind, path in (("pictures", wanted.html), ("JSON", wanted.json)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


def fold(file: MarketFile) -> State:
    """The state after every event of a market file."""
    state = State()
    for event in file.events:
        step(state, event)
    return state


def look(state: State, file: MarketFile, desk: Desk = NO_DESK) -> MarketView:
    """The market at the time of the file, through no desk's eyes unless one is given."""
    return view(state.market, state.table, file.at_ns, desk)


def _read(wanted: Wanted) -> MarketFile:
    faults = faults_of_outputs({"CHAIN": wanted.chain}, {"--json": wanted.json, "--html": wanted.html})
    try:
        file = read_market(
            wanted.chain,
            format=wanted.market_format,
            at_ns=None if wanted.at is None else parse_at(wanted.at),
            underlying=wanted.underlying,
        )
    except FaultsError as error:
        raise FaultsError([*faults, *error.faults]) from None
    if faults:
        raise FaultsError(faults)
    return file


def _sources(wanted: Wanted, file: MarketFile) -> SurfaceSources:
    return SurfaceSources(
        market=wanted.chain.name,
        format=file.format,
        notes=tuple(note.text for note in file.notes),
        synthetic=is_synthetic(wanted.chain),
    )


def _page(report: SurfaceReport) -> bytes:
    from flatbook.reports.surface_html import render_surface  # noqa: PLC0415 - only pictures need plotly

    return render_surface(report).encode()
