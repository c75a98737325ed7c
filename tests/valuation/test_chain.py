"""A class in one call: against QuantLib and single pricings, slides against moved inputs, vols against prices."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - as its users call it
from scipy.stats import norm

from flatbook.kernels import black, implied_vol
from flatbook.kernels.black import value_european
from flatbook.kernels.dividend_grid import price_cash_dividends
from flatbook.kernels.european import (
    COLUMNS,
    DELTA,
    DIVIDEND_RHO,
    GAMMA,
    PRICE,
    RHO,
    SPEED,
    THETA,
    VANNA,
    VEGA,
    VOLGA,
)
from flatbook.kernels.tree import price_american
from flatbook.valuation.chain import (
    NO_SPAN,
    Span,
    aged,
    faults,
    imply_into,
    prepare,
    refreshed,
    reprice_into,
    value_into,
)
from flatbook.valuation.chain_class import FAULTS
from flatbook.valuation.engines import Engine
from tests.valuation.option_classes import DIVIDENDS, SPOT, carried, moved, on_futures, option_class, some_of

MOVES, SHIFTS, NOW = np.array([-0.2, -0.05, 0.0, 0.1]), np.array([-0.05, 0.0, 0.1]), np.zeros(1)
OFTEN = 1e6
TOLERANCE = 1e-4
NOTHING = np.zeros(1)


def values(whole, columns=COLUMNS, tolerance=TOLERANCE, uses=1.0):
    """Columns of a class."""
    out = np.empty((columns, whole.strike.size))
    value_into(prepare(whole, tolerance=tolerance, uses=uses), out)
    return out


def slide(prepared, moves=MOVES, shifts=SHIFTS, years_later=NOW, executor=None):
    """Prices of a class in every scenario."""
    shape = (prepared.option_class.strike.size, moves.size, shifts.size, years_later.size)
    out = np.empty(shape)
    reprice_into(prepared, moves, shifts, years_later, out, executor)
    return out


def implied(whole, price, noise=1e-9, tolerance=TOLERANCE, uses=1.0):
    """Vols and reasons of a class."""
    n = price.size
    vol, reason = np.empty(n), np.empty(n, dtype=np.int8)
    blind = replace(whole, vol=np.full(n, np.nan))
    imply_into(prepare(blind, tolerance=tolerance, uses=uses), price, np.full(n, noise), vol, reason)
    return vol, reason


def off(found, expected):
    """Differences relative to max(price, 1 % of spot)."""
    return np.abs(found - expected) / np.maximum(expected, 0.01 * SPOT)


CLASSES = {
    "European": (option_class(60, american=0.0), 1.0, Engine.BLACK),
    "American, once": (option_class(60, american=1.0), 1.0, Engine.BOUNDARY),
    "American, often": (option_class(60, american=1.0), OFTEN, Engine.TABLE),
    "never early": (option_class(60, american=1.0, rate=0.0), 1.0, Engine.BLACK),
    "on futures": (on_futures(60, american=0.5), OFTEN, Engine.TABLE),
    "cash dividends": (option_class(40, american=0.7, dividends=True), 1.0, Engine.GRID),
    "escrowed": (option_class(30, american=1.0, dividends=True, spot_model=False), 1.0, Engine.ESCROWED),
}
EACH = pytest.mark.parametrize(("whole", "uses", "engine"), CLASSES.values(), ids=CLASSES.keys())


@EACH
def test_each_class_meets_its_engine(whole, uses, engine):
    choice = prepare(whole, tolerance=TOLERANCE, uses=uses).choice

    assert engine in choice.engine


def test_europeans_are_blacks_formula_to_the_last_digits():
    whole = option_class(200, american=0.0)
    at = whole.expiry_index
    raw = value_european(
        whole.spot[at], whole.forward[at], whole.strike, whole.years[at], whole.vol, whole.discount[at], whole.sign,
        whole.forward_fixed[at],
    )  # fmt: skip

    found = values(whole)
    assert found[: black.COLUMNS].T == pytest.approx(raw, rel=1e-9, abs=1e-9)
    assert np.isfinite(found[SPEED]).all()


@pytest.mark.parametrize("uses", [1.0, OFTEN])
def test_americans_are_quantlibs_within_the_error_that_is_stated(uses):
    whole = option_class(80, american=1.0)
    prepared = prepare(whole, tolerance=TOLERANCE, uses=uses)
    out = np.empty((COLUMNS, 80))
    value_into(prepared, out)
    theirs = np.array([_quantlib_american(whole, row) for row in range(80)])

    assert (off(out[PRICE], theirs) <= prepared.error + 1e-6).all()
    assert (prepared.error <= TOLERANCE).all()
    assert np.isnan(out[SPEED]).all()


def test_cash_dividends_are_quantlibs():
    """Its own grid of 800 x 1600 errs by 1e-4; dividends fall from spot."""
    whole = option_class(10, american=0.6, dividends=True)
    prepared = prepare(whole, tolerance=4e-4, uses=1.0)
    out = np.empty((4, 10))
    value_into(prepared, out[:1])
    theirs = np.array([_quantlib_dividends(whole, row) for row in range(10)])

    assert (off(out[PRICE], theirs) <= prepared.error + 3e-4).all()


@EACH
def test_few_columns_have_the_bits_of_many(whole, uses, engine):
    many = values(whole, COLUMNS, uses=uses)
    for columns in (1, 3, 4, 5, 7):
        assert np.array_equal(values(whole, columns, uses=uses), many[:columns], equal_nan=True), columns


@EACH
def test_greeks_are_bumps_of_the_price(whole, uses, engine):
    """By refreshing the prepared class at bumped inputs; standing and reference spot move together."""
    prepared = prepare(whole, tolerance=2e-5, uses=uses)
    prices = slide(prepared, np.array([-2e-3, 0.0, 2e-3]), np.array([-2e-3, 0.0, 2e-3]))[..., 0]
    found = np.empty((COLUMNS, whole.strike.size))
    value_into(prepared, found)
    spot = whole.spot[whole.expiry_index]
    away = found[GAMMA] > 1e-9  # exercised: beside the boundary a bump straddles it
    delta = (prices[:, 2, 1] - prices[:, 0, 1]) / (4e-3 * spot)
    vega = (prices[:, 1, 2] - prices[:, 1, 0]) / 4e-3

    assert away.sum() > 20
    assert found[DELTA, away] == pytest.approx(delta[away], abs=5e-3)
    assert np.median(np.abs(found[DELTA] - delta)) < 2e-4
    assert found[VEGA, away] == pytest.approx(vega[away], abs=0.25)
    assert np.median(np.abs(found[VEGA] - vega)) < 0.02


def test_greeks_refer_to_the_reference_spot():
    """Options on a future that is 2 % above spot: a dollar of spot is 1.02 dollars of the future."""
    plain = on_futures(40, american=1.0)
    beside = replace(plain, spot=plain.forward / 1.02)
    at_future = replace(plain, spot=plain.forward.copy())
    found, expected = values(beside), values(at_future)

    assert np.array_equal(found[PRICE], expected[PRICE])
    assert found[DELTA] == pytest.approx(1.02 * expected[DELTA], rel=1e-12)
    assert found[GAMMA] == pytest.approx(1.02**2 * expected[GAMMA], rel=1e-12)
    assert found[VANNA] == pytest.approx(1.02 * expected[VANNA], rel=1e-12)
    assert np.array_equal(found[VOLGA], expected[VOLGA])


def test_europeans_need_no_standing_spot():
    """Delta refers to the reference spot, theta carries from it."""
    whole = option_class(40, american=0.0)
    without = replace(whole, standing=np.full(whole.standing.size, np.nan))

    assert np.array_equal(values(without), values(whole))


def test_a_rate_leaves_a_fixed_forward_in_place():
    """Rho of an American option on a future: rate and yield move together; a European's is -years * price."""
    whole = on_futures(40, american=0.5)
    bump = 1e-4

    def at(change):
        rate = whole.rate + change
        return values(
            replace(whole, rate=rate, dividend_yield=rate, discount=np.exp(-rate * whole.years)),
            1,
            tolerance=2e-6,
        )[PRICE]

    found = values(whole, tolerance=2e-6)
    assert found[RHO] == pytest.approx((at(bump) - at(-bump)) / (2 * bump), abs=2e-2)
    assert (found[DIVIDEND_RHO] == 0.0).all()


