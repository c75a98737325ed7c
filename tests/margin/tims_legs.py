"""Legs for tests, written as a person would: one dictionary a row, and defaults for what a row does not say."""

from typing import Any

import numpy as np

from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.requirement import Method
from flatbook.margin.tims_parameters import TimsParameters

PM = read_parameters_as(TimsParameters, Method.PORTFOLIO_MARGIN)
RBH = read_parameters_as(TimsParameters, Method.RISK_BASED_HAIRCUT)
_USUAL = {
    "underlying": "XYZ",
    "product_class": "equity",
    "leverage": 1.0,
    "underlying_price": 100.0,
    "strike": np.nan,
    "years": 30 / 365,
    "american": False,
    "price": np.nan,
    "vol": np.nan,
    "multiplier": 100.0,
    "rate": 0.04,
    "dividend_yield": 0.0,
}
_OF_STOCK = {"multiplier": 1.0, "years": 0.0, "vol": np.nan, "price": np.nan}
_NUMBERS = (
    "leverage",
    "underlying_price",
    "strike",
    "years",
    "price",
    "vol",
    "quantity",
    "multiplier",
    "rate",
    "dividend_yield",
)


def legs_of(*rows: dict[str, Any], **shared: Any) -> Legs:
    """Legs of one account; `shared` holds for every row that does not say otherwise."""
    full = [_USUAL | shared | row | (_OF_STOCK if row["kind"] == LegKind.STOCK else {}) for row in rows]
    return Legs(
        where=tuple(f"book.csv line {number + 2}" for number in range(len(full))),
        group=("A",) * len(full),
        underlying=tuple(row["underlying"] for row in full),
        product_class=tuple(ProductClass(row["product_class"]) for row in full),
        kind=np.array([int(row["kind"]) for row in full]),
        american=np.array([row["american"] for row in full], dtype=np.bool_),
        **{name: np.array([float(row[name]) for row in full]) for name in _NUMBERS},
    )


def call(strike: float, quantity: float, **other: Any) -> dict[str, Any]:
    """A row of calls."""
    return {"kind": LegKind.CALL, "strike": strike, "quantity": quantity, **other}


def put(strike: float, quantity: float, **other: Any) -> dict[str, Any]:
    """A row of puts."""
    return {"kind": LegKind.PUT, "strike": strike, "quantity": quantity, **other}


def stock(quantity: float, **other: Any) -> dict[str, Any]:
    """A row of shares."""
    return {"kind": LegKind.STOCK, "quantity": quantity, **other}


def future(quantity: float, **other: Any) -> dict[str, Any]:
    """A row of futures."""
    return {"kind": LegKind.FUTURE, "quantity": quantity, "product_class": "future", **other}


def sample_book() -> Legs:
    """The book of the domain reference's V17 and V35."""
    return legs_of(
        call(105.0, -50, vol=0.20),
        put(95.0, -30, vol=0.26),
        call(100.0, 40, vol=0.225, years=90 / 365),
        stock(400),
    )
