"""Every further measure, and every level of the hierarchy, reads what it says it bounds."""

import numpy as np
import pytest

from flatbook.limits.check import check
from flatbook.limits.ladder import Step
from flatbook.limits.measured import Activity, Supplied
from flatbook.limits.readings import BY_ROW, READERS
from flatbook.model.errors import InvalidValueError
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure, ProductGroup
from tests.limits.books import ALL, MARKET, ROW, measured, quantities

BOOK = quantities(XYZC100D60=-10, XYZP90D3=4, XYZP110D60=-3, ABCC110D60=7, ABCP90D3=-4, BTCC100D60=5)
NOW = Activity(orders_per_s=3.0, orders_per_min=40.0, fills_per_s=1.0, fills_per_min=6.0)
_SUPPLIED = Supplied(
    skew_usd_per_point=np.array([100.0, -30.0, 20.0]),
    var_usd={"": 900.0, "XYZ": 500.0, "ABC": 300.0},
    es_usd={"": 1200.0},
    drawdown_usd={"": 250.0, "XYZ": -10.0},
    basis_deviation_usd={"": 80.0},
    margin_utilisation={"": 0.45, "XYZ": 0.3, "ABC": 0.6},
    activity={"": NOW},
)


def standing(measure, book=BOOK, hard=1000.0, supplied=_SUPPLIED, **scope):
    """The standing of one limit."""
    limit = Limit(measure=measure, limit_hard=hard, **scope)
    return check(measured(book, supplied=supplied), (limit,), {}).limits[0]


def test_every_measure_has_a_reader():
    """So that none is ever skipped."""
    assert set(READERS) == set(LimitMeasure)


@pytest.mark.parametrize(
    ("scope", "net", "gross"),
    [
        ({"series": "XYZC100D60"}, -10, 10),
        ({"option_class": "XYZ"}, -9, 17),
        ({"underlying": "XYZ"}, -9, 17),
        ({"underlying": "XYZ", "bucket": "2m"}, -13, 13),
        ({"bucket": "1w"}, 0, 8),
        ({"group": "shares"}, -6, 28),
        ({}, -11, 33),  # six net in dollars and five in coin: magnitudes add
    ],
)
def test_contracts_count_at_every_level_of_the_hierarchy(scope, net, gross):
    """Series, class, bucket, underlying, product group, desk."""
    assert standing(LimitMeasure.NET_CONTRACTS, **scope).value == net
    assert standing(LimitMeasure.GROSS_CONTRACTS, **scope).value == gross


@pytest.mark.parametrize(
    ("limit", "measure"),
    [
        (LimitMeasure.DELTA_USD, Measure.DELTA_USD),
        (LimitMeasure.VEGA_WEIGHTED_USD_PER_POINT, Measure.VEGA_WEIGHTED_USD_PER_POINT),
        (LimitMeasure.THETA_USD_PER_DAY, Measure.THETA_USD_PER_DAY),
    ],
)
def test_greeks_add_up_over_the_rows_of_a_scope(limit, measure):
    """Of one class, one series, one group, written out."""
    values = measured(BOOK).values.greeks[:, measure]
    of = np.array([item.underlying for item in ALL])
    by_hand = {name: float((BOOK * values)[(of == name) & (BOOK != 0)].sum()) for name in ("XYZ", "ABC")}

    assert standing(limit, option_class="XYZ").value == pytest.approx(by_hand["XYZ"])
    assert standing(limit, group="shares").value == pytest.approx(sum(by_hand.values()))
    assert standing(limit, series="XYZP90D3").value == pytest.approx(4 * values[ROW["XYZP90D3"]])


def test_the_same_side_of_the_market_counts_calls_and_puts_of_a_class_together():
    """Long calls and short puts; long puts and short calls. XYZ: 3 against 10 + 4; ABC: 7 + 4 against 0."""
    xyz, desk = (
        standing(LimitMeasure.SAME_SIDE_CONTRACTS, hard=20.0, **s) for s in ({"underlying": "XYZ"}, {})
    )
    abc = standing(LimitMeasure.SAME_SIDE_CONTRACTS, hard=20.0, underlying="ABC")

    assert (xyz.value, xyz.where) == (14.0, "XYZ, long puts and short calls")
    assert (abc.value, abc.where) == (11.0, "ABC, long calls and short puts")
    assert (desk.value, desk.where) == (14.0, "XYZ, long puts and short calls")


