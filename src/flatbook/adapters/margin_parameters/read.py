"""Read the parameters of a capital method: the packaged file, and what a user's file says otherwise.

`PARAMETERS` says which struct holds a method's parameters; the format is that of `parameter_files`.
"""

from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from flatbook.adapters.parameter_files import read_over
from flatbook.margin.pme_parameters import PmeParameters
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.requirement import Method
from flatbook.margin.span_parameters import SpanParameters
from flatbook.margin.tims_parameters import TimsParameters
from flatbook.model.terms import Parameters

PARAMETERS: dict[Method, type[Parameters]] = {
    Method.RISK_BASED_HAIRCUT: TimsParameters,
    Method.PORTFOLIO_MARGIN: TimsParameters,
    Method.SPAN: SpanParameters,
    Method.REG_T: RegTParameters,
    Method.DERIBIT_PORTFOLIO: PmeParameters,
}
P = TypeVar("P", bound=Parameters)


def read_parameters(method: Method, path: Path | None = None) -> Parameters:
    """The parameters of `method`: the packaged ones, under those of the file at `path` where one is given.

    Raises
    ------
    FaultsError
        Naming file and key of everything unknown, missing or impossible.
    """
    return read_parameters_as(PARAMETERS[method], method, path)


def read_parameters_as(struct: type[P], method: Method, path: Path | None = None) -> P:
    """As `read_parameters`, typed as `struct`."""
    name = f"{method.value}.toml"
    packaged = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return read_over(struct, name, packaged, path)
