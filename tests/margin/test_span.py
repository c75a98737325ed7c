"""SPAN against published and worked numbers, and its laws."""

import dataclasses
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st

import flatbook
from flatbook.margin.legs import LegKind, ProductClass
from flatbook.margin.span import capital, span_marginals, span_requirement
from flatbook.margin.span_arrays import contracts_of
from flatbook.margin.span_parameters import (
    ScanRanges,
    ShortOptionMethod,
    SpanCommodity,
    SpanParameters,
)
from flatbook.model.errors import FaultsError, InvalidValueError
from tests.margin.span_samples import (
    contracts_of_arrays,
    crude,
    future_losses,
    legs_of,
    parameters_of,
)

PACKAGED = Path(flatbook.__file__).parent / "adapters" / "margin_parameters" / "span.toml"
CALL, PUT, FUTURE = int(LegKind.CALL), int(LegKind.PUT), int(LegKind.FUTURE)
# McMillan's S&P example, profits of one contract long: V33.
MCMILLAN_FUTURE = "0 0 3330 3330 -3330 -3330 6670 6670 -6670 -6670 10000 10000 -10000 -10000 7000 -7000"
MCMILLAN_CALL = "460 -610 2640 1730 -1270 -2340 5210 4540 -2540 -3430 8060 7640 -3380 -3990 3130 -1500"


def _row(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)


def test_v33_mcmillans_covered_write_from_arrays() -> None:
    """Published: the long call needs 3,990 by scenario 14, the covered write 6,620 by scenario 13."""
    contracts = contracts_of_arrays(
        [-_row(MCMILLAN_FUTURE), -_row(MCMILLAN_CALL)], kind=[FUTURE, CALL], value=[0.0, 6000.0]
    )
    long_call = span_requirement(contracts, np.array([0.0, 1.0]), parameters_of()).commodities[0]
    assert (long_call.scan, long_call.scenario, long_call.risk) == (3990.0, 14, 3990.0)
    write = span_requirement(contracts, np.array([1.0, -1.0]), parameters_of()).commodities[0]
    printed = _row("-460 610 690 1600 -2060 -990 1460 2130 -4130 -3240 1940 2360 -6620 -6010 3870 -5500")
    # The book rounds the future's thirds to 3,330 and 6,670: the printed row is the difference of the two, to the dollar.
    np.testing.assert_array_equal(write.losses, -printed)
    assert (write.scan, write.scenario, write.risk) == (6620.0, 13, 6620.0)


def test_v34_array_by_our_pricer() -> None:
    """All 16 numbers of V34 to its rounding, the premium, and one future against two calls."""
    legs = legs_of({}, {"kind": LegKind.CALL, "strike": 80.0, "vol": 0.35, "quantity": -2.0})
    parameters = parameters_of(crude(premium_style=False))
    contracts = contracts_of(legs, parameters).contracts
    printed = _row(
        "799.9 -814.0 1452.0 -323.1 239.2 -1175.1 2197.1 312.2 -233.7 -1426.9 3035.0 1099.5 -624.3 -1592.1 3003.4 -588.4"
    )
    np.testing.assert_allclose(-contracts.loss[1], printed, atol=0.0501)
    assert contracts.value[1] == pytest.approx(1808.27, abs=0.005)
    found = capital(legs, parameters)
    assert found.requirement == pytest.approx(3773.2, abs=0.05)
    assert found.found["commodities"][0]["worst_scenario"] == 16
    assert found.currency == "USD"


