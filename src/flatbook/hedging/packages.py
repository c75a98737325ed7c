"""The structures among the legs of an offset: what a desk would trade as one package, and why it is one.

Pairs of legs are taken greedily: kinds in the order of `_KINDS`, of each kind the match of most contracts first. A leg may be part of several
packages; what is left of it is an outright, or what hedges the delta of the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from flatbook.hedging.offset_problem import OffsetSeries
from flatbook.model.instruments import Right

OUTRIGHT = "outright"  # kind of an option that is in no structure
_EVEN = 1e-9  # of a strike: how even the wings of a butterfly are


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One structure."""

    kind: str
    legs: tuple[tuple[str, int], ...]  # name and contracts, plus bought
    reason: str


@dataclass(slots=True)
class _Leg:
    series: OffsetSeries
    left: int


_Match = tuple[tuple[_Leg, int], ...]  # legs with the contracts of one unit of the package, by sign


def packages_of(legs: tuple[tuple[OffsetSeries, int], ...]) -> tuple[Package, ...]:
    """The packages that the legs make; every contract is in exactly one.

    Parameters
    ----------
    legs : tuple of (OffsetSeries, int)
        Contracts, plus bought.
    """
    left = [_Leg(series, contracts) for series, contracts in legs if contracts]
    out: list[Package] = []
    for kind, matches, reason in _KINDS:
        while True:
            found = max(_sized(left, matches), key=lambda one: one[0], default=None)
            if found is None:
                break
            units, match = found
            for leg, each in match:
                leg.left -= each * units
            told = tuple((leg.series.name, each * units) for leg, each in match)
            out.append(Package(kind=kind, legs=told, reason=reason))
    for leg in left:
        if leg.left:
            linear = leg.series.right is None
            out.append(
                Package(
                    kind="delta hedge" if linear else OUTRIGHT,
                    legs=((leg.series.name, leg.left),),
                    reason="takes the direction that the options and the book leave"
                    if linear
                    else "no other leg offsets it",
                )
            )
    return tuple(out)


def _sized(
    left: list[_Leg], matches: Callable[[list[_Leg]], Iterator[_Match]]
) -> Iterator[tuple[int, _Match]]:
    """Every match with how many units of it the legs have, 1 or more."""
    for match in matches([leg for leg in left if leg.left]):
        units = min(leg.left // each if leg.left * each > 0 else 0 for leg, each in match)
        if units > 0:
            yield units, match


def _options(left: list[_Leg]) -> list[_Leg]:
    return [leg for leg in left if leg.series.right is not None]


def _sign(leg: _Leg) -> int:
    return 1 if leg.left > 0 else -1


def _pairs(
    left: list[_Leg], fits: Callable[[OffsetSeries, OffsetSeries], bool], together: bool
) -> Iterator[_Match]:
    """Two options of one underlying and contract size, of the same side or of opposite ones, that fit."""
    for one, other in combinations(_options(left), 2):
        a, b = one.series, other.series
        alike = (a.underlying, a.shares) == (b.underlying, b.shares)
        if alike and (_sign(one) == _sign(other)) == together and fits(a, b):
            yield ((one, _sign(one)), (other, _sign(other)))


def _verticals(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(left, lambda a, b: a.right == b.right and a.expiry_ns == b.expiry_ns, together=False)


def _calendars(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(left, lambda a, b: a.right == b.right and a.strike == b.strike, together=False)


def _diagonals(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(left, lambda a, b: a.right == b.right, together=False)


def _straddles(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(
        left,
        lambda a, b: a.right != b.right and a.expiry_ns == b.expiry_ns and a.strike == b.strike,
        together=True,
    )


def _strangles(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(left, lambda a, b: a.right != b.right and a.expiry_ns == b.expiry_ns, together=True)


def _synthetics(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(
        left,
        lambda a, b: a.right != b.right and a.expiry_ns == b.expiry_ns and a.strike == b.strike,
        together=False,
    )


def _risk_reversals(left: list[_Leg]) -> Iterator[_Match]:
    return _pairs(left, lambda a, b: a.right != b.right and a.expiry_ns == b.expiry_ns, together=False)


def _boxes(left: list[_Leg]) -> Iterator[_Match]:
    """A synthetic future at one strike against one at another."""
    for one, other in combinations(list(_synthetics(left)), 2):
        a, b = one[0][0].series, other[0][0].series
        calls = [each for match in (one, other) for leg, each in match if leg.series.right is Right.CALL]
        same = (a.underlying, a.shares, a.expiry_ns) == (b.underlying, b.shares, b.expiry_ns)
        if same and a.strike != b.strike and sum(calls) == 0:
            yield (*one, *other)


def _conversions(left: list[_Leg]) -> Iterator[_Match]:
    """A synthetic future against shares of its own underlying: as many as its contracts are for."""
    for match in _synthetics(left):
        option = match[0][0].series
        call = next(each for leg, each in match if leg.series.right is Right.CALL)
        for leg in left:
            share = leg.series
            if share.right is None and share.name == option.underlying == share.underlying:
                each = round(option.shares / share.shares)
                if each * share.shares == option.shares:
                    yield (*match, (leg, -call * each))


def _butterflies(left: list[_Leg]) -> Iterator[_Match]:
    """One, two the other way, one at strikes as far apart."""
    options = sorted(_options(left), key=lambda leg: (leg.series.strike, leg.series.name))
    for low, middle, high in combinations(options, 3):
        a, b, c = low.series, middle.series, high.series
        kinds = {(s.underlying, s.shares, s.right, s.expiry_ns) for s in (a, b, c)}
        even = abs(a.strike + c.strike - 2.0 * b.strike) <= _EVEN * b.strike
        if len(kinds) == 1 and even and a.strike < b.strike and _sign(low) == _sign(high) != _sign(middle):
            yield ((low, _sign(low)), (middle, 2 * _sign(middle)), (high, _sign(high)))


_KINDS: tuple[tuple[str, Callable[[list[_Leg]], Iterator[_Match]], str], ...] = (
    ("box", _boxes, "two synthetic futures of one expiry at two strikes: their directions offset, what is left is financing"),
    ("conversion", _conversions, "a synthetic future against its shares: neither direction nor volatility, what is left is carry"),
    ("butterfly", _butterflies, "a body against two wings as far from it: moves the curvature of the smile and the risk at the body's strike"),
    ("vertical", _verticals, "two strikes of one expiry: moves the risk from strike to strike and little of the expiry's vega"),
    ("calendar", _calendars, "one strike in two expiries: moves vega along the term, and gamma with it"),
    ("straddle", _straddles, "call and put at one strike: gamma and vega with little direction"),
    ("synthetic", _synthetics, "call against put at one strike: direction alone, to that expiry"),
    ("risk reversal", _risk_reversals, "call against put of one expiry: moves the skew"),
    ("strangle", _strangles, "call and put at two strikes: vega and the wings with little direction"),
    ("diagonal", _diagonals, "two strikes in two expiries: moves vega along the term and the risk from strike to strike"),
)  # fmt: skip
