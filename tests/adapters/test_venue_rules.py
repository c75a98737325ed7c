"""Rules of venues: packaged files with a source beside every number, and a user's file over them."""

import re
from importlib.resources import files

import pytest

from flatbook.adapters.venue_rules.read import Venue, VenueRules, read_venue_rules
from flatbook.model.errors import FaultsError


@pytest.mark.parametrize("venue", Venue)
def test_every_venue_has_rules(venue):
    rules = read_venue_rules(venue)
    assert isinstance(rules, VenueRules)
    assert rules.protections or rules.obligations


@pytest.mark.parametrize("venue", Venue)
def test_every_line_that_says_something_has_its_source_beside_it(venue):
    text = files("flatbook.adapters.venue_rules").joinpath(f"{venue.value}.toml").read_text("utf-8")
    told = [line for line in text.splitlines() if re.match(r"\s*(\w+ = |\{)", line)]
    told = [line for line in told if not line.endswith("= [")]
    known = set(re.findall(r"(?:^#  |\.) +(\[\w+\])", text, re.MULTILINE))
    assert told
    assert known
    for line in told:
        assert known & set(re.findall(r"\[\w+\]", line.partition("#")[2])), line


def test_a_users_file_changes_what_it_says_and_nothing_else(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[protections.index]\ninterval_ms = 2000\n", encoding="utf-8")
    default, mine = read_venue_rules(Venue.DERIBIT), read_venue_rules(Venue.DERIBIT, path)
    assert mine.protections["index"].interval_ms == 2000
    assert mine.protections["index"].thresholds == default.protections["index"].thresholds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[protections.index]\nintervall_ms = 1\n", ["mine.toml line 2", "did you mean interval_ms?"]),
        ("[protections.index]\ninterval_ms = 0\n", ["interval_ms must be from 1"]),
        ("[protections.index]\nthresholds = []\n", ["needs a threshold"]),
        ("[obligations.mine]\ntime_share = 0.5\n", ["a value for widths"]),
        ('[protections.index]\nwindow = "moving"\n', ["moving"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path, text, words):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FaultsError) as caught:
        read_venue_rules(Venue.DERIBIT, path)
    for word in words:
        assert word in str(caught.value)
