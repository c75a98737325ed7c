"""Legs, contracts and parameters that the tests of SPAN share."""

import numpy as np

from flatbook.margin.legs import LegKind, Legs, ProductClass
from flatbook.margin.span_arrays import SpanContracts
from flatbook.margin.span_parameters import ScanRanges, SpanCommodity, SpanParameters

NAN = float("nan")


def legs_of(*rows: dict[str, object]) -> Legs:
    """Legs from what differs; futures at 75 of 1,000 units otherwise."""
    usual = {
        "group": "one",
        "underlying": "CL",
        "product_class": ProductClass.FUTURE,
        "leverage": 1.0,
        "underlying_price": 75.0,
        "kind": LegKind.FUTURE,
        "strike": NAN,
        "years": 45 / 365,
        "american": False,
        "price": NAN,
        "vol": NAN,
        "quantity": 1.0,
        "multiplier": 1000.0,
        "rate": 0.0,
        "dividend_yield": 0.0,
    }
    full = [{**usual, "where": f"book.csv line {number + 2}", **row} for number, row in enumerate(rows)]
    words = ("where", "group", "underlying", "product_class")
    columns: dict[str, object] = {name: tuple(row[name] for row in full) for name in words}
    for name in usual:
        if name not in words:
            kind = np.bool_ if name == "american" else np.int64 if name == "kind" else np.float64
            columns[name] = np.array([row[name] for row in full], dtype=kind)
    return Legs(**columns)  # type: ignore[arg-type]


def contracts_of_arrays(
    loss: object,
    *,
    combined: tuple[str, ...] | None = None,
    kind: object = None,
    delta: object = None,
    value: object = None,
    month_years: object = None,
    short_minimum: object = None,
    premium_style: bool = True,
) -> SpanContracts:
    """Contracts known by their arrays alone."""
    losses = np.array(loss, dtype=np.float64)
    count = len(losses)
    names = combined or ("X",) * count

    def column(given: object, usual: float) -> np.ndarray:
        return np.full(count, usual) if given is None else np.array(given, dtype=np.float64)

    return SpanContracts(
        where=tuple(f"contract {row}" for row in range(count)),
        combined=names,
        underlying=names,
        kind=np.full(count, int(LegKind.FUTURE)) if kind is None else np.array(kind, dtype=np.int64),
        strike=np.full(count, NAN),
        years=column(month_years, 0.1),
        month_years=column(month_years, 0.1),
        multiplier=np.ones(count),
        loss=losses,
        delta=column(delta, 1.0),
        value=column(value, 0.0),
        short_minimum=column(short_minimum, 0.0),
        premium_style=np.full(count, premium_style),
    )


def future_losses(rate: float, cover: float = 0.99) -> np.ndarray:
    """The array of one future long whose full range is `rate`; the extreme takes `cover` of it (3 times 33 %)."""
    thirds = np.array([0, 0, 1, 1, -1, -1, 2, 2, -2, -2, 3, 3, -3, -3]) / 3.0
    return np.concatenate((-rate * thirds, [-rate * cover, rate * cover]))


def parameters_of(*commodities: SpanCommodity, **changed: object) -> SpanParameters:
    """Parameters with the values of V34 but for what is said."""
    usual: dict[str, object] = {
        "extreme_multiple": 3.0,
        "extreme_cover": 0.33,
        "look_ahead_days": 1.0,
        "delta_weights": (0.270, 0.217, 0.111, 0.037),
        "long_option_cap": True,
        "initial_ratio": 1.0,
        "match_days": 1.0,
        "commodities": commodities,
    }
    return SpanParameters(**{**usual, **changed})  # type: ignore[arg-type]


def crude(**changed: object) -> SpanCommodity:
    """A commodity whose ranges are those of V34."""
    usual: dict[str, object] = {"name": "CL", "ranges": ScanRanges(price_scan_points=5.0, vol_scan=0.25)}
    return SpanCommodity(**{**usual, **changed})  # type: ignore[arg-type]
