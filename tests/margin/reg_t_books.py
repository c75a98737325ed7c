"""Books for the tests of strategy margin."""

import numpy as np

from flatbook.adapters.margin_parameters.read import read_parameters_as
from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.reg_t_parameters import RegTParameters
from flatbook.margin.requirement import Method

RULES = read_parameters_as(RegTParameters, Method.REG_T)
_KINDS = {"c": LegKind.CALL, "p": LegKind.PUT, "s": LegKind.STOCK, "f": LegKind.FUTURE}
_USUAL = {
    "underlying": "IBM",
    "product_class": "equity",
    "spot": 100.0,
    "leverage": 1.0,
    "multiplier": 100.0,
    "american": True,
    "strike": np.nan,
    "years": 57.0 / 365.0,
    "price": np.nan,
    "vol": np.nan,
}


def book(*rows, **usual):
    """Legs of one account; each row is (kind, quantity, strike, price, more...) or (kind, quantity) for stock."""
    told = []
    for kind, quantity, *rest in rows:
        row = dict(_USUAL) | usual | {"kind": kind, "quantity": quantity}
        for item, name in zip(rest, ("strike", "price"), strict=False):
            if not isinstance(item, dict):
                row[name] = item
        for item in rest:
            if isinstance(item, dict):
                row |= item
        if kind == "s":
            row |= {"multiplier": 1.0, "years": 0.0, "strike": np.nan}
        told.append(row)

    def column(name):
        return np.array([float(row[name]) for row in told])

    return Legs(
        where=tuple(f"book.csv line {line}" for line in range(2, len(told) + 2)),
        group=("account",) * len(told),
        underlying=tuple(row["underlying"] for row in told),
        product_class=tuple(ProductClass(row["product_class"]) for row in told),
        leverage=column("leverage"),
        underlying_price=column("spot"),
        kind=np.array([int(_KINDS[row["kind"]]) for row in told]),
        strike=column("strike"),
        years=column("years"),
        american=np.array([bool(row["american"]) for row in told]),
        price=column("price"),
        vol=column("vol"),
        quantity=column("quantity"),
        multiplier=column("multiplier"),
        rate=np.zeros(len(told)),
        dividend_yield=np.zeros(len(told)),
    )


def strategies(found):
    """Names of the packages of the pairing on opening."""
    return sorted(package["strategy"] for package in found["pairing"])
