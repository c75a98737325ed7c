"""Structures among legs: each kind alone, priorities, leftovers, and that no contract is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatbook.hedging.offset_problem import OffsetSeries
from flatbook.hedging.packages import packages_of
from flatbook.model.instruments import Right


def option(name, underlying="XYZ", shares=100.0):
    """C100/1: call at 100 in expiry 1."""
    strike, expiry = name[1:].split("/")
    right = Right.CALL if name[0] == "C" else Right.PUT
    return OffsetSeries(
        name=name,
        underlying=underlying,
        shares=shares,
        right=right,
        strike=float(strike),
        expiry_ns=int(expiry),
    )


SHARE = OffsetSeries(name="XYZ", underlying="XYZ", shares=1.0)


def packaged(**legs):
    """Kinds with their legs, of options named as c100_1."""
    told = []
    for name, contracts in legs.items():
        series = SHARE if name == "shares" else option(name[0].upper() + name[1:].replace("_", "/"))
        told.append((series, contracts))
    return [(one.kind, dict(one.legs)) for one in packages_of(tuple(told))]


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        ("vertical", {"c100_1": 10, "c105_1": -10}),
        ("vertical", {"p100_1": -10, "p95_1": 10}),
        ("calendar", {"c100_1": -7, "c100_2": 7}),
        ("diagonal", {"p100_1": -7, "p95_2": 7}),
        ("straddle", {"c100_1": 3, "p100_1": 3}),
        ("strangle", {"c110_1": -3, "p90_1": -3}),
        ("risk reversal", {"c110_1": 5, "p90_1": -5}),
        ("synthetic", {"c100_1": 5, "p100_1": -5}),
        ("butterfly", {"c95_1": 4, "c100_1": -8, "c105_1": 4}),
        ("butterfly", {"p95_1": -4, "p100_1": 8, "p105_1": -4}),
        ("box", {"c95_1": 4, "p95_1": -4, "c105_1": -4, "p105_1": 4}),
        ("conversion", {"c100_1": -2, "p100_1": 2, "shares": 200}),
        ("outright", {"c100_1": -2}),
        ("delta hedge", {"shares": -200}),
    ],
)
def test_each_structure_is_one_package(kind, legs):
    """All of it, and nothing left."""
    found = packaged(**legs)

    assert [name for name, _ in found] == [kind]
    assert sorted(found[0][1].values()) == sorted(legs.values())


def test_what_a_package_does_not_take_is_an_outright():
    """Ten against six: six spreads and four calls."""
    assert packaged(c100_1=10, c105_1=-6) == [
        ("vertical", {"C100/1": 6, "C105/1": -6}),
        ("outright", {"C100/1": 4}),
    ]


def test_a_butterfly_comes_before_its_two_verticals():
    """And a wing left over makes a vertical with the body left over."""
    assert packaged(c95_1=5, c100_1=-9, c105_1=4) == [
        ("butterfly", {"C95/1": 4, "C100/1": -8, "C105/1": 4}),
        ("vertical", {"C95/1": 1, "C100/1": -1}),
    ]


def test_the_larger_match_goes_first():
    """Of two verticals that share a leg."""
    assert packaged(c100_1=-10, c105_1=3, c110_1=8)[0] == ("vertical", {"C100/1": -8, "C110/1": 8})


def test_uneven_wings_make_no_butterfly():
    """95, 100, 110."""
    assert "butterfly" not in [kind for kind, _ in packaged(c95_1=4, c100_1=-8, c110_1=4)]


def test_other_underlyings_and_contract_sizes_make_no_package():
    """A spread is within one underlying and one size."""
    legs = (
        (option("C100/1"), 5),
        (option("C105/1", underlying="ABC"), -5),
        (option("C110/1", shares=10.0), -5),
    )

    assert [one.kind for one in packages_of(legs)] == ["outright"] * 3


def test_a_fund_is_no_conversion():
    """Only the underlying itself is what the options deliver."""
    fund = OffsetSeries(name="FUND", underlying="XYZ", shares=1.0)
    kinds = [one.kind for one in packages_of(((option("C100/1"), -2), (option("P100/1"), 2), (fund, 200)))]

    assert kinds == ["synthetic", "delta hedge"]


_names = st.builds(
    lambda right, strike, expiry: f"{right}{strike}/{expiry}",
    st.sampled_from("CP"),
    st.sampled_from([90, 95, 100, 105, 110]),
    st.sampled_from([1, 2, 3]),
)


@given(st.dictionaries(_names, st.integers(-20, 20), max_size=9), st.integers(-500, 500))
def test_every_contract_is_in_exactly_one_package(legs, shares):
    """Whatever the legs; no leg is turned round."""
    told = {**legs, "XYZ": shares}
    packages = packages_of(tuple((SHARE if name == "XYZ" else option(name), n) for name, n in told.items()))
    total = dict.fromkeys(told, 0)
    for package in packages:
        assert package.reason
        for name, contracts in package.legs:
            assert contracts * told[name] > 0
            total[name] += contracts

    assert total == told
