"""The small pieces that several sections of the plan report share."""

import msgspec

Number = float | None  # null: the number does not exist, `reasons` says why


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """A piece of a report; readers pass over fields they do not know."""


class Measures(Part, frozen=True, kw_only=True):
    """The table of measures; the unit ends the name, long is plus."""

    value_usd: Number
    delta_shares: Number
    delta_usd: Number
    gamma_usd_per_pct: Number
    vega_usd_per_point: Number
    vega_weighted_usd_per_point: Number
    theta_usd_per_day: Number
    rho_usd_per_bp: Number
    vanna_usd_per_point: Number
    volga_usd_per_point2: Number
    delta_smile_shares: Number
    delta_smile_usd: Number
    delta_min_variance_shares: Number
    delta_min_variance_usd: Number
    gamma_shares_per_usd: Number
    charm_shares_per_day: Number
    dividend_rho_usd_per_bp: Number
    theta_usd_per_business_day: Number


class UnitOf(Part, frozen=True, kw_only=True):
    """What one measure means."""

    name: str
    label: str
    unit: str
    text: str


class GapPnl(Part, frozen=True, kw_only=True):
    """P&L of a jump in spot, volatility following by the dynamics of the underlying."""

    move: float
    pnl_usd: Number


class Capital(Part, frozen=True, kw_only=True):
    """The scenario haircut of one underlying: the worst of its moves, at least the minimum."""

    required_usd: Number
    minimum_usd: float
    worst_move: Number
    scenarios: tuple[GapPnl, ...]
