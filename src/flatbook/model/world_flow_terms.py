"""What the customers of a simulated day are like: how often they come, in what, how far they reach, and what they know.

Every number is made up: nobody verified the defaults. The flow that a desk believes in is `model.flow_terms`; what these terms mean in its
words is told by `sim.customers.belief`.
"""

from enum import IntEnum, StrEnum

from flatbook.model.events import Capacity
from flatbook.model.terms import Parameters, demand


class SizeShape(StrEnum):
    """How sizes of orders spread."""

    GEOMETRIC = "geometric"  # most are for one or two
    LOGNORMAL = "lognormal"
    PARETO = "pareto"  # few are very large


class Knowledge(StrEnum):
    """What an informed customer knows of the market at the horizon."""

    FAIR_VALUE = "fair_value"  # what the series itself will be worth
    SPOT = "spot"  # which way the underlying goes
    VOLATILITY = "volatility"  # which way the implied volatility of the series goes


class PackageKind(IntEnum):
    """What is put together; the order is that of `PackageTerms.weights`."""

    VERTICAL = 0  # two strikes of one right
    STRADDLE = 1  # both rights of one strike
    CALENDAR = 2  # one strike of two expiries
    RISK_REVERSAL = 3  # a call above spot against a put below
    BUTTERFLY = 4  # two wings against twice the body


class SizeTerms(Parameters, frozen=True, kw_only=True):
    """Contracts or packages of an order, whole numbers from 1."""

    shape: SizeShape = SizeShape.GEOMETRIC
    mean_contracts: float = 3.0  # before rounding and before the most
    log_deviation: float = 1.0  # lognormal: of the logarithm
    tail_power: float = 2.5  # Pareto: the share of orders larger than x falls as x to minus this power
    most_contracts: int = 500  # larger orders are cut to it

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be."""
        demand(
            1.0 <= self.mean_contracts <= 1e6,
            f"size: mean_contracts must be 1 to 1e6, was {self.mean_contracts}",
        )
        demand(
            0.0 < self.log_deviation <= 5.0,
            f"size: log_deviation must be above 0, at most 5, was {self.log_deviation}",
        )
        demand(
            1.0 < self.tail_power <= 100.0,
            f"size: tail_power must be above 1, or there is no mean, at most 100, was {self.tail_power}",
        )
        demand(
            1 <= self.most_contracts <= 1_000_000,
            f"size: most_contracts must be 1 to 1,000,000, was {self.most_contracts}",
        )


class ClienteleTerms(Parameters, frozen=True, kw_only=True):
    """One kind of account among the customers."""

    name: str
    weight: float = 1.0  # of orders, beside the other kinds
    capacity: Capacity = Capacity.CUSTOMER
    size: SizeTerms = SizeTerms()

    def __post_init__(self) -> None:
        """Refuse a kind that cannot be."""
        demand(bool(self.name), "clientele: the name must not be empty")
        demand(
            0.0 <= self.weight < float("inf"),
            f"clientele {self.name}: weight must be 0 or above, was {self.weight}",
        )


RETAIL = ClienteleTerms(name="retail", weight=0.85)
INSTITUTIONS = ClienteleTerms(
    name="institutions",
    weight=0.15,
    capacity=Capacity.FIRM,
    size=SizeTerms(shape=SizeShape.LOGNORMAL, mean_contracts=20.0, log_deviation=1.0, most_contracts=250),
)


class SeriesTerms(Parameters, frozen=True, kw_only=True):
    """Which series of the chosen right an order is in: weights, multiplied."""

    vega_power: float = 1.0  # of vega; 1: in proportion to it, as a desk's own flow terms spread requests
    money_deviations: float | None = None  # out of the money, standard deviations to expiry; None: all alike
    money_width_deviations: float = 0.5  # around it
    expiry_days_mean: float | None = None  # interest fades by e over so many calendar days; None: all alike

    def __post_init__(self) -> None:
        """Refuse weights that cannot be."""
        demand(0.0 <= self.vega_power <= 10.0, f"series: vega_power must be 0 to 10, was {self.vega_power}")
        demand(
            self.money_deviations is None or -10.0 <= self.money_deviations <= 10.0,
            f"series: money_deviations must be -10 to 10, was {self.money_deviations}",
        )
        demand(
            0.0 < self.money_width_deviations <= 100.0,
            f"series: money_width_deviations must be above 0, at most 100, was {self.money_width_deviations}",
        )
        demand(
            self.expiry_days_mean is None or 0.0 < self.expiry_days_mean <= 1e6,
            f"series: expiry_days_mean must be above 0, at most 1e6, was {self.expiry_days_mean}",
        )


class RegimeTerms(Parameters, frozen=True, kw_only=True):
    """A part of the day in which customers are not as usual; of several at once rates multiply and the last one's shares hold."""

    from_minute: float  # after the open
    to_minute: float
    rate_factor: float = 1.0  # of the orders that nobody set off
    buy_share: float | None = None  # None: as usual
    calls_share: float | None = None

    def __post_init__(self) -> None:
        """Refuse a regime that cannot be."""
        demand(
            0.0 <= self.from_minute < self.to_minute < float("inf"),
            f"regime: need 0 <= from_minute < to_minute, was {self.from_minute} to {self.to_minute}",
        )
        demand(
            0.0 <= self.rate_factor <= 1e4, f"regime: rate_factor must be 0 to 1e4, was {self.rate_factor}"
        )
        for each in ("buy_share", "calls_share"):
            share = getattr(self, each)
            demand(share is None or 0.0 <= share <= 1.0, f"regime: {each} must be 0 to 1, was {share}")


