"""Exposures in coin: derivatives of the coin value itself, and the same P&L as in USD at the moved index."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as restruct

from flatbook.exposure.coin import CoinMeasure, coin_exposure, per_contract
from flatbook.model.instruments import Instrument, Kind, Payoff, Right
from flatbook.model.measures import Measure
from flatbook.valuation.revalue import revalue
from flatbook.valuation.values import value
from tests.naive.black import price as naive_price
from tests.worlds import PENNY, option, view_by_hand

_SPOT, _FORWARD, _VOL = 60_000.0, 61_200.0, 0.65
_OPTIONS = tuple(
    restruct(
        option(f"BTC-{strike:g}-{right.name[0]}", strike, 45, right, underlying="BTC", option_class="BTC", multiplier=1.0),
        payoff=Payoff.INVERSE, currency="BTC",
    )
    for strike in (40_000.0, 60_000.0, 80_000.0)
    for right in Right
)  # fmt: skip
_PERPETUAL = Instrument(
    symbol="BTC-PERPETUAL", underlying="BTC", kind=Kind.FUTURE, multiplier=10.0, currency="BTC", ticks_per_unit=2,
    tick_table=PENNY, payoff=Payoff.INVERSE,
)  # fmt: skip


def _market(vols=None):
    book = (*_OPTIONS, _PERPETUAL)
    market = view_by_hand(book, spot=_SPOT, vols=[*(vols or [_VOL] * 6), np.nan])
    forward = np.where(market.table.is_option, _FORWARD, np.nan)
    quoted = np.where(market.table.is_option, np.nan, _FORWARD)
    return replace(
        market, slice_forward=np.array([_FORWARD]), slice_future=np.array([_FORWARD]), forward=forward,
        unit=np.where(market.table.is_option, _FORWARD, 1.0), forward_fixed=np.ones(7, dtype=np.bool_), bid=quoted, ask=quoted,
    )  # fmt: skip


def _coins(row, move, vol=_VOL, years=45.0 / 365.0):
    """What one contract is worth in coin after a move, written out; a future against the price it has now."""
    forward = _FORWARD * (1.0 + move)
    if row == 6:
        return 10.0 / _FORWARD - 10.0 / forward
    item = _OPTIONS[row]
    return naive_price(forward, item.strike, years, vol, 1.0, float(item.right)) / forward


@pytest.mark.parametrize("row", range(7))
def test_each_measure_is_a_derivative_of_the_coin_value(row):
    """Central differences of the value in coin, options and future."""
    market = _market()
    found = per_contract(value(market), market)[row]
    h = 1e-4
    up, now, down = (_coins(row, move) for move in (h, 0.0, -h))

    assert found[CoinMeasure.VALUE_COIN] == pytest.approx(now, rel=1e-9, abs=1e-12)
    assert found[CoinMeasure.DELTA_COIN] == pytest.approx((up - down) / (2.0 * h), rel=1e-6, abs=1e-10)
    bend = (up - 2.0 * now + down) / h**2
    assert found[CoinMeasure.GAMMA_COIN_PER_PCT] == pytest.approx(bend / 100.0, rel=1e-4, abs=1e-8)
    if row < 6:
        vega = (_coins(row, 0.0, vol=_VOL + 1e-4) - _coins(row, 0.0, vol=_VOL - 1e-4)) / 2e-4
        theta = (
            _coins(row, 0.0, years=45.0 / 365.0 - 1e-5) - _coins(row, 0.0, years=45.0 / 365.0 + 1e-5)
        ) / 2e-5
        assert found[CoinMeasure.VEGA_COIN_PER_POINT] == pytest.approx(vega / 100.0, rel=1e-6)
        assert found[CoinMeasure.THETA_COIN_PER_DAY] == pytest.approx(theta / 365.0, rel=1e-6)


def test_the_net_delta_is_blacks_less_the_mark():
    """Deribit's Net Transaction Delta."""
    market = _market()
    values = value(market)
    found = per_contract(values, market)[:6]

    assert found[:, CoinMeasure.DELTA_COIN] == pytest.approx(
        found[:, CoinMeasure.DELTA_GROSS_COIN] - values.price[:6]
    )
    calls, puts = found[::2, CoinMeasure.DELTA_GROSS_COIN], found[1::2, CoinMeasure.DELTA_GROSS_COIN]
    assert calls - puts == pytest.approx(1.0)


def test_coins_and_usd_are_one_p_and_l():
    """Second order in coin, at the moved index, is the full revaluation in USD to third order."""
    market = _market()
    values = value(market)
    found = per_contract(values, market)
    for move, order in ((1e-3, 1e-9), (-1e-3, 1e-9)):
        delta, bend = found[:, CoinMeasure.DELTA_COIN], found[:, CoinMeasure.GAMMA_COIN_PER_PCT] * 100.0
        coins = delta * move + 0.5 * bend * move**2
        usd = revalue(market, values, np.arange(7), np.array([move]), np.zeros(1))[:, 0, 0]
        assert coins * _SPOT * (1.0 + move) == pytest.approx(usd, abs=20.0 * order * _SPOT)


def test_a_future_makes_what_the_venue_says():
    """Domain reference V32: 0.314538364 BTC of perpetual make these coins at 16 % down to 16 % up, by Deribit's own example."""
    market = _market()
    values = value(market)
    one = per_contract(values, market)[6]
    moves = np.array([-0.16, -0.12, -0.08, -0.04, 0.0, 0.04, 0.08, 0.12, 0.16])
    coins = revalue(market, values, np.array([6]), moves, np.zeros(1))[0, :, 0] / (_SPOT * (1.0 + moves))

    assert coins / one[CoinMeasure.DELTA_COIN] * 0.314538364 == pytest.approx(
        [-0.0599120693, -0.0428915951, -0.0273511621, -0.0131057652, 0.0, 0.0120976294, 0.0232991381, 0.0337005390, 0.0433846019],
        abs=1e-10,
    )  # fmt: skip
    assert one[CoinMeasure.DELTA_COIN] == pytest.approx(10.0 / _FORWARD)
    assert one[CoinMeasure.GAMMA_COIN_PER_PCT] == pytest.approx(-0.02 * 10.0 / _FORWARD)
    assert one[CoinMeasure.VALUE_COIN] == 0.0


def test_a_book_sums_its_contracts_and_names_its_coin():
    """Long options and a short future, nothing without a value in the sum."""
    market = _market(vols=[_VOL, _VOL, np.nan, _VOL, _VOL, _VOL])
    values = value(market)
    quantity = np.array([5, -3, 4, 0, 0, 0, -1200])
    found = coin_exposure(quantity, values, market)
    each = per_contract(values, market)

    assert found.coin == ("BTC",)
    assert found.known[0] == pytest.approx(5 * each[0] - 3 * each[1] - 1200 * each[6])
    assert found.unvalued.tolist() == [4.0]
    assert found.known[0, CoinMeasure.VEGA_COIN_PER_POINT] * _SPOT == pytest.approx(
        5 * values.greeks[0, Measure.VEGA_USD_PER_POINT] - 3 * values.greeks[1, Measure.VEGA_USD_PER_POINT]
    )


def test_an_underlying_without_coins_has_no_exposure_in_them():
    """NaN, not 0: there is no such number."""
    market = view_by_hand([option("C", 100.0, 30, Right.CALL)], spot=100.0, vols=[0.2])
    found = coin_exposure(np.array([5]), value(market), market)

    assert found.coin == ("",)
    assert np.isnan(found.known).all()
    assert not found.unvalued.any()
