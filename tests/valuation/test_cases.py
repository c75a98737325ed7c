"""Columns in, columns out: published values through one call, engines by what an option is, reasons instead of guesses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatbook.valuation.case_values import GREEKS, imply_cases, value_cases
from flatbook.valuation.cases import OK, Cases, Dividend, class_of, standing


def cases(*rows, **common):
    """Cases from dictionaries; what is not said has a plain default."""
    plain = {
        "american": False, "right": "call", "spot": np.nan, "forward": np.nan, "strike": 100.0, "years": 1.0, "rate": 0.05,
        "dividend_yield": 0.0, "vol": 0.2, "dividends": (), "spot_model": True, "coin": False, "engine": "auto",
    }  # fmt: skip
    full = [plain | common | row for row in rows]
    numbers = {
        n: np.array([row[n] for row in full], dtype=np.float64)
        for n in ("spot", "forward", "strike", "years", "rate", "dividend_yield", "vol")
    }
    yes = {n: np.array([row[n] for row in full], dtype=np.bool_) for n in ("american", "spot_model", "coin")}
    return Cases(
        **numbers,
        **yes,
        sign=np.array([{"call": 1.0, "put": -1.0}.get(row["right"], 0.0) for row in full]),
        dividends=tuple(tuple(Dividend(*one) for one in row["dividends"]) for row in full),
        engine=tuple(row["engine"] for row in full),
    )


def answer(name, *rows, **common):
    """One column of the answers."""
    return value_cases(cases(*rows, **common)).greeks[GREEKS.index(name)]


def test_published_values_come_through_one_call():
    """V27 European, V20(a) escrowed dividends, V29 coin-settled, V26 American, V21 American call on a yield."""
    price = answer(
        "price",
        {"spot": 42.0, "strike": 40.0, "rate": 0.1, "years": 0.5},
        {"spot": 42.0, "strike": 40.0, "rate": 0.1, "years": 0.5, "right": "put"},
        {
            "spot": 40.0,
            "strike": 40.0,
            "rate": 0.09,
            "vol": 0.3,
            "years": 0.5,
            "dividends": ((2 / 12, 0.5), (5 / 12, 0.5)),
            "spot_model": False,
        },
        {
            "forward": 39_165.86,
            "strike": 40_000.0,
            "rate": 0.0,
            "vol": 0.6086,
            "years": 0.882499,
            "coin": True,
        },
        {
            "spot": 50.0,
            "strike": 50.0,
            "rate": 0.1,
            "vol": 0.4,
            "years": 5 / 12,
            "right": "put",
            "american": True,
        },
        {"spot": 100.0, "strike": 95.0, "rate": 0.03, "dividend_yield": 0.06, "vol": 0.25, "american": True},
    )

    assert price[:2] == pytest.approx([4.7594, 0.8086], abs=5e-5)
    assert price[2] == pytest.approx(3.67, abs=5e-3)
    assert price[3] == pytest.approx(0.216915, abs=5e-7)
    assert price[4] == pytest.approx(4.2841, abs=2e-4)  # the limit of V26's sequence 4.2830, 4.2839
    assert price[5] == pytest.approx(10.81748098, abs=1e-6)


def test_greeks_are_the_published_ones():
    """V27: S=49, K=50, r=5 %, vol 20 %, 20 weeks."""
    found = value_cases(cases({"spot": 49.0, "strike": 50.0, "years": 20 / 52})).greeks[:, 0]
    published = {
        "price": 2.4005,
        "delta": 0.5216,
        "gamma": 0.06554,
        "vega": 12.105,
        "theta": -4.3053,
        "rho": 8.9070,
        "vanna": 0.13913,
        "volga": -0.22908,
        "charm": -0.19676,
    }

    for name, value in published.items():
        assert found[GREEKS.index(name)] == pytest.approx(value, rel=2e-4), name


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "either a spot or a forward"),
        ({"spot": 1.0, "forward": 1.0}, "either a spot or a forward"),
        ({"spot": -1.0}, "above 0"),
        ({"spot": 100.0, "strike": 0.0}, "strike"),
        ({"spot": 100.0, "years": -0.1}, "years"),
        ({"spot": 100.0, "vol": np.nan}, "vol"),
        ({"spot": 100.0, "rate": np.nan}, "rate"),
        ({"spot": 100.0, "right": "straddle"}, "call or put"),
        ({"spot": 100.0, "engine": "oracle"}, "no engine 'oracle'"),
        ({"spot": 100.0, "american": True, "engine": "black"}, "European"),
        ({"spot": 100.0, "coin": True}, "coin settlement"),
        ({"forward": 100.0, "dividends": ((0.5, 1.0),)}, "cash dividends need a spot"),
    ],
)
def test_what_cannot_be_valued_says_why_and_stops_nobody(row, words):
    """Its neighbour is priced as if it were alone."""
    good = {"spot": 100.0}
    found = value_cases(cases(row, good))

    assert words in found.status[0]
    assert np.isnan(found.greeks[:, 0]).all()
    assert found.status[1] == OK
    assert found.greeks[:, 1].tolist() == value_cases(cases(good)).greeks[:, 0].tolist()


@settings(max_examples=40, deadline=None)
@given(
    american=st.booleans(),
    right=st.sampled_from(["call", "put"]),
    strike=st.floats(70.0, 140.0),
    years=st.floats(0.05, 2.0),
    vol=st.floats(0.1, 0.8),
    on_forward=st.booleans(),
)
def test_a_price_implies_the_volatility_it_came_from(american, right, strike, years, vol, on_forward):
    """Or says that it tells none."""
    where = {"forward": 100.0} if on_forward else {"spot": 100.0, "dividend_yield": 0.02}
    one = cases(
        {
            "american": american,
            "right": right,
            "strike": strike,
            "years": years,
            "vol": vol,
            "engine": "auto",
            **where,
        }
    )
    price = value_cases(one).greeks[0]
    implied = imply_cases(one, price, noise=1e-6)
    found, (status,) = implied.vol, implied.status

    if status == OK:
        assert found[0] == pytest.approx(vol, abs=1e-4 if american else 1e-7)
    else:
        assert np.isnan(found[0])
        assert status in ("below intrinsic value", "time value too small to tell a volatility")


def test_bad_prices_are_flagged_not_inverted():
    """Below intrinsic value, above the bound, missing."""
    one = cases({"spot": 100.0, "strike": 80.0}, {"spot": 100.0}, {"spot": 100.0})
    implied = imply_cases(one, np.array([19.0, 101.0, np.nan]))
    vol, status = implied.vol, tuple(implied.status)

    assert np.isnan(vol).all()
    assert status == ("below intrinsic value", "above its upper bound", "the price is missing")


def test_cash_dividends_that_fall_from_spot_go_to_the_grid():
    """V20 (b): Haug, Haug and Lewis, European 11.1062 and American 11.6564; (d) a call exercised before its dividend, 20.0958."""
    early = {"spot": 100.0, "rate": 0.06, "vol": 0.3, "dividends": ((0.5, 7.0),)}
    deep = {"spot": 120.0, "years": 30 / 365, "dividends": ((7 / 365, 2.0),), "american": True}
    values = value_cases(cases(early, early | {"american": True}, deep))

    assert set(values.engine) == {"grid"}
    assert values.greeks[0] == pytest.approx([11.1062, 11.6564, 20.0958], abs=2e-3)


def test_a_price_on_the_grid_implies_its_volatility():
    """American puts and calls with two dividends."""
    rows = [
        {
            "spot": 100.0,
            "strike": k,
            "right": r,
            "american": True,
            "vol": 0.3,
            "dividends": ((0.2, 1.5), (0.6, 1.5)),
        }
        for k in (95.0, 110.0)
        for r in ("call", "put")
    ]
    one = cases(*rows)
    implied = imply_cases(one, value_cases(one).greeks[0], noise=1e-6)
    found, status = implied.vol, tuple(implied.status)

    assert status == (OK,) * 4
    assert found == pytest.approx([0.3] * 4, abs=1e-6)


def test_american_options_go_to_the_boundary_or_where_there_are_two_to_the_lattice():
    """V21's high-precision values; a put with q < r < 0 has two boundaries."""
    rows = (
        {"spot": 100.0, "strike": 100.0, "rate": 0.05, "vol": 0.2, "years": 30 / 365, "right": "put"},
        {"spot": 100.0, "strike": 110.0, "rate": 0.05, "vol": 0.3, "years": 180 / 365, "right": "put"},
        {"spot": 100.0, "strike": 90.0, "rate": 0.05, "dividend_yield": 0.02, "vol": 0.25, "right": "put"},
        {"spot": 100.0, "rate": -0.01, "dividend_yield": -0.04, "vol": 0.1, "right": "put"},
    )
    values = value_cases(cases(*rows, american=True))

    assert tuple(values.engine) == ("boundary", "boundary", "boundary", "lattice")
    assert values.greeks[0, :3] == pytest.approx([2.11342863, 13.35020019, 4.36504005], abs=2e-6)
    assert tuple(values.status) == (OK,) * 4


