"""SPAN's spreads: CME's worked numbers, and tables whose arithmetic stands in the test."""

import numpy as np
import pytest

from flatbook.margin.legs import LegKind
from flatbook.margin.span import capital, span_marginals, span_requirement
from flatbook.margin.span_arrays import contracts_of
from flatbook.margin.span_parameters import (
    CreditMethod,
    InterSpread,
    IntraSpread,
    Side,
    SpanCommodity,
    SpanTier,
    SpotCharge,
    SpreadLeg,
)
from flatbook.margin.span_spreads import spread_charges
from flatbook.model.errors import InvalidValueError
from tests.margin.span_samples import contracts_of_arrays, crude, future_losses, legs_of, parameters_of

MONTHS = (0.1, 0.3, 0.6)
TIERS = (
    SpanTier(number=1, to_years=0.2),
    SpanTier(number=2, from_years=0.2, to_years=0.5),
    SpanTier(number=3, from_years=0.5),
)


def _between(
    priority: int, charge: float, first: int, second: int, ratios: tuple[float, float] = (1.0, 1.0)
) -> IntraSpread:
    legs = (
        SpreadLeg(side=Side.A, tier=first, ratio=ratios[0]),
        SpreadLeg(side=Side.B, tier=second, ratio=ratios[1]),
    )
    return IntraSpread(priority=priority, charge=charge, legs=legs)


@pytest.mark.parametrize(("held", "margin"), [((1, -1, 0), 200.0), ((1, 0, -1), 300.0), ((0, 1, -1), 250.0)])
def test_cmes_worked_calendar_spreads(held, margin) -> None:
    """CME, "Inter and Intra Spread Calculations": outrights 500, 500, 750; charges 200, 50, 0 between the months."""
    product = SpanCommodity(
        name="X",
        tiers=TIERS,
        spreads=(_between(1, 200.0, 1, 2), _between(2, 50.0, 1, 3), _between(3, 0.0, 2, 3)),
    )
    contracts = contracts_of_arrays(
        [future_losses(rate) for rate in (500.0, 500.0, 750.0)], month_years=MONTHS
    )
    for sign in (1.0, -1.0):
        found = span_requirement(contracts, sign * np.array(held, dtype=np.float64), parameters_of(product))
        assert found.maintenance == pytest.approx(margin)


def _corn_and_soybeans(**changed: object) -> InterSpread:
    usual: dict[str, object] = {
        "priority": 1,
        "rate": 0.55,
        "legs": (
            SpreadLeg(side=Side.A, combined="C", ratio=2.0),
            SpreadLeg(side=Side.B, combined="S"),
        ),
    }
    return InterSpread(**{**usual, **changed})  # type: ignore[arg-type]


def test_cmes_worked_spread_between_corn_and_soybeans() -> None:
    """The same page: corn 1,750, soybeans 2,500, two to one at 55 %: 6,000 outright, 3,300 saved, 2,700 left."""
    contracts = contracts_of_arrays([future_losses(1750.0), future_losses(2500.0)], combined=("C", "S"))
    parameters = parameters_of(inter_spreads=(_corn_and_soybeans(),))
    for held in ((2.0, -1.0), (-2.0, 1.0)):
        found = span_requirement(contracts, np.array(held), parameters)
        assert sum(one.scan for one in found.commodities) == 6000.0
        assert sum(one.credit for one in found.commodities) == pytest.approx(3300.0)
        assert found.maintenance == pytest.approx(2700.0)
        assert found.spreads == ((1, 1.0),)
    same_side = span_requirement(contracts, np.array([2.0, 1.0]), parameters)
    assert same_side.maintenance == 6000.0


