"""What the exchange of the simulated world is told: fees, depth, protections, how it counts a duty, exercise. Every number is invented.

Protections and the duty are told in the desk's own words (`protection_terms`, `obligation_terms`), so that one line of data rules both sides;
what is counted by them is written twice.
"""

from flatbook.model.obligation_terms import ObligationRule, WidthBand
from flatbook.model.protection_terms import ScopeKind
from flatbook.model.quoting_terms import ProtectionTerms
from flatbook.model.terms import Parameters, demand

_INFINITE = float("inf")
_LEVELS_MOST = 50
_BY_KEY = (ScopeKind.SERIES, ScopeKind.CLASS, ScopeKind.UNDERLYING)  # many scopes of one protection


class FeeTerms(Parameters, frozen=True, kw_only=True):
    """Fees of the desk, currency per contract; below 0 is a rebate."""

    option_maker: float = -0.25
    option_taker: float = 0.50
    future_maker: float = 0.60
    future_taker: float = 0.60
    share_maker: float = -0.002
    share_taker: float = 0.003

    def __post_init__(self) -> None:
        """Refuse a fee that is no number."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            demand(-_INFINITE < value < _INFINITE, f"exchange fee {name} must be finite, was {value}")


class ExchangeTerms(Parameters, frozen=True, kw_only=True):
    """One exchange, on which every contract of a world is traded."""

    venue: str = "sim"
    fees: FeeTerms = FeeTerms()
    size_max_contracts: int = 10_000  # an order in an option
    hedge_size_max_contracts: int = 1_000_000  # an order in anything else
    reject_share: float = 0.0  # of new orders that are refused for no reason
    halt_cancels: bool = True  # orders in what is halted; otherwise they stay and wait
    hedge_depth_shares: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)  # of the best size: each level behind it
    hedge_depth_steps: int = 1  # quoting steps between two levels
    protections: tuple[ProtectionTerms, ...] = ()  # of this venue
    duty: ObligationRule = ObligationRule(
        time_share=0.9, widths=(WidthBand(width=5.0),)
    )  # its time is counted
    exercise_in_the_money: float = 0.01  # price units from which exercise needs no instruction
    holders_exercise_share: float = 1.0  # of the holders of what is so far in the money
    contrary_share: float = 0.0  # of the holders of what is not, within the pin, who exercise all the same
    pin_share: float = 0.0025  # of the strike
    early_time_value: float = (
        0.0  # price units: American options worth no more beyond parity are exercised early
    )
    early_share: float = 0.5  # of their holders, each time that is asked
    open_interest_contracts: int = 1_000  # of everybody else in each series, among whom assignment is drawn

    def __post_init__(self) -> None:
        """Refuse terms that cannot be meant."""
        demand(
            bool(self.venue.strip()) and "/" not in self.venue,
            f"exchange venue needs a name without /, was {self.venue!r}",
        )
        for name in ("size_max_contracts", "hedge_size_max_contracts", "hedge_depth_steps"):
            demand(getattr(self, name) >= 1, f"exchange {name} must be 1 or above, was {getattr(self, name)}")
        for name in ("reject_share", "holders_exercise_share", "contrary_share", "pin_share", "early_share"):
            value = getattr(self, name)
            demand(0.0 <= value <= 1.0, f"exchange {name} must be from 0 to 1, was {value}")
        for name in ("exercise_in_the_money", "early_time_value"):
            value = getattr(self, name)
            demand(0.0 <= value < _INFINITE, f"exchange {name} must be 0 or above, was {value}")
        demand(
            self.open_interest_contracts >= 0,
            f"exchange open_interest_contracts must be 0 or above, was {self.open_interest_contracts}",
        )
        demand(
            len(self.hedge_depth_shares) <= _LEVELS_MOST
            and all(0.0 <= share <= 1e6 for share in self.hedge_depth_shares),
            f"exchange hedge_depth_shares must be at most {_LEVELS_MOST} shares from 0, was {self.hedge_depth_shares}",
        )
        self._refuse_protections()
        self._refuse_duty()

    def _refuse_protections(self) -> None:
        keys = [terms.key for terms in self.protections]
        whole = {terms.key: terms for terms in self.protections if terms.rule.scope not in _BY_KEY}
        for terms in self.protections:
            demand(
                terms.venue == self.venue,
                f"exchange {self.venue} cannot run {terms.key}, a protection of another venue",
            )
            demand(
                not terms.parent or f"{terms.venue}/{terms.parent}" in whole,
                f"protection {terms.key}: its parent {terms.parent!r} is no one scope of this exchange",
            )
            demand(not self._above_itself(terms, whole), f"protection {terms.key} is above itself")
        demand(
            len(set(keys)) == len(keys),
            f"exchange {self.venue}: each protection needs a name of its own, was {keys}",
        )

    def _above_itself(self, terms: ProtectionTerms, whole: dict[str, ProtectionTerms]) -> bool:
        above = whole.get(f"{terms.venue}/{terms.parent}")
        for _ in self.protections:
            if above is None:
                return False
            above = whole.get(f"{above.venue}/{above.parent}")
        return above is not None

    def _refuse_duty(self) -> None:
        duty = self.duty
        demand(
            all(band.stock_spreads is None for band in duty.widths) and not duty.in_the_money_as_underlying,
            "exchange duty: widths in spreads of the underlying are not counted by this exchange",
        )