def test_arrays_and_composite_delta_against_quantlib() -> None:
    """A put whose volatility range is absolute, revalued three days later, by QuantLib's Black formula."""
    forward, strike, vol, years, rate, later = 104.0, 100.0, 0.22, 0.4, 0.05, 3 / 365
    ranges = ScanRanges(price_scan_points=6.0, vol_scan=0.04, vol_scan_relative=False)
    parameters = parameters_of(
        SpanCommodity(name="XX", ranges=ranges), extreme_multiple=2.0, extreme_cover=0.35, look_ahead_days=3.0
    )
    legs = legs_of(
        {
            "underlying": "XX",
            "kind": LegKind.PUT,
            "strike": strike,
            "vol": vol,
            "years": years,
            "rate": rate,
            "underlying_price": forward,
            "multiplier": 50.0,
        }
    )
    contracts = contracts_of(legs, parameters).contracts

    def black(price: float, sigma: float, time: float) -> float:
        deviation = sigma * time**0.5
        return QuantLib.blackFormula(QuantLib.Option.Put, strike, price, deviation, np.exp(-rate * time))

    now = black(forward, vol, years)
    left = years - later
    moves = [0, 0, 2, 2, -2, -2, 4, 4, -4, -4, 6, 6, -6, -6]
    expected = [
        now - black(forward + move, vol + 0.04 * (1 - 2 * (at % 2)), left) for at, move in enumerate(moves)
    ]
    expected += [0.35 * (now - black(forward + move, vol, left)) for move in (12.0, -12.0)]
    np.testing.assert_allclose(contracts.loss[0], 50.0 * np.array(expected), rtol=0, atol=1e-8)

    def delta(price: float) -> float:
        calculator = QuantLib.BlackCalculator(
            QuantLib.PlainVanillaPayoff(QuantLib.Option.Put, strike),
            price,
            vol * left**0.5,
            float(np.exp(-rate * left)),
        )
        return calculator.deltaForward()

    weights = {0: 0.270, 2: 0.217, -2: 0.217, 4: 0.111, -4: 0.111, 6: 0.037, -6: 0.037}
    composite = sum(weight * delta(forward + move) for move, weight in weights.items())
    assert contracts.delta[0] == pytest.approx(composite, abs=1e-9)


def test_packaged_parameters_give_a_bare_book_an_answer_that_says_so() -> None:
    parameters = msgspec.convert(tomllib.loads(PACKAGED.read_text()), SpanParameters, strict=False)
    found = capital(legs_of({"quantity": -3.0}), parameters)
    assert found.requirement == pytest.approx(3 * 0.08 * 75.0 * 1000.0)
    assert any("CL are generic" in note and "not a clearing house's" in note for note in found.notes)


def test_classes_without_ranges_are_refused_by_row() -> None:
    parameters = parameters_of(generic=ScanRanges(price_scan_pct=8.0, vol_scan=0.25))
    equity = {
        "underlying": "ABC",
        "product_class": ProductClass.EQUITY,
        "kind": LegKind.STOCK,
        "multiplier": 1.0,
    }
    coin = {"underlying": "BTC", "product_class": ProductClass.CRYPTO}
    with pytest.raises(FaultsError) as caught:
        capital(legs_of({}, equity, coin), parameters)
    assert "line 3" in str(caught.value)
    assert "ABC" in str(caught.value)
    assert "line 4" in str(caught.value)
    assert "coin" in str(caught.value)
    listed = SpanCommodity(name="ABC", ranges=ScanRanges(price_scan_pct=10.0, vol_scan=0.25))
    found = capital(legs_of({**equity, "quantity": 200.0}), parameters_of(listed))
    assert found.requirement == pytest.approx(200 * 7.5)


def test_an_extreme_move_below_zero_is_refused() -> None:
    legs = legs_of({"kind": LegKind.PUT, "strike": 10.0, "vol": 0.3, "underlying_price": 14.0})
    with pytest.raises(FaultsError, match=r"line 2.*an extreme move of 15"):
        capital(legs, parameters_of(crude()))


def test_commodities_of_two_currencies_are_refused() -> None:
    other = crude(name="FDAX", currency="EUR")
    with pytest.raises(FaultsError, match="EUR"):
        capital(legs_of({}, {"underlying": "FDAX"}), parameters_of(crude(), other))


def test_short_option_minimum_by_both_methods_and_premium() -> None:
    """Deep out of the money: 3 short calls and 2 short puts at 100 each, scan 0; what they are worth comes on top."""
    contracts = contracts_of_arrays(
        np.zeros((2, 16)), kind=[CALL, PUT], value=[7.0, 5.0], short_minimum=[100.0, 100.0]
    )
    held = np.array([-3.0, -2.0])
    for method, minimum in ((ShortOptionMethod.MAX, 300.0), (ShortOptionMethod.SUM, 500.0)):
        parameters = parameters_of(SpanCommodity(name="X", short_option_method=method))
        found = span_requirement(contracts, held, parameters)
        assert found.risk == minimum
        assert found.net_option_value == -31.0
        assert found.maintenance == minimum + 31.0
    unpaid = dataclasses.replace(contracts, premium_style=np.array([False, False]))
    assert span_requirement(unpaid, held, parameters_of()).maintenance == 500.0