class InformedTerms(Parameters, frozen=True, kw_only=True):
    """Customers who trade one series because of what they know."""

    share: float = 0.0  # of orders
    horizon_minutes: float = 15.0  # how far ahead they see; not beyond the end of the day
    probability_right: float = 0.7  # that they take the side that the horizon pays
    knows: Knowledge = Knowledge.FAIR_VALUE

    def __post_init__(self) -> None:
        """Refuse knowledge that is none."""
        demand(0.0 <= self.share <= 1.0, f"informed: share must be 0 to 1, was {self.share}")
        demand(
            0.0 < self.horizon_minutes <= 1e6,
            f"informed: horizon_minutes must be above 0, at most 1e6, was {self.horizon_minutes}",
        )
        demand(
            0.5 <= self.probability_right <= 1.0,
            f"informed: probability_right must be 0.5 to 1, was {self.probability_right}",
        )


class PackageTerms(Parameters, frozen=True, kw_only=True):
    """Orders of several legs that trade whole or not at all; one whose legs are not listed becomes an order for its first series."""

    share: float = 0.0  # of orders that are not informed
    vertical: float = 0.4  # weights of the kinds
    straddle: float = 0.15
    calendar: float = 0.15
    risk_reversal: float = 0.15
    butterfly: float = 0.15
    width_strikes: int = 1  # between neighbouring strikes of a vertical or a butterfly
    reach_share: float = (
        0.5  # of a single order's reach, on each leg: a package asks for a better price as a whole
    )

    def __post_init__(self) -> None:
        """Refuse packages that cannot be."""
        demand(0.0 <= self.share <= 1.0, f"packages: share must be 0 to 1, was {self.share}")
        demand(
            all(0.0 <= weight < float("inf") for weight in self.weights) and sum(self.weights) > 0.0,
            f"packages: weights must be 0 or above and one of them above, were {self.weights}",
        )
        demand(
            1 <= self.width_strikes <= 1000,
            f"packages: width_strikes must be 1 to 1000, was {self.width_strikes}",
        )
        demand(
            0.0 < self.reach_share <= 10.0,
            f"packages: reach_share must be above 0, at most 10, was {self.reach_share}",
        )

    @property
    def weights(self) -> tuple[float, ...]:
        """Vertical, straddle, calendar, risk reversal, butterfly."""
        return (self.vertical, self.straddle, self.calendar, self.risk_reversal, self.butterfly)


class CustomerTerms(Parameters, frozen=True, kw_only=True):
    """One crowd of customers in the options of one underlying."""

    underlying: str
    tier: str = "customers"  # unique within an underlying
    orders_per_day: float = (
        400.0  # of a whole day without regimes, all series together, those set off included
    )
    buy_share: float = 0.5  # of orders
    calls_share: float = 0.5
    decay_per_point: float = (
        2.0  # of a vol point: the share of orders that reach d points beyond fair is exp(-decay d)
    )
    branching: float = 0.0  # orders that one order sets off, in the mean
    branching_decay_s: float = 60.0  # mean time until one that was set off
    seasonality: float = 0.4  # 0: even; the day begins and ends at 1 + 2 of it, noon has 1 - it
    series: SeriesTerms = SeriesTerms()
    clientele: tuple[ClienteleTerms, ...] = (RETAIL, INSTITUTIONS)
    regimes: tuple[RegimeTerms, ...] = ()
    informed: InformedTerms = InformedTerms()
    packages: PackageTerms = PackageTerms()

    def __post_init__(self) -> None:
        """Refuse customers that cannot be."""
        demand(bool(self.underlying), f"customers {self.tier!r}: the underlying must not be empty")
        name = f"customers {self.tier!r} of {self.underlying}"
        ranges: dict[str, tuple[float, float]] = {
            "orders_per_day": (0.0, 1e6),
            "buy_share": (0.0, 1.0),
            "calls_share": (0.0, 1.0),
            "branching": (0.0, 0.95),
            "seasonality": (0.0, 1.0),
        }
        for each, (low, high) in ranges.items():
            value = getattr(self, each)
            demand(low <= value <= high, f"{name}: {each} must be {low:g} to {high:g}, was {value}")
        for each in ("decay_per_point", "branching_decay_s"):
            value = getattr(self, each)
            demand(0.0 < value <= 1e6, f"{name}: {each} must be above 0, at most 1e6, was {value}")
        demand(
            any(kind.weight > 0.0 for kind in self.clientele),
            f"{name}: one kind of clientele must have a weight above 0",
        )
        names = [kind.name for kind in self.clientele]
        demand(len(set(names)) == len(names), f"{name}: clientele must differ in name, were {names}")


class FlowOfDay(Parameters, frozen=True, kw_only=True):
    """All customers of a simulated day."""

    customers: tuple[CustomerTerms, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two crowds of one name."""
        names = [(each.underlying, each.tier) for each in self.customers]
        demand(
            len(set(names)) == len(names),
            f"customers must differ in underlying or tier, were {names}",
        )