@settings(max_examples=25, deadline=None)
@given(
    right=st.sampled_from(["call", "put"]),
    strike=st.floats(80.0, 125.0),
    years=st.floats(0.1, 2.0),
    vol=st.floats(0.15, 0.6),
    rate=st.floats(0.0, 0.08),
    carry=st.floats(0.0, 0.06),
)
def test_boundary_and_lattice_agree(right, strike, years, vol, rate, carry):
    """Two engines that share no code."""
    one = {
        "american": True,
        "spot": 100.0,
        "right": right,
        "strike": strike,
        "years": years,
        "vol": vol,
        "rate": rate,
        "dividend_yield": carry,
    }
    values = value_cases(cases(one | {"engine": "boundary"}, one | {"engine": "lattice"}))

    assert values.greeks[0, 0] == pytest.approx(values.greeks[0, 1], abs=2e-4 * max(values.greeks[0, 1], 1.0))
    assert values.greeks[1, 0] == pytest.approx(values.greeks[1, 1], abs=5e-3)


def test_an_expiry_beyond_any_float_warns_of_nothing():
    """The carry has no number then: the value has none either."""
    long = cases({"rate": 0.02}, {"american": True, "rate": -0.02}, spot=100.0, years=1e6)

    assert standing(long).forward.tolist() == [np.inf, 0.0]
    assert class_of(long).discount.tolist() == [0.0, np.inf]
