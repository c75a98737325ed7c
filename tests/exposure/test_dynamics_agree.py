"""One object tells how volatility follows spot: smile deltas, slides and the P&L explain agree, whatever its numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.exposure.aggregate import aggregate
from flatbook.exposure.explain import VEGA_TERMS, Term, explain
from flatbook.exposure.slides import slide
from flatbook.kernels.smile_row import ROW
from flatbook.limits.measured import Measured
from flatbook.limits.readings import read
from flatbook.margin.capital import requirement
from flatbook.market.dynamics import SpotVolDynamics
from flatbook.market.surface import FitReport, Surface
from flatbook.model.instruments import Payoff, Right, Style
from flatbook.model.measures import Measure
from flatbook.model.parameters import Limit, LimitMeasure, UnderlyingTerms
from flatbook.valuation.revalue import revalue
from flatbook.valuation.spot_vol import dynamics_of
from flatbook.valuation.values import at_fixed_vol, value
from tests.engine.test_step import run
from tests.naive.black import price as naive_price
from tests.worlds import desk, fill, index_desk, index_facts, option, share, view_by_hand

_SPOT, _RATE = 100.0, 0.03
_DAYS = (20.0, 90.0)
_SVI = (
    (0.0004, 0.010, -0.6, 0.005, 0.06),
    (0.0020, 0.030, -0.5, 0.010, 0.15),
)  # raw a, b, rho, m, s by expiry
_ZERO = np.zeros(1)
_ratios = st.floats(-0.5, 3.0)
_NO_REPORT = FitReport(
    points=0, rmse_vol_points=0.0, share_inside=1.0, share_within_half_spread=1.0, worst_point=-1, worst_half_spreads=0.0,
    butterfly_min=0.0, calendar_gap_min=0.0, refused=0, confidence=1.0,
)  # fmt: skip


def _smile(expiry, k):
    """The volatility of one expiry, written out."""
    a, b, rho, m, s = _SVI[expiry]
    return np.sqrt((a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + s**2))) / (_DAYS[expiry] / 365.0))


def _surface():
    rows = np.zeros((len(_DAYS), ROW))
    rows[:, :5] = _SVI
    one = np.arange(len(_DAYS))
    return Surface(
        version=1, slices=(), report=_NO_REPORT, keys=one, years=np.array(_DAYS) / 365.0, rows=rows,
        of=np.column_stack((one, one)), share=np.column_stack((np.ones(one.size), np.zeros(one.size))), reach=np.ones(one.size),
    )  # fmt: skip


def _market(instruments, *, with_surface=True, dividend_yield=0.01):
    """The instruments on XYZ at 100, every option at the volatility of the smile of its expiry."""
    plain = view_by_hand(
        instruments, spot=_SPOT, vols=[0.2] * len(instruments), rate=_RATE, dividend_yield=dividend_yield
    )
    if not with_surface:
        return plain
    by_days = np.array([_DAYS.index(round(years * 365.0, 6)) for years in plain.slice_years])
    on_smile = replace(plain, surfaces=(_surface(),) * len(plain.table.underlyings), slice_in_surface=by_days)
    rows = np.flatnonzero(plain.table.is_option)
    vol = plain.vol.copy()
    vol[rows] = on_smile.surface_vol(rows, np.log(plain.table.strike[rows] / plain.forward[rows]))
    return replace(on_smile, vol=vol)


def _book(style=Style.EUROPEAN, **more):
    options = [
        option(f"{right.name}{strike:.0f}D{days:.0f}", strike, days, right, style=style, **more)
        for days in _DAYS
        for right, strike in ((Right.PUT, 90.0), (Right.PUT, 97.0), (Right.CALL, 100.0), (Right.CALL, 108.0))
    ]
    return [*options, share()]


def _held(ratio, **more):
    return (
        UnderlyingTerms(
            symbol="XYZ", stickiness_days=(20.0, 90.0), stickiness=(ratio, 0.5 + ratio / 2.0), **more
        ),
    )


def _values(market, ratio=1.0, **more):
    return value(market, dynamics_of(desk(underlyings=_held(ratio, **more)), market.table.underlyings))


def _slope(market, values, step):
    """USD per unit of relative move, by central differences of the slide, for every contract."""
    rows = np.arange(len(market.table.instruments))
    pnl = revalue(market, values, rows, np.array([-step, step]), _ZERO)[:, :, 0]
    return (pnl[:, 1] - pnl[:, 0]) / (2.0 * step)


@settings(max_examples=20, deadline=None)
@given(ratio=_ratios)
def test_the_slope_of_the_slide_is_the_smile_delta(ratio):
    """Every contract: full revaluation on the smile that moved against delta + vega (R - 1) slope / spot."""
    market = _market(_book())
    values = _values(market, ratio)

    # Central differences: a sixth of the third derivative in the relative move, of the order of 1e5 USD, times step^2.
    assert values.greeks[:, Measure.DELTA_SMILE_USD] == pytest.approx(_slope(market, values, 1e-4), abs=2e-2)
    assert values.greeks[:, Measure.DELTA_SMILE_USD] == pytest.approx(
        values.greeks[:, Measure.DELTA_SMILE_SHARES] * _SPOT, rel=1e-12
    )


def test_american_options_agree_to_the_smoothness_of_their_engine():
    """The vega that comes with spot, of early-exercise premiums too; differences of a thousandth of spot, error of its square."""
    market = _market(_book(Style.AMERICAN))
    values = _values(market, 1.6)
    added = values.greeks[:, Measure.DELTA_SMILE_USD] - values.greeks[:, Measure.DELTA_USD]

    assert _slope(market, values, 1e-3) - _slope(market, at_fixed_vol(values, market), 1e-3) == pytest.approx(
        added, abs=1e-3 * np.abs(added).max()
    )


def test_cash_dividends_agree_to_the_error_of_their_grid():
    """Each volatility is solved on a grid of its own, held to 1e-3 of a price: differences of a hundredth of spot."""
    market = replace(
        _market(_book(Style.AMERICAN)),
        dividend_years=(np.array([0.03, 0.15]),),
        dividend_amount=(np.array([0.5, 0.5]),),
    )
    values = _values(market, 1.6)
    added = values.greeks[:, Measure.DELTA_SMILE_USD] - values.greeks[:, Measure.DELTA_USD]

    assert _slope(market, values, 1e-2) - _slope(market, at_fixed_vol(values, market), 1e-2) == pytest.approx(
        added, abs=0.1 * np.abs(added).max()
    )


@settings(max_examples=10, deadline=None)
@given(ratio=_ratios)
def test_coin_settled_options_agree(ratio):
    """Delta net of the premium in coin, volatility following."""
    plain = _market(_book(payoff=Payoff.INVERSE)[:-1], dividend_yield=_RATE)
    market = replace(plain, unit=plain.forward, discount=np.ones(plain.discount.size))
    values = _values(market, ratio)

    assert values.greeks[:, Measure.DELTA_SMILE_USD] == pytest.approx(_slope(market, values, 1e-4), abs=2e-2)


@pytest.mark.parametrize("move", [-0.2, -0.05, 0.1])
def test_a_slide_is_the_price_on_the_smile_that_moved(move):
    """Against the naive formula at the moved forward, at smile(k + (R - 1) x) plus the shift, cell by cell."""
    market = _market(_book())
    ratio, shift = 1.6, 0.02
    found = revalue(
        market, _values(market, ratio), np.arange(8), np.array([move]), np.array([0.0, 100.0 * shift])
    )
    for row in range(8):
        expiry, item = row // 4, market.table.instruments[row]
        by_expiry = (ratio, 0.5 + ratio / 2.0)[expiry]
        years, forward = _DAYS[expiry] / 365.0, float(market.forward[row])
        k = float(np.log(item.strike / forward))
        after = float(_smile(expiry, k + (by_expiry - 1.0) * np.log1p(move)))
        discount = float(np.exp(-_RATE * years))
        terms = (item.strike, years)
        before = naive_price(forward, *terms, float(_smile(expiry, k)), discount, int(item.right))
        for at, vol in enumerate((after, after + shift)):
            moved = naive_price(forward * (1.0 + move), *terms, vol, discount, int(item.right))
            assert found[row, 0, at] == pytest.approx(100.0 * (moved - before), abs=1e-8)


@given(ratio=_ratios, move=st.floats(-0.002, 0.002))
@settings(max_examples=20, deadline=None)
def test_explain_gives_to_spot_what_the_smile_delta_adds(ratio, move):
    """The spot-vol term is the difference of the two deltas times dS, to second order in the move."""
    market = _market(_book())
    quantity = np.array([-50, 30, 40, -20, 10, -30, 25, -15, 400])
    values = _values(market, ratio)
    later = _moved(market, values, move)
    found = explain(quantity, values, market, _values(later, ratio), later)
    total = aggregate(quantity, values, market, desk()).desk
    added = total[Measure.DELTA_SMILE_USD] - total[Measure.DELTA_USD]

    assert found.desk[Term.SPOT_VOL] == pytest.approx(added * move, abs=abs(added) * move**2 + 1e-9)
    assert found.desk.sum() == pytest.approx(found.pnl_desk, abs=1e-8)


@given(ratio=_ratios, move=st.floats(-0.002, 0.002))
@settings(max_examples=20, deadline=None)
def test_a_market_that_follows_its_dynamics_is_the_slide_and_leaves_no_other_vega(ratio, move):
    """The P&L to explain is the cell of the slide; no vega apart from spot, but for the bend of the smile."""
    market = _market(_book())
    quantity = np.array([-50, 30, 40, -20, 10, -30, 25, -15, 400])
    values = _values(market, ratio)
    later = _moved(market, values, move)
    found = explain(quantity, values, market, _values(later, ratio), later)
    cell = slide(quantity, values, market, np.array([move]), _ZERO).desk[0, 0]
    gross = float(np.abs(quantity * values.greeks[:, Measure.VEGA_USD_PER_POINT]).sum()) * 100.0

    assert found.pnl_desk == pytest.approx(cell, abs=1e-7)
    apart = found.desk[list(VEGA_TERMS)].sum()
    assert apart == pytest.approx(0.0, abs=gross * 20.0 * (ratio - 1.0) ** 2 * move**2 + 1e-9)
    # The third derivative in the relative move is up to 0.24 / (vol^2 years), some 300 notionals of 20 days; a sixth of it.
    assert found.desk[Term.RESIDUAL] == pytest.approx(0.0, abs=5e7 * abs(move) ** 3 + 1e-7)


def _moved(market, values, move):
    """The market once spot moved and volatilities followed `values.dynamics`, forwards in proportion; no time passes."""
    rows = np.flatnonzero(market.table.is_option)
    expiry = market.slice_in_surface[market.table.slice_of[rows]]
    dynamics = values.dynamics[0]
    k = np.log(market.table.strike[rows] / market.forward[rows])
    shifted = k + (dynamics.stickiness_at(market.years[rows]) - 1.0) * np.log1p(move)
    vol = market.vol.copy()
    vol[rows] = [float(_smile(int(e), at)) for e, at in zip(expiry, shifted, strict=True)]
    up = 1.0 + move
    return replace(
        market,
        spot=market.spot * up,
        slice_forward=market.slice_forward * up,
        slice_spot=market.slice_spot * up,
        forward=market.forward * up,
        vol=vol,
    )


def test_sticky_strike_is_the_default_and_keeps_every_bit():
    """Without a word of the desk: smile delta is delta, the slide is that of fixed volatilities, spot explains no vega."""
    market = _market(_book())
    said_nothing, one = value(market), _values(market, 1.0)
    fixed = at_fixed_vol(_values(market, 2.5), market)
    moves, shifts, rows = np.array([-0.3, -0.01, 0.0, 0.2]), np.array([-5.0, 0.0, 5.0]), np.arange(9)
    cells = [revalue(market, values, rows, moves, shifts) for values in (said_nothing, one, fixed)]

    assert np.array_equal(said_nothing.greeks, one.greeks)
    assert np.array_equal(one.greeks[:, Measure.DELTA_SMILE_USD], one.greeks[:, Measure.DELTA_USD])
    assert np.array_equal(cells[0], cells[1])
    assert np.array_equal(cells[0], cells[2])


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("ratio", [0.0, 1.0, 1.7])
def test_nothing_moves_nothing_lost(style, ratio):
    """The still cell is exactly 0 at any stickiness, alone or among others."""
    market = _market(_book(style))
    values = _values(market, ratio, spot_vol_beta=-1.0)
    alone = revalue(market, values, np.arange(9), _ZERO, _ZERO)
    among = revalue(market, values, np.arange(9), np.array([-0.1, 0.0, 0.1]), np.array([-1.0, 0.0]))

    assert (alone == 0.0).all()
    assert (among[:, 1, 1] == 0.0).all()


def test_without_a_smile_beta_and_tenor_tell_all_three():
    """1 % down lifts 20 days by sqrt(30 / 20) points and 90 days by sqrt(30 / 90), at every strike."""
    market = _market(_book(), with_surface=False)
    values = _values(market, 1.5, spot_vol_beta=-1.0)
    move = float(np.expm1(-0.01))
    lift = np.sqrt(30.0 / np.repeat(_DAYS, 4))
    rows = np.arange(8)
    by_lift = np.concatenate(
        [
            revalue(market, value(market), np.array([row]), np.array([move]), lift[[row]])[:, 0, 0]
            for row in rows
        ]
    )
    later = replace(market, spot=market.spot * (1.0 + move))
    found = explain(np.eye(9, dtype=np.int64)[2], values, market, value(later), later)

    assert values.greeks[:, Measure.DELTA_SMILE_USD] == pytest.approx(_slope(market, values, 1e-4), abs=2e-2)
    assert revalue(market, values, rows, np.array([move]), _ZERO)[:, 0, 0] == pytest.approx(by_lift, abs=1e-8)
    assert found.desk[Term.SPOT_VOL] == pytest.approx(values.greeks[2, Measure.VEGA_USD_PER_POINT] * lift[2])


def test_a_series_without_a_value_counts_with_the_volatility_that_beta_gives_it():
    """No smile tells of it, so its worst case grows by vega times the move of beta; without beta it is as ever."""
    market = _market(_book())
    vol = market.vol.copy()
    vol[0] = np.nan
    blind = replace(market, vol=vol)
    quantity = np.eye(9, dtype=np.int64)[0] * -10
    worst = [
        slide(quantity, _values(blind, 1.5, spot_vol_beta=beta), blind, np.array([-0.1, 0.0]), _ZERO).desk[
            :, 0
        ]
        for beta in (0.0, -1.0)
    ]
    peak = 10 * 100 * _SPOT * np.sqrt(20.0 / 365.0) / np.sqrt(2.0 * np.pi)

    assert worst[0] == pytest.approx([-10 * 100 * _SPOT * 0.1, 0.0])
    assert worst[1] - worst[0] == pytest.approx([peak * np.sqrt(1.5) * np.log(0.9), 0.0])


def test_capital_is_at_unchanged_volatility_and_the_gap_limit_is_not():
    """Rules on capital fix volatilities; a limit on gaps reads the slides, and its slope is theirs."""
    market = _market(_book())
    quantity = np.array([-50, 30, 40, -20, 10, -30, 25, -15, 0])
    the_desk = desk(underlyings=_held(2.0))
    fixed, follows = value(market), _values(market, 2.0)
    capital = [requirement(quantity, values, market, the_desk) for values in (fixed, follows)]
    measured = [_measured(quantity, values, market, the_desk) for values in (fixed, follows)]
    on_gap, on_capital = (
        [read(one, Limit(measure=measure, limit_hard=1e9)) for one in measured]
        for measure in (LimitMeasure.GAP_LOSS_USD, LimitMeasure.CAPITAL_USD)
    )

    assert np.array_equal(capital[0].pnl, capital[1].pnl)
    assert np.array_equal(on_capital[0].per_contract, on_capital[1].per_contract)
    assert abs(on_gap[1].value - on_gap[0].value) > 100.0
    assert on_gap[1].per_contract @ quantity == pytest.approx(on_gap[1].value, rel=1e-9)


def _measured(quantity, values, market, the_desk):
    from flatbook.exposure.slides import gap

    return Measured(
        exposure=aggregate(quantity, values, market, the_desk),
        gaps=gap(slide(quantity, values, market)),
        capital=requirement(quantity, values, market, the_desk),
        values=values,
        market=market,
        desk=the_desk,
    )


def test_underlyings_follow_their_own_dynamics():
    """The same options on a stickier underlying lose another delta."""
    market = _market([*_book(), *_book(underlying="ZZZ", option_class="ZZZ")[:-1]])
    terms = (*_held(1.0), UnderlyingTerms(symbol="ZZZ", stickiness=(2.0,)))
    values = value(market, dynamics_of(desk(underlyings=terms), market.table.underlyings))
    added = values.greeks[:, Measure.DELTA_SMILE_USD] - values.greeks[:, Measure.DELTA_USD]

    assert (added[:9] == 0.0).all()
    assert (np.abs(added[9:]) > 1.0).all()
    assert values.greeks[:, Measure.DELTA_SMILE_USD] == pytest.approx(_slope(market, values, 1e-4), abs=2e-2)


def test_a_cycle_carries_the_desk_s_dynamics_from_file_to_slides():
    """A fitted surface, R of 1.5: the slope of its ladder is the smile delta of its exposure, of the residual too."""
    terms = UnderlyingTerms(symbol="IDX", stickiness_days=(7.0, 90.0), stickiness=(1.8, 1.3))
    fills = (fill(1, "IDXW030C5000", "sell", 100, 100.0), fill(2, "IDXW090P4800", "buy", 40, 50.0))
    cycle = run(index_facts(fills=fills, the_desk=replace_terms(index_desk(), terms)))
    step = 1e-4
    pnl = slide(cycle.book.quantity, cycle.values, cycle.market, np.array([-step, step]), _ZERO).desk[:, 0]
    total = cycle.exposure.desk

    assert cycle.values.dynamics == (
        SpotVolDynamics(tenor_years=(7.0 / 365.0, 90.0 / 365.0), stickiness=(1.8, 1.3), beta=0.0),
    )
    assert abs(total[Measure.DELTA_SMILE_USD] - total[Measure.DELTA_USD]) > 1e4
    assert (pnl[1] - pnl[0]) / (2.0 * step) == pytest.approx(total[Measure.DELTA_SMILE_USD], abs=50.0)
    assert cycle.slides.desk[10, 4] == 0.0


def replace_terms(the_desk, terms):
    """The desk with one underlying on other terms."""
    from msgspec.structs import replace as restruct

    return restruct(the_desk, underlyings=(terms,))
