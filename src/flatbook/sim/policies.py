"""The policies that experiments compare: one desk, with each of its levers alone, and with all of them.

A policy without a lever has it switched off in the desk's own parameters, so that one engine runs them all. Where a policy's levers
are not there to obey limits, it only measures them: each counts a thousand times as wide, and its utilisation is told as of the
limit that was set.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from flatbook.model.flow_terms import FlowTerms
from flatbook.model.parameters import Desk, Limit
from flatbook.sim.customers.belief import misspecified

UNBOUND = 1000.0  # times a limit that a policy does not obey
_NEVER_FULL = 10**15  # contracts: what a book holds takes less of a size than rounding allows for


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a desk does about its exposure."""

    name: str
    what: str
    obeys_limits: bool
    of: Callable[[Desk], Desk]  # the desk that follows it, from the one with every lever
    slow_s: float = 0.0  # that its every command leaves later


def _without_lean(desk: Desk) -> Desk:
    """Quotes that know nothing of inventory, limits and capital, but for what the hedge of a fill would cost."""
    quoting = replace(desk.quoting, lean_max_half_spreads=0.0, inventory_full_contracts=_NEVER_FULL)
    appetite = replace(desk.appetite, barrier_halfway_usd=0.0, hurdle_per_year=0.0)
    return replace(desk, quoting=quoting, appetite=appetite)


def _without_offsets(desk: Desk) -> Desk:
    return replace(desk, offsets=replace(desk.offsets, send=False))


def _without_hedges(desk: Desk) -> Desk:
    return replace(desk, hedges=())


def _perfect_hedges(desk: Desk) -> Desk:
    return replace(desk, hedges=tuple(each for each in desk.hedges if each.correlation >= 1.0))


def _related_hedges(desk: Desk) -> Desk:
    return replace(desk, hedges=tuple(each for each in desk.hedges if each.correlation < 1.0))


def _warehouse(desk: Desk) -> Desk:
    return _without_hedges(_without_offsets(_without_lean(desk)))


def _delta(desk: Desk) -> Desk:
    return _perfect_hedges(_without_offsets(_without_lean(desk)))


def _delta_and_options(desk: Desk) -> Desk:
    return _perfect_hedges(_without_lean(desk))


def _quotes(desk: Desk) -> Desk:
    return _without_hedges(_without_offsets(desk))


def _related(desk: Desk) -> Desk:
    return _related_hedges(_without_offsets(_without_lean(desk)))


def _joint(desk: Desk) -> Desk:
    return desk


def _wrong_by_two(desk: Desk) -> Desk:
    """Flow, volatility of volatility and the spread of hedges are wrong by a factor of two; correlations and betas are right."""
    flow: tuple[FlowTerms, ...] = misspecified(desk.flow, 2.0)
    appetite = replace(desk.appetite, vol_of_vol=0.5 * desk.appetite.vol_of_vol)
    hedges = tuple(replace(each, spread=2.0 * each.spread) for each in desk.hedges)
    return replace(desk, flow=flow, appetite=appetite, hedges=hedges)


POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(
            name="warehouse", what="quotes that never lean, no hedge, no offset: everything is kept",
            obeys_limits=False, of=_warehouse,
        ),
        Policy(
            name="delta", what="the underlying alone, by its no-trade band", obeys_limits=False, of=_delta
        ),
        Policy(
            name="delta_options", what="the underlying and offsets with listed options",
            obeys_limits=False, of=_delta_and_options,
        ),
        Policy(
            name="quotes", what="lean, widen and shrink quotes; no hedge, no offset",
            obeys_limits=True, of=_quotes,
        ),
        Policy(
            name="related", what="a related product in place of the underlying, by the same band",
            obeys_limits=False, of=_related,
        ),
        Policy(
            name="joint", what="one risk price for quotes, hedges and offsets, within the limits",
            obeys_limits=True, of=_joint,
        ),
        Policy(
            name="joint_wrong", what="joint, with flow, volatility of volatility and hedge costs wrong by a factor of two",
            obeys_limits=True, of=_wrong_by_two,
        ),
        Policy(
            name="joint_slow", what="joint, every command 40 ms late", obeys_limits=True, of=_joint, slow_s=0.04,
        ),
    )
}  # fmt: skip
SINGLE_LEVERS = ("warehouse", "delta", "delta_options", "quotes", "related")


def desk_under(policy: Policy, desk: Desk) -> Desk:
    """The desk that follows `policy`, from the one with every lever."""
    return policy.of(desk)


def limits_under(policy: Policy, limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """The limits as the policy is given them."""
    if policy.obeys_limits:
        return limits
    return tuple(replace(each, limit_hard=UNBOUND * each.limit_hard) for each in limits)