def test_a_credit_is_weighted_by_volatility_and_time() -> None:
    """Active scenario 13 loses 900, its pair 700, time 60 and -20.

    Volatility-adjusted (900 + 700) / 2 = 800, time (60 - 20) / 2 = 20, futures price risk 780 over a net delta of 3: 260
    each. One spread takes 2 of them: 2 x 260 x 0.5 = 260. The other leg loses 400 over a delta of -1: 1 x 400 x 0.5.
    """
    straddle = np.zeros(16)
    straddle[[0, 1, 12, 13]] = 60.0, -20.0, 900.0, 700.0
    contracts = contracts_of_arrays([straddle, future_losses(400.0)], combined=("C", "S"), delta=[3.0, 1.0])
    found = span_requirement(
        contracts, np.array([1.0, -1.0]), parameters_of(inter_spreads=(_corn_and_soybeans(rate=0.5),))
    )
    corn, soybeans = found.commodities
    assert corn.scenario == 13
    assert corn.credit == pytest.approx(260.0)
    assert soybeans.credit == pytest.approx(200.0)
    assert found.maintenance == pytest.approx(900.0 + 400.0 - 460.0)


def test_credits_go_by_priority_and_use_deltas_up() -> None:
    """5 corn against 1 soybean and 2 oats: soybeans first take 2 corn, oats at two to one then 2 x 1.5 = 3."""
    oats = _corn_and_soybeans(
        priority=2,
        rate=0.4,
        legs=(
            SpreadLeg(side=Side.A, combined="C", ratio=2.0),
            SpreadLeg(side=Side.B, combined="O", ratio=1.0),
        ),
    )
    contracts = contracts_of_arrays(
        [future_losses(rate) for rate in (100.0, 250.0, 80.0)], combined=("C", "S", "O")
    )
    parameters = parameters_of(inter_spreads=(oats, _corn_and_soybeans()))
    found = span_requirement(contracts, np.array([5.0, -1.0, -2.0]), parameters)
    assert found.spreads == ((1, 1.0), (2, 1.5))
    credit = {one.combined: one.credit for one in found.commodities}
    assert credit["C"] == pytest.approx(2 * 100 * 0.55 + 3 * 100 * 0.4)
    assert credit["S"] == pytest.approx(250 * 0.55)
    assert credit["O"] == pytest.approx(1.5 * 80 * 0.4)


def test_a_flat_credit_is_shared_by_the_legs() -> None:
    contracts = contracts_of_arrays([future_losses(1750.0), future_losses(2500.0)], combined=("C", "S"))
    spread = _corn_and_soybeans(method=CreditMethod.FLAT, rate=300.0)
    found = span_requirement(contracts, np.array([4.0, -2.0]), parameters_of(inter_spreads=(spread,)))
    assert [one.credit for one in found.commodities] == [300.0, 300.0]


def test_a_credit_of_one_tier_goes_by_that_tier() -> None:
    """3 near and 1 far against 3 of the other: only near deltas count, by the near array alone."""
    tiers = (SpanTier(number=1, to_years=0.2),)
    spread = _corn_and_soybeans(
        legs=(SpreadLeg(side=Side.A, combined="C", tier=1), SpreadLeg(side=Side.B, combined="S"))
    )
    contracts = contracts_of_arrays(
        [future_losses(rate) for rate in (100.0, 700.0, 50.0)],
        combined=("C", "C", "S"),
        month_years=(0.1, 0.6, 0.1),
    )
    parameters = parameters_of(SpanCommodity(name="C", tiers=tiers), inter_spreads=(spread,))
    found = span_requirement(contracts, np.array([3.0, 1.0, -3.0]), parameters)
    assert found.commodities[0].credit == pytest.approx(3 * 100 * 0.55)
    assert found.commodities[1].credit == pytest.approx(3 * 50 * 0.55)


def test_the_minimum_for_short_options_holds_after_credits() -> None:
    contracts = contracts_of_arrays(
        [future_losses(-100.0), future_losses(100.0)],
        combined=("C", "S"),
        kind=[LegKind.PUT, LegKind.FUTURE],
        delta=[-1.0, 1.0],
        short_minimum=[70.0, 0.0],
    )
    spread = _corn_and_soybeans(
        rate=1.0, legs=(SpreadLeg(side=Side.A, combined="C"), SpreadLeg(side=Side.B, combined="S"))
    )
    found = span_requirement(contracts, np.array([-1.0, -1.0]), parameters_of(inter_spreads=(spread,)))
    assert [one.credit for one in found.commodities] == [100.0, 100.0]
    assert [one.risk for one in found.commodities] == [70.0, 0.0]


