"""Every limit measure reads what it says it bounds."""

import numpy as np
import pytest

from flatbook.limits.ladder import Step
from flatbook.model.events import QuotesSeen, UnderlyingQuoted
from flatbook.model.instruments import Right
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure
from tests.engine.test_step import run
from tests.worlds import NOW_NS, fill, index_facts, option

_FILLS = (fill(1, "IDXW030C5000", "sell", 60, 90.0), fill(2, "IDXW090P4800", "sell", 20, 80.0))


def standing_of(measure, hard=1e6, fills=_FILLS, **scope):
    """The standing of one limit, and the cycle it stands in."""
    cycle = run(index_facts(fills=fills, limits=(Limit(measure=measure, limit_hard=hard, **scope),)))
    return cycle.standing.limits[0], cycle


@pytest.mark.parametrize(
    ("limit", "measure"),
    [
        (LimitMeasure.DELTA_USD, Measure.DELTA_USD),
        (LimitMeasure.GAMMA_USD_PER_PCT, Measure.GAMMA_USD_PER_PCT),
        (LimitMeasure.VEGA_USD_PER_POINT, Measure.VEGA_USD_PER_POINT),
    ],
)
def test_greek_limits_read_the_total_of_their_scope(limit, measure):
    """By underlying and for the desk."""
    one, cycle = standing_of(limit, underlying="IDX")
    desk, _ = standing_of(limit)

    assert one.value == pytest.approx(cycle.exposure.by_underlying[0, measure])
    assert desk.value == pytest.approx(one.value)
    assert one.utilisation == pytest.approx(abs(one.value) / 1e6)


