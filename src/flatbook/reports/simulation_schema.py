"""An experiment as the file keeps it: the schema `flatbook.simulate/1`.

Money is in USD, plus is ours; a cost, a shortfall, a capital is told without a sign. Shares are decimals: 0.9 is 90 %. null is a number that
does not exist: `reasons` says why. Everything in it is SYNTHETIC, or of a recorded market that a synthetic desk met.
"""

from typing import Literal

from flatbook.reports.schema import Reason
from flatbook.reports.schema_parts import Number, Part

SCHEMA: Literal["flatbook.simulate/1"] = "flatbook.simulate/1"


class SimulationHeader(Part, frozen=True, kw_only=True):
    """What was run, and how it came out."""

    scenario: str
    text: str  # what the scenario is about
    policies: tuple[str, ...]
    reference: str  # the policy that differences are told against
    seeds: tuple[int, ...]  # that every policy met
    confidence: float  # of every interval
    aversion_per_usd: float  # of the mean-variance objective
    headline: str
    sentences: tuple[str, ...]
    notes: tuple[str, ...]


class PolicyTold(Part, frozen=True, kw_only=True):
    """One policy."""

    name: str
    text: str


class Interval(Part, frozen=True, kw_only=True):
    """A figure and the ends of its interval; the ends are null where too few days tell them, or where nothing varies."""

    name: str  # of the policy
    value: Number
    low: Number
    high: Number


class FigureRow(Part, frozen=True, kw_only=True):
    """One figure under every policy, in the order of `header.policies`."""

    name: str
    label: str
    unit: str
    text: str
    better: int  # +1 more is better, -1 less, 0 neither
    method: str  # of the intervals
    values: tuple[Interval, ...]
    differences: tuple[Interval, ...]  # policy less reference, paired
    variance_ratios: tuple[Interval, ...]  # policy over reference, paired; empty but for deviations


class LimitRow(Part, frozen=True, kw_only=True):
    """One limit under every policy."""

    name: str
    measure: str
    underlying: str
    whole: bool  # of no class, bucket or series
    hard: float
    over_share: tuple[Number, ...]  # of the time at or beyond hard or not known, mean over days
    days_over: tuple[int, ...]  # on which it was, at any time
    most: tuple[Number, ...]  # share of it used at the most, over all days


class BreachRow(Part, frozen=True, kw_only=True):
    """How often a limit was exceeded for one cause."""

    name: str  # policy, limit and cause
    policy: str
    limit: str
    cause: str
    times: int
    seeds: tuple[int, ...]  # the first on which it was
    worst: Number  # utilisation


class RunRow(Part, frozen=True, kw_only=True):
    """One day, for the distribution."""

    name: str  # policy and seed
    policy: str
    seed: int
    pnl_usd: Number
    objective_usd: Number  # what this day adds to the mean-variance objective


class Mark(Part, frozen=True, kw_only=True):
    """One trade of a day that is drawn."""

    at_s: float
    symbol: str
    contracts: int
    price: float
    worth: float
    kind: str
    value_usd: float


class DayCurves(Part, frozen=True, kw_only=True):
    """One day under one policy as lines; columns are aligned with `at_s`, those of the watched series with `watched_at_s`."""

    name: str  # policy and seed
    policy: str
    seed: int
    open_at: str  # ISO 8601, UTC
    at_s: tuple[float, ...]
    spot_name: str
    spot: tuple[Number, ...]
    pnl_usd: tuple[Number, ...]
    inventory: tuple[Number, ...]
    delta_usd: tuple[Number, ...]
    gamma_usd_per_pct: tuple[Number, ...]
    vega_usd_per_point: tuple[Number, ...]
    capital_usd: tuple[Number, ...]
    utilisation: dict[str, tuple[Number, ...]]
    hedges: tuple[Mark, ...]
    watched: str
    watched_at_s: tuple[float, ...]
    bid: tuple[Number, ...]
    ask: tuple[Number, ...]
    worth: tuple[Number, ...]
    fills: tuple[Mark, ...]


class SimulationReport(Part, frozen=True, kw_only=True):
    """The whole file."""

    schema: Literal["flatbook.simulate/1"] = SCHEMA
    flatbook_version: str
    synthetic: bool
    header: SimulationHeader
    policies: tuple[PolicyTold, ...]
    figures: tuple[FigureRow, ...]
    limits: tuple[LimitRow, ...]
    breaches: tuple[BreachRow, ...]
    runs: tuple[RunRow, ...]
    days: tuple[DayCurves, ...]  # of the first seeds
    reasons: tuple[Reason, ...]

    def figure(self, name: str) -> FigureRow | None:
        """The row of one figure."""
        return next((one for one in self.figures if one.name == name), None)
