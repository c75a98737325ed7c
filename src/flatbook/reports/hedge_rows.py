"""One underlying's hedge, as the plan report keeps it: its legs, how they are traded, what lost, and what other policies would do."""

import math

from flatbook.engine.cycle import Cycle
from flatbook.hedging.bands import PolicyTrade, policies_now
from flatbook.hedging.joint import Candidate
from flatbook.hedging.propose import Hedge, direction_of
from flatbook.hedging.working import Working
from flatbook.reports.missing import Missing
from flatbook.reports.numbers import brief, plain
from flatbook.reports.schema_decisions import HedgeRow, PolicyRow, Trade, WorkingRow

NOT_TOLD = "nobody told of its basis in stress"


def hedge_row(hedge: Hedge, cycle: Cycle, missing: Missing) -> HedgeRow:
    """The row of one underlying."""
    path = f"hedges.rows[{hedge.underlying}]"
    known = math.isfinite(hedge.band_usd)  # without a price of the underlying there is no delta, and no band

    def number(value: float, name: str) -> float | None:
        """A figure of this hedge."""
        return missing.number(value if known else math.nan, f"{path}.{name}", hedge.reason)

    legs = tuple(_trade(one, f"{path}.legs[{one.symbol}]", missing) for one in hedge.legs)
    no_risk = hedge.reason if not hedge.legs else "no volatility of the underlying is known"
    return HedgeRow(
        underlying=hedge.underlying,
        delta_before_usd=number(hedge.delta_before_usd, "delta_before_usd"),
        band_usd=number(hedge.band_usd, "band_usd"),
        target_usd=number(hedge.target_usd, "target_usd"),
        chosen=_trade(hedge.legs[0], f"{path}.chosen", missing) if hedge.legs else None,
        legs=legs,
        alternatives=tuple(
            _trade(one, f"{path}.alternatives[{one.symbol}]", missing) for one in hedge.alternatives
        ),
        delta_after_usd=number(hedge.delta_after_usd, "delta_after_usd"),
        deviation_before_usd=missing.number(
            hedge.deviation_before_usd, f"{path}.deviation_before_usd", no_risk
        ),
        deviation_after_usd=missing.number(hedge.deviation_after_usd, f"{path}.deviation_after_usd", no_risk),
        cost_usd=number(hedge.cost_usd, "cost_usd"),
        schedule=tuple(_working(one, f"{path}.schedule[{one.symbol}]", missing) for one in hedge.schedule),
        policies=_policies(hedge.underlying, cycle, path, missing) if known else (),
        reason=hedge.reason,
        sentence=_sentence(hedge, known=known),
    )


def _trade(one: Candidate, path: str, missing: Missing) -> Trade:
    def number(value: float, name: str) -> float | None:
        """A figure of this trade."""
        return missing.number(value, f"{path}.{name}", "its inputs are not finite")

    return Trade(
        side=side_of(one.quantity),
        contracts=abs(one.quantity),
        symbol=one.symbol,
        price=number(one.price, "price"),
        cost_usd=number(one.cost_usd, "cost_usd"),
        basis_deviation_usd=number(one.basis_deviation_usd, "basis_deviation_usd"),
        delta_after_usd=number(one.delta_after_usd, "delta_after_usd"),
        score_usd=number(one.score_usd, "score_usd"),
        delta_usd=number(one.delta_usd, "delta_usd"),
        carry_usd=number(one.carry_usd, "carry_usd"),
        effectiveness=number(one.effectiveness, "effectiveness"),
        effectiveness_stress=missing.number(
            one.effectiveness_stress, f"{path}.effectiveness_stress", NOT_TOLD
        ),
        followed=one.followed,
        why=one.why,
    )


def _working(one: Working, path: str, missing: Missing) -> WorkingRow:
    return WorkingRow(
        symbol=one.symbol,
        minutes=one.minutes,
        contracts=one.trades,
        rate_per_minute=missing.number(
            one.kappa_per_minute, f"{path}.rate_per_minute", "it is traded at once"
        ),
        expected_cost_usd=missing.number(
            one.expected_cost_usd, f"{path}.expected_cost_usd", "its inputs are not finite"
        ),
        deviation_usd=missing.number(
            one.deviation_usd, f"{path}.deviation_usd", "no volatility of the underlying is known"
        ),
        reason=one.reason,
    )


def _policies(name: str, cycle: Cycle, path: str, missing: Missing) -> tuple[PolicyRow, ...]:
    """Every policy beside each other; empty where nothing can be traded."""
    book = direction_of(
        cycle.table.underlyings.index(name), cycle.exposure, cycle.price, cycle.market, cycle.desk
    )
    if not math.isfinite(book.cost_rate):
        return ()
    return tuple(
        _policy(one, book.cost_rate, cycle, path, missing) for one in policies_now(book, cycle.desk.hedging)
    )


def _policy(one: PolicyTrade, cost_rate: float, cycle: Cycle, path: str, missing: Missing) -> PolicyRow:
    here = f"{path}.policies[{one.policy.value}]"
    why = "it is not the time, or no volatility of the underlying is known"
    return PolicyRow(
        policy=one.policy.value,
        in_force=one.policy is cycle.desk.hedging.policy,
        band_usd=missing.number(one.band.half_width_usd, f"{here}.band_usd", why),
        trade_usd=missing.number(one.trade_usd, f"{here}.trade_usd", why),
        cost_usd=missing.number(abs(one.trade_usd) * cost_rate, f"{here}.cost_usd", why),
    )


def side_of(quantity: float) -> str:
    """Which way a signed number of contracts trades."""
    return "buy" if quantity > 0 else "sell" if quantity < 0 else "none"


def _sentence(hedge: Hedge, *, known: bool) -> str:
    if not known:
        return f"{hedge.underlying}: {hedge.reason}."
    before = brief(hedge.delta_before_usd)
    if not hedge.legs:
        return f"{hedge.underlying}: no hedge at delta {before} USD; {hedge.reason}."
    legs = " and ".join(
        f"{side_of(one.quantity)} {abs(one.quantity):,d} {one.symbol} at {plain(one.price, 2)}"
        for one in hedge.legs
    )
    basis = math.hypot(*(one.basis_deviation_usd for one in hedge.legs))
    worked = [f"{one.symbol} is worked over {one.minutes:g} minutes" for one in hedge.schedule if not one.now]
    done = f"{legs[0].upper()}{legs[1:]}: delta of {hedge.underlying} {before} to {brief(hedge.delta_after_usd)} USD"
    parts = [
        done,
        f"cost {plain(hedge.cost_usd)} USD",
        *([f"basis risk {plain(basis)} USD"] if basis else []),
        *worked,
    ]
    return f"{', '.join(parts)}; {hedge.reason}."