@EACH
def test_a_cell_is_the_price_at_moved_inputs(whole, uses, engine):
    """Full revaluation: to the bit or its last digits where one engine prices both, else within the grid's error."""
    prepared = prepare(whole, tolerance=TOLERANCE, uses=uses)
    cells = slide(prepared)[..., 0]
    bound = {Engine.GRID: 2.0 * TOLERANCE}.get(engine, 1e-12)
    for j, move in enumerate(MOVES):
        for k, shift in enumerate(SHIFTS):
            alone = np.empty((1, whole.strike.size))
            value_into(refreshed(prepared, moved(whole, move, shift)), alone)
            assert off(cells[:, j, k], alone[PRICE]).max() <= bound, (move, shift)
            if engine is Engine.BOUNDARY or not whole.american.any():
                assert np.array_equal(cells[:, j, k], alone[PRICE])


def test_time_carries_the_forward_of_what_is_left():
    whole = option_class(50, american=0.0)
    years_later = np.array([0.0, 0.01, 0.05, 0.3, 5.0])
    cells = slide(prepare(whole, tolerance=TOLERANCE, uses=1.0), MOVES, SHIFTS, years_later)
    at = whole.expiry_index
    for t, later in enumerate(years_later):
        left = np.maximum(whole.years - later, 0.0)[at]
        for j, move in enumerate(MOVES):
            forward = SPOT * (1.0 + move) * np.exp((whole.rate - whole.dividend_yield)[at] * left)
            for k, shift in enumerate(SHIFTS):
                expected = _black(
                    forward, whole.strike, left, whole.vol + shift, np.exp(-whole.rate[at] * left), whole.sign
                )
                assert cells[:, j, k, t] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    gain = whole.sign[:, None] * (SPOT * (1.0 + MOVES) - whole.strike[:, None])
    assert cells[:, :, 0, -1] == pytest.approx(np.maximum(gain, 0.0), abs=1e-12)


