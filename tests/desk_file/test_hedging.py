"""Keys of hedge instruments, and the section [hedging]."""

import pytest
from tests.desk_file.example import parsed

from flatbook.adapters.desk_file.read import parse_desk
from flatbook.model.errors import FaultsError
from flatbook.model.hedge_terms import HedgePolicy, HedgeTerms, HedgingTerms

_DESK = """
[desk]
risk_aversion_per_usd = 1e-6
[quoting]
[[hedge]]
symbol = "SPY"
kind = "share"
underlying = "SPX"
multiplier = 1
tick = 0.01
spread = 0.01
"""


def test_every_key_of_a_hedge_comes_into_its_terms():
    more = """history = "SPY"
estimate = true
beta_error = 0.01
correlation_error = 0.002
basis_stress_ratio = 3
impact_temporary = 1e-5
impact_permanent = 1e-6
most_bought = 5000
most_sold = 4000
carry_rate = -0.001
borrow_rate = 0.02
locate_contracts = 0
short_sale_restricted = true
"""
    (terms,) = parsed(_DESK + more).desk.hedges

    assert terms == HedgeTerms(
        instrument=terms.instrument,
        spread=0.01,
        history="SPY",
        estimate=True,
        beta_error=0.01,
        correlation_error=0.002,
        basis_stress_ratio=3.0,
        impact_temporary=1e-5,
        impact_permanent=1e-6,
        most_bought=5000,
        most_sold=4000,
        carry_rate=-0.001,
        borrow_rate=0.02,
        locate_contracts=0,
        short_sale_restricted=True,
    )


def test_left_out_hedging_is_as_its_defaults_and_said_it_is_as_said():
    said = parsed(_DESK + '[hedging]\npolicy = "fixed_band"\nband_usd = 5e5\nsteps = 3\n').desk.hedging

    assert parsed(_DESK).desk.hedging == HedgingTerms()
    assert said == HedgingTerms(policy=HedgePolicy.FIXED_BAND, band_usd=5e5, steps=3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("estimate = true\n", "history"),
        ('[hedging]\npolicy = "zakamuline"\n', "did you mean zakamouline?"),
        ("[hedging]\nridge = 0\n", "above 0, at most 1"),
        ("most_sold = -1\n", "from 0 to"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_with_its_line(text, says):
    with pytest.raises(FaultsError) as raised:
        parse_desk((_DESK + text).encode(), "desk.toml")
    assert any(says in f"{fault.expected} {fault.action}" for fault in raised.value.faults)


def test_a_future_has_no_locates():
    future = _DESK.replace('kind = "share"', 'kind = "future"') + "locate_contracts = 5\n"
    with pytest.raises(FaultsError) as raised:
        parse_desk(future.encode(), "desk.toml")
    assert "shares alone" in raised.value.faults[0].found
