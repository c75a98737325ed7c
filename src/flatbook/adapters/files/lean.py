"""LEAN data: chains of options on stocks, indices and futures from zips of quote bars, as they stood at one time.

Source: QuantConnect LEAN (layout in docs/file-formats.md). The folder may be LEAN's own tree or one folder of its zips.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from flatbook.adapters.files.faults import FaultList, fault, some
from flatbook.adapters.files.instants import NEW_YORK, local_time, print_instant
from flatbook.adapters.files.lean_archive import Archive, Content, archive_of, archives_in, days_in
from flatbook.adapters.files.lean_bars import OLD_MS
from flatbook.adapters.files.lean_chain import (
    EQUITY_SCALE,
    Asked,
    Options,
    Quoted,
    read_futures,
    read_options,
    stock_price,
)
from flatbook.adapters.files.snapshot import MarketFile, Note, Progress, counted, quote_notes
from flatbook.adapters.files.terms import FUTURES, FutureTerms, future_option_terms, us_option_terms
from flatbook.model.errors import FaultsError
from flatbook.model.events import ForwardQuoted, InstrumentsListed, QuotesSeen, UnderlyingQuoted
from flatbook.model.facts import Fact
from flatbook.model.instruments import Style

NAME = "lean"
_MOST_LOOKED_AT = 64  # zips opened to know the format


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """What a snapshot is made of."""

    options: Options
    underlying: str
    spot: float
    futures: tuple[Quoted, ...] = ()
    forwards: tuple[ForwardQuoted, ...] = ()
    notes: tuple[Note, ...] = field(default=())


def looks_like(path: Path) -> bool:
    """Whether `path` is a zip of LEAN quotes, or a folder that holds one."""
    zips = sorted(path.rglob("*.zip")) if path.is_dir() else [path]
    return any(_is_archive(file) for file in zips[:_MOST_LOOKED_AT])


def read(path: Path, *, at_ns: int | None, underlying: str | None, progress: Progress) -> MarketFile:
    """The chain in a folder (or in one of its option zips) as it stood at `at_ns`.

    Raises
    ------
    FaultsError
        No time given, no quotes of that day, or everything that is wrong with them, at once.
    """
    archives = archives_in(path)
    chosen = _of_one_root(path, archives, underlying)
    if at_ns is None:
        raise _no_time(path, chosen)
    on_future = chosen[0].content is Content.FUTURE_OPTION
    moment = local_time(at_ns, "UTC" if on_future else NEW_YORK)
    asked = Asked(
        root=chosen[0].root,
        at_ns=at_ns,
        day=moment.date(),
        at_ms=(moment.hour * 3600 + moment.minute * 60 + moment.second) * 1000,
        progress=progress,
    )
    chosen = _of_day(path, chosen, asked.day)
    faults = FaultList(path.name)
    chain = (_on_futures if on_future else _on_stock)(path, chosen, archives, asked, faults)
    faults.raise_all()
    if not chain.options.quoted:
        raise _no_series(path, asked)
    return _market_file(chain, at_ns)


def _on_stock(
    path: Path, chosen: list[Archive], archives: list[Archive], asked: Asked, faults: FaultList
) -> _Chain:
    terms = us_option_terms(asked.root)
    stock = [item for item in archives if item.content is Content.EQUITY and item.day == asked.day]
    stock = [item for item in stock if item.root == terms.underlying]
    if not stock:
        raise fault(
            where=path.name,
            found=f"no minute quotes of {terms.underlying} on {asked.day}",
            expected=f"a zip with the stock's quotes of {asked.day:%Y%m%d}",
            action="add that file: without the price of the underlying nothing can be valued",
        )
    options = read_options(chosen, terms, asked.clock(EQUITY_SCALE, terms.ticks_per_unit), asked, faults)
    spot = stock_price(stock[0], asked, faults)
    return _Chain(options=options, underlying=terms.underlying, spot=spot)


def _on_futures(
    path: Path, chosen: list[Archive], archives: list[Archive], asked: Asked, faults: FaultList
) -> _Chain:
    terms = _future_terms(path, asked.root)
    of_day = [item for item in archives if item.content is Content.FUTURE and item.day == asked.day]
    futures = read_futures([item for item in of_day if item.root == asked.root], terms, asked, faults)
    option_terms = future_option_terms(terms, Style.AMERICAN)
    options = read_options(chosen, option_terms, asked.clock(1.0, terms.ticks_per_unit), asked, faults)
    faults.raise_all()
    priced = [quoted for quoted in futures if quoted.mid is not None]
    if not priced or priced[0].mid is None:
        raise fault(
            where=path.name,
            found=f"no two-sided quote of a future {asked.root} on {asked.day} by {print_instant(asked.at_ns)}",
            expected=f"a zip with the futures' quotes of {asked.day:%Y%m%d}",
            action="add that file, or ask for a later time",
        )
    front = futures[0].instrument.symbol
    late = counted(
        "front",
        int(priced[0] is not futures[0]),
        f"front future ({front}) has no two sides: the next one is taken",
    )
    forwards, without = _forwards(options, futures, asked)
    return _Chain(
        options=options,
        underlying=asked.root,
        spot=priced[0].mid,
        futures=futures,
        forwards=forwards,
        notes=(
            *late,
            *counted("no_forward", without, "expiries have no future with two sides to settle into"),
        ),
    )


def _forwards(
    options: Options, futures: tuple[Quoted, ...], asked: Asked
) -> tuple[tuple[ForwardQuoted, ...], int]:
    """The future each expiry settles into: the first that expires with it or later."""
    slices = sorted({(item.instrument.option_class, item.instrument.expiry_ns) for item in options.quoted})
    out: list[ForwardQuoted] = []
    for option_class, expiry_ns in slices:
        into = next((quoted for quoted in futures if quoted.instrument.expiry_ns >= expiry_ns), None)
        if into is None or into.mid is None:
            continue
        out.append(
            ForwardQuoted(
                received_ns=asked.at_ns,
                option_class=option_class,
                expiry_ns=expiry_ns,
                price=into.mid,
                symbol=into.instrument.symbol,
            )
        )
    return tuple(out), len(slices) - len(out)


def _market_file(chain: _Chain, at_ns: int) -> MarketFile:
    quoted = (*chain.options.quoted, *chain.futures)
    quotes = QuotesSeen(
        received_ns=at_ns,
        symbols=tuple(item.instrument.symbol for item in quoted),
        bid_ticks=tuple(item.bar.bid for item in quoted),
        ask_ticks=tuple(item.bar.ask for item in quoted),
        bid_sizes=tuple(item.bar.bid_size for item in quoted),
        ask_sizes=tuple(item.bar.ask_size for item in quoted),
    )
    events: tuple[Fact, ...] = (
        InstrumentsListed(received_ns=at_ns, instruments=tuple(item.instrument for item in quoted)),
        UnderlyingQuoted(received_ns=at_ns, underlying=chain.underlying, price=chain.spot),
        *chain.forwards,
        quotes,
    )
    old = sum(1 for item in quoted if item.bar.age_ms > OLD_MS)
    notes = (
        *counted(
            "stale", old, "quotes were last seen more than 5 minutes before; the last one of the day is kept"
        ),
        *counted("expired", chain.options.expired, "contracts expired by then and were left out"),
        *counted(
            "other_days", chain.options.other_days, "contracts were not quoted that day and were left out"
        ),
        *chain.notes,
        *quote_notes(quotes.bid_ticks, quotes.ask_ticks),
    )
    return MarketFile(format=NAME, at_ns=at_ns, events=events, notes=notes)


def _of_one_root(path: Path, archives: list[Archive], underlying: str | None) -> list[Archive]:
    """The option archives of the one root asked for, or of the only one there is."""
    options = [item for item in archives if item.content in {Content.OPTION, Content.FUTURE_OPTION}]
    if path.is_file():
        options = [item for item in options if item.path == path]
    roots = sorted({item.root for item in options})
    wanted = roots if underlying is None else [root for root in roots if root == underlying]
    if len(wanted) == 1:
        return [item for item in options if item.root == wanted[0]]
    raise fault(
        where=path.name,
        found=f"option quotes of {some(roots)}" if roots else "no zip of option quotes",
        expected="option quotes of one underlying"
        if underlying is None
        else f"option quotes of {underlying}",
        action="say which underlying to read" if roots else "name a folder with LEAN option quotes",
    )


def _of_day(path: Path, chosen: list[Archive], day: date) -> list[Archive]:
    """The minute archives of the day, or the hourly ones where there are none."""
    found = [item for item in chosen if item.day == day] or [item for item in chosen if item.day is None]
    if not found:
        raise fault(
            where=path.name,
            found=f"option quotes of {some(_days(chosen), 40)}",
            expected=f"option quotes of {day}",
            action="ask for a time (at) on one of these days",
        )
    return found


def _no_time(path: Path, chosen: list[Archive]) -> FaultsError:
    return fault(
        where=path.name,
        found="no time for the snapshot",
        expected=f"a time on one of the days it holds: {some(_days(chosen), 40)}",
        action="give the time of the snapshot (at)",
    )


def _no_series(path: Path, asked: Asked) -> FaultsError:
    return fault(
        where=path.name,
        found=f"no contract of {asked.root} quoted on {asked.day} and alive at {print_instant(asked.at_ns)}",
        expected="at least one",
        action="ask for another time (at)",
    )


def _days(chosen: list[Archive]) -> list[date]:
    return sorted({day for item in chosen for day in days_in(item)})


def _future_terms(path: Path, root: str) -> FutureTerms:
    terms = FUTURES.get(root)
    if terms is None:
        raise fault(
            where=path.name,
            found=f"options on the future {root}",
            expected=f"one whose terms are known: {', '.join(FUTURES)}",
            action="add its terms to adapters/files/terms.py",
        )
    return terms


def _is_archive(file: Path) -> bool:
    if file.suffix.lower() != ".zip":
        return False
    try:
        return archive_of(file) is not None
    except FaultsError:
        return True  # a zip that is broken: reading it tells how