def test_a_fixed_forward_stays_where_it_is_as_time_passes():
    whole = on_futures(30, american=0.0)
    later = aged(whole, 0.1)

    assert np.array_equal(later.forward, whole.forward)
    assert later.years == pytest.approx(np.maximum(whole.years - 0.1, 0.0))


def test_a_dividend_that_has_gone_ex_is_past():
    """European forwards and American grids alike; between ex-dates time only shortens the wait."""
    whole = option_class(20, american=1.0, dividends=True)
    for later in (0.05, 0.2, 0.7):
        old = aged(whole, later)
        left = np.maximum(whole.years - later, 0.0)
        expected = [carried(SPOT, years, 0.045, 0.0, DIVIDENDS[0] - later, DIVIDENDS[1]) for years in left]
        assert old.forward == pytest.approx(expected, rel=1e-12)

    prepared = prepare(whole, tolerance=4e-4, uses=1.0)
    cells = slide(prepared, NOTHING, NOTHING, np.array([0.2]))[:, 0, 0, 0]
    at = whole.expiry_index
    left, still = np.maximum(whole.years - 0.2, 0.0)[at], DIVIDENDS[0] > 0.2
    n = left.size
    expected = price_cash_dividends(
        np.full(n, SPOT), whole.strike, left, whole.vol, np.full(n, 0.045), np.zeros(n), whole.sign, np.ones(n),
        DIVIDENDS[0][still] - 0.2, DIVIDENDS[1][still], np.tile([0, still.sum()], (n, 1)), 481, 160,
    )[:, 0]  # fmt: skip
    assert off(cells, expected).max() < 1e-3


@EACH
def test_an_expiry_that_has_passed_is_worth_its_exercise(whole, uses, engine):
    cells = slide(prepare(whole, tolerance=TOLERANCE, uses=uses), MOVES, SHIFTS, np.array([9.0]))[..., 0]
    reached = np.where(whole.forward_fixed, whole.forward, whole.standing)[whole.expiry_index, None] * (
        1.0 + MOVES
    )
    gain = np.maximum(whole.sign[:, None] * (reached - whole.strike[:, None]), 0.0)

    assert cells == pytest.approx(np.repeat(gain[:, :, None], SHIFTS.size, axis=2), abs=1e-10)


