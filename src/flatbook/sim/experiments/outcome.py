"""What one day came to: figures that can be averaged, and for the first seeds the curves of a picture."""

from math import nan

import msgspec

Number = float | None  # null: not known


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a results file keeps."""


class Path(Struct, frozen=True, kw_only=True):
    """How far one quantity strayed over a day, and how one sample follows the other.

    The sums are over values x, y that are `figures.PATH_STEP_S` apart and both known; they tell mean reversion once those of many days
    are added.
    """

    mean: Number  # weighted by the time that a sample held for
    mean_square: Number
    end: Number
    pairs: int
    sum_x: float
    sum_y: float
    sum_xx: float
    sum_xy: float


class BreachTold(Struct, frozen=True, kw_only=True):
    """A limit exceeded, with what made it so."""

    at_s: float  # since the open
    limit: str
    utilisation: Number
    cause: str


class BoundTold(Struct, frozen=True, kw_only=True):
    """A limit, how much of it was used, and for how long it was exceeded."""

    name: str
    measure: str
    underlying: str
    whole: bool
    hard: float
    most: Number  # share of it used, at the most; null where at times it could not be computed
    over_share: float  # of the time, at or beyond hard or not known


class MarkTold(Struct, frozen=True, kw_only=True):
    """One trade, for a picture."""

    at_s: float
    symbol: str
    contracts: int  # plus bought
    price: float
    worth: float  # true worth at that moment
    kind: str
    value_usd: float  # price times contracts


class Curves(Struct, frozen=True, kw_only=True):
    """One day as lines; columns are aligned with `at_s`."""

    open_ns: int
    at_s: tuple[float, ...]  # since the open
    spot: tuple[Number, ...]  # of the first underlying
    spot_name: str
    pnl_usd: tuple[Number, ...]  # marked at true worth
    inventory: tuple[Number, ...]
    delta_usd: tuple[Number, ...]
    gamma_usd_per_pct: tuple[Number, ...]
    vega_usd_per_point: tuple[Number, ...]
    capital_usd: tuple[Number, ...]
    utilisation: dict[str, tuple[Number, ...]]  # by limit
    hedges: tuple[MarkTold, ...]
    watched: str  # symbol; empty: none
    watched_at_s: tuple[float, ...]
    bid: tuple[Number, ...]
    ask: tuple[Number, ...]
    worth: tuple[Number, ...]
    fills: tuple[MarkTold, ...]  # of the watched series


class Outcome(Struct, frozen=True, kw_only=True):
    """One day under one policy."""

    scenario: str
    policy: str
    seed: int
    figures: dict[str, Number]  # by name of `figures.FIGURES`
    paths: dict[str, Path]  # by name of `figures.PATHS`
    limits: tuple[BoundTold, ...]
    residual_end_usd: dict[str, Number]
    residual_mean_usd: dict[str, Number]
    counts: dict[str, int]
    breaches: tuple[BreachTold, ...]
    curves: Curves | None = None

    def figure(self, name: str) -> float:
        """One figure; NaN where it is not known."""
        value = self.figures.get(name)
        return nan if value is None else value
