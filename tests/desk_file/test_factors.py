"""[factors] of a desk file: what is written is read, what is not has the defaults, and what cannot be meant is told."""

import pytest
from tests.desk_file.example import VALID, parsed

from flatbook.adapters.desk_file.keys import SECTIONS
from flatbook.model.errors import FaultsError
from flatbook.model.factor_terms import FactorTerms


def test_what_is_written_is_read():
    text = VALID + "\n[factors]\ncorrelation = 0.7\nlags = 3\nshrinkage = 0.25\ngap_down_pct = -20\n"

    assert parsed(text).desk.factors == FactorTerms(
        correlation=0.7, lags=3, shrinkage=0.25, gap_down_pct=-20.0
    )


def test_without_the_section_the_defaults_stand():
    assert parsed(VALID).desk.factors == parsed(VALID + "\n[factors]\n").desk.factors == FactorTerms()


def test_the_keys_are_those_of_the_model():
    assert {key.name for key in SECTIONS["factors"].keys} == set(FactorTerms.__struct_fields__)


@pytest.mark.parametrize(
    ("key", "inside"),
    [
        (key.name, value)
        for key in SECTIONS["factors"].keys
        for value in (key.range.low, key.range.high)
        if key.range.holds(value)
    ],
)
def test_what_the_table_of_keys_allows_the_model_allows(key, inside):
    """Both ends of every range, where they belong to it."""
    text = f"\n[factors]\n{key} = {int(inside) if key == 'lags' else inside}\n"

    assert getattr(parsed(VALID + text).desk.factors, key) == inside


@pytest.mark.parametrize(
    ("line", "where", "found"),
    [
        ("correlation = 50", "correlation", "50"),
        ("shrinkage = -0.1", "shrinkage", "-0.1"),
        ("half_life_days = 0", "half_life_days", "0"),
        ("gap_down_pct = 10", "gap_down_pct", "10"),
        ("gap_down_pct = -100", "gap_down_pct", "-100"),
        ("gap_up_pct = 0", "gap_up_pct", "0"),
        ("event_tail_probability = 0.7", "event_tail_probability", "0.7"),
        ("lags = 2.5", "lags", "2.5"),
        ("corelation = 0.5", "corelation", "unknown key 'corelation'"),
    ],
)
def test_what_cannot_be_meant_is_told(line, where, found):
    """With its key; a percent where a decimal is meant says so."""
    with pytest.raises(FaultsError) as raised:
        parsed(VALID + f"\n[factors]\n{line}\n")
    (fault,) = raised.value.faults

    assert fault.where.endswith(f"[factors] {where}")
    assert found in fault.found
    if line == "correlation = 50":
        assert "0.5" in fault.action