def test_long_options_alone_are_capped_and_the_ratio_is_on_the_risk() -> None:
    """A (made-up) array that loses 150 of a value of 100 needs 100, of which the option itself is worth 100."""
    contracts = contracts_of_arrays(
        [np.full(16, 150.0), future_losses(1000.0)],
        kind=[CALL, FUTURE],
        value=[100.0, 0.0],
        premium_style=True,
    )
    alone = span_requirement(contracts, np.array([2.0, 0.0]), parameters_of(initial_ratio=1.35))
    assert (alone.risk, alone.maintenance, alone.initial) == (200.0, 0.0, 0.0)
    with_future = span_requirement(contracts, np.array([2.0, 1.0]), parameters_of(initial_ratio=1.35))
    assert with_future.risk == 1300.0
    assert with_future.initial == pytest.approx(1.35 * 1300.0 - 200.0)


def test_what_has_no_price_makes_the_requirement_unknown_not_zero() -> None:
    legs = legs_of(
        {}, {"kind": LegKind.CALL, "strike": 80.0, "price": 80.0}
    )  # above what any volatility gives
    found = capital(legs, parameters_of(crude()))
    assert np.isnan(found.requirement)
    assert np.isnan(found.maintenance)
    assert any("line 3" in note and "no price" in note for note in found.notes)
    not_held = legs_of({}, {"kind": LegKind.CALL, "strike": 80.0, "price": 80.0, "quantity": 0.0})
    found = capital(not_held, parameters_of(crude()))
    assert found.requirement == pytest.approx(5000.0)
    assert np.isfinite(found.marginal_buy[0])
    assert np.isnan(found.marginal_buy[1])
    (note,) = [one for one in found.notes if "line 3" in one]
    assert note.endswith("; what one contract more would change cannot be told")


@st.composite
def books(draw: st.DrawFn) -> list[dict[str, object]]:
    """Books of futures and European options on two commodities."""
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        row: dict[str, object] = {
            "underlying": draw(st.sampled_from(("CL", "HO"))),
            "kind": draw(st.sampled_from((LegKind.FUTURE, LegKind.CALL, LegKind.PUT))),
            "years": draw(st.sampled_from((0.02, 0.1, 0.5))),
            "quantity": float(draw(st.integers(-5, 5))),
        }
        if row["kind"] is not LegKind.FUTURE:
            row["strike"] = float(draw(st.sampled_from((60, 75, 77, 95))))
            row["vol"] = draw(st.sampled_from((0.15, 0.4)))
        rows.append(row)
    return rows


BOTH = parameters_of(
    crude(ranges=ScanRanges(price_scan_points=5.0, vol_scan=0.25, short_option_minimum=120.0)),
    crude(name="HO", short_option_method=ShortOptionMethod.MAX),
    initial_ratio=1.1,
)


