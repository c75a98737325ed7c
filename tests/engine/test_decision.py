"""What the journal keeps of a hedge: its legs in their order, each from the delta that the one before left."""

from dataclasses import replace

from flatbook.engine.decision import HedgeDecision, decision_of
from flatbook.engine.state import State
from flatbook.engine.step import step
from tests.worlds import fill, index_facts


def _cycle():
    state, found = State(), None
    facts = index_facts(fills=[fill(1, "IDXW030C5000", "sell", 50, 90.0)])
    for number, fact in enumerate(facts, start=1):
        found = step(state, replace_sequence(fact, number))
    return found


def replace_sequence(fact, number):
    """The fact as the journal numbers it."""
    return type(fact)(**{name: getattr(fact, name) for name in fact.__struct_fields__} | {"sequence": number})


def test_one_line_a_leg_and_one_without_a_contract_where_nothing_is_traded():
    cycle = _cycle()
    (hedge,) = cycle.hedges
    leg = hedge.legs[0]
    more = replace(leg, symbol="OTHER", quantity=3, delta_after_usd=leg.delta_after_usd + 10.0)
    two = replace(cycle, hedges=(replace(hedge, legs=(leg, more)),))
    none = replace(cycle, hedges=(replace(hedge, legs=()),))
    before, after = hedge.delta_before_usd, leg.delta_after_usd

    assert decision_of(two).hedges == (
        HedgeDecision(
            underlying="IDX",
            symbol="IDXH1",
            quantity=leg.quantity,
            delta_before_usd=before,
            delta_after_usd=after,
        ),
        HedgeDecision(
            underlying="IDX", symbol="OTHER", quantity=3, delta_before_usd=after, delta_after_usd=after + 10.0
        ),
    )
    assert decision_of(none).hedges == (
        HedgeDecision(
            underlying="IDX", symbol="", quantity=0, delta_before_usd=before, delta_after_usd=before
        ),
    )
