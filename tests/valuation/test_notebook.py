"""Three lines in a notebook: arrays, lists, words and frames in, columns out; bad columns are told, bad rows say why."""

import doctest

import numpy as np
import polars as pl
import pytest

import flatbook
from flatbook.model.errors import InvalidValueError
from flatbook.valuation import notebook
from flatbook.valuation.case_values import value_cases
from flatbook.valuation.cases import Cases, Dividend

PLAIN = {
    "exercise": "european",
    "right": "call",
    "spot": 100.0,
    "strike": 100.0,
    "years": 1.0,
    "rate": 0.05,
    "vol": 0.2,
}


def test_the_examples_of_the_docstrings_are_true():
    assert doctest.testmod(notebook).failed == 0


def test_a_row_is_what_value_cases_says_of_it():
    """American put with cash dividends, said with words here and with columns there."""
    found = flatbook.valuation.value(
        **PLAIN | {"exercise": "american", "right": "put"}, cash_dividends=[(0.25, 1.0), (0.75, 1.5)]
    )
    one = np.ones(1)
    cases = Cases(
        american=one > 0.0, sign=-one, spot=100.0 * one, forward=np.nan * one, strike=100.0 * one, years=one,
        rate=0.05 * one, dividend_yield=0.0 * one, vol=0.2 * one, spot_model=one > 0.0, coin=one < 0.0,
        dividends=((Dividend(0.25, 1.0), Dividend(0.75, 1.5)),), engine=("auto",),
    )  # fmt: skip

    expected = value_cases(cases)
    assert [found[name][0] for name in notebook.NAMES] == expected.greeks[:, 0].tolist()
    assert found["engine"].tolist() == ["grid"]
    assert found["error_bound"].tolist() == expected.error_bound.tolist()


def test_single_values_hold_for_every_row():
    strikes = np.linspace(80.0, 120.0, 5)

    many = flatbook.valuation.value(**PLAIN | {"strike": strikes})
    alone = [flatbook.valuation.value(**PLAIN | {"strike": [strike]})["delta"][0] for strike in strikes]

    assert many["delta"].tolist() == alone


def test_a_frame_keeps_its_columns_and_gets_the_answers():
    frame = pl.DataFrame(
        {
            "name": ["a", "b", "c"],
            "exercise": ["american", "european", "europe"],
            "right": ["put", "call", "put"],
            "cash_dividends": ["0.5:2", None, ""],
        }
    )

    found = flatbook.valuation.value(frame, spot=100.0, strike=100.0, years=1.0, rate=0.05, vol=0.2)

    assert isinstance(found, pl.DataFrame)
    assert found["name"].to_list() == ["a", "b", "c"]
    assert found["engine"].to_list()[:2] == ["grid", "black"]
    assert found["status"].to_list() == ["ok", "ok", "a word or number cannot be read"]
    assert np.isnan(found["price"].to_numpy()).tolist() == [False, False, True]
    back = flatbook.valuation.imply(found.drop("vol"), noise=1e-6)
    assert back["vol"].to_numpy()[:2] == pytest.approx(0.2, abs=1e-6)


def test_the_tolerance_chooses_how_finely_the_boundary_is_solved():
    """And the bound that is told holds."""
    american = PLAIN | {"exercise": "american", "right": "put", "strike": np.linspace(60.0, 150.0, 50)}

    fine, coarse = (flatbook.valuation.value(**american, tolerance=size) for size in (1e-6, 1e-3))

    assert (coarse["error_bound"] > fine["error_bound"]).all()
    assert (coarse["price"] != fine["price"]).any()
    off = np.abs(coarse["price"] - fine["price"]) / np.maximum(fine["price"], 1.0)
    assert (off <= coarse["error_bound"] + fine["error_bound"]).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"colour": 1.0}, "no column colour"),
        ({"strike": [1.0, 2.0], "years": [1.0, 2.0, 3.0]}, "2 values where the longest column has 3"),
        ({"strike": "many"}, "strike"),
    ],
)
def test_columns_that_cannot_be_meant_are_told(columns, words):
    with pytest.raises(InvalidValueError, match=words):
        flatbook.valuation.value(**PLAIN | columns)


def test_missing_columns_are_told():
    with pytest.raises(InvalidValueError, match="missing: exercise, rate, right, vol, years"):
        flatbook.valuation.value(spot=100.0, strike=100.0)
    with pytest.raises(InvalidValueError, match="spot or forward"):
        flatbook.valuation.value(exercise="european", right="put", strike=1.0, years=1.0, rate=0.0, vol=0.1)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="oracle"):
        _ = flatbook.oracle
    with pytest.raises(AttributeError, match="oracle"):
        _ = flatbook.valuation.oracle