def test_spreads_are_formed_in_table_order_and_use_deltas_up() -> None:
    """Deltas +5, -3, -4 over three tiers, tier 1 holding two months (+2, +3).

    Priority 1, tiers 1 and 2: 3 spreads at 100 take the nearer month's 2 and 1 of the next. Priority 2, tiers 1 and 3:
    2 spreads at 40 take the rest. Left over: 2 short in tier 3. 3 x 100 + 2 x 40 = 380.
    Delivery in the nearest month: its 2 deltas are all in spreads: 2 x 7 = 14; outright would be 11.
    """
    product = SpanCommodity(
        name="X",
        tiers=TIERS,
        spreads=(_between(2, 40.0, 1, 3), _between(1, 100.0, 1, 2)),
        spot_charges=(SpotCharge(to_years=0.06, outright=11.0, spread=7.0),),
    )
    months = np.array([0.05, 0.1, 0.3, 0.6])
    found = spread_charges(product, months, np.array([2.0, 3.0, -3.0, -4.0]))
    assert found.formed == ((1, 3.0), (2, 2.0))
    assert found.intra == 380.0
    assert found.delivery == 14.0
    outright = spread_charges(product, months, np.array([2.0, 0.0, 0.0, 0.0]))
    assert (outright.intra, outright.delivery) == (0.0, 22.0)


def test_a_butterfly_and_a_spread_inside_a_tier() -> None:
    """1-2-1 over three tiers; then long and short months of one tier against each other."""
    butterfly = IntraSpread(
        priority=1,
        charge=30.0,
        legs=(
            SpreadLeg(side=Side.A, tier=1),
            SpreadLeg(side=Side.B, tier=2, ratio=2.0),
            SpreadLeg(side=Side.A, tier=3),
        ),
    )
    inside = _between(2, 9.0, 3, 3)
    product = SpanCommodity(name="X", tiers=TIERS, spreads=(butterfly, inside))
    months = np.array([0.1, 0.3, 0.6, 0.8])
    found = spread_charges(product, months, np.array([-4.0, 6.0, -5.0, 1.5]))
    assert found.formed == ((1, 3.0), (2, 1.5))
    assert found.intra == pytest.approx(3 * 30.0 + 1.5 * 9.0)


def test_bands_of_their_own_need_no_tier() -> None:
    legs = (
        SpreadLeg(side=Side.A, from_years=0.09, to_years=0.11),
        SpreadLeg(side=Side.B, from_years=0.29, to_years=0.31),
    )
    product = SpanCommodity(name="X", spreads=(IntraSpread(priority=1, charge=5.0, legs=legs),))
    assert spread_charges(product, np.array([0.1, 0.3, 0.6]), np.array([-2.0, 3.0, -1.0])).intra == 10.0


def test_options_deltas_count_in_the_month_of_their_future() -> None:
    """An option of 40 days counts in the future of 45: no spread; against the next future it is one."""
    product = crude(
        months_years=(45 / 365, 75 / 365),
        tiers=(SpanTier(number=1, to_years=0.15), SpanTier(number=2, from_years=0.15)),
        spreads=(_between(1, 1000.0, 1, 2),),
    )
    option = {"kind": LegKind.CALL, "strike": 75.0, "vol": 0.3, "years": 40 / 365, "quantity": 2.0}
    near = legs_of(option, {"years": 45 / 365, "quantity": -1.0})
    far = legs_of(option, {"years": 75 / 365, "quantity": -1.0})
    parameters = parameters_of(product)
    assert capital(near, parameters).found["commodities"][0]["intra_commodity_charge"] == 0.0
    delta = 2.0 * contracts_of(far, parameters).contracts.delta[0]
    charge = capital(far, parameters).found["commodities"][0]["intra_commodity_charge"]
    assert charge == pytest.approx(1000.0 * min(1.0, delta))