def test_a_bucket_limit_reads_its_bucket():
    """Thirty days are in 1m, ninety in 3m; together they are the total."""
    near, cycle = standing_of(LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", bucket="1m")
    far, _ = standing_of(LimitMeasure.VEGA_USD_PER_POINT, underlying="IDX", bucket="3m")

    assert near.value + far.value == pytest.approx(cycle.exposure.desk[Measure.VEGA_USD_PER_POINT])
    assert near.value < far.value < 0.0


def test_series_and_class_limits_count_contracts():
    """The largest series by magnitude; the class net."""
    series, _ = standing_of(LimitMeasure.SERIES_CONTRACTS, hard=100)
    net, _ = standing_of(LimitMeasure.CLASS_CONTRACTS, hard=100, option_class="IDXW")

    assert (series.value, series.where, series.utilisation) == (-60.0, "IDXW030C5000", 0.6)
    assert (net.value, net.utilisation) == (-80.0, 0.8)


def test_concentration_is_the_largest_expirys_share_of_gross_vega():
    """In percent; an empty book is not concentrated."""
    standing, cycle = standing_of(LimitMeasure.CONCENTRATION_PCT, hard=90.0, underlying="IDX")
    gross = np.abs(cycle.exposure.by_slice[:, Measure.VEGA_USD_PER_POINT])
    empty, _ = standing_of(LimitMeasure.CONCENTRATION_PCT, hard=90.0, fills=())

    assert standing.value == pytest.approx(100.0 * gross.max() / gross.sum())
    assert "IDXW expiry" in standing.where
    assert empty.value == 0.0


def test_gap_and_capital_limits_name_the_move_that_decides():
    """Short calls and puts: the rally is worse."""
    gaps, cycle = standing_of(LimitMeasure.GAP_LOSS_USD, hard=1e9, underlying="IDX")
    capital, _ = standing_of(LimitMeasure.CAPITAL_USD, hard=1e9, underlying="IDX")

    assert gaps.value == pytest.approx(cycle.gaps.worst_by_underlying[0])
    assert gaps.where == "+20%"
    assert capital.value == pytest.approx(cycle.capital.by_underlying[0])
    assert capital.where == "+6.0%"


_NOT_OF_A_CYCLE = {
    LimitMeasure.SKEW_USD_PER_POINT, LimitMeasure.VAR_USD, LimitMeasure.ES_USD, LimitMeasure.MARGIN_PCT,
    LimitMeasure.DRAWDOWN_USD, LimitMeasure.BASIS_DEVIATION_USD, LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.ORDERS_PER_S,
    LimitMeasure.ORDERS_PER_MIN, LimitMeasure.FILLS_PER_S, LimitMeasure.FILLS_PER_MIN, LimitMeasure.CAPITAL_DIFFERENCE_USD,
}  # fmt: skip


@pytest.mark.parametrize(
    "measure",
    [m for m in LimitMeasure if m not in _NOT_OF_A_CYCLE | {LimitMeasure.CLASS_CONTRACTS}],
    ids=lambda m: m.value,
)
def test_the_slope_of_a_limit_is_what_one_more_contract_does_to_it(measure):
    """By buying one contract of a held series and measuring again."""
    hard = 1e6
    before, cycle = standing_of(measure, hard=hard, underlying="IDX")
    after, _ = standing_of(
        measure, hard=hard, underlying="IDX", fills=(*_FILLS, fill(3, "IDXW030C5000", "buy", 1, 90.0))
    )
    slope = cycle.standing.buy_slope[0, cycle.table.row_of("IDXW030C5000")]

    assert after.utilisation - before.utilisation == pytest.approx(slope, rel=0.02, abs=1e-12)


def test_a_limit_on_an_underlying_that_is_not_there_bounds_nothing():
    """Utilisation zero, no step."""
    for measure in (
        LimitMeasure.DELTA_USD,
        LimitMeasure.GAP_LOSS_USD,
        LimitMeasure.CAPITAL_USD,
        LimitMeasure.SERIES_CONTRACTS,
    ):
        standing, _ = standing_of(measure, underlying="NOTHING")
        assert (standing.value, standing.step) == (0.0, Step.NORMAL)


def test_the_desks_capital_moves_with_each_underlyings_own_worst_move():
    """Short index puts lose downward; short calls of a share lose upward: buying such a call back frees capital."""
    call = option("ACMEC105", 105.0, 30, Right.CALL, underlying="ACME", option_class="ACME")
    other = [
        option(f"ACME{r.name[0]}{k}", float(k), 30, r, underlying="ACME", option_class="ACME")
        for k in (95, 100)
        for r in Right
    ]

    def capital_of(contracts):
        facts = index_facts(
            fills=(fill(1, "IDXW030P4900", "sell", 60, 50.0), fill(2, "ACMEC105", "sell", contracts, 1.0)),
            limits=(Limit(measure=LimitMeasure.CAPITAL_USD, limit_hard=1e7),),
            days=(30,),
        )
        listed = type(facts[0])(received_ns=NOW_NS, instruments=(*facts[0].instruments, call, *other))
        symbols = ("ACMEC105", *(item.symbol for item in other))
        prices = (70, 620, 120, 350, 340)
        quotes = QuotesSeen(
            received_ns=NOW_NS, symbols=symbols, bid_ticks=prices, ask_ticks=tuple(p + 10 for p in prices)
        )
        spot = UnderlyingQuoted(received_ns=NOW_NS, underlying="ACME", price=100.0)
        cycle = run([listed, *facts[1:3], spot, quotes, *facts[3:]])
        return cycle.standing.limits[0].value, cycle

    before, cycle = capital_of(300)
    after, _ = capital_of(299)
    slope = cycle.standing.buy_slope[0, cycle.table.row_of("ACMEC105")] * 1e7

    assert set(np.sign(cycle.capital.worst_move)) == {-1.0, 1.0}
    assert after - before == pytest.approx(slope, rel=1e-6)
    assert slope < 0.0


def test_a_small_book_is_not_concentrated():
    """One contract is 100 % of nothing."""
    fills = (fill(1, "IDXW030C5000", "sell", 1, 90.0),)
    plain, _ = standing_of(LimitMeasure.CONCENTRATION_PCT, hard=60.0, fills=fills)
    floored, _ = standing_of(
        LimitMeasure.CONCENTRATION_PCT, hard=60.0, fills=fills, floor_usd_per_point=5_000.0
    )

    assert (plain.value, floored.value) == (100.0, 0.0)
