"""What a duty asks of each quote, and the strongest response that it leaves to each side.

Source: domain reference 2.1 and 8.1. A side that adds to a limit at ESCALATE or beyond would go off. It may where no duty covers
the series or headroom carries it; otherwise the widest legal quote of the least size is the strongest that is left. Where
that meets a hard limit the rule's precedence decides, and a person is told; the kill limit goes before every duty.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flatbook.limits.ladder import Step
from flatbook.model.obligation_terms import Exemptions, ObligationRule, Precedence
from flatbook.model.table import Bools, Floats, Ints
from flatbook.quoting.obligations import Duty, may_go_off

_DAY_NS = 86_400_000_000_000
_UTILISATION_MOST = 1e6


class Response(IntEnum):
    """What becomes of one side of a series, strongest last."""

    QUOTED = 0  # as the ladder says, legally
    WIDEST = 1  # widest legal width, least legal size
    OFF = 2  # one-sided, or with the other side's OFF no quote at all


class Ground(IntEnum):
    """Why; from COLLISION on a person must know."""

    NOTHING = 0  # neither side wants to go
    NO_DUTY = 1  # none covers the series, or its clock stands still
    HEADROOM = 2  # it is paid with headroom
    DUTY = 3  # it wants to go and may not
    COLLISION = 4  # a hard limit pulls, the duty holds: the legal minimum stays
    BROKEN = 5  # a hard limit pulls, the duty is broken for it
    KILLED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """By row."""

    bid: Ints  # Response
    ask: Ints
    ground: Ints  # Ground
    escalated: Bools  # a person must know


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What exemptions and widths read of each series, n rows each."""

    expiry_ns: Ints
    delta: Floats  # per unit; NaN where it is not known: then it exempts nothing
    index_option: Bools
    quarterly: Bools
    adjusted: Bools
    listed_today: Bools


def respond(
    duty: Duty,
    now_ns: int,
    *,
    bid_step: Ints,
    ask_step: Ints,
    utilisation: Floats,
    killed: Bools,
    gone: Bools,
    horizon_s: float,
) -> Responses:
    """The strongest legal response of each side.

    Parameters
    ----------
    duty : Duty
    now_ns : int
    bid_step, ask_step : int64[n]
        Step of the limits that each side would worsen (`strain`).
    utilisation : float64[n]
        The greater of both sides: who goes first where headroom does not carry all.
    killed : bool[n]
        Past the kill limit, or stopped by hand.
    gone : bool[n]
        Not quoted for another reason.
    horizon_s : float
        The longest time until this is asked again.
    """
    step = np.maximum(bid_step, ask_step)
    wants = (step >= Step.ESCALATE) & ~killed
    pressing = step * _UTILISATION_MOST + np.fmax(np.fmin(utilisation, 0.5 * _UTILISATION_MOST), 0.0)
    may = may_go_off(duty, now_ns, wants, pressing, gone=gone | killed, horizon_s=horizon_s)
    keeps = duty.rule.precedence is Precedence.LEGAL_MINIMUM
    ground = np.where(wants, Ground.DUTY, Ground.NOTHING)
    ground[wants & (step == Step.HARD)] = Ground.COLLISION if keeps else Ground.BROKEN
    ground[wants & may] = Ground.HEADROOM
    ground[wants & (~duty.in_duty | duty.suspended)] = Ground.NO_DUTY
    ground[killed] = Ground.KILLED
    goes = (ground == Ground.NO_DUTY) | (ground == Ground.HEADROOM)
    return Responses(
        bid=_side(bid_step, ground, goes),
        ask=_side(ask_step, ground, goes),
        ground=ground,
        escalated=ground >= Ground.COLLISION,
    )


