"""`flatbook price` and `flatbook imply`: a table of options in, the same table with answers out."""

from pathlib import Path

import typer

from flatbook.adapters.files.cases import read_cases, write_columns
from flatbook.cli.outputs import faults_of_outputs
from flatbook.model.errors import fail_on
from flatbook.valuation.case_values import imply_cases, value_cases
from flatbook.valuation.cases import OK, Texts

NAMES = {  # the order of valuation.case_values.GREEKS
    "price": "price",
    "delta": "delta",
    "gamma": "gamma",
    "vega": "vega_per_unit_vol",
    "theta": "theta_per_year",
    "rho": "rho_per_unit_rate",
    "vanna": "vanna_per_unit_vol",
    "volga": "volga_per_unit_vol2",
    "charm": "charm_per_year",
}


def price_file(source: Path, out: Path, tolerance: float) -> None:
    """Price every case of `source` and write `out`."""
    fail_on(faults_of_outputs({"the input": source}, {"--out": out}))
    file = read_cases(source, implied=False)
    values = value_cases(file.cases, tolerance)
    status = _status(values.status, file.unread)
    answers: dict[str, list[float] | list[str]] = {
        column: values.greeks[number].tolist() for number, column in enumerate(NAMES.values())
    }
    for row in file.unread:
        for column in NAMES.values():
            answers[column][row] = float("nan")  # type: ignore[call-overload]
    write_columns(out, file.table, answers | {"engine": values.engine.tolist(), "status": status})
    _tell(out, status)


def imply_file(source: Path, out: Path, noise: float, tolerance: float) -> None:
    """Imply the volatility of every price of `source` and write `out`."""
    fail_on(faults_of_outputs({"the input": source}, {"--out": out}))
    file = read_cases(source, implied=True)
    found = imply_cases(file.cases, file.price, noise, tolerance)
    status = _status(found.status, file.unread)
    told = [float("nan") if row in file.unread else value for row, value in enumerate(found.vol.tolist())]
    write_columns(out, file.table, {"vol": told, "status": status})
    _tell(out, status)


def _status(found: Texts, unread: dict[int, str]) -> list[str]:
    return [unread.get(row, one) for row, one in enumerate(found.tolist())]


def _tell(out: Path, status: list[str]) -> None:
    good = sum(one == OK for one in status)
    typer.echo(f"{out}: {len(status)} rows, {good} ok, {len(status) - good} with a reason in `status`")