def test_theta_is_what_a_day_costs():
    whole = option_class(60, american=0.5)
    day = 1.0 / 365.0 / 24.0
    prepared = prepare(whole, tolerance=2e-5, uses=1.0)
    prices = slide(prepared, NOTHING, NOTHING, np.array([0.0, day]))[:, 0, 0]
    theta = values(whole, tolerance=2e-5)[THETA]

    assert (prices[:, 1] - prices[:, 0]) / day == pytest.approx(theta, abs=0.6, rel=0.05)
    assert np.median(np.abs((prices[:, 1] - prices[:, 0]) / day - theta)) < 0.1


def test_times_of_the_span_are_ready_beforehand():
    whole = option_class(60, american=1.0)
    span = Span(moves=MOVES, shifts=SHIFTS, years_later=np.array([0.01, 0.1]))
    ready = prepare(whole, tolerance=TOLERANCE, uses=OFTEN, span=span)
    then = np.array([0.1, 0.01, 0.0])

    assert len(ready.later) == 2
    assert off(slide(ready, years_later=then), slide(prepare(whole, tolerance=TOLERANCE, uses=1.0), years_later=then)).max() < 2 * TOLERANCE  # fmt: skip


def test_call_less_put_is_the_forward_in_every_cell():
    calls = option_class(40, american=0.0, sign=np.ones(40))
    puts = replace(calls, sign=-calls.sign)
    both = [slide(prepare(one, tolerance=TOLERANCE, uses=1.0))[..., 0] for one in (calls, puts)]
    at = calls.expiry_index
    forward = calls.forward[at, None] * (1.0 + MOVES) - calls.strike[:, None]

    expected = np.repeat((calls.discount[at, None] * forward)[:, :, None], SHIFTS.size, axis=2)
    assert both[0] - both[1] == pytest.approx(expected, abs=1e-11)


def test_profiles_serve_slides_within_the_tolerance_and_beyond_them_each_cell_is_solved():
    whole = option_class(24, american=0.8, dividends=True)
    moves, shifts = np.linspace(-0.15, 0.15, 9), np.linspace(-0.04, 0.08, 7)
    span = Span(moves=moves, shifts=shifts, years_later=np.zeros(0))
    kept = prepare(whole, tolerance=1e-3, uses=100.0 * moves.size * shifts.size, span=span)
    plain = prepare(whole, tolerance=1e-4, uses=1.0)
    grid = next(part for part in kept.parts if part.setting.engine is Engine.GRID)

    assert grid.profiles is not None
    assert off(slide(kept, moves, shifts), slide(plain, moves, shifts)).max() < 1.1e-3
    far, wide = np.array([-0.6, -0.3, 0.25, 0.5]), np.array([-0.1, 0.6])
    assert off(slide(kept, far, shifts), slide(plain, far, shifts)).max() < 1.1e-3
    assert off(slide(kept, moves, wide), slide(plain, moves, wide)).max() < 1.1e-3
    assert np.isnan(slide(kept, np.array([-1.0]), NOTHING)).all()


@pytest.mark.parametrize(
    ("vol", "lowest", "highest", "reach"), [(0.16, -0.15, 0.44, 1.0), (0.3, -0.25, 0.9, 0.1)]
)
def test_a_series_whose_vols_are_far_apart_is_solved_at_each(vol, lowest, highest, reach):
    """From 1 to 60 % sixteen vols do not carry the value; nor a grid that far moves stretch: no profile there."""
    whole = option_class(60, american=0.8, dividends=True, vol=np.full(60, vol))
    moves, shifts = reach * MOVES, np.linspace(lowest, highest, 12)
    kept = prepare(
        whole, tolerance=1e-3, uses=1e4, span=Span(moves=moves, shifts=shifts, years_later=np.zeros(0))
    )
    plain = prepare(whole, tolerance=1e-4, uses=1.0)

    assert off(slide(kept, moves, shifts), slide(plain, moves, shifts)).max() < 1.1e-3


def test_profiles_outlive_a_tick_and_are_made_anew_after_a_long_way():
    whole = option_class(12, american=1.0, dividends=True)
    span = Span(moves=np.array([-0.1, 0.1]), shifts=np.array([0.0, 0.02]), years_later=np.zeros(0))
    kept = prepare(whole, tolerance=1e-3, uses=4e3, span=span)

    def grid(prepared):
        return next(part for part in prepared.parts if part.setting.engine is Engine.GRID)

    tick, far = refreshed(kept, moved(whole, 0.01)), refreshed(kept, moved(whole, 0.2))
    assert grid(tick).profiles is grid(kept).profiles
    assert grid(far).profiles is not grid(kept).profiles
    for prepared in (tick, far):
        plain = prepare(prepared.option_class, tolerance=1e-4, uses=1.0)
        assert (
            off(slide(prepared, span.moves, span.shifts), slide(plain, span.moves, span.shifts)).max()
            < 1.1e-3
        )


