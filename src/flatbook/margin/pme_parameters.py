"""Numbers of Deribit's portfolio margin, and of venues that copied it: data, read from a file.

Keys are the venue's own (`model_params` in the answer of `private/pme/simulate`), so that its numbers can be pasted. NaN is
for what a venue does not publish: whatever needs it has no requirement.
Source: docs.deribit.com/api-reference/account-management/private-simulate; domain reference 3.7 and A.10.
"""

import math
from enum import StrEnum

import msgspec

from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters


class DeltaConvention(StrEnum):
    """Which delta of a coin-settled option counts."""

    BLACK = "black"  # change of its USD value
    NET_TRANSACTION = "net-transaction"  # Black's less the mark in coin: change of its value in coin


class GeneralTerms(Parameters, frozen=True, kw_only=True):
    """What holds for every currency."""

    mm_factor: float  # maintenance over risk-matrix margin
    buckets_count: int  # price buckets on each side of none
    extended_moves: tuple[float, ...]  # relative, beyond the price range
    mmp_factor: float  # of the maximum quote quantity of market-maker protection, which is in coin
    pivot_days: float  # days to expiry at which a volatility moves by its range
    days_per_year: float
    delta: DeltaConvention  # of coin-settled options, in the roll and delta shocks
    usd_coins: tuple[str, ...]  # settlement currencies that count as one USD each

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _within("general", self, unknown=True, mm_factor=(0.0, 1.0))
        _within("general", self, mmp_factor=(0.0, 10.0), pivot_days=(1.0, 3650.0))
        _within("general", self, buckets_count=(1, 100), days_per_year=(360.0, 366.0))
        _demand(
            all(-1.0 < move <= 100.0 and move != 0.0 for move in self.extended_moves),
            f"general extended_moves must be above -1, at most 100 and not 0, was {list(self.extended_moves)}",
        )


class PairTerms(Parameters, frozen=True, kw_only=True):
    """What holds for one index, as BTC in USD."""

    price_range: float  # relative move of the outermost buckets
    volatility_range_up: float  # relative, at `pivot_days`
    volatility_range_down: float
    min_volatility_for_shock_up: float  # annual decimal: the shocked-up volatility is no lower
    short_term_vega_power: float  # of pivot_days over days to expiry, nearer than that
    long_term_vega_power: float  # further off
    extended_table_factor: float
    delta_total_liq_shock_threshold: float  # USD of delta from which delta costs extra
    m_inc: float  # share of the delta that is charged, per coin beyond the threshold (unverified)
    max_delta_shock: float  # largest such share
    futures_contingency: float = 0.0  # of the index, per coin of futures, net by expiry

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _within("pair", self, price_range=(1e-6, 1.0 - 1e-6), extended_table_factor=(0.0, 100.0))
        _within("pair", self, m_inc=(0.0, 1.0), max_delta_shock=(0.0, 1.0), futures_contingency=(0.0, 1.0))
        _within("pair", self, delta_total_liq_shock_threshold=(0.0, 1e15))
        _within(
            "pair",
            self,
            unknown=True,
            volatility_range_up=(0.0, 10.0),
            volatility_range_down=(0.0, 1.0),
            min_volatility_for_shock_up=(0.0, 10.0),
            short_term_vega_power=(-2.0, 2.0),
            long_term_vega_power=(-2.0, 2.0),
        )


class CurrencyTerms(Parameters, frozen=True, kw_only=True):
    """What holds for all that settles in one currency."""

    annualised_move_risk: float  # roll of a year, relative
    min_annualised_move: float  # least roll, relative
    extended_dampener: float  # USD
    pnl_offset: float  # share of a gain that may stand against losses elsewhere

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        _within("currency", self, annualised_move_risk=(0.0, 10.0), min_annualised_move=(0.0, 1.0))
        _within("currency", self, extended_dampener=(0.0, 1e15), pnl_offset=(0.0, 1.0))


class AccountTerms(Parameters, frozen=True, kw_only=True):
    """What an account brings in one currency besides its legs; in that currency, but for the quote quantity."""

    # maximum quote quantity of its market-maker protection, always in the coin that is quoted, whatever it settles in;
    # by coin where the legs do not tell which one
    mmp_quantity: float | dict[str, float] = 0.0
    open_orders_margin: float = 0.0  # as the venue reports it
    spot_margin: float = 0.0  # as the venue reports it
    correlation_contingency: float = 0.0  # as the venue reports it; how it is found is not published

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        most = (0.0, 1e15)
        _within("account", self, open_orders_margin=most, spot_margin=most, correlation_contingency=most)
        many = self.mmp_quantity.values() if isinstance(self.mmp_quantity, dict) else (self.mmp_quantity,)
        for value in many:
            _demand(
                most[0] <= value <= most[1],
                f"account mmp_quantity must be between {most[0]:g} and {most[1]:g}, was {value:g}",
            )


class PmeParameters(Parameters, frozen=True, kw_only=True):
    """Everything that the method reads."""

    general: GeneralTerms
    pairs: dict[str, PairTerms]  # by base coin: BTC is for BTC, BTC_USDC and BTC_USDT
    currencies: dict[str, CurrencyTerms]  # by settlement currency; USD is for every one of `usd_coins`
    accounts: dict[str, dict[str, AccountTerms]] = msgspec.field(
        default_factory=dict
    )  # by group, then settlement currency, in any case

    def __post_init__(self) -> None:
        """Refuse an account that names a currency twice."""
        for group, terms in self.accounts.items():
            _demand(
                len({name.upper() for name in terms}) == len(terms),
                f"account {group} names a settlement currency twice: {', '.join(terms)}",
            )

    def terms_of(self, group: str) -> dict[str, AccountTerms]:
        """What an account brings, by settlement currency in capitals, as underlyings name it."""
        return {name.upper(): terms for name, terms in self.accounts.get(group, {}).items()}


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)


def _within(what: str, terms: Parameters, *, unknown: bool = False, **bounds: tuple[float, float]) -> None:
    for name, (low, high) in bounds.items():
        value = getattr(terms, name)
        _demand(
            low <= value <= high or (unknown and math.isnan(value)),
            f"{what} {name} must be between {low:g} and {high:g}, was {value:g}",
        )
