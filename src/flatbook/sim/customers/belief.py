"""What a desk would believe of the customers if it knew them, in the words of its desk file; and if it were wrong by a factor.

Flow terms know orders of one series, spread over series by vega. So calls and strikes that customers favour are lost, the legs of a package count each by
themselves, and every number is a mean of the day. Fills are those of a desk that quotes alone: what others offer better is theirs.

Source: domain reference 4.20; M. Avellaneda and S. Stoikov, Quantitative Finance 8 (2008) 217-224, for exp(-decay distance).
"""

import math

from msgspec.structs import replace

from flatbook.model.flow_terms import FlowShape, FlowTerms
from flatbook.model.world_flow_terms import CustomerTerms, FlowOfDay, PackageTerms
from flatbook.sim.customers.day_shape import DayShape, day_shape
from flatbook.sim.customers.sizes import mean_size

SESSION_MINUTES = 390.0
_LEGS = (  # bought and sold of a package, as legs and as contracts; the order is that of PackageTerms.weights
    (1.0, 1.0, 2.0),
    (2.0, 0.0, 2.0),
    (1.0, 1.0, 2.0),
    (1.0, 1.0, 2.0),
    (2.0, 1.0, 4.0),
)


def expected_fills_per_day(
    terms: CustomerTerms, distance_points: float, session_minutes: float = SESSION_MINUTES
) -> float:
    """Orders and packages of a day that reach a quote on every series and side at one distance.

    Parameters
    ----------
    terms : CustomerTerms
    distance_points : float
        Vol points from fair value; below 0 all reach it.
    session_minutes : float
        Of the day, which regimes are laid into.

    Notes
    -----
    Those set off after the end of the day never come: a share of about n / (1 - n) times the decay over the session is missing.
    """
    orders = terms.orders_per_day * day_shape(terms, session_minutes).orders
    packages = _package_share(terms)
    away = max(distance_points, 0.0) * terms.decay_per_point
    return orders * (
        (1.0 - packages) * math.exp(-away) + packages * math.exp(-away / terms.packages.reach_share)
    )


def flow_terms_of(
    terms: FlowOfDay, session_minutes: float = SESSION_MINUTES, points_per_root_hour: float = 0.0
) -> tuple[FlowTerms, ...]:
    """The truth as a desk's flow: a tier for each kind of clientele, and one for its packages.

    Parameters
    ----------
    terms : FlowOfDay
    session_minutes : float
    points_per_root_hour : float
        Deviation of what informed customers know in vol points of a series, over an hour; 0: the desk expects no adverse selection.
    """
    return tuple(
        flow
        for each in terms.customers
        for flow in _flows(each, day_shape(each, session_minutes), points_per_root_hour)
    )


def adverse_selection_points(terms: CustomerTerms, points_per_root_hour: float) -> float:
    """Vol points that fair value moves against a fill of one series until the horizon, in the mean (validation case V41).

    share (2 p - 1) s sqrt(h) sqrt(2 / pi), for fair values that move as a Brownian motion.
    """
    informed = terms.informed
    alone = 1.0 - _package_share(terms)
    share = informed.share / alone if alone > 0.0 else 0.0
    move = points_per_root_hour * math.sqrt(informed.horizon_minutes / 60.0)
    return share * (2.0 * informed.probability_right - 1.0) * move * math.sqrt(2.0 / math.pi)


def misspecified(flow: tuple[FlowTerms, ...], factor: float) -> tuple[FlowTerms, ...]:
    """A desk that believes in `factor` times the requests, which fade `factor` times as slowly."""
    return tuple(
        replace(
            each,
            requests_per_day=each.requests_per_day * factor,
            decay_per_point=None if each.decay_per_point is None else each.decay_per_point / factor,
        )
        for each in flow
    )


def _flows(terms: CustomerTerms, shape: DayShape, points_per_root_hour: float) -> list[FlowTerms]:
    orders = terms.orders_per_day * shape.orders
    packages = _package_share(terms)
    buyers = shape.mean(shape.buy_share)
    alone = 1.0 - packages
    informed = terms.informed.share / alone if alone > 0.0 else 0.0
    legs, contracts, bought = _legs_of(terms.packages)
    whole = sum(kind.weight for kind in terms.clientele)
    out = []
    for kind in terms.clientele:
        share = kind.weight / whole
        size = mean_size(kind.size)
        single = FlowTerms(
            underlying=terms.underlying,
            tier=f"{terms.tier} {kind.name}",
            shape=FlowShape.EXPONENTIAL,
            requests_per_day=orders * share * alone,
            customers_buy_share=0.5 * informed + buyers * (1.0 - informed),
            decay_per_point=terms.decay_per_point,
            contracts=size,
            adverse_selection_points=adverse_selection_points(terms, points_per_root_hour),
        )
        package = FlowTerms(
            underlying=terms.underlying,
            tier=f"{terms.tier} {kind.name} packages",
            shape=FlowShape.EXPONENTIAL,
            requests_per_day=orders * share * packages * legs,
            customers_buy_share=(buyers * bought + (1.0 - buyers) * (legs - bought)) / legs,
            decay_per_point=terms.decay_per_point / terms.packages.reach_share,
            contracts=size * contracts / legs,
        )
        out += [each for each in (single, package) if each.requests_per_day > 0.0]
    return out


def _package_share(terms: CustomerTerms) -> float:
    """Of all orders."""
    return terms.packages.share * (1.0 - terms.informed.share)


def _legs_of(terms: PackageTerms) -> tuple[float, float, float]:
    """Legs, contracts and bought legs of a bought package in the mean."""
    whole = sum(terms.weights)
    pairs = [(weight / whole, legs) for weight, legs in zip(terms.weights, _LEGS, strict=True)]
    return (
        sum(weight * (bought + sold) for weight, (bought, sold, _) in pairs),
        sum(weight * contracts for weight, (_, _, contracts) in pairs),
        sum(weight * bought for weight, (bought, _, _) in pairs),
    )