def test_a_same_side_limit_leans_on_what_opens_the_fuller_side():
    """Of XYZ selling calls and buying puts; short calls bought back relieve it, and so do long puts sold."""
    limit = Limit(measure=LimitMeasure.SAME_SIDE_CONTRACTS, limit_hard=20.0)
    found = check(measured(BOOK), (limit,), {})
    buy, sell = found.buy_slope[0] * 20.0, found.sell_slope[0] * 20.0
    slopes = {
        name: (round(buy[ROW[name]]), round(sell[ROW[name]]))
        for name in ("XYZC100D60", "XYZC110D60", "XYZP90D3", "XYZP110D60", "ABCC110D60")
    }

    assert slopes == {
        "XYZC100D60": (-1, 1),  # short
        "XYZC110D60": (0, 1),  # flat
        "XYZP90D3": (1, -1),  # long
        "XYZP110D60": (0, 0),  # short: bought back it relieves the other side, sold it fills it
        "ABCC110D60": (1, -1),
    }
    assert found.sell_room[ROW["XYZC110D60"]] == 6.0
    assert found.buy_room[ROW["XYZC100D60"]] == 10.0 + 17.0


@pytest.mark.parametrize(
    ("measure", "scope", "value"),
    [
        (LimitMeasure.SKEW_USD_PER_POINT, {"underlying": "XYZ"}, 100.0),
        (LimitMeasure.SKEW_USD_PER_POINT, {"group": "shares"}, 70.0),
        (LimitMeasure.SKEW_USD_PER_POINT, {}, 90.0),
        (LimitMeasure.VAR_USD, {}, 900.0),
        (LimitMeasure.VAR_USD, {"group": "shares"}, 800.0),
        (LimitMeasure.ES_USD, {}, 1200.0),
        (LimitMeasure.DRAWDOWN_USD, {}, 250.0),
        (LimitMeasure.DRAWDOWN_USD, {"underlying": "XYZ"}, 0.0),  # a new peak is no loss
        (LimitMeasure.BASIS_DEVIATION_USD, {}, 80.0),
        (LimitMeasure.MARGIN_PCT, {}, 45.0),
        (LimitMeasure.MARGIN_PCT, {"group": "shares"}, 60.0),
        (LimitMeasure.ORDERS_PER_S, {}, 3.0),
        (LimitMeasure.ORDERS_PER_MIN, {}, 40.0),
        (LimitMeasure.FILLS_PER_S, {}, 1.0),
        (LimitMeasure.FILLS_PER_MIN, {}, 6.0),
    ],
)
def test_what_is_supplied_is_read(measure, scope, value):
    """As it came; skew and coin apart from dollars."""
    assert standing(measure, **scope).value == pytest.approx(value)


@pytest.mark.parametrize("measure", sorted(set(LimitMeasure) - BY_ROW), ids=lambda measure: measure.value)
def test_what_nobody_measured_is_a_breach(measure):
    """Whatever else is known; and so is a measure of whole underlyings asked of one series."""
    known = {LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.CAPITAL_USD}
    known |= {LimitMeasure.CLASS_SHARE_PCT, LimitMeasure.UNDERLYING_SHARE_PCT}
    silent = standing(measure, hard=1e9, supplied=Supplied())
    narrow = standing(measure, hard=1e9, series="XYZC100D60")

    assert (silent.step is Step.HARD) == (measure not in known)
    assert narrow.step is Step.HARD
    assert "which counts as a breach" in narrow.reason


def test_a_measure_of_an_earlier_cycle_is_a_breach_once_it_is_stale():
    """At 60 s it still holds, a nanosecond later it does not; one from the future never does."""

    def step_at(age_ns, **more):
        old = Supplied(var_usd={"": 1.0}, measured_ns={LimitMeasure.VAR_USD: MARKET.now_ns - age_ns})
        return standing(LimitMeasure.VAR_USD, supplied=old, **more).step

    assert step_at(60 * 10**9) is Step.NORMAL
    assert step_at(60 * 10**9 + 1) is Step.HARD
    assert step_at(60 * 10**9 + 1, stale_after_s=61.0) is Step.NORMAL
    assert step_at(-1) is Step.HARD


def test_what_is_held_at_a_stale_price_is_a_breach_but_for_counts():
    """Delta of XYZ and of the desk are unknown; that of ABC, and contracts of XYZ, are not."""
    stale = Supplied(stale_underlyings={"XYZ": "the price of XYZ is 12 s old"})
    of_xyz = standing(LimitMeasure.DELTA_USD, hard=1e9, supplied=stale, underlying="XYZ")

    assert of_xyz.step is Step.HARD
    assert of_xyz.reason == "the price of XYZ is 12 s old, which counts as a breach"
    assert standing(LimitMeasure.DELTA_USD, hard=1e9, supplied=stale).step is Step.HARD
    assert standing(LimitMeasure.DELTA_USD, hard=1e9, supplied=stale, underlying="ABC").step is Step.NORMAL
    assert standing(LimitMeasure.GROSS_CONTRACTS, supplied=stale, underlying="XYZ").step is Step.NORMAL
    assert (
        standing(LimitMeasure.DELTA_USD, book=quantities(ABCC100D60=1), hard=1e9, supplied=stale).step
        is Step.NORMAL
    )