def test_tables_stay_while_rates_and_time_stay():
    whole = option_class(80, american=1.0)
    prepared = prepare(whole, tolerance=TOLERANCE, uses=OFTEN)
    tick = refreshed(prepared, moved(whole, 0.013, 0.02))

    assert tick.parts[0].tables is prepared.parts[0].tables
    assert np.array_equal(_all(tick), _all(prepare(moved(whole, 0.013, 0.02), tolerance=TOLERANCE, uses=OFTEN)), equal_nan=True)  # fmt: skip

    rate = whole.rate.copy()
    rate[2] += 0.01
    changed = replace(whole, rate=rate)
    renewed = refreshed(prepared, changed)
    pairs = zip(renewed.parts[0].tables, prepared.parts[0].tables, strict=True)
    assert sum(not np.array_equal(*pair, equal_nan=True) for pair in pairs) == 2
    assert np.array_equal(
        _all(renewed), _all(prepare(changed, tolerance=TOLERANCE, uses=OFTEN)), equal_nan=True
    )


def test_what_changes_its_engine_is_prepared_anew():
    whole = option_class(40, american=1.0, dividends=True)
    prepared = prepare(whole, tolerance=1e-3, uses=1.0)
    free = replace(whole, dividend_amounts=np.zeros(whole.dividend_amounts.size))

    assert Engine.GRID not in refreshed(prepared, free).choice.engine
    assert np.array_equal(
        _all(refreshed(prepared, free)), _all(prepare(free, tolerance=1e-3, uses=1.0)), equal_nan=True
    )


@EACH
def test_a_series_has_the_same_bits_whatever_its_neighbours(whole, uses, engine):
    rows = np.array([31 % whole.strike.size, 7, 2, 19])
    some = some_of(whole, rows)
    uses = 1e9 if uses == OFTEN else uses  # a table pays for one series as for many

    prepared, alone = (prepare(one, tolerance=TOLERANCE, uses=uses) for one in (whole, some))
    assert np.array_equal(_all(prepared)[:, rows], _all(alone), equal_nan=True)
    assert np.array_equal(slide(prepared)[rows], slide(alone))
    price = _all(prepared)[PRICE]
    vols, reasons = implied(whole, price, uses=uses)
    vols_alone, reasons_alone = implied(some, price[rows], uses=uses)
    assert np.array_equal(vols[rows], vols_alone, equal_nan=True)
    assert np.array_equal(reasons[rows], reasons_alone)


def test_two_threads_have_the_bits_of_one():
    whole = option_class(9000, american=0.3)
    dividends = option_class(150, american=1.0, dividends=True)
    with ThreadPoolExecutor(2) as two:
        for one, uses in ((whole, OFTEN), (dividends, 1.0)):
            prepared = prepare(one, tolerance=1e-3, uses=uses, executor=two)
            alone = prepare(one, tolerance=1e-3, uses=uses)
            assert len(prepared.parts) > len(set(prepared.choice.setting.tolist()))
            out, again = np.empty((5, one.strike.size)), np.empty((5, one.strike.size))
            value_into(prepared, out, two)
            value_into(alone, again)
            assert np.array_equal(out, again)
            assert np.array_equal(slide(prepared, executor=two), slide(alone))


@EACH
def test_vols_come_back_from_prices(whole, uses, engine):
    price = values(whole, 1, uses=uses)[PRICE]
    vol, reason = implied(whole, price, uses=uses)
    told = reason == implied_vol.OK

    assert told.sum() > 0.4 * told.size
    assert set(reason[~told].tolist()) <= {implied_vol.NO_TIME_VALUE, implied_vol.BELOW_INTRINSIC}
    assert np.isnan(vol[~told]).all()
    at_vol = values(replace(whole, vol=np.where(told, vol, 0.2)), 1, uses=uses)[PRICE]
    assert off(at_vol, price)[told].max() < 2.0 * TOLERANCE


