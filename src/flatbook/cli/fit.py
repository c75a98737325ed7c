"""`flatbook fit`: read a chain, fit its surfaces, report, draw; of several, say how volatility followed spot."""

import sys
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
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
from flatbook.market.dynamics_estimate import DynamicsEstimate
from flatbook.market.dynamics_history import after_publication
from flatbook.market.view import MarketView
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.parameters import Desk, QuotingRules, RiskAppetite, UnderlyingTerms
from flatbook.reports.dynamics_console import print_dynamics
from flatbook.reports.surface_console import print_surface
from flatbook.reports.surface_report import encode_surface, surface_report
from flatbook.reports.surface_schema import SurfaceReport, SurfaceSources

PIPE_WIDTH = 120  # columns of the printed report where no terminal says how wide it is
NO_DESK = Desk(
    name="", quoting=QuotingRules(), appetite=RiskAppetite(aversion_per_usd=1e-6)
)  # a view asks a desk for its rates only

_DAYS = (7.0, 14.0, 30.0, 60.0, 91.0, 182.0, 365.0)
FOLLOWED = UnderlyingTerms(
    symbol="", stickiness_days=_DAYS, stickiness=(1.0,) * len(_DAYS), spot_vol_interval_minutes=0.0
)  # at which times to expiry several chains are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    chains: tuple[Path, ...]  # in any order; the latest is reported
    at: str | None
    market_format: str | None
    underlying: str | None
    json: Path | None
    html: Path | None


def make_fit(wanted: Wanted) -> None:
    """Fit and write what was asked for; nothing is written before the chains are proven good.

    Raises
    ------
    FaultsError
        Everything that is wrong with the chains, or with where the outputs should go.
    """
    errors = Console(stderr=True)
    with shown(errors) as progress:
        progress("reading the market")
        chains = _read(wanted)
        chain, file = chains[-1]
        state = fold(file)
        warm_up(errors, families_for(state.table))
        progress("fitting the surface")
        market = look(state, file)
        followed = _follow([one for _, one in chains[:-1]], market)
        progress("making the report")
        report = surface_report(market, sources=_sources(chain, file))
        if wanted.json is not None:
            replace_file(wanted.json, encode_surface(report))
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_surface(report, out)
    if len(chains) > 1:
        print_dynamics(followed, len(chains), out)
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


def _follow(earlier: list[MarketFile], latest: MarketView) -> dict[str, DynamicsEstimate]:
    """What the surfaces tell of spot-vol dynamics, each fitted by itself; by underlying."""
    known: dict[str, DynamicsEstimate] = {}
    for market in (*(look(fold(file), file) for file in earlier), latest):
        for u, name in enumerate(market.table.underlyings):
            known[name] = after_publication(known.get(name), replace(FOLLOWED, symbol=name), market, u)
    return known


def _read(wanted: Wanted) -> list[tuple[Path, MarketFile]]:
    """The chains in the order of their times."""
    names = [f"CHAIN {n}" if len(wanted.chains) > 1 else "CHAIN" for n in range(1, len(wanted.chains) + 1)]
    inputs = dict(zip(names, wanted.chains, strict=True))
    faults = list(faults_of_outputs(inputs, {"--json": wanted.json, "--html": wanted.html}))
    if wanted.at is not None and len(wanted.chains) > 1:
        faults.append(
            Fault(
                where="--at",
                found=f"one time for {len(wanted.chains)} chains",
                expected="chains that hold their own times",
                action="leave it out, or give one chain",
            )
        )
        raise FaultsError(faults)
    files = []
    for chain in wanted.chains:
        try:
            file = read_market(
                chain,
                format=wanted.market_format,
                at_ns=None if wanted.at is None else parse_at(wanted.at),
                underlying=wanted.underlying,
            )
            files.append((chain, file))
        except FaultsError as error:
            faults.extend(error.faults)
    fail_on(faults)
    return sorted(files, key=lambda each: each[1].at_ns)


def _sources(chain: Path, file: MarketFile) -> SurfaceSources:
    return SurfaceSources(
        market=chain.name,
        format=file.format,
        notes=tuple(note.text for note in file.notes),
        synthetic=is_synthetic(chain),
    )


def _page(report: SurfaceReport) -> bytes:
    from flatbook.reports.surface_html import render_surface  # noqa: PLC0415 - only pictures need plotly

    return render_surface(report).encode()
