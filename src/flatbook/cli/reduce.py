"""`flatbook reduce`: a book that leans, and what each lever alone and the joint plan do about it."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from flatbook.cli.example import write_example
from flatbook.cli.outputs import faults_of_outputs, is_synthetic, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Inputs, Progress, read_inputs
from flatbook.cli.times import parse_at
from flatbook.cli.warmup import families_for, warm_up
from flatbook.engine.cycle import Cycle
from flatbook.engine.levers import Levers, levers_of
from flatbook.engine.state import State
from flatbook.engine.step import step
from flatbook.model.errors import Fault, fail_on
from flatbook.model.events import CycleDue
from flatbook.reports.levers_console import print_levers
from flatbook.reports.levers_report import Background, encode_levers, levers_report
from flatbook.reports.levers_schema import LeversReport
from flatbook.reports.numbers import tally
from flatbook.sim.one_sided import Crowd, one_sided_fills

PIPE_WIDTH = 120  # columns of the printed report where no terminal says how wide it is
CUSTOMERS = 500  # where nobody says how many, nor hands in a book
EXAMPLE_SEED = 7  # of the synthetic day


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    market: Path | None  # with `config`; neither: the synthetic day
    config: Path | None
    book: Path | None
    customers: int | None  # fills of a one-sided crowd, where there is no book
    seed: int
    contracts: float  # mean size of the crowd's fills
    at: str | None
    market_format: str | None
    underlying: str | None
    json: Path | None
    html: Path | None
    quiet: bool


def make_reduction(wanted: Wanted) -> None:
    """Compare the levers and write what was asked for.

    Raises
    ------
    FaultsError
        Something in the inputs is wrong, or an output has no place to go; nothing is written then.
    """
    fail_on([*_faults_of_options(wanted)])
    out = Console(quiet=wanted.quiet, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    errors = Console(stderr=True, quiet=wanted.quiet)
    with _market_and_desk(wanted) as (market, config):
        with shown(errors) as progress:
            inputs = read_inputs(
                faults=_faults_of_outputs(wanted),
                book=wanted.book,
                market=market,
                config=config,
                market_format=wanted.market_format,
                at_ns=None if wanted.at is None else parse_at(wanted.at),
                underlying=None if wanted.market is None else wanted.underlying,
                progress=progress,
            )
        synthetic = is_synthetic(market)
    warm_up(errors, families_for(inputs.table))
    with shown(errors) as progress:
        report = _report(wanted, inputs, progress, synthetic=synthetic)
        _write(wanted, report, progress)
    print_levers(report, out)
    for kind, path in (("report", wanted.html), ("JSON", wanted.json)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


@contextmanager
def _market_and_desk(wanted: Wanted) -> Iterator[tuple[Path, Path]]:
    """Where they lie; the synthetic day where nobody told, with customers whom its desk expects."""
    if wanted.market is not None and wanted.config is not None:
        yield wanted.market, wanted.config
        return
    with TemporaryDirectory() as folder:
        market = Path(folder) / "synthetic day"
        write_example(market, EXAMPLE_SEED)
        config = market / "desk.toml"
        config.write_bytes(config.read_bytes() + (files("flatbook.sim") / "flow.toml").read_bytes())
        yield market, config


def _report(wanted: Wanted, inputs: Inputs, progress: Progress, *, synthetic: bool) -> LeversReport:
    progress("valuing the chain and the book")
    cycle, state = decided(inputs, wanted)
    if not cycle.held.quantity.any():
        fail_on([_nothing_held(wanted)])
    progress("comparing the levers")
    levers = levers_of(cycle, state.limits)
    return _told(levers, cycle, inputs, wanted, synthetic=synthetic)


def decided(inputs: Inputs, wanted: Wanted) -> tuple[Cycle, State]:
    """The cycle that counts: of the book handed in, or of the one that a crowd leaves with the desk."""
    state, cycle = State(), None
    for fact in inputs.facts():
        cycle = step(state, fact) or cycle
    assert cycle is not None, "the facts end with a cycle"
    if wanted.book is None:
        crowd = Crowd(contracts=_above_the_first(wanted.contracts))
        fills = one_sided_fills(
            cycle.market,
            fills=wanted.customers or CUSTOMERS,
            seed=wanted.seed,
            underlying=wanted.underlying or "",
            crowd=crowd,
        )
        for fill in fills:
            step(state, fill)
        cycle = step(state, CycleDue(received_ns=cycle.now_ns, reason="the crowd was here"))
        assert cycle is not None, "a cycle that is due is decided"
    return cycle, state


def _above_the_first(mean: float) -> float:
    """Mean of the exponential of which whole contracts are added to the first, so that sizes have this mean.

    The floor of an exponential of mean m has the mean 1 / (exp(1 / m) - 1).
    """
    return 1.0 / math.log1p(1.0 / (mean - 1.0)) if mean > 1.0 else 0.0


def _told(levers: Levers, cycle: Cycle, inputs: Inputs, wanted: Wanted, *, synthetic: bool) -> LeversReport:
    notes = (*inputs.market.notes, *inputs.fills.notes, *(inputs.history.notes if inputs.history else ()))
    count = wanted.customers or CUSTOMERS
    if wanted.book is None:
        book = (
            f"SYNTHETIC one-sided crowd: {tally(count, 'fill')} of {wanted.contracts:g} contracts "
            f"in the mean, seed {wanted.seed}"
        )
    else:
        book = wanted.book.name
    return levers_report(
        levers,
        cycle,
        Background(
            market="synthetic day" if wanted.market is None else wanted.market.name,
            format=inputs.market.format,
            book=book,
            synthetic=synthetic,
            notes=tuple(note.text for note in notes),
        ),
    )


def _write(wanted: Wanted, report: LeversReport, progress: Progress) -> None:
    if wanted.json is not None:
        progress("writing the JSON")
        replace_file(wanted.json, encode_levers(report))
    if wanted.html is not None:
        from flatbook.reports.levers_html import render_levers  # noqa: PLC0415 - only a page pays for it

        progress("writing the HTML")
        replace_file(wanted.html, render_levers(report).encode())


def _faults_of_outputs(wanted: Wanted) -> list[Fault]:
    inputs = {"--book": wanted.book, "--config": wanted.config, "--market": wanted.market}
    return faults_of_outputs(
        {name: path for name, path in inputs.items() if path is not None},
        {"--json": wanted.json, "--html": wanted.html},
    )


def _faults_of_options(wanted: Wanted) -> Iterator[Fault]:
    if (wanted.market is None) != (wanted.config is None):
        yield Fault(
            where="--config" if wanted.config is None else "--market",
            found="nothing",
            expected="--market and --config, both or neither: neither is the synthetic day with its desk",
            action="say both: examples/reduce has desk files to start from",
        )
    if wanted.market is None:
        for name, given in (("--at", wanted.at), ("--format", wanted.market_format), ("--book", wanted.book)):
            if given is not None:
                yield Fault(
                    where=name,
                    found=str(given),
                    expected=f"no {name} without --market: the synthetic day has its own",
                    action="name a market and a desk file, or leave it out",
                )
    if wanted.book is not None and wanted.customers is not None:
        yield Fault(
            where="--customers",
            found=f"{wanted.customers} beside --book {wanted.book}",
            expected="a book, or a crowd that makes one",
            action="leave one of them out",
        )
    for name, value, least in (
        ("--customers", CUSTOMERS if wanted.customers is None else wanted.customers, 1),
        ("--seed", wanted.seed, 0),
        ("--contracts", wanted.contracts, 1),
    ):
        if not least <= value < math.inf:
            yield Fault(
                where=name, found=f"{value:g}", expected=f"{least} or above", action="correct the number"
            )


def _nothing_held(wanted: Wanted) -> Fault:
    return Fault(
        where="--book",
        found=f"{wanted.book and wanted.book.name}: nothing is held once its fills are booked",
        expected="a book with a position",
        action="name another, or leave --book out for a one-sided crowd",
    )