def test_contracts_of_two_sizes_spread_by_units_where_a_unit_is_given() -> None:
    """Ten of 100 units against one of 1,000 make one spread; without a unit they would make one and nine be left."""
    rows = ({"years": 0.1, "multiplier": 100.0, "quantity": 10.0}, {"years": 0.3, "quantity": -1.0})
    table = {"tiers": TIERS, "spreads": (_between(1, 60.0, 1, 2),)}
    found = capital(legs_of(*rows), parameters_of(crude(delta_unit=1000.0, **table)))
    assert found.requirement == pytest.approx(60.0)
    assert found.found["commodities"][0]["spreads"] == [{"priority": 1, "spreads": 1.0}]
    without = capital(legs_of(*rows), parameters_of(crude(**table)))
    assert any("delta_unit" in note for note in without.notes)


@pytest.mark.parametrize("clip", [1.0, 7.0])
def test_marginals_with_spreads_are_differences_of_full_runs(clip) -> None:
    products = (
        SpanCommodity(
            name="C",
            tiers=TIERS,
            spreads=(_between(1, 20.0, 1, 2),),
            spot_charges=(SpotCharge(to_years=0.2, outright=3.0, spread=1.0),),
        ),
        SpanCommodity(name="S"),
        SpanCommodity(name="O"),
    )
    parameters = parameters_of(*products, inter_spreads=(_corn_and_soybeans(),), initial_ratio=1.1)
    contracts = contracts_of_arrays(
        [future_losses(rate) for rate in (100.0, 120.0, 250.0, 60.0)],
        combined=("C", "C", "S", "O"),
        month_years=(0.1, 0.3, 0.1, 0.1),
    )
    held = np.array([4.0, -1.0, -2.0, 0.0])
    base = span_requirement(contracts, held, parameters).initial
    buy, sell = span_marginals(contracts, held, parameters, clip)
    for row in range(4):
        for signed, found in ((clip, buy), (-clip, sell)):
            moved = held + signed * (np.arange(4) == row)
            assert found[row] == pytest.approx(
                span_requirement(contracts, moved, parameters).initial - base, abs=1e-9
            )


def test_an_unknown_delta_makes_charges_and_credits_unknown() -> None:
    product = SpanCommodity(name="C", tiers=TIERS, spreads=(_between(1, 20.0, 1, 2),))
    contracts = contracts_of_arrays([future_losses(9.0)] * 2, combined=("C", "S"), delta=[np.nan, 1.0])
    alone = span_requirement(contracts, np.array([1.0, 0.0]), parameters_of(product))
    assert np.isnan(alone.maintenance)
    credit = span_requirement(
        contracts, np.array([1.0, -1.0]), parameters_of(inter_spreads=(_corn_and_soybeans(),))
    )
    assert np.isnan(credit.maintenance)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SpanTier(number=1, from_years=0.2, to_years=0.1),
        lambda: SpreadLeg(side=Side.A, ratio=0.0),
        lambda: SpreadLeg(side=Side.A, from_years=0.1),
        lambda: _between(1, -5.0, 1, 2),
        lambda: IntraSpread(priority=1, charge=1.0, legs=(SpreadLeg(side=Side.A),) * 2),
        lambda: SpanCommodity(name="X", spreads=(_between(1, 5.0, 1, 2),)),
        lambda: SpanCommodity(
            name="X",
            spreads=(
                IntraSpread(
                    priority=1,
                    charge=1.0,
                    legs=(SpreadLeg(side=Side.A), SpreadLeg(side=Side.A), SpreadLeg(side=Side.B)),
                ),
            ),
        ),
        lambda: _corn_and_soybeans(rate=55.0),
        lambda: _corn_and_soybeans(rate=float("nan")),
        lambda: _corn_and_soybeans(legs=(SpreadLeg(side=Side.A, combined="C"),)),
        lambda: SpotCharge(to_years=0.1, outright=-1.0, spread=0.0),
        lambda: parameters_of(
            inter_spreads=(
                _corn_and_soybeans(
                    legs=(SpreadLeg(side=Side.A, combined="C", tier=4), SpreadLeg(side=Side.B, combined="S"))
                ),
            )
        ),
    ],
)
def test_impossible_tables_are_refused(make) -> None:
    with pytest.raises(InvalidValueError):
        make()
