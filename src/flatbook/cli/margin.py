"""`flatbook margin`: a file of positions, and what each account must be backed with by one capital method."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console

from flatbook.adapters.files.candidates import ListedCandidates, read_candidates
from flatbook.adapters.files.fields import number_of
from flatbook.adapters.files.positions import Positions, read_positions
from flatbook.adapters.files.reported import read_reported
from flatbook.adapters.margin_parameters.read import read_parameters
from flatbook.adapters.span_file.csv import read_span_csv
from flatbook.adapters.span_file.xml import read_span_xml
from flatbook.cli.outputs import faults_of_outputs, replace_file
from flatbook.cli.progress import shown
from flatbook.cli.run import Progress
from flatbook.cli.times import parse_at
from flatbook.cli.warmup import warm_up
from flatbook.margin import pme, reg_t, span, tims, tims_parameters, tims_relief
from flatbook.margin.legs import Legs
from flatbook.margin.pme_parameters import PmeParameters
from flatbook.margin.reg_t_parameters import Account, RegTParameters, with_account
from flatbook.margin.reported import (
    Comparison,
    DifferenceLimits,
    OwnRequirement,
    ReportedRequirement,
    compare,
)
from flatbook.margin.requirement import AccountRequirement, Method
from flatbook.margin.span_match import SpanFile
from flatbook.margin.span_parameters import SpanParameters
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.model.errors import Fault, FaultsError, fail_on
from flatbook.model.table import Floats
from flatbook.model.terms import Parameters
from flatbook.reports.margin_console import print_margin
from flatbook.reports.margin_relief import FoundRelief
from flatbook.reports.margin_report import Answer, account_elsewhere, account_margin, encode_margin
from flatbook.reports.margin_schema import AccountMargin

MOST_RELIEF = "max"  # for --relief: as much as can be freed
RELIEF_METHODS = tims_parameters.METHODS
PIPE_WIDTH = 140  # columns of the printed report where no terminal says how wide it is
_SPAN_XML = (".spn", ".xml", ".spn.gz", ".xml.gz")
_EUROPEAN = ("European implied volatilities", "tables of European options")
_AMERICAN = ("American options at their exercise boundary", *_EUROPEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for."""

    positions: Path
    method: Method
    parameters: Path | None
    arrays: Path | None
    account: str | None
    group: str | None
    reported: Path | None
    at: str | None
    difference_limit: float
    marginals: bool
    relief: str | None  # an amount, or `MOST_RELIEF`
    candidates: Path | None
    json: Path | None
    html: Path | None


