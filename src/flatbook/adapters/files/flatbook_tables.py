"""flatbook's own tables: a folder with instruments, quotes and underlyings, and what else shapes a price.

Layout and units of every column: docs/file-formats.md. `flatbook_writer` writes what this reads.
"""

from pathlib import Path

from flatbook.adapters.files.faults import FaultList, some
from flatbook.adapters.files.fields import read_instants
from flatbook.adapters.files.flatbook_facts import Scope, dividends, forwards, last_quotes, rates, underlyings
from flatbook.adapters.files.flatbook_instruments import REQUIRED as INSTRUMENT_COLUMNS
from flatbook.adapters.files.flatbook_instruments import instruments_of
from flatbook.adapters.files.instants import print_instant
from flatbook.adapters.files.snapshot import MarketFile, Progress, counted, quote_notes
from flatbook.adapters.files.tables import SUFFIXES, Table, read_table
from flatbook.adapters.symbols.osi import compact_osi
from flatbook.model.errors import FaultsError
from flatbook.model.events import InstrumentsListed
from flatbook.model.facts import Fact

NAME = "flatbook"
REQUIRED = {
    "instruments": INSTRUMENT_COLUMNS,
    "quotes": ("time", "symbol", "bid", "ask"),
    "underlyings": ("time", "underlying", "price"),
    "forwards": ("time", "option_class", "expiry", "price"),
    "dividends": ("underlying", "ex_time", "amount"),
    "rates": ("currency", "maturity", "rate"),
}
MUST_EXIST = ("instruments", "quotes", "underlyings")
Tables = dict[str, Table]


def looks_like(path: Path) -> bool:
    """Whether `path` is a folder with a table of instruments."""
    return path.is_dir() and bool(_files(path, "instruments"))


def read(path: Path, *, at_ns: int | None, underlying: str | None, progress: Progress) -> MarketFile:
    """The snapshot in a folder of tables, at `at_ns` or at the latest time of its quotes.

    Raises
    ------
    FaultsError
        Everything that is wrong with the tables, at once.
    """
    faults = FaultList(path.name)
    tables = _read_tables(path, faults, progress)
    faults.raise_all()
    return parse(tables, path.name, at_ns=at_ns, underlying=underlying)


def parse(tables: Tables, name: str, *, at_ns: int | None, underlying: str | None) -> MarketFile:
    """The snapshot in tables of this format, keyed by their names.

    Raises
    ------
    FaultsError
        Everything that is wrong with the rows, at once.
    """
    faults = FaultList(name)
    listed = instruments_of(tables["instruments"], faults)
    times = read_instants(tables["quotes"], "time", faults)
    instant = max((time for time in times if time is not None), default=0) if at_ns is None else at_ns
    named = frozenset(compact_osi(text.strip()) for text in tables["instruments"].columns["symbol"])
    scope = Scope(at_ns=instant, underlying=underlying, named=named, listed=listed)
    quotes = last_quotes(tables["quotes"], times, scope, faults)
    events: tuple[Fact, ...] = (
        InstrumentsListed(received_ns=instant, instruments=tuple(scope.alive.values())),
        *underlyings(tables["underlyings"], scope, faults),
        *(forwards(tables["forwards"], scope, faults) if "forwards" in tables else ()),
        *(rates(tables["rates"], scope, faults) if "rates" in tables else ()),
        *(dividends(tables["dividends"], scope, faults) if "dividends" in tables else ()),
        quotes.seen,
    )
    if not (scope.alive or faults.count):
        _add_nothing_alive(tables["instruments"], scope, faults)
    faults.raise_all()
    expired = len(scope.wanted) - len(scope.alive)
    notes = (
        *counted("expired", expired, "contracts expired by then and were left out"),
        *counted("later", quotes.late, "quotes are from after the time asked for and were left out"),
        *counted("stale", quotes.old, "quotes were more than 5 minutes old at the time of the snapshot"),
        *quote_notes(quotes.seen.bid_ticks, quotes.seen.ask_ticks),
    )
    return MarketFile(format=NAME, at_ns=instant, events=events, notes=notes)


def _read_tables(folder: Path, faults: FaultList, progress: Progress) -> Tables:
    """Every table in the folder; faults of one do not hide those of the next."""
    out: Tables = {}
    for name, required in REQUIRED.items():
        files = _files(folder, name)
        if len(files) > 1 or (name in MUST_EXIST and not files):
            faults.add(
                where=folder.name,
                found=f"{len(files)} files of {name} ({some([file.name for file in files])})"
                if files
                else f"no {name}",
                expected=f"one of {', '.join(name + suffix for suffix in SUFFIXES)}",
                action="remove the copies" if files else "add the file",
            )
            continue
        for file in files:
            progress(f"reading {file.name}")
            try:
                out[name] = read_table(file, required, faults)
            except FaultsError as error:
                faults.take(error)
    return out


def _files(folder: Path, name: str) -> list[Path]:
    return [file for suffix in SUFFIXES if (file := folder / (name + suffix)).is_file()]


def _add_nothing_alive(table: Table, scope: Scope, faults: FaultList) -> None:
    whose = f" of {scope.underlying}" if scope.underlying else ""
    faults.add(
        where=table.name,
        found=f"no contract{whose} alive at {print_instant(scope.at_ns)}",
        expected="at least one",
        action="ask for an earlier time (at) or another underlying",
    )