@settings(max_examples=30)
@given(books(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_order_and_splitting_change_nothing(rows, part, random) -> None:
    whole = capital(legs_of(*rows), BOTH)
    split = [
        dict(rows[0], quantity=rows[0]["quantity"] - part),
        dict(rows[0], quantity=float(part)),
        *rows[1:],
    ]
    random.shuffle(split)
    again = capital(legs_of(*split), BOTH)
    assert again.requirement == pytest.approx(whole.requirement, abs=1e-6)
    assert again.maintenance == pytest.approx(whole.maintenance, abs=1e-6)


@settings(max_examples=30)
@given(books())
def test_together_never_more_than_apart(rows) -> None:
    """Of maintenance: a ratio above 1 is on the risk and not on the option value that stands against it."""
    apart = sum(capital(legs_of(row), BOTH).maintenance for row in rows)
    assert capital(legs_of(*rows), BOTH).maintenance <= apart + 1e-6


@settings(max_examples=30)
@given(books(), st.sampled_from((0.25, 1.0, 4.0, 30.0)))
def test_marginals_are_differences_of_full_runs(rows, clip) -> None:
    contracts = contracts_of(legs_of(*rows), BOTH).contracts
    held = np.array([row["quantity"] for row in rows])
    buy, sell = span_marginals(contracts, held, BOTH, clip)
    base = span_requirement(contracts, held, BOTH).initial
    for row in range(len(rows)):
        for signed, found in ((clip, buy), (-clip, sell)):
            moved = held.copy()
            moved[row] += signed
            full = span_requirement(contracts, moved, BOTH).initial - base
            assert found[row] == pytest.approx(full, abs=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_marginals_of_many_commodities_are_differences_of_full_runs(seed) -> None:
    """Long and short minima of both kinds, caps of long options, contracts not held, and one without an array."""
    random = np.random.default_rng(seed)
    n, names = 25, ("A", "B", "C", "D", "E")
    kind = random.choice([1, -1, int(LegKind.FUTURE)], n, p=[0.45, 0.45, 0.1])
    option = kind != LegKind.FUTURE
    loss = random.normal(0.0, 100.0, (n, 16))
    held = random.integers(-2, 3, n).astype(float)
    if seed % 3 == 0:  # a few long options and nothing else
        held = np.where(option & (random.random(n) < 0.3), np.abs(held), 0.0)
    unknown = int(random.integers(n))
    loss[unknown], held[unknown] = np.nan, 0.0
    contracts = contracts_of_arrays(
        loss,
        combined=tuple(names[row % len(names)] for row in range(n)),
        kind=kind,
        value=np.where(option, random.uniform(0.0, 60.0, n), 0.0),
        short_minimum=np.where(option, random.uniform(0.0, 400.0, n), 0.0),
    )
    listed = [crude(name=name, short_option_method=tuple(ShortOptionMethod)[name < "C"]) for name in names]
    parameters = parameters_of(*listed, initial_ratio=1.1, long_option_cap=seed % 4 > 0)
    base = span_requirement(contracts, held, parameters).initial
    for clip in (1.0, 2.5):
        buy, sell = span_marginals(contracts, held, parameters, clip)
        for row in range(n):
            for signed, found in ((clip, buy), (-clip, sell)):
                moved = held.copy()
                moved[row] += signed
                full = span_requirement(contracts, moved, parameters).initial - base
                assert found[row] == pytest.approx(full, abs=1e-9, nan_ok=True)
                assert np.isnan(found[row]) == (row == unknown)


@settings(max_examples=15)
@given(
    st.sampled_from((LegKind.CALL, LegKind.PUT)),
    st.sampled_from((40.0, 74.0, 75.0, 110.0)),
    st.floats(0.05, 1.5),
    st.floats(0.003, 3.0),
    st.booleans(),
)
def test_a_long_option_alone_needs_no_more_than_its_value(kind, strike, vol, years, american) -> None:
    row = {"kind": kind, "strike": strike, "vol": vol, "years": years, "rate": 0.04, "american": american}
    parameters = parameters_of(crude(), long_option_cap=False)
    legs = legs_of(row)
    value = contracts_of(legs, parameters).contracts.value[0]
    found = capital(legs, parameters)
    assert 0.0 <= found.requirement <= value + 1e-6
    risk = found.found["commodities"][0]["risk"]
    assert (
        risk <= value * (1 + 1e-9) + 1e-6
    )  # the arrays keep to it by themselves: the cap only guards others'


def test_marginals_of_capital_are_those_of_the_contract_for_each_leg() -> None:
    """Two legs of one contract are one; buying back a short option ends its minimum."""
    option = {"kind": LegKind.CALL, "strike": 120.0, "vol": 0.3, "years": 0.02}
    legs = legs_of({**option, "quantity": -3.0}, {**option, "quantity": 2.0})
    found = capital(legs, BOTH)
    assert found.requirement == pytest.approx(1.1 * 120.0, rel=1e-6)
    assert found.marginal_buy[0] == found.marginal_buy[1] == pytest.approx(-found.requirement)
    assert found.marginal_sell[0] == pytest.approx(found.requirement)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"extreme_cover": 1.2}, "extreme_cover"),
        ({"delta_weights": (0.3, 0.2, 0.1)}, "delta_weights"),
        ({"delta_weights": (0.3, 0.3, 0.2, 0.1)}, "come to 1"),
        ({"look_ahead_days": -1.0}, "look_ahead_days"),
        ({"initial_ratio": 0.9}, "initial_ratio"),
        ({"commodities": (crude(), crude())}, "twice"),
    ],
)
def test_impossible_parameters_are_refused(changed, said) -> None:
    with pytest.raises(InvalidValueError, match=said):
        parameters_of(**changed)


@pytest.mark.parametrize(
    "ranges",
    [
        {"vol_scan": 0.25},
        {"price_scan_points": 5.0, "price_scan_pct": 5.0, "vol_scan": 0.25},
        {"price_scan_points": -5.0, "vol_scan": 0.25},
        {"price_scan_points": float("nan"), "vol_scan": 0.25},
        {"price_scan_points": 5.0, "vol_scan": 1.0},
        {"price_scan_points": 5.0, "vol_scan": 0.25, "short_option_minimum": -1.0},
        {
            "price_scan_points": 5.0,
            "vol_scan": 0.2,
            "short_option_minimum": 1.0,
            "short_option_minimum_pct": 1.0,
        },
    ],
)
def test_impossible_ranges_are_refused(ranges) -> None:
    with pytest.raises(InvalidValueError):
        ScanRanges(**ranges)
