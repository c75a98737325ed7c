"""Everything that limits read of the book: what the rooms before measured in this cycle, and what was supplied beside it.

What nobody supplied is not measured, and a limit that reads it is a breach.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flatbook.exposure.aggregate import Exposure
from flatbook.exposure.slides import Gaps, Slides
from flatbook.margin.capital import Capital
from flatbook.market.view import MarketView
from flatbook.model.parameters import Desk, LimitMeasure
from flatbook.model.table import Floats
from flatbook.valuation.values import Values

DESK = ""  # where a mapping goes by underlying: the whole desk


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Orders sent and fills received in the last second and minute."""

    orders_per_s: float
    orders_per_min: float
    fills_per_s: float
    fills_per_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """Measures that not every cycle has. Mappings go by underlying, the desk is `DESK`; losses are positive, in USD."""

    slides: Slides | None = None
    contract_pnl: Floats | None = None  # [n_rows, m, v] of one contract in each cell of `slides`
    contract_skew_usd_per_point: Floats | None = None  # [n_rows] per contract
    skew_usd_per_point: Floats | None = None  # [n_underlyings] of the book; NaN where it is unknown
    var_usd: Mapping[str, float] = field(default_factory=dict)
    es_usd: Mapping[str, float] = field(default_factory=dict)
    drawdown_usd: Mapping[str, float] = field(default_factory=dict)  # from the peak of the day to now
    basis_deviation_usd: Mapping[str, float] = field(default_factory=dict)
    margin_utilisation: Mapping[str, float] = field(default_factory=dict)  # decimal
    capital_reported_usd: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict
    )  # by source first: what a venue or clearing firm asks for; it binds where it is more than ours
    capital_difference_usd: Mapping[str, float] = field(
        default_factory=dict
    )  # of theirs and ours, either way
    activity: Mapping[str, Activity] = field(default_factory=dict)
    contract_slope: Mapping[LimitMeasure, Floats] = field(
        default_factory=dict
    )  # [n_rows] what one contract bought adds to a measure of the whole desk, where that is known
    measured_ns: Mapping[LimitMeasure, int] = field(default_factory=dict)  # where it was before this cycle
    stale_underlyings: Mapping[str, str] = field(default_factory=dict)  # why a price is too old to measure by


NOTHING_SUPPLIED = Supplied()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that limits read."""

    exposure: Exposure
    gaps: Gaps
    capital: Capital
    values: Values
    market: MarketView
    desk: Desk
    supplied: Supplied = NOTHING_SUPPLIED