def in_duty(rule: ObligationRule, facts: SeriesFacts, assigned: Bools, now_ns: int) -> Bools:
    """bool[n]: the assigned, living series that no exemption covers."""
    exempt = rule.exempt
    out = assigned & (facts.expiry_ns > now_ns) & ~_far(exempt, facts, now_ns)
    for told, column in (
        (exempt.quarterly, facts.quarterly),
        (exempt.adjusted, facts.adjusted),
        (exempt.listed_today, facts.listed_today),
    ):
        if told:
            out &= ~column
    size = np.abs(facts.delta)
    if exempt.delta_below is not None:
        out &= ~(size < exempt.delta_below)
    if exempt.delta_above is not None:
        out &= ~(size > exempt.delta_above)
    return out


def widest(
    rule: ObligationRule,
    bid: Floats,
    expiry_ns: Ints,
    in_the_money: Bools,
    underlying_spread: Floats,
    now_ns: int,
    *,
    fast: bool,
) -> Floats:
    """float64[n]: the widest legal quote, price units.

    Parameters
    ----------
    rule : ObligationRule
    bid : float64[n]
        Our own bid; where there is none, 0 is taken.
    expiry_ns : int64[n]
    in_the_money : bool[n]
    underlying_spread : float64[n]
        Bid-ask of the underlying in the quote's currency; NaN where it is not known: then it widens nothing, and a width
        that it alone tells is 0.
    now_ns : int
    fast : bool
        The venue has said that the market is fast.
    """
    bid = np.maximum(np.nan_to_num(bid), 0.0)
    spread = np.nan_to_num(underlying_spread)
    days = (expiry_ns - now_ns) / _DAY_NS
    out = np.zeros(bid.size)
    for band in rule.widths:
        most = np.full(bid.size, np.inf if band.width is None else band.width)
        if band.bid_pct is not None:
            most = np.minimum(most, band.bid_pct / 100.0 * bid)
        if band.stock_spreads is not None:
            most = np.minimum(most, band.stock_spreads * spread)
        out = np.where((bid >= band.from_bid) & (days >= band.from_days), most, out)
    if fast:
        out = out * rule.fast_width_factor
    return np.where(in_the_money & rule.in_the_money_as_underlying, np.maximum(out, spread), out)


def meets(
    rule: ObligationRule, bid: Floats, ask: Floats, bid_size: Ints, ask_size: Ints, widest_width: Floats
) -> Bools:
    """bool[n]: whether a quote counts for the duty: two sides, no wider than legal, large enough, comparable sizes.

    Prices are in price units, NaN where a side is not quoted. A width beyond the legal one by a millionth of it is rounding.
    """
    small, large = np.minimum(bid_size, ask_size), np.maximum(bid_size, ask_size)
    return (
        (ask - bid <= widest_width * (1.0 + 1e-6))
        & (bid > 0.0)
        & (ask > bid)
        & (small >= rule.size_min)
        & (small >= rule.size_ratio_min * large)
    )


def _side(step: Ints, ground: Ints, goes: Bools) -> Ints:
    off = (step >= Step.ESCALATE) & goes | (step == Step.HARD) & (ground == Ground.BROKEN)
    out = np.where(step >= Step.ESCALATE, Response.WIDEST, Response.QUOTED)
    out[off | (ground == Ground.KILLED)] = Response.OFF
    return out


def _far(exempt: Exemptions, facts: SeriesFacts, now_ns: int) -> Bools:
    """Expires on or after this day so many calendar months ahead."""
    day = np.datetime64(now_ns, "ns").astype("datetime64[D]")
    index = exempt.expiry_months if exempt.expiry_months_index is None else exempt.expiry_months_index
    out = np.zeros(facts.expiry_ns.size, np.bool_)
    for months, rows in ((exempt.expiry_months, ~facts.index_option), (index, facts.index_option)):
        if months is not None:
            out |= rows & (facts.expiry_ns >= _months_ahead(day, months))
    return out


def _months_ahead(day: np.datetime64, months: int) -> int:
    """UTC nanoseconds of the same day so many months ahead; of the month's last where it has no such day."""
    month = day.astype("datetime64[M]")
    ahead = month + np.timedelta64(months, "M")
    last = (ahead + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    then = min(ahead.astype("datetime64[D]") + (day - month.astype("datetime64[D]")), last)
    return int(then.astype("datetime64[ns]").astype(np.int64))
