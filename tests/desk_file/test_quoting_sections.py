"""Duties, protections and fast markets in a desk file: rules of venues resolved, the desk's numbers over them, faults with their lines."""

import pytest
from tests.desk_file.example import parsed

from flatbook.adapters.desk_file.read import check_desk_against, parse_desk
from flatbook.adapters.venue_rules.read import Venue, read_venue_rules
from flatbook.model.errors import FaultsError
from flatbook.model.obligation_terms import Precedence, WidthBand
from flatbook.model.protection_terms import Tally
from flatbook.model.quoting_terms import FastMarketTerms

_DESK = "[desk]\nrisk_aversion_per_usd = 1e-6\n"


def faults_of(text):
    """Every fault of a file that says `text` beneath a desk."""
    with pytest.raises(FaultsError) as raised:
        parsed(_DESK + text)
    return str(raised.value)


def test_a_file_without_them_has_none_and_watches_nothing():
    desk = parsed(_DESK).desk

    assert (desk.duties, desk.protections) == ((), ())
    assert desk.fast_market == FastMarketTerms()
    assert not desk.fast_market.watch


def test_a_duty_is_the_rule_of_its_venue_with_what_the_desk_changes():
    text = """
[[duty]]
venue = "cboe"
role = "lead_market_maker"
underlyings = ["SPX"]
calendar = "XNYS"
precedence = "limit_first"
width_max = 2.5
size_min = 10
[[duty]]
venue = "box"
role = "market_maker"
"""
    rules = read_venue_rules(Venue.CBOE).obligations
    first, *rest = parsed(_DESK + text).desk.duties

    assert (first.name, first.underlyings, first.calendar) == ("cboe/lead_market_maker", ("SPX",), "XNYS")
    assert first.rule.precedence is Precedence.LIMIT_FIRST
    assert first.rule.widths == (WidthBand(width=2.5),)
    assert first.rule.size_min == 10
    assert first.rule.breadth == rules["lead_market_maker"].breadth
    assert [one.rule for one in rest] == [read_venue_rules(Venue.BOX).obligations["market_maker"]]


def test_a_protection_has_the_limits_of_the_desk():
    text = """
[[protection]]
venue = "cboe"
rule = "underlying"
quantity = 123
vega = 4000
parent = "trips"
[[protection]]
venue = "cboe"
rule = "trips"
"""
    first, second = parsed(_DESK + text).desk.protections
    limits = {one.tally: one.limit for one in first.rule.thresholds}
    packaged = read_venue_rules(Venue.CBOE).protections

    assert limits[Tally.QUANTITY] == 123.0
    assert limits[Tally.VEGA] == 4000.0
    assert limits[Tally.EXECUTIONS] == 50.0
    assert first.parent == "trips"
    assert second.rule == packaged["trips"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[duty]]\nvenue = "cboe"\nrole = "lead_market_makr"\n',
            ("line 3", "did you mean lead_market_maker?"),
        ),
        ('[[duty]]\nvenue = "deribit"\nrole = "any"\n', ("none at all",)),
        ('[[duty]]\nvenue = "nowhere"\nrole = "any"\n', ("line 4", "one of box, bybit")),
        (
            '[[protection]]\nvenue = "cboe"\nrule = "nothing"\n',
            ("has no rule 'nothing'", "absolute, trips, underlying"),
        ),
        (
            '[[protection]]\nvenue = "cboe"\nrule = "underlying"\nparent = "absolute"\n',
            ("line 6", "another [[protection]] of cboe"),
        ),
        ('[[duty]]\nvenue = "cboe"\nrole = "market_maker"\n' * 2, ("'cboe market_maker' again",)),
        ("[fast_market]\nwiden_factor = [3.0, 2.0, 4.0]\n", ("rising",)),
        ("[fast_market]\nz_score = 0.1\n", ("line 4", "from 0.5 to 100")),
        ("[quoting]\nshadow_share = 80\n", ("line 4",)),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(text, words):
    told = faults_of(text)

    for word in words:
        assert word in told


def test_names_that_the_market_does_not_know_are_faults():
    text = (
        '[[duty]]\nvenue = "cboe"\nrole = "market_maker"\nunderlyings = ["SPY"]\noption_classes = ["SPXX"]\n'
    )
    file = parse_desk((_DESK + text).encode(), "desk.toml")
    told = [str(fault) for fault in check_desk_against(file, {"SPX"}, {"SPX", "SPXW"})]

    assert len(told) == 2
    assert any("SPY" in each for each in told)
    assert any("SPXX" in each for each in told)
