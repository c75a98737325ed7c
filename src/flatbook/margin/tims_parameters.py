"""What the scenario methods of the TIMS kind are told: ranges of moves, minimum charges, groups and their offsets.

Sources: 17 CFR 240.15c3-1a (risk-based haircuts), FINRA Rule 4210(g) (customer portfolio margin). Every number is data of
the file that an account is margined with; none is built in.
"""

from flatbook.margin.legs import ProductClass
from flatbook.margin.requirement import Method
from flatbook.model.errors import InvalidValueError
from flatbook.model.terms import Parameters

METHODS = (Method.RISK_BASED_HAIRCUT, Method.PORTFOLIO_MARGIN)


class MoveRange(Parameters, frozen=True, kw_only=True):
    """The outermost moves of an underlying, as decimals of its price."""

    down: float  # below 0, as -0.08
    up: float  # above 0, as 0.06

    def __post_init__(self) -> None:
        """Refuse a range without two sides."""
        _demand(-1.0 < self.down < 0.0, f"down must be between -1 and 0, was {self.down}")
        _demand(0.0 < self.up <= 10.0, f"up must be above 0 and at most 10, was {self.up}")


class UnderlyingRange(Parameters, frozen=True, kw_only=True):
    """The range of one underlying, whatever the product class of its legs."""

    range: str
    ratio: float = 1.0  # of its move to the range's at the same point: a beta

    def __post_init__(self) -> None:
        """Refuse a ratio that moves nothing."""
        _demand(0.0 < abs(self.ratio) <= 10.0, f"ratio must be within -10 and 10 and not 0, was {self.ratio}")


class OffsetGroup(Parameters, frozen=True, kw_only=True):
    """Underlyings, or other groups, whose gains may reduce each other's losses at the same point."""

    members: tuple[str, ...]
    offset: float  # share of a member's gain that counts; 1 is all of it

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        _demand(0.0 <= self.offset <= 1.0, f"offset must be between 0 and 1, was {self.offset}")
        twice = [one for one in self.members if self.members.count(one) > 1]
        _demand(not twice, f"members must be named once, {twice[:1]} stands twice")


class MinimumCharge(Parameters, frozen=True, kw_only=True):
    """The least charge per contract, for each unit of its multiplier, long or short, in currency."""

    option: float
    future: float

    def __post_init__(self) -> None:
        """Refuse charges that would pay."""
        for name in ("option", "future"):
            value = getattr(self, name)
            _demand(0.0 <= value < float("inf"), f"minimum {name} must be 0 or above, was {value}")


class TimsParameters(Parameters, frozen=True, kw_only=True):
    """One method of the TIMS kind."""

    method: Method
    currency: str
    account: str  # whose ranges: a key of `ranges`
    points_a_side: int  # equidistant moves up, and as many down; 0 is none of them
    minimum: MinimumCharge
    ranges: dict[str, dict[str, MoveRange]]  # by account, by name
    product_classes: dict[ProductClass, str]  # range of each product class; one without range is refused
    underlyings: dict[str, UnderlyingRange]  # underlyings whose range is not that of their product class
    groups: dict[str, OffsetGroup]

    def __post_init__(self) -> None:
        """Refuse names that lead nowhere and groups that hold one another."""
        _demand(self.method in METHODS, f"method must be one of {METHODS}, was {self.method}")
        _demand(bool(self.currency), "currency must be told")
        _demand(
            ProductClass.CRYPTO not in self.product_classes,
            "product class crypto is settled in coin: method pme margins it",
        )
        _demand(
            1 <= self.points_a_side <= 100, f"points_a_side must be from 1 to 100, was {self.points_a_side}"
        )
        _demand(
            self.account in self.ranges, f"account {self.account!r} has no ranges; {sorted(self.ranges)} have"
        )
        used = {f"product class {one}": name for one, name in self.product_classes.items()}
        used |= {f"underlying {one}": terms.range for one, terms in self.underlyings.items()}
        for account, known in self.ranges.items():
            for what, name in used.items():
                _demand(name in known, f"{what} has range {name!r}, which account {account!r} does not know")
        self._check_groups()

    def _check_groups(self) -> None:
        holder: dict[str, str] = {}
        for name, group in self.groups.items():
            for member in group.members:
                other = holder.setdefault(member, name)
                _demand(other == name, f"{member!r} is a member of two groups: {other!r} and {name!r}")
        for name in self.groups:
            above, seen = name, {name}
            while above in holder:
                above = holder[above]
                _demand(above not in seen, f"group {name!r} holds itself")
                seen.add(above)


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise InvalidValueError(message)