@EACH
def test_a_price_that_tells_no_vol_has_its_reason(whole, uses, engine):
    n = whole.strike.size
    assert set(implied(whole, np.full(n, np.nan), uses=uses)[1]) == {implied_vol.NOT_FINITE}
    assert set(implied(whole, np.full(n, 1e4), uses=uses)[1]) == {implied_vol.ABOVE_BOUND}
    assert set(implied(whole, np.full(n, -1.0), uses=uses)[1]) == {implied_vol.BELOW_INTRINSIC}
    passed = replace(whole, years=np.zeros(whole.years.size))
    assert set(implied(passed, np.full(n, 200.0), uses=uses)[1]) == {implied_vol.EXPIRED}


def test_tables_answer_from_three_to_three_hundred_percent():
    """Their bits are not those of the direct engine, which answers beside them."""
    vol = np.exp(np.linspace(np.log(0.03), np.log(3.0), 60))
    whole = option_class(60, american=1.0, sign=-np.ones(60), vol=vol, strike=np.full(60, 100.0))
    found, direct = values(whole, 1, uses=OFTEN)[PRICE], values(whole, 1, uses=1.0)[PRICE]

    assert off(found, direct).max() < TOLERANCE
    assert (found != direct).all()


def test_vols_that_no_table_holds_are_solved_directly():
    whole = option_class(40, american=1.0, sign=-np.ones(40), vol=np.full(40, 4.5))
    found = values(whole, uses=OFTEN)
    direct = values(whole, uses=1.0)

    assert np.array_equal(found, direct, equal_nan=True)
    vol, reason = implied(whole, found[PRICE], uses=OFTEN)
    told = reason == implied_vol.OK
    assert told.sum() > 20
    assert vol[told] == pytest.approx(4.5, rel=1e-3)
    low = slide(
        prepare(replace(whole, vol=np.full(40, 0.1)), tolerance=TOLERANCE, uses=OFTEN),
        MOVES,
        np.array([-0.09]),
    )
    again = slide(
        prepare(replace(whole, vol=np.full(40, 0.1)), tolerance=TOLERANCE, uses=1.0), MOVES, np.array([-0.09])
    )
    assert np.array_equal(low, again)


@pytest.mark.parametrize("uses", [1.0, OFTEN])
@pytest.mark.parametrize(
    ("name", "row", "word"),
    [
        ("vol", True, "no volatility"),
        ("strike", True, "strike not above 0"),
        ("sign", True, "neither call nor put"),
        ("standing", False, "no price of the underlying"),
        ("rate", False, "no rate"),
        ("years", False, "time to expiry unknown"),
    ],
)
def test_what_is_missing_is_said_and_stays_where_it_is(name, row, word, uses):
    whole = option_class(40, american=1.0)
    column = getattr(whole, name).copy()
    column[3 if row else 2] = np.nan
    hurt = replace(whole, **{name: column})
    touched = np.arange(40) == 3 if row else whole.expiry_index == 2
    expected, found = values(whole, 5, uses=uses), values(hurt, 5, uses=uses)

    assert np.isnan(found[:, touched]).all()
    assert np.array_equal(found[:, ~touched], expected[:, ~touched])
    assert {FAULTS[code] for code in faults(hurt, found[PRICE])[touched].tolist()} == {word}
    assert (faults(hurt, found[PRICE])[~touched] == 0).all()
    cells = slide(prepare(hurt, tolerance=TOLERANCE, uses=uses))
    assert np.isnan(cells[touched]).all()
    assert np.isfinite(cells[~touched]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300])