def make_margin(wanted: Wanted) -> None:
    """Margin every account and write what was asked for.

    Raises
    ------
    FaultsError
        Something in the inputs is wrong, or an output has no place to go; nothing is written then.
    """
    fail_on(_faults_of_options(wanted))
    errors = Console(stderr=True)
    with shown(errors) as progress:
        progress("reading the positions")
        read = _read(wanted)
    options = read.positions.legs.is_option.any() and read.arrays is None
    if options:
        warm_up(errors, _AMERICAN if read.positions.legs.american.any() else _EUROPEAN)
    with shown(errors) as progress:
        report = _report(read, wanted, progress)
        if wanted.json is not None:
            replace_file(wanted.json, encode_margin(report))
        if wanted.html is not None:
            progress("drawing")
            replace_file(wanted.html, _page(report, wanted.positions.name))
    out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    print_margin(report, wanted.positions.name, out)
    for kind, path in (("pictures", wanted.html), ("JSON", wanted.json)):
        if path is not None:
            out.print(f"{kind:8} {path}", highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Everything that was read."""

    positions: Positions
    accounts: tuple[tuple[str, Legs], ...]  # those asked for
    parameters: Parameters
    reports: tuple[ReportedRequirement, ...]
    arrays: SpanFile | None
    candidates: ListedCandidates | None


def _read(wanted: Wanted) -> Read:
    positions = read_positions(wanted.positions, wanted.method, with_arrays=wanted.arrays is not None)
    return Read(
        positions=positions,
        accounts=tuple(_accounts(positions, wanted)),
        parameters=_with_account(read_parameters(wanted.method, wanted.parameters), wanted),
        reports=() if wanted.reported is None else read_reported(wanted.reported),
        arrays=None if wanted.arrays is None else _arrays(wanted.arrays, positions.legs),
        candidates=(
            None
            if wanted.candidates is None
            else read_candidates(wanted.candidates, wanted.method, dict.fromkeys(positions.legs.group))
        ),
    )


def _report(read: Read, wanted: Wanted, progress: Progress) -> list[AccountMargin]:
    """Every account that was asked for; what is wrong with any is told for all at once."""
    answers: list[Answer] = []
    faults: list[Fault] = []
    for number, (group, legs) in enumerate(read.accounts, 1):
        progress(f"margining account {group} ({number} of {len(read.accounts)}, {len(legs):,d} legs)")
        try:
            found = _capital(legs, read.parameters, read.arrays, marginals=wanted.marginals)
            relief = _relief(legs, read, wanted, found)
        except FaultsError as error:
            faults += error.faults
            continue
        moves = _moves(legs, read.parameters)
        notes = (*_terms_elsewhere(read), *read.positions.notes.get(group, ()))
        answers.append(
            Answer(
                legs=legs,
                requirement=found,
                moves=moves,
                notes=notes,
                marginals=wanted.marginals,
                relief=relief,
            )
        )
    fail_on(faults)
    own = [each.requirement for each in answers]
    compared = _compared(own, read.reports, wanted) if read.reports else None
    told = [account_margin(each, compared) for each in answers]
    if compared is None:
        return told
    elsewhere = [name for name in dict.fromkeys(compared.group) if name not in {one.group for one in own}]
    return [*told, *(account_elsewhere(name, wanted.method, compared) for name in elsewhere)]


def _faults_of_options(wanted: Wanted) -> Iterator[Fault]:
    named = {
        "POSITIONS": wanted.positions,
        "--parameters": wanted.parameters,
        "--arrays": wanted.arrays,
        "--reported": wanted.reported,
        "--candidates": wanted.candidates,
    }
    inputs = {name: path for name, path in named.items() if path is not None}
    yield from faults_of_outputs(inputs, {"--json": wanted.json, "--html": wanted.html})
    if wanted.arrays is not None and wanted.method is not Method.SPAN:
        yield Fault(
            where="--arrays",
            found=f"method {wanted.method.value}",
            expected="method span: no other reads risk arrays",
            action="leave --arrays out, or say --method span",
        )
    if wanted.reported is None and wanted.at is not None:
        yield Fault(
            where="--at",
            found="a time without --reported",
            expected="--reported: the time says how old a report is, and moves no position",
            action="leave --at out",
        )
    if not wanted.difference_limit >= 0.0:
        yield Fault(
            where="--difference-limit",
            found=f"{wanted.difference_limit:g}",
            expected="a share of our own requirement, 0 or more",
            action="say 0.1 for 10 %",
        )
    yield from _faults_of_relief(wanted)


def _faults_of_relief(wanted: Wanted) -> Iterator[Fault]:
    if wanted.relief is None and wanted.candidates is None:
        return
    if wanted.method not in RELIEF_METHODS:
        offered = ", ".join(f"--method {one.value}" for one in RELIEF_METHODS)
        yield Fault(
            where="--relief" if wanted.candidates is None else "--candidates",
            found=f"method {wanted.method.value}",
            expected=f"{offered}: relief is offered for these",
            action="say one of them, or leave --relief and --candidates out",
        )
    if wanted.relief is None or wanted.candidates is None:
        yield Fault(
            where="--candidates" if wanted.candidates is None else "--relief",
            found="nothing",
            expected="--relief AMOUNT (or max) and --candidates FILE, both or neither",
            action="say both",
        )
    if wanted.relief not in (None, MOST_RELIEF) and not _amount_of(wanted.relief or "") > 0.0:
        yield Fault(
            where="--relief",
            found=repr(wanted.relief),
            expected=f"an amount above 0 in the currency of the method, or {MOST_RELIEF}",
            action=f"say 50000, or {MOST_RELIEF} for all that can be freed",
        )


def _amount_of(text: str) -> float:
    """NaN where the text is no finite number."""
    value = number_of(text)
    return np.nan if value is None else value


def _with_account(parameters: Parameters, wanted: Wanted) -> Parameters:
    """The parameters of the kind of account that was asked for."""
    if wanted.account is None:
        return parameters
    known: tuple[str, ...] = ()
    if isinstance(parameters, RegTParameters):
        known = tuple(one.value for one in Account)
    elif isinstance(parameters, TimsParameters):
        known = tuple(parameters.ranges)
    if wanted.account not in known:
        raise FaultsError(
            [
                Fault(
                    where="--account",
                    found=f"{wanted.account} with method {wanted.method.value}",
                    expected=f"one of {', '.join(known)}" if known else "no --account: the method knows none",
                    action="correct the option or leave it out",
                )
            ]
        )
    if isinstance(parameters, RegTParameters):
        return with_account(parameters, Account(wanted.account))
    return msgspec.structs.replace(parameters, account=wanted.account)


def _accounts(positions: Positions, wanted: Wanted) -> Iterator[tuple[str, Legs]]:
    legs = positions.legs
    known = dict.fromkeys(legs.group)
    if wanted.group is not None and wanted.group not in known:
        raise FaultsError(
            [
                Fault(
                    where="--group",
                    found=repr(wanted.group),
                    expected=f"a group of {wanted.positions.name}: {', '.join(list(known)[:10])}",
                    action="correct the option or leave it out",
                )
            ]
        )
    for group, rows in legs.accounts():
        if wanted.group in (None, group):
            yield group, legs.take(rows)


def _arrays(path: Path, legs: Legs) -> SpanFile:
    if path.name.lower().endswith(_SPAN_XML):
        return read_span_xml(path, tuple(dict.fromkeys(legs.underlying)))
    return read_span_csv(path)


def _capital(
    legs: Legs, parameters: Parameters, arrays: SpanFile | None, *, marginals: bool
) -> AccountRequirement:
    """By the method that the parameters are of; only strategy margin takes time for what one contract more changes."""
    match parameters:
        case TimsParameters():
            return tims.capital(legs, parameters)
        case SpanParameters():
            return span.capital(legs, parameters, arrays)
        case RegTParameters():
            return reg_t.capital(legs, parameters, marginals=marginals)
        case PmeParameters():
            return pme.capital(legs, parameters)
    raise AssertionError(type(parameters))


def _relief(legs: Legs, read: Read, wanted: Wanted, found: AccountRequirement) -> FoundRelief | None:
    """The cheapest trades for one account, where anybody asked for them."""
    if read.candidates is None or not isinstance(read.parameters, TimsParameters):
        return None
    listing, notes = read.candidates.listing.of(legs.group[0]), read.candidates.notes
    if not np.isfinite(found.requirement):
        return FoundRelief(listing=listing, answer=None, menu=(), notes=notes)
    market = tims_relief.relief_market(legs, listing, read.parameters)
    full = tims_relief.most(market)
    amount = _amount_of(wanted.relief or "")
    first = full if wanted.relief == MOST_RELIEF else tims_relief.free(market, amount)
    answer, *menu = tims_relief.undominated((first, *tims_relief.menu(market, full)))
    return FoundRelief(listing=listing, answer=answer, menu=tuple(menu), notes=notes)


def _terms_elsewhere(read: Read) -> Iterator[str]:
    """Accounts of the parameters that the file of positions has not: their terms count nowhere, as a name misspelt would."""
    if isinstance(read.parameters, PmeParameters):
        held = dict.fromkeys(read.positions.legs.group)
        if others := [name for name in read.parameters.accounts if name not in held]:
            yield f"the parameters have terms for accounts without positions: {', '.join(others)}"


def _moves(legs: Legs, parameters: Parameters) -> dict[str, Floats]:
    """How far each underlying is moved at each point, where the method says so beside its answer."""
    if isinstance(parameters, TimsParameters):
        book = tims.book_of(legs, parameters)
        return dict(zip(book.tree.names[: book.tree.n_classes], book.moves, strict=True))
    if isinstance(parameters, PmeParameters):
        general, many = parameters.general, parameters.general.buckets_count
        steps = np.repeat(np.arange(-many, many + 1) / many, 3)
        return {
            name: np.concatenate((pair.price_range * steps, np.array(general.extended_moves)))
            for name, pair in parameters.pairs.items()
        }
    return {}


def _compared(
    own: list[AccountRequirement], reports: tuple[ReportedRequirement, ...], wanted: Wanted
) -> Comparison:
    """Each of our requirements beside every source that reports any."""
    currency = {one.group: one.currency for one in own}
    shared = own[0].currency if own and len(set(currency.values())) == 1 else ""
    told = [
        ReportedRequirement(
            group=one.group,
            source=one.source,
            currency=one.currency or currency.get(one.group, shared),
            requirement=one.requirement,
            as_of_ns=one.as_of_ns,
        )
        for one in reports
        if wanted.group in (None, one.group)
    ]
    asked = [
        OwnRequirement(group=one.group, source=source, currency=one.currency, requirement=one.requirement)
        for one in own
        for source in dict.fromkeys(each.source for each in reports)
    ]
    now_ns = parse_at(wanted.at) if wanted.at else max(one.as_of_ns for one in reports)
    return compare(asked, told, DifferenceLimits(relative=wanted.difference_limit), now_ns)


def _page(report: list[AccountMargin], source: str) -> bytes:
    from flatbook.reports.margin_html import render_margin  # noqa: PLC0415 - Plotly waits for a page

    return render_margin(report, source).encode()
