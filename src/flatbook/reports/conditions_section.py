"""What holds for quotes beside value, price and limits, and what leaves for the venue: as the plan report keeps it."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from flatbook.engine.cycle import Cycle
from flatbook.model.errors import InvalidValueError
from flatbook.model.obligation_terms import Pooled
from flatbook.orders.columns import REASON_TEXT, Reason
from flatbook.orders.outgoing import Outgoing
from flatbook.orders.reconcile import WHY_TEXT, Action, Why
from flatbook.quoting.duties import DutyNow
from flatbook.quoting.legal_quotes import Ground
from flatbook.quoting.protections import ThresholdProposal, proposed_thresholds, watch
from flatbook.reports.columns import iso
from flatbook.reports.missing import Missing
from flatbook.reports.schema_quoting import (
    CommandRow,
    DutyRow,
    EscalationRow,
    FastRow,
    KillRow,
    OrdersOf,
    Protections,
    QuoteConditions,
    RefusalRow,
    ThresholdRow,
)

GROUND_TEXT: dict[Ground, str] = {
    Ground.NOTHING: "a duty and a limit collide",
    Ground.NO_DUTY: "one duty lets it go, another and a hard limit collide",
    Ground.HEADROOM: "one duty pays with headroom, another and a hard limit collide",
    Ground.DUTY: "a limit is strained, a duty holds it",
    Ground.COLLISION: "a hard limit pulls, a duty holds: the legal minimum stays",
    Ground.BROKEN: "a hard limit pulls: the duty is broken for it",
    Ground.KILLED: "killed: no quotes, whatever a duty asks",
}
_SYMBOLS = 20
_SHOWN = 5  # client ids
_NO_BURST = "the desk does not say what a burst of fills may cost (quoting burst_loss_usd)"
_NO_PROTECTION = "no venue's protection is configured"


def conditions_of(cycle: Cycle, missing: Missing) -> QuoteConditions:
    """Duties, protections, fast markets, kills and escalations of one cycle."""
    return QuoteConditions(
        duties=tuple(row for duty in cycle.conditions.duties for row in _duty(duty, cycle, missing)),
        protections=_protections(cycle, missing),
        fast=_fast(cycle),
        killed_series=int((cycle.conditions.killed & cycle.table.is_option).sum())
        if cycle.conditions.killed.size
        else 0,
        escalations=_escalations(cycle),
    )


def orders_of(cycle: Cycle, missing: Missing) -> OrdersOf | None:
    """What leaves; None where the desk only proposes."""
    left = cycle.outgoing
    if left is None:
        missing.note("orders", "the desk only proposes: orders.send is off")
        return None
    return OrdersOf(
        venue=cycle.desk.orders.venue,
        commands=_commands(left),
        refused=_refused(left),
        kills=tuple(
            KillRow(
                scope=one.scope.value,
                name=one.name,
                state=one.text,
                owner=one.kill.owner,
                reason=one.kill.reason,
                since=iso(one.kill.since_ns),
            )
            for one in left.kills
        ),
    )


def _duty(now: DutyNow, cycle: Cycle, missing: Missing) -> list[DutyRow]:
    """One row for each pool that has a series."""
    duty, rows = now.duty, []
    untold = "nobody told of its session: it binds always, and headroom is not counted"
    for pool in np.unique(duty.pool_of[duty.pool_of >= 0]).tolist():
        mine = duty.pool_of == pool
        by_class = duty.rule.pooled is Pooled.CLASS
        name = f"{now.name} {cycle.table.classes[pool]}" if by_class else now.name
        share, off_s = (
            float(column[pool]) if now.told else np.nan
            for column in (now.headroom.share, now.headroom.all_off_s)
        )
        path = f"quotes.conditions.duties[{name}]"
        rows.append(
            DutyRow(
                name=name,
                session_told=now.told,
                suspended=duty.suspended,
                in_duty=int((mine & duty.in_duty).sum()),
                quoted=int((mine & duty.quoted).sum()),
                headroom_share=missing.number(share, f"{path}.headroom_share", untold),
                all_off_s=missing.number(off_s, f"{path}.all_off_s", untold),
            )
        )
    return rows


def _protections(cycle: Cycle, missing: Missing) -> Protections:
    found, reason = _thresholds(cycle)
    rate = cycle.desk.fast_market.burst_base_per_s
    return Protections(
        frozen_scopes=cycle.conditions.frozen_scopes,
        frozen_series=int(cycle.conditions.frozen.sum()),
        thresholds=tuple(_threshold(one, rate, missing) for one in found),
        reason=reason,
    )


def _thresholds(cycle: Cycle) -> tuple[tuple[ThresholdProposal, ...], str]:
    """The proposals, and why there is none; fills come as often as the desk's fast-market terms say."""
    desk = cycle.desk
    if not desk.protections:
        return (), _NO_PROTECTION
    if not desk.quoting.burst_loss_usd > 0.0:
        return (), _NO_BURST
    rates = np.full(len(cycle.table.underlyings), desk.fast_market.burst_base_per_s)
    try:
        found = proposed_thresholds(
            watch(desk, cycle.table), desk, cycle.values, cycle.market, cycle.standing,
            cycle.price.spot_vol, rates,
        )  # fmt: skip
    except InvalidValueError as error:
        return (), str(error)
    return found, "" if found else "no protected class has a live series with a value and a volatility"


