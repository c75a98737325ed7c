"""A breach is never masked: not by a missing value, not by an offset in another currency, not by an override that ended."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.limits.check import check
from flatbook.limits.ladder import Step
from flatbook.limits.measured import Activity, Supplied
from flatbook.limits.overrides import InForce, Override
from flatbook.limits.readings import READERS
from flatbook.model.parameters import Limit, LimitMeasure
from tests.limits.books import ALL, COIN, MARKET, ROW, N, measured, without

_NAN = float("nan")
_SKEW = 10.0 * np.arange(1.0, N + 1.0)
_CONTRACTS = st.integers(-40, 40)
_BOOKS = st.lists(_CONTRACTS, min_size=N - 1, max_size=N - 1).map(lambda held: np.array([*held, 0]))
_COIN_ROWS = np.array([ROW[item.symbol] for item in COIN])
_SUMS = (
    LimitMeasure.NET_CONTRACTS, LimitMeasure.GROSS_CONTRACTS, LimitMeasure.SERIES_CONTRACTS,
    LimitMeasure.SAME_SIDE_CONTRACTS, LimitMeasure.DELTA_USD, LimitMeasure.GAMMA_USD_PER_PCT,
    LimitMeasure.VEGA_USD_PER_POINT, LimitMeasure.VEGA_WEIGHTED_USD_PER_POINT, LimitMeasure.THETA_USD_PER_DAY,
    LimitMeasure.SKEW_USD_PER_POINT, LimitMeasure.GAP_LOSS_USD, LimitMeasure.SLIDE_LOSS_USD, LimitMeasure.CAPITAL_USD,
)  # fmt: skip
_SUPPLIED_BY_NAME = {
    LimitMeasure.VAR_USD: "var_usd", LimitMeasure.ES_USD: "es_usd", LimitMeasure.DRAWDOWN_USD: "drawdown_usd",
    LimitMeasure.BASIS_DEVIATION_USD: "basis_deviation_usd", LimitMeasure.MARGIN_PCT: "margin_utilisation",
}  # fmt: skip


def _limits(measures, hard=1.0, **scope):
    return tuple(Limit(measure=measure, limit_hard=hard, **scope) for measure in measures)


def _supplied(book):
    table = MARKET.table
    skew = np.bincount(table.underlying_of, weights=book * _SKEW, minlength=len(table.underlyings))
    return Supplied(skew_usd_per_point=skew, contract_skew_usd_per_point=_SKEW)


def _used(book, market=MARKET, measures=_SUMS):
    """Utilisation of limits of 1 on the desk, NaN as endless."""
    found = check(measured(book, market=market, supplied=_supplied(book)), _limits(measures), {})
    return np.nan_to_num(np.array([one.utilisation for one in found.limits]), nan=np.inf)


@settings(max_examples=40, deadline=None)
@given(book=_BOOKS, missing=st.sets(st.integers(0, N - 2), min_size=1))
def test_a_missing_value_never_brings_a_utilisation_down(book, missing):
    """Whichever series lose their volatility, each limit is used at least as far as with it."""
    blind = without(*(ALL[row].symbol for row in missing))

    assert (_used(book, blind) >= _used(book) * (1.0 - 1e-12)).all()


@settings(max_examples=20, deadline=None)
@given(book=_BOOKS, gone=st.integers(0, 2))
def test_a_missing_price_of_an_underlying_never_brings_a_utilisation_down(book, gone):
    """Its Greeks and losses are unknown: a breach where any of it is held."""
    spot = MARKET.spot.copy()
    spot[gone] = _NAN
    mine = MARKET.table.underlying_of == gone
    blind = replace(
        MARKET,
        spot=spot,
        vol=np.where(mine, _NAN, MARKET.vol),
        forward=np.where(mine, _NAN, MARKET.forward),
    )

    assert (_used(book, blind) >= _used(book) * (1.0 - 1e-12)).all()


@settings(max_examples=40, deadline=None)
@given(book=_BOOKS)
def test_what_is_held_in_one_currency_never_offsets_what_is_held_in_another(book):
    """Dollars and coin together use each limit at least as far as either alone."""
    coin = np.zeros_like(book)
    coin[_COIN_ROWS] = book[_COIN_ROWS]
    both = _used(book)

    assert (both >= _used(coin) * (1.0 - 1e-12)).all()
    assert (both >= _used(book - coin) * (1.0 - 1e-12)).all()


_ENDLESS = st.floats(1e-6, 1e300)
_OVERRIDES = st.tuples(_ENDLESS, st.integers(-(10**15), 10**15))


@settings(max_examples=40, deadline=None)
@given(book=_BOOKS, override=_OVERRIDES, hard=st.floats(1.0, 1e6))
def test_an_override_past_its_end_changes_nothing_and_one_before_it_holds(book, override, hard):
    """To the nanosecond."""
    overridden, lasts_ns = override
    limits, book = _limits(_SUMS, hard), measured(book, supplied=_supplied(book))
    in_force = InForce(
        overrides={
            limit.name: Override(
                limit_hard=overridden, owner="cro", reason="roll", until_ns=MARKET.now_ns + lasts_ns
            )
            for limit in limits
        }
    )
    told = check(book, limits, {}, in_force).limits
    plain = check(book, _limits(_SUMS, overridden if lasts_ns > 0 else hard), {}).limits

    assert [(one.step, one.limit_hard) for one in told] == [(one.step, one.limit_hard) for one in plain]


@settings(max_examples=40, deadline=None)
@given(
    measure=st.sampled_from(sorted(set(READERS) - {LimitMeasure.UNUSABLE_QUOTES_PCT})),
    hard=_ENDLESS,
    wrong=st.sampled_from((_NAN, float("inf"), -float("inf"), None)),
)
def test_no_override_and_no_memory_loosens_what_is_unknown(measure, hard, wrong):
    """A held option without value or price, and everything that is supplied missing or no number."""
    book = np.zeros(N, dtype=np.int64)
    book[0] = 1
    spot = np.full(3, _NAN)
    nothing = replace(MARKET, spot=spot, vol=np.full(N, _NAN), forward=np.full(N, _NAN))
    amounts = {} if wrong is None else {"": wrong}
    supplied = Supplied(
        **dict.fromkeys(_SUPPLIED_BY_NAME.values(), amounts),
        activity={} if wrong is None else {"": Activity(orders_per_s=wrong, orders_per_min=wrong, fills_per_s=wrong, fills_per_min=wrong)},
        skew_usd_per_point=None if wrong is None else np.full(3, wrong),
    )  # fmt: skip
    limit = Limit(measure=measure, limit_hard=1.0)
    forever = Override(limit_hard=hard, owner="cro", reason="roll", until_ns=2**62)
    found = check(
        measured(book, market=nothing, supplied=supplied),
        (limit,),
        {},
        InForce(overrides={limit.name: forever}),
    )
    counted = measure.value.endswith("_contracts")

    assert counted or found.limits[0].step is Step.HARD
    assert counted or found.limits[0].reason


def test_nan_vega_of_a_held_series_is_no_concentration_of_zero():
    """Where the sum of vegas is no number, the share is none either, and that is a breach."""
    book = measured(np.where(np.arange(N) < 3, 5, 0))
    broken = replace(book.exposure, by_slice=np.full_like(book.exposure.by_slice, _NAN))
    limit = Limit(measure=LimitMeasure.CONCENTRATION_PCT, limit_hard=99.0, floor_usd_per_point=1e9)

    assert check(replace(book, exposure=broken), (limit,), {}).limits[0].step is Step.HARD


@pytest.mark.parametrize("held", [0, 5])
def test_both_sides_of_every_series_answer_for_what_is_unknown(held):
    """Nobody knows which side adds."""
    book = np.zeros(N, dtype=np.int64)
    book[0] = held
    limit = Limit(measure=LimitMeasure.VAR_USD, limit_hard=1.0)
    found = check(measured(book), (limit,), {})

    assert {response.step for response in found.responses} == {Step.HARD}
    assert {response.limit for response in found.responses} == {"desk/var_usd"}