def test_no_input_is_an_exception_and_none_harms_another_expiry(bad):
    """Every column in turn, every engine in the class; warnings are errors here."""
    mixed = option_class(48, american=0.7, dividends=True)
    mixed = replace(mixed, spot_model=np.arange(48) % 3 > 0)
    for name in (
        "spot", "standing", "forward", "years", "discount", "rate", "dividend_yield", "strike", "sign", "vol",
    ):  # fmt: skip
        column = getattr(mixed, name).copy()
        column[4 if column.size == 48 else 1] = bad
        hurt = replace(mixed, **{name: column})
        touched = np.arange(48) == 4 if column.size == 48 else mixed.expiry_index == 1
        prepared, expected = (prepare(one, tolerance=1e-3, uses=1.0) for one in (hurt, mixed))
        cells = slide(prepared, years_later=np.array([0.0, 0.1]))
        assert np.array_equal(_all(prepared)[:, ~touched], _all(expected)[:, ~touched], equal_nan=True), name
        assert np.array_equal(cells[~touched], slide(expected, years_later=np.array([0.0, 0.1]))[~touched]), (
            name
        )
        vol, reason = implied(hurt, np.full(48, 5.0), tolerance=1e-3)
        assert (np.isnan(vol) == (reason != implied_vol.OK)).all(), name


def test_a_row_without_an_expiry_has_no_value():
    whole = option_class(10, american=0.5)
    index = whole.expiry_index.copy()
    index[[2, 5]] = -1
    hurt = replace(whole, expiry_index=index)
    found = values(hurt)

    assert np.isnan(found[:, [2, 5]]).all()
    assert np.isfinite(np.delete(found[:5], [2, 5], axis=1)).all()
    assert FAULTS[faults(hurt, found[PRICE])[2]] == "no expiry"


def test_an_empty_class_is_no_trouble():
    whole = option_class(0, american=0.5)

    assert values(whole).shape == (COLUMNS, 0)
    assert slide(prepare(whole, tolerance=TOLERANCE, uses=1.0, span=NO_SPAN)).shape[0] == 0


def test_escrowed_dividends_are_those_of_the_trees():
    whole = option_class(20, american=1.0, dividends=True, spot_model=False)
    prepared = prepare(whole, tolerance=7e-4, uses=1.0)
    at = whole.expiry_index
    expected = price_american(
        np.full(20, SPOT), whole.strike, whole.years[at], whole.vol, whole.rate[at], whole.dividend_yield[at],
        whole.sign, 1201, *DIVIDENDS,
    )  # fmt: skip

    assert (off(_all(prepared)[PRICE], expected) <= prepared.error).all()


def _all(prepared):
    out = np.empty((COLUMNS, prepared.option_class.strike.size))
    value_into(prepared, out)
    return out


def _black(forward, strike, years, vol, discount, sign):
    """Textbook formula; at expiry what exercise gives."""
    deviation = np.where(years > 0.0, vol * np.sqrt(years), 1e-12)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    return discount * sign * (forward * norm.cdf(sign * d1) - strike * norm.cdf(sign * (d1 - deviation)))


def _quantlib_process(whole, row):
    today = ql.Date(2, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    counter, at = ql.Actual365Fixed(), int(whole.expiry_index[row])
    carry, rate = (
        ql.YieldTermStructureHandle(ql.FlatForward(today, float(value[at]), counter))
        for value in (whole.dividend_yield, whole.rate)
    )
    surface = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), float(whole.vol[row]), counter)
    )
    spot = ql.QuoteHandle(ql.SimpleQuote(float(whole.standing[at])))
    expiry = today + round(float(whole.years[at]) * 365)
    kind = ql.Option.Call if whole.sign[row] > 0 else ql.Option.Put
    payoff = ql.PlainVanillaPayoff(kind, float(whole.strike[row]))
    return ql.BlackScholesMertonProcess(spot, carry, rate, surface), payoff, today, expiry


def _quantlib_american(whole, row):
    process, payoff, today, expiry = _quantlib_process(whole, row)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(today, expiry))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme()))
    return option.NPV()


def _quantlib_dividends(whole, row):
    """Ex-dates fall on whole days there, so they are rounded here, too: within a twentieth of a cent."""
    process, payoff, today, expiry = _quantlib_process(whole, row)
    exercise = ql.AmericanExercise(today, expiry) if whole.american[row] else ql.EuropeanExercise(expiry)
    option = ql.VanillaOption(payoff, exercise)
    dates = [today + round(years * 365) for years in DIVIDENDS[0]]
    paid = ql.DividendVector(dates, DIVIDENDS[1].tolist())
    option.setPricingEngine(
        ql.FdBlackScholesVanillaEngine(
            process, paid, 400, 800, 0, ql.FdmSchemeDesc.Douglas(), False, -1.0,
            ql.FdBlackScholesVanillaEngine.Spot,
        )
    )  # fmt: skip
    return option.NPV()
