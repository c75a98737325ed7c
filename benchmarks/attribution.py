"""A worked attribution: a market maker in SPX through the nine closes of May 2019 that lie beside the project.

    python -m benchmarks.attribution FOLDER

writes `desk.toml` and `fills.csv` to FOLDER and says which command to run. The book is invented, the prices are not: at each close
customers trade the series below, buying at the offer and selling at the bid, and the desk trades the future until its delta at that
close is less than half a contract. The chains hold no future: it is marked at the index and traded a quarter of a point from it.
"""

import argparse
import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from flatbook.adapters.desk_file.read import read_desk
from flatbook.adapters.files.fills import FillsFile
from flatbook.adapters.files.market import read_market
from flatbook.cli.attribute import Inputs, marks_of
from flatbook.exposure.marks import Mark
from flatbook.model.measures import Measure
from flatbook.reports.columns import iso

DATA = (
    Path(os.environ.get("FLATBOOK_DATA", Path(__file__).parents[2] / "shared" / "data")) / "spx-cboe-eod-2019"
)
FLOW: dict[str, tuple[tuple[str, int], ...]] = {  # contracts that customers bought; below 0: sold
    "2019-05-03": (
        ("SPX190621P02850000", 120),
        ("SPX190621C03000000", 80),
        ("SPX190920P02700000", -60),
        ("SPX191220P02500000", -150),
    ),
    "2019-05-06": (("SPXW190628P02800000", 60), ("SPXW190628C02950000", 50)),
    "2019-05-07": (("SPX190920C03050000", -40), ("SPX190621P02850000", 25)),
    "2019-05-08": (("SPXW190628P02800000", -20),),
    "2019-05-09": (("SPX190621P02700000", 90), ("SPX190621P02850000", -30)),
    "2019-05-13": (("SPX190621P02600000", -100), ("SPX190621C03000000", -30)),
    "2019-05-14": (("SPX190920P02700000", 20),),
}
HEDGE, HALF_SPREAD, TICK = "ESM19", 0.25, 0.25
OPTION_FEE, HEDGE_FEE = 0.65, 1.2  # USD a contract
DESK = f"""[desk]
name = "SPX through May 2019"
risk_aversion_per_usd = 1e-6

[[underlying]]
symbol = "SPX"
haircut = "broad_index"
calendar = "XNYS"

[[hedge]]
symbol = "{HEDGE}"
underlying = "SPX"
kind = "future"
multiplier = 50.0
tick = {TICK}
spread = {2 * HALF_SPREAD}
fee_per_contract = {HEDGE_FEE}
"""
COLUMNS = ("time", "fill_id", "symbol", "side", "quantity", "price", "capacity", "venue", "fee")


def chains() -> tuple[Path, ...]:
    """The files of the nine closes; empty where they are not there."""
    return tuple(sorted(DATA.glob("SPX_2019*.csv")))


def write_inputs(folder: Path) -> None:
    """Write the desk and its fills."""
    desk = folder / "desk.toml"
    desk.write_text(DESK)
    read = tuple((path, read_market(path)) for path in chains())
    inputs = Inputs(chains=read, desk=read_desk(desk), fills=FillsFile(events=(), notes=()))
    marks, _ = marks_of(inputs, lambda _: None, Console(stderr=True))
    with (folder / "fills.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(fills(marks))


def fills(marks: Sequence[Mark]) -> list[tuple[object, ...]]:
    """Rows of the file: what customers did at each close, and the hedge."""
    table = marks[0].market.table
    quantity = np.zeros(len(table.instruments), dtype=np.int64)
    future, out = table.row_of(HEDGE), []
    for mark in marks:
        time = iso(mark.now_ns)
        for number, (symbol, bought) in enumerate(FLOW.get(time[:10], ())):
            row = table.row_of(symbol)
            price = mark.market.ask[row] if bought > 0 else mark.market.bid[row]
            side, size = "sell" if bought > 0 else "buy", abs(bought)
            out.append(
                (
                    time,
                    f"{time[:10]}-{number}",
                    symbol,
                    side,
                    size,
                    f"{price:.2f}",
                    "customer",
                    "CBOE",
                    f"{OPTION_FEE * size:.2f}",
                )
            )
            quantity[row] -= bought
        lots = _hedge(mark, quantity, future)
        if lots and mark is not marks[-1]:
            side = "buy" if lots > 0 else "sell"
            price = round(float(mark.values.price[future]) / TICK) * TICK + np.sign(lots) * HALF_SPREAD
            out.append(
                (
                    time,
                    f"{time[:10]}-hedge",
                    HEDGE,
                    side,
                    abs(lots),
                    f"{price:.2f}",
                    "",
                    "CME",
                    f"{HEDGE_FEE * abs(lots):.2f}",
                )
            )
            quantity[future] += lots
    return out


def _hedge(mark: Mark, quantity: np.ndarray, future: int) -> int:
    """Contracts of the future that take the delta to nothing."""
    held = np.flatnonzero(quantity)
    delta = quantity[held] @ mark.values.greeks[held, Measure.DELTA_USD]
    return -round(float(delta / mark.values.greeks[future, Measure.DELTA_USD]))


def main() -> None:
    """Write the inputs of the example."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not chains():
        parser.error(f"no SPX chains in {DATA} (set FLATBOOK_DATA)")
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder)
    print(
        f"flatbook attribute {DATA}/SPX_2019*.csv --desk {folder}/desk.toml --fills {folder}/fills.csv --html {folder}/attribution.html"
    )


if __name__ == "__main__":
    main()
