"""Accounts on Deribit for tests: a leg is a dict, of which only what differs is told."""

from importlib.resources import files
from pathlib import Path

import numpy as np

from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.pme_parameters import PmeParameters
from flatbook.margin.requirement import Method

KINDS = {"call": LegKind.CALL, "put": LegKind.PUT, "future": LegKind.FUTURE, "stock": LegKind.STOCK}
USUAL = {
    "group": "desk",
    "underlying": "BTC",
    "product_class": ProductClass.CRYPTO,
    "underlying_price": 65_000.0,
    "kind": "future",
    "strike": np.nan,
    "years": 0.0,
    "american": False,
    "price": np.nan,
    "vol": np.nan,
    "quantity": 1.0,
    "multiplier": 1.0,
    "rate": 0.0,
    "dividend_yield": 0.0,
}


def parameters(path=None):
    """The packaged numbers, under those of a file."""
    return read_parameters_as(PmeParameters, Method.DERIBIT_PORTFOLIO, path)


def dederi():
    """The packaged numbers of Dederi."""
    return parameters(Path(str(files("flatbook.adapters.margin_parameters").joinpath("pme_dederi.toml"))))


def legs_of(rows):
    """Legs from dicts; row numbers count from 1."""
    full = [USUAL | row for row in rows]

    def numbers(name):
        return np.array([float(row[name]) for row in full])

    return Legs(
        where=tuple(f"row {number}" for number in range(1, len(full) + 1)),
        group=tuple(row["group"] for row in full),
        underlying=tuple(row["underlying"] for row in full),
        product_class=tuple(row["product_class"] for row in full),
        leverage=np.ones(len(full)),
        kind=np.array([KINDS[row["kind"]] for row in full], dtype=np.int64),
        american=np.array([row["american"] for row in full], dtype=np.bool_),
        **{
            name: numbers(name)
            for name in ("underlying_price", "strike", "years", "price", "vol", "quantity", "multiplier",
                         "rate", "dividend_yield")
        },
    )  # fmt: skip
