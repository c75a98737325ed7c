"""What could be traded to free capital, for `flatbook margin --relief`: CSV or Parquet in, a `Listing` out.

Columns: docs/margin/README.md. One row a series: those of positions without quantity, and how the market shows it. Everything
wrong is told at once, by row and column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from flatbook.adapters.files.faults import FaultList
from flatbook.adapters.files.fields import number_of, read_column
from flatbook.adapters.files.positions import ONE_ACCOUNT, positions_of
from flatbook.adapters.files.positions import REQUIRED as OF_POSITIONS
from flatbook.adapters.files.rows import add_repeat, refuse_empty
from flatbook.adapters.files.tables import Table, read_table
from flatbook.margin.legs import Legs
from flatbook.margin.requirement import Method
from flatbook.margin.tims_relief import Listing, same_contract
from flatbook.model.table import Bools, Floats

SIDES = ("bid", "ask")
QUOTES = ("bid", "ask", "bid_size", "ask_size", "fee")
REQUIRED = (*(name for name in OF_POSITIONS if name != "quantity"), *QUOTES[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCandidates:
    """The series of a file, and what was assumed of them."""

    listing: Listing
    notes: tuple[str, ...]


def read_candidates(path: Path, method: Method, accounts: Mapping[str, object]) -> ListedCandidates:
    """Read a table of candidates.

    Parameters
    ----------
    path : Path
        A `.csv`, `.csv.gz` or `.parquet` file.
    method : Method
        What capital is computed by: it decides which cells may be empty.
    accounts : mapping by name
        Those that a candidate may be for; one without group is for every account.

    Raises
    ------
    FaultsError
        Everything that is wrong with the file, at once.
    """
    faults = FaultList(path.name)
    table = read_table(path, REQUIRED, faults)
    refuse_empty(table, faults, "a series on each row")
    quotes = {name: _numbers(table, name, faults) for name in QUOTES}
    marks, by_mid = _marked(table, quotes)
    found = positions_of(marks, method, faults)
    legs = replace(found.legs, group=tuple(cell.strip() for cell in table.optional("group")))
    for row, column, shown, expected in _faults(table, legs, quotes, accounts):
        faults.add(where=table.where(row, column), found=shown, expected=expected, action="correct the cell")
    _add_repeats(table, legs, faults)
    faults.raise_all()
    missing = {name: np.isnan(quotes[name]) | (quotes[name] == 0.0) for name in SIDES}
    return ListedCandidates(
        listing=Listing(
            legs=legs,
            bid=np.where(missing["bid"], np.nan, quotes["bid"]),
            ask=np.where(missing["ask"], np.nan, quotes["ask"]),
            bid_size=np.where(missing["bid"], 0.0, quotes["bid_size"]),
            ask_size=np.where(missing["ask"], 0.0, quotes["ask_size"]),
            fee=np.where(np.isnan(quotes["fee"]), 0.0, quotes["fee"]),
        ),
        notes=(*found.notes[ONE_ACCOUNT], *_notes(table, quotes, by_mid)),
    )


def _numbers(table: Table, column: str, faults: FaultList) -> Floats:
    """NaN where nothing stands; a cell that is no number is a fault."""
    if column not in table.columns:
        return np.full(len(table.lines), np.nan)
    told = read_column(table, column, faults, _number_or_nothing, "a number, or nothing", "correct the cell")
    return np.array([np.nan if one is None else one for one in told], dtype=np.float64)


def _number_or_nothing(text: str) -> float | None:
    return number_of(text.strip()) if text.strip() else float("nan")


def _marked(table: Table, quotes: Mapping[str, Floats]) -> tuple[Table, Bools]:
    """The table as one of positions of which none is held; without price and vol the mid is the mark."""
    mid = 0.5 * (quotes["bid"] + quotes["ask"])
    texts = [table.optional(name) for name in ("price", "vol", *SIDES)]
    unmarked = [
        not price.strip() and not vol.strip() and bool(bid.strip() and ask.strip())
        for price, vol, bid, ask in zip(*texts, strict=True)
    ]
    stock = [right.strip().lower() == "stock" for right in table.columns["right"]]
    missing = (quotes["bid"] == 0.0) | (quotes["ask"] == 0.0)
    by_mid = np.array(unmarked, dtype=np.bool_) & ~np.array(stock, dtype=np.bool_) & ~missing
    # a quote that cannot be is told as such; any mark keeps the row from being refused for that too
    known = np.where(mid > 0.0, mid, 1.0)
    price = tuple(
        repr(value) if filled else cell
        for cell, value, filled in zip(texts[0], known.tolist(), by_mid.tolist(), strict=True)
    )
    own = {name: column for name, column in table.columns.items() if name not in QUOTES}
    rows = len(table.lines)
    own |= {"price": price, "quantity": ("0",) * rows, "group": (ONE_ACCOUNT,) * rows}
    return replace(table, columns=own), by_mid


def _faults(
    table: Table, legs: Legs, quotes: Mapping[str, Floats], accounts: Mapping[str, object]
) -> Iterator[tuple[int, str, str, str]]:
    """Row, column, what stands there, what should."""
    bid, ask, fee = quotes["bid"], quotes["ask"], quotes["fee"]
    rules: list[tuple[str, Bools, str]] = [
        ("bid", bid < 0.0, "0 or more, or nothing where nobody bids"),
        ("ask", ask < 0.0, "0 or more, or nothing where nobody offers"),
        ("bid", (ask > 0.0) & (bid > ask), "a bid at or below the ask"),
        ("fee", fee < 0.0, "0 or more, per contract"),
    ]
    for side in SIDES:
        size = quotes[f"{side}_size"]
        whole = (size >= 0.0) & (size == np.floor(size))
        expected = "a whole number of contracts, 0 or more"
        rules.append((f"{side}_size", np.isfinite(size) & ~whole, expected))
        rules.append((f"{side}_size", (quotes[side] > 0.0) & np.isnan(size), f"the size of the {side}"))
    for column, wrong, expected in rules:
        for row in np.flatnonzero(wrong).tolist():
            yield row, column, table.optional(column)[row].strip() or "nothing", expected
    for row, group in enumerate(legs.group):
        if group and group not in accounts:
            yield (
                row,
                "group",
                repr(group),
                f"an account of the positions ({', '.join(list(accounts)[:8])}), or nothing",
            )


def _add_repeats(table: Table, legs: Legs, faults: FaultList) -> None:
    """A series stands once for each account: each side has one price and one size."""
    seen: dict[object, dict[str, int]] = {}
    for row, (key, group) in enumerate(zip(same_contract(legs), legs.group, strict=True)):
        others = seen.setdefault(key, {})
        first = next((at for name, at in others.items() if not name or not group or name == group), None)
        if first is None:
            others[group] = row
        else:
            add_repeat(table, "underlying", row, first, faults)


def _notes(table: Table, quotes: Mapping[str, Floats], by_mid: Bools) -> Iterator[str]:
    """What was assumed, and which rows cannot be traded."""
    if "quantity" in table.columns:
        yield "column not read: quantity (what is held stands among the positions)"
    nothing = {name: ~(quotes[name] > 0.0) for name in SIDES}
    for text, rows in (
        ("no price and no vol: the middle of bid and ask is the mark, where it is not held", by_mid),
        ("no fee: 0 is used", np.isnan(quotes["fee"])),
        ("no bid: cannot be sold", nothing["bid"] & ~nothing["ask"]),
        ("no ask: cannot be bought", nothing["ask"] & ~nothing["bid"]),
        ("neither bid nor ask: cannot be traded", nothing["bid"] & nothing["ask"]),
    ):
        found = np.flatnonzero(rows).tolist()
        if found:
            more = "" if len(found) == 1 else f" and {len(found) - 1:,d} rows more"
            yield f"{table.where(found[0])}{more}: {text}"