def test_the_worst_cell_of_the_slides_decides():
    """With its move and shift."""
    found, book = standing(LimitMeasure.SLIDE_LOSS_USD, underlying="XYZ"), measured(BOOK)
    pnl = book.supplied.slides.by_underlying[0]
    move, shift = np.unravel_index(np.argmin(pnl), pnl.shape)

    assert found.value == pytest.approx(-pnl.min())
    assert found.where == (
        f"{book.supplied.slides.moves[move]:+.0%}, {book.supplied.slides.shifts_points[shift]:+.0f} vol points"
    )


def test_shares_are_of_the_gap_losses_of_each_by_itself():
    """One class an underlying, so that both shares agree; below the floor nothing is concentrated."""
    losses = measured(BOOK).gaps.worst_by_underlying
    by_underlying = standing(LimitMeasure.UNDERLYING_SHARE_PCT, hard=90.0)
    by_class = standing(LimitMeasure.CLASS_SHARE_PCT, hard=90.0)

    assert by_underlying.value == pytest.approx(100.0 * losses.max() / losses.sum())
    assert (by_underlying.where, by_class.where) == ("XYZ", "XYZ")
    assert by_class.value == pytest.approx(by_underlying.value)
    assert standing(LimitMeasure.UNDERLYING_SHARE_PCT, floor_usd=1e9).value == 0.0
    assert standing(LimitMeasure.UNDERLYING_SHARE_PCT, book=quantities()).value == 0.0


@pytest.mark.parametrize(
    "measure",
    [LimitMeasure.UNDERLYING_SHARE_PCT, LimitMeasure.CLASS_SHARE_PCT, LimitMeasure.SLIDE_LOSS_USD],
)
def test_the_slope_of_a_loss_is_what_one_more_contract_does_to_it(measure):
    """By selling one call more and measuring again."""
    limit = Limit(measure=measure, limit_hard=50.0)
    before = check(measured(BOOK * 100), (limit,), {})
    after = check(measured(BOOK * 100 + quantities(XYZC110D60=-1)), (limit,), {})

    assert before.sell_slope[0, ROW["XYZC110D60"]] == pytest.approx(
        after.limits[0].utilisation - before.limits[0].utilisation, rel=0.02
    )


def test_an_unknown_group_is_a_breach_and_one_without_listed_members_bounds_nothing():
    """What nobody defined, nobody can measure."""
    groups = (ProductGroup(name="none", underlyings=("ZZZ",)),)
    limits = tuple(
        Limit(measure=LimitMeasure.DELTA_USD, group=name, limit_hard=1e9) for name in ("metals", "none")
    )
    unknown, empty = check(measured(BOOK, groups=groups), limits, {}).limits

    assert (unknown.step, unknown.reason.split(",")[0]) == (Step.HARD, "the desk has no group metals")
    assert (empty.step, empty.value) == (Step.NORMAL, 0.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"group": "shares", "underlying": "XYZ"}, "not both"),
        ({"soft_share": 0.95}, "soft_share <= critical_share"),
        ({"critical_share": 1.01}, "soft_share <= critical_share"),
        ({"cool_down_s": -1.0}, "cool_down_s"),
        ({"stale_after_s": 0.0}, "stale_after_s"),
        ({"tighten_fast_factor": 0.0}, "tighten_fast_factor"),
        ({"tighten_event_factor": 1.5}, "tighten_event_factor"),
        ({"tighten_days": float("nan")}, "tighten_days"),
    ],
)
def test_a_limit_that_is_no_bound_is_refused(wrong, told):
    """With its name."""
    with pytest.raises(InvalidValueError, match=told):
        Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1.0, **wrong)


def test_limits_of_every_level_have_names_of_their_own():
    """Names are how the journal and overrides know them."""
    scopes = (
        {}, {"underlying": "XYZ"}, {"group": "XYZ"}, {"option_class": "XYZW"}, {"bucket": "1w"}, {"series": "XYZC100D3"},
        {"underlying": "XYZ", "option_class": "XYZW"},
    )  # fmt: skip
    names = [Limit(measure=LimitMeasure.DELTA_USD, limit_hard=1.0, **scope).name for scope in scopes]

    assert names[:3] == ["desk/delta_usd", "XYZ/delta_usd", "XYZ group/delta_usd"]
    assert len(set(names)) == len(scopes)
