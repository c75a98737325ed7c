"""A desk that sends and says how many of its protected quotes fill before the rest is gone."""

from msgspec.structs import replace

from flatbook.engine.state import State
from flatbook.model.order_terms import OrderTerms
from flatbook.model.parameters import Limit, LimitMeasure
from flatbook.model.protection_terms import Counted, ProtectionRule, ScopeKind, Tally, Threshold, WindowKind
from flatbook.model.quoting_terms import ProtectionTerms
from tests.engine.test_sending import Venue, live
from tests.worlds import index_desk, index_facts


def sending(burst_quotes):
    """After the first cycle of a desk with room for 60 contracts net, under a protection that trips far away."""
    rule = ProtectionRule(
        scope=ScopeKind.CLASS, counted=Counted.ALL, window=WindowKind.SLIDING, interval_ms=1_000, frozen_ms=0,
        thresholds=(Threshold(tally=Tally.QUANTITY, limit=1e6),),
    )  # fmt: skip
    desk = replace(
        index_desk(),
        orders=OrderTerms(send=True, venue="X", burst_quotes=burst_quotes, size_max_contracts=1_000),
        protections=(ProtectionTerms(venue="X", name="class", rule=rule),),
    )
    venue = Venue(State())
    limit = Limit(measure=LimitMeasure.NET_CONTRACTS, underlying="IDX", limit_hard=60.0)
    venue.tell(*index_facts(the_desk=desk, limits=(limit,)))
    venue.answer()
    return venue


def contracts_at_work(venue, side):
    """Open now."""
    working = venue.state.outbox.working
    return working.open[working.alive & (working.side == side)]


def test_more_series_are_quoted_where_the_desk_says_how_many_fill():
    all_count, few = sending(0), sending(3)

    assert contracts_at_work(all_count, -1).sum() <= 60
    assert contracts_at_work(few, -1).sum() > 100
    assert contracts_at_work(few, -1).max() <= 20
    assert len(live(few)) > len(live(all_count))


def test_a_burst_within_the_promise_stays_within_the_limit_and_one_beyond_it_is_told():
    """Three offers are lifted between two cycles; then four."""
    venue = sending(3)
    options = venue.cycle.table.is_option

    def lifted(n):
        for row in sorted(row for row, side in live(venue) if side < 0 and options[row])[:n]:
            venue.fill(venue.state.table.instruments[row].symbol, -1)
        return venue.due()

    cycle = lifted(3)
    assert abs(int(cycle.held.quantity[options].sum())) <= 60
    assert cycle.outgoing.bursts.filled == {"IDX": 3.0}
    assert cycle.outgoing.bursts.beyond == ()
    offered = contracts_at_work(venue, -1)
    left = 60 - abs(int(cycle.held.quantity[options].sum()))
    assert offered.size == 0 or 3 * offered.max() <= left
    before = dict(venue.state.outbox.filled)
    again = venue.due()
    assert set(again.outgoing.bursts.goes_on) <= set(before)
    assert again.outgoing.bursts.beyond == ()

    venue = sending(3)
    cycle = lifted(4)
    assert cycle.outgoing.bursts.filled == {"IDX": 4.0}
    assert cycle.outgoing.bursts.beyond == ("IDX",)