def _threshold(one: ThresholdProposal, rate: float, missing: Missing) -> ThresholdRow:
    path = f"quotes.conditions.protections.thresholds[{one.option_class}]"
    proposal = one.proposal
    return ThresholdRow(
        option_class=one.option_class,
        contracts=proposal.threshold,
        contracts_in_force=missing.number(
            one.in_force, f"{path}.contracts_in_force", "no protection counts contracts"
        ),
        contracts_bearable=proposal.units_bearable,
        probability=missing.number(proposal.probability, f"{path}.probability", "it cannot be computed"),
        loss_usd_per_contract=missing.number(
            one.loss_usd_per_contract, f"{path}.loss_usd_per_contract", "it cannot be computed"
        ),
        fills_per_s=rate,
    )


def _fast(cycle: Cycle) -> tuple[FastRow, ...]:
    fast = cycle.conditions.fast
    if fast is None:
        return ()
    return tuple(
        FastRow(
            underlying=name,
            level=int(fast.level[u]),
            reasons=fast.reasons[u],
            widen_factor=float(fast.widen_factor[u]),
            size_share=float(fast.size_share[u]),
            wings_pulled=bool(fast.wings_pulled[u]),
            urgent=bool(fast.urgent[u]),
        )
        for u, name in enumerate(fast.underlyings)
        if fast.level[u] > 0
    )


def _escalations(cycle: Cycle) -> tuple[EscalationRow, ...]:
    """Of what is held back, of orders, then of quotes by ground, the gravest first."""
    quotes, out = cycle.quotes, [*_held_back(cycle), *_of_orders(cycle)]
    of = np.flatnonzero(quotes.escalated & cycle.table.is_option)
    grounds = quotes.ground[of]
    for code in sorted(set(grounds.tolist()), reverse=True):
        ground, rows = Ground(code), of[grounds == code].tolist()
        out.append(_escalation(ground.name.lower(), GROUND_TEXT[ground], cycle, rows))
    return tuple(out)


def _held_back(cycle: Cycle) -> Iterator[EscalationRow]:
    """Halts, gaps of feeds, and venues that are down or do not agree with us."""
    for one in cycle.conditions.held_back:
        rows = np.flatnonzero((cycle.conditions.withheld == one.kind) & cycle.table.is_option)
        parts = (one.kind.name, one.name or "all underlyings", one.reason, one.text)
        text = ": ".join(part for part in parts if part)
        yield EscalationRow(ground=one.kind.name.lower(), text=text, series=rows.size, symbols=())


def _of_orders(cycle: Cycle) -> Iterator[EscalationRow]:
    """Hedges that the gate refuses again and again, bursts beyond what was promised, kills of what nobody knows."""
    left = cycle.outgoing
    if left is None:
        return
    for one in left.refused_hedges:
        if one.escalated:
            text = f"the gate has refused this hedge {one.cycles} times in a row: {REASON_TEXT[one.reason]}"
            yield _escalation("hedge refused", text, cycle, [one.row])
    if left.strange:
        ids = ", ".join(map(str, left.strange[-_SHOWN:]))
        text = f"{len(left.strange)} times a venue told of orders that are none of ours, or filled beyond what was sent: {ids}"
        yield EscalationRow(ground="strange order", text=text, series=0, symbols=())
    for name in left.bursts.beyond:
        text = f"{name}: more watched quotes filled in a burst than burst_quotes promises"
        yield EscalationRow(ground="burst", text=text, series=0, symbols=())
    for kill in left.kills:
        if not kill.known:
            text = f"a kill of {kill.scope.value} {kill.name!r} stops nothing: no such name"
            yield EscalationRow(ground="kill", text=text, series=0, symbols=())


def _escalation(ground: str, text: str, cycle: Cycle, rows: list[int]) -> EscalationRow:
    symbols = tuple(cycle.table.instruments[row].symbol for row in rows[:_SYMBOLS])
    return EscalationRow(ground=ground, text=text, series=len(rows), symbols=symbols)


def _commands(left: Outgoing) -> tuple[CommandRow, ...]:
    """In the sequence of actions, the most of each first."""
    orders: Counter[tuple[int, int]] = Counter()
    contracts: Counter[tuple[int, int]] = Counter()
    commands = left.commands
    for action, why, quantity in zip(
        commands.action.tolist(), commands.why.tolist(), commands.orders.quantity.tolist(), strict=True
    ):
        orders[action, why] += 1
        contracts[action, why] += quantity
    return tuple(
        CommandRow(
            action=Action(key[0]).name.lower(),
            why=WHY_TEXT[Why(key[1])],
            commands=orders[key],
            contracts=contracts[key],
        )
        for key in sorted(orders, key=lambda key: (key[0], -orders[key], key[1]))
    )


def _refused(left: Outgoing) -> tuple[RefusalRow, ...]:
    """By reason, the most orders first; the last row is of cancels that have to wait."""
    verdicts = left.verdicts
    asked = left.wanted.take(~left.wanted.cancels).orders.quantity
    lost = asked - verdicts.quantity
    out = [
        RefusalRow(
            reason=REASON_TEXT[Reason(code)],
            orders=int((verdicts.reason == code).sum()),
            contracts=int(lost[verdicts.reason == code].sum()),
        )
        for code in np.unique(verdicts.reason[verdicts.reason != Reason.ACCEPTED]).tolist()
    ]
    out.sort(key=lambda row: (-row.orders, row.reason))
    waiting = int((~verdicts.cancels).sum())
    if waiting:
        out.append(RefusalRow(reason="cancels that no message is left for", orders=waiting, contracts=0))
    return tuple(out)
